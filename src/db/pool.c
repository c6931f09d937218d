/* SPDX-License-Identifier: MIT
 *
 * Lanes, the end of a turn, and what is ended before its time. Who goes next is queue.c's matter, what
 * happens on one connection conn.c's, within one batch batch.c's.
 */
#include "db/pool.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"

#define CHECK_EVERY_MS 1000
#define WATCH_EVERY_MS 20
#define STARVED_NS     UINT64_C(40000000) /* waited so long for a connection */
#define SLICE_MS       200                /* that a read waits for a lock while others wait for its place */
#define SLICE_WRITE_MS 1500               /* likewise; longer than it takes the server to see a deadlock */

/* Queries that may share one Sync of the lane. Writes that lock go alone, so that none waits on another's
 * locks. */
static const unsigned queries_max[LANES] = {
    [LANE_READ] = BATCH_MAX, [LANE_INSERT] = 128, [LANE_WRITE] = 1, [LANE_JOB] = 1, [LANE_CONTROL] = 32
};

/* What shares a connection, under way and waiting for it: about two batches, one that travels and one that
 * gathers. With more nothing is done sooner, and everything later. */
static const unsigned shared_max[LANES] = { [LANE_READ] = 128, [LANE_INSERT] = 64, [LANE_WRITE] = 4 };

/* How long a batch may take while it keeps others waiting, until what is under way is run apart. */
static const uint64_t slow_ns[LANES] = {
    [LANE_READ] = UINT64_C(60000000), [LANE_INSERT] = UINT64_C(250000000), [LANE_WRITE] = UINT64_C(250000000)
};

static struct pool_lane *lane_of(struct pool *pool, const struct query *query)
{
    return &pool->lanes[query->statement->lane];
}

/* Statements of these lanes are looked after; jobs take their time. */
static bool is_watched(enum lane lane)
{
    return slow_ns[lane] > 0;
}

/* ---- ending what is under way ---- */

static void on_cancelled(struct query *query, const struct query_outcome *outcome)
{
    (void)outcome; /* if it was in vain the next look will tell */
    struct conn *conn = container_of(query, struct conn, cancel);
    conn->is_cancelling = false;
}

/* Until the server has said that it did, no other batch may start on the connection: it would be ended in its
 * place. */
static void cancel(struct pool *pool, struct conn *conn, bool even_committing)
{
    if (conn->is_cancelling || !conn->backend_pid)
        return;
    struct query *query = &conn->cancel;
    *query = (struct query){ .statement = statement_named("cancel_backend"),
                             .deadline_ns = UINT64_MAX,
                             .on_done = on_cancelled };
    value_put_integer(&query->params[0], (int32_t)conn->backend_pid);
    value_put_bigint(&query->params[1], conn->backend_began_us);
    value_put_boolean(&query->params[2], even_committing);
    if (pool_submit(pool, query) == 0)
        conn->is_cancelling = conn->batch.cancelled = true;
}

static bool is_busy(const struct conn *conn)
{
    return conn->state == CONN_BUSY;
}

static uint64_t ran_ns(const struct conn *conn, uint64_t now_ns)
{
    return is_busy(conn) && now_ns > conn->batch.sent_ns ? now_ns - conn->batch.sent_ns : 0;
}

/* Whether somebody who would do no harm waits, and has for long. */
static bool is_starved(struct pool_lane *lane, uint64_t now_ns)
{
    const struct query *next = TAILQ_FIRST(&lane->queue.ready);
    return next && now_ns > next->submitted_ns + STARVED_NS;
}

/* The batch that has taken longest, of those that have had their time. */
static struct conn *slowest(struct pool_lane *lane, enum lane number, uint64_t now_ns)
{
    struct conn *found = NULL;
    bool all_apart = lane->apart_busy >= lane->wanted;
    for (unsigned i = 0; i < lane->conns_n; i++) {
        struct conn *conn = &lane->conns[i];
        if (conn_is_free(conn) || conn->is_cancelling)
            return NULL; /* there is, or will be, one for whoever waits */
        if (ran_ns(conn, now_ns) < slow_ns[number] || (conn->batch.apart && !all_apart))
            continue;
        if (!found || ran_ns(conn, now_ns) > ran_ns(found, now_ns))
            found = conn;
    }
    return found;
}

static void watch_lane(struct pool *pool, enum lane number, uint64_t now_ns)
{
    struct pool_lane *lane = &pool->lanes[number];
    for (unsigned i = 0; i < lane->conns_n; i++) {
        struct conn *conn = &lane->conns[i];
        if (is_busy(conn) && batch_is_unwanted(&conn->batch))
            cancel(pool, conn, true);
        else if (ran_ns(conn, now_ns) > slow_ns[number] && batch_has_company(&conn->batch))
            cancel(pool, conn, false);
    }
    struct conn *conn = is_starved(lane, now_ns) ? slowest(lane, number, now_ns) : NULL;
    if (conn)
        cancel(pool, conn, false);
    queue_expire_apart(&lane->queue, now_ns);
}

