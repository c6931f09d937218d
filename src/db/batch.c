/* SPDX-License-Identifier: MIT
 *
 * All statements between two Syncs are one transaction to the server: one error undoes what came before it
 * and skips what comes after. So reads are answered as they come, and only what was skipped is sent again;
 * writes are answered after the Sync, and if it aborts each is sent again alone, where an error is nobody's
 * but its own.
 */
#include "db/batch.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "db/result.h"
#include "observe/log.h"

#define ATTEMPTS_MAX 5 /* of a query that loses to others (deadlock, serialization failure) */

static void answer(struct query *query, const struct query_outcome *outcome)
{
    query->state = QUERY_IDLE;
    query->on_done(query, outcome);
}

void query_end(struct query *query, enum query_end end)
{
    answer(query, &(struct query_outcome){ .end = end });
}

void batch_init(struct batch *batch, bool transaction)
{
    batch->n = 0;
    batch->current = 0;
    batch->transaction = transaction;
    batch->aborted = false;
    TAILQ_INIT(&batch->retry);
}

/* ---- filling ---- */

static bool can_merge(const struct query *query)
{
    return query->statement->lane == LANE_READ && !query->alone &&
           (query->statement->merged_name || query->statement->params_n == 0);
}

static struct execution *execution_for(struct batch *batch, const struct query *query)
{
    for (size_t i = 0; can_merge(query) && i < batch->n; i++)
        if (batch->executions[i].statement == query->statement)
            return &batch->executions[i];
    if (batch->n == BATCH_MAX)
        return NULL;
    struct execution *execution = &batch->executions[batch->n++];
    *execution = (struct execution){ .statement = query->statement };
    TAILQ_INIT(&execution->queries);
    return execution;
}

void batch_fill(struct batch *batch, struct query_list *queue, unsigned queries_max, uint64_t now_ns)
{
    struct query *query;
    for (unsigned n = 0; n < queries_max && (query = TAILQ_FIRST(queue)); n++) {
        bool alone = query->alone;
        if (alone && batch->n > 0)
            return;
        struct execution *execution = execution_for(batch, query);
        if (!execution)
            return;
        TAILQ_REMOVE(queue, query, link);
        TAILQ_INSERT_TAIL(&execution->queries, query, link);
        execution->n++;
        query->state = QUERY_SENT;
        query->attempts++;
        query->sent_ns = now_ns;
        if (alone)
            return;
    }
}

/* ---- sending ---- */

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
    int rc = 0;
    for (size_t p = 0; p < params_n && !rc; p++) {
        values[p] = merge_param(execution, p, &lens[p]);
        formats[p] = 1;
        rc = values[p] ? 0 : UV_ENOMEM;
    }
    if (!rc && !PQsendQueryPrepared(pg, execution->statement->merged_name, (int)params_n,
                                    (const char *const *)values, lens, formats, 1))
        rc = UV_EIO;
    for (size_t p = 0; p < params_n; p++)
        free(values[p]);
    return rc;
}

int batch_send(struct batch *batch, PGconn *pg)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        execution->merged = execution->n > 1 && execution->statement->params_n > 0;
        int rc =
            execution->merged ? send_merged(execution, pg) : send_plain(TAILQ_FIRST(&execution->queries), pg);
        if (rc)
            return rc;
    }
    return PQpipelineSync(pg) ? 0 : UV_EIO;
}

/* ---- answering ---- */

static void retry(struct batch *batch, struct execution *execution, bool alone)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries))) {
        TAILQ_REMOVE(&execution->queries, query, link);
        query->alone |= alone;
        TAILQ_INSERT_TAIL(&batch->retry, query, link);
    }
}

static void end_all(struct execution *execution, const struct query_outcome *outcome)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries))) {
        TAILQ_REMOVE(&execution->queries, query, link);
        answer(query, outcome);
    }
}

static int caller_of(const PGresult *pg, int row)
{
    uint32_t wire = 0;
    if (PQgetlength(pg, row, 0) == (int)sizeof wire)
        memcpy(&wire, PQgetvalue(pg, row, 0), sizeof wire);
    return (int)be32toh(wire);
}

