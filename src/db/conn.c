/* SPDX-License-Identifier: MIT
 *
 *   CLOSED ─▶ CONNECTING ─▶ PREPARING ─▶ IDLE ◀─▶ BUSY
 *               ▲    └──────────┴──────────┴───────┘
 *               │                ▼ anything fails
 *               └───────────── DOWN (backoff with jitter)
 */
#include "db/conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "observe/log.h"

/* From each state (row) to each (column). */
static const bool allowed[CONN_STATES][CONN_STATES] = {
    [CONN_CLOSED] = { [CONN_CONNECTING] = true },
    [CONN_DOWN] = { [CONN_CONNECTING] = true, [CONN_CLOSED] = true },
    [CONN_CONNECTING] = { [CONN_PREPARING] = true, [CONN_DOWN] = true, [CONN_CLOSED] = true },
    [CONN_PREPARING] = { [CONN_IDLE] = true, [CONN_DOWN] = true, [CONN_CLOSED] = true },
    [CONN_IDLE] = { [CONN_BUSY] = true, [CONN_DOWN] = true, [CONN_CLOSED] = true },
    [CONN_BUSY] = { [CONN_IDLE] = true, [CONN_DOWN] = true, [CONN_CLOSED] = true },
};

static void move(struct conn *conn, enum conn_state to)
{
    if (!allowed[conn->state][to])
        abort();
    conn->state = to;
}

static void connect_start(struct conn *conn);
static void on_readable_or_writable(uv_poll_t *poll, int status, int events);

/* ---- going down ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void poll_drop(struct conn *conn)
{
    if (conn->poll)
        uv_close((uv_handle_t *)conn->poll, on_poll_closed);
    conn->poll = NULL;
    conn->poll_events = 0;
}

static void on_retry(uv_timer_t *timer)
{
    connect_start(timer->data);
}

/* Doubling from min to max, each between half and the whole of it: a restarted server is not met by all at
 * once. */
static uint64_t backoff_ms(const struct conn *conn)
{
    uint64_t ms = conn->options->reconnect_min_ms;
    for (unsigned i = 1; i < conn->failures && ms < conn->options->reconnect_max_ms; i++)
        ms *= 2;
    if (ms > conn->options->reconnect_max_ms)
        ms = conn->options->reconnect_max_ms;
    return ms / 2 + (uint64_t)random() % (ms / 2 + 1);
}

static void disconnect(struct conn *conn, enum conn_state to)
{
    bool was_up = conn->state == CONN_IDLE || conn->state == CONN_BUSY;
    bool had_batch = conn->state == CONN_BUSY;
    poll_drop(conn);
    uv_timer_stop(&conn->timer);
    PQfinish(conn->pg);
    conn->pg = NULL;
    move(conn, to);
    if (had_batch)
        batch_lost(&conn->batch);
    else
        TAILQ_INIT(&conn->batch.retry);
    if (was_up)
        conn->owner->on_down(conn, &conn->batch.retry);
}

static void go_down(struct conn *conn, const char *why)
{
    if (conn->failures++ == 0 ||
        conn->failures % 64 == 0) /* an outage is news once, then a reminder now and then */
        log_warn("database connection down", log_int("connection", conn->number), log_str("reason", why));
    disconnect(conn, CONN_DOWN);
    uv_timer_start(&conn->timer, on_retry, backoff_ms(conn), 0);
}

/* ---- watching the socket ---- */

static int watch(struct conn *conn, int events)
{
    if (conn->poll && conn->poll_events == events)
        return 0;
    conn->poll_events = events;
    return uv_poll_start(conn->poll, events, on_readable_or_writable);
}

/* libpq may close one socket and open another between two calls. */
static int watch_new_socket(struct conn *conn, int events)
{
    poll_drop(conn);
    uv_poll_t *poll = malloc(sizeof *poll);
    if (!poll)
        return UV_ENOMEM;
    int rc = uv_poll_init(conn->timer.loop, poll, PQsocket(conn->pg));
    if (rc) {
        free(poll);
        return rc;
    }
    poll->data = conn;
    conn->poll = poll;
    return watch(conn, events);
}

