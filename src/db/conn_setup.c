/* SPDX-License-Identifier: MIT
 *
 * Sets up a session after login, in the state PREPARING: makes its settings, and prepares all statements of
 * its lane.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "observe/log.h"

#define SETUP_AGAIN_MS      1000 /* pause before the set-up of an unmigrated database is repeated */
#define BEFORE_PREPARATIONS 2    /* steps of the set-up before the first statement is prepared */
#define PREPARE_LOCK_MS     10   /* lock_timeout; after it a statement is prepared when it is needed */

/* lock_timeout, in ms, of statements that share a connection; then they are sent again apart (queue.h). */
static const unsigned lock_ms[LANES] = {
    [LANE_READ] = 10, [LANE_INSERT] = 20, [LANE_WRITE] = 20, [LANE_CONTROL] = 20
};

static size_t preparations(const struct conn *conn)
{
    size_t n = 0;
    for (size_t i = 0; i < sql_statements_n; i++)
        if (sql_statements[i]->lane == conn->lane)
            n += sql_statements[i]->merged_name ? 2 : 1;
    return n;
}

/* The index in conn->prepared of the lane's nth statement to be prepared. */
static size_t preparation(const struct conn *conn, size_t nth)
{
    for (size_t i = 0; i < sql_statements_n; i++) {
        if (sql_statements[i]->lane != conn->lane)
            continue;
        if (nth == 0)
            return 2 * i;
        if (sql_statements[i]->merged_name && nth == 1)
            return 2 * i + 1;
        nth -= sql_statements[i]->merged_name ? 2 : 1;
    }
    return 0;
}

static int ask(struct conn *conn, const char *sql, const char *param)
{
    const char *values[] = { param };
    return PQsendQueryParams(conn->pg, sql, 1, NULL, values, NULL, NULL, 0) && PQpipelineSync(conn->pg)
               ? 0
               : UV_EIO;
}

/* Sends the settings, every statement of the lane and the last step. Each has a Sync of its own, so that one
 * that fails or is locked does not affect the others. */
static int send_setup(struct conn *conn)
{
    char settings[SESSION_SETTINGS_LEN], lock_timeout[16];
    session_settings(settings, conn->lane, conn->options->schemas, conn->options->statement_timeout_ms,
                     PREPARE_LOCK_MS);
    snprintf(lock_timeout, sizeof lock_timeout, "%u", lock_ms[conn->lane]);
    memset(conn->prepared, 0, 2 * sql_statements_n * sizeof *conn->prepared);
    conn->setup_step = 0;
    conn->lacks_something = false;
    /* First, and by itself: a statement_timeout set for the role could be too short for what follows. */
    int rc = PQsendQueryParams(conn->pg, "SET statement_timeout = 0", 0, NULL, NULL, NULL, NULL, 0) &&
                     PQpipelineSync(conn->pg)
                 ? ask(conn, session_sql, settings)
                 : UV_EIO;
    for (size_t i = 0; i < sql_statements_n && !rc; i++) {
        const struct statement *s = sql_statements[i];
        if (s->lane != conn->lane)
            continue;
        rc = batch_prepare(conn->pg, s, false) || !PQpipelineSync(conn->pg);
        if (!rc && s->merged_name)
            rc = batch_prepare(conn->pg, s, true) || !PQpipelineSync(conn->pg);
    }
    return rc ? rc : ask(conn, session_ready_sql, lock_timeout);
}

void conn_begin_setup(struct conn *conn)
{
    conn_move(conn, CONN_PREPARING);
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (PQsetnonblocking(conn->pg, 1) || !PQenterPipelineMode(conn->pg) || send_setup(conn)) {
        conn_go_down_after(conn);
        return;
    }
    conn_flush(conn);
}

static void on_prepared(struct conn *conn)
{
    uv_timer_stop(&conn->timer);
    outage_over(conn->options->outage, conn, uv_hrtime());
    log_debug("database connection up", log_int("connection", conn->number));
    conn_move(conn, CONN_IDLE);
    conn->owner->on_up(conn);
}

static void refuse_pooler(struct conn *conn)
{
    conn_note(conn,
              "two connections have one server process: a pooler such as PgBouncer is in between and shares "
              "connections out by transaction");
    conn->advice =
        "set the pooler to session pooling (pool_mode = session), or connect past it; then restart svcd";
    conn->options->outage->refused = true;
    conn_go_down(conn);
    conn->owner->on_refused(conn);
}

