/* SPDX-License-Identifier: MIT
 *
 * What the runtime does with a statement that is other than sql/queries declares it: what it calls is found
 * in schema test first, where each test puts a function of its own.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/pool.h"

/* ---- a pool that finds schema test first ---- */

static struct pool_options options;

/* As the harness's, but for the search_path and that one connection a lane is enough. */
static void look_first_in(const char *schemas)
{
    options = *harness_pool_options();
    options.conn.schemas = schemas;
    for (int lane = 0; lane < LANES; lane++)
        options.connections[lane] = options.connections[lane] > 0;
}

static const struct pool *use_test_functions_over(unsigned write_connections)
{
    look_first_in("test,svcd,public,pg_temp");
    options.connections[LANE_WRITE] = write_connections;
    const struct pool *pool = harness_use_pool(&options);
    while (!pool_is_available(pool))
        harness_run_ms(5);
    return pool;
}

static void use_test_functions(void)
{
    (void)use_test_functions_over(1);
}

/* ---- the log ---- */

static FILE *captured;

static void capture_log(void)
{
    fflush(stderr);
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    dup2(fileno(captured), STDERR_FILENO); /* the test is a process of its own */
}

static bool log_tells(const char *words)
{
    static char text[65536];
    rewind(captured);
    text[fread(text, 1, sizeof text - 1, captured)] = '\0';
    return strstr(text, words) != NULL;
}

static void the_log_tells(const char *words)
{
    if (!log_tells(words)) {
        rewind(captured);
        char text[4096];
        text[fread(text, 1, sizeof text - 1, captured)] = '\0';
        ck_abort_msg("the log lacks \"%s\":\n%s", words, text);
    }
}

/* ---- rows ---- */

/* schedule_workshop is a function of one column, so it can be made to return anything. */
static void workshops_return(const char *type, const char *value)
{
    db_run("CREATE FUNCTION test.schedule_workshop(text, timestamp, integer, text)"
           " RETURNS %s LANGUAGE sql AS $$ SELECT %s $$",
           type, value);
    use_test_functions();
    capture_log();
}

static const meeting_package_ScheduleNewWorkshopRequest workshop = {
    .has_start = true, .start = { .seconds = 4102444800 }, .duration = 60, .skill = "Knots"
};

static void is_internal_and_logged(const char *words)
{
    rpc_fails(STATUS_INTERNAL, "other rows than declared", RPC_SCHEDULE_NEW_WORKSHOP, &workshop);
    the_log_tells("statement=schedule_workshop at=sql/queries/meeting.sql:");
    the_log_tells(words);
}

START_TEST(a_word_that_an_enum_does_not_have_is_internal_and_the_log_tells_it)
{
    workshops_return("text", "'perhaps'");
    is_internal_and_logged("column outcome: \\\"perhaps\\\" is none of done, overlap, no_skill");
}
END_TEST

START_TEST(words_are_compared_as_a_whole)
{
    workshops_return("text", "'don'");
    is_internal_and_logged("\\\"don\\\" is none of");
}
END_TEST

START_TEST(null_that_was_not_declared_is_internal_and_the_log_names_the_column)
{
    workshops_return("text", "NULL::text");
    is_internal_and_logged("column outcome: NULL, but not declared `null`");
}
END_TEST

START_TEST(another_type_than_the_declared_one_is_internal_and_the_log_names_both)
{
    workshops_return("varchar", "'done'::varchar");
    is_internal_and_logged("column outcome: declared text, but the server's is varchar");
}
END_TEST

START_TEST(more_rows_than_declared_are_internal_and_the_log_counts_them)
{
    workshops_return("SETOF text", "'done' FROM generate_series(1, 3)");
    is_internal_and_logged("3 rows, declared is `returns: one`");
}
END_TEST

START_TEST(every_word_of_an_enum_reaches_its_handler)
{
    static const char *const words[] = { "done", "overlap" };
    db_run("CREATE TABLE test.word (it text);"
           "CREATE FUNCTION test.schedule_workshop(text, timestamp, integer, text)"
           " RETURNS text LANGUAGE sql AS $$ SELECT it FROM test.word $$");
    use_test_functions();
    for (size_t i = 0; i < 2; i++) {
        db_run("DELETE FROM test.word; INSERT INTO test.word VALUES ('%s')", words[i]);
        const meeting_package_ScheduleNewWorkshopReply *reply = rpc_ok(RPC_SCHEDULE_NEW_WORKSHOP, &workshop);
        ck_assert_int_eq(reply->status, i == 0);
    }
    db_run("UPDATE test.word SET it = 'no_skill'");
    rpc_fails(STATUS_NOT_FOUND, "there is no skill of that name", RPC_SCHEDULE_NEW_WORKSHOP, &workshop);
}
END_TEST

