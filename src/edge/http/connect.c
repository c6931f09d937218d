/* SPDX-License-Identifier: MIT */
#include "edge/http/connect.h"

#include <string.h>

#include "edge/http/codes.h"
#include "edge/http/exchange.h"
#include "edge/http/framing.h"
#include "edge/http/inflate.h"
#include "edge/http/json_print.h"
#include "edge/http/timeout.h"

#define FLAG_END 2 /* of a stream's last frame: EndStreamResponse */

static bool has_prefix(const char *type, size_t len, const char *prefix, size_t prefix_len)
{
    return len > prefix_len && memcmp(type, prefix, prefix_len) == 0;
}

static bool accepts_after(struct exchange *exchange, const char *prefix, const char *type, size_t len)
{
    size_t prefix_len = strlen(prefix);
    return has_prefix(type, len, prefix, prefix_len) &&
           exchange_set_codec(exchange, type + prefix_len, len - prefix_len);
}

/* ---- the beginning, of unary calls and streams ---- */

static void read_timeout(struct exchange *exchange)
{
    const struct http_field *timeout = exchange_field(exchange, "connect-timeout-ms");
    uint64_t ns;
    if (!timeout)
        return;
    if (timeout_parse_ms(timeout->value.text, timeout->value.len, &ns))
        exchange_fail(exchange, STATUS_INVALID_ARGUMENT, "connect-timeout-ms is not one to ten digits");
    else
        exchange->run->call.deadline_ns = timeout_deadline_ns(ns);
}

static void begin(struct exchange *exchange, bool is_stream, const char *encoding_name)
{
    const struct rpc_method *method = exchange->run->call.method;
    const struct http_field *version = exchange_field(exchange, "connect-protocol-version");
    const struct http_field *encoding = exchange_field(exchange, encoding_name);
    if (method && (method->kind != METHOD_UNARY) != is_stream) {
        const char *text = is_stream ? "this method is unary: its content types are application/json and "
                                       "application/proto\n"
                                     : "this method is a stream: its content types are "
                                       "application/connect+json and application/connect+proto\n";
        exchange_head_field(exchange, "accept-post", CONTENT_TYPES_ACCEPTED);
        exchange_answer(exchange, 415, "text/plain; charset=utf-8", text, strlen(text));
        return;
    }
    if (version && (version->value.len != 1 || version->value.text[0] != '1')) {
        exchange_fail(exchange, STATUS_INVALID_ARGUMENT, "connect-protocol-version is not 1");
        return;
    }
    exchange->encoding =
        encoding ? encoding_parse(encoding->value.text, encoding->value.len) : ENCODING_IDENTITY;
    if (exchange->encoding == ENCODING_UNKNOWN)
        exchange_fail(exchange, STATUS_UNIMPLEMENTED,
                      "this encoding of messages is not known; identity, deflate and gzip are");
    else
        read_timeout(exchange);
}

/* ---- errors ---- */

static void put(struct bytes *out, const char *text)
{
    bytes_put(out, text, strlen(text));
}

/* {"code":"not_found","message":"..."} */
static int put_error(struct bytes *out, enum status status, const char *message)
{
    const char *name = code_of(status)->name;
    if (bytes_reserve(out, strlen("{\"code\":\"\",\"message\":") + strlen(name)))
        return UV_ENOMEM;
    put(out, "{\"code\":\"");
    put(out, name);
    put(out, "\"");
    if (*message) {
        put(out, ",\"message\":");
        if (json_put_text(out, message, strlen(message)))
            return UV_ENOMEM;
    }
    if (bytes_reserve(out, 1))
        return UV_ENOMEM;
    put(out, "}");
    return 0;
}

/* "metadata":{"name":["value"]} */
static int put_metadata(struct bytes *out, const struct answer_fields *fields)
{
    for (size_t i = 0; i < fields->n; i++) {
        const struct answer_field *field = &fields->items[i];
        if (bytes_reserve(out, strlen("\"metadata\":{")))
            return UV_ENOMEM;
        put(out, i ? "," : "\"metadata\":{");
        if (json_put_text(out, field->name.text, field->name.len) || bytes_reserve(out, 2))
            return UV_ENOMEM;
        put(out, ":[");
        if (json_put_text(out, field->value.text, field->value.len) || bytes_reserve(out, 2))
            return UV_ENOMEM;
        put(out, i + 1 < fields->n ? "]" : "]}");
    }
    return 0;
}

static const char *seconds(struct exchange *exchange, unsigned ms)
{
    return exchange_text(exchange, "%u", ms / 1000 + (ms % 1000 != 0));
}

/* ---- unary ---- */

static bool accepts_unary(struct exchange *exchange, const char *type, size_t len)
{
    return accepts_after(exchange, "application/", type, len);
}

static void begin_unary(struct exchange *exchange)
{
    begin(exchange, false, "content-encoding");
}