/* Rows come in the callers' order; each takes those that carry its number. */
static void answer_merged(struct execution *execution)
{
    const PGresult *pg = result_pg(execution->result);
    int rows_n = PQntuples(pg), row = 0, number = 0;
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries))) {
        struct query_outcome outcome = { .result = execution->result, .first_row = row, .first_column = 1 };
        number++;
        while (row < rows_n && caller_of(pg, row) == number)
            row++;
        outcome.rows_n = row - outcome.first_row;
        TAILQ_REMOVE(&execution->queries, query, link);
        answer(query, &outcome);
    }
}

static bool callers_in_order(const struct execution *execution)
{
    const PGresult *pg = result_pg(execution->result);
    int last = 1;
    for (int row = 0; row < PQntuples(pg); row++) {
        int caller = caller_of(pg, row);
        if (caller < last || caller > (int)execution->n)
            return false;
        last = caller;
    }
    return true;
}

static void answer_execution(struct batch *batch, struct execution *execution)
{
    if (execution->merged && callers_in_order(execution))
        answer_merged(execution);
    else if (execution->merged) { /* the plan is none that sqlgen's text should have */
        log_error("rows of merged reads out of order", log_str("statement", execution->statement->name));
        retry(batch, execution, true);
    } else
        end_all(execution, &(struct query_outcome){ .result = execution->result,
                                                    .rows_n = PQntuples(result_pg(execution->result)),
                                                    .is_shared = execution->n > 1 });
    result_release(execution->result);
    execution->result = NULL;
}

static bool is_class(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, strlen(class)) == 0;
}

static size_t queries_in(const struct batch *batch)
{
    size_t n = 0;
    for (size_t i = 0; i < batch->n; i++)
        n += batch->executions[i].n;
    return n;
}

/* The error is this execution's own, unless it had company that can be told apart by sending each alone. */
static void execution_failed(struct batch *batch, struct execution *execution, const PGresult *pg,
                             const char *sqlstate)
{
    struct query *only = TAILQ_FIRST(&execution->queries);
    bool lost_to_others = is_class(sqlstate, "40") && only && only->attempts < ATTEMPTS_MAX;
    bool has_company = execution->n > 1 || (batch->transaction && queries_in(batch) > 1);
    if (has_company || lost_to_others)
        retry(batch, execution, true);
    else
        end_all(execution,
                &(struct query_outcome){ .end = QUERY_FAILED,
                                         .sqlstate = sqlstate,
                                         .message = PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY) });
}

/* A failed COMMIT: the Sync itself was refused, and the batch, whose only or last execution is meant, with
 * it. */
static struct execution *execution_at_fault(struct batch *batch)
{
    return batch->current < batch->n ? &batch->executions[batch->current] : &batch->executions[batch->n - 1];
}

bool batch_result(struct batch *batch, PGresult *pg)
{
    struct execution *execution = execution_at_fault(batch);
    ExecStatusType status = PQresultStatus(pg);
    bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (ok && (execution->result = result_create(pg))) {
        if (!batch->transaction)
            answer_execution(batch, execution);
        return true;
    }
    const char *sqlstate = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(pg, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool keeps_connection = true;
    if (ok && batch->transaction) /* no memory for the result of a write that will be committed: the caller
                                     must hear neither that it happened nor that it did not */
        end_all(execution, &(struct query_outcome){ .end = QUERY_LOST });
    else if (ok)
        end_all(execution, &(struct query_outcome){ .end = QUERY_NO_MEMORY });
    else if (status == PGRES_PIPELINE_ABORTED)
        retry(batch, execution, false);
    else if (!sqlstate || !severity ||
             strcmp(severity, "ERROR") != 0) /* FATAL: it is the server's last word */
        keeps_connection = false;
    else {
        batch->aborted = true;
        execution_failed(batch, execution, pg, sqlstate);
    }
    PQclear(pg);
    return keeps_connection;
}

void batch_next(struct batch *batch)
{
    batch->current++;
}

void batch_synced(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        if (!execution->result)
            continue;
        if (!batch->aborted) {
            answer_execution(batch, execution);
            continue;
        }
        result_release(execution->result);
        execution->result = NULL;
        retry(batch, execution, true);
    }
    batch->n = 0;
}

void batch_lost(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        result_release(execution->result);
        execution->result = NULL;
        struct query *first = TAILQ_FIRST(&execution->queries);
        if (first && execution->statement->lane == LANE_READ && first->attempts < 2)
            retry(batch, execution, false);
        else
            end_all(execution, &(struct query_outcome){ .end = QUERY_LOST });
    }
    batch->n = 0;
}
