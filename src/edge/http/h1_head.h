/* SPDX-License-Identifier: MIT
 *
 * The head of an HTTP/1.1 request: its first line and its header fields. Strict: what two parsers could read
 * in two ways is refused, for then a proxy before us and we would not agree on where a request ends.
 */
#ifndef EDGE_HTTP_H1_HEAD_H
#define EDGE_HTTP_H1_HEAD_H

#include "edge/http/exchange.h"

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED };

struct h1_head {
    bool is_old;           /* HTTP/1.0 */
    bool is_last;          /* the connection is to be closed after the answer */
    bool expects_continue; /* the body comes when it is asked for */
    bool has_host;
    enum h1_body body;
    int64_t body_len; /* of H1_BODY_LENGTH */
};

/* Where a head ends, looked for in as many pieces as it comes in. Zeroed: at its beginning. */
struct h1_scan {
    size_t done, line; /* looked at; where the last line begins */
    size_t first_len;  /* of the first line, once it is whole */
};

/* `text` is all that has come of the head, and maybe more. The length of the head with its empty line; 0: it
 * is not whole; UV_EINVAL: a line ends without a carriage return. */
ssize_t h1_head_find_end(struct h1_scan *scan, const uint8_t *text, size_t len);

/* Reads a whole head, whose text lives as long as the exchange and is written to. Sets the exchange's verb,
 * scheme, authority, path, query and fields. 0, or the HTTP status of a refusal with what is wrong. */
int h1_head_read(struct exchange *exchange, char *text, size_t len, struct h1_head *head, const char **wrong);

#endif
