/* SPDX-License-Identifier: MIT
 *
 * What the server returns at once is bounded, whatever the profiles hold that reads are merged of, from the
 * first batch of a pool on; and everybody is given his own rows nevertheless.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/pool.h"
#include "db/result.h"

#define MENTEE       account_package_ProfileType_MENTEE
#define RESULT_BYTES (6 << 20) /* what is aimed at, and half of that */

/* Notifications of one mentee. */
struct reader {
    struct query query;
    int account, messages_n;
    bool done;
};

static size_t bytes_most;  /* of one result */
static unsigned results_n; /* with rows */

/* The n-th message of an account is its number and n, and then as wide as was asked for. */
static void has_its_messages(const struct reader *reader, const struct query_outcome *outcome)
{
    const PGresult *pg = result_pg(outcome->result);
    char expected[64];
    ck_assert_int_eq(outcome->rows_n, reader->messages_n);
    for (int i = 0; i < outcome->rows_n; i++) {
        snprintf(expected, sizeof expected, "%d %d ", reader->account, i + 1);
        ck_assert(strncmp(PQgetvalue(pg, outcome->first_row + i, outcome->first_column), expected,
                          strlen(expected)) == 0);
    }
}

static void on_read(struct query *query, const struct query_outcome *outcome)
{
    struct reader *reader = (struct reader *)query;
    ck_assert_msg(!reader->done, "answered twice");
    ck_assert_msg(outcome->end == QUERY_DONE, "%s", outcome->message);
    has_its_messages(reader, outcome);
    size_t bytes = PQresultMemorySize(result_pg(outcome->result));
    bytes_most = bytes > bytes_most ? bytes : bytes_most;
    results_n += outcome->rows_n > 0 && outcome->first_row == 0;
    reader->done = true;
}

/* An account with so many messages, of so many bytes each. */
static struct reader *make_reader(int area, int messages_n, int bytes)
{
    struct reader *reader = keep(&(struct reader){ .messages_n = messages_n }, sizeof *reader);
    reader->account = make_mentee(area, "");
    db_run("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, rpad(accountid || ' ' || i || ' "
           "', %d, 'x') "
           "FROM mentee, generate_series(1, %d) i WHERE accountid = %d",
           bytes, messages_n, reader->account);
    return reader;
}

static void submit(struct reader *reader)
{
    reader->query = (struct query){ .statement = statement_named("mentee_notifications"),
                                    .deadline_ns = UINT64_MAX,
                                    .on_done = on_read };
    reader->done = false;
    value_put_bigint(&reader->query.params[0], reader->account);
    ck_assert_int_eq(pool_submit(harness_context()->pool, &reader->query), 0);
}

static void read_at_once(struct reader **readers, int n)
{
    bytes_most = results_n = 0;
    for (int i = 0; i < n; i++)
        submit(readers[i]);
    for (int i = 0; i < n; i++)
        harness_run_until(&readers[i]->done);
}

START_TEST(the_first_batch_of_heavy_profiles_is_no_result_of_all_of_them)
{
    enum { N = 64 };
    struct reader *readers[N];
    int area = make_area("Here");
    for (int i = 0; i < N; i++)
        readers[i] = make_reader(area, 1500, 200); /* 20 MB in all */
    read_at_once(readers, N);
    ck_assert_uint_lt(bytes_most, RESULT_BYTES);
}
END_TEST

START_TEST(heavy_profiles_after_many_light_ones_are_no_result_of_all_of_them)
{
    enum { N = 64 };
    struct reader *light[N], *heavy[N];
    int area = make_area("Here");
    for (int i = 0; i < N; i++) {
        light[i] = make_reader(area, 3, 50);
        heavy[i] = make_reader(area, 1500, 200);
    }
    harness_let_take_their_time(LANE_READ); /* what was found slow is read by itself, and not merged */
    for (int i = 0; i < 20; i++)
        read_at_once(light, N);
    ck_assert_uint_lt(results_n, N); /* they were merged */
    read_at_once(heavy, N);
    ck_assert_uint_lt(bytes_most, RESULT_BYTES);
    read_at_once(light, N);
    ck_assert_uint_lt(results_n, N); /* and are so again */
}
END_TEST

START_TEST(the_first_batch_of_wide_rows_is_no_result_of_all_of_them)
{
    enum { N = 64 };
    struct reader *readers[N];
    int area = make_area("Here");
    for (int i = 0; i < N; i++)
        readers[i] = make_reader(area, 40, 10000); /* 26 MB in all */
    for (int i = 0; i < 3; i++) {
        read_at_once(readers, N);
        ck_assert_uint_lt(bytes_most, RESULT_BYTES);
    }
}
END_TEST

START_TEST(everybody_is_given_his_own_rows_where_they_are_more_than_one_result_has)
{
    enum { N = 200 };
    struct reader *readers[N];
    int area = make_area("Here");
    for (int i = 0; i < N; i++) /* some without any, some with more than are merged */
        readers[i] = make_reader(area, i % 50 == 49 ? 4000 : i % 7 * 20, 100);
    harness_let_take_their_time(LANE_READ);
    for (int i = 0; i < 3; i++) {
        read_at_once(readers, N);
        ck_assert_uint_lt(bytes_most, RESULT_BYTES);
        ck_assert_uint_lt(results_n, N / 2);
    }
}
END_TEST

START_TEST(a_lane_of_one_connection_reads_heavy_profiles_too)
{
    enum { N = 20 };
    struct reader *readers[N];
    int area = make_area("Here");
    struct pool_options options = *harness_pool_options();
    options.connections[LANE_READ] = 1;
    harness_run_until(&harness_use_pool(&options)->available);
    for (int i = 0; i < N; i++)
        readers[i] = make_reader(area, i % 4 == 3 ? 4000 : 10, 100);
    read_at_once(readers, N);
}
END_TEST

START_TEST(who_has_more_than_an_answer_can_is_told_so_and_no_more_are_read_than_that)
{
    struct reader *reader = make_reader(make_area("Here"), 70000, 20);
    rpc_fails(
        STATUS_RESOURCE_EXHAUSTED, "more than 65535 entries", RPC_GET_NOTIFICATIONS,
        &(account_package_NotificationsRequest){ .userid = reader->account, .targetProfileType = MENTEE });
    reader->messages_n = 65536;
    read_at_once(&reader, 1);
}
END_TEST

Suite *sizes_suite(void)
{
    Suite *suite = suite_create("sizes");
    TCase *tcase = harness_case(suite, "results");
    tcase_add_test(tcase, the_first_batch_of_heavy_profiles_is_no_result_of_all_of_them);
    tcase_add_test(tcase, heavy_profiles_after_many_light_ones_are_no_result_of_all_of_them);
    tcase_add_test(tcase, the_first_batch_of_wide_rows_is_no_result_of_all_of_them);
    tcase_add_test(tcase, everybody_is_given_his_own_rows_where_they_are_more_than_one_result_has);
    tcase_add_test(tcase, a_lane_of_one_connection_reads_heavy_profiles_too);
    tcase_add_test(tcase, who_has_more_than_an_answer_can_is_told_so_and_no_more_are_read_than_that);
    return suite;
}
