/* SPDX-License-Identifier: MIT
 *
 * Connections with other settings in place of those that there are, a lane by itself and one at a time: first
 * a spare one is made, and while it and all others are up, one that is old leaves and comes again. So a lane
 * never has fewer than it is to have, and where the new settings are no good nothing is lost but the spare.
 */
#include "db/pool.h"

static bool is_old(const struct conn *conn)
{
    return conn->state >= CONN_RESOLVING && conn->settings_n != conn->options->settings_n;
}

static struct conn *old_one(struct pool_lane *lane, bool even_if_leaving)
{
    for (unsigned i = 0; i < lane->wanted; i++)
        if (is_old(&lane->conns[i]) && (even_if_leaving || !lane->conns[i].is_leaving))
            return &lane->conns[i];
    return NULL;
}

void pool_end_spare(struct pool_lane *lane)
{
    if (lane->spare)
        conn_retire(lane->spare);
    lane->spare = NULL;
}

static struct conn *begin_spare(struct pool *pool, enum lane number)
{
    struct pool_lane *lane = &pool->lanes[number];
    if (lane->conns_n == lane->wanted)
        return pool_add_conn(pool, number, pool->check.loop);
    conn_return(&lane->conns[lane->wanted]);
    return &lane->conns[lane->wanted];
}

static void renew_lane(struct pool *pool, enum lane number, bool beside_leaving)
{
    struct pool_lane *lane = &pool->lanes[number];
    struct conn *next = old_one(lane, !beside_leaving);
    if (!old_one(lane, true))
        pool_end_spare(lane);
    else if (!lane->spare)
        lane->spare = begin_spare(pool, number); /* without memory the next look does */
    else if (lane->up > lane->wanted && next)
        conn_leave(next);
}

void pool_renew_next(struct pool *pool, bool beside_leaving)
{
    for (enum lane number = 0; number < LANES && !pool->stopping; number++)
        if (pool->lanes[number].conns)
            renew_lane(pool, number, beside_leaving);
}

uint64_t pool_wait_max_ns(const struct conn_options *options, enum lane number)
{
    unsigned ms = number == LANE_READ    ? options->lock_wait_ms
                  : pool_watches(number) ? options->statement_timeout_ms
                                         : 0;
    return ms * UINT64_C(1000000);
}

/* Nobody waits until a pause or a patience of the old measure is over. A read that waits for a lock is run
 * again, if it still may. */
static void try_now(struct pool *pool, struct conn *conn, bool connects_anew, bool reads_anew)
{
    conn_wake(conn);
    if (connects_anew && conn->state >= CONN_RESOLVING && conn->state < CONN_IDLE)
        conn_replace(conn);
    if (reads_anew && conn->lane == LANE_READ && conn->state == CONN_BUSY && conn->batch.apart)
        pool_cancel(pool, conn, false);
}

void pool_renew(struct pool *pool, const struct conn_options *options, bool has_other_login)
{
    struct conn_options *mine = &pool->options.conn;
    bool connects_anew = has_other_login || options->connect_timeout_ms != mine->connect_timeout_ms;
    bool reads_anew = options->lock_wait_ms != mine->lock_wait_ms;
    bool is_for_sessions = has_other_login || options->statement_timeout_ms != mine->statement_timeout_ms;
    mine->keywords = options->keywords;
    mine->values = options->values;
    mine->connect_timeout_ms = options->connect_timeout_ms;
    mine->statement_timeout_ms = options->statement_timeout_ms;
    mine->lock_wait_ms = options->lock_wait_ms;
    mine->answer_timeout_ms = options->answer_timeout_ms;
    mine->reconnect_min_ms = options->reconnect_min_ms;
    mine->reconnect_max_ms = options->reconnect_max_ms;
    mine->settings_n += is_for_sessions;
    mine->outage->next_ns = 0;
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        lane->queue.wait_max_ns = pool_wait_max_ns(mine, number);
        for (unsigned i = 0; i < lane->conns_n; i++)
            try_now(pool, &lane->conns[i], connects_anew, reads_anew);
    }
    pool_renew_next(pool, false);
}
