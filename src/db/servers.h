/* SPDX-License-Identifier: MIT
 *
 * The servers of a replicated database, each looked at over a connection of its own: which of them is the
 * primary (see primary.h). Where the configuration names one server only there is nothing to look at, and
 * nothing is opened. Loop thread only.
 */
#ifndef DB_SERVERS_H
#define DB_SERVERS_H

#include "config/config.h"
#include "db/pool.h"
#include "db/primary.h"

struct servers;

/* Starts to look. `on_moved` is told when the primary is another; *primary is for the connections that are to
 * lead to it, and NULL where one server is as good as another. Returns 0 or a UV_E* code. */
int servers_start(struct servers **servers, uv_loop_t *loop, const struct config *config,
                  void (*on_moved)(void *data), void *data);
struct primary *servers_primary(struct servers *servers);

/* Other settings of the same servers' connections, see pool_renew(). */
void servers_renew(struct servers *servers, const struct config *config, bool has_other_login);

/* Closes everything; the loop must run until its handles are closed, then servers_destroy. NULL is let pass.
 */
void servers_stop(struct servers *servers);
void servers_destroy(struct servers *servers);

#endif
