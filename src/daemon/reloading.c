/* SPDX-License-Identifier: MIT
 *
 * A new configuration for the parts that are there.
 */
#include "daemon/parts.h"

#include <string.h>

#include "admin/systemd.h"
#include "login/hash_pool.h"
#include "login/password.h"
#include "login/throttle.h"
#include "observe/log.h"

void daemon_count_lanes(const struct config *config, unsigned connections[LANES])
{
    memset(connections, 0, LANES * sizeof *connections);
    connections[LANE_READ] = (unsigned)config->database.read_connections;
    connections[LANE_INSERT] = (unsigned)config->database.insert_connections;
    connections[LANE_WRITE] = (unsigned)config->database.write_connections;
    connections[LANE_CONTROL] = 1;
}

static int prepare_reload(void *data, const struct config *fresh)
{
    struct daemon *daemon = data;
    if (daemon->phase != SERVING)
        return UV_ECANCELED;
    int rc = admin_prepare(daemon->admin, &fresh->admin.listen);
    if (!rc && (rc = edges_prepare(daemon->edges, fresh)))
        admin_forgo(daemon->admin);
    return rc;
}

static void apply_reload(void *data, const struct admin_gate *gate)
{
    struct daemon *daemon = data;
    const struct config *config = daemon->config;
    unsigned connections[LANES];
    struct password_policy policy;
    log_set_level(config->log.level);
    log_set_format(config->log.format);
    throttle_reconfigure(daemon->context.throttle, config);
    password_policy_set(&policy, config);
    hash_pool_set_policy(daemon->context.hash_pool, &policy);
    daemon_count_lanes(config, connections);
    if (pool_reconfigure(&daemon->pool, connections, (unsigned)config->database.queue_limit))
        log_error("out of memory: the database has fewer connections than configured");
    if (daemon->scheduler)
        scheduler_wake(daemon->scheduler);
    else if (daemon_start_jobs(daemon))
        log_error("jobs cannot be started");
    else if (daemon->scheduler)
        scheduler_tell_metrics(daemon->scheduler);
    edges_take(daemon->edges, config);
    admin_take(daemon->admin, gate);
    daemon_warn_of_config(config);
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
                                      .prepare = prepare_reload,
                                      .apply = apply_reload,
                                      .has_core = has_core,
                                      .done = on_reloaded,
                                      .data = daemon };
    reload_init(&daemon->reload);
}
