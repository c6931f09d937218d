/* SPDX-License-Identifier: MIT */
#include "call/sql.h"

#include "call/admission.h"
#include "call/call_log.h"
#include "call/origin.h"
#include "call/trace.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/container_of.h"
#include "base/loop_clock.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/standbys.h"
#include "observe/log.h"

#define READ_ONLY        "25006" /* SQLSTATE read_only_sql_transaction */
#define BEHIND_RETRY_MS  100
#define COURTESY_WAIT_NS UINT64_C(500000000)

void sql_begin(struct call *call, const struct statement *statement)
{
    call->query.statement = statement;
    call->params_n = 0;
    call->out_of_memory = false;
}

void sql_may_fail(struct call *call, enum next (*otherwise)(struct call *call))
{
    call->otherwise = otherwise;
}

/* ---- parameters ---- */

static struct sql_param *next_param(struct call *call)
{
    return &call->query.params[call->params_n++];
}

void sql_bind_null(struct call *call)
{
    *next_param(call) = (struct sql_param){ 0 };
}

void sql_bind_bigint(struct call *call, int64_t value)
{
    value_put_bigint(next_param(call), value);
}

void sql_bind_integer(struct call *call, int32_t value)
{
    value_put_integer(next_param(call), value);
}

void sql_bind_double(struct call *call, double value)
{
    value_put_double(next_param(call), value);
}

void sql_bind_boolean(struct call *call, bool value)
{
    value_put_boolean(next_param(call), value);
}

void sql_bind_date(struct call *call, struct sql_date value)
{
    value_put_date(next_param(call), value);
}

void sql_bind_timestamp(struct call *call, struct sql_time value)
{
    value_put_timestamp(next_param(call), value);
}

void sql_bind_text(struct call *call, const char *value)
{
    sql_bind_text_or_null(call, value ? value : "");
}

void sql_bind_text_or_null(struct call *call, const char *value)
{
    if (value)
        value_put_bytes(next_param(call), value, strlen(value));
    else
        sql_bind_null(call);
}

void sql_bind_bytea(struct call *call, struct sql_bytes value)
{
    value_put_bytes(next_param(call), value.data ? value.data : (const uint8_t *)"", value.len);
}

static void bind_array(struct call *call, enum sql_type element, const size_t *lens,
                       const uint8_t *const *data, size_t n)
{
    size_t len = value_array_len(lens, data, n);
    uint8_t *bytes = call_alloc(call, len, 1);
    if (bytes)
        value_array_write(bytes, element, lens, data, n);
    else
        call->out_of_memory = true;
    value_put_bytes(next_param(call), bytes, len);
}

void sql_bind_bigint_array(struct call *call, struct sql_ids value)
{
    size_t *lens = call_alloc(call, value.n, sizeof *lens);
    const uint8_t **data = call_alloc(call, value.n, sizeof *data);
    uint64_t *wire = call_alloc(call, value.n, sizeof *wire);
    if (!lens || !data || !wire) {
        call->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < value.n; i++) {
        wire[i] = htobe64((uint64_t)value.ids[i]);
        lens[i] = sizeof *wire;
        data[i] = (const uint8_t *)&wire[i];
    }
    bind_array(call, SQL_BIGINT, lens, data, value.n);
}

void sql_bind_text_array(struct call *call, struct sql_texts value)
{
    size_t *lens = call_alloc(call, value.n, sizeof *lens);
    const uint8_t **data = call_alloc(call, value.n, sizeof *data);
    if (!lens || !data) {
        call->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < value.n; i++) {
        lens[i] = strlen(value.texts[i]);
        data[i] = (const uint8_t *)value.texts[i];
    }
    bind_array(call, SQL_TEXT, lens, data, value.n);
}

/* ---- outcomes ---- */

#define LACKING                                                                                              \
    "the database lacks what the call needs; it is to be migrated to this svcd's schema (svcd migrate)"

/* How an SQLSTATE (PostgreSQL's documentation, appendix A) is answered; the first row whose prefix fits
 * counts. */