static int64_t number_at(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* Whether this server is the primary, where that matters. */
static bool is_wanted(struct conn *conn, const PGresult *result)
{
    if (!conn->options->primary)
        return true;
    const struct endpoint *endpoint = &conn->endpoints.items[conn->endpoint];
    bool in_recovery = *PQgetvalue(result, 0, SESSION_IN_RECOVERY) == 't';
    conn->timeline = (uint32_t)number_at(result, SESSION_TIMELINE);
    return primary_is(conn->options->primary, endpoint->host, endpoint->port, in_recovery, conn->timeline,
                      conn->why, sizeof conn->why);
}

static void on_session(struct conn *conn, const PGresult *result, bool is_last)
{
    if (PQntuples(result) != 1)
        return; /* the backend's pid is unknown */
    if (!is_last && !is_wanted(conn, result)) {
        conn_try_next(conn);
        return;
    }
    if (!is_last) {
        conn->is_migrated = *PQgetvalue(result, 0, SESSION_IS_MIGRATED) == 't';
        conn->is_barred = *PQgetvalue(result, 0, SESSION_IS_BARRED) == 't';
    }
    int64_t pid = number_at(result, 0), began_us = number_at(result, 1);
    bool has_changed =
        is_last && conn->backend_pid && (pid != conn->backend_pid || began_us != conn->backend_began_us);
    if (has_changed || conn->owner->has_backend(conn, pid, began_us)) {
        refuse_pooler(conn);
        return;
    }
    conn->backend_pid = pid;
    conn->backend_began_us = began_us;
}

/* The connection stays even if statements could not be prepared: a migration may add what they need. */
static void preparation_failed(struct conn *conn, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    size_t place = preparation(conn, conn->setup_step - BEFORE_PREPARATIONS);
    char error[400], why[512];
    if (sqlstate && strcmp(sqlstate, "55P03") == 0)
        return; /* a table is locked: the statement is prepared when it is needed */
    if (sqlstate && strcmp(sqlstate, "42P05") == 0) {
        conn->prepared[place] = true; /* it exists already, from an attempt before */
        return;
    }
    statement_tell_error(sql_statements[place / 2], result, error, sizeof error);
    snprintf(why, sizeof why, "a statement cannot be prepared: %s", error);
    if (!conn->lacks_something)
        conn_note(conn, why);
    conn->lacks_something = true;
    conn->advice = conn_advice_for(sqlstate);
    if (!conn->advice)
        conn_go_down(conn);
}

static void on_setup_again(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    uv_timer_start(&conn->timer, conn_on_connect_timeout, conn->options->connect_timeout_ms, 0);
    if (send_setup(conn))
        conn_go_down_after(conn);
    else
        conn_flush(conn);
}

/* If a migration is missing, calls that do not need it are served; statements that need it are prepared when
 * they are called, and fail then. A database that was never migrated is not used; its set-up is repeated. */
static void on_setup(struct conn *conn)
{
    if (conn->is_barred) {
        conn_note(conn, "permission denied for schema svcd");
        conn->advice = conn_advice_for("42501");
    }
    if (conn->lacks_something)
        outage_lacks(conn->options->outage, conn->why, conn->advice, conn->is_migrated);
    if (!conn->lacks_something || conn->is_migrated)
        on_prepared(conn);
    else
        uv_timer_start(&conn->timer, on_setup_again, SETUP_AGAIN_MS, 0);
}

void conn_setup_result(struct conn *conn, PGresult *result)
{
    size_t last = preparations(conn) + BEFORE_PREPARATIONS;
    ExecStatusType status = PQresultStatus(result);
    bool is_preparation = conn->setup_step >= BEFORE_PREPARATIONS && conn->setup_step < last;
    bool is_ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (status == PGRES_PIPELINE_SYNC) {
        if (conn->setup_step++ == last)
            on_setup(conn);
    } else if (is_preparation && is_ok)
        conn->prepared[preparation(conn, conn->setup_step - BEFORE_PREPARATIONS)] = true;
    else if (is_preparation)
        preparation_failed(conn, result);
    else if (is_ok && status == PGRES_TUPLES_OK)
        on_session(conn, result, conn->setup_step == last);
    else if (!is_ok) {
        conn_note(conn, PQresultErrorMessage(result));
        conn->advice = conn_advice_for(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        conn_go_down(conn);
    }
    PQclear(result);
}