static void flush(struct conn *conn)
{
    int rest = PQflush(conn->pg);
    if (rest < 0)
        go_down(conn, PQerrorMessage(conn->pg));
    else
        watch(conn, rest > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* ---- coming up ---- */

static int prepare(PGconn *pg, const char *name, const char *text, const enum sql_type *params,
                   size_t params_n, bool merged)
{
    Oid oids[QUERY_PARAMS_MAX];
    for (size_t i = 0; i < params_n; i++)
        oids[i] = merged ? value_array_oid(params[i]) : value_oid(params[i]);
    return PQsendPrepare(pg, name, text, (int)params_n, oids) ? 0 : UV_EIO;
}

/* Only what this lane carries, so that a connection costs the server no more than it must. */
static int prepare_all(struct conn *conn)
{
    conn->prepared = 0;
    for (size_t i = 0; i < sql_statements_n; i++) {
        const struct statement *s = sql_statements[i];
        if (s->lane != conn->lane)
            continue;
        if (prepare(conn->pg, s->name, s->text, s->params, s->params_n, false))
            return UV_EIO;
        if (!s->merged_name)
            continue;
        if (prepare(conn->pg, s->merged_name, s->merged_text, s->params, s->params_n, true))
            return UV_EIO;
    }
    return PQpipelineSync(conn->pg) ? 0 : UV_EIO;
}

/* Whose preparation the next result tells of. */
static const struct statement *next_to_be_prepared(const struct conn *conn)
{
    unsigned n = 0;
    for (size_t i = 0; i < sql_statements_n; i++) {
        const struct statement *s = sql_statements[i];
        if (s->lane == conn->lane && (n += s->merged_name ? 2 : 1) > conn->prepared)
            return s;
    }
    return NULL;
}

static void on_notice(void *data, const char *message)
{
    const struct conn *conn = data;
    log_debug("database notice", log_int("connection", conn->number), log_str("text", message));
}

static void on_connected(struct conn *conn)
{
    move(conn, CONN_PREPARING);
    if (PQsetnonblocking(conn->pg, 1) || !PQenterPipelineMode(conn->pg) || prepare_all(conn)) {
        go_down(conn, PQerrorMessage(conn->pg));
        return;
    }
    flush(conn);
}

static void connect_poll(struct conn *conn)
{
    PostgresPollingStatusType want = PQconnectPoll(conn->pg);
    if (want == PGRES_POLLING_FAILED) {
        go_down(conn, PQerrorMessage(conn->pg));
        return;
    }
    int rc = watch_new_socket(conn, want == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE);
    if (rc)
        go_down(conn, uv_strerror(rc));
    else if (want == PGRES_POLLING_OK)
        on_connected(conn);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    go_down(timer->data, "timed out while connecting");
}

/* Resolves a host name with the system's blocking resolver, as libpq does: name the host by address, by
 * socket directory or in /etc/hosts where that could take long. */
static void connect_start(struct conn *conn)
{
    move(conn, CONN_CONNECTING);
    bool only_reads = conn->lane == LANE_READ && conn->options->read_values;
    conn->pg = PQconnectStartParams(conn->options->keywords,
                                    only_reads ? conn->options->read_values : conn->options->values, 0);
    if (!conn->pg || PQstatus(conn->pg) == CONNECTION_BAD) {
        go_down(conn, conn->pg ? PQerrorMessage(conn->pg) : "out of memory");
        return;
    }
    PQsetNoticeProcessor(conn->pg, on_notice, conn);
    uv_timer_start(&conn->timer, on_connect_timeout, conn->options->connect_timeout_ms, 0);
    int rc = watch_new_socket(conn, UV_WRITABLE);
    if (rc)
        go_down(conn, uv_strerror(rc));
}

static void on_prepared(struct conn *conn)
{
    uv_timer_stop(&conn->timer);
    if (conn->failures)
        log_info("database connection up", log_int("connection", conn->number));
    conn->failures = 0;
    move(conn, CONN_IDLE);
    conn->owner->on_up(conn);
}

/* ---- talking ---- */

static void on_prepare_result(struct conn *conn, PGresult *pg_result)
{
    ExecStatusType status = PQresultStatus(pg_result);
    if (status == PGRES_PIPELINE_SYNC)
        on_prepared(conn);
    else if (status == PGRES_COMMAND_OK)
        conn->prepared++;
    else {
        char error[512], why[1024];
        const struct statement *statement = next_to_be_prepared(conn);
        if (statement)
            statement_tell_error(statement, pg_result, error, sizeof error);
        snprintf(why, sizeof why,
                 "a statement cannot be prepared: %s; is the database migrated (svcd migrate), and may this "
                 "role use the schemas svcd and public?",
                 statement ? error : PQresultErrorMessage(pg_result));
        go_down(conn, why);
    }
    PQclear(pg_result);
}

static void on_batch_result(struct conn *conn, PGresult *pg_result)
{
    if (PQresultStatus(pg_result) != PGRES_PIPELINE_SYNC) {
        if (!batch_result(&conn->batch, pg_result))
            go_down(conn, "the server ended the connection");
        return;
    }
    PQclear(pg_result);
    batch_synced(&conn->batch);
    move(conn, CONN_IDLE);
    conn->owner->on_batch_done(conn, &conn->batch.retry);
}

static void read_results(struct conn *conn)
{
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    if (!PQconsumeInput(conn->pg)) {
        go_down(conn, PQerrorMessage(conn->pg));
        return;
    }
    /* NULL ends an execution's results; a second one in a row means that no more has come. */
    bool nothing = false;
    while ((conn->state == CONN_BUSY || conn->state == CONN_PREPARING) && !PQisBusy(conn->pg)) {
        PGresult *pg_result = PQgetResult(conn->pg);
        if (!pg_result && nothing)
            return;
        nothing = !pg_result;
        if (conn->state == CONN_PREPARING && pg_result)
            on_prepare_result(conn, pg_result);
        else if (pg_result)
            on_batch_result(conn, pg_result);
        else if (conn->state == CONN_BUSY)
            batch_next(&conn->batch);
    }
    if (conn->state == CONN_IDLE)
        (void)PQisBusy(conn->pg); /* lets libpq parse what an idle server said, such as a farewell */
}

static void on_readable_or_writable(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;
    if (status < 0)
        go_down(conn, uv_strerror(status));
    else if (conn->state == CONN_CONNECTING)
        connect_poll(conn);
    else {
        if (events & UV_READABLE)
            read_results(conn);
        if (conn->pg && (events & UV_WRITABLE) && conn->state != CONN_CONNECTING)
            flush(conn);
    }
}

/* ---- for the owner ---- */

int conn_start(struct conn *conn, uv_loop_t *loop)
{
    int rc = uv_timer_init(loop, &conn->timer);
    if (rc)
        return rc;
    conn->timer.data = conn;
    connect_start(conn);
    return 0;
}

void conn_stop(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    disconnect(conn, CONN_CLOSED);
    uv_close((uv_handle_t *)&conn->timer, NULL);
}

void conn_send(struct conn *conn)
{
    move(conn, CONN_BUSY);
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    int rc = batch_send(&conn->batch, conn->pg);
    if (rc)
        go_down(conn, rc == UV_ENOMEM ? "out of memory" : PQerrorMessage(conn->pg));
    else
        flush(conn);
}

void conn_check(struct conn *conn, uint64_t now_ns)
{
    uint64_t limit_ns = (uint64_t)conn->options->answer_timeout_ms * 1000000;
    if (conn->lane != LANE_READ)
        limit_ns *= conn->batch.n;
    if (conn->state == CONN_BUSY && limit_ns && now_ns - conn->heard_at_ns > limit_ns)
        go_down(conn, "the server did not answer in time");
}
