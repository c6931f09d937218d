/* SPDX-License-Identifier: MIT
 *
 * Calls whose answer is more than one message, in the style of all others: continuations that return an
 * `enum next`. At most one message is on its way; the next one is made when the peer has taken it, so a peer
 * that does not read costs nothing that grows.
 *
 *   server stream   the handler sends with the typed stream_send_METHOD(), whose continuation sends again,
 *                   waits for something, or ends with stream_end() or call_fail()
 *   dialogue        the handler is called with each request and answers it with reply_METHOD(); the peer ends
 *
 * The peer's leaving, a deadline and the daemon's end close a stream without its handler (call->at_end runs).
 *
 * Memory: what a handler allocates before its first message lives as long as the stream; what it allocates
 * later, and rows, until the next message has been sent; in a dialogue, all of it until the reply has been.
 */
#ifndef CALL_STREAM_H
#define CALL_STREAM_H

#include "call/call.h"

/* ---- for handlers ---- */

/* The stream has come to its end: OK. (Of a unary call, which has no reply then: INTERNAL, and the log says
 * it.) */
CALL_MUST_USE enum next stream_end(struct call *call);

/* ---- for generated code ---- */

/* Sends a message (a nanopb struct, copied); `then` runs on a later turn, when the peer has taken it. */
CALL_MUST_USE enum next stream_send(struct call *call, const pb_msgdesc_t *fields, const void *message,
                                    enum next (*then)(struct call *call));
/* Answers the request of a dialogue; when that has been taken the next one is read. */
CALL_MUST_USE enum next stream_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply);

/* ---- for transports ---- */

/* Starts a dialogue as call_start does any other call: asks for its first request. */
void stream_open(struct call *call);
/* What `send` was given has been taken by the peer. The call may be over before this returns, as with the
 * other functions here. */
void stream_sent(struct call *call);
/* The request that `receive` asked for; or the peer has said that there is none any more. */
void stream_received(struct call *call, const uint8_t *bytes, size_t len);
void stream_received_end(struct call *call);

/* ---- for the daemon ---- */

/* Ends every stream. */
void streams_end(struct context *context, enum status status, const char *message);

#endif
