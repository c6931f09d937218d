/* SPDX-License-Identifier: MIT
 *
 * How a connection reaches the server, in the states RESOLVING and CONNECTING: host names are resolved, then
 * the addresses are tried one after another. Both are done by threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/params.h"
#include "observe/log.h"

#define LOOKUP_SLOW_MS 3000

static void try_endpoint(struct conn *conn);
static void on_attempted(void *data, PGconn *pg);

/* Whether a notice says that a commit did not wait for its synchronous standbys. libpq parses notices before
 * the results that precede them are fetched, so the batch's progress does not tell; nor does the text, which
 * is localised. */
static bool is_unconfirmed(const struct conn *conn, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (conn->state != CONN_BUSY || !conn->batch.transaction || !sqlstate || strcmp(sqlstate, "01000") != 0)
        return false;
    return (function && strcmp(function, "SyncRepWaitForLSN") == 0) ||
           (batch_is_committing(&conn->batch) && !PQresultErrorField(result, PG_DIAG_CONTEXT));
}

/* A server that shuts an idle connection down says why in a notice. */
static void on_notice(void *data, const PGresult *result)
{
    struct conn *conn = data;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    log_debug("database notice", log_int("connection", conn->number), log_str("text", message));
    if (conn_is_severity(result, "FATAL") || conn_is_severity(result, "PANIC"))
        conn_note(conn, PQresultErrorMessage(result));
    if (is_unconfirmed(conn, result)) {
        log_warn("a commit was not confirmed by its standbys", log_str("reason", message));
        conn->batch.uncertain = true;
    }
}

void conn_on_connect_timeout(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    char where[ENDPOINT_TEXT_LEN], why[CONN_WHY_LEN];
    endpoint_format(&conn->endpoints.items[conn->endpoint], where);
    snprintf(why, sizeof why, "the server %s timed out while connecting", where);
    conn_note(conn, why);
    try_endpoint(conn);
}

/* GSSAPI encryption is off because libpq would resolve names for it, for as long as that takes. */
static bool connect_start(struct conn *conn, const struct endpoint *endpoint)
{
    char name[SESSION_NAME_LEN];
    session_name(name, lane_name(conn->lane));
    const char *const pairs[][2] = { { "host", endpoint->host },
                                     { "hostaddr", endpoint->address },
                                     { "port", endpoint->port },
                                     { "gssencmode", "disable" },
                                     { "application_name", name } };
    const char *keywords[DATABASE_PARAMS_MAX + 1], *values[DATABASE_PARAMS_MAX + 1];
    params_replace(conn->options->keywords, conn->options->values, pairs, sizeof pairs / sizeof *pairs,
                   keywords, values);
    int rc = attempt_start(&conn->attempt, conn->timer.loop, keywords, values, on_attempted, conn);
    if (rc) {
        conn_note(conn, uv_strerror(rc));
        return false;
    }
    unsigned share_ms = conn->options->connect_timeout_ms / (unsigned)conn->endpoints.n;
    uv_timer_start(&conn->timer, conn_on_connect_timeout, share_ms > 0 ? share_ms : 1, 0);
    return true;
}

/* libpq gets one address at a time, because with several it would wait for a silent one as long as the kernel
 * does. */
static void try_endpoint(struct conn *conn)
{
    for (conn->endpoint++; conn->endpoint < conn->endpoints.n; conn->endpoint++) {
        conn_drop_server(conn);
        conn->backend_pid = 0;
        conn->timeline = 0;
        if (conn->state != CONN_CONNECTING) {
            conn_go_down(conn);
            return;
        }
        if (connect_start(conn, &conn->endpoints.items[conn->endpoint]))
            return;
    }
    conn_go_down(conn);
}

void conn_try_next(struct conn *conn)
{
    conn_move(conn, CONN_CONNECTING);
    try_endpoint(conn);
}

static void on_attempted(void *data, PGconn *pg)
{
    struct conn *conn = data;
    conn->attempt = NULL;
    conn->pg = pg;
    if (PQstatus(pg) != CONNECTION_OK) {
        conn_note(conn, pg ? PQerrorMessage(pg) : "out of memory");
        try_endpoint(conn);
        return;
    }
    PQsetNoticeReceiver(pg, on_notice, conn);
    int rc = conn_watch_new_socket(conn, UV_READABLE);
    if (rc)
        conn_go_down_for(conn, uv_strerror(rc));
    else
        conn_begin_setup(conn);
}

static void on_found(void *data, const struct endpoints *found)
{
    struct conn *conn = data;
    conn->lookup = NULL;
    if (found->n == 0) {
        conn_go_down_for(conn, found->error);
        return;
    }
    conn->endpoints = *found;
    conn->endpoint = SIZE_MAX; /* the next one is the first */
    if (conn->options->primary)
        primary_sort(conn->options->primary, &conn->endpoints);
    conn->why[0] = '\0';
    conn->advice = NULL;
    conn_move(conn, CONN_CONNECTING);
    try_endpoint(conn);
}

static const char *param(const struct conn *conn, const char *keyword, const char *variable)
{
    return params_find(conn->options->keywords, conn->options->values, keyword, variable);
}

/* The name server may be silent for a minute, which should not pass without a word. */
static void on_lookup_slow(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    char why[CONN_WHY_LEN];
    const char *hosts = param(conn, "host", "PGHOST");
    snprintf(why, sizeof why, "%.300s %s still being looked up by the resolver", hosts,
             strchr(hosts, ',') ? "are" : "is");
    outage_waits(conn->options->outage, why, uv_hrtime());
}

void conn_resolve(struct conn *conn)
{
    conn_move(conn, CONN_RESOLVING);
    conn->settings_n = conn->options->settings_n;
    conn->backend_pid = 0;
    conn->timeline = 0;
    const struct primary *primary = conn->options->primary;
    int rc = lookup_start(&conn->lookup, conn->timer.loop, param(conn, "host", "PGHOST"),
                          getenv("PGHOSTADDR") ?: "", param(conn, "port", "PGPORT"),
                          primary ? primary->host : "", on_found, conn);
    if (rc)
        conn_go_down_for(conn, uv_strerror(rc));
    else
        uv_timer_start(&conn->timer, on_lookup_slow, LOOKUP_SLOW_MS, 0);
}
