/* SPDX-License-Identifier: MIT
 *
 * Requests over HTTP/2: nghttp2's callbacks create an exchange for each new stream, add its header fields
 * (checked by h2_headers.c), call exchange_begin() when they are complete, exchange_receive() for each piece
 * of body and exchange_received() at its end.
 */
#include "edge/http/h2_request.h"

#include "edge/http/h2_headers.h"
#include "observe/log.h"

static void refuse_malformed(struct h2 *h2, struct exchange *exchange, const char *wrong)
{
    log_debug("malformed request", log_str("because", wrong));
    int32_t stream_id = exchange->stream_id;
    h2_let_go(h2, exchange);
    h2_reset(h2, stream_id, NGHTTP2_PROTOCOL_ERROR);
    h2_guard_spend(&h2->guard, H2_RESET_COST, REASON_FLOOD);
}

/* ---- headers ---- */

static bool may_begin(const struct http_connection *connection)
{
    return connection->exchanges_n < connection->streams_max && connection_may_begin(connection);
}

int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct h2 *h2 = data;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct exchange *exchange = may_begin(h2->connection) ? exchange_create(h2->connection) : NULL;
    if (!exchange) {
        h2_reset(h2, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    exchange->stream_id = frame->hd.stream_id;
    exchange->has_too_much = h2->guard.oversized_stream == (uint32_t)frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
    return 0;
}

static struct http_text text_of(nghttp2_rcbuf *buf)
{
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(buf);
    return (struct http_text){ (const char *)vec.base, vec.len };
}

static void on_request_header(struct h2 *h2, struct exchange *exchange, const struct http_field *field)
{
    const char *wrong = NULL;
    switch (h2_header(exchange, field, &wrong)) {
    case HEADER_FIELD:
        nghttp2_rcbuf_incref(field->held[0]);
        nghttp2_rcbuf_incref(field->held[1]);
        break;
    case HEADER_PSEUDO:
        nghttp2_rcbuf_incref(field->held[1]);
        exchange->held[exchange->held_n++] = field->held[1];
        break;
    case HEADER_DROPPED:
        break;
    }
    if (wrong)
        refuse_malformed(h2, exchange, wrong);
}

int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                 nghttp2_rcbuf *value, uint8_t flags, void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange = h2_find(session, frame->hd.stream_id);
    (void)flags;
    if (!exchange)
        return 0;
    const struct http_field field = { text_of(name), text_of(value), { name, value } };
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        on_request_header(h2, exchange, &field);
        return 0;
    }
    const char *wrong = h2_trailer(&field);
    if (wrong)
        refuse_malformed(h2, exchange, wrong);
    return 0;
}

/* ---- the request's body, and its end ---- */

void h2_give_back(struct h2 *h2)
{
    if (!h2->withheld || connection_is_over_budget(h2->connection))
        return;
    h2_check(h2, nghttp2_session_consume_connection(h2->session, h2->withheld));
    h2->withheld = 0;
}

int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len,
               void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange = h2_find(session, stream_id);
    (void)flags;
    h2->withheld += len;
    if (exchange) {
        exchange->received += len;
        exchange_receive(exchange, bytes, len);
    }
    h2_give_back(h2);
    return 0;
}

void h2_on_whole(struct h2 *h2, struct exchange *exchange)
{
    if (exchange->content_length >= 0 && (uint64_t)exchange->content_length != exchange->received)
        refuse_malformed(h2, exchange, "content-length is not the body's length");
    else
        exchange_received(exchange);
}

/* A client that expects it sends the body only after that (RFC 9110, 10.1.1), unless the answer is there. */
static void ask_for_body(struct h2 *h2, const struct exchange *exchange)
{
    const nghttp2_nv nv = { (uint8_t *)":status", (uint8_t *)"100", 7, 3,
                            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
    const struct http_field *expect = exchange->is_begun ? NULL : exchange_field(exchange, "expect");
    if (!expect || !http_text_is_continue(expect->value))
        return;
    h2_check(h2,
             nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, exchange->stream_id, NULL, &nv, 1, NULL));
    connection_wants_write(h2->connection);
}

void h2_on_headers_whole(struct h2 *h2, const nghttp2_frame *frame)
{
    struct exchange *exchange = h2_find(h2->session, frame->hd.stream_id);
    bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!exchange)
        return;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        const char *wrong = h2_headers_whole(exchange);
        if (wrong) {
            refuse_malformed(h2, exchange, wrong);
            return;
        }
        exchange_begin(exchange);
        if (!is_end)
            ask_for_body(h2, exchange);
    } else if (!is_end) {
        refuse_malformed(h2, exchange, "headers in the middle of a body");
        return;
    }
    if (is_end)
        h2_on_whole(h2, exchange);
}

void h2_consumed(struct exchange *exchange, size_t len)
{
    struct h2 *h2 = exchange->connection->session;
    if (exchange->is_gone || exchange->is_complete)
        return;
    h2_check(h2, nghttp2_session_consume_stream(h2->session, exchange->stream_id, len));
    connection_wants_write(h2->connection);
}
