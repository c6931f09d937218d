/* SPDX-License-Identifier: MIT
 *
 * The states of a connection, its socket, and the results it reads.
 *
 *   CLOSED ─▶ RESOLVING ─▶ CONNECTING ◀─▶ PREPARING ─▶ IDLE ◀─▶ BUSY
 *               ▲    └─────────┴────────────┴──────────┴───────┘
 *               │                ▼ anything fails
 *               └───────────── DOWN (backoff with jitter; one connection tries at a time, see outage.h)
 */
#include "db/conn.h"

#include <stdlib.h>

#include "base/state.h"
#include "observe/log.h"

#define WAIT_MIN_MS 10 /* pause before it asks again whether it may connect */
#define WAIT_MAX_MS 1000

static const struct state_machine states = {
    .of = "database connection",
    .names = { [CONN_CLOSED] = "CLOSED",
               [CONN_DOWN] = "DOWN",
               [CONN_RESOLVING] = "RESOLVING",
               [CONN_CONNECTING] = "CONNECTING",
               [CONN_PREPARING] = "PREPARING",
               [CONN_IDLE] = "IDLE",
               [CONN_BUSY] = "BUSY" },
    .next = { [CONN_CLOSED] = TO(CONN_DOWN),
              [CONN_DOWN] = TO(CONN_RESOLVING) | TO(CONN_CLOSED),
              [CONN_RESOLVING] = TO(CONN_CONNECTING) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_CONNECTING] = TO(CONN_PREPARING) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_PREPARING] = TO(CONN_IDLE) | TO(CONN_CONNECTING) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_IDLE] = TO(CONN_BUSY) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_BUSY] = TO(CONN_IDLE) | TO(CONN_DOWN) | TO(CONN_CLOSED) },
};

void conn_move(struct conn *conn, enum conn_state to)
{
    conn->state = state_move(&states, conn->state, to);
}

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

static void on_retry(uv_timer_t *timer);

/* Exponential backoff from min to max with jitter: each pause is between half and all of it, so that not
 * all daemons meet a restarted server at once. */
static unsigned backoff_ms(const struct conn *conn)
{
    unsigned ms = conn->options->reconnect_min_ms;
    for (unsigned i = 0; i < conn->options->outage->attempts && ms < conn->options->reconnect_max_ms; i++)
        ms *= 2;
    if (ms > conn->options->reconnect_max_ms)
        ms = conn->options->reconnect_max_ms;
    return ms / 2 + (unsigned)random() % (ms / 2 + 1);
}

void conn_drop_server(struct conn *conn)
{
    lookup_abandon(conn->lookup);
    conn->lookup = NULL;
    attempt_abandon(conn->attempt);
    conn->attempt = NULL;
    poll_drop(conn);
    uv_timer_stop(&conn->timer);
    PQfinish(conn->pg);
    conn->pg = NULL;
}

static void disconnect(struct conn *conn, enum conn_state to)
{
    bool was_up = conn->state == CONN_IDLE || conn->state == CONN_BUSY;
    bool had_batch = conn->state == CONN_BUSY;
    conn_drop_server(conn);
    conn_move(conn, to);
    if (had_batch)
        batch_lost(&conn->batch);
    else
        TAILQ_INIT(&conn->batch.retry);
    if (was_up)
        conn->owner->on_down(conn, &conn->batch.retry);
    conn->is_leaving = false;
}

void conn_go_down(struct conn *conn)
{
    uint64_t now_ns = uv_hrtime();
    bool was_up = conn->state == CONN_IDLE || conn->state == CONN_BUSY;
    unsigned pause_ms = backoff_ms(conn);
    log_debug("database connection down", log_int("connection", conn->number), log_str("reason", conn->why));
    if (was_up)
        outage_lost(conn->options->outage, conn->why, now_ns);
    else
        outage_failed(conn->options->outage, conn, conn->why, conn->advice, pause_ms, now_ns);
    disconnect(conn, CONN_DOWN);
    uv_timer_start(&conn->timer, on_retry, pause_ms, 0);
    if (!was_up)
        conn->owner->on_failed(conn);
}

void conn_go_down_for(struct conn *conn, const char *why)
{
    if (why) /* else the server's last error stays */
        conn_note(conn, why);
    conn_go_down(conn);
}

/* Prefers the server's last message, such as that of its shutdown, to what libpq says about the broken
 * socket. */
void conn_go_down_after(struct conn *conn)
{
    conn_go_down_for(conn, conn->why[0] ? NULL : PQerrorMessage(conn->pg));
}

/* ---- watching the socket ---- */

static int watch(struct conn *conn, int events)
{
    if (conn->poll && conn->poll_events == events)
        return 0;
    conn->poll_events = events;
    return uv_poll_start(conn->poll, events, on_readable_or_writable);
}

int conn_watch_new_socket(struct conn *conn, int events)
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

