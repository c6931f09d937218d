/* SPDX-License-Identifier: MIT
 *
 * How a call enters: its caller is identified and authorized, the request decoded and checked, and the
 * handler called.
 *
 * Loop thread only.
 */
#ifndef CALL_ENTRY_H
#define CALL_ENTRY_H

#include <stdio.h>

#include "call/call.h"

/* ---- for transports ---- */

/* Starts a FREE call whose method, transport, context and deadline_ns are set: authorizes, decodes, checks,
 * and calls the handler; or holds it back. `bytes` need live only during this function. The call may be over
 * before it returns. */
void call_start(struct call *call, const uint8_t *bytes, size_t len);

/* The answer to a call that its caller may not make. */
struct call_refusal {
    enum status status;
    const char *message; /* constant */
};

/* Whether the caller may make a call, for edges that must know before the request has arrived. Of the FREE
 * call only transport and context need be set; `path` is the method asked for, whether or not it exists. A
 * refusal has been counted and logged. call_start does not check again what this has let in, as long as the
 * rules stay the same. */
bool call_may(struct call *call, const char *path, size_t path_len, struct call_refusal *refusal);
/* The edge has answered a call that was never started: counts it, also for its caller if call_may() found
 * one, and logs it. call->method NULL: the client named a method that does not exist. */
void call_refused(struct call *call, enum status status);
/* The FREE call will not be started: forgets what call_may() found out, and its memory. */
void call_forgo(struct call *call);

/* ---- for stream.c ---- */

/* Authorizes a call and counts it for its caller. False: it was refused; give *next to call_settle. */
CALL_MUST_USE bool call_enter(struct call *call, enum next *next);
/* Decodes and checks a request and hands it to the handler. */
CALL_MUST_USE enum next call_dispatch(struct call *call, const uint8_t *bytes, size_t len);

/* ---- for the daemon ---- */

/* The two callbacks of admission_init(). */
void calls_begin_held(struct held *held);
bool calls_want_held(const struct held *held);

/* Reads the configuration's rules of who may call what, for context->access; see access_create(). */
int calls_read_rules(struct access **access, const struct config *config, FILE *errors);

/* To be called after context->access has changed: ends the streams that are no longer allowed. */
void calls_review(struct context *context);

#endif
