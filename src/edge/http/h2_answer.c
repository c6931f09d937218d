/* SPDX-License-Identifier: MIT
 *
 * Answers over HTTP/2: the exchange's head is submitted to nghttp2 as HEADERS. When flow control allows a
 * DATA frame nghttp2 asks on_read() how much of the body goes into it, and h2_on_send_data() copies that into
 * the write buffer; after the last one the trailers are submitted.
 */
#include "edge/http/h2_answer.h"

#include <stdio.h>
#include <string.h>

#include "edge/http/h2_session.h"

static nghttp2_nv nv_of(const struct answer_field *field)
{
    uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    if (field->is_unique)
        flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    return (nghttp2_nv){ (uint8_t *)field->name.text, (uint8_t *)field->value.text, field->name.len,
                         field->value.len, flags };
}

static size_t add_fields(nghttp2_nv *nv, size_t n, const struct answer_fields *fields)
{
    for (size_t i = 0; i < fields->n; i++)
        nv[n++] = nv_of(&fields->items[i]);
    return n;
}

/* Says how much of the body goes into the stream's next DATA frame; h2_on_send_data() then copies it. */
static ssize_t on_read(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t room,
                       uint32_t *flags, nghttp2_data_source *source, void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange = source->ptr;
    size_t left = exchange->run->body.len - exchange->body_taken, len = left < room ? left : room;
    (void)out;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (exchange->state == EXCHANGE_ANSWERED && len == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (exchange->run->trailers.n) {
            nghttp2_nv nv[ANSWER_FIELDS];
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            h2_check(h2, nghttp2_submit_trailer(session, stream_id, nv,
                                                add_fields(nv, 0, &exchange->run->trailers)));
        }
    } else if (len == 0) {
        exchange->is_stalled = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)len;
}

/* Copies a DATA frame to the write buffer, behind what fill() has so far: the only copy of the body. */
int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                    nghttp2_data_source *source, void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange = h2_find(session, frame->hd.stream_id);
    (void)source;
    if (!exchange) /* reset after the frame was made */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (h2->out_len >= WRITE_ROOM)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(h2->out + h2->out_len, head, H2_HEAD_LEN);
    if (len)
        memcpy(h2->out + h2->out_len + H2_HEAD_LEN, exchange->run->body.data + exchange->body_taken, len);
    h2->out_len += H2_HEAD_LEN + len;
    exchange_taken(exchange, len);
    return 0;
}

static void begin_answer(struct h2 *h2, struct exchange *exchange)
{
    nghttp2_nv nv[1 + ANSWER_FIELDS];
    char status[12] = "200";
    uint8_t copy = exchange->status == 200 ? NGHTTP2_NV_FLAG_NO_COPY_VALUE : NGHTTP2_NV_FLAG_NONE;
    if (exchange->status != 200)
        snprintf(status, sizeof status, "%u", (unsigned)exchange->status % 1000);
    nv[0] = (nghttp2_nv){ (uint8_t *)":status", (uint8_t *)(exchange->status == 200 ? "200" : status), 7, 3,
                          NGHTTP2_NV_FLAG_NO_COPY_NAME | copy };
    size_t n = add_fields(nv, 1, &exchange->run->head);
    bool is_head = http_text_is(&exchange->verb, "HEAD");
    bool has_body = exchange->state != EXCHANGE_ANSWERED || exchange->run->body.len;
    const nghttp2_data_provider body = { .source.ptr = exchange, .read_callback = on_read };
    exchange->is_begun = true;
    if (!has_body &&
        exchange->run->trailers.n) { /* the head is initial metadata, also of a call that failed */
        nghttp2_nv trailers[ANSWER_FIELDS];
        h2_check(h2, nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id, NULL, nv, n,
                                            NULL));
        h2_check(h2, nghttp2_submit_trailer(h2->session, exchange->stream_id, trailers,
                                            add_fields(trailers, 0, &exchange->run->trailers)));
        return;
    }
    h2_check(h2, nghttp2_submit_response(h2->session, exchange->stream_id, nv, n,
                                         has_body && !is_head ? &body : NULL));
}

void h2_answer(struct exchange *exchange)
{
    struct h2 *h2 = exchange->connection->session;
    if (!exchange->is_begun) {
        begin_answer(h2, exchange);
    } else if (exchange->is_stalled) {
        exchange->is_stalled = false;
        h2_check(h2, nghttp2_session_resume_data(h2->session, exchange->stream_id));
    }
    connection_wants_write(h2->connection);
}
