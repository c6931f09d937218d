/* SPDX-License-Identifier: MIT
 *
 * Every statement of sql/queries against the server: the types that are declared are those it reports, and
 * what is wrong with one is told with its place. Their plans are test_plans.c's, merged executions
 * test_merged.c's.
 */
#include "harness.h"

#include <string.h>

#include "db/statement.h"
#include "preflight.h"

/* Of a file that there is not. */
#define STATEMENT(its_lane, its_text)                                                                        \
    .name = "it", .file = "sql/queries/it.sql", .line = 14, .lane = (its_lane), .text = (its_text)

static const enum sql_type text_param[] = { SQL_TEXT };
static const char *const param_names[] = { "account_id" };
static const struct sql_column id_column[] = { { .name = "id", .type = SQL_BIGINT } };

static void is_wrong(const struct statement *s, const char *words)
{
    const char *problem = statement_problem(db_connect(), s);
    ck_assert_msg(problem, "nothing is found");
    ck_assert_msg(strncmp(problem, "sql/queries/it.sql:14: it: ", 27) == 0, "%s", problem);
    ck_assert_msg(strstr(problem, words) && !strchr(problem, '\n'), "\"%s\" lacks \"%s\"", problem, words);
}

START_TEST(every_statement_is_what_it_declares)
{
    PGconn *pg = db_connect();
    size_t merged_n = 0;
    ck_assert_uint_gt(sql_statements_n, 20);
    for (size_t i = 0; i < sql_statements_n; i++) {
        const char *problem = statement_problem(pg, sql_statements[i]);
        ck_assert_msg(!problem, "%s", problem);
        merged_n += sql_statements[i]->merged_text != NULL;
    }
    ck_assert_uint_gt(merged_n, 8);
}
END_TEST

START_TEST(a_column_that_there_is_not_is_told_in_one_line)
{
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT s.nane FROM skill s"), .columns = id_column,
                                  .columns_n = 1 },
             "column s.nane does not exist (Perhaps you meant to reference the column \"s.name\".)");
}
END_TEST

START_TEST(a_column_of_another_type_is_told_with_both_types)
{
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT s.skillid AS id FROM skill s"),
                                  .columns = id_column, .columns_n = 1 },
             "column id: declared bigint, but the server's is integer; cast it (`::bigint`)");
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT s.name AS id FROM skill s"),
                                  .columns = id_column, .columns_n = 1 },
             "column id: declared bigint, but the server's is varchar");
}
END_TEST

START_TEST(a_column_of_another_name_or_too_many_are_told)
{
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT 1::bigint AS key"), .columns = id_column,
                                  .columns_n = 1 },
             "column id: the server's is called key; write `AS id`");
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT 1::bigint AS id, 2"), .columns = id_column,
                                  .columns_n = 1 },
             "2 columns, declared are 1");
}
END_TEST

START_TEST(a_parameter_of_another_type_is_told_with_both_types)
{
    is_wrong(&(struct statement){ STATEMENT(LANE_READ,
                                            "SELECT 1::bigint AS id FROM account a WHERE a.accountid = $1"),
                                  .columns = id_column, .columns_n = 1, .params = text_param,
                                  .param_names = param_names, .params_n = 1 },
             "param account_id: declared text, the server takes integer");
}
END_TEST

START_TEST(a_read_that_writes_or_locks_is_told)
{
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "DELETE FROM skill") },
             "cannot execute DELETE in a read-only transaction; a read neither writes nor locks: declare `-- "
             "lane: write`");
    is_wrong(&(struct statement){ STATEMENT(LANE_READ, "SELECT 1::bigint AS id FROM skill FOR KEY SHARE"),
                                  .columns = id_column, .columns_n = 1 },
             "cannot execute SELECT FOR KEY SHARE in a read-only transaction");
    is_wrong(&(struct statement){ STATEMENT(LANE_READ,
                                            "WITH w AS (INSERT INTO skill (name) VALUES ('x') RETURNING "
                                            "skillid) SELECT skillid::bigint AS id FROM w"),
                                  .columns = id_column, .columns_n = 1 },
             "a read neither writes nor locks");
    ck_assert_int_eq(db_int("SELECT count(*) FROM skill"), 0);
    const char *problem =
        statement_problem(db_connect(), &(struct statement){ STATEMENT(LANE_WRITE, "DELETE FROM skill") });
    ck_assert_msg(!problem, "%s", problem);
}
END_TEST

Suite *statements_suite(void)
{
    Suite *suite = suite_create("statements");
    TCase *tcase = harness_case(suite, "server");
    tcase_add_test(tcase, every_statement_is_what_it_declares);
    tcase_add_test(tcase, a_column_that_there_is_not_is_told_in_one_line);
    tcase_add_test(tcase, a_column_of_another_type_is_told_with_both_types);
    tcase_add_test(tcase, a_column_of_another_name_or_too_many_are_told);
    tcase_add_test(tcase, a_parameter_of_another_type_is_told_with_both_types);
    tcase_add_test(tcase, a_read_that_writes_or_locks_is_told);
    return suite;
}