/* ---- preparing ---- */

static void run_until_the_log_tells(const char *words)
{
    for (int i = 0; i < 20000 && !log_tells(words); i++)
        harness_run_ms(5);
    the_log_tells(words);
}

/* As behind a pooler that has handed the session on. */
START_TEST(a_statement_that_the_session_has_lost_is_prepared_again)
{
    db_run(
        "CREATE FUNCTION test.schedule_workshop(text, timestamp, integer, text) RETURNS text LANGUAGE plpgsql"
        " AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 'done'; END $$");
    const struct pool *pool = use_test_functions_over(2);
    for (int i = 0; i < 5; i++) {
        while (pool->lanes[LANE_WRITE].up < 2)
            harness_run_ms(5);
        const meeting_package_ScheduleNewWorkshopReply *reply = rpc_ok(RPC_SCHEDULE_NEW_WORKSHOP, &workshop);
        ck_assert(reply->status);
    }
}
END_TEST

START_TEST(a_statement_that_cannot_be_prepared_is_told_by_name_file_and_line)
{
    db_run("CREATE TABLE test.skill (skillid integer)");
    look_first_in("test,svcd,public,pg_temp");
    capture_log();
    harness_use_pool(&options);
    char place[128];
    for (size_t i = 0; i < sql_statements_n; i++)
        if (strcmp(sql_statements[i]->name, "list_skills") == 0)
            snprintf(place, sizeof place, "%s:%d: list_skills: column s.name does not exist",
                     sql_statements[i]->file, sql_statements[i]->line);
    run_until_the_log_tells(place);
    the_log_tells("svcd migrate");
}
END_TEST

/* ---- reads that write ---- */

/* update_is_refused() is asked of a request that could not be taken, by a read. */
static void refusals_do(const char *what)
{
    db_run("CREATE FUNCTION test.update_is_refused(bigint, boolean, text, bigint, bigint[])"
           " RETURNS boolean LANGUAGE sql AS $$ %s; SELECT true $$",
           what);
    use_test_functions();
    capture_log();
    rpc_fails(STATUS_INTERNAL, "the statement failed", RPC_UPDATE_PROFILE_DETAILS,
              &(account_package_UpdateProfileDetailsRequest){ .userid = 1, .newEmail = text_of(321, "x") });
    the_log_tells("statement=update_is_refused at=sql/queries/account.sql:");
    the_log_tells("a read neither writes nor locks");
}

START_TEST(a_read_that_writes_fails_and_writes_nothing)
{
    refusals_do("INSERT INTO skill (name) VALUES ('stray')");
    ck_assert_int_eq(db_int("SELECT count(*) FROM skill"), 0);
}
END_TEST

START_TEST(a_read_that_locks_fails)
{
    refusals_do("SELECT FROM skill FOR UPDATE");
}
END_TEST

Suite *declared_suite(void)
{
    Suite *suite = suite_create("declared");
    TCase *tcase = harness_case(suite, "rows");
    tcase_add_test(tcase, a_word_that_an_enum_does_not_have_is_internal_and_the_log_tells_it);
    tcase_add_test(tcase, words_are_compared_as_a_whole);
    tcase_add_test(tcase, null_that_was_not_declared_is_internal_and_the_log_names_the_column);
    tcase_add_test(tcase, another_type_than_the_declared_one_is_internal_and_the_log_names_both);
    tcase_add_test(tcase, more_rows_than_declared_are_internal_and_the_log_counts_them);
    tcase_add_test(tcase, every_word_of_an_enum_reaches_its_handler);
    tcase = harness_case(suite, "preparing");
    tcase_add_test(tcase, a_statement_that_the_session_has_lost_is_prepared_again);
    tcase_add_test(tcase, a_statement_that_cannot_be_prepared_is_told_by_name_file_and_line);
    tcase = harness_case(suite, "reads");
    tcase_add_test(tcase, a_read_that_writes_fails_and_writes_nothing);
    tcase_add_test(tcase, a_read_that_locks_fails);
    return suite;
}
