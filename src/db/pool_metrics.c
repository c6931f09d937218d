/* SPDX-License-Identifier: MIT */
#include "db/pool_metrics.h"

#include "observe/metrics.h"

#define POOLS_MAX 4

static const struct pool *pools[POOLS_MAX];
static unsigned pools_n;

const char *conn_state_name(enum conn_state state)
{
    static const char *const names[CONN_STATES] = { [CONN_CLOSED] = "closed",
                                                    [CONN_DOWN] = "down",
                                                    [CONN_RESOLVING] = "resolving",
                                                    [CONN_CONNECTING] = "connecting",
                                                    [CONN_PREPARING] = "preparing",
                                                    [CONN_IDLE] = "idle",
                                                    [CONN_BUSY] = "busy" };
    return names[state] ? names[state] : "other";
}

static void tell_connections(struct metrics_out *out, const struct pool_lane *lane, const char *name)
{
    unsigned in_state[CONN_STATES] = { 0 };
    for (unsigned i = 0; i < lane->conns_n; i++)
        in_state[lane->conns[i].state] += !lane->conns[i].is_retired;
    for (enum conn_state state = 0; state < CONN_STATES; state++)
        metrics_put(out, METRIC_svcd_database_connections, in_state[state], name, conn_state_name(state));
}

static void tell_lane(struct metrics_out *out, enum metric metric, const struct pool_lane *lane,
                      const char *name)
{
    switch (metric) {
    case METRIC_svcd_database_connections:
        tell_connections(out, lane, name);
        break;
    case METRIC_svcd_database_queue_length:
        metrics_put(out, metric, lane->queue.n, name);
        break;
    case METRIC_svcd_database_refused_total:
        metrics_put(out, metric, lane->refused_n, name);
        break;
    case METRIC_svcd_database_lost_total:
        metrics_put(out, metric, lane->lost_n, name);
        break;
    default:
        metrics_put_histogram(out, metric, &lane->batch_sizes, name);
    }
}

static void tell_lanes(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    for (unsigned i = 0; i < pools_n; i++)
        for (enum lane lane = 0; lane < LANES; lane++)
            if (pools[i]->lanes[lane].conns_n > 0)
                tell_lane(out, metric, &pools[i]->lanes[lane], lane_name(lane));
}

static void tell_pool(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct pool *pool = owner;
    metrics_put(out, metric,
                metric == METRIC_svcd_database_available ? pool_is_available(pool) : pool->options.queue_max);
}

void pool_tell_metrics(const struct pool *pool)
{
    static const enum metric of_lanes[] = {
        METRIC_svcd_database_connections, METRIC_svcd_database_queue_length,
        METRIC_svcd_database_refused_total, METRIC_svcd_database_lost_total, METRIC_svcd_database_batch_size
    };
    if (pools_n == POOLS_MAX)
        return;
    if (pools_n == 0) {
        metrics_set_reader(METRIC_svcd_database_available, tell_pool, pool);
        metrics_set_reader(METRIC_svcd_database_queue_limit, tell_pool, pool);
    }
    pools[pools_n++] = pool;
    for (size_t i = 0; i < sizeof of_lanes / sizeof *of_lanes; i++)
        metrics_set_reader(of_lanes[i], tell_lanes, NULL);
}
