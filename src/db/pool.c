/* SPDX-License-Identifier: MIT
 *
 * The pool's lanes and connections, start and stop. Elsewhere: which query goes next (queue.c), sending
 * (pool_send.c), cancelling (pool_watch.c), replacing connections (pool_renew.c), one connection (conn.c),
 * one batch (batch.c).
 */
#include "db/pool.h"

#include <limits.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/loop_clock.h"

#define CHECK_EVERY_MS 1000
#define RESULTS_NS     UINT64_C(1000000) /* a turn begins no more results after this time */

/* Queries for one connection, under way or ready, that keep it busy: about two batches, one at the server and
 * one that gathers. More would not raise throughput, only latency. 0: no limit. */
static const unsigned shared_max[LANES] = { [LANE_READ] = 128, [LANE_INSERT] = 64, [LANE_WRITE] = 4 };

static struct pool_lane *lane_of(struct pool *pool, const struct query *query)
{
    return &pool->lanes[query->statement->lane];
}

/* ---- connections ---- */

static void tell_available(struct pool *pool)
{
    bool available = pool_is_available(pool);
    if (available == pool->available)
        return;
    pool->available = available;
    if (pool->on_available)
        pool->on_available(pool->data, available);
}

/* Until every lane has one connection, only the first of each lane may connect: the server may be close to
 * its connection limit. */
static bool may_connect(const struct conn *conn)
{
    const struct pool *pool = conn->data;
    bool each_has_one = true;
    for (enum lane number = 0; number < LANES; number++)
        each_has_one &= pool->lanes[number].conns_n == 0 || pool->lanes[number].up > 0;
    return each_has_one || conn == pool->lanes[conn->lane].conns;
}

static bool has_backend(struct conn *conn, int64_t pid, int64_t began_us)
{
    const struct pool *pool = conn->data;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++) {
            const struct conn *other = &pool->lanes[number].conns[i];
            if (other != conn && other->state >= CONN_PREPARING && other->backend_pid == pid &&
                other->backend_began_us == began_us)
                return true;
        }
    return false;
}

static void on_refused(struct conn *conn)
{
    struct pool *pool = conn->data;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++)
            conn_drop(&pool->lanes[number].conns[i]);
}

static void on_up(struct conn *conn)
{
    struct pool *pool = conn->data;
    pool->lanes[conn->lane].up++;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++)
            conn_wake(&pool->lanes[number].conns[i]);
    tell_available(pool);
    pool_renew_next(pool, false);
}

static void forget_batch(struct pool_lane *lane, struct conn *conn)
{
    lane->apart_busy -= conn->batch.apart;
    lane->is_probing &= !conn->batch.is_probe;
    lane->shared_n -= conn->shared_n;
    conn->shared_n = 0;
    conn->batch.apart = conn->batch.is_probe = false;
}

static void on_down(struct conn *conn, struct query_list *retry)
{
    struct pool *pool = conn->data;
    struct pool_lane *lane = &pool->lanes[conn->lane];
    forget_batch(lane, conn);
    lane->up--;
    lane->lost_n += !conn->is_retired && !conn->is_leaving;
    queue_again(&lane->queue, retry);
    if (lane->up == 0 && !conn->is_replaced && !conn->is_retired)
        queue_end(&lane->queue, QUERY_LOST);
    tell_available(pool);
}

/* Queries of a lane without connections were kept while these were being replaced; that has failed now. */
static void on_failed(struct conn *conn)
{
    struct pool *pool = conn->data;
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        if (lane->up == 0 && lane->queue.n > 0)
            queue_end(&lane->queue, QUERY_LOST);
    }
}

static void on_batch_done(struct conn *conn)
{
    struct pool *pool = conn->data;
    struct pool_lane *lane = &pool->lanes[conn->lane];
    if (conn->batch.is_probe)
        pool_probed(lane, &conn->batch, uv_hrtime());
    pool_learn_usual(lane, &conn->batch, uv_hrtime());
    forget_batch(lane, conn);
    bool was_locked = !TAILQ_EMPTY(&conn->batch.stuck) && !conn->batch.cancelled;
    queue_again_apart(&lane->queue, &conn->batch.stuck, conn->batch.cancelled);
    queue_again(&lane->queue, &conn->batch.retry);
    if (was_locked) /* or it would be sent again, however long it has waited already */
        queue_expire_apart(&lane->queue, uv_hrtime());
}

