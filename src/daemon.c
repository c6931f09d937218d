/* SPDX-License-Identifier: MIT
 *
 * Start: hash pool, database pool, core, listeners; each needs the ones before it. Stop, in five steps:
 *
 *   1. lame: health says NOT_SERVING, everything is still served (drain.lame_ms), so that a load balancer
 *      looks elsewhere;
 *   2. the listeners close and the core says GOAWAY;
 *   3. running calls end by themselves, or with UNAVAILABLE after drain.timeout_ms;
 *   4. hash pool and database pool stop;
 *   5. the loop has run empty: everything is freed.
 *
 * A second signal skips the waiting.
 */
#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "access/access.h"
#include "access/access_metrics.h"
#include "admin/admin.h"
#include "admin/snapshot.h"
#include "admin/systemd.h"
#include "base/container_of.h"
#include "call/admission.h"
#include "call/call_log.h"
#include "call/entry.h"
#include "call/signal.h"
#include "call/stream.h"
#include "call/trace.h"
#include "config/warnings.h"
#include "db/params.h"
#include "db/pool_metrics.h"
#include "db/schema.h"
#include "db/servers.h"
#include "db/standbys.h"
#include "edges.h"
#include "jobs/scheduler.h"
#include "login/hash_pool.h"
#include "login/login_metrics.h"
#include "login/password.h"
#include "login/throttle.h"
#include "observe/log.h"
#include "observe/process.h"
#include "reload.h"
#include "trace/otlp.h"

/* PostgreSQL ends a statement after database.statement_timeout_ms and says so. Only a server that has not
 * said even that this much later is taken for lost. */
#define ANSWER_GRACE_MS 5000
#define HANG_UP_MS      500 /* for clients to hang up by themselves once no call is running */
#define DRAIN_TICK_MS   50
/* After calls were ended: until connections that do not take their answers are cut off, and until the process
 * ends whatever hangs. */
#define CUT_MS      300
#define LAST_MS     900
#define LOG_STOP_MS 300 /* for the last lines to be written */
/* Over both phases of a drain, before systemd ends what hangs. */
#define STOP_GRACE_MS 5000

static const int signal_numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT };
#define SIGNALS_N (sizeof signal_numbers / sizeof *signal_numbers)

struct daemon {
    struct config *config;
    uv_loop_t loop;
    struct timers timers;
    struct context context;
    struct pool pool;
    struct servers *servers;
    struct schema_look schema;
    struct admission admission;
    struct edges *edges;
    struct database_params params, job_params;
    struct outage outage; /* of the database, for all that go to it */
    struct scheduler *scheduler;
    struct admin_options admin_options;
    struct admin *admin;
    struct reload reload;
    uv_signal_t signals[SIGNALS_N];
    struct timer patience; /* with a database that is away when svcd starts */
    uv_timer_t drain_timer;
    enum { SERVING, LAME, DRAINING } phase;
    uint64_t drain_started_ms;
    bool work_stopped; /* since ended_ms */
    uint64_t ended_ms;
};

/* ---- stop ---- */

/* Whoever still waits for a password or the database is answered UNAVAILABLE. */
static void stop_work(struct daemon *daemon)
{
    if (daemon->work_stopped)
        return;
    daemon->work_stopped = true;
    streams_end(&daemon->context, STATUS_UNAVAILABLE, "the server is stopping");
    hash_pool_stop(daemon->context.hash_pool);
    scheduler_stop(daemon->scheduler);
    servers_stop(daemon->servers);
    schema_look_stop(&daemon->schema);
    standbys_stop(daemon->context.standbys);
    pool_stop(&daemon->pool);
    admission_let_in(&daemon->admission);
    uv_update_time(&daemon->loop); /* the hash that ran may have taken long: that was no hanging */
    daemon->ended_ms = uv_now(&daemon->loop);
}

static void drained(struct daemon *daemon)
{
    log_info("drained");
    stop_work(daemon);
    admin_stop(daemon->admin);
    timers_finish(&daemon->timers);
    process_watch_stop();
    systemd_stop();
    otlp_stop(daemon->context.otlp);
    uv_close((uv_handle_t *)&daemon->drain_timer, NULL);
    for (size_t i = 0; i < SIGNALS_N; i++) {
        int number = daemon->signals[i].signum;
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
        signal(number, SIG_IGN); /* one more signal must not turn a clean end into a killed process */
    }
}

static void end_now(struct daemon *daemon)
{
    stop_work(daemon);
    edges_cancel(daemon->edges);
}

/* Something that should have let go has not: nothing acknowledged is lost, and waiting longer helps nobody.
 */
