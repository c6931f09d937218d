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

/* Whether there is an edge for each of these; one that did not start with the daemon needs a restart. */
bool edges_can_listen(const struct edges *edges, const struct address_list *listen);
/* Listens there, and no longer anywhere else: connections that came to what is closed are closed gracefully
 * by our own edge. On failure, which was logged, nothing has changed. */
int edges_relisten(struct edges *edges, const struct address_list *listen);
/* Other limits, for what comes from now on; certificates and their like are read again. */
void edges_reconfigure(struct edges *edges, const struct config *config);

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
