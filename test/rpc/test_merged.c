/* SPDX-License-Identifier: MIT
 *
 * Every statement of sql/queries that is merged: its executions answer as single ones do.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"

enum { PROBES = 60 };

/* A query of the test's own, and its rows as text. */
struct probe {
    struct query query;
    char own_text[32];
    bool done;
    bool merged;
    char *rows;
};

static char *print_value(char *out, const struct sql_column *column, const void *row)
{
    const void *member = (const char *)row + column->offset;
    switch (column->type) {
    case SQL_BIGINT:
        return out + sprintf(out, "%ld|", (long)*(const int64_t *)member);
    case SQL_INTEGER:
        return out + sprintf(out, "%d|", *(const int32_t *)member);
    case SQL_DOUBLE:
        return out + sprintf(out, "%a|", *(const double *)member);
    case SQL_BOOLEAN:
        return out + sprintf(out, "%d|", *(const bool *)member);
    case SQL_TEXT:
        return out + sprintf(out, "%.100s|", *(char *const *)member ? *(char *const *)member : "NULL");
    case SQL_BYTEA:
        return out + sprintf(out, "%zu bytes|", ((const struct sql_bytes *)member)->len);
    case SQL_DATE:
        return out + sprintf(out, "%d|", ((const struct sql_date *)member)->days);
    case SQL_TIMESTAMP:
        return out + sprintf(out, "%ld|", (long)((const struct sql_time *)member)->us);
    case SQL_ENUM:
        return out + sprintf(out, "%s|", column->values[*(const unsigned *)member]);
    case SQL_BIGINT_ARRAY:
    case SQL_TEXT_ARRAY:
    case SQL_TYPES:
        break;
    }
    ck_abort_msg("column %s: a type that columns do not have", column->name);
    return out;
}

static void on_probed(struct query *query, const struct query_outcome *outcome)
{
    struct probe *probe = (struct probe *)query;
    const struct statement *s = query->statement;
    ck_assert_msg(!probe->done, "answered twice");
    ck_assert_msg(outcome->end == QUERY_DONE, "%s: %s", s->name, outcome->message);
    char *rows = calloc((size_t)outcome->rows_n + 1, s->row_size + 1);
    char why[RESULT_WHY_SIZE];
    ck_assert_msg(result_decode(outcome, s, rows, why) == 0, "%s: %s", s->name, why);
    char *out = probe->rows = text_of((size_t)outcome->rows_n * s->columns_n * 110 + 1, " ");
    for (int r = 0; r < outcome->rows_n; r++)
        for (size_t c = 0; c < s->columns_n; c++)
            out = print_value(out, &s->columns[c], rows + (size_t)r * s->row_size);
    *out = '\0';
    free(rows);
    probe->merged = outcome->first_column == 1;
    probe->done = true;
}

/* Some that are there, some that are not; the same for the same n. */
static void choose_param(struct probe *probe, struct sql_param *param, enum sql_type type, int n)
{
    switch (type) {
    case SQL_BIGINT:
        value_put_bigint(param, n % 10 == 9 ? -n : n % 10 == 8 ? INT64_C(1) << 40 : 1001 + n * 7 % 110);
        return;
    case SQL_INTEGER:
        value_put_integer(param, 1 + n * 13 % 600);
        return;
    case SQL_DOUBLE:
        value_put_double(param, n / 8.0);
        return;
    case SQL_BOOLEAN:
        value_put_boolean(param, n % 2);
        return;
    case SQL_DATE:
        value_put_date(param, (struct sql_date){ .days = n * 100 });
        return;
    case SQL_TIMESTAMP:
        value_put_timestamp(param,
                            (struct sql_time){ .us = INT64_C(4102444800000000) + n * INT64_C(600000000) });
        return;
    case SQL_TEXT:
    case SQL_BYTEA:
        snprintf(probe->own_text, sizeof probe->own_text, n % 3 ? "p%d@example.com" : "skill %d",
                 1 + n * 7 % 110);
        value_put_bytes(param, probe->own_text, strlen(probe->own_text));
        return;
    case SQL_BIGINT_ARRAY:
    case SQL_TEXT_ARRAY:
    case SQL_ENUM:
    case SQL_TYPES:
        ck_abort_msg("a statement with arrays is not merged");
    }
}

