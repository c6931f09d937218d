/* SPDX-License-Identifier: MIT */
#include "reload.h"

#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/wall_clock.h"
#include "call/entry.h"
#include "config/adopt.h"
#include "db/params.h"
#include "db/trial.h"
#include "edge/http/tls_authorities.h"
#include "observe/log.h"
#include "observe/metrics.h"

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct reload *reload = owner;
    metrics_put(out, metric, metric == METRIC_svcd_config_reload_success ? reload->is_good : reload->good_ms);
}

void reload_init(struct reload *reload)
{
    reload->is_good = true;
    reload->good_ms = wall_clock_ms();
    metrics_set_reader(METRIC_svcd_config_reload_success, tell, reload);
    metrics_set_reader(METRIC_svcd_config_reload_timestamp_seconds, tell, reload);
}

/* libpq reads its file only to verify by it, and takes the word "system" for those of the system. */
static int check_authorities(const struct config *config, FILE *errors)
{
    const char *database_ca = config->database.tls_ca;
    bool verifies = strncmp(config->database.tls, "verify-", strlen("verify-")) == 0;
    int rc = 0, database_rc = 0;
    if (*config->log.otlp && *config->log.otlp_ca)
        rc = tls_authorities_check("log.otlp_ca", config->log.otlp_ca, errors);
    if (verifies && *database_ca && strcmp(database_ca, "system") != 0)
        database_rc = tls_authorities_check("database.tls_ca", database_ca, errors);
    return rc ? rc : database_rc;
}

int rules_read(struct rules *rules, const struct config *config, FILE *errors)
{
    int authorities_rc = check_authorities(config, errors);
    int gate_rc = admin_gate_read(&rules->gate, config, errors);
    int rc = calls_read_rules(&rules->access, config, errors), others_rc = authorities_rc ?: gate_rc;
    if (!rc && others_rc)
        access_destroy(rules->access);
    return rc ? rc : others_rc;
}

/* ---- reading, on a thread ---- */

/* Logs in as the new configuration says, to the database of the one in force (its address takes a restart).
 * The configuration in force does not change while this thread reads it. */
static int try_login(const struct reload *reload, FILE *errors)
{
    const struct config *live = reload->config;
    struct config tried = { .database = live->database };
    if (!database_logins_differ(live, &reload->fresh))
        return 0;
    tried.database.user = reload->fresh.database.user;
    tried.database.password = reload->fresh.database.password;
    tried.database.tls = reload->fresh.database.tls;
    tried.database.tls_ca = reload->fresh.database.tls_ca;
    return database_try(&tried, &reload->is_abandoned, errors);
}

static int check_rest(struct reload *reload, FILE *errors)
{
    int rc = rules_read(&reload->rules, &reload->fresh, errors);
    if (rc)
        return rc;
    rc = reload->read(reload->data, &reload->fresh);
    if (!rc)
        rc = try_login(reload, errors);
    if (rc)
        access_destroy(reload->rules.access);
    return rc;
}

static void read_all(uv_work_t *work)
{
    struct reload *reload = work->data;
    struct config_source source = *reload->source;
    source.exports = false; /* setenv() is not thread-safe; libpq got its variables at the start */
    FILE *errors = open_memstream(&reload->errors, &reload->errors_len);
    reload->rc = errors ? config_load(&reload->fresh, &source, errors) : UV_ENOMEM;
    if (!reload->rc)
        reload->rc = check_rest(reload, errors);
    if (errors)
        fclose(errors);
}

/* ---- taking over ---- */

static void tell_errors(const char *lines)
{
    while (lines && *lines) {
        size_t len = strcspn(lines, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), lines);
        if (strstr(line, ": warning: "))
            log_warn("configuration", log_str("warning", line));
        else
            log_error("configuration", log_str("wrong", line));
        lines += len + (lines[len] == '\n');
    }
}

/* Logs each key that changed. */
static void tell_changes(const struct reload *reload)
{
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        char name[128];
        if (!config_differs(reload->config, &reload->fresh, key))
            continue;
        snprintf(name, sizeof name, "%s.%s", key->section, key->name);
        if (key->change == CONFIG_ON_RESTART)
            log_warn("configuration changed, which takes a restart", log_str("key", name));
        else if (key->change == CONFIG_ON_RELOAD_BUT_GRPC && reload->has_core(reload->data))
            log_warn("configuration changed, which takes a restart for grpc://", log_str("key", name));
        else
            log_info("configuration changed", log_str("key", name));
    }
}

static void take(struct reload *reload)
{
    struct access *old = reload->context->access;
    tell_changes(reload);
    config_adopt(reload->config, &reload->fresh);
    access_replace(reload->rules.access, old);
    reload->context->access = reload->rules.access;
    calls_review(reload->context);
    reload->apply(reload->data, &reload->rules.gate);
    log_info("configuration reloaded");
}

static void tell_not_taken(int rc)
{
    log_error("the configuration is not taken, and all stays as it was", log_error_code(rc));
}

static void on_read(uv_work_t *work, int status)
{
    struct reload *reload = work->data;
    int rc = status ? status : reload->rc;
    tell_errors(reload->errors);
    free(reload->errors);
    reload->errors = NULL;
    if (!rc && (rc = reload->prepare(reload->data, &reload->fresh)))
        access_destroy(reload->rules.access);
    else if (!rc)
        take(reload);
    config_finish(&reload->fresh);
    reload->is_good = rc == 0;
    if (rc)
        tell_not_taken(rc);
    else
        reload->good_ms = wall_clock_ms();
    reload->rules = (struct rules){ 0 };
    reload->is_running = false;
    bool is_wanted_again = reload->is_wanted_again;
    reload->is_wanted_again = false;
    if (is_wanted_again)
        reload_start(reload);
    else
        reload->done(reload->data);
}

void reload_start(struct reload *reload)
{
    reload->is_wanted_again = reload->is_running;
    if (reload->is_running)
        return;
    reload->is_running = true;
    reload->work.data = reload;
    int rc = uv_queue_work(reload->loop, &reload->work, read_all, on_read);
    if (!rc)
        return;
    reload->is_running = reload->is_good = false;
    tell_not_taken(rc);
    reload->done(reload->data);
}

void reload_abandon(struct reload *reload)
{
    atomic_store(&reload->is_abandoned, true);
}
