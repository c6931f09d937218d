/* SPDX-License-Identifier: MIT
 *
 * Queues, lanes and the end of a turn. What happens on one connection is conn.c's matter, within one batch
 * batch.c's.
 */
#include "db/pool.h"

#include <stdlib.h>

#define CHECK_EVERY_MS 1000

/* Queries that may share one Sync of the lane. Writes that lock go alone, so that none waits on another's
 * locks. */
static const unsigned queries_max[LANES] = {
    [LANE_READ] = BATCH_MAX, [LANE_INSERT] = 128, [LANE_WRITE] = 1, [LANE_JOB] = 1
};

static struct pool_lane *lane_of(struct pool *pool, const struct query *query)
{
    return &pool->lanes[query->statement->lane];
}

static void enqueue(struct pool *pool, struct query *query)
{
    struct pool_lane *lane = lane_of(pool, query);
    query->state = QUERY_QUEUED;
    lane->queued++;
    TAILQ_INSERT_TAIL(&lane->queue, query, link);
}

static void dequeue(struct pool *pool, struct query *query)
{
    struct pool_lane *lane = lane_of(pool, query);
    TAILQ_REMOVE(&lane->queue, query, link);
    lane->queued--;
    query->state = QUERY_IDLE;
}

/* To the head of their queue, in order: they have waited longest. */
static void enqueue_again(struct pool_lane *lane, struct query_list *retry)
{
    struct query *query;
    while ((query = TAILQ_LAST(retry, query_list))) {
        TAILQ_REMOVE(retry, query, link);
        if (query->unwanted) {
            query_end(query, QUERY_LOST);
            continue;
        }
        query->state = QUERY_QUEUED;
        lane->queued++;
        TAILQ_INSERT_HEAD(&lane->queue, query, link);
    }
}

static void end_queue(struct pool *pool, struct pool_lane *lane)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&lane->queue))) {
        dequeue(pool, query);
        query_end(query, QUERY_LOST);
    }
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

static void on_up(struct conn *conn)
{
    struct pool *pool = conn->data;
    pool->lanes[conn->lane].up++;
    tell_available(pool);
}

static void on_down(struct conn *conn, struct query_list *retry)
{
    struct pool *pool = conn->data;
    struct pool_lane *lane = &pool->lanes[conn->lane];
    lane->up--;
    lane->lost_n++;
    enqueue_again(lane, retry);
    if (lane->up == 0)
        end_queue(pool, lane);
    tell_available(pool);
}

static void on_batch_done(struct conn *conn, struct query_list *retry)
{
    struct pool *pool = conn->data;
    enqueue_again(&pool->lanes[conn->lane], retry);
}

static const struct conn_owner conn_owner = { .on_up = on_up,
                                              .on_down = on_down,
                                              .on_batch_done = on_batch_done };

/* ---- the end of a turn ---- */

static void drop_expired(struct pool *pool, struct pool_lane *lane, uint64_t now_ns)
{
    struct query *query, *next;
    for (query = TAILQ_FIRST(&lane->queue); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (query->deadline_ns <= now_ns) {
            dequeue(pool, query);
            query_end(query, QUERY_EXPIRED);
        }
    }
}

static void send_waiting(struct pool *pool, enum lane number, struct conn *conn, uint64_t now_ns)
{
    struct pool_lane *lane = &pool->lanes[number];
    batch_init(&conn->batch, number != LANE_READ);
    batch_fill(&conn->batch, &lane->queue, queries_max[number], now_ns);
    unsigned sent = 0;
    for (size_t i = 0; i < conn->batch.n; i++)
        sent += conn->batch.executions[i].n;
    lane->queued -= sent;
    histogram_add_size(&lane->batch_sizes, sent);
    pool->batches_sent++;
    conn_send(conn);
}

static void send_all(struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        for (unsigned i = 0; i < lane->conns_n && !TAILQ_EMPTY(&lane->queue); i++) {
            if (lane->conns[i].state != CONN_IDLE)
                continue;
            uint64_t now_ns = uv_hrtime();
            drop_expired(pool, lane, now_ns);
            if (!TAILQ_EMPTY(&lane->queue))
                send_waiting(pool, number, &lane->conns[i], now_ns);
        }
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

static void on_check(uv_timer_t *check)
{
    struct pool *pool = check->data;
    uint64_t now_ns = uv_now(check->loop) * 1000000;
    for (enum lane number = 0; number < LANES; number++)
        for (unsigned i = 0; i < pool->lanes[number].conns_n; i++)
            conn_check(&pool->lanes[number].conns[i], now_ns);
    for (enum lane number = 0; number < LANES; number++)
        drop_expired(pool, &pool->lanes[number], uv_hrtime());
}

/* ---- start and stop ---- */

static int lane_start(struct pool *pool, enum lane number, uv_loop_t *loop)
{
    struct pool_lane *lane = &pool->lanes[number];
    unsigned n = pool->options.connections[number];
    if (n > POOL_CONNECTIONS_MAX)
        return UV_EINVAL;
    if (n == 0)
        return 0;
    lane->conns = calloc(n, sizeof *lane->conns);
    if (!lane->conns)
        return UV_ENOMEM;
    for (; lane->conns_n < n; lane->conns_n++) {
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
    return 0;
}

int pool_start(struct pool *pool, uv_loop_t *loop, const struct pool_options *options)
{
    pool->options = *options;
    pool->available = pool->stopping = false;
    for (enum lane number = 0; number < LANES; number++) {
        pool->lanes[number] = (struct pool_lane){ 0 };
        TAILQ_INIT(&pool->lanes[number].queue);
    }
    uv_prepare_init(loop, &pool->before_poll);
    uv_check_init(loop, &pool->after_poll);
    uv_timer_init(loop, &pool->check);
    pool->before_poll.data = pool->after_poll.data = pool->check.data = pool;
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

void pool_stop(struct pool *pool)
{
    pool->stopping = true;
    pool->on_available = NULL; /* going away is no news now */
    for (enum lane number = 0; number < LANES; number++) {
        struct pool_lane *lane = &pool->lanes[number];
        for (unsigned i = 0; i < lane->conns_n; i++)
            conn_stop(&lane->conns[i]);
        end_queue(pool, lane);
    }
    uv_close((uv_handle_t *)&pool->before_poll, NULL);
    uv_close((uv_handle_t *)&pool->after_poll, NULL);
    uv_close((uv_handle_t *)&pool->check, NULL);
}

void pool_finish(struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++)
        free(pool->lanes[number].conns);
}

/* ---- queries ---- */

bool pool_is_available(const struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++)
        if (pool->options.connections[number] > 0 && pool->lanes[number].up == 0)
            return false;
    return !pool->stopping;
}

int pool_submit(struct pool *pool, struct query *query)
{
    struct pool_lane *lane = lane_of(pool, query);
    if (pool->stopping || lane->up == 0)
        return UV_ENOTCONN;
    if (lane->queued >= pool->options.queue_max) {
        lane->refused_n++;
        return UV_ENOBUFS;
    }
    query->unwanted = query->alone = false;
    query->attempts = 0;
    enqueue(pool, query);
    return 0;
}

bool pool_withdraw(struct pool *pool, struct query *query)
{
    query->unwanted = true;
    if (query->state != QUERY_QUEUED)
        return false;
    dequeue(pool, query);
    return true;
}