static void make_probe(struct probe *probe, const struct statement *s, int n)
{
    *probe = (struct probe){ .query = { .statement = s, .deadline_ns = UINT64_MAX, .on_done = on_probed } };
    for (size_t p = 0; p < s->params_n; p++)
        choose_param(probe, &probe->query.params[p], s->params[p], n + (int)p);
}

static void submit(struct probe *probe, const struct statement *s, int n)
{
    make_probe(probe, s, n);
    ck_assert_int_eq(pool_submit(harness_context()->pool, &probe->query), 0);
}

/* As it is written, without the pool. */
static void run_plain(PGconn *pg, struct probe *probe, const struct statement *s, int n)
{
    Oid oids[QUERY_PARAMS_MAX];
    const char *values[QUERY_PARAMS_MAX];
    int lens[QUERY_PARAMS_MAX], formats[QUERY_PARAMS_MAX];
    make_probe(probe, s, n);
    for (size_t p = 0; p < s->params_n; p++) {
        oids[p] = value_oid(s->params[p]);
        values[p] = (const char *)probe->query.params[p].data;
        lens[p] = probe->query.params[p].len;
        formats[p] = 1;
    }
    PGresult *rows = PQexecParams(pg, s->text, (int)s->params_n, oids, values, lens, formats, 1);
    ck_assert_msg(PQresultStatus(rows) == PGRES_TUPLES_OK, "%s: %s", s->name, PQerrorMessage(pg));
    struct result *result = result_create(rows);
    on_probed(&probe->query, &(struct query_outcome){ .result = result, .rows_n = PQntuples(rows) });
    result_release(result);
}

static void wait_for(struct probe *probes, int n)
{
    for (int i = 0; i < n; i++)
        harness_run_until(&probes[i].done);
}

static void make_small_world(void)
{
    db_run("INSERT INTO businesssector (name) SELECT 'area ' || i FROM generate_series(1, 4) i;"
           "INSERT INTO skill (name) SELECT 'skill ' || i FROM generate_series(1, 20) i;"
           "INSERT INTO account (name, email, passwordhash, dob, businesssectorid) SELECT CASE WHEN i %% 9 > "
           "0 THEN 'Person ' || i END,"
           " 'p' || i || '@example.com', CASE WHEN i %% 8 > 0 THEN 'x'::bytea END, '1990-01-01', 1001 + i %% "
           "4 FROM generate_series(1, 100) i;"
           "INSERT INTO mentor (accountid) SELECT accountid FROM account WHERE accountid %% 3 > 0;"
           "INSERT INTO mentee (accountid) SELECT accountid FROM account WHERE accountid %% 4 > 0;"
           "INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, 1001 + (mentorid * s) %% 20 FROM "
           "mentor, generate_series(1, 3) s;"
           "INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, 1001 + (menteeid * s) %% 20 FROM "
           "mentee, generate_series(1, 2) s;"
           "INSERT INTO assignment (mentorid, menteeid) SELECT 1001 + menteeid %% 20, menteeid FROM mentee "
           "WHERE menteeid %% 5 > 0;"
           "INSERT INTO meeting (assignmentid, link, start, duration) SELECT assignmentid, 'm' || i, "
           "'2100-01-01'::timestamp"
           " + i * interval '1 day' + assignmentid * interval '1 min', 60 FROM assignment, "
           "generate_series(-4, 3) i;"
           "INSERT INTO workshop (skillid, link, start, duration) SELECT skillid, 'w' || i, "
           "'2100-01-01'::timestamp + i * interval '3 hours'"
           " + skillid * interval '1 min', 60 FROM skill, generate_series(-4, 3) i;"
           "INSERT INTO mentormessage (mentorid, message) SELECT mentorid, CASE WHEN i <> 2 THEN 'message ' "
           "|| mentorid || ' ' || i END"
           " FROM mentor, generate_series(1, 5) i WHERE mentorid %% 7 > 0;"
           "INSERT INTO menteemessage (menteeid, message) SELECT menteeid, 'message ' || i FROM mentee, "
           "generate_series(1, 5) i;"
           "INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan ' || i, i %% 3 = 0 "
           "FROM mentee, generate_series(1, 7) i;"
           "INSERT INTO kept_answer (id, step, digest, before, rows) SELECT ('p' || i || "
           "'@example.com')::bytea, s, i::text::bytea, '', 'x' FROM generate_series(1, 100) i, "
           "generate_series(1, 2) s WHERE i %% 5 > 0;"
           "INSERT INTO mentorfeedback (assignmentid, rating) SELECT assignmentid, 3 FROM assignment WHERE "
           "assignmentid %% 2 = 0;"
           "INSERT INTO menteefeedback (assignmentid, rating) SELECT assignmentid, 3 FROM assignment WHERE "
           "assignmentid %% 3 = 0;");
}

