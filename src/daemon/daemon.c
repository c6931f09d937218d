/* SPDX-License-Identifier: MIT
 *
 * Starting the daemon: hash pool, database pool, jobs, edges, status page; each needs the ones before it.
 * Stopping is in drain.c.
 */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <uv.h>

#include "access/access.h"
#include "access/access_metrics.h"
#include "admin/systemd.h"
#include "base/container_of.h"
#include "call/call_log.h"
#include "call/entry.h"
#include "call/signal.h"
#include "call/trace.h"
#include "config/warnings.h"
#include "daemon/parts.h"
#include "db/pool_metrics.h"
#include "db/standbys.h"
#include "login/hash_pool.h"
#include "login/login_metrics.h"
#include "login/password.h"
#include "login/throttle.h"
#include "observe/log.h"
#include "observe/process.h"
#include "trace/otlp.h"

static void on_available(void *data, bool available)
{
    struct daemon *daemon = data;
    if (available) {
        schema_look_announce(&daemon->schema);
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

struct conn_options daemon_conn_options(struct daemon *daemon)
{
    database_params_set(&daemon->params, daemon->config);
    return database_conn_options(&daemon->params, daemon->config, database_answer_timeout_ms(daemon->config));
}

struct conn_options daemon_job_conn_options(struct daemon *daemon)
{
    database_params_set_for_jobs(&daemon->job_params, daemon->config);
    return database_conn_options(&daemon->job_params, daemon->config, 0);
}

static int start_pool(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    int rc = servers_start(&daemon->servers, &daemon->loop, config, on_primary_moved, daemon);
    if (rc)
        return rc;
    struct pool_options options = {
        .conn = daemon_conn_options(daemon),
        .queue_max = (unsigned)config->database.queue_limit,
    };
    daemon_count_lanes(config, options.connections);
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
    rc = admission_init(&daemon->admission, &daemon->pool, calls_begin_held, calls_want_held);
    if (!rc)
        rc = schema_look_start(&daemon->schema, &daemon->loop, &daemon->pool);
    return rc ? rc : standbys_start(&daemon->context.standbys, &daemon->loop, config, &daemon->pool);
}

int daemon_start_jobs(struct daemon *daemon)
{
    struct scheduler_options options = { .config = daemon->config, .conn = daemon_job_conn_options(daemon) };
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

void daemon_trace_to(struct daemon *daemon, struct otlp *otlp)
{
    daemon->context.otlp = otlp;
    daemon->context.on_begun = otlp ? trace_begun : NULL;
}

static int start_traces(struct daemon *daemon)
{
    struct otlp *otlp;
    int rc = otlp_start(&otlp, &daemon->loop, daemon->config->log.otlp, daemon->config->log.otlp_ca);
    if (!rc)
        daemon_trace_to(daemon, otlp);
    return rc;
}

static void tell_metrics(struct daemon *daemon)
{
    account_tell_metrics();
    access_tell_metrics(&daemon->context.access);
    pool_tell_metrics(&daemon->pool);
    admission_tell_metrics(&daemon->admission);
    standbys_tell_metrics(daemon->context.standbys);
    hash_pool_tell_metrics(daemon->context.hash_pool);
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
                                      .outcome = status[i].outcome,
                                      .done_n = status[i].runs[JOB_DONE],
                                      .failed_n = status[i].runs[JOB_FAILED],
                                      .next_s = status[i].next_s,
                                      .done_s = status[i].done_s,
                                      .took_us = status[i].took_us };
    return n;
}

static int start_admin(struct daemon *daemon, const struct admin_gate *gate)
{
    daemon->admin_options = (struct admin_options){ .config = daemon->config,
                                                    .context = &daemon->context,
                                                    .connections = count_connections,
                                                    .jobs = tell_jobs,
                                                    .data = daemon };
    int rc = admin_start(&daemon->admin, &daemon->loop, &daemon->admin_options, gate);
    return rc ? rc : systemd_start(&daemon->loop, &daemon->admin_options);
}

void daemon_warn_of_config(const struct config *config)
{
    static char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN];
    size_t n = config_warnings(config, warnings);
    for (size_t i = 0; i < n; i++)
        log_warn("configuration", log_str("warning", warnings[i]));
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void on_nothing_done(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

/* libuv starts the threads of its pool with the first work, and aborts if it cannot. So that must not be a
 * reload, or a look at the TLS files, of a process that has come to its limit of threads. */
static int start_threads(struct daemon *daemon)
{
    static uv_work_t work;
    return uv_queue_work(&daemon->loop, &work, do_nothing, on_nothing_done);
}

/* If a part does not start the process ends without cleaning up: it has no calls to lose yet, and the kernel
 * frees everything. */
static int start(struct daemon *daemon, const struct admin_gate *gate, struct tls_files *tls)
{
    int rc = uv_loop_init(&daemon->loop);
    if (!rc)
        loop_clock_start(&daemon->clock, &daemon->loop);
    if (!rc)
        rc = timers_init(&daemon->timers, &daemon->loop);
    if (!rc)
        rc = start_threads(daemon);
    if (!rc)
        rc = start_traces(daemon);
    if (!rc)
        rc = start_logins(daemon);
    if (!rc)
        rc = start_pool(daemon);
    if (!rc)
        rc = daemon_start_jobs(daemon);
    if (!rc)
        rc = daemon_start_signals(daemon);
    if (!rc)
        rc = edges_start(&daemon->edges, &daemon->context, daemon->config, tls, count_sent, daemon);
    if (!rc)
        timers_start(&daemon->timers, &daemon->patience,
                     uv_hrtime() + (uint64_t)daemon->config->database.connect_timeout_ms * 1000000,
                     on_patience_over);
    if (!rc)
        rc = process_watch_start(&daemon->loop);
    if (!rc)
        rc = start_admin(daemon, gate);
    if (rc)
        log_error("cannot start", log_error_code(rc));
    else
        tell_metrics(daemon);
    return rc;
}

int daemon_run(struct config *config, const struct config_source *source, const struct rules *rules,
               struct tls_files *tls)
{
    static struct daemon daemon;
    daemon.config = config;
    daemon.context.config = config;
    daemon.context.loop = &daemon.loop;
    daemon.context.timers = &daemon.timers;
    daemon.context.access = rules->access;
    daemon.context.on_answered = on_answered;
    int rc = log_start();
    if (rc) {
        log_error("cannot start", log_error_code(rc));
        return EXIT_FAILURE;
    }
    daemon_start_reload(&daemon, source);
    log_info("starting", log_str("version", SVCD_VERSION));
    daemon_warn_of_config(config);
    if (start(&daemon, &rules->gate, tls)) {
        log_stop(LOG_STOP_MS);
        return EXIT_FAILURE;
    }
    edges_run(daemon.edges);
    daemon_drained(&daemon);
    hash_pool_destroy(daemon.context.hash_pool); /* not earlier: the last calls still use it */
    uv_run(&daemon.loop, UV_RUN_DEFAULT);        /* until the handles of the stopped parts have closed */
    uv_close((uv_handle_t *)&daemon.drain_timer, NULL);
    uv_run(&daemon.loop, UV_RUN_DEFAULT);
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
