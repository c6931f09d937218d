/* SPDX-License-Identifier: MIT
 *
 * An answer as HTTP/1.1 writes it.
 */
#ifndef EDGE_HTTP_H1_ANSWER_H
#define EDGE_HTTP_H1_ANSWER_H

#include "edge/http/exchange.h"

/* Zeroed before each answer. */
struct h1_answer {
    bool is_old;  /* to HTTP/1.0 */
    bool is_last; /* says that the connection will be closed */
    bool is_chunked, has_no_body;
    bool is_whole; /* all of it has been written */
};

/* Writes what there is of the answer, at most `room` bytes, of which 4096 at least, and returns how much. */
size_t h1_answer_fill(struct h1_answer *answer, struct exchange *exchange, uint8_t *out, size_t room);

/* A whole answer that says why a request was refused, where there is no exchange. `room` as above. */
size_t h1_answer_refusal(int status, const char *why, uint8_t *out, size_t room);

#endif