static void say_which_rows_are_missing(const struct statement *s)
{
    db_run("ANALYZE");
    const char *tables = db_text("SELECT string_agg(relname, ', ') FROM pg_class WHERE relkind = 'r' AND "
                                 "reltuples = 0 AND %s ~ ('\\m' || relname || '\\M')",
                                 db_quote(s->text));
    ck_abort_msg(
        "%s:%d: %s: no row of it to compare (tables without rows: %s); add some in make_small_world() "
        "of test/rpc/test_merged.c that it finds by 1001 .. 1110 for each bigint, 1 .. 600 for an "
        "integer, "
        "'p1@example.com' or 'skill 1' for text (choose_param())",
        s->file, s->line, s->name, *tables ? tables : "none");
}

START_TEST(merged_executions_answer_as_single_ones_do)
{
    static struct probe single[PROBES], together[PROBES];
    PGconn *pg = db_connect();
    make_small_world();
    for (size_t i = 0; i < sql_statements_n; i++) {
        const struct statement *s = sql_statements[i];
        size_t with_rows = 0, merged = 0;
        if (s->lane != LANE_READ || !s->merged_text)
            continue;
        for (int n = 0; n < PROBES; n++)
            run_plain(pg, &single[n], s, n);
        for (int n = 0; n < PROBES; n++)
            submit(&together[n], s, n);
        wait_for(together, PROBES);
        for (int n = 0; n < PROBES; n++) {
            ck_assert_msg(strcmp(single[n].rows, together[n].rows) == 0,
                          "%s, probe %d: alone\n%s\nmerged\n%s", s->name, n, single[n].rows,
                          together[n].rows);
            with_rows += single[n].rows[0] != '\0';
            merged += together[n].merged;
        }
        if (with_rows == 0)
            say_which_rows_are_missing(s);
        ck_assert_msg(merged == PROBES, "%s: %zu of %d were merged", s->name, merged, PROBES);
    }
}
END_TEST

START_TEST(a_read_without_parameters_is_run_once_for_all_who_wait)
{
    static struct probe probes[PROBES];
    make_small_world();
    for (size_t i = 0; i < sql_statements_n; i++) {
        const struct statement *s = sql_statements[i];
        if (s->lane != LANE_READ || s->params_n > 0)
            continue;
        for (int n = 0; n < PROBES; n++)
            submit(&probes[n], s, n);
        wait_for(probes, PROBES);
        for (int n = 1; n < PROBES; n++)
            ck_assert_str_eq(probes[0].rows, probes[n].rows);
    }
}
END_TEST

Suite *merged_suite(void)
{
    Suite *suite = suite_create("merged");
    TCase *tcase = harness_case(suite, "server");
    tcase_add_test(tcase, merged_executions_answer_as_single_ones_do);
    tcase_add_test(tcase, a_read_without_parameters_is_run_once_for_all_who_wait);
    return suite;
}
