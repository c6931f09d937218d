/* SPDX-License-Identifier: MIT
 *
 * Finds the primary among the servers of a replicated database (see primary.h), over a connection to each. If
 * the configuration names only one server, no connection is opened. Loop thread only.
 */
#ifndef DB_SERVERS_H
#define DB_SERVERS_H

#include "config/config.h"
#include "db/pool.h"
#include "db/primary.h"

struct servers;

/* Starts watching. `on_moved` is called when another server has become the primary. Returns 0 or a UV_E*
 * code.
 */
int servers_start(struct servers **servers, uv_loop_t *loop, const struct config *config,
                  void (*on_moved)(void *data), void *data);
/* For conn_options.primary. NULL: only one server is configured. Owned by `servers`. */
struct primary *servers_primary(struct servers *servers);

/* Gives the connections new settings, see pool_renew(). */
void servers_renew(struct servers *servers, const struct config *config, bool has_other_login);

/* Closes everything. The loop must run until the handles are closed, then servers_destroy() frees the memory.
 * Both accept NULL. */
void servers_stop(struct servers *servers);
void servers_destroy(struct servers *servers);

#endif
