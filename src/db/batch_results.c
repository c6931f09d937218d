/* SPDX-License-Identifier: MIT
 *
 * Handles the results of a batch. The server runs all statements between two Syncs as one transaction: an
 * error undoes those before it and skips those after it. So reads are answered as their results come, and
 * only skipped ones are sent again. Writes are answered after the Sync; if the transaction aborts, each is
 * sent again alone, so that an error can only be its own.
 */
#include <endian.h>
#include <string.h>
#include <uv.h>

#include "db/batch.h"
#include "db/result.h"
#include "observe/log.h"

#define ATTEMPTS_MAX 5 /* of a query that loses to others (deadlock, serialization failure) */
#define QUICK_NS     UINT64_C(60000000) /* a batch answered within this time has not waited for a lock */

/* The batch is over, with whatever outcome: it carries its statements no more. */
static void forget_kinds(struct batch *batch)
{
    for (size_t i = 0; i < batch->n && !batch->apart; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = batch->executions[j].statement != batch->executions[i].statement;
        if (is_first)
            queue_kind_ended(batch->queue, batch->executions[i].statement);
    }
    batch->n = 0;
}

/* ---- answering ---- */

static void move_all(struct execution *execution, struct query_list *to, bool alone)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries))) {
        TAILQ_REMOVE(&execution->queries, query, link);
        query->alone |= alone;
        query->batch = NULL;
        TAILQ_INSERT_TAIL(to, query, link);
    }
}

/* The execution was found stuck. all: so is each of its queries; else they run one by one, to see which is.
 */
static void set_apart(struct batch *batch, struct execution *execution, enum finding found, bool all)
{
    struct query *query;
    TAILQ_FOREACH (query, &execution->queries, link) {
        query->apart |= all;
        if (found)
            query->found = found;
        if (query->found && execution->n == 1)
            queue_remember_stuck(query);
    }
    move_all(execution, &batch->stuck, !all);
}

static void retry(struct batch *batch, struct execution *execution, bool alone)
{
    move_all(execution, &batch->retry, alone);
}

static void end_all(struct execution *execution, const struct query_outcome *outcome)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries))) {
        TAILQ_REMOVE(&execution->queries, query, link);
        query_answer(query, outcome);
    }
}

/* Rows from a server that has not reached the query's `after` are no answer. */
static void answer(const struct batch *batch, struct execution *execution, struct query *query,
                   const struct query_outcome *outcome)
{
    TAILQ_REMOVE(&execution->queries, query, link);
    if (query->after.timeline && !position_is_reached(query->after, &batch->state))
        query_end(query, QUERY_BEHIND);
    else
        query_answer(query, outcome);
}

static void answer_all(const struct batch *batch, struct execution *execution,
                       const struct query_outcome *outcome)
{
    struct query *query;
    while ((query = TAILQ_FIRST(&execution->queries)))
        answer(batch, execution, query, outcome);
}

static int caller_of(const PGresult *pg, int row)
{
    uint32_t wire = 0;
    if (PQgetlength(pg, row, 0) == (int)sizeof wire)
        memcpy(&wire, PQgetvalue(pg, row, 0), sizeof wire);
    return (int)be32toh(wire);
}

/* The rows were cut off by the LIMIT: the last query that has rows may miss some, and those behind it have
 * none. All of these are sent again. A query with more than half of the rows goes alone, where its LIMIT is
 * higher. */
static void retry_cut(struct batch *batch, struct execution *execution, unsigned rows)
{
    struct query *cut = TAILQ_FIRST(&execution->queries), *query;
    TAILQ_FOREACH (query, &execution->queries, link)
        query->attempts--;
    if (rows > execution->rows_max / 2)
        cut->is_heavy = cut->alone = cut->apart = true;
    retry(batch, execution, false);
}

