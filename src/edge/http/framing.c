/* SPDX-License-Identifier: MIT */
#include "edge/http/framing.h"

#include "edge/http/inflate.h"

static enum framed fail(struct exchange *exchange, enum status status, const char *message)
{
    exchange_fail(exchange, status, message);
    return FRAMED_FAILED;
}

enum framed framing_too_long(struct exchange *exchange)
{
    const char *text =
        exchange_text(exchange, "the message is longer than %zu bytes", exchange->connection->message_max);
    return fail(exchange, STATUS_RESOURCE_EXHAUSTED, text ?: "the message is too long");
}

enum framed framing_inflate(struct exchange *exchange, struct http_span *message, enum status damaged)
{
    int rc = inflate_message(exchange->encoding, message->bytes, message->len, &exchange->edge->inflated,
                             exchange->connection->message_max);
    if (rc == UV_EMSGSIZE)
        return framing_too_long(exchange);
    if (rc)
        return rc == UV_ENOMEM ? fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory")
                               : fail(exchange, damaged, "the compressed message is damaged");
    *message = (struct http_span){ exchange->edge->inflated.data, exchange->edge->inflated.len };
    return FRAMED_MESSAGE;
}

enum framed framing_next(struct exchange *exchange, struct http_span *message, size_t *taken)
{
    const uint8_t *in = exchange->in;
    if (exchange->in_len < 1)
        return FRAMED_MORE;
    if (in[0] > 1)
        return fail(exchange, STATUS_INTERNAL, "the flag before a message is neither 0 nor 1");
    if (in[0] == 1 && exchange->encoding == ENCODING_UNKNOWN)
        return fail(exchange, STATUS_UNIMPLEMENTED,
                    "this encoding of messages is not known; identity, deflate and gzip are");
    if (exchange->in_len < FRAME_HEAD_LEN)
        return FRAMED_MORE;
    size_t len = (size_t)in[1] << 24 | (size_t)in[2] << 16 | (size_t)in[3] << 8 | in[4];
    if (len > exchange->connection->message_max)
        return framing_too_long(exchange);
    if (exchange->in_len - FRAME_HEAD_LEN < len)
        return FRAMED_MORE;
    *taken = FRAME_HEAD_LEN + len;
    if (!message)
        return FRAMED_MESSAGE;
    *message = (struct http_span){ in + FRAME_HEAD_LEN, len };
    if (in[0] == 0)
        return FRAMED_MESSAGE;
    if (exchange->encoding == ENCODING_IDENTITY)
        return fail(exchange, STATUS_INTERNAL, "a message is marked as compressed, but no encoding is named");
    return framing_inflate(exchange, message, STATUS_INTERNAL);
}

int framing_put(struct bytes *out, uint8_t flag, const void *bytes, size_t len)
{
    const uint8_t head[FRAME_HEAD_LEN] = { flag, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                           (uint8_t)(len >> 8), (uint8_t)len };
    if (bytes_reserve(out, sizeof head + len))
        return UV_ENOMEM;
    bytes_put(out, head, sizeof head);
    bytes_put(out, bytes, len);
    return 0;
}
