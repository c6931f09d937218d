/* SPDX-License-Identifier: MIT
 *
 * Idempotency: a write that is retried with the same idempotency-key acts once, and is answered as it was the
 * first time. The generated table of methods calls once_handle() in place of the handler of each method that
 * writes; neither handlers nor statements know of it.
 *
 * The transaction of a writing statement also stores, in kept_answer, the rows that it returned and the rows
 * that the call had read before (tools/sqlgen makes such a `+key` statement of each). A retry runs the
 * handler again but replays these rows to it, so it comes to the same answer. The answer of a call that wrote
 * nothing is stored whole. What a call finds in kept_answer under its key:
 *
 *   nothing            the handler runs, and its first write stores a row
 *   rows               they are replayed to the handler
 *   an answer          it is sent
 *   rows of a refusal  (a write that changed nothing) the handler runs anew. Usually there are none: they are
 *                      deleted before the error is sent
 *   uncommitted rows   the write waits for the other call's transaction, then fails on the primary key and is
 *                      rolled back; the other call's rows are there now
 *
 * Without a key none of this happens. Loop thread only.
 */
#ifndef CALL_ONCE_H
#define CALL_ONCE_H

#include "call/call.h"

#define IDEMPOTENCY_KEY_MAX 128 /* characters */

/* Runs a handler on the call's request; with an idempotency-key it may run more than once. */
CALL_MUST_USE enum next once_handle(struct call *call,
                                    enum next (*handler)(struct call *call, const void *request));

#endif
