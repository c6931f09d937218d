/* SPDX-License-Identifier: MIT
 *
 * The metrics of pools: connections and queues. Loop thread only.
 */
#ifndef DB_POOL_METRICS_H
#define DB_POOL_METRICS_H

#include "db/pool.h"

/* Adds a pool, which must outlive the last scrape of the metrics. The first one tells whether the database is
 * available. Pools beyond a small number are left out. */
void pool_tell_metrics(const struct pool *pool);

const char *conn_state_name(enum conn_state state);

#endif
