/* SPDX-License-Identifier: MIT
 *
 * A protocol is how a call is expressed in HTTP: gRPC, gRPC-Web or Connect. protocols.c has a row for each. A
 * protocol sees the exchange only, never the carrier.
 */
#ifndef EDGE_HTTP_PROTOCOL_H
#define EDGE_HTTP_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call/call.h"

struct exchange;

/* What a 415 answer says would have been right. */
#define CONTENT_TYPES_ACCEPTED                                                                               \
    "application/json, application/proto, application/connect+json, application/connect+proto, "             \
    "application/grpc, application/grpc-web, application/grpc-web-text"

struct http_span {
    const uint8_t *bytes;
    size_t len;
};

enum framed {
    FRAMED_MORE,    /* the message is still incomplete */
    FRAMED_MESSAGE, /* a message was found */
    FRAMED_FAILED,  /* the framing is wrong, and exchange_fail() has been called */
};

struct http_protocol {
    const char *name; /* "grpc" */
    bool has_date;    /* answers carry a `date` field; gRPC's own do without */
    /* Whether requests of this content type (lower case, without parameters) are of this protocol; if so it
     * sets exchange->codec. */
    bool (*accepts)(struct exchange *exchange, const char *type, size_t len);
    /* The headers are complete: reads deadline and compression from them. May call exchange_fail(). */
    void (*begin)(struct exchange *exchange);
    /* Looks for one message at the start of the body received so far (exchange->in, in_len). *taken: the
     * bytes that it occupies there. message NULL: only reports whether one is complete. */
    enum framed (*next)(struct exchange *exchange, struct http_span *message, size_t *taken);
    /* Sets the HTTP status and header fields of an answer that has a message. */
    void (*head)(struct exchange *exchange);
    /* Appends a message to the answer's body. 0 or UV_ENOMEM. */
    int (*message)(struct exchange *exchange, const uint8_t *bytes, size_t len);
    /* Appends the call's status: as trailers, as a last frame, or, if the answer has no head yet
     * (!exchange->has_head), as the whole answer. retry_after_ms 0: no such advice. */
    void (*end)(struct exchange *exchange, enum status status, const char *message, unsigned retry_after_ms);
};

#endif
