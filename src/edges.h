/* SPDX-License-Identifier: MIT
 *
 * The edges as the daemon sees them: one thing that listens, runs the loop and drains. Which edge a
 * connection belongs to is decided by the scheme of the address that it came to. Loop thread only.
 */
#ifndef EDGES_H
#define EDGES_H

#include <stdbool.h>
#include <uv.h>

#include "call/context.h"
#include "config/config.h"

struct edges;

/* Starts what the configuration listens on. `count_sent` as in edge/core/core_loop.h. Returns 0 or a UV_E*
 * code, after an error was logged; on failure the process ends, for nothing is taken back. */
int edges_start(struct edges **edges, struct context *context, const struct config *config,
                unsigned (*count_sent)(void *data), void *data);

/* Sockets that were handed over are accepted from as of now, if not before: whoever keeps them has peers wait
 * there, and none need be told that svcd has only just begun to connect to its database. */
void edges_go(struct edges *edges);

/* Runs the loop until a drain is over. */
void edges_run(struct edges *edges);

/* Whether what TLS needs of the configuration is right, where https:// is listened on; else an error was
 * logged. */
bool edges_check(const struct config *config);
/* Another configuration, in two steps within a turn of the loop. First what may fail: the files of TLS are
 * read, and the addresses opened that it does not listen on yet. On failure, which was logged, all is as
 * before. */
int edges_prepare(struct edges *edges, const struct config *fresh);
/* Then the rest, for what comes from now on, with the values that were prepared: connections that came to an
 * address that is not among them are closed gracefully by our own edge. */
void edges_take(struct edges *edges, const struct config *config);
/* Whether gRPC's own edge is there, whose limits are what they were when svcd began. */
bool edges_has_core(const struct edges *edges);

/* Nothing new: no connections, no calls. Running calls go on; edges_run returns when the last is over. */
void edges_drain(struct edges *edges);
/* Calls that are not over. */
unsigned edges_running(const struct edges *edges);
/* Connections of clients, as far as is known. */
unsigned edges_connections(struct edges *edges);
/* After edges_drain: calls are cancelled, connections closed. */
void edges_cancel(struct edges *edges);
/* After edges_cancel, for connections whose other end does not take what it is sent: they are cut off. */
void edges_cut(struct edges *edges);

/* After edges_run, once the loop has closed the handles. NULL is let pass. */
void edges_destroy(struct edges *edges);

#endif
