/* SPDX-License-Identifier: MIT
 *
 * Connections with other settings in place of those that there are, a lane by itself and one at a time: first
 * a spare one is made behind those wanted, and while it and all others are up, one that is old leaves and
 * comes again. Where fewer are wanted, the others go as soon as so many are up without them. So a lane never
 * has fewer than it is to have, and where the new settings are no good nothing is lost but the spare.
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

/* And will be, when it has done what it is at. */
static bool is_serving(const struct conn *conn)
{
    return conn->state >= CONN_IDLE && !conn->is_leaving && !conn->is_retired;
}

static unsigned serving_n(const struct pool_lane *lane)
{
    unsigned n = 0;
    for (unsigned i = 0; i < lane->conns_n; i++)
        n += is_serving(&lane->conns[i]);
    return n;
}

/* The last first; one that serves only while enough others do. */
static void retire_surplus(struct pool_lane *lane, bool but_spare)
{
    unsigned n = serving_n(lane);
    for (unsigned i = lane->conns_n; i-- > lane->wanted;) {
        struct conn *conn = &lane->conns[i];
        bool is_spare = but_spare && i == lane->wanted && !is_old(conn);
        if (is_spare || conn->is_retired || (is_serving(conn) && n <= lane->wanted))
            continue;
        n -= is_serving(conn);
        conn_retire(conn);
    }
}

/* NULL: without memory, or while another one leaves its place; the next look tries again. */
static struct conn *spare_of(struct pool *pool, enum lane number)
{
    struct pool_lane *lane = &pool->lanes[number];
    if (lane->conns_n == lane->wanted)
        return pool_add_conn(pool, number, pool->check.loop);
    struct conn *spare = &lane->conns[lane->wanted];
    if (spare->is_retired && spare->state == CONN_DOWN)
        conn_return(spare);
    return spare->is_retired || is_old(spare) ? NULL : spare;
}

static void renew_lane(struct pool *pool, enum lane number, bool beside_leaving)
{
    struct pool_lane *lane = &pool->lanes[number];
    bool has_old = old_one(lane, true);
    retire_surplus(lane, has_old);
    if (!has_old)
        return;
    const struct conn *spare = spare_of(pool, number);
    struct conn *next = old_one(lane, !beside_leaving);
    if (spare && is_serving(spare) && lane->up > lane->wanted && next)
        conn_leave(next);
}

void pool_renew_next(struct pool *pool, bool beside_leaving)
{
    for (enum lane number = 0; number < LANES && !pool->stopping; number++)
        if (pool->lanes[number].conns)
            renew_lane(pool, number, beside_leaving);
}

void pool_limit_waiting(struct pool *pool, enum lane number)
{
    const struct conn_options *options = &pool->options.conn;
    struct queue *queue = &pool->lanes[number].queue;
    queue->slow_max_ns = pool_watches(number) ? options->statement_timeout_ms * UINT64_C(1000000) : 0;
    queue->lock_max_ns = number == LANE_READ ? options->lock_wait_ms * UINT64_C(1000000) : queue->slow_max_ns;
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
        pool_limit_waiting(pool, number);
        for (unsigned i = 0; i < lane->conns_n; i++)
            try_now(pool, &lane->conns[i], connects_anew, reads_anew);
    }
    pool_renew_next(pool, false);
}
