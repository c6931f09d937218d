/* SPDX-License-Identifier: MIT
 *
 * Fills a batch with queries and sends it. batch_results.c handles the results.
 */
#include "db/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/loop_clock.h"
#include "db/queue.h"

void batch_init(struct batch *batch, struct queue *queue, bool transaction)
{
    batch->queue = queue;
    batch->n = batch->steps_n = batch->current = 0;
    batch->transaction = transaction;
    batch->apart = batch->cancelled = batch->aborted = batch->has_culprit = false;
    batch->uncertain = batch->wants_new_conn = false;
    batch->is_probe = batch->was_false_alarm = false;
    batch->look_ns = 0;
    batch->patience_ms = PATIENCE_OF_LANE;
    batch->after = batch->position.timeline = 0;
    batch->is_committed = false;
    TAILQ_INIT(&batch->retry);
    TAILQ_INIT(&batch->stuck);
}

/* ---- filling ---- */

/* The server tells which execution is stuck, but not which query of a merged one. So while some of a
 * statement are known to be stuck, its writes are not merged. Reads are: they can be run again apart. */
static bool can_merge(const struct query *query)
{
    const struct statement *statement = query->statement;
    bool reads = statement->lane == LANE_READ;
    if (query->alone || query->single || (!reads && queue_has_stuck(query->queue, statement)))
        return false;
    return statement->merged_name || (reads && statement->params_n == 0);
}

static struct execution *execution_for(struct batch *batch, const struct query *query)
{
    bool is_new_kind = true;
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        if (execution->statement != query->statement)
            continue;
        is_new_kind = false;
        if (can_merge(query) && execution->n < BATCH_MAX)
            return execution;
    }
    if (batch->n == BATCH_MAX)
        return NULL;
    if (is_new_kind && !batch->apart)
        queue_kind_began(batch->queue, query->statement);
    struct execution *execution = &batch->executions[batch->n++];
    *execution = (struct execution){ .statement = query->statement };
    TAILQ_INIT(&execution->queries);
    return execution;
}

bool batch_add(struct batch *batch, struct query *query)
{
    struct execution *execution = execution_for(batch, query);
    if (!execution)
        return false;
    queue_take(query);
    TAILQ_INSERT_TAIL(&execution->queries, query, link);
    execution->n++;
    query->state = QUERY_SENT;
    query->batch = batch;
    query->attempts++;
    query->sent_ns = loop_clock_now();
    uint32_t after = query->after.timeline;
    if (after && (!batch->after || after < batch->after))
        batch->after = after;
    return true;
}

/* ---- sending ---- */

static void add_step(struct batch *batch, int what, size_t execution)
{
    batch->steps[batch->steps_n].what = what;
    batch->steps[batch->steps_n++].execution = (unsigned)execution;
}

static int send_plain(const struct query *query, PGconn *pg)
{
    const char *values[QUERY_PARAMS_MAX];
    int lens[QUERY_PARAMS_MAX], formats[QUERY_PARAMS_MAX];
    const struct statement *statement = query->statement;
    for (size_t i = 0; i < statement->params_n; i++) {
        values[i] = (const char *)query->params[i].data;
        lens[i] = query->params[i].len;
        formats[i] = 1;
    }
    return PQsendQueryPrepared(pg, statement->name, (int)statement->params_n, values, lens, formats, 1)
               ? 0
               : UV_EIO;
}

/* Parameter `p` of every query as one array. */
static char *merge_param(const struct execution *execution, size_t p, int *len)
{
    size_t lens[BATCH_MAX];
    const uint8_t *data[BATCH_MAX];
    size_t n = 0;
    const struct query *query;
    TAILQ_FOREACH (query, &execution->queries, link) {
        lens[n] = (size_t)query->params[p].len;
        data[n++] = query->params[p].data;
    }
    size_t total = value_array_len(lens, data, n);
    char *array = malloc(total);
    if (array)
        value_array_write((uint8_t *)array, execution->statement->params[p], lens, data, n);
    *len = (int)total;
    return array;
}

static int send_merged(const struct execution *execution, PGconn *pg)
{
    char *values[QUERY_PARAMS_MAX] = { 0 };
    int lens[QUERY_PARAMS_MAX], formats[QUERY_PARAMS_MAX];
    size_t params_n = execution->statement->params_n;
    bool has_limit = execution->statement->returns == SQL_MANY;
    struct sql_param limit;
    int rc = 0;
    for (size_t p = 0; p < params_n && !rc; p++) {
        values[p] = merge_param(execution, p, &lens[p]);
        formats[p] = 1;
        rc = values[p] ? 0 : UV_ENOMEM;
    }
    if (has_limit) {
        value_put_bigint(&limit, execution->rows_max);
        values[params_n] = (char *)limit.own;
        lens[params_n] = limit.len;
        formats[params_n] = 1;
    }
    if (!rc && !PQsendQueryPrepared(pg, execution->statement->merged_name, (int)params_n + has_limit,
                                    (const char *const *)values, lens, formats, 1))
        rc = UV_EIO;
    for (size_t p = 0; p < params_n; p++)
        free(values[p]);
    return rc;
}

