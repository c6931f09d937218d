/* SPDX-License-Identifier: MIT
 *
 *   CLOSED ─▶ RESOLVING ─▶ CONNECTING ─▶ PREPARING ─▶ IDLE ◀─▶ BUSY
 *               ▲    └─────────┴────────────┴──────────┴───────┘
 *               │                ▼ anything fails
 *               └───────────── DOWN (backoff with jitter, and its turn: see outage.h)
 */
#include "db/conn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "observe/log.h"

#define PARAMS_MAX          32
#define WAIT_MIN_MS         10 /* before it is asked again whether it may try */
#define WAIT_MAX_MS         1000
#define SETUP_AGAIN_MS      1000
#define BEFORE_PREPARATIONS 2  /* steps of the set-up */
#define PREPARE_LOCK_MS     10 /* what is locked for longer is prepared when it is wanted */

/* How long a statement that shares its connection waits for a lock before it is run apart. */
static const unsigned lock_ms[LANES] = { [LANE_READ] = 10, [LANE_INSERT] = 20, [LANE_WRITE] = 50 };

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
              [CONN_PREPARING] = TO(CONN_IDLE) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_IDLE] = TO(CONN_BUSY) | TO(CONN_DOWN) | TO(CONN_CLOSED),
              [CONN_BUSY] = TO(CONN_IDLE) | TO(CONN_DOWN) | TO(CONN_CLOSED) },
};

static void move(struct conn *conn, enum conn_state to)
{
    conn->state = state_move(&states, conn->state, to);
}

static void try_endpoint(struct conn *conn);
static void on_connect_timeout(uv_timer_t *timer);
static void on_readable_or_writable(uv_poll_t *poll, int status, int events);

/* ---- words ---- */

/* What no retry mends, by the longest prefix of its SQLSTATE; a connection that cannot be made. */
static const struct {
    const char *sqlstate, *advice;
} advices[] = {
    { "28P01",
      "set database.user and database.password (POSTGRES_USER, POSTGRES_PASSWORD) to what the server knows" },
    { "28000", "let the role log in: pg_hba.conf, ALTER ROLE ... LOGIN, database.user (POSTGRES_USER)" },
    { "3D000", "create the database, or set database.name (POSTGRES_DATABASE) to one that is there" },
    { "42501", "let the role use what is named: svcd(8), ROLES, or sql/roles.sql" },
    { "3F000", "bring the database to this version's schema: svcd migrate" },
    { "42", "bring the database to this version's schema: svcd migrate" },
};

static const char *advice_for(const char *sqlstate)
{
    for (size_t i = 0; sqlstate && i < sizeof advices / sizeof *advices; i++)
        if (strncmp(advices[i].sqlstate, sqlstate, strlen(advices[i].sqlstate)) == 0)
            return advices[i].advice;
    return NULL;
}

/* The SQLSTATE in libpq's text of a failed login (`FATAL:  28P01: words`), which it tells no other way. */
static char *find_sqlstate(char *text)
{
    for (char *at = strstr(text, ":  "); at; at = strstr(at + 3, ":  ")) {
        size_t len = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (len == 5 && strncmp(at + 8, ": ", 2) == 0)
            return at + 3;
    }
    return NULL;
}

/* Remembers why, without the source's location and with nothing at its end. */
static void note(struct conn *conn, const char *text)
{
    snprintf(conn->why, sizeof conn->why, "%s", text);
    char *location = strstr(conn->why, "\nLOCATION:"); /* not translated where svcd sets no locale */
    if (location)
        *location = '\0';
    char *sqlstate = find_sqlstate(conn->why);
    conn->advice = advice_for(sqlstate);
    if (sqlstate)
        memmove(sqlstate, sqlstate + 7, strlen(sqlstate + 7) + 1);
    for (char *c = conn->why; *c; c++)
        if (*c == '\n')
            *c = ' ';
    size_t len = strlen(conn->why);
    while (len > 0 && isspace((unsigned char)conn->why[len - 1]))
        conn->why[--len] = '\0';
}

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

/* Doubling from min to max, each between half and the whole of it: a restarted server is not met by all at
 * once. */
static unsigned backoff_ms(const struct conn *conn)
{
    unsigned ms = conn->options->reconnect_min_ms;
    for (unsigned i = 0; i < conn->options->outage->attempts && ms < conn->options->reconnect_max_ms; i++)
        ms *= 2;
    if (ms > conn->options->reconnect_max_ms)
        ms = conn->options->reconnect_max_ms;
    return ms / 2 + (unsigned)random() % (ms / 2 + 1);
}

static void drop_server(struct conn *conn)
{
    lookup_abandon(conn->lookup);
    conn->lookup = NULL;
    poll_drop(conn);
    uv_timer_stop(&conn->timer);
    PQfinish(conn->pg);
    conn->pg = NULL;
}