/* Rows come in the order of the queries; the first column says which query they are for, from 1 on. */
static void answer_merged(struct batch *batch, struct execution *execution)
{
    const PGresult *pg = result_pg(execution->result);
    int rows_n = PQntuples(pg), row = 0, number = 0;
    bool is_cut = execution->statement->returns == SQL_MANY && rows_n >= (int)execution->rows_max &&
                  execution->rows_max < QUERY_ROWS_MAX;
    int last = is_cut ? caller_of(pg, rows_n - 1) - 1 : (int)execution->n;
    while (++number <= last) {
        struct query_outcome outcome = { .result = execution->result, .first_row = row, .first_column = 1 };
        while (row < rows_n && caller_of(pg, row) == number)
            row++;
        outcome.rows_n = row - outcome.first_row;
        answer(batch, execution, TAILQ_FIRST(&execution->queries), &outcome);
    }
    if (is_cut)
        retry_cut(batch, execution, (unsigned)(rows_n - row));
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

static void was_quick(struct batch *batch, struct execution *execution)
{
    struct query *query;
    TAILQ_FOREACH (query, &execution->queries, link) {
        batch->was_false_alarm |= query->found == FOUND_SLOW;
        queue_forget_stuck(query);
    }
    queue_kind_is_well(batch->queue, execution->statement);
}

static void answer_execution(struct batch *batch, struct execution *execution)
{
    const PGresult *pg = result_pg(execution->result);
    const struct statement *statement = execution->statement;
    unsigned rows = (unsigned)PQntuples(pg);
    size_t bytes = PQresultMemorySize(pg);
    if (uv_hrtime() - batch->sent_ns < QUICK_NS)
        was_quick(batch, execution);
    bool has_callers = execution->merged && statement->returns != SQL_NONE;
    if (has_callers && callers_in_order(execution))
        answer_merged(batch, execution);
    else if (has_callers) { /* the planner chose another plan than sqlgen's text is meant to get */
        log_error("rows of merged reads out of order", log_str("statement", statement->name));
        retry(batch, execution, true);
    } else
        answer_all(batch, execution,
                   &(struct query_outcome){ .result = execution->result,
                                            .rows_n = (int)rows,
                                            .is_shared = execution->n > 1,
                                            .position = batch->position });
    queue_learn_size(batch->queue, statement, bytes, rows);
    result_release(execution->result);
    execution->result = NULL;
}

/* ---- errors ---- */

static bool is_class(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, strlen(class)) == 0;
}

static void end_with_error(const struct batch *batch, struct execution *execution, const PGresult *pg)
{
    const char *sqlstate = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
    bool by_hand = strcmp(sqlstate, "57014") == 0 &&
                   (!batch->limit_ns || uv_hrtime() - batch->sent_ns < batch->limit_ns / 10 * 9);
    end_all(execution, &(struct query_outcome){ .end = QUERY_FAILED,
                                                .sqlstate = sqlstate,
                                                .constraint = PQresultErrorField(pg, PG_DIAG_CONSTRAINT_NAME),
                                                .by_hand = by_hand,
                                                .message = PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY) });
}

static void end_unwanted(struct execution *execution)
{
    struct query *query, *next;
    for (query = TAILQ_FIRST(&execution->queries); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (!query->unwanted)
            continue;
        TAILQ_REMOVE(&execution->queries, query, link);
        query_end(query, QUERY_LOST);
    }
}

/* It waited for a lock until lock_timeout, which is short on shared connections. It may wait on apart, until
 * its own time is over; but not in the control lane, where cancelling others would have to wait for it. */
static void execution_was_locked(struct batch *batch, struct execution *execution, const PGresult *pg)
{
    const struct query *first = TAILQ_FIRST(&execution->queries);
    batch->has_culprit = true;
    if ((first && first->impatient) || execution->statement->lane == LANE_CONTROL)
        end_with_error(batch, execution, pg);
    else
        set_apart(batch, execution, FOUND_LOCKED, true);
}

/* We cancelled it: because its callers are gone, or because it kept others waiting. If it ran apart, that
 * does not show that it is slow: there it may have waited long for a lock. */