_Noreturn static void exit_hard(void)
{
    log_warn("something still runs after every call has ended, and is left behind");
    log_stop(LOG_STOP_MS);
    _exit(EXIT_SUCCESS);
}

/* Streams end when no other call is left. A client that has nothing to ask may take long to hang up after the
 * GOAWAY, and need not be waited for; but what it sent before it heard of it must have had time to arrive. */
static void on_drain_tick(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    uint64_t now_ms = uv_now(&daemon->loop), drained_ms = now_ms - daemon->drain_started_ms;
    unsigned running = edges_running(daemon->edges);
    if (daemon->work_stopped && now_ms - daemon->ended_ms >= LAST_MS)
        exit_hard();
    else if (daemon->work_stopped && now_ms - daemon->ended_ms >= CUT_MS)
        edges_cut(daemon->edges);
    else if (daemon->work_stopped)
        return;
    else if (drained_ms >= (uint64_t)daemon->config->drain.timeout_ms) {
        log_warn("calls are still running after drain.timeout_ms and are ended", log_int("calls", running));
        end_now(daemon);
    } else if (drained_ms >= HANG_UP_MS && running == 0)
        edges_cancel(daemon->edges);
    else if (drained_ms >= HANG_UP_MS && running <= daemon->context.streams_n)
        streams_end(&daemon->context, STATUS_UNAVAILABLE, "the server is stopping");
}

static void on_lame_over(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    daemon->phase = DRAINING;
    daemon->drain_started_ms = uv_now(&daemon->loop);
    edges_drain(daemon->edges);
    uv_timer_start(&daemon->drain_timer, on_drain_tick, DRAIN_TICK_MS, DRAIN_TICK_MS);
}

/* The first lets load balancers see it, the second drains at once, the third ends at once. */
static void stop(struct daemon *daemon, const char *signal)
{
    switch (daemon->phase) {
    case SERVING:
        log_info("stopping", log_str("signal", signal));
        daemon->phase = LAME;
        systemd_stopping((uint64_t)daemon->config->drain.lame_ms +
                         (uint64_t)daemon->config->drain.timeout_ms + STOP_GRACE_MS);
        daemon->context.draining = true;
        signal_raise(&daemon->context.health_changed);
        uv_timer_start(&daemon->drain_timer, on_lame_over, (uint64_t)daemon->config->drain.lame_ms, 0);
        return;
    case LAME:
        uv_timer_start(&daemon->drain_timer, on_lame_over, 0, 0);
        return;
    case DRAINING:
        end_now(daemon);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    switch (number) {
    case SIGHUP:
        if (daemon->phase == SERVING) {
            systemd_reloading();
            reload_start(&daemon->reload);
        }
        return;
    case SIGUSR1:
        admin_log_snapshot(&daemon->admin_options);
        return;
    case SIGUSR2:
    case SIGQUIT:
        log_warn("this signal is ignored: SIGTERM stops, SIGUSR1 logs a snapshot",
                 log_str("signal", number == SIGUSR2 ? "SIGUSR2" : "SIGQUIT"));
        return;
    default:
        stop(daemon, number == SIGINT ? "SIGINT" : "SIGTERM");
    }
}

/* ---- start ---- */

static void on_available(void *data, bool available)
{
    struct daemon *daemon = data;
    if (available) {
        log_info("database available");
        edges_go(daemon->edges);
    } else
        log_warn("database away, calls that need it are refused");
    signal_raise(&daemon->context.health_changed);
}

static void on_patience_over(struct timer *timer)
{
    edges_go(container_of(timer, struct daemon, patience)->edges);
}

static void on_primary_moved(void *data)
{
    struct daemon *daemon = data;
    pool_follow_primary(&daemon->pool);
}

static void count_connections_of(const struct config *config, unsigned connections[LANES])
{
    memset(connections, 0, LANES * sizeof *connections);
    connections[LANE_READ] = (unsigned)config->database.read_connections;
    connections[LANE_INSERT] = (unsigned)config->database.insert_connections;
    connections[LANE_WRITE] = (unsigned)config->database.write_connections;
    connections[LANE_CONTROL] = 1;
}

static int start_pool(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    int rc = servers_start(&daemon->servers, &daemon->loop, config, on_primary_moved, daemon);
    if (rc)
        return rc;
    database_params_set(&daemon->params, config);
    int statement_timeout_ms = config->database.statement_timeout_ms;
    struct pool_options options = {
        .conn = database_conn_options(
            &daemon->params, config,
            statement_timeout_ms ? (unsigned)(statement_timeout_ms + ANSWER_GRACE_MS) : 0),
        .queue_max = (unsigned)config->database.queue_limit,
    };
    count_connections_of(config, options.connections);
    outage_init(&daemon->outage);
    options.conn.outage = &daemon->outage;
    options.conn.primary = servers_primary(daemon->servers);
    options.conn.tells_position = *config->database.read_host != '\0';
    daemon->pool.on_available = on_available;
    daemon->pool.data = daemon;
    daemon->context.pool = &daemon->pool;
    rc = pool_start(&daemon->pool, &daemon->loop, &options);
    if (rc)
        return rc;
    daemon->context.admission = &daemon->admission;
    rc = admission_init(&daemon->admission, &daemon->pool, calls_begin_held);
    if (!rc)
        rc = schema_look_start(&daemon->schema, &daemon->loop, &daemon->pool);
    return rc ? rc : standbys_start(&daemon->context.standbys, &daemon->loop, config, &daemon->pool);
}

static int start_jobs(struct daemon *daemon)
{
    database_params_set_for_jobs(&daemon->job_params, daemon->config);
    struct scheduler_options options = {
        .config = daemon->config,
        .conn = database_conn_options(&daemon->job_params, daemon->config, 0),
    };
    options.conn.outage = &daemon->outage;
    options.conn.primary = servers_primary(daemon->servers);
    return scheduler_start(&daemon->scheduler, &daemon->loop, &options);
}

static int start_logins(struct daemon *daemon)
{
    struct password_policy policy;
    int rc = password_init();
    if (!rc)
        rc = throttle_create(&daemon->context.throttle, daemon->config);
    if (rc)
        return rc;
    password_policy_set(&policy, daemon->config);
    struct hash_pool_options options = { .policy = &policy,
                                         .n_workers = daemon->config->password.workers,
                                         .queue_limit = daemon->config->password.queue_limit };
    return hash_pool_start(&daemon->context.hash_pool, &daemon->loop, &options);
}

static unsigned count_sent(void *data)
{
    const struct daemon *daemon = data;
    return daemon->pool.batches_sent;
}

static void on_answered(struct call *call, unsigned status, uint64_t took_ns)
{
    call_log_answered(call, status, took_ns);
    trace_answered(call, status, took_ns);
}

static int start_traces(struct daemon *daemon)
{
    int rc = otlp_start(&daemon->context.otlp, &daemon->loop, daemon->config->log.otlp);
    daemon->context.on_begun = daemon->context.otlp ? trace_begun : NULL;
    return rc;
}

static int start_signals(struct daemon *daemon)
{
    int rc = 0;
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&daemon->loop, &daemon->drain_timer);
    daemon->drain_timer.data = daemon;
    for (size_t i = 0; i < SIGNALS_N && !rc; i++) {
        rc = uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        if (!rc)
            rc = uv_signal_start(&daemon->signals[i], on_signal, signal_numbers[i]);
    }
    return rc;
}