void conn_flush(struct conn *conn)
{
    int rest = PQflush(conn->pg);
    if (rest < 0)
        conn_go_down_after(conn);
    else
        watch(conn, rest > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_retry(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    if (conn->is_retired)
        return;
    struct outage *outage = conn->options->outage;
    uint64_t now_ns = uv_hrtime();
    const struct primary *primary = conn->options->primary;
    bool may_try = !primary || !primary_is_sought(primary, now_ns);
    if (may_try && conn->owner->may_connect(conn) && outage_may_try(outage, conn, now_ns)) {
        conn_resolve(conn);
        return;
    }
    uint64_t ms = outage->next_ns > now_ns ? (outage->next_ns - now_ns) / 1000000 + 1 : 0;
    if (outage->refused || ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    uv_timer_start(timer, on_retry, ms < WAIT_MIN_MS ? WAIT_MIN_MS : ms, 0);
}

/* ---- talking ---- */

void conn_replace(struct conn *conn)
{
    if (conn->state == CONN_CLOSED || conn->state == CONN_DOWN)
        return;
    outage_gave_up(conn->options->outage, conn);
    log_info("database connection replaced", log_int("connection", conn->number));
    conn->is_replaced = true;
    disconnect(conn, CONN_DOWN);
    conn->is_replaced = false;
    uv_timer_start(&conn->timer, on_retry, conn->options->reconnect_min_ms, 0);
}

void conn_leave(struct conn *conn)
{
    conn->is_leaving = true;
    if (conn->state != CONN_BUSY)
        conn_replace(conn);
}

static void on_batch_result(struct conn *conn, PGresult *result)
{
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && !conn_is_severity(result, "ERROR"))
            conn_note(conn, PQresultErrorMessage(result));
        if (!batch_result(&conn->batch, result, conn->prepared))
            conn_go_down_after(conn);
        return;
    }
    PQclear(result);
    if (!batch_synced(&conn->batch))
        return;
    conn_move(conn, CONN_IDLE);
    conn->owner->on_batch_done(conn);
    if (conn->is_retired)
        conn_drop(conn);
    if ((conn->batch.wants_new_conn || conn->is_leaving) && conn->state == CONN_IDLE)
        conn_replace(conn);
}

static void read_results(struct conn *conn)
{
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    if (!PQconsumeInput(conn->pg)) {
        (void)PQisBusy(conn->pg); /* parses what has come, which may include the server's last error */
        conn_go_down_after(conn);
        return;
    }
    /* In pipeline mode NULL ends the results of each command; two in a row mean that nothing more has
     * arrived. */
    bool nothing = false;
    while ((conn->state == CONN_BUSY || conn->state == CONN_PREPARING) && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (!result && nothing)
            return;
        nothing = !result;
        if (conn->state == CONN_PREPARING && result)
            conn_setup_result(conn, result);
        else if (result)
            on_batch_result(conn, result);
        else if (conn->state == CONN_BUSY)
            batch_next(&conn->batch);
    }
    if (conn->state == CONN_IDLE)
        (void)PQisBusy(
            conn->pg); /* parses what the server sent unasked, such as the reason of its shutdown */
}

/* libuv reports every socket error as a bad descriptor; libpq knows the real one. */
static void on_socket_error(struct conn *conn, int status)
{
    if (!PQconsumeInput(conn->pg))
        conn_note(conn, PQerrorMessage(conn->pg));
    else
        (void)PQisBusy(conn->pg);
    conn_go_down_for(conn, conn->why[0] ? NULL : uv_strerror(status));
}

static void on_readable_or_writable(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = poll->data;
    if (status < 0) {
        on_socket_error(conn, status);
    } else {
        if (events & UV_READABLE && conn->owner->may_read(conn))
            read_results(conn);
        if (conn->pg && (events & UV_WRITABLE))
            conn_flush(conn);
    }
}

/* ---- for the owner ---- */

int conn_start(struct conn *conn, uv_loop_t *loop)
{
    conn->prepared = calloc(2 * sql_statements_n, sizeof *conn->prepared);
    if (!conn->prepared)
        return UV_ENOMEM;
    int rc = uv_timer_init(loop, &conn->timer);
    if (rc)
        return rc;
    conn->timer.data = conn;
    conn_move(conn, CONN_DOWN);
    on_retry(&conn->timer);
    return 0;
}

void conn_stop(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    outage_gave_up(conn->options->outage, conn);
    disconnect(conn, CONN_CLOSED);
    uv_close((uv_handle_t *)&conn->timer, NULL);
}

void conn_drop(struct conn *conn)
{
    if (conn->state == CONN_CLOSED || conn->state == CONN_DOWN)
        return;
    outage_gave_up(conn->options->outage, conn);
    disconnect(conn, CONN_DOWN);
    uv_timer_start(&conn->timer, on_retry, conn->options->reconnect_max_ms, 0);
}

void conn_finish(struct conn *conn)
{
    free(conn->prepared);
    conn->prepared = NULL;
}

void conn_wake(struct conn *conn)
{
    if (conn->state == CONN_DOWN)
        uv_timer_start(&conn->timer, on_retry, 0, 0);
}

void conn_retire(struct conn *conn)
{
    conn->is_retired = true;
    if (conn->state != CONN_BUSY)
        conn_drop(conn);
}

void conn_return(struct conn *conn)
{
    conn->is_retired = false;
    conn_wake(conn);
}

bool conn_is_free(const struct conn *conn)
{
    return conn->state == CONN_IDLE && !conn->is_retired && !conn->is_cancelling;
}

void conn_send(struct conn *conn)
{
    conn_move(conn, CONN_BUSY);
    conn->why[0] = '\0';
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    conn->batch.tells_position =
        conn->options->tells_position && (conn->lane == LANE_INSERT || conn->lane == LANE_WRITE);
    conn->batch.is_elsewhere_too = conn->options->is_standby;
    conn->batch.limit_ns = conn->options->statement_timeout_ms * UINT64_C(1000000);
    int rc = batch_send(&conn->batch, conn->pg, conn->prepared);
    if (rc == UV_ENOMEM)
        conn_go_down_for(conn, "out of memory");
    else if (rc)
        conn_go_down_after(conn);
    else
        conn_flush(conn);
}

void conn_check(struct conn *conn, uint64_t now_ns)
{
    uint64_t limit_ns = (uint64_t)conn->options->answer_timeout_ms * 1000000;
    if (conn->state == CONN_BUSY && limit_ns && now_ns - conn->heard_at_ns > limit_ns)
        conn_go_down_for(conn, "the server did not answer in time");
}
