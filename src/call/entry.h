/* SPDX-License-Identifier: MIT
 *
 * How a call comes in: who asks, and may they; then its request is decoded and checked, and its handler
 * called.
 *
 * Loop thread only.
 */
#ifndef CALL_ENTRY_H
#define CALL_ENTRY_H

#include <stdio.h>

#include "call/call.h"

/* ---- for transports ---- */

/* Looks who asks, decodes, checks and starts a FREE call whose method, transport, context and deadline_ns are
 * set. It may be over before this returns. */
void call_start(struct call *call, const uint8_t *bytes, size_t len);

/* What a call is refused with that may not be made. */
struct call_refusal {
    enum status status;
    const char *message; /* constant */
};

/* For edges that would say something of a call before it is one, or wait for its request: whether its caller
 * may make it. Of a FREE call only transport and context need be set; `path` is what was asked for, whether
 * or not there is such a method. A refusal has been counted and logged. What the metadata says is looked at
 * once: call_start knows the answer, if it is asked in the same use of the call. */
bool call_may(struct call *call, const char *path, size_t path_len, struct call_refusal *refusal);
/* It was answered so before it was started: counts it, with its caller where call_may() knew one, and gives
 * it its line of the log. Without a method there is none of that name. */
void call_refused(struct call *call, enum status status);
/* The FREE call will not be started: forgets what was asked of it, and what is left of one before. */
void call_forgo(struct call *call);

/* ---- for stream.c ---- */

/* The call's beginning, which counts it with its caller. False: it was refused, and `next` goes to
 * call_settle. */
CALL_MUST_USE bool call_enter(struct call *call, enum next *next);
/* Decodes and checks a request and hands it to the handler. */
CALL_MUST_USE enum next call_dispatch(struct call *call, const uint8_t *bytes, size_t len);

/* ---- for the daemon ---- */

/* For admission_init(): a held call begins, and whether it is to. */
void calls_begin_held(struct held *held);
bool calls_want_held(const struct held *held);

/* What the configuration says of who may call, as context->access; see access_create(). */
int calls_read_rules(struct access **access, const struct config *config, FILE *errors);

/* The rules have changed: ends streams that may not be any more. */
void calls_review(struct context *context);

#endif
