/* SPDX-License-Identifier: MIT
 *
 * Asks the server what a statement does that has run for a while and may hold others up. One that sleeps is
 * cancelled at once: that is never because the machine is slow. One that runs is cancelled if it has run many
 * times as long as batches usually do. One that waits for the disk, or commits, is left to pool_watch.c,
 * which gives it more time. Until the answer comes the connection goes on as ever.
 */
#include "base/container_of.h"
#include "db/pool.h"
#include "db/result.h"

#define LOOK_NS      UINT64_C(20000000)  /* run time after which the server is asked first */
#define RUNS_NS      UINT64_C(60000000)  /* the least that is long for a statement that runs */
#define USUAL_TIMES  8                   /* and so many times what is usual, */
#define USUAL_MAX_NS UINT64_C(100000000) /* which is at most this */

bool pool_has_any_apart(const struct pool_lane *lane)
{
    return lane->queue.apart_n > 0 || lane->apart_busy > 0;
}

/* How long a statement may run that neither sleeps nor waits. */
static uint64_t runs_ns(const struct pool_lane *lane, enum lane number)
{
    uint64_t long_ns = USUAL_TIMES * lane->usual_ns, most_ns = pool_patience_ns(lane, number);
    if (long_ns < RUNS_NS)
        long_ns = RUNS_NS;
    return long_ns < most_ns ? long_ns : most_ns;
}

static void on_looked(struct query *query, const struct query_outcome *outcome)
{
    struct conn *conn = container_of(query, struct conn, look);
    struct pool *pool = conn->data;
    conn->is_looking = false;
    bool is_same = conn->state == CONN_BUSY && conn->batch.sent_ns == conn->looked_at_ns;
    if (!is_same || outcome->rows_n == 0)
        return;
    bool sleeps = *PQgetvalue(result_pg(outcome->result), outcome->first_row, outcome->first_column);
    if (sleeps || pool_ran_ns(conn, uv_hrtime()) > runs_ns(&pool->lanes[conn->lane], conn->lane))
        pool_cancel(pool, conn, false);
}

static bool is_due(const struct pool_lane *lane, const struct conn *conn, uint64_t now_ns)
{
    bool is_suspected = pool_has_any_apart(lane) || batch_is_suspect(&conn->batch);
    uint64_t first_ns = is_suspected ? LOOK_NS / 2 : LOOK_NS, next_ns = conn->batch.look_ns;
    return pool_ran_ns(conn, now_ns) >= (next_ns > first_ns ? next_ns : first_ns);
}

void pool_look(struct pool *pool, struct conn *conn, uint64_t now_ns)
{
    struct query *query = &conn->look;
    if (conn->is_looking || conn->is_cancelling || !conn->backend_pid ||
        !is_due(&pool->lanes[conn->lane], conn, now_ns))
        return;
    *query = (struct query){ .statement = statement_named("backend_works"),
                             .deadline_ns = UINT64_MAX,
                             .on_done = on_looked };
    value_put_integer(&query->params[0], (int32_t)conn->backend_pid);
    value_put_bigint(&query->params[1], conn->backend_began_us);
    conn->is_looking = pool_submit(pool, query) == 0;
    conn->looked_at_ns = conn->batch.sent_ns;
    conn->batch.look_ns = pool_ran_ns(conn, now_ns) / 2 * 3;
}

/* A batch that was cancelled does not count: while many are stuck, being stuck would become usual. But when
 * what was cancelled as slow turns out to be quick, the machine is slow. */
void pool_learn_usual(struct pool_lane *lane, const struct batch *batch, uint64_t now_ns)
{
    uint64_t took_ns = now_ns > batch->sent_ns ? now_ns - batch->sent_ns : 0;
    if (batch->was_false_alarm)
        lane->usual_ns += lane->usual_ns > RUNS_NS / USUAL_TIMES ? lane->usual_ns : RUNS_NS / USUAL_TIMES;
    else if (batch->cancelled || batch->apart || batch->is_probe)
        return;
    else if (took_ns < lane->usual_ns)
        lane->usual_ns -= (lane->usual_ns - took_ns) / 16;
    else
        lane->usual_ns += (took_ns - lane->usual_ns) / 2;
    if (lane->usual_ns > USUAL_MAX_NS)
        lane->usual_ns = USUAL_MAX_NS;
}