static bool is_at_work(const struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++) {
        const struct pool_lane *lane = &pool->lanes[number];
        if (is_watched(number) && lane->queue.n > 0)
            return true;
        for (unsigned i = 0; is_watched(number) && i < lane->conns_n; i++)
            if (is_busy(&lane->conns[i]))
                return true;
    }
    return false;
}

static void on_watch(uv_timer_t *watch)
{
    struct pool *pool = watch->data;
    uint64_t now_ns = uv_hrtime();
    for (enum lane number = 0; number < LANES; number++)
        if (is_watched(number))
            watch_lane(pool, number, now_ns);
    if (!is_at_work(pool))
        uv_timer_stop(watch);
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
}

static void forget_batch(struct pool_lane *lane, struct conn *conn)
{
    lane->apart_busy -= conn->batch.apart;
    lane->shared_n -= conn->shared_n;
    conn->shared_n = 0;
    conn->batch.apart = false;
}

static void on_down(struct conn *conn, struct query_list *retry)
{
    struct pool *pool = conn->data;
    struct pool_lane *lane = &pool->lanes[conn->lane];
    forget_batch(lane, conn);
    lane->up--;
    lane->lost_n++;
    queue_again(&lane->queue, retry);
    if (lane->up == 0 && !conn->is_replaced && !conn->is_retired)
        queue_end(&lane->queue, QUERY_LOST);
    tell_available(pool);
}

/* What waited for connections that were replaced waits no longer. */
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
    forget_batch(lane, conn);
    queue_again_apart(&lane->queue, &conn->batch.stuck, conn->batch.locked && conn->lane == LANE_READ);
    queue_again(&lane->queue, &conn->batch.retry);
}

static const struct conn_owner conn_owner = { .has_backend = has_backend,
                                              .on_refused = on_refused,
                                              .on_up = on_up,
                                              .on_down = on_down,
                                              .on_failed = on_failed,
                                              .on_batch_done = on_batch_done };

/* ---- the end of a turn ---- */

static void fill(struct pool_lane *lane, enum lane number, struct batch *batch)
{
    struct query *query;
    const struct statement *beside = NULL;
    bool is_mixed = false;
    for (unsigned n = 0; n < queries_max[number]; n++) {
        query = queue_next(&lane->queue, beside, is_mixed);
        bool alone = query && query->alone;
        if (!query || !batch_add(batch, query))
            return;
        is_mixed |= beside && beside != query->statement;
        beside = query->statement;
        if (alone)
            return;
    }
}

/* One statement only: its reads merged, or one write. */
static void fill_apart(struct pool *pool, struct pool_lane *lane, enum lane number, struct batch *batch)
{
    const struct statement *beside = NULL;
    unsigned most = number == LANE_READ ? BATCH_MAX : 1;
    batch->apart = true;
    for (unsigned n = 0; n < most && batch->n <= 1; n++) {
        struct query *query = queue_next_apart(&lane->queue, beside);
        if (!query)
            break;
        beside = query->statement;
        bool alone = query->alone;
        if (n == queue_merge_max(&lane->queue, beside) || !batch_add(batch, query) || alone)
            break;
    }
    batch->apart = batch->n > 0;
    bool others_wait = lane->queue.apart_n > 0;
    if (number == LANE_READ)
        batch->patience_ms = others_wait ? SLICE_MS : (int)pool->options.conn.lock_wait_ms;
    else if (others_wait && lane->apart_busy + 2 >= lane->wanted)
        batch->patience_ms = SLICE_WRITE_MS;
}

/* While a statement is stuck here and there, one at a time of those that came since is tried with little
 * patience on the connection that is kept from those apart: other rows may be free. */
static void fill_untried(struct pool_lane *lane, enum lane number, struct batch *batch)
{
    struct query *query = number == LANE_WRITE && lane->queue.apart_n > 0 && lane->shared_n == 0
                              ? queue_next_untried(&lane->queue)
                              : NULL;
    if (query)
        batch_add(batch, query);
}

/* Those apart have their turn while nobody else waits, or nothing of them is under way; but one connection
 * is kept from them, if there is more than one. */
static bool is_turn_of_apart(const struct pool_lane *lane)
{
    unsigned most = lane->wanted > 1 ? lane->wanted - 1 : 1;
    bool others_wait = !TAILQ_EMPTY(&lane->queue.ready);
    return lane->queue.apart_n > 0 && lane->apart_busy < (others_wait ? (lane->wanted > 1 ? 1 : 0) : most);
}

