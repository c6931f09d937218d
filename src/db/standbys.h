/* SPDX-License-Identifier: MIT
 *
 * Reads from standbys: each has a pool of its own for reads, and is asked again and again how far it is, as
 * the primary is. A standby is as old as the last moment at which the primary was, as far as we saw, no
 * further than it is now: so clocks of other machines do not count, and an idle primary makes nobody look
 * late.
 *
 * A read that a standby may answer goes to one that is not too far behind, else to the primary; what a
 * standby fails is run again by the primary. While no primary answers it goes to whichever standby is
 * furthest, and is told to be stale. Loop thread only.
 */
#ifndef DB_STANDBYS_H
#define DB_STANDBYS_H

#include "config/config.h"
#include "db/pool.h"

struct standbys;

/* For the primary's pool, which must outlive it. `*standbys` is NULL where none are configured. Returns 0 or
 * a UV_E* code. */
int standbys_start(struct standbys **standbys, uv_loop_t *loop, const struct config *config,
                   struct pool *primary);

/* Other settings of the same standbys' connections, see pool_renew(), other numbers of them, and how late
 * they may be. NULL is let pass. */
void standbys_renew(struct standbys *standbys, const struct config *config, bool has_other_login);

/* Closes everything; the loop must run until its handles are closed, then standbys_destroy. NULL is let pass.
 */
void standbys_stop(struct standbys *standbys);
void standbys_destroy(struct standbys *standbys);

/* Submits a query to where it is answered best, query->pool, as pool_submit does. standbys NULL: to the
 * primary. */
int standbys_submit(struct standbys *standbys, struct pool *primary, struct query *query);
/* For its on_done, first: true if it was submitted again, and on_done will be called once more. */
bool standbys_try_again(struct standbys *standbys, struct query *query, const struct query_outcome *outcome);

void standbys_tell_metrics(const struct standbys *standbys);

#endif