/* At least one connection is read in each turn. Those left over come first in the next turn, because epoll
 * reports sockets in the order in which they became readable. */
static bool may_read(struct conn *conn)
{
    struct pool *pool = conn->data;
    uint64_t now_ns = loop_clock_read();
    bool is_first = !pool->turn_ends_ns;
    if (is_first)
        pool->turn_ends_ns = now_ns + pool->results_ns;
    return is_first || now_ns < pool->turn_ends_ns;
}

static const struct conn_owner conn_owner = { .may_connect = may_connect,
                                              .has_backend = has_backend,
                                              .on_refused = on_refused,
                                              .on_up = on_up,
                                              .on_down = on_down,
                                              .on_failed = on_failed,
                                              .may_read = may_read,
                                              .on_batch_done = on_batch_done };

/* ---- the end of a turn ---- */

/* Sends before libuv polls what RPCs and timers have submitted, and after it what continuations have. */
static void on_before_poll(uv_prepare_t *handle)
{
    struct pool *pool = handle->data;
    pool->turn_ends_ns = 0;
    pool_send_all(pool);
}

static void on_after_poll(uv_check_t *handle)
{
    pool_send_all(handle->data);
}

static void check_conn(struct conn *conn, uint64_t now_ns)
{
    const struct primary *primary = conn->options->primary;
    if (primary && conn->state >= CONN_IDLE && conn->timeline < primary->timeline)
        conn_replace(conn);
    conn_check(conn, now_ns);
}

static void on_check(uv_timer_t *check)
{
    struct pool *pool = check->data;
    uint64_t now_ns = uv_now(check->loop) * 1000000;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++)
            check_conn(&pool->lanes[number].conns[i], now_ns);
    for (enum lane number = 0; number < LANES; number++)
        queue_expire(&pool->lanes[number].queue, uv_hrtime());
    pool_renew_next(pool, true);
}

/* ---- start and stop ---- */

/* In the write lane one statement may not take all connections, so that other statements always get one. */
static unsigned kind_max(enum lane number, unsigned n)
{
    return number == LANE_WRITE && n > 1 ? n - 1 : POOL_CONNECTIONS_MAX;
}

struct conn *pool_add_conn(struct pool *pool, enum lane number, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    struct conn *conn = &lane->conns[lane->conns_n];
    *conn = (struct conn){ .options = &pool->options.conn,
                           .owner = &conn_owner,
                           .data = pool,
                           .lane = number,
                           .number = (unsigned)number * 100 + lane->conns_n };
    if (conn_start(conn, loop))
        return NULL;
    lane->conns_n++;
    return conn;
}

/* Makes n connections serve: existing ones, then new ones. If there are more, pool_renew_next() retires them.
 */
static int lane_resize(struct pool *pool, enum lane number, unsigned n, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    for (; lane->wanted < n && lane->wanted < lane->conns_n; lane->wanted++)
        conn_return(&lane->conns[lane->wanted]);
    for (; lane->wanted < n; lane->wanted++)
        if (!pool_add_conn(pool, number, loop))
            return UV_ENOMEM;
    lane->wanted = n;
    lane->queue.kind_max = kind_max(number, n);
    lane->queue.has_places_apart = n > 1;
    return 0;
}

static int lane_start(struct pool *pool, enum lane number, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    unsigned n = pool->options.connections[number];
    if (n > POOL_CONNECTIONS_MAX)
        return UV_EINVAL;
    int rc = queue_init(&lane->queue, number, kind_max(number, n));
    pool_limit_waiting(pool, number);
    if (rc || n == 0)
        return rc;
    lane->conns = calloc(POOL_CONNECTIONS_MAX + 1, sizeof *lane->conns); /* untouched memory costs nothing */
    return lane->conns ? lane_resize(pool, number, n, loop) : UV_ENOMEM;
}

int pool_reconfigure(struct pool *pool, const unsigned connections[LANES], unsigned queue_max)
{
    int rc = 0;
    pool->options.queue_max = queue_max;
    for (enum lane number = 0; number < LANES && !pool->stopping; number++) {
        unsigned n = connections[number];
        if (!pool->lanes[number].conns || n == 0 || n > POOL_CONNECTIONS_MAX)
            continue;
        pool->options.connections[number] = n;
        int lane_rc = lane_resize(pool, number, n, pool->check.loop);
        rc = rc ? rc : lane_rc;
    }
    pool_renew_next(pool, false);
    return rc;
}