/* Returns false when there is nothing to send. */
static bool send_waiting(struct pool *pool, enum lane number, struct conn *conn)
{
    struct pool_lane *lane = &pool->lanes[number];
    bool apart = is_turn_of_apart(lane);
    batch_init(&conn->batch, &lane->queue, number != LANE_READ);
    if (apart)
        fill_apart(pool, lane, number, &conn->batch);
    if (conn->batch.n == 0)
        fill(lane, number, &conn->batch);
    if (conn->batch.n == 0)
        fill_untried(lane, number, &conn->batch);
    if (conn->batch.n == 0)
        return false;
    lane->apart_busy += conn->batch.apart;
    conn->shared_n = conn->batch.apart ? 0 : batch_size(&conn->batch);
    lane->shared_n += conn->shared_n;
    histogram_add_size(&lane->batch_sizes, batch_size(&conn->batch));
    pool->batches_sent++;
    conn_send(conn);
    if (is_watched(number) && !pool->stopping && !uv_is_active((uv_handle_t *)&pool->watch))
        uv_timer_start(&pool->watch, on_watch, WATCH_EVERY_MS, WATCH_EVERY_MS);
    return true;
}

static void send_all(struct pool *pool)
{
    if (pool->before_send && !pool->stopping)
        pool->before_send(pool->before_send_data);
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        for (unsigned i = 0; i < lane->conns_n && lane->queue.n > 0; i++)
            if (conn_is_free(&lane->conns[i]) && !send_waiting(pool, number, &lane->conns[i]))
                break;
    }
}

/* Before libuv polls: what RPCs and timers have submitted. After it: what continuations have. */
static void on_before_poll(uv_prepare_t *handle)
{
    send_all(handle->data);
}

static void on_after_poll(uv_check_t *handle)
{
    send_all(handle->data);
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
}

/* ---- start and stop ---- */

/* One write that locks is kept a connection from all others of its statement. */
static unsigned kind_max(enum lane number, unsigned n)
{
    return number == LANE_WRITE && n > 1 ? n - 1 : POOL_CONNECTIONS_MAX;
}

/* So many connections are in use: those that there are, then new ones. */
static int lane_resize(struct pool *pool, enum lane number, unsigned n, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    for (unsigned i = n; i < lane->wanted; i++)
        conn_retire(&lane->conns[i]);
    for (; lane->wanted < n && lane->wanted < lane->conns_n; lane->wanted++)
        conn_return(&lane->conns[lane->wanted]);
    for (; lane->conns_n < n; lane->wanted = ++lane->conns_n) {
        struct conn *conn = &lane->conns[lane->conns_n];
        *conn = (struct conn){ .options = &pool->options.conn,
                               .owner = &conn_owner,
                               .data = pool,
                               .lane = number,
                               .number = (unsigned)number * 100 + lane->conns_n };
        int rc = conn_start(conn, loop);
        if (rc)
            return rc;
    }
    lane->wanted = n;
    lane->queue.kind_max = kind_max(number, n);
    return 0;
}

static int lane_start(struct pool *pool, enum lane number, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    const struct conn_options *options = &pool->options.conn;
    unsigned n = pool->options.connections[number];
    if (n > POOL_CONNECTIONS_MAX)
        return UV_EINVAL;
    unsigned wait_max_ms = number == LANE_READ  ? options->lock_wait_ms
                           : is_watched(number) ? options->statement_timeout_ms
                                                : 0;
    int rc = queue_init(&lane->queue, number, kind_max(number, n), wait_max_ms * UINT64_C(1000000));
    if (rc || n == 0)
        return rc;
    lane->conns = calloc(POOL_CONNECTIONS_MAX, sizeof *lane->conns); /* untouched memory costs nothing */
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
    return rc;
}

int pool_start(struct pool *pool, uv_loop_t *loop, const struct pool_options *options)
{
    pool->options = *options;
    outage_init(&pool->own_outage);
    if (!pool->options.conn.outage)
        pool->options.conn.outage = &pool->own_outage;
    pool->available = pool->stopping = false;
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
    pool->on_available = NULL; /* going away is no news now */
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

int pool_room(const struct pool *pool, enum lane number)
{
    const struct pool_lane *lane = &pool->lanes[number];
    if (lane->up == 0 || !shared_max[number])
        return INT_MAX;
    return (int)(lane->conns_n * shared_max[number]) - (int)(lane->shared_n + lane->queue.ready_n);
}

int pool_submit(struct pool *pool, struct query *query)
{
    struct pool_lane *lane = lane_of(pool, query);
    if (pool->stopping || lane->up == 0)
        return UV_ENOTCONN;
    if (lane->queue.n >= pool->options.queue_max) {
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
    if (query->batch && is_watched(query->statement->lane) && batch_is_unwanted(query->batch))
        cancel(pool, container_of(query->batch, struct conn, batch), true);
    return false;
}
