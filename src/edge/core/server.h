/* SPDX-License-Identifier: MIT
 *
 * gRPC at the edge. The only file pair that knows <grpc/...>: it turns the core's events into calls and
 * answers each with one batch of operations; and it runs the loop, since the core and libuv both want to be
 * polled.
 *
 * All functions belong to the loop thread.
 */
#ifndef EDGE_CORE_SERVER_H
#define EDGE_CORE_SERVER_H

#include <uv.h>

#include "call/context.h"

struct wire;

struct wire_options {
    int max_message_bytes;
    int max_concurrent_streams; /* a connection */
    int idle_timeout_ms;        /* a connection without calls is closed after it; 0: never */
};

/* Starts the core. Returns 0 or a UV_E* code; on success *wire wants wire_destroy. */
int wire_create(struct wire **wire, uv_loop_t *loop, struct context *context,
                const struct wire_options *options);

/* Runs the loop in place of uv_run, until a drain is over. */
void wire_run(struct wire *wire);

/* Hands an accepted, non-blocking socket over; it is the core's from now on, whatever happens. */
void wire_add_connection(struct wire *wire, int fd);

/* No new connections or calls (GOAWAY); running calls go on. When the last is over, or at wire_cancel,
 * on_drained runs once, on the loop, and nothing of the core is left. */
void wire_drain(struct wire *wire, void (*on_drained)(void *data), void *data);

/* Calls that are still running. */
unsigned wire_running(const struct wire *wire);

/* Closes every connection, after wire_drain: calls that are still running are cancelled. */
void wire_cancel(struct wire *wire);

/* After on_drained, once the loop has closed the handles. NULL is let pass. */
void wire_destroy(struct wire *wire);

#endif