static void execution_was_cancelled(struct batch *batch, struct execution *execution)
{
    enum finding found = batch->apart ? FOUND_NOTHING : FOUND_SLOW;
    batch->has_culprit = true;
    end_unwanted(execution);
    set_apart(batch, execution, found, execution->n == 1 || !execution->merged);
}

/* The connection lacks a prepared statement (a pooler gave us another one), already has one that we did not
 * know of, or has one whose types are out of date. */
static bool execution_wants_other_preparation(struct batch *batch, struct execution *execution,
                                              const char *sqlstate, bool *prepared)
{
    const struct query *first = TAILQ_FIRST(&execution->queries);
    bool is_lost = strcmp(sqlstate, "26000") == 0, is_known = strcmp(sqlstate, "42P05") == 0;
    /* A type has changed: that of the result, or one in a cached plan of our functions. */
    bool is_stale = strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "42804") == 0;
    if (!first || first->attempts >= ATTEMPTS_MAX || !(is_lost || is_known || is_stale))
        return false;
    prepared[batch_place_of(execution)] = is_known;
    batch->wants_new_conn |= is_lost || is_stale;
    batch->has_culprit = true;
    retry(batch, execution, false);
    return true;
}

/* Writes that were merged are sent again as executions of their own, still in one transaction: so the server
 * tells which of them fails, and the others need not be sent alone. */
static bool execution_was_merged_write(struct batch *batch, struct execution *execution)
{
    struct query *query;
    if (!batch->transaction || !execution->merged)
        return false;
    TAILQ_FOREACH (query, &execution->queries, link)
        query->single = true;
    batch->has_culprit = true;
    retry(batch, execution, false);
    return true;
}

/* If the execution was not alone, its queries are sent again one by one, to see which of them causes the
 * error. */
static void execution_failed(struct batch *batch, struct execution *execution, const PGresult *pg,
                             bool *prepared)
{
    const char *sqlstate = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
    const struct query *only = TAILQ_FIRST(&execution->queries);
    batch->aborted = true;
    if (batch->is_elsewhere_too) {
        end_with_error(batch, execution, pg);
        return;
    }
    /* Read-only: a standby, or set so. The read lane does not count: we set it read-only ourselves. */
    batch->wants_new_conn |= batch->transaction && strcmp(sqlstate, "25006") == 0;
    if (execution_wants_other_preparation(batch, execution, sqlstate, prepared) ||
        execution_was_merged_write(batch, execution))
        return;
    if (strcmp(sqlstate, "55P03") == 0) {
        execution_was_locked(batch, execution, pg);
        return;
    }
    if (strcmp(sqlstate, "57014") == 0) {
        batch->has_culprit = true;
        if (batch->cancelled)
            execution_was_cancelled(batch, execution);
        else
            end_with_error(batch, execution, pg);
        return;
    }
    bool lost_to_others = is_class(sqlstate, "40") && only && only->attempts < ATTEMPTS_MAX;
    /* What a row violates at once, unlike at the commit, is its own doing. */
    batch->has_culprit |= is_class(sqlstate, "23") && batch->current < batch->steps_n && execution->n == 1;
    bool has_company = execution->n > 1 || (batch->transaction && batch_size(batch) > 1);
    if (has_company || lost_to_others)
        retry(batch, execution, true);
    else
        end_with_error(batch, execution, pg);
}

/* The execution that a result belongs to. An error after all executions is that of the commit at the Sync; it
 * counts as the last one's. */
static struct execution *execution_at_fault(struct batch *batch)
{
    return batch->current < batch->steps_n ? &batch->executions[batch->steps[batch->current].execution]
                                           : &batch->executions[batch->n - 1];
}

