/* SPDX-License-Identifier: MIT
 *
 * gRPC by the gRPC C core: the edge behind grpc:// listeners. It turns the core's events into calls, answers
 * each with one batch of operations, and runs the loop, since the core and libuv both want to be polled.
 *
 * Loop thread only. The rest of this room is its own.
 */
#ifndef EDGE_CORE_SERVER_H
#define EDGE_CORE_SERVER_H

#include <uv.h>

#include "call/context.h"
#include "edge/peers.h"

struct core_server;

struct core_server_options {
    int max_message_bytes;
    int max_concurrent_streams; /* a connection */
    int idle_timeout_ms;        /* a connection without calls is closed after it; 0: never */
    const struct peers *peers;
    /* How many batches were sent to the database so far: see core_loop.h. */
    unsigned (*count_sent)(void *data);
    void *data;
};

/* Starts the core. Returns 0 or a UV_E* code; on success *server wants core_server_destroy. */
int core_server_create(struct core_server **server, uv_loop_t *loop, struct context *context,
                       const struct core_server_options *options);

/* Runs the loop in place of uv_run, until core_server_end has been called and the core's events are at an
 * end. */
void core_server_run(struct core_server *server);

/* Hands an accepted, non-blocking socket over; it is the core's from now on, whatever happens. */
void core_server_add_connection(struct core_server *server, int fd);

/* No new connections or calls (GOAWAY); running calls go on. When the last is over, or soon after
 * core_server_cancel, nothing of the core is left, core_server_run returns. */
void core_server_drain(struct core_server *server);

/* Calls that are still running. */
unsigned core_server_running(const struct core_server *server);

/* Closes every connection, after core_server_drain: calls that are still running are cancelled. */
void core_server_cancel(struct core_server *server);

/* After core_server_run, once the loop has closed the handles. NULL is let pass. */
void core_server_destroy(struct core_server *server);

#endif
