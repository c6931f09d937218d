/* SPDX-License-Identifier: MIT
 *
 * Replaces connections that have old settings, in each lane one at a time. First the lane gets a spare
 * connection with the new settings; while that and all others are up, one old connection after another closes
 * and reconnects. Surplus connections are retired as soon as enough others are up. So a lane never has fewer
 * connections than wanted, and if the new settings do not work only the spare fails to connect.
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

/* It can take batches, and will still be able to once its present one has come back. */
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

/* Retires connections beyond those wanted, from the last on; those that serve only if enough others serve. */
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

/* NULL: out of memory, or a retired or old connection still has the spare's place; the next call tries again.
 */
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

/* Applies new settings to pauses and waits that have begun: a connection that is down tries at once, one that
 * is connecting starts over, and a read that waits for a lock is cancelled, to run again under the new limit.
 */
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