int pool_start(struct pool *pool, uv_loop_t *loop, const struct pool_options *options)
{
    pool->options = *options;
    outage_init(&pool->own_outage);
    if (!pool->options.conn.outage)
        pool->options.conn.outage = &pool->own_outage;
    pool->available = pool->stopping = false;
    pool->results_ns = RESULTS_NS;
    pool->turn_ends_ns = 0;
    for (enum lane number = 0; number < LANES; number++)
        pool->lanes[number] = (struct pool_lane){ 0 };
    uv_prepare_init(loop, &pool->before_poll);
    uv_check_init(loop, &pool->after_poll);
    uv_timer_init(loop, &pool->check);
    uv_timer_init(loop, &pool->watch);
    pool->before_poll.data = pool->after_poll.data = pool->check.data = pool->watch.data = pool;
    uv_prepare_start(&pool->before_poll, on_before_poll);
    uv_check_start(&pool->after_poll, on_after_poll);
    uv_timer_start(&pool->check, on_check, CHECK_EVERY_MS, CHECK_EVERY_MS);
    int rc = 0;
    for (enum lane number = 0; number < LANES && !rc; number++)
        rc = lane_start(pool, number, loop);
    if (rc)
        pool_stop(pool);
    return rc;
}

void pool_follow_primary(struct pool *pool)
{
    const struct primary *primary = pool->options.conn.primary;
    if (!primary || pool->stopping)
        return;
    pool->options.conn.outage->next_ns = 0;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++) {
            struct conn *conn = &pool->lanes[number].conns[i];
            if (conn->timeline < primary->timeline)
                conn_replace(conn);
            conn_wake(conn);
        }
}

void pool_stop(struct pool *pool)
{
    pool->stopping = true;
    pool->on_available = NULL; /* the caller knows that it goes away */
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        for (unsigned i = 0; i < lane->conns_n; i++)
            conn_stop(&lane->conns[i]);
        if (lane->queue.kinds)
            queue_end(&lane->queue, QUERY_LOST);
    }
    uv_close((uv_handle_t *)&pool->before_poll, NULL);
    uv_close((uv_handle_t *)&pool->after_poll, NULL);
    uv_close((uv_handle_t *)&pool->check, NULL);
    uv_close((uv_handle_t *)&pool->watch, NULL);
}

void pool_finish(struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        for (unsigned i = 0; i < lane->conns_n; i++)
            conn_finish(&lane->conns[i]);
        free(lane->conns);
        queue_finish(&lane->queue);
    }
}

/* ---- queries ---- */

bool pool_is_available(const struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++)
        if (number != LANE_CONTROL && pool->options.connections[number] > 0 && pool->lanes[number].up == 0)
            return false;
    return !pool->stopping;
}

bool pool_is_unready(const struct pool *pool)
{
    return pool->options.conn.outage->is_unready;
}

int pool_room(const struct pool *pool, enum lane number)
{
    const struct pool_lane *lane = &pool->lanes[number];
    if (lane->up == 0 || !shared_max[number])
        return INT_MAX;
    return (int)(lane->wanted * shared_max[number]) - (int)(lane->shared_n + lane->queue.ready_n);
}

int pool_submit(struct pool *pool, struct query *query)
{
    struct pool_lane *lane = lane_of(pool, query);
    if (pool->stopping || lane->up == 0)
        return UV_ENOTCONN;
    if (!queue_has_room(&lane->queue, query, pool->options.queue_max)) {
        lane->refused_n++;
        return UV_ENOBUFS;
    }
    queue_submit(&lane->queue, query);
    return 0;
}

bool pool_withdraw(struct pool *pool, struct query *query)
{
    query->unwanted = true;
    if (query->state == QUERY_QUEUED) {
        queue_remove(query);
        return true;
    }
    if (query->batch && pool_watches(query->statement->lane) && batch_is_unwanted(query->batch))
        pool_cancel(pool, container_of(query->batch, struct conn, batch), true);
    return false;
}