/* The whole body is the message. */
static enum framed next_unary(struct exchange *exchange, struct http_span *message, size_t *taken)
{
    if (exchange->in_len > exchange->connection->message_max)
        return framing_too_long(exchange);
    if (!exchange->is_complete)
        return FRAMED_MORE;
    *taken = exchange->in_len;
    if (!message)
        return FRAMED_MESSAGE;
    *message = (struct http_span){ exchange->in, exchange->in_len };
    return exchange->encoding == ENCODING_IDENTITY || !exchange->in_len
               ? FRAMED_MESSAGE
               : framing_inflate(exchange, message, STATUS_INVALID_ARGUMENT);
}

static void head_unary(struct exchange *exchange)
{
    exchange_head(exchange, 200);
    exchange_head_field(exchange, "content-type",
                        exchange_text(exchange, "application/%s", exchange->codec->name));
}

static int message_unary(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    if (bytes_reserve(&exchange->run->body, len))
        return UV_ENOMEM;
    bytes_put(&exchange->run->body, bytes, len);
    return 0;
}

static void fail_unary(struct exchange *exchange, enum status status, const char *message)
{
    bool is_unknown_method = status == STATUS_UNIMPLEMENTED && !exchange->run->call.method;
    exchange_head(exchange, is_unknown_method ? 404 : code_of(status)->http);
    exchange_head_field(exchange, "content-type", "application/json");
    if (status == STATUS_UNAUTHENTICATED)
        exchange_head_field(exchange, "www-authenticate", "Bearer");
    exchange->run->body.len = 0;
    if (put_error(&exchange->run->body, status, message))
        exchange->run->body.len = 0; /* no memory: HTTP's status says the most important */
    if (exchange->encoding == ENCODING_UNKNOWN)
        exchange_head_field(exchange, "accept-encoding", ENCODINGS_ACCEPTED);
}

static void end_unary(struct exchange *exchange, enum status status, const char *message,
                      unsigned retry_after_ms)
{
    if (!exchange->has_head)
        fail_unary(exchange, status, message);
    if (retry_after_ms)
        exchange_head_field(exchange, "retry-after", seconds(exchange, retry_after_ms));
    for (size_t i = 0; i < exchange->run->trailers.n; i++) {
        const struct answer_field *field = &exchange->run->trailers.items[i];
        const char *name = exchange_text(exchange, "trailer-%s", field->name.text);
        if (name)
            exchange_head_field(exchange, name, field->value.text);
    }
    exchange->run->trailers.n = 0;
}

/* ---- streams ---- */

static bool accepts_stream(struct exchange *exchange, const char *type, size_t len)
{
    return accepts_after(exchange, "application/connect+", type, len);
}

static void begin_stream(struct exchange *exchange)
{
    begin(exchange, true, "connect-content-encoding");
}

static void head_stream(struct exchange *exchange)
{
    exchange_head(exchange, 200);
    exchange_head_field(exchange, "content-type",
                        exchange_text(exchange, "application/connect+%s", exchange->codec->name));
    if (exchange->encoding == ENCODING_UNKNOWN)
        exchange_head_field(exchange, "connect-accept-encoding", ENCODINGS_ACCEPTED);
}

static int message_stream(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    return framing_put(&exchange->run->body, 0, bytes, len);
}

/* {"error":{...},"metadata":{...}} */
static int put_end_text(struct bytes *out, const struct exchange *exchange, enum status status,
                        const char *message)
{
    const struct answer_fields *trailers = &exchange->run->trailers;
    if (bytes_reserve(out, strlen("{\"error\":")))
        return UV_ENOMEM;
    put(out, "{");
    if (status != STATUS_OK) {
        put(out, "\"error\":");
        if (put_error(out, status, message) || bytes_reserve(out, 1))
            return UV_ENOMEM;
        put(out, trailers->n ? "," : "");
    }
    if (put_metadata(out, trailers) || bytes_reserve(out, 1))
        return UV_ENOMEM;
    put(out, "}");
    return 0;
}

static void end_stream(struct exchange *exchange, enum status status, const char *message,
                       unsigned retry_after_ms)
{
    struct bytes *out = &exchange->edge->encoded;
    if (!exchange->has_head)
        head_stream(exchange);
    if (retry_after_ms)
        exchange_trailer(exchange, "retry-after", seconds(exchange, retry_after_ms));
    out->len = 0;
    /* Without memory for the last frame the peer sees a stream that is cut off, which is an error to it. */
    if (put_end_text(out, exchange, status, message) == 0)
        framing_put(&exchange->run->body, FLAG_END, out->data, out->len);
    exchange->run->trailers.n = 0;
}

const struct http_protocol http_connect = {
    .name = "connect",
    .has_date = true,
    .accepts = accepts_unary,
    .begin = begin_unary,
    .next = next_unary,
    .head = head_unary,
    .message = message_unary,
    .end = end_unary,
};

const struct http_protocol http_connect_stream = {
    .name = "connect-stream",
    .has_date = true,
    .accepts = accepts_stream,
    .begin = begin_stream,
    .next = framing_next,
    .head = head_stream,
    .message = message_stream,
    .end = end_stream,
};
