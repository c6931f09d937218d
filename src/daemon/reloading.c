/* SPDX-License-Identifier: MIT
 *
 * Applying a reloaded configuration to the running parts; reload.c reads it.
 */
#include "daemon/parts.h"

#include <string.h>

#include "admin/systemd.h"
#include "base/container_of.h"
#include "db/standbys.h"
#include "login/hash_pool.h"
#include "login/password.h"
#include "login/throttle.h"
#include "observe/log.h"
#include "trace/otlp.h"

/* The throttle's entries move to their new table in pieces of about half a millisecond, so that calls are not
 * delayed. */
#define THROTTLE_MOVE_SETS     1024
#define THROTTLE_MOVE_EVERY_NS 1000000

void daemon_count_lanes(const struct config *config, unsigned connections[LANES])
{
    memset(connections, 0, LANES * sizeof *connections);
    connections[LANE_READ] = (unsigned)config->database.read_connections;
    connections[LANE_INSERT] = (unsigned)config->database.insert_connections;
    connections[LANE_WRITE] = (unsigned)config->database.write_connections;
    connections[LANE_CONTROL] = 1;
}

/* ---- the part that may fail ---- */

/* With a CA file the exporter is always replaced: the file may have changed under the same name. */
static int prepare_traces(struct daemon *daemon, const struct config *fresh)
{
    const struct config *live = daemon->config;
    struct prepared *prepared = &daemon->prepared;
    prepared->otlp = NULL;
    prepared->has_other_traces = *fresh->log.otlp_ca || strcmp(fresh->log.otlp, live->log.otlp) != 0 ||
                                 strcmp(fresh->log.otlp_ca, live->log.otlp_ca) != 0;
    return prepared->has_other_traces
               ? otlp_start(&prepared->otlp, &daemon->loop, fresh->log.otlp, fresh->log.otlp_ca)
               : 0;
}

static void forgo_traces(struct daemon *daemon)
{
    otlp_replace(daemon->prepared.otlp);
}

static int prepare_throttle(struct daemon *daemon, const struct config *fresh)
{
    int rc = throttle_prepare(daemon->context.throttle, fresh->throttle.entries);
    if (rc)
        log_error("no memory for throttle.entries", log_int("entries", fresh->throttle.entries));
    return rc;
}

static void forgo_throttle(struct daemon *daemon)
{
    throttle_forgo(daemon->context.throttle);
}

static int prepare_hashing(struct daemon *daemon, const struct config *fresh)
{
    const int workers = fresh->password.workers, queue_limit = fresh->password.queue_limit;
    int rc = hash_pool_prepare(daemon->context.hash_pool, workers, queue_limit);
    if (rc)
        log_error("no threads or memory to hash by", log_int("workers", workers),
                  log_int("queue_limit", queue_limit), log_error_code(rc));
    return rc;
}

static void forgo_hashing(struct daemon *daemon)
{
    hash_pool_forgo(daemon->context.hash_pool);
}

static int prepare_admin(struct daemon *daemon, const struct config *fresh)
{
    return admin_prepare(daemon->admin, &fresh->admin.listen);
}

static void forgo_admin(struct daemon *daemon)
{
    admin_forgo(daemon->admin);
}

static int read_files(void *data, const struct config *fresh)
{
    const struct daemon *daemon = data;
    return edges_read(daemon->edges, fresh);
}

static int prepare_edges(struct daemon *daemon, const struct config *fresh)
{
    return edges_prepare(daemon->edges, fresh);
}

/* Run in this order. A step that fails has logged why, and the steps before it are undone by `forgo`. */
static const struct {
    int (*prepare)(struct daemon *daemon, const struct config *fresh);
    void (*forgo)(struct daemon *daemon); /* NULL: the last step, after which nothing can fail */
} steps[] = {
    { prepare_traces, forgo_traces },
    { prepare_throttle, forgo_throttle },
    { prepare_hashing, forgo_hashing },
    { prepare_admin, forgo_admin },
    { prepare_edges, NULL },
};

static int prepare_reload(void *data, const struct config *fresh)
{
    struct daemon *daemon = data;
    int rc = daemon->phase == SERVING ? 0 : UV_ECANCELED;
    size_t n = 0;
    daemon->prepared.has_other_login = database_logins_differ(daemon->config, fresh);
    while (!rc && n < sizeof steps / sizeof *steps)
        rc = steps[n++].prepare(daemon, fresh);
    while (rc && n > 1)
        steps[--n - 1].forgo(daemon);
    return rc;
}

/* ---- the part that cannot fail ---- */

static void apply_to_database(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    bool has_other_login = daemon->prepared.has_other_login;
    unsigned connections[LANES];
    const struct conn_options options = daemon_conn_options(daemon);
    daemon_count_lanes(config, connections);
    if (pool_reconfigure(&daemon->pool, connections, (unsigned)config->database.queue_limit))
        log_error("out of memory: the database has fewer connections than configured");
    pool_renew(&daemon->pool, &options, has_other_login);
    servers_renew(daemon->servers, config, has_other_login);
    standbys_renew(daemon->context.standbys, config, has_other_login);
}

static void apply_to_jobs(struct daemon *daemon)
{
    if (daemon->scheduler) {
        const struct conn_options options = daemon_job_conn_options(daemon);
        scheduler_renew(daemon->scheduler, &options, daemon->prepared.has_other_login);
    } else if (daemon_start_jobs(daemon))
        log_error("jobs cannot be started");
    else if (daemon->scheduler)
        scheduler_tell_metrics(daemon->scheduler);
}

static void on_throttle_move(struct timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, throttle_move);
    if (!throttle_move(daemon->context.throttle, THROTTLE_MOVE_SETS))
        timers_start(&daemon->timers, timer, uv_hrtime() + THROTTLE_MOVE_EVERY_NS, on_throttle_move);
}

static void apply_to_logins(struct daemon *daemon)
{
    struct password_policy policy;
    throttle_take(daemon->context.throttle, daemon->config);
    on_throttle_move(&daemon->throttle_move);
    password_policy_set(&policy, daemon->config);
    hash_pool_set_policy(daemon->context.hash_pool, &policy);
    hash_pool_take(daemon->context.hash_pool);
}

static void apply_to_log(struct daemon *daemon)
{
    struct otlp *old = daemon->context.otlp;
    log_set_level(daemon->config->log.level);
    log_set_format(daemon->config->log.format);
    if (!daemon->prepared.has_other_traces)
        return;
    daemon_trace_to(daemon, daemon->prepared.otlp);
    otlp_replace(old);
}

static void apply_reload(void *data, const struct admin_gate *gate)
{
    struct daemon *daemon = data;
    apply_to_log(daemon);
    apply_to_logins(daemon);
    apply_to_database(daemon);
    apply_to_jobs(daemon);
    edges_take(daemon->edges, daemon->config);
    admin_take(daemon->admin, gate);
    daemon_warn_of_config(daemon->config);
}

static bool has_core(void *data)
{
    const struct daemon *daemon = data;
    return edges_has_core(daemon->edges);
}

static void on_reloaded(void *data)
{
    (void)data;
    systemd_reloaded();
}

void daemon_start_reload(struct daemon *daemon, const struct config_source *source)
{
    daemon->reload = (struct reload){ .loop = &daemon->loop,
                                      .config = daemon->config,
                                      .source = source,
                                      .context = &daemon->context,
                                      .read = read_files,
                                      .prepare = prepare_reload,
                                      .apply = apply_reload,
                                      .has_core = has_core,
                                      .done = on_reloaded,
                                      .data = daemon };
    reload_init(&daemon->reload);
}
