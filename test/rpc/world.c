/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <check.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "db/params.h"
#include "db/session.h"

static struct {
    const struct database_params *params;
    PGconn *db;
    PGconn *others[8];
    size_t others_n;
    struct arena memory;
} world;

/* ---- the database ---- */

static PGresult *query(ExecStatusType expected, const char *format, va_list args)
{
    char sql[65536];
    ck_assert_int_lt(vsnprintf(sql, sizeof sql, format, args), sizeof sql);
    PGresult *result = PQexec(world.db, sql);
    if (PQresultStatus(result) != expected)
        ck_abort_msg("%s: %s", sql, PQresultErrorMessage(result));
    return result;
}

static void run_on(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        ck_abort_msg("%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}

void db_run(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char sql[65536];
    ck_assert_int_lt(vsnprintf(sql, sizeof sql, format, args), sizeof sql);
    va_end(args);
    run_on(world.db, sql);
}

void *keep(const void *bytes, size_t len)
{
    return memcpy(arena_alloc(&world.memory, len), bytes, len);
}

char *keep_text(const char *text)
{
    return keep(text, strlen(text) + 1);
}

static const char *only_value(const char *format, va_list args)
{
    PGresult *result = query(PGRES_TUPLES_OK, format, args);
    ck_assert_msg(PQntuples(result) == 1, "%s: %d rows, not one", format, PQntuples(result));
    const char *value = keep_text(PQgetvalue(result, 0, 0));
    PQclear(result);
    return value;
}

long db_int(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    long value = strtol(only_value(format, args), NULL, 10);
    va_end(args);
    return value;
}

const char *db_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *value = only_value(format, args);
    va_end(args);
    return value;
}

const char *db_quote(const char *text)
{
    char *quoted = PQescapeLiteral(world.db, text, strlen(text));
    const char *kept = keep_text(quoted);
    PQfreemem(quoted);
    return kept;
}

const char *db_state(void)
{
    return db_text("SELECT string_agg(md5(query_to_xml(format('SELECT * FROM %%I.%%I AS t ORDER BY t::text', "
                   "schemaname, tablename), "
                   "true, true, '')::text), ' ' ORDER BY schemaname, tablename) FROM pg_tables WHERE "
                   "schemaname IN ('public', 'svcd')");
}

/* So that a test can tell its own connections from the daemon's. */
static PGconn *connect_as_test(void)
{
    PGconn *pg = PQconnectdbParams(world.params->keywords, world.params->values, 0);
    ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
    char settings[SESSION_SETTINGS_LEN];
    session_settings(settings, LANE_JOB, NULL, 0, 0);
    const char *values[] = { settings };
    PGresult *result = PQexecParams(pg, session_sql, 1, NULL, values, NULL, NULL, 0);
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
    run_on(pg, "SET application_name = 'svcd test'; SET client_min_messages = error");
    return pg;
}

PGconn *db_connect(void)
{
    ck_assert_uint_lt(world.others_n, sizeof world.others / sizeof *world.others);
    return world.others[world.others_n++] = connect_as_test();
}

PGconn *db_hold(const char *lock)
{
    PGconn *holder = db_connect();
    run_on(holder, "BEGIN");
    run_on(holder, lock);
    return holder;
}

void db_let_go(PGconn *holder)
{
    run_on(holder, "ROLLBACK");
}

PGconn *db_close_gate(void)
{
    PGconn *holder = db_connect();
    run_on(holder, "SELECT pg_advisory_lock(" DB_GATE ")");
    return holder;
}

void db_open_gate(PGconn *holder)
{
    run_on(holder, "SELECT pg_advisory_unlock(" DB_GATE ")");
}

char *text_of(size_t n, const char *character)
{
    size_t len = strlen(character);
    char *text = arena_alloc(&world.memory, n * len + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * len, character, len);
    return text;
}

char *numbered(const char *word, int n)
{
    size_t size = strlen(word) + sizeof " -2147483648";
    char *text = arena_alloc(&world.memory, size);
    snprintf(text, size, "%s %d", word, n);
    return text;
}

void world_serve_as(struct database_params *params)
{
    const char *role = getenv("SERVE_AS");
    for (size_t i = 0; role && params->keywords[i]; i++)
        if (strcmp(params->keywords[i], "user") == 0)
            params->values[i] = role;
}

/* ---- rows ---- */

static int add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int add(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int id = atoi(only_value(format, args));
    va_end(args);
    return id;
}

int make_area(const char *name)
{
    return add("INSERT INTO businesssector (name) VALUES (%s) RETURNING 1; SELECT max(businesssectorid) FROM "
               "businesssector",
               db_quote(name));
}

int make_skill(const char *name)
{
    return add("INSERT INTO skill (name) VALUES (%s) RETURNING 1; SELECT max(skillid) FROM skill",
               db_quote(name));
}

int make_account(int area)
{
    return add("INSERT INTO account (name, email, passwordhash, dob, businesssectorid) SELECT 'Person ' || "
               "n, 'p' || n || '@example.com', "
               "'x', '1990-01-01', %d FROM (SELECT count(*) + 1 AS n FROM account) c; SELECT max(accountid) "
               "FROM account",
               area);
}

static int make_profile(const char *kind, int area, const char *skills)
{
    int account = make_account(area);
    db_run("INSERT INTO %s (accountid) VALUES (%d)", kind, account);
    db_run("INSERT INTO %sskill (%sid, skillid) SELECT p.%sid, s FROM %s p, unnest(ARRAY[%s]::int[]) s WHERE "
           "p.accountid = %d",
           kind, kind, kind, kind, skills, account);
    return account;
}

int make_mentor(int area, const char *skills)
{
    return make_profile("mentor", area, skills);
}

int make_mentee(int area, const char *skills)
{
    return make_profile("mentee", area, skills);
}

void make_assignment(int mentor, int mentee)
{
    db_run(
        "INSERT INTO assignment (mentorid, menteeid) SELECT r.mentorid, e.menteeid FROM mentor r, mentee e "
        "WHERE r.accountid = %d AND e.accountid = %d",
        mentor, mentee);
}

void make_model(int area1, int area2, double overlap, double age, double offset)
{
    db_run("INSERT INTO ratingmodel VALUES (%d, %d, %.17g, %.17g, %.17g)", area1 < area2 ? area1 : area2,
           area1 < area2 ? area2 : area1, overlap, age, offset);
}

/* ---- set-up and tear-down ---- */

/* What a migrated database without rows is; skill_set and migration keep what migrations put there. DELETE is
 * many times faster than TRUNCATE on tables that are nearly empty; what refers to another table is younger
 * than that, or else has to be truncated. Schema test is where tests put what they do to the database's own
 * objects; a failed one may have left it, row level security on, and a statement running. */
static const char empty_database[] =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    "    WHERE datname = current_database() AND pg_has_role(usesysid, 'USAGE') AND pid <> pg_backend_pid();"
    "DROP SCHEMA IF EXISTS test CASCADE; CREATE SCHEMA test; GRANT USAGE ON SCHEMA test TO PUBLIC;"
    "ALTER DEFAULT PRIVILEGES IN SCHEMA test GRANT ALL ON TABLES TO PUBLIC;"
    "ALTER DEFAULT PRIVILEGES IN SCHEMA test GRANT ALL ON SEQUENCES TO PUBLIC;"
    "DO $$ DECLARE it record; many boolean := (SELECT count(*) > 1000 FROM account); BEGIN"
    "    FOR it IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relrowsecurity LOOP"
    "        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', "
    "it.name);"
    "    END LOOP;"
    "    FOR it IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relkind = 'r'"
    "              AND c.relnamespace IN ('public'::regnamespace, 'svcd'::regnamespace)"
    "              AND c.relname NOT IN ('migration', 'skill_set') ORDER BY c.oid DESC LOOP"
    "        BEGIN"
    "            EXECUTE format(CASE WHEN many THEN 'TRUNCATE %s CASCADE' ELSE 'DELETE FROM %s' END, "
    "it.name);"
    "        EXCEPTION WHEN foreign_key_violation THEN"
    "            EXECUTE format('TRUNCATE %s CASCADE', it.name);"
    "        END;"
    "    END LOOP;"
    "    FOR it IN SELECT format('%I.%I', schemaname, sequencename) AS name, start_value FROM pg_sequences"
    "              WHERE schemaname IN ('public', 'svcd') AND last_value IS NOT NULL LOOP"
    "        PERFORM setval(it.name, it.start_value, false);"
    "    END LOOP;"
    "END $$";

void world_open(const struct database_params *params)
{
    memset(&world, 0, sizeof world);
    world.params = params;
    world.db = connect_as_test();
    world_empty();
}

void world_empty(void)
{
    db_run("%s", empty_database);
}

void world_close(void)
{
    PQfinish(world.db);
    for (size_t i = 0; i < world.others_n; i++)
        PQfinish(world.others[i]);
    arena_finish(&world.memory);
}