static void tell_metrics(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    account_tell_metrics();
    access_tell_metrics(&daemon->context.access);
    pool_tell_metrics(&daemon->pool);
    admission_tell_metrics(&daemon->admission);
    standbys_tell_metrics(daemon->context.standbys);
    hash_pool_tell_metrics(daemon->context.hash_pool, config->password.queue_limit);
    throttle_tell_metrics(daemon->context.throttle);
    otlp_tell_metrics();
    if (daemon->scheduler)
        scheduler_tell_metrics(daemon->scheduler);
}

static unsigned count_connections(void *data)
{
    const struct daemon *daemon = data;
    return edges_connections(daemon->edges);
}

static size_t tell_jobs(void *data, struct admin_job *jobs, size_t max)
{
    enum { JOBS_MAX = 16 };
    const struct daemon *daemon = data;
    struct job_status status[JOBS_MAX];
    size_t n = scheduler_status(daemon->scheduler, status, JOBS_MAX);
    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        jobs[i] = (struct admin_job){ .name = status[i].name,
                                      .running = status[i].running,
                                      .done_n = status[i].runs[JOB_DONE],
                                      .failed_n = status[i].runs[JOB_FAILED],
                                      .next_s = status[i].next_s,
                                      .done_s = status[i].done_s,
                                      .took_us = status[i].took_us };
    return n;
}

static int start_admin(struct daemon *daemon)
{
    daemon->admin_options = (struct admin_options){ .config = daemon->config,
                                                    .context = &daemon->context,
                                                    .connections = count_connections,
                                                    .jobs = tell_jobs,
                                                    .data = daemon };
    int rc = admin_start(&daemon->admin, &daemon->loop, &daemon->admin_options);
    return rc ? rc : systemd_start(&daemon->loop, &daemon->admin_options);
}

