/* SPDX-License-Identifier: MIT
 *
 * What runs apart from others waits there for its turn, and is told the truth when that takes too long: that
 * it was locked out, or that it was slow.
 */
#include "harness.h"

#include <libpq-fe.h>
#include <string.h>

#include "db/pool.h"

#define MENTEE account_package_ProfileType_MENTEE
#define N      4 /* more than there are places apart */

/* So many others that no plan looks at more than the callers' own. */
static int make_area_of_many_messages(void)
{
    int area = make_area("Here");
    db_run("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, '0' FROM mentee, "
           "generate_series(1, 20000) WHERE accountid = %d",
           make_mentee(area, ""));
    return area;
}

static int make_reader(int area, const char *message, int n)
{
    int reader = make_mentee(area, "");
    db_run("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, %s FROM mentee, "
           "generate_series(1, %d) WHERE accountid = %d",
           db_quote(message), n, reader);
    return reader;
}

/* Whoever reads a message runs this, of which it is the first parameter. */
static void make_readers_do(const char *what)
{
    db_run("CREATE FUNCTION test.look_at(text) RETURNS boolean LANGUAGE plpgsql COST 100000 AS $$ BEGIN %s; "
           "RETURN true; END $$;"
           "CREATE POLICY look_at ON menteemessage USING (test.look_at(message));"
           "ALTER TABLE menteemessage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
           "ANALYZE menteemessage, mentee",
           what);
}

static void use_pool(unsigned statement_timeout_ms, unsigned lock_wait_ms)
{
    struct pool_options options = *harness_pool_options();
    options.conn.statement_timeout_ms = statement_timeout_ms;
    options.conn.lock_wait_ms = lock_wait_ms;
    harness_run_until(&harness_use_pool(&options)->available);
}

static struct sent *get_notifications(int account)
{
    return rpc_send(RPC_GET_NOTIFICATIONS, &(account_package_NotificationsRequest){
                                               .userid = account, .targetProfileType = MENTEE });
}

static void make_slow_readers(int readers[N], const char *seconds)
{
    int area = make_area_of_many_messages();
    for (int i = 0; i < N; i++)
        readers[i] = make_reader(area, seconds, 1);
    make_readers_do("PERFORM pg_sleep($1::float8), pg_advisory_xact_lock_shared(" DB_GATE ")");
}

/* Neither all in one batch nor each by itself. */
static void read_all(const int readers[N], struct sent *sent[N])
{
    for (int i = 0; i < N; i++) {
        sent[i] = get_notifications(readers[i]);
        if (i > 0)
            harness_run_ms(20);
    }
    rpc_wait_all();
}

START_TEST(reads_that_are_slow_are_not_told_that_they_wait_for_a_lock_while_they_wait_for_their_turn)
{
    int readers[N];
    struct sent *sent[N];
    make_slow_readers(readers, "1");
    use_pool(60000, 100);
    for (int round = 0; round < 2; round++) { /* in the second they are known from the beginning */
        read_all(readers, sent);
        for (int i = 0; i < N; i++)
            ck_assert_msg(sent[i]->status == STATUS_OK, "%s", sent[i]->message);
    }
}
END_TEST

START_TEST(reads_that_are_too_slow_are_told_so_whether_they_have_had_their_turn_or_not)
{
    int readers[N];
    struct sent *sent[N];
    make_slow_readers(readers, "30");
    use_pool(1000, 100);
    read_all(readers, sent);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(sent[i]->status, STATUS_DEADLINE_EXCEEDED);
        ck_assert_msg(strstr(sent[i]->message, "longer than a statement may"), "%s", sent[i]->message);
    }
}
END_TEST

static void is_locked_out(const struct sent *sent)
{
    ck_assert_int_eq(sent->status, STATUS_UNAVAILABLE);
    ck_assert_msg(strstr(sent->message, "locked by somebody else"), "%s", sent->message);
}

START_TEST(reads_that_are_slow_and_then_wait_for_a_lock_are_told_so)
{
    int readers[N];
    struct sent *sent[N];
    make_slow_readers(readers, "0.3");
    use_pool(60000, 100);
    PGconn *holder = db_close_gate();
    read_all(readers, sent);
    db_open_gate(holder);
    for (int i = 0; i < N; i++)
        is_locked_out(sent[i]);
}
END_TEST

START_TEST(a_read_of_very_many_rows_that_then_waits_for_a_lock_is_told_so)
{
    int reader = make_reader(make_area_of_many_messages(), "0", 3000);
    /* As long as it shares the connection it waits for none. */
    make_readers_do("IF current_setting('lock_timeout') <> '10ms' THEN "
                    "PERFORM pg_advisory_xact_lock_shared(" DB_GATE "); END IF");
    use_pool(60000, 100);
    PGconn *holder = db_close_gate();
    struct sent *sent = get_notifications(reader);
    rpc_wait(sent);
    db_open_gate(holder);
    is_locked_out(sent);
}
END_TEST

Suite *apart_suite(void)
{
    Suite *suite = suite_create("apart");
    TCase *tcase = harness_case(suite, "apart");
    tcase_add_test(tcase,
                   reads_that_are_slow_are_not_told_that_they_wait_for_a_lock_while_they_wait_for_their_turn);
    tcase_add_test(tcase, reads_that_are_too_slow_are_told_so_whether_they_have_had_their_turn_or_not);
    tcase_add_test(tcase, reads_that_are_slow_and_then_wait_for_a_lock_are_told_so);
    tcase_add_test(tcase, a_read_of_very_many_rows_that_then_waits_for_a_lock_is_told_so);
    return suite;
}
