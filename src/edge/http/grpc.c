/* SPDX-License-Identifier: MIT */
#include "edge/http/grpc.h"

#include <string.h>

#include "edge/http/framing.h"
#include "edge/http/inflate.h"
#include "edge/http/timeout.h"

#define NAME "application/grpc"

bool grpc_accepts(struct exchange *exchange, const char *name, const char *type, size_t len)
{
    size_t name_len = strlen(name);
    if (len < name_len || memcmp(type, name, name_len) != 0)
        return false;
    if (len == name_len)
        return exchange_set_codec(exchange, "proto", strlen("proto"));
    return type[name_len] == '+' && exchange_set_codec(exchange, type + name_len + 1, len - name_len - 1);
}

static bool accepts(struct exchange *exchange, const char *type, size_t len)
{
    return grpc_accepts(exchange, NAME, type, len);
}

void grpc_begin(struct exchange *exchange)
{
    const struct http_field *timeout = exchange_field(exchange, "grpc-timeout");
    const struct http_field *encoding = exchange_field(exchange, "grpc-encoding");
    uint64_t ns;
    exchange->encoding =
        encoding ? encoding_parse(encoding->value.text, encoding->value.len) : ENCODING_IDENTITY;
    if (!timeout)
        return;
    if (timeout_parse_grpc(timeout->value.text, timeout->value.len, &ns))
        exchange_fail(exchange, STATUS_INTERNAL,
                      "grpc-timeout is not one to eight digits and a unit (H, M, S, m, u, n)");
    else
        exchange->run->call.deadline_ns = timeout_deadline_ns(ns);
}

const char *grpc_percent_encode(struct exchange *exchange, const char *message)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = strlen(message), n = 0;
    char *encoded = arena_alloc(&exchange->arena, len * 3 + 1);
    if (!encoded)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)message[i];
        if (c >= 0x20 && c < 0x7f && c != '%') {
            encoded[n++] = (char)c;
            continue;
        }
        encoded[n++] = '%';
        encoded[n++] = digits[c >> 4];
        encoded[n++] = digits[c & 15];
    }
    return encoded; /* ends with NUL: the arena's memory is zeroed */
}

const char *grpc_status_text(enum status status)
{
    static const char *const texts[] = { "0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                         "9", "10", "11", "12", "13", "14", "15", "16" };
    return texts[(unsigned)status < 17 ? status : STATUS_INTERNAL];
}

/* The bare content type stands for protobuf. A client that asked for another codec expects its name in the
 * answer's content type. */
static void head(struct exchange *exchange)
{
    bool is_bare = !exchange->codec->encode;
    exchange_head(exchange, 200);
    exchange_head_field(exchange, "content-type",
                        is_bare ? NAME : exchange_text(exchange, NAME "+%s", exchange->codec->name));
}

static int message(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    return framing_put(&exchange->run->body, 0, bytes, len);
}

/* A call that fails before its first message still gets a head of its own, before the trailers. */
static void end(struct exchange *exchange, enum status status, const char *message, unsigned retry_after_ms)
{
    if (!exchange->has_head) {
        head(exchange);
        if (status == STATUS_UNIMPLEMENTED && exchange->encoding == ENCODING_UNKNOWN)
            exchange_head_field(exchange, "grpc-accept-encoding", ENCODINGS_ACCEPTED);
    }
    exchange_trailer(exchange, "grpc-status", grpc_status_text(status));
    if (*message)
        exchange_trailer_unique(exchange, "grpc-message", grpc_percent_encode(exchange, message));
    if (retry_after_ms)
        exchange_trailer_unique(exchange, "grpc-retry-pushback-ms",
                                exchange_text(exchange, "%u", retry_after_ms));
}

const struct http_protocol http_grpc = {
    .name = "grpc",
    .accepts = accepts,
    .begin = grpc_begin,
    .next = framing_next,
    .head = head,
    .message = message,
    .end = end,
};
