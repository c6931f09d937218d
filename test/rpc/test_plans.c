/* SPDX-License-Identifier: MIT
 *
 * The plan of every read of sql/queries: none looks at a whole table that grows, and a merged one answers its
 * callers in order.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "db/statement.h"

static PGresult *run(PGconn *pg, ExecStatusType expected, const char *name, PGresult *result)
{
    ck_assert_msg(PQresultStatus(result) == expected, "%s: %s", name, PQerrorMessage(pg));
    return result;
}

/* The plan of any execution: svcd's connections use generic ones. */
static char *plan_of(PGconn *pg, const struct statement *s, bool merged)
{
    static char sql[20000], plan[20000];
    char *end = sql + sprintf(sql, "PREPARE it");
    for (size_t i = 0; i < s->params_n; i++)
        end += sprintf(end, "%s%s%s", i ? ", " : " (", value_type_name(s->params[i]), merged ? "[]" : "");
    sprintf(end, "%s AS %s", s->params_n ? ")" : "", merged ? s->merged_text : s->text);
    PQclear(run(pg, PGRES_COMMAND_OK, s->name, PQexec(pg, sql)));
    end = sql + sprintf(sql, "EXPLAIN (COSTS OFF) EXECUTE it");
    bool has_limit = merged && s->returns == SQL_MANY;
    for (size_t i = 0; i < s->params_n + has_limit; i++)
        end += sprintf(end, "%sNULL", i ? ", " : " (");
    strcpy(end, s->params_n ? ")" : "");
    PGresult *lines = run(pg, PGRES_TUPLES_OK, s->name, PQexec(pg, sql));
    plan[0] = '\0';
    for (int i = 0; i < PQntuples(lines); i++)
        strcat(strcat(plan, PQgetvalue(lines, i, 0)), "\n");
    PQclear(lines);
    PQclear(PQexec(pg, "DEALLOCATE it"));
    return plan;
}

/* What is looked at as a whole, for it does not grow with the number of people. */
static bool is_small(const char *table)
{
    static const char *const small[] = { "businesssector", "skill", "ratingmodel", "skill_set" };
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (strcmp(small[i], table) == 0)
            return true;
    return false;
}

/* Of a table without rows every plan is a good one. */
static void world_has_rows_for(const struct statement *s, const char *plan)
{
    for (const char *at = plan; (at = strstr(at, " on ")); at++) {
        char table[64];
        sscanf(at, " on %63s", table);
        ck_assert_msg(is_small(table) || db_int("SELECT coalesce(max(reltuples), 1000) FROM pg_class WHERE "
                                                "relkind = 'r' AND relname = %s",
                                                db_quote(table)) >= 1000,
                      "%s:%d: %s: table %s has no rows to plan with; give it 3,000 in make_large_world() of "
                      "test/rpc/test_plans.c, or list it in is_small() there",
                      s->file, s->line, s->name, table);
    }
}

static void scans_no_large_table(const struct statement *s, const char *plan)
{
    for (const char *at = plan; (at = strstr(at, "Seq Scan on ")); at++) {
        char table[64];
        sscanf(at, "Seq Scan on %63s", table);
        ck_assert_msg(
            db_int("SELECT coalesce(max(reltuples), 0) FROM pg_class WHERE relname = %s", db_quote(table)) <
                1000,
            "%s:%d: %s reads all of table %s; create an index that begins with what it looks for:\n%s",
            s->file, s->line, s->name, table, plan);
    }
}

/* 3,000 of everything that grows: enough for an index to be worth while. */
static void make_large_world(void)
{
    db_run(
        "INSERT INTO businesssector (name) SELECT 'area ' || i FROM generate_series(1, 20) i;"
        "INSERT INTO skill (name) SELECT 'skill ' || i FROM generate_series(1, 50) i;"
        "INSERT INTO account (name, email, dob, businesssectorid) SELECT 'Person ' || i, 'p' || i || "
        "'@example.com',"
        " date '1960-01-01' + i %% 12000, 1001 + i %% 20 FROM generate_series(1, 3000) i;"
        "INSERT INTO mentor (accountid) SELECT accountid FROM account;"
        "INSERT INTO mentee (accountid) SELECT accountid FROM account;"
        "ANALYZE;" /* what the triggers of the next ones do needs to know of so many rows */
        "INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, 1001 + mentorid %% 50 FROM mentor;"
        "INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, 1001 + menteeid %% 50 FROM mentee;"
        "INSERT INTO assignment (mentorid, menteeid) SELECT 1001 + (menteeid - 1000) %% 3000, menteeid "
        "FROM mentee;"
        "INSERT INTO meeting (assignmentid, start, duration) SELECT assignmentid, now() AT TIME ZONE "
        "'UTC' + interval '1 day', 60"
        " FROM assignment;"
        "INSERT INTO workshop (skillid, start, duration) SELECT 1001 + (i + 1500) %% 50, now() AT TIME "
        "ZONE 'UTC' + i * interval '1 hour', 60"
        " FROM generate_series(-1500, 1499) i;"
        "INSERT INTO mentormessage (mentorid, message) SELECT mentorid, 'message' FROM mentor;"
        "INSERT INTO menteemessage (menteeid, message) SELECT menteeid, 'message' FROM mentee;"
        "INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan', menteeid %% 3 = 0 "
        "FROM mentee;"
        "INSERT INTO kept_answer (id, step, digest, before, rows) SELECT i::text::bytea, 1, '', '', '' FROM "
        "generate_series(1, 3000) i;"
        "INSERT INTO mentorfeedback (assignmentid, rating) SELECT assignmentid, 3 FROM assignment;"
        "INSERT INTO menteefeedback (assignmentid, rating) SELECT assignmentid, 3 FROM assignment;"
        "ANALYZE");
}

/* A nested loop over the callers keeps their order, on which batch_results.c relies when it deals out rows,
 * and when they end at a limit. */
static void takes_callers_in_order(const struct statement *s, const char *plan)
{
    static const char loop[] = "Nested Loop\n  ->  Function Scan on ",
                      limited[] = "Limit\n  ->  Nested Loop\n        ->  Function Scan on ";
    const char *expected = s->returns == SQL_MANY ? limited : loop;
    ck_assert_msg(strncmp(plan, expected, strlen(expected)) == 0 && !strstr(plan, "Gather"),
                  "%s:%d: %s, merged, may answer its callers in any order:\n%s", s->file, s->line, s->name,
                  plan);
}

START_TEST(no_read_looks_at_the_whole_of_a_table_that_grows)
{
    make_large_world();
    PGconn *pg = db_connect();
    for (size_t i = 0; i < sql_statements_n; i++) {
        const struct statement *s = sql_statements[i];
        if (s->lane != LANE_READ)
            continue;
        const char *plan = plan_of(pg, s, false);
        world_has_rows_for(s, plan);
        scans_no_large_table(s, plan);
        if (!s->merged_text)
            continue;
        plan = plan_of(pg, s, true);
        scans_no_large_table(s, plan);
        takes_callers_in_order(s, plan);
    }
}
END_TEST

Suite *plans_suite(void)
{
    Suite *suite = suite_create("plans");
    TCase *tcase = harness_case(suite, "server");
    tcase_add_test(tcase, no_read_looks_at_the_whole_of_a_table_that_grows);
    return suite;
}