static const struct {
    const char *prefix;
    enum status status;
    const char *message;
} failures[] = {
    { "55P03", STATUS_UNAVAILABLE, "what the call needs is locked by somebody else; try again" },
    { "57014", STATUS_DEADLINE_EXCEEDED, "the database took longer than a statement may" },
    { "42P01", STATUS_UNAVAILABLE, LACKING },
    { "42703", STATUS_UNAVAILABLE, LACKING },
    { "42883", STATUS_UNAVAILABLE, LACKING },
    { "3F000", STATUS_UNAVAILABLE, LACKING },
    { "42501", STATUS_UNAVAILABLE,
      "the database does not let svcd do what the call needs; the log says what" },
    { "40", STATUS_ABORTED, "lost to concurrent changes; try again" },
    { "53", STATUS_UNAVAILABLE, "the database is short of resources; try again" },
    { READ_ONLY, STATUS_UNAVAILABLE, "the database is read-only at the moment" },
    { "", STATUS_INTERNAL, "the statement failed; the log says why" },
};

static const char *statement_place(struct call *call, const struct statement *statement)
{
    return call_printf(call, "%s:%d", statement->file, statement->line);
}

static enum next statement_failed(struct call *call, const struct query_outcome *outcome)
{
    size_t i = 0;
    while (strncmp(outcome->sqlstate, failures[i].prefix, strlen(failures[i].prefix)) != 0)
        i++;
    const struct statement *statement = call->query.statement;
    bool is_no_read = statement->lane == LANE_READ && strcmp(outcome->sqlstate, READ_ONLY) == 0;
    if (is_no_read)
        i = sizeof failures / sizeof *failures - 1;
    log_error(
        "statement failed", log_str("statement", statement->name),
        log_str("at", statement_place(call, statement)), log_str("sqlstate", outcome->sqlstate),
        log_str("reason", outcome->message), call_log_ids(call),
        log_str("hint", is_no_read ? "a read neither writes nor locks: declare another lane" : NULL),
        log_str("do", failures[i].status == STATUS_UNAVAILABLE ? conn_advice_for(outcome->sqlstate) : NULL));
    if (outcome->by_hand)
        return call_fail(call, STATUS_ABORTED, "an operator of the database ended the statement; try again");
    return call_fail(call, failures[i].status, "%s",
                     call->transport->is_internal ? outcome->message : failures[i].message);
}

static bool is_wrong_number(const struct statement *statement, size_t n, char why[RESULT_WHY_SIZE])
{
    static const char *const allowed[] = {
        [SQL_NONE] = "none", [SQL_ONE] = "one", [SQL_OPTIONAL] = "optional"
    };
    if (statement->returns == SQL_MANY || n == 1 || (n == 0 && statement->returns != SQL_ONE))
        return false;
    snprintf(why, RESULT_WHY_SIZE, "%zu rows, declared is `returns: %s`", n, allowed[statement->returns]);
    return true;
}

static enum next rows_arrived(struct call *call, const struct query_outcome *outcome)
{
    const struct statement *statement = call->query.statement;
    size_t n = (size_t)outcome->rows_n;
    char why[RESULT_WHY_SIZE];
    if (outcome->is_shared && call_reply_as_others(call, outcome->result))
        return REPLIED;
    _Static_assert(QUERY_ROWS_MAX > PB_SIZE_MAX, "who has too many rows is to be told so");
    if (n > PB_SIZE_MAX && !call->transport->is_internal) /* nanopb counts list entries in 16 bits */
        return call_fail(call, STATUS_RESOURCE_EXHAUSTED, "the answer would have more than %d entries",
                         (int)PB_SIZE_MAX);
    void *rows = call_alloc(call, n, statement->row_size);
    if (!rows)
        return call_no_memory(call);
    if (is_wrong_number(statement, n, why) || result_decode(outcome, statement, rows, why)) {
        log_error("a statement returned other rows than declared", log_str("statement", statement->name),
                  log_str("at", statement_place(call, statement)), log_str("reason", why),
                  call_log_ids(call));
        return call_fail(call, STATUS_INTERNAL, "the database returned other rows than declared");
    }
    if (n > 0 && call_hold_result(call, outcome->result))
        return call_no_memory(call);
    if (call->keeper && call->keeper->arrived(call, outcome))
        return call_no_memory(call);
    return call->then_typed(call, call->then, rows, n);
}

