/* SPDX-License-Identifier: MIT
 *
 * Writes an exchange's answer as HTTP/1.1.
 */
#ifndef EDGE_HTTP_H1_ANSWER_H
#define EDGE_HTTP_H1_ANSWER_H

#include "edge/http/exchange.h"

/* Zeroed before each answer. */
struct h1_answer {
    bool is_old;  /* the request was HTTP/1.0 */
    bool is_last; /* the connection is closed after it, and it says so */
    bool is_chunked, has_no_body;
    bool has_trailers; /* they are in the head */
    bool is_whole;     /* it is written completely */
};

/* Writes what is ready of the answer, at most `room` bytes (4096 or more), and returns the length. */
size_t h1_answer_fill(struct h1_answer *answer, struct exchange *exchange, uint8_t *out, size_t room);

/* Writes a whole answer that refuses a request for which there is no exchange. `room` as above. */
size_t h1_answer_refusal(int status, const char *why, uint8_t *out, size_t room);

#endif
