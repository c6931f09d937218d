/* SPDX-License-Identifier: MIT
 *
 * The two edges behind one interface for the daemon: gRPC's C core (grpc://) and svcd's own (http://,
 * https://, unix:). They listen, run the loop and drain together. The scheme of the address that a connection
 * came to decides which edge serves it. Loop thread only.
 */
#ifndef EDGES_H
#define EDGES_H

#include <stdbool.h>
#include <uv.h>

#include "call/context.h"
#include "config/config.h"

struct edges;
struct tls_files;

/* Reads the TLS files for edges_start(), if the configuration listens on https://; otherwise and on errors
 * *files is NULL. Blocks. Returns 0; or a UV_E* code after an error was logged. */
int edges_read_tls(struct tls_files **files, const struct config *config);
/* Opens the listeners of the configuration, which must outlive the edges. Takes over `tls`. `count_sent` as
 * in edge/core/core_loop.h. Returns 0; or a UV_E* code after an error was logged, and the process must end,
 * since a failed start is not undone. */
int edges_start(struct edges **edges, struct context *context, const struct config *config,
                struct tls_files *tls, unsigned (*count_sent)(void *data), void *data);

/* Starts accepting from sockets that systemd passed, if that has not started yet. Until then peers wait in
 * the socket's backlog instead of being refused because svcd is not yet connected to its database. */
void edges_go(struct edges *edges);

/* Runs the loop until a drain is over. */
void edges_run(struct edges *edges);

/* Whether the TLS settings and files are valid, if the configuration listens on https://; logs what
 * edges_start() would warn of. False: an error was logged. */
bool edges_check(const struct config *config);
/* A reload, in three steps. First what blocks, on a thread: reads the TLS files. Returns 0; or a UV_E* code
 * after an error was logged. */
int edges_read(struct edges *edges, const struct config *fresh);
/* The other two within one turn of the loop. First what may fail: opens the new addresses. Returns 0; or a
 * UV_E* code after an error was logged, and nothing has changed. */
int edges_prepare(struct edges *edges, const struct config *fresh);
/* Then what cannot fail: takes over the prepared values for new connections and calls. Connections to an
 * address that is not listened on any more are closed gracefully, except those of gRPC's C core. */
void edges_take(struct edges *edges, const struct config *config);
/* Whether gRPC's C core is in use; its limits change by a restart only. */
bool edges_has_core(const struct edges *edges);

/* Accepts no more connections and calls. Running calls go on; edges_run returns when the last is over. */
void edges_drain(struct edges *edges);
/* The number of calls that are not over. */
unsigned edges_running(const struct edges *edges);
/* The number of client connections; may count some that have just closed, since the C core does not report
 * it. */
unsigned edges_connections(struct edges *edges);
/* After edges_drain: cancels calls and closes connections. */
void edges_cancel(struct edges *edges);
/* After edges_cancel: cuts off connections whose peer does not read what is left to send. */
void edges_cut(struct edges *edges);

/* After edges_run, once the loop has closed the handles. NULL is fine. */
void edges_destroy(struct edges *edges);

#endif
