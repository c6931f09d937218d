/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the HTTP/1.1 carrier: h1.c (the session, its states and answers), h1_request.c
 * (requests).
 */
#ifndef EDGE_HTTP_H1_SESSION_H
#define EDGE_HTTP_H1_SESSION_H

#include "edge/http/chunked.h"
#include "edge/http/exchange.h"
#include "edge/http/h1_answer.h"
#include "edge/http/h1_head.h"

enum h1_state { H1_HEAD, H1_BODY, H1_ANSWER, H1_LAST };

struct h1 {
    struct http_connection *connection;
    enum h1_state state;
    struct exchange *exchange; /* from the end of its head until its answer is written */
    struct bytes begun;        /* an incomplete head */
    struct bytes ahead;        /* pipelined: what came during the exchange */
    struct h1_scan scan;
    struct h1_head head; /* of the exchange's request */
    struct chunked chunked;
    uint64_t body_left;
    struct h1_answer answer;
    bool owes_continue;
    bool is_leaving;
    bool has_ended; /* the peer has closed its sending side */
    int refusal;    /* the HTTP status of an answer without an exchange; 0: there is none to send */
    const char *refusal_text;
    struct timer timer; /* HEAD: the head must be complete, or `ahead` is parsed; ANSWER: see on_ended() */
};

void h1_move(struct h1 *h1, enum h1_state to);
/* Ends the connection with this answer, unless another one is half written. */
void h1_refuse(struct h1 *h1, int status, const char *why, enum http_reason reason);
void h1_start_timer(struct h1 *h1, uint64_t ms);
void h1_stop_timer(struct h1 *h1);

/* ---- h1_request.c ---- */

/* Parses what came, and returns how much it used; the rest waits until the answer is written. */
size_t h1_take(struct h1 *h1, const uint8_t *bytes, size_t len);
/* Appends to `bytes`, counted against the connection's budget. 0 or UV_ENOMEM, which ends the connection. */
int h1_keep(struct h1 *h1, struct bytes *bytes, const uint8_t *more, size_t len);
void h1_forget(struct h1 *h1, struct bytes *bytes);

#endif
