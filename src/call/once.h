/* SPDX-License-Identifier: MIT
 *
 * A write that comes again with its idempotency-key is answered as it was the first time, and acts once. The
 * generated table of methods calls this in place of the handler of each method that writes; neither handler
 * nor statement knows of it.
 *
 * What a statement that writes returned is kept, with what the call had read before, by the transaction that
 * wrote (tools/sqlgen makes such a statement of each). So a call that comes again has its handler run again,
 * but is given the rows of the first time: the answer is made of the same things, and is the same. An answer
 * to which no write led is kept as it is.
 *
 *   no row            the handler runs, and its first write leaves one
 *   a row             its rows are given to the handler instead; an answer is sent
 *   ... of an error   it is forgotten, before the error is told; found by who comes again, it is acted on
 *   ... being made    the write waits for it, fails, and is undone: then there is a row
 *
 * Without a key there is nothing of this. Loop thread only.
 */
#ifndef CALL_ONCE_H
#define CALL_ONCE_H

#include "call/call.h"

#define IDEMPOTENCY_KEY_MAX 128

/* Runs a handler, which may run more than once, on the call's request. */
CALL_MUST_USE enum next once_handle(struct call *call,
                                    enum next (*handler)(struct call *call, const void *request));

#endif