static void warn_of_config(const struct config *config)
{
    static char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN];
    size_t n = config_warnings(config, warnings);
    for (size_t i = 0; i < n; i++)
        log_warn("configuration", log_str("warning", warnings[i]));
}

/* ---- reload ---- */

static int prepare_reload(void *data, const struct config *fresh)
{
    struct daemon *daemon = data;
    if (daemon->phase != SERVING)
        return UV_ECANCELED;
    if (edges_can_listen(daemon->edges, &fresh->server.listen))
        return edges_relisten(daemon->edges, &fresh->server.listen);
    log_error("server.listen has a scheme that nothing listened by when svcd began: that takes a restart");
    return UV_ENOTSUP;
}

static void apply_reload(void *data)
{
    struct daemon *daemon = data;
    const struct config *config = daemon->config;
    unsigned connections[LANES];
    log_set_level(config->log.level);
    log_set_format(config->log.format);
    throttle_reconfigure(daemon->context.throttle, config);
    count_connections_of(config, connections);
    if (pool_reconfigure(&daemon->pool, connections, (unsigned)config->database.queue_limit))
        log_error("out of memory: the database has fewer connections than configured");
    if (daemon->scheduler)
        scheduler_wake(daemon->scheduler);
    else if (start_jobs(daemon))
        log_error("jobs cannot be started");
    else if (daemon->scheduler)
        scheduler_tell_metrics(daemon->scheduler);
    edges_reconfigure(daemon->edges, config);
    warn_of_config(config);
}

static void on_reloaded(void *data)
{
    (void)data;
    systemd_reloaded();
}

/* A part that did not start ends the process: there is nothing to lose yet, and the system takes everything
 * back. */
static int start(struct daemon *daemon)
{
    int rc = uv_loop_init(&daemon->loop);
    if (!rc)
        rc = timers_init(&daemon->timers, &daemon->loop);
    if (!rc)
        rc = start_traces(daemon);
    if (!rc)
        rc = start_logins(daemon);
    if (!rc)
        rc = start_pool(daemon);
    if (!rc)
        rc = start_jobs(daemon);
    if (!rc)
        rc = start_signals(daemon);
    if (!rc)
        rc = edges_start(&daemon->edges, &daemon->context, daemon->config, count_sent, daemon);
    if (!rc)
        timers_start(&daemon->timers, &daemon->patience,
                     uv_hrtime() + (uint64_t)daemon->config->database.connect_timeout_ms * 1000000,
                     on_patience_over);
    if (!rc)
        rc = process_watch_start(&daemon->loop);
    if (!rc)
        rc = start_admin(daemon);
    if (rc)
        log_error("cannot start", log_error_code(rc));
    else
        tell_metrics(daemon);
    return rc;
}

int daemon_run(struct config *config, const struct config_source *source, struct access *access)
{
    static struct daemon daemon;
    daemon.config = config;
    daemon.context.config = config;
    daemon.context.loop = &daemon.loop;
    daemon.context.timers = &daemon.timers;
    daemon.context.access = access;
    daemon.context.on_answered = on_answered;
    int rc = log_start();
    if (rc) {
        log_error("cannot start", log_error_code(rc));
        return EXIT_FAILURE;
    }
    daemon.reload = (struct reload){ .loop = &daemon.loop,
                                     .config = config,
                                     .source = source,
                                     .context = &daemon.context,
                                     .prepare = prepare_reload,
                                     .apply = apply_reload,
                                     .done = on_reloaded,
                                     .data = &daemon };
    reload_init(&daemon.reload);
    log_info("starting", log_str("version", SVCD_VERSION));
    warn_of_config(config);
    if (start(&daemon)) {
        log_stop(LOG_STOP_MS);
        return EXIT_FAILURE;
    }
    edges_run(daemon.edges);
    drained(&daemon);
    hash_pool_destroy(daemon.context.hash_pool); /* not before: the last calls look at it */
    uv_run(&daemon.loop, UV_RUN_DEFAULT);        /* until what was stopped has closed */
    scheduler_destroy(daemon.scheduler);
    pool_finish(&daemon.pool);
    servers_destroy(daemon.servers);
    admission_finish(&daemon.admission);
    standbys_destroy(daemon.context.standbys);
    throttle_destroy(daemon.context.throttle);
    access_destroy(daemon.context.access);
    edges_destroy(daemon.edges);
    admin_destroy(daemon.admin);
    otlp_destroy(daemon.context.otlp);
    uv_loop_close(&daemon.loop);
    log_stop(LOG_STOP_MS);
    return EXIT_SUCCESS;
}