static void disconnect(struct conn *conn, enum conn_state to)
{
    bool was_up = conn->state == CONN_IDLE || conn->state == CONN_BUSY;
    bool had_batch = conn->state == CONN_BUSY;
    drop_server(conn);
    move(conn, to);
    if (had_batch)
        batch_lost(&conn->batch);
    else
        TAILQ_INIT(&conn->batch.retry);
    if (was_up)
        conn->owner->on_down(conn, &conn->batch.retry);
}

/* conn->why and ->advice say it. */
static void go_down(struct conn *conn)
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
}

static void go_down_for(struct conn *conn, const char *why)
{
    if (why) /* else the server's last words stand */
        note(conn, why);
    go_down(conn);
}

/* The server's farewell, if there was one, else what libpq made of its silence. */
static void go_down_after(struct conn *conn)
{
    go_down_for(conn, conn->why[0] ? NULL : PQerrorMessage(conn->pg));
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
        go_down_after(conn);
    else
        watch(conn, rest > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* ---- coming up: the session ---- */

static size_t preparations(const struct conn *conn)
{
    size_t n = 0;
    for (size_t i = 0; i < sql_statements_n; i++)
        if (sql_statements[i]->lane == conn->lane)
            n += sql_statements[i]->merged_name ? 2 : 1;
    return n;
}

/* The place in conn->prepared of the lane's nth preparation. */
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

/* Settings, every statement of the lane, and what ends it: each between Syncs of its own, so that one which
 * is locked keeps none of the others. */
static int send_setup(struct conn *conn)
{
    char settings[SESSION_SETTINGS_LEN], lock_timeout[16];
    session_settings(settings, conn->lane, conn->options->schemas, conn->options->statement_timeout_ms,
                     PREPARE_LOCK_MS);
    snprintf(lock_timeout, sizeof lock_timeout, "%u", lock_ms[conn->lane]);
    memset(conn->prepared, 0, 2 * sql_statements_n * sizeof *conn->prepared);
    conn->setup_step = 0;
    conn->lacks_something = false;
    /* By itself first: a role's own limit could be too short for what follows. */
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

static void on_connected(struct conn *conn)
{
    move(conn, CONN_PREPARING);
    PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (PQsetnonblocking(conn->pg, 1) || !PQenterPipelineMode(conn->pg) || send_setup(conn)) {
        go_down_after(conn);
        return;
    }
    flush(conn);
}

static void on_prepared(struct conn *conn)
{
    uv_timer_stop(&conn->timer);
    outage_over(conn->options->outage, conn, uv_hrtime());
    log_debug("database connection up", log_int("connection", conn->number));
    move(conn, CONN_IDLE);
    conn->owner->on_up(conn);
}

static void refuse_pooler(struct conn *conn)
{
    note(conn, "two connections have one server process: a pooler such as PgBouncer is in between and shares "
               "connections out by transaction");
    conn->advice =
        "set the pooler to session pooling (pool_mode = session), or connect past it; then restart svcd";
    conn->options->outage->refused = true;
    go_down(conn);
    conn->owner->on_refused(conn);
}

static int64_t number_at(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static void on_session(struct conn *conn, const PGresult *result, bool is_last)
{
    if (PQntuples(result) != 1)
        return; /* nothing is known of the backend */
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

/* What is missing may come by a migration: the connection stays, and asks again now and then. */
static void preparation_failed(struct conn *conn, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    size_t place = preparation(conn, conn->setup_step - BEFORE_PREPARATIONS);
    char error[400], why[512];
    if (sqlstate && strcmp(sqlstate, "55P03") == 0)
        return; /* it is locked: it is prepared when it is wanted */
    if (sqlstate && strcmp(sqlstate, "42P05") == 0) {
        conn->prepared[place] = true; /* by an attempt before */
        return;
    }
    statement_tell_error(sql_statements[place / 2], result, error, sizeof error);
    snprintf(why, sizeof why, "a statement cannot be prepared: %s", error);
    if (!conn->lacks_something)
        note(conn, why);
    conn->lacks_something = true;
    conn->advice = advice_for(sqlstate);
    if (!conn->advice)
        go_down(conn);
}

static void on_setup_again(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    uv_timer_start(&conn->timer, on_connect_timeout, conn->options->connect_timeout_ms, 0);
    if (send_setup(conn))
        go_down_after(conn);
    else
        flush(conn);
}

static void on_setup(struct conn *conn)
{
    if (!conn->lacks_something) {
        on_prepared(conn);
        return;
    }
    outage_tell(conn->options->outage, conn->why, conn->advice, uv_hrtime());
    uv_timer_start(&conn->timer, on_setup_again, SETUP_AGAIN_MS, 0);
}

static void on_setup_result(struct conn *conn, PGresult *result)
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
        note(conn, PQresultErrorMessage(result));
        conn->advice = advice_for(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        go_down(conn);
    }
    PQclear(result);
}

/* ---- coming up: the server ---- */

static bool is_severity(const PGresult *result, const char *severity)
{
    const char *told = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return told && strcmp(told, severity) == 0;
}

/* An idle server's farewell comes as a notice, and so does the word that a commit was not waited for by the
 * standbys it was to wait for. */
static void on_notice(void *data, const PGresult *result)
{
    struct conn *conn = data;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    log_debug("database notice", log_int("connection", conn->number), log_str("text", message));
    if (is_severity(result, "FATAL") || is_severity(result, "PANIC"))
        note(conn, PQresultErrorMessage(result));
    if (conn->state == CONN_BUSY && batch_is_committing(&conn->batch) && sqlstate &&
        strcmp(sqlstate, "01000") == 0 && !PQresultErrorField(result, PG_DIAG_CONTEXT)) {
        log_warn("a commit was not confirmed by its standbys", log_str("reason", message));
        conn->batch.uncertain = true;
    }
}

static const char *param(const struct conn *conn, const char *keyword)
{
    for (size_t i = 0; conn->options->keywords[i]; i++)
        if (strcmp(conn->options->keywords[i], keyword) == 0)
            return conn->options->values[i];
    return NULL;
}

/* The options' parameters, of which these stand for others. A NULL value leaves libpq's default. */
static PGconn *connect_with(const struct conn *conn, const char *const pairs[][2], size_t pairs_n)
{
    const char *keywords[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < pairs_n; i++)
        if (pairs[i][1] && *pairs[i][1]) {
            keywords[n] = pairs[i][0];
            values[n++] = pairs[i][1];
        }
    for (size_t i = 0; conn->options->keywords[i] && n < PARAMS_MAX; i++) {
        bool is_replaced = false;
        for (size_t p = 0; p < pairs_n && !is_replaced; p++)
            is_replaced = strcmp(pairs[p][0], conn->options->keywords[i]) == 0;
        if (is_replaced)
            continue;
        keywords[n] = conn->options->keywords[i];
        values[n++] = conn->options->values[i];
    }
    keywords[n] = values[n] = NULL;
    return PQconnectStartParams(keywords, values, 0);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    char why[400];
    snprintf(why, sizeof why, "%s %s timed out while connecting", conn->endpoints.items[conn->endpoint].host,
             conn->endpoints.items[conn->endpoint].address);
    note(conn, why);
    try_endpoint(conn);
}

/* GSSAPI encryption is not tried: it looks names up, and waits for whoever answers. */
static bool connect_start(struct conn *conn, const struct endpoint *endpoint)
{
    char name[SESSION_NAME_LEN];
    session_name(name, conn->lane);
    const char *const pairs[][2] = { { "host", endpoint->host },
                                     { "hostaddr", endpoint->address },
                                     { "port", endpoint->port },
                                     { "gssencmode", "disable" },
                                     { "application_name", name } };
    conn->pg = connect_with(conn, pairs, sizeof pairs / sizeof *pairs);
    if (!conn->pg || PQstatus(conn->pg) == CONNECTION_BAD) {
        note(conn, conn->pg ? PQerrorMessage(conn->pg) : "out of memory");
        return false;
    }
    PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE); /* with its SQLSTATE */
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    unsigned share_ms = conn->options->connect_timeout_ms / (unsigned)conn->endpoints.n;
    uv_timer_start(&conn->timer, on_connect_timeout, share_ms > 0 ? share_ms : 1, 0);
    int rc = watch_new_socket(conn, UV_WRITABLE);
    if (rc)
        note(conn, uv_strerror(rc));
    return rc == 0;
}

/* One address an attempt: libpq would keep to a silent one for as long as the system does. */
static void try_endpoint(struct conn *conn)
{
    for (conn->endpoint++; conn->endpoint < conn->endpoints.n; conn->endpoint++) {
        drop_server(conn);
        if (conn->state != CONN_CONNECTING) {
            go_down(conn);
            return;
        }
        if (connect_start(conn, &conn->endpoints.items[conn->endpoint]))
            return;
    }
    go_down(conn);
}

static void connect_poll(struct conn *conn)
{
    PostgresPollingStatusType want = PQconnectPoll(conn->pg);
    if (want == PGRES_POLLING_FAILED) {
        note(conn, PQerrorMessage(conn->pg));
        try_endpoint(conn);
        return;
    }
    int rc = watch_new_socket(conn, want == PGRES_POLLING_WRITING ? UV_WRITABLE : UV_READABLE);
    if (rc)
        go_down_for(conn, uv_strerror(rc));
    else if (want == PGRES_POLLING_OK)
        on_connected(conn);
}

static void on_found(void *data, const struct endpoints *found)
{
    struct conn *conn = data;
    conn->lookup = NULL;
    if (found->n == 0) {
        go_down_for(conn, found->error);
        return;
    }
    conn->endpoints = *found;
    conn->endpoint = SIZE_MAX; /* before the first */
    conn->why[0] = '\0';
    conn->advice = NULL;
    move(conn, CONN_CONNECTING);
    try_endpoint(conn);
}

static const char *first_of(const char *value, const char *variable, const char *otherwise)
{
    const char *fallback = value && *value ? value : getenv(variable);
    return fallback ? fallback : otherwise;
}

static void resolve(struct conn *conn)
{
    move(conn, CONN_RESOLVING);
    conn->backend_pid = 0;
    int rc = lookup_start(&conn->lookup, conn->timer.loop, first_of(param(conn, "host"), "PGHOST", ""),
                          first_of(param(conn, "port"), "PGPORT", ""), on_found, conn);
    if (rc)
        go_down_for(conn, uv_strerror(rc));
    else
        uv_timer_stop(&conn->timer);
}

static void on_retry(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    struct outage *outage = conn->options->outage;
    uint64_t now_ns = uv_hrtime();
    if (outage_may_try(outage, conn, now_ns)) {
        resolve(conn);
        return;
    }
    uint64_t ms = outage->next_ns > now_ns ? (outage->next_ns - now_ns) / 1000000 + 1 : 0;
    if (outage->refused || ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS;
    uv_timer_start(timer, on_retry, ms < WAIT_MIN_MS ? WAIT_MIN_MS : ms, 0);
}

/* ---- talking ---- */

/* Goes and comes again at once: an answer has shown that the connection is of no use. */
static void replace(struct conn *conn)
{
    log_info("database connection replaced", log_int("connection", conn->number));
    disconnect(conn, CONN_DOWN);
    uv_timer_start(&conn->timer, on_retry, conn->options->reconnect_min_ms, 0);
}

static void on_batch_result(struct conn *conn, PGresult *result)
{
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && !is_severity(result, "ERROR"))
            note(conn, PQresultErrorMessage(result));
        if (!batch_result(&conn->batch, result, conn->prepared))
            go_down_after(conn);
        return;
    }
    PQclear(result);
    batch_synced(&conn->batch);
    move(conn, CONN_IDLE);
    conn->owner->on_batch_done(conn);
    if (conn->batch.wants_new_conn && conn->state == CONN_IDLE)
        replace(conn);
}

static void read_results(struct conn *conn)
{
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    if (!PQconsumeInput(conn->pg)) {
        (void)PQisBusy(conn->pg); /* its last words may be among what has come */
        go_down_after(conn);
        return;
    }
    /* NULL ends an execution's results; a second one in a row means that no more has come. */
    bool nothing = false;
    while ((conn->state == CONN_BUSY || conn->state == CONN_PREPARING) && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (!result && nothing)
            return;
        nothing = !result;
        if (conn->state == CONN_PREPARING && result)
            on_setup_result(conn, result);
        else if (result)
            on_batch_result(conn, result);
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
        go_down_for(conn, conn->why[0] ? NULL : uv_strerror(status));
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
    conn->prepared = calloc(2 * sql_statements_n, sizeof *conn->prepared);
    if (!conn->prepared)
        return UV_ENOMEM;
    int rc = uv_timer_init(loop, &conn->timer);
    if (rc)
        return rc;
    conn->timer.data = conn;
    move(conn, CONN_DOWN);
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

bool conn_is_free(const struct conn *conn)
{
    return conn->state == CONN_IDLE && !conn->is_cancelling;
}

void conn_send(struct conn *conn)
{
    move(conn, CONN_BUSY);
    conn->why[0] = '\0';
    conn->heard_at_ns = uv_now(conn->timer.loop) * 1000000;
    conn->batch.limit_ns = conn->options->statement_timeout_ms * UINT64_C(1000000);
    int rc = batch_send(&conn->batch, conn->pg, conn->prepared);
    if (rc == UV_ENOMEM)
        go_down_for(conn, "out of memory");
    else if (rc)
        go_down_after(conn);
    else
        flush(conn);
}

void conn_check(struct conn *conn, uint64_t now_ns)
{
    uint64_t limit_ns = (uint64_t)conn->options->answer_timeout_ms * 1000000;
    if (conn->state == CONN_BUSY && limit_ns && now_ns - conn->heard_at_ns > limit_ns)
        go_down_for(conn, "the server did not answer in time");
}
