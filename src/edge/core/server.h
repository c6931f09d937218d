/* SPDX-License-Identifier: MIT
 *
 * The edge behind grpc:// listeners, by the gRPC C core. It turns the core's events into calls, answers each
 * with one batch of operations, and runs the loop, because the core and libuv must be polled by one thread.
 *
 * Loop thread only. The other files of this room (core.h lists them) are used only here, except
 * health_client.h.
 */
#ifndef EDGE_CORE_SERVER_H
#define EDGE_CORE_SERVER_H

#include <uv.h>

#include "call/context.h"
#include "edge/peers.h"

struct core_server;

struct core_server_options {
    int max_message_bytes;
    int max_concurrent_streams; /* of each connection */
    int idle_timeout_ms;        /* after which a connection without calls is closed; 0: never */
    const struct peers *peers;  /* outlives the server */
    /* Counts the batches that were sent to the database so far: see core_loop.h. */
    unsigned (*count_sent)(void *data);
    void *data;
};

/* Starts the core. Returns 0 or a UV_E* code; on success *server wants core_server_destroy. */
int core_server_create(struct core_server **server, uv_loop_t *loop, struct context *context,
                       const struct core_server_options *options);

/* Runs the loop in place of uv_run, until the core is drained (core_server_drain) and the last call over. */
void core_server_run(struct core_server *server);

/* Hands over an accepted, non-blocking socket, which is the core's from now on, whatever happens. */
void core_server_add_connection(struct core_server *server, int fd);

/* Accepts no new connections or calls (GOAWAY); running calls go on. When the last is over, or soon after
 * core_server_cancel, core_server_run returns. */
void core_server_drain(struct core_server *server);

/* Calls that are still running. */
unsigned core_server_running(const struct core_server *server);

/* Closes every connection, after core_server_drain: calls that are still running are cancelled. */
void core_server_cancel(struct core_server *server);

/* After core_server_run, once the loop has closed the handles. NULL is allowed. */
void core_server_destroy(struct core_server *server);

#endif