static bool is_ok(const PGresult *pg)
{
    ExecStatusType status = PQresultStatus(pg);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Returns false if the server closes the connection after this result. */
static bool step_failed(struct batch *batch, struct execution *execution, const PGresult *pg, bool *prepared)
{
    const char *severity = PQresultErrorField(pg, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (PQresultStatus(pg) == PGRES_PIPELINE_ABORTED) {
        if (batch->current < batch->steps_n && batch->steps[batch->current].what == STEP_EXECUTE)
            retry(batch, execution, false);
        return true;
    }
    if (!PQresultErrorField(pg, PG_DIAG_SQLSTATE) || !severity || strcmp(severity, "ERROR") != 0)
        return false; /* FATAL */
    execution_failed(batch, execution, pg, prepared);
    return true;
}

/* An error here is ignored: the commit has been confirmed already. */
static void read_position(struct batch *batch, PGresult *pg)
{
    struct server_state state;
    if (is_ok(pg) && PQntuples(pg) == 1) {
        position_read_state(&state, pg, 0, INT32_MAX);
        batch->position = state.at;
    }
    PQclear(pg);
}

bool batch_result(struct batch *batch, PGresult *pg, bool *prepared)
{
    if (batch->is_committed) {
        read_position(batch, pg);
        return true;
    }
    struct execution *execution = execution_at_fault(batch);
    bool keeps_connection = true;
    if (!is_ok(pg))
        keeps_connection = step_failed(batch, execution, pg, prepared);
    else if (batch->steps[batch->current].what == STEP_STATE)
        position_read_state(&batch->state, pg, 0, batch->after);
    else if (batch->steps[batch->current].what == STEP_PREPARE)
        prepared[batch_place_of(execution)] = true;
    else if (batch->steps[batch->current].what == STEP_EXECUTE) {
        execution->result = result_create(pg);
        if (execution->result) {
            if (!batch->transaction)
                answer_execution(batch, execution);
            return true;
        }
        /* A write has been done, but we have no memory for its result: the caller must find out. */
        end_all(execution,
                &(struct query_outcome){ .end = batch->transaction ? QUERY_LOST : QUERY_NO_MEMORY });
    }
    PQclear(pg);
    return keeps_connection;
}

void batch_next(struct batch *batch)
{
    batch->current++;
}

static void answer_held(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        if (!execution->result)
            continue;
        if (!batch->aborted && !batch->uncertain) {
            answer_execution(batch, execution);
            continue;
        }
        result_release(execution->result);
        execution->result = NULL;
        if (batch->aborted)
            retry(batch, execution, !batch->has_culprit);
        else
            end_all(execution, &(struct query_outcome){ .end = QUERY_LOST });
    }
    forget_kinds(batch);
}

bool batch_synced(struct batch *batch)
{
    if (batch->tells_position && !batch->is_committed) {
        batch->is_committed = true;
        return false;
    }
    answer_held(batch);
    return true;
}

/* Retries once: a query that has lost two connections ends with QUERY_LOST. */
static void retry_lost(struct batch *batch, struct execution *execution)
{
    struct query *query, *next;
    for (query = TAILQ_FIRST(&execution->queries); query; query = next) {
        next = TAILQ_NEXT(query, link);
        if (query->was_lost)
            continue;
        query->was_lost = true;
        query->batch = NULL;
        TAILQ_REMOVE(&execution->queries, query, link);
        TAILQ_INSERT_TAIL(&batch->retry, query, link);
    }
}

void batch_lost(struct batch *batch)
{
    if (batch->is_committed) { /* only the position after the commit is unknown */
        answer_held(batch);
        TAILQ_CONCAT(&batch->retry, &batch->stuck, link);
        return;
    }
    for (size_t i = 0; i < batch->n; i++) {
        struct execution *execution = &batch->executions[i];
        result_release(execution->result);
        execution->result = NULL;
        if (execution->statement->lane == LANE_READ && !batch->is_elsewhere_too)
            retry_lost(batch, execution);
        end_all(execution, &(struct query_outcome){ .end = QUERY_LOST });
    }
    TAILQ_CONCAT(&batch->retry, &batch->stuck, link);
    forget_kinds(batch);
}