static enum next resume(struct call *call, const struct query_outcome *outcome)
{
    enum next next;
    enum next (*otherwise)(struct call * call) = call->otherwise;
    call->otherwise = NULL;
    if (otherwise && outcome->end != QUERY_DONE) {
        if (outcome->end == QUERY_FAILED)
            log_warn("statement failed", log_str("statement", call->query.statement->name),
                     log_str("at", statement_place(call, call->query.statement)),
                     log_str("sqlstate", outcome->sqlstate), log_str("reason", outcome->message),
                     call_log_ids(call));
        return otherwise(call);
    }
    switch (outcome->end) {
    case QUERY_DONE:
        return rows_arrived(call, outcome);
    case QUERY_FAILED:
        return call->keeper && call->keeper->failed(call, outcome, &next) ? next
                                                                          : statement_failed(call, outcome);
    case QUERY_EXPIRED:
        return call_fail(call, STATUS_DEADLINE_EXCEEDED,
                         "the deadline passed while the call waited for the database");
    case QUERY_NO_MEMORY:
        return call_no_memory(call);
    case QUERY_BEHIND:
        return call_push_back(call, STATUS_UNAVAILABLE, BEHIND_RETRY_MS,
                              "no server that can be asked is as far as svcd-after says");
    case QUERY_LOST:
        break;
    }
    return call_fail(call, STATUS_UNAVAILABLE,
                     call->query.statement->lane == LANE_READ
                         ? "the database is away"
                         : "the database went away; whether the change was made is unknown");
}

static void on_done(struct query *query, const struct query_outcome *outcome)
{
    struct call *call = container_of(query, struct call, query);
    if (standbys_try_again(call->context->standbys, query, outcome))
        return;
    if (outcome->position.timeline)
        call->position = outcome->position;
    call->is_stale |= query->is_stale;
    call_log_statement(call, account_query(&call->account, query, outcome->end == QUERY_FAILED));
    if (call->trace)
        trace_waited(call, outcome->end != QUERY_DONE);
    if (call_wake(call))
        call_settle(call, resume(call, outcome));
}

static bool withdraw(struct call *call)
{
    return pool_withdraw(call->query.pool, &call->query);
}

/* Reads from `svcd-after` the WAL position that a read must see. False: the value is not a position. */
static bool take_after(struct call *call)
{
    call->query.after.timeline = 0;
    if (call->query.statement->lane != LANE_READ || call->transport->is_internal ||
        !call->transport->metadata)
        return true;
    const char *text = call->transport->metadata(call, "svcd-after");
    return !text || position_parse(text, &call->query.after) == 0;
}

enum next sql_execute(struct call *call, sql_then *then_typed, sql_continuation *then)
{
    return call->keeper ? call->keeper->execute(call, then_typed, then) : sql_send(call, then_typed, then);
}

enum next sql_send(struct call *call, sql_then *then_typed, sql_continuation *then)
{
    if (call->out_of_memory)
        return call_no_memory(call);
    bool is_position = take_after(call);
    if (call->out_of_memory)
        return call_no_memory(call);
    if (!is_position)
        return call_fail(call, STATUS_INVALID_ARGUMENT,
                         "svcd-after is no position; send what svcd-position said (like 3:0/16B3748)");
    call->then_typed = then_typed;
    call->then = then;
    if (call->context->admission)
        admission_learn(call->context->admission, call->method, call->query.statement->lane);
    call->query.deadline_ns = call->deadline_ns;
    call->query.on_done = on_done;
    call->query.impatient = call->otherwise != NULL;
    call->query.submitted_ns = loop_clock_now();
    call->query.sent_ns = 0;
    uint64_t courtesy_ns = call->query.submitted_ns + COURTESY_WAIT_NS;
    if (call->otherwise && call->query.deadline_ns > courtesy_ns)
        call->query.deadline_ns = courtesy_ns;
    int rc = standbys_submit(call->context->standbys, call->context->pool, &call->query);
    if (rc && call->otherwise)
        return call->otherwise(call);
    if (rc == UV_ENOTCONN)
        return call_fail(call, STATUS_UNAVAILABLE, "%s",
                         pool_is_unready(call->context->pool)
                             ? "the database is not ready for svcd; the log says what it lacks"
                             : "the database is away");
    if (rc)
        return call_push_back(call, STATUS_RESOURCE_EXHAUSTED, 100, "too many calls wait for the database");
    if (call->trace)
        trace_waits_for_query(call);
    return call_wait(call, withdraw);
}