int batch_prepare(PGconn *pg, const struct statement *statement, bool merged)
{
    Oid oids[QUERY_PARAMS_MAX];
    size_t n = statement->params_n;
    for (size_t i = 0; i < n; i++)
        oids[i] = merged ? value_array_oid(statement->params[i]) : value_oid(statement->params[i]);
    if (merged && statement->returns == SQL_MANY)
        oids[n++] = value_oid(SQL_BIGINT); /* the limit */
    const char *name = merged ? statement->merged_name : statement->name;
    const char *text = merged ? statement->merged_text : statement->text;
    return PQsendPrepare(pg, name, text, (int)n, oids) ? 0 : UV_EIO;
}

/* Sets lock_timeout for the batch's transaction. */
static int send_patience(struct batch *batch, PGconn *pg)
{
    char text[16];
    const char *values[] = { text };
    snprintf(text, sizeof text, "%d", batch->patience_ms);
    add_step(batch, STEP_PATIENCE, 0);
    return PQsendQueryParams(pg, "SELECT pg_catalog.set_config('lock_timeout', $1, true)", 1, NULL, values,
                             NULL, NULL, 0)
               ? 0
               : UV_EIO;
}

/* Asks for the server's position. Asked before the executions: it only ever advances. */
static int send_state(PGconn *pg, uint32_t after)
{
    struct sql_param param;
    value_put_integer(&param, (int32_t)after);
    const char *values[] = { (const char *)param.data };
    const Oid oids[] = { value_oid(SQL_INTEGER) };
    return PQsendQueryParams(pg, statement_named("server_position")->text, 1, oids, values, &param.len,
                             (const int[]){ 1 }, 1)
               ? 0
               : UV_EIO;
}

/* Prepares statements that could not be prepared when the connection came up, because of a lock. */
static int send_execution(struct batch *batch, size_t number, PGconn *pg, const bool *prepared)
{
    struct execution *execution = &batch->executions[number];
    const struct query *first = TAILQ_FIRST(&execution->queries);
    const struct statement *statement = execution->statement;
    /* A statement that may return many rows is sent in its merged form even for one query, because only that
     * form has a LIMIT. */
    execution->merged = statement->merged_name && (execution->n > 1 || statement->returns == SQL_MANY);
    execution->rows_max = queue_rows_max(batch->queue, first);
    bool is_there = prepared[batch_place_of(execution)];
    for (size_t i = 0; i < number && !is_there; i++)
        is_there = batch_place_of(&batch->executions[i]) == batch_place_of(execution);
    if (!is_there) {
        add_step(batch, STEP_PREPARE, number);
        if (batch_prepare(pg, statement, execution->merged))
            return UV_EIO;
    }
    add_step(batch, STEP_EXECUTE, number);
    return execution->merged ? send_merged(execution, pg) : send_plain(first, pg);
}

int batch_send(struct batch *batch, PGconn *pg, const bool *prepared)
{
    batch->sent_ns = uv_hrtime();
    int rc = batch->patience_ms != PATIENCE_OF_LANE ? send_patience(batch, pg) : 0;
    if (batch->after && !rc) {
        add_step(batch, STEP_STATE, 0);
        rc = send_state(pg, batch->after);
    }
    for (size_t i = 0; i < batch->n && !rc; i++)
        rc = send_execution(batch, i, pg, prepared);
    if (!rc && !PQpipelineSync(pg))
        rc = UV_EIO;
    if (rc || !batch->tells_position)
        return rc;
    return send_state(pg, INT32_MAX) || !PQpipelineSync(pg) ? UV_EIO : 0;
}

/* ---- looking at it ---- */

size_t batch_place_of(const struct execution *execution)
{
    return execution->statement->number * 2 + execution->merged;
}

unsigned batch_size(const struct batch *batch)
{
    unsigned n = 0;
    for (size_t i = 0; i < batch->n; i++)
        n += batch->executions[i].n;
    return n;
}

bool batch_is_committing(const struct batch *batch)
{
    return batch->transaction && !batch->aborted && !batch->is_committed && batch->current >= batch->steps_n;
}

bool batch_is_unwanted(const struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct query *query;
        TAILQ_FOREACH (query, &batch->executions[i].queries, link)
            if (!query->unwanted)
                return false;
    }
    return true;
}

bool batch_has_company(const struct batch *batch)
{
    return !batch->apart && batch_size(batch) > 1;
}

bool batch_is_suspect(const struct batch *batch)
{
    const struct query *first = batch->n > 0 ? TAILQ_FIRST(&batch->executions[0].queries) : NULL;
    return first && first->alone;
}
