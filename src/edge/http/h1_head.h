/* SPDX-License-Identifier: MIT
 *
 * Parses the head of an HTTP/1.1 request: request line and header fields. It is strict: what two parsers
 * could read differently is refused, or a proxy in front of us and we might disagree on where a request ends
 * (request smuggling).
 */
#ifndef EDGE_HTTP_H1_HEAD_H
#define EDGE_HTTP_H1_HEAD_H

#include "edge/http/exchange.h"

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED };

struct h1_head {
    bool is_old;           /* HTTP/1.0 */
    bool is_last;          /* the connection is to be closed after the answer */
    bool expects_continue; /* the client sends the body after `100 Continue` */
    bool has_host;
    enum h1_body body;
    int64_t body_len; /* of H1_BODY_LENGTH */
};

/* The search for the end of a head, which continues as more of it comes. Zeroed: nothing has been searched.
 */
struct h1_scan {
    size_t done, line; /* bytes searched; where the last line begins */
    size_t first_len;  /* of the request line, once it is complete */
};

/* `text` is all that has come of the head, and maybe more. Returns the length of the head with its empty
 * line; 0: it is incomplete; UV_EINVAL: a line ends without a carriage return. */
ssize_t h1_head_find_end(struct h1_scan *scan, const uint8_t *text, size_t len);

/* Parses a complete head, whose text must live as long as the exchange and is modified. Sets the exchange's
 * verb, scheme, authority, path, query and fields. Returns 0, or the HTTP status to refuse it with, and sets
 * *wrong. */
int h1_head_read(struct exchange *exchange, char *text, size_t len, struct h1_head *head, const char **wrong);

#endif
