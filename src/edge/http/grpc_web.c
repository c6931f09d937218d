/* SPDX-License-Identifier: MIT
 *
 * In the text form each frame of an answer is base64 of its own, with padding, so that the client can decode
 * it as soon as it comes.
 */
#include "edge/http/grpc_web.h"

#include <string.h>

#include "edge/http/base64.h"
#include "edge/http/exchange.h"
#include "edge/http/framing.h"
#include "edge/http/grpc.h"
#include "edge/http/inflate.h"

#define NAME          "application/grpc-web"
#define NAME_TEXT     "application/grpc-web-text"
#define FLAG_TRAILERS 0x80

static bool accepts(struct exchange *exchange, const char *type, size_t len)
{
    return grpc_accepts(exchange, NAME, type, len);
}

static bool accepts_text(struct exchange *exchange, const char *type, size_t len)
{
    return grpc_accepts(exchange, NAME_TEXT, type, len);
}

static void set_head(struct exchange *exchange, const char *name)
{
    exchange_head(exchange, 200);
    exchange_head_field(exchange, "content-type",
                        exchange_text(exchange, "%s+%s", name, exchange->codec->name));
    if (exchange->encoding == ENCODING_UNKNOWN)
        exchange_head_field(exchange, "grpc-accept-encoding", ENCODINGS_ACCEPTED);
}

static void head(struct exchange *exchange)
{
    set_head(exchange, NAME);
}

static void head_text(struct exchange *exchange)
{
    set_head(exchange, NAME_TEXT);
}

static int message(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    return framing_put(&exchange->run->body, 0, bytes, len);
}

static int message_text(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    size_t start = exchange->run->body.len;
    if (framing_put(&exchange->run->body, 0, bytes, len))
        return UV_ENOMEM;
    int rc = base64_wrap(&exchange->run->body, start);
    if (rc)
        exchange->run->body.len = start;
    return rc;
}

/* ---- trailers as a frame ---- */

static int put_trailers(struct bytes *out, const struct answer_fields *trailers)
{
    size_t len = 0;
    for (size_t i = 0; i < trailers->n; i++)
        len += trailers->items[i].name.len + trailers->items[i].value.len + strlen(": \r\n");
    if (bytes_reserve(out, FRAME_HEAD_LEN + len))
        return UV_ENOMEM;
    const uint8_t frame_head[FRAME_HEAD_LEN] = { FLAG_TRAILERS, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                                 (uint8_t)(len >> 8), (uint8_t)len };
    bytes_put(out, frame_head, sizeof frame_head);
    for (size_t i = 0; i < trailers->n; i++) {
        bytes_put(out, trailers->items[i].name.text, trailers->items[i].name.len);
        bytes_put(out, ": ", 2);
        bytes_put(out, trailers->items[i].value.text, trailers->items[i].value.len);
        bytes_put(out, "\r\n", 2);
    }
    return 0;
}

static void put_end(struct exchange *exchange, enum status status, const char *message,
                    unsigned retry_after_ms)
{
    exchange_trailer(exchange, "grpc-status", grpc_status_text(status));
    if (*message)
        exchange_trailer(exchange, "grpc-message", grpc_percent_encode(exchange, message));
    if (retry_after_ms)
        exchange_trailer(exchange, "grpc-retry-pushback-ms", exchange_text(exchange, "%u", retry_after_ms));
    /* Without memory for the frame the peer sees an answer that is cut off, which is an error to it. */
    if (put_trailers(&exchange->run->body, &exchange->run->trailers) == 0)
        exchange->run->trailers.n = 0;
}

static void end(struct exchange *exchange, enum status status, const char *message, unsigned retry_after_ms)
{
    if (!exchange->has_head)
        head(exchange);
    put_end(exchange, status, message, retry_after_ms);
}

static void end_text(struct exchange *exchange, enum status status, const char *message,
                     unsigned retry_after_ms)
{
    if (!exchange->has_head)
        head_text(exchange);
    size_t start = exchange->run->body.len;
    put_end(exchange, status, message, retry_after_ms);
    if (base64_wrap(&exchange->run->body, start))
        exchange->run->body.len = start;
}

/* ---- a request in text ---- */

/* The body is decoded once, in place, when all of it has come. */
static enum framed next_text(struct exchange *exchange, struct http_span *message, size_t *taken)
{
    if (!exchange->is_complete)
        return FRAMED_MORE;
    if (!exchange->is_unwrapped) {
        exchange->is_unwrapped = true;
        if (base64_unwrap((uint8_t *)exchange->in, &exchange->in_len)) { /* `in` is our buffer: writable */
            exchange_fail(exchange, STATUS_INTERNAL, "the body is not base64");
            return FRAMED_FAILED;
        }
    }
    return framing_next(exchange, message, taken);
}

const struct http_protocol http_grpc_web = {
    .name = "grpc-web",
    .has_date = true,
    .accepts = accepts,
    .begin = grpc_begin,
    .next = framing_next,
    .head = head,
    .message = message,
    .end = end,
};

const struct http_protocol http_grpc_web_text = {
    .name = "grpc-web-text",
    .has_date = true,
    .accepts = accepts_text,
    .begin = grpc_begin,
    .next = next_text,
    .head = head_text,
    .message = message_text,
    .end = end_text,
};
