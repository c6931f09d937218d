/* SPDX-License-Identifier: MIT
 *
 * Streams: calls answered by more than one message, with continuations that return an `enum next` like all
 * others. At most one message is under way; the next one is made when the peer has taken it (backpressure),
 * so a peer that does not read does not make memory grow.
 *
 *   server stream   the handler sends with the typed stream_send_METHOD(), whose continuation sends again,
 *                   waits for something, or ends with stream_end() or call_fail()
 *   dialogue        (both sides stream) the handler is called with each request and answers it with
 *                   reply_METHOD(); the peer ends the stream
 *
 * When the peer leaves, the deadline passes or the daemon stops, the stream ends without asking its handler;
 * call->at_end runs.
 *
 * Memory: what a handler allocates before its first message lives as long as the stream; later allocations,
 * and rows, until the next message has been sent. In a dialogue everything lives until the reply is sent.
 *
 * Loop thread only.
 */
#ifndef CALL_STREAM_H
#define CALL_STREAM_H

#include "call/call.h"

/* ---- for handlers ---- */

/* Ends the stream with status OK. (A unary call would lack its reply: INTERNAL, and a line in the log.) */
CALL_MUST_USE enum next stream_end(struct call *call);

/* ---- for generated code ---- */

/* Sends a message (a nanopb struct, copied); `then` runs on a later turn, when the peer has taken it. */
CALL_MUST_USE enum next stream_send(struct call *call, const pb_msgdesc_t *fields, const void *message,
                                    enum next (*then)(struct call *call));
/* Answers a dialogue's request; when the peer has taken the reply the next request is read. */
CALL_MUST_USE enum next stream_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply);

/* ---- for transports ---- */

/* Starts a dialogue and asks for its first request; for other calls see call_start. */
void stream_open(struct call *call);
/* The peer has taken the message given to `send`. The call may be over before this or any other of these
 * functions returns. */
void stream_sent(struct call *call);
/* The request that `receive` asked for; or the peer has half-closed the stream: no more requests come. */
void stream_received(struct call *call, const uint8_t *bytes, size_t len);
void stream_received_end(struct call *call);

/* ---- for the daemon ---- */

/* Ends every stream with this status. */
void streams_end(struct context *context, enum status status, const char *message);

#endif
