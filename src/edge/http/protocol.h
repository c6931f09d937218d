/* SPDX-License-Identifier: MIT
 *
 * How a call is said: one row a protocol, in protocols.c. A protocol knows the exchange, not who carries it.
 */
#ifndef EDGE_HTTP_PROTOCOL_H
#define EDGE_HTTP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call/call.h"

struct exchange;

/* The content types of requests for calls, for an answer that says that it was another. */
#define CONTENT_TYPES_ACCEPTED                                                                               \
    "application/json, application/proto, application/connect+json, application/connect+proto, "             \
    "application/grpc, application/grpc-web, application/grpc-web-text"

struct http_span {
    const uint8_t *bytes;
    size_t len;
};

enum framed {
    FRAMED_MORE,    /* the message is not whole yet */
    FRAMED_MESSAGE, /* here it is */
    FRAMED_FAILED,  /* exchange_fail() has been called */
};

struct http_protocol {
    const char *name; /* "grpc" */
    bool has_date;    /* answers tell it, as HTTP wants of them; those of gRPC's own do not */
    /* Whether a request of this content type (lower case, without parameters) is its; then it sets
     * exchange->codec. */
    bool (*accepts)(struct exchange *exchange, const char *type, size_t len);
    /* Headers are whole: deadline, compression. May exchange_fail(). */
    void (*begin)(struct exchange *exchange);
    /* Looks for one message at the start of what has come so far (exchange->in, in_len), which takes up
     * *taken bytes of it; message NULL: only whether it is there, or cannot be. */
    enum framed (*next)(struct exchange *exchange, struct http_span *message, size_t *taken);
    /* Status and fields of an answer that has a message. */
    void (*head)(struct exchange *exchange);
    /* Appends a message to the answer's body. 0 or UV_ENOMEM. */
    int (*message)(struct exchange *exchange, const uint8_t *bytes, size_t len);
    /* Appends how it ended: trailers, or a last frame, or, where nothing has been said yet
     * (!exchange->has_head), the whole answer. */
    void (*end)(struct exchange *exchange, enum status status, const char *message, unsigned retry_after_ms);
};

#endif
