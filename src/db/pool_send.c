/* SPDX-License-Identifier: MIT
 *
 * At the end of a turn of the loop: waiting queries become batches on connections that are free.
 */
#include "db/pool.h"

#define WATCH_EVERY_MS    10
#define PROBE_MS          5                  /* lock_timeout of a probe */
#define PROBE_PAUSE_NS    UINT64_C(10000000) /* between two probes at least */
#define PROBE_SHARE       3   /* probes in vain take at most one third of a connection's time */
#define PROBE_AGAIN_SHARE 10  /* a tenth, for queries that were tried before */
#define SLICE_MS          200 /* lock_timeout of a query apart that others may wait for */

/* Queries in one batch. Writes that take locks go alone, so that none waits for another's locks. */
static const unsigned queries_max[LANES] = {
    [LANE_READ] = BATCH_MAX, [LANE_INSERT] = 128, [LANE_WRITE] = 1, [LANE_JOB] = 1, [LANE_CONTROL] = 32
};

static void fill(struct pool_lane *lane, enum lane number, struct batch *batch)
{
    struct query *query;
    const struct statement *beside = NULL;
    bool is_mixed = false, was_again = false;
    for (unsigned n = 0; n < queries_max[number]; n++) {
        query = queue_next(&lane->queue, beside, is_mixed);
        bool alone = query && query->alone, again = query && query->attempts > 0;
        /* Queries that are sent again because they shared a transaction with a stuck one do not share the
         * next with new ones, which may be stuck, too. */
        if (number == LANE_INSERT && n > 0 && again != was_again)
            return;
        was_again = again;
        if (!query || !batch_add(batch, query))
            return;
        is_mixed |= beside && beside != query->statement;
        beside = query->statement;
        if (alone)
            return;
    }
}

/* Connections that may carry queries apart at the same time. */
static unsigned apart_max(const struct pool_lane *lane)
{
    return lane->wanted > 1 ? lane->wanted / 2 : 1;
}

/* A batch apart carries one statement only: reads, merged, or one write. */
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
        if (!batch_add(batch, query) || alone)
            break;
    }
    batch->apart = batch->n > 0;
    /* In the last place others may come to wait, even if none does yet. */
    bool is_last_place = lane->apart_busy + 1 >= apart_max(lane);
    bool others_wait = lane->queue.apart_n > 0;
    if (number == LANE_READ)
        batch->patience_ms = others_wait ? SLICE_MS : (int)pool->options.conn.lock_wait_ms;
    else
        batch->patience_ms = is_last_place ? SLICE_MS : PATIENCE_UNLIMITED;
}

/* A probe: one of the queries apart is sent with a short lock_timeout on a connection for the others, one at
 * a time. A statement may be stuck for one row and free for another. */
static void fill_probe(struct pool_lane *lane, struct batch *batch)
{
    uint64_t now_ns = lane->queue.apart_n > 0 && !lane->is_probing ? uv_hrtime() : 0;
    if (now_ns <= lane->probe_after_ns || (!lane->queue.untried_n && now_ns <= lane->probe_again_after_ns))
        return;
    struct query *query = queue_next_probe(&lane->queue);
    if (query && batch_add(batch, query)) {
        lane->is_probing = batch->is_probe = true;
        batch->patience_ms = PROBE_MS;
    } else
        lane->probe_again_after_ns = now_ns + PROBE_PAUSE_NS;
}

void pool_probed(struct pool_lane *lane, const struct batch *batch, uint64_t now_ns)
{
    uint64_t ran_ns = now_ns - batch->sent_ns;
    bool in_vain = !TAILQ_EMPTY(&batch->stuck);
    lane->probe_after_ns = in_vain ? now_ns + PROBE_PAUSE_NS + ran_ns * (PROBE_SHARE - 1) : 0;
    if (in_vain)
        lane->probe_again_after_ns = now_ns + ran_ns * (PROBE_AGAIN_SHARE - 1);
}

/* While ready queries wait, those apart get one connection of the lane at most, and none of an only one. */
static bool is_turn_of_apart(const struct pool_lane *lane)
{
    bool others_wait = !TAILQ_EMPTY(&lane->queue.ready);
    unsigned most = !others_wait ? apart_max(lane) : lane->wanted > 1 ? 1 : 0;
    return lane->queue.apart_n > 0 && lane->apart_busy < most;
}

/* Returns false when there is nothing to send. */
static bool send_waiting(struct pool *pool, enum lane number, struct conn *conn)
{
    struct pool_lane *lane = &pool->lanes[number];
    batch_init(&conn->batch, &lane->queue, number != LANE_READ);
    fill_probe(lane, &conn->batch);
    if (conn->batch.n == 0 && is_turn_of_apart(lane))
        fill_apart(pool, lane, number, &conn->batch);
    if (conn->batch.n == 0)
        fill(lane, number, &conn->batch);
    if (conn->batch.n == 0)
        return false;
    lane->apart_busy += conn->batch.apart;
    conn->shared_n = conn->batch.apart ? 0 : batch_size(&conn->batch);
    lane->shared_n += conn->shared_n;
    histogram_add_size(&lane->batch_sizes, batch_size(&conn->batch));
    pool->batches_sent++;
    conn_send(conn);
    if (pool_watches(number) && !pool->stopping && !uv_is_active((uv_handle_t *)&pool->watch))
        uv_timer_start(&pool->watch, pool_on_watch, WATCH_EVERY_MS, WATCH_EVERY_MS);
    return true;
}

void pool_send_all(struct pool *pool)
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
