/* SPDX-License-Identifier: MIT
 *
 * Looks at running batches every few milliseconds, and has the server cancel those whose callers have all
 * gone, and those that are slow while others wait for their connection: after a fixed time here, or before,
 * if the server says that a statement sleeps (pool_look.c). What was slow is sent again apart (queue.h).
 */
#include "base/container_of.h"
#include "db/pool.h"

#define WAITS_NS   UINT64_C(20000000) /* after so long without a connection, the server is asked why, */
#define STARVED_NS UINT64_C(40000000) /* and after so long a query counts as starved */

/* How long a batch may run while others wait for its connection. */
static const uint64_t slow_ns[LANES] = {
    [LANE_READ] = UINT64_C(60000000), [LANE_INSERT] = UINT64_C(250000000), [LANE_WRITE] = UINT64_C(100000000)
};

/* How long a probe may run. An insert's is longer because it waits for the disk. */
static const uint64_t probe_ns[LANES] = {
    [LANE_READ] = UINT64_C(30000000), [LANE_INSERT] = UINT64_C(60000000), [LANE_WRITE] = UINT64_C(30000000)
};

/* Jobs may take their time, and the control lane only cancels others. */
bool pool_watches(enum lane lane)
{
    return slow_ns[lane] > 0;
}

static void on_cancelled(struct query *query, const struct query_outcome *outcome)
{
    (void)outcome; /* if it failed, the batch still runs, and the next look tries again */
    struct conn *conn = container_of(query, struct conn, cancel);
    conn->is_cancelling = false;
}

/* Until the server has confirmed the cancellation, no other batch may start on the connection, or that one
 * might be cancelled instead. */
void pool_cancel(struct pool *pool, struct conn *conn, bool even_committing)
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

uint64_t pool_ran_ns(const struct conn *conn, uint64_t now_ns)
{
    return is_busy(conn) && now_ns > conn->batch.sent_ns ? now_ns - conn->batch.sent_ns : 0;
}

/* Whether the first query of the ready list has waited since before then. */
static bool is_waiting(struct pool_lane *lane, uint64_t since_ns)
{
    const struct query *next = TAILQ_FIRST(&lane->queue.ready);
    return next && next->submitted_ns < since_ns;
}

/* Once some queries are stuck, each further batch gets half the time: many statements may be stuck at once,
 * and they are found one after another. */
uint64_t pool_patience_ns(const struct pool_lane *lane, enum lane number)
{
    return pool_has_any_apart(lane) ? slow_ns[number] / 2 : slow_ns[number];
}

/* The connection whose batch has run longest, of those past their time; of this statement only, unless it is
 * NULL. NULL: there is none, or a connection is free or about to be. */
static struct conn *slowest(struct pool_lane *lane, enum lane number, const struct statement *statement,
                            uint64_t now_ns)
{
    struct conn *found = NULL;
    bool all_apart = lane->apart_busy >= lane->wanted;
    for (unsigned i = 0; i < lane->conns_n; i++) {
        struct conn *conn = &lane->conns[i];
        if (statement && (conn_is_free(conn) || conn->batch.executions[0].statement != statement))
            continue;
        if (conn_is_free(conn) || conn->is_cancelling)
            return NULL;
        if (pool_ran_ns(conn, now_ns) < pool_patience_ns(lane, number) || (conn->batch.apart && !all_apart))
            continue;
        if (!found || pool_ran_ns(conn, now_ns) > pool_ran_ns(found, now_ns))
            found = conn;
    }
    return found;
}

/* Whether a batch is to be cancelled even though no query is starved: the later queries of the batch itself
 * wait for it, or it is alone and others of its statement are known to be stuck. */
static bool is_overdue(const struct pool_lane *lane, enum lane number, const struct conn *conn,
                       uint64_t now_ns)
{
    const struct batch *batch = &conn->batch;
    uint64_t so_far_ns = pool_ran_ns(conn, now_ns);
    if (so_far_ns <= probe_ns[number] || batch->apart)
        return false;
    if (batch->is_probe)
        return true;
    return batch_has_company(batch) ? so_far_ns > pool_patience_ns(lane, number)
                                    : queue_has_stuck(&lane->queue, batch->executions[0].statement);
}

/* Whether others wait for what this connection carries, or would: as is_overdue(), whatever time it took. */
static bool holds_others_up(const struct pool_lane *lane, const struct conn *conn)
{
    const struct batch *batch = &conn->batch;
    if (!is_busy(conn) || batch->apart)
        return false;
    return batch->is_probe || batch_has_company(batch) || batch_is_suspect(batch) ||
           queue_has_stuck(&lane->queue, batch->executions[0].statement);
}

/* Queries wait for a connection, those of this statement unless it is NULL. */
static void look_at_all(struct pool *pool, const struct pool_lane *lane, const struct statement *statement,
                        uint64_t now_ns)
{
    for (unsigned i = 0; i < lane->conns_n; i++) {
        struct conn *conn = &lane->conns[i];
        bool is_one = !statement || conn->batch.executions[0].statement == statement;
        if (is_busy(conn) && !conn->batch.apart && is_one)
            pool_look(pool, conn, now_ns);
    }
}

static void relieve(struct pool *pool, enum lane number, uint64_t now_ns)
{
    struct pool_lane *lane = &pool->lanes[number];
    const struct statement *waiting = queue_starved_kind(&lane->queue, now_ns - WAITS_NS);
    const struct statement *starved = queue_starved_kind(&lane->queue, now_ns - STARVED_NS);
    bool any_waits = is_waiting(lane, now_ns - WAITS_NS);
    if (any_waits || waiting)
        look_at_all(pool, lane, any_waits ? NULL : waiting, now_ns);
    struct conn *conn = is_waiting(lane, now_ns - STARVED_NS) ? slowest(lane, number, NULL, now_ns) : NULL;
    if (!conn && starved)
        conn = slowest(lane, number, starved, now_ns);
    if (conn)
        pool_cancel(pool, conn, false);
}

static void watch_lane(struct pool *pool, enum lane number, uint64_t now_ns)
{
    struct pool_lane *lane = &pool->lanes[number];
    for (unsigned i = 0; i < lane->conns_n; i++) {
        struct conn *conn = &lane->conns[i];
        if (is_busy(conn) && batch_is_unwanted(&conn->batch))
            pool_cancel(pool, conn, true);
        else if (is_overdue(lane, number, conn, now_ns))
            pool_cancel(pool, conn, false);
        else if (holds_others_up(lane, conn))
            pool_look(pool, conn, now_ns);
    }
    relieve(pool, number, now_ns);
    queue_expire_apart(&lane->queue, now_ns);
}

static bool is_at_work(const struct pool *pool)
{
    for (enum lane number = 0; number < LANES; number++) {
        const struct pool_lane *lane = &pool->lanes[number];
        if (pool_watches(number) && lane->queue.n > 0)
            return true;
        for (unsigned i = 0; pool_watches(number) && i < lane->conns_n; i++)
            if (is_busy(&lane->conns[i]))
                return true;
    }
    return false;
}

void pool_on_watch(uv_timer_t *watch)
{
    struct pool *pool = watch->data;
    uint64_t now_ns = uv_hrtime();
    for (enum lane number = 0; number < LANES; number++)
        if (pool_watches(number))
            watch_lane(pool, number, now_ns);
    if (!is_at_work(pool))
        uv_timer_stop(watch);
}
