/* SPDX-License-Identifier: MIT
 *
 * Reads from standbys. Each standby has a pool of its own; standbys and primary are regularly asked for their
 * position in the write-ahead log. A standby's lag is the time since the primary was last seen at the
 * position that the standby has now. So the servers' clocks do not matter, and no standby seems to lag while
 * the primary is idle.
 *
 * A read that a standby may answer goes to one whose lag is small enough, else to the primary. A read that
 * fails on a standby is run again on the primary. While no primary answers, reads go to the standby that is
 * furthest ahead, and their answers are marked as stale. Loop thread only.
 */
#ifndef DB_STANDBYS_H
#define DB_STANDBYS_H

#include "config/config.h"
#include "db/pool.h"

struct standbys;

/* `primary`: the primary's pool, which must outlive it. *standbys is NULL if none are configured, which all
 * functions below accept. Returns 0 or a UV_E* code. */
int standbys_start(struct standbys **standbys, uv_loop_t *loop, const struct config *config,
                   struct pool *primary);

/* Takes over a reloaded configuration: settings (see pool_renew()) and number of connections, allowed lag. */
void standbys_renew(struct standbys *standbys, const struct config *config, bool has_other_login);

/* Closes everything. The loop must run until the handles are closed, then standbys_destroy() frees the
 * memory.
 */
void standbys_stop(struct standbys *standbys);
void standbys_destroy(struct standbys *standbys);

/* Chooses a pool for the query, sets query->pool and submits it there; returns as pool_submit does. */
int standbys_submit(struct standbys *standbys, struct pool *primary, struct query *query);
/* To be called first by the query's on_done. True: it was submitted again elsewhere, and on_done will be
 * called once more. */
bool standbys_try_again(struct standbys *standbys, struct query *query, const struct query_outcome *outcome);

void standbys_tell_metrics(const struct standbys *standbys);

#endif
