/* SPDX-License-Identifier: MIT */
#include "db/schema.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "db/history.h"
#include "db/migration_file.h"
#include "db/result.h"
#include "observe/log.h"

#define FIRST_MS       200   /* between checks until the first answer */
#define LATER_MS       30000 /* and after that */
#define PATIENCE_TICKS 5     /* then the database is announced even without an answer */

static void add(char list[static SCHEMA_TOLD_LEN], const char *name)
{
    size_t len = strlen(list);
    snprintf(list + len, SCHEMA_TOLD_LEN - len, "%s%s", len ? ", " : "", name);
}

static bool is_ours(const char *name)
{
    return history_is_ours(name) || strncmp(name, "functions/", strlen("functions/")) == 0;
}

static void find_missing(char missing[static SCHEMA_TOLD_LEN], const PGresult *applied, bool is_newer)
{
    for (size_t i = 0; i < migration_files_n; i++)
        if (!history_checksum(applied, migration_files[i].name))
            add(missing, migration_files[i].name);
    for (size_t i = 0; i < function_files_n && !is_newer; i++) {
        char name[128];
        snprintf(name, sizeof name, "functions/%s", function_files[i].name);
        const char *checksum = history_checksum(applied, name);
        if (!checksum || strcmp(checksum, function_files[i].checksum) != 0)
            add(missing, name);
    }
}

static void find_unknown(char unknown[static SCHEMA_TOLD_LEN], const PGresult *applied, bool is_newer)
{
    if (is_newer)
        snprintf(unknown, SCHEMA_TOLD_LEN, "svcd %s", history_checksum(applied, HISTORY_VERSION));
    for (int row = 0; row < PQntuples(applied); row++)
        if (!is_ours(PQgetvalue(applied, row, 0)))
            add(unknown, PQgetvalue(applied, row, 0));
}

static void tell(struct schema_look *look, const char *missing, const char *unknown)
{
    if (*missing && strcmp(missing, look->missing) != 0)
        log_error("the database lacks migrations: calls that need them fail", log_str("missing", missing),
                  log_str("do", "bring the database to this version's schema: svcd migrate"));
    if (*unknown && strcmp(unknown, look->unknown) != 0)
        log_warn("the database has a newer schema than this svcd", log_str("unknown", unknown),
                 log_str("do", "run the svcd that has migrated it"));
    if (!*missing && *look->missing)
        log_info("the database has all migrations now");
    snprintf(look->missing, sizeof look->missing, "%s", missing);
    snprintf(look->unknown, sizeof look->unknown, "%s", unknown);
}

static void announce(struct schema_look *look)
{
    if (!look->is_to_announce || !pool_is_available(look->pool))
        return;
    look->is_to_announce = false;
    const char *missing = *look->missing ? look->missing : NULL;
    const char *unknown = *look->unknown ? look->unknown : NULL;
    if (missing || unknown)
        log_warn("database available, with another schema than svcd's", log_str("missing", missing),
                 log_str("unknown", unknown));
    else
        log_info("database available");
}

static void on_done(struct query *query, const struct query_outcome *outcome)
{
    struct schema_look *look = container_of(query, struct schema_look, query);
    look->is_under_way = false;
    if (outcome->end == QUERY_DONE) {
        char missing[SCHEMA_TOLD_LEN] = "", unknown[SCHEMA_TOLD_LEN] = "";
        const PGresult *applied = result_pg(outcome->result);
        const char *version = history_checksum(applied, HISTORY_VERSION);
        bool is_newer = version && history_compare_versions(version, SVCD_VERSION) > 0;
        find_missing(missing, applied, is_newer);
        find_unknown(unknown, applied, is_newer);
        tell(look, missing, unknown);
        uv_timer_set_repeat(&look->timer, LATER_MS);
    }
    announce(look);
}

static void on_hidden(struct query *query, const struct query_outcome *outcome)
{
    struct schema_look *look = container_of(query, struct schema_look, hidden_query);
    char hidden[SCHEMA_TOLD_LEN] = "";
    look->is_hidden_under_way = false;
    if (outcome->end != QUERY_DONE)
        return;
    const PGresult *tables = result_pg(outcome->result);
    for (int row = 0; row < PQntuples(tables); row++)
        add(hidden, PQgetvalue(tables, row, 0));
    if (*hidden && strcmp(hidden, look->hidden) != 0)
        log_error("row-level security may hide rows from svcd: calls are answered as if they were not there",
                  log_str("tables", hidden), log_str("do", SCHEMA_HIDDEN_ADVICE));
    snprintf(look->hidden, sizeof look->hidden, "%s", hidden);
}

/* Unless the last one is still under way. */
static void submit(struct pool *pool, struct query *query, bool *is_under_way, const char *statement,
                   void (*when_done)(struct query *query, const struct query_outcome *outcome))
{
    if (*is_under_way)
        return;
    *query = (struct query){ .statement = statement_named(statement),
                             .deadline_ns = UINT64_MAX,
                             .on_done = when_done };
    *is_under_way = pool_submit(pool, query) == 0;
}

static void look_now(struct schema_look *look)
{
    submit(look->pool, &look->hidden_query, &look->is_hidden_under_way, "hidden_tables", on_hidden);
    submit(look->pool, &look->query, &look->is_under_way, "applied_migrations", on_done);
}

static void on_time(uv_timer_t *timer)
{
    struct schema_look *look = timer->data;
    look_now(look);
    /* Announces without a result if the check could not be sent, or takes too long. */
    if (!look->is_under_way || ++look->ticks >= PATIENCE_TICKS)
        announce(look);
}

void schema_look_announce(struct schema_look *look)
{
    look->is_to_announce = true;
    look->ticks = 0;
    look_now(look);
    uv_timer_start(&look->timer, on_time, FIRST_MS, FIRST_MS);
}

int schema_look_start(struct schema_look *look, uv_loop_t *loop, struct pool *pool)
{
    *look = (struct schema_look){ .pool = pool };
    int rc = uv_timer_init(loop, &look->timer);
    look->timer.data = look;
    return rc ? rc : uv_timer_start(&look->timer, on_time, FIRST_MS, FIRST_MS);
}

void schema_look_stop(struct schema_look *look)
{
    uv_close((uv_handle_t *)&look->timer, NULL);
}
