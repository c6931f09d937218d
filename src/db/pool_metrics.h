/* SPDX-License-Identifier: MIT
 *
 * What pools tell the metrics of their connections and queues. Loop thread only.
 */
#ifndef DB_POOL_METRICS_H
#define DB_POOL_METRICS_H

#include "db/pool.h"

/* Also of this pool from now on, which must outlive the last look at the metrics. Whether the database is
 * available is what the first one says. More than a few pools are let pass. */
void pool_tell_metrics(const struct pool *pool);

const char *conn_state_name(enum conn_state state);

#endif
