/* SPDX-License-Identifier: MIT
 *
 * Calls that share a batch: an error in a merged read or a shared transaction fails its own call only, and
 * what loses to others is run again. Errors are provoked in the database: schema test holds a trigger or a
 * row level security policy that raises for text that begins with "poison".
 */
#include "pool_kit.h"

#include <string.h>

/* ---- provoking ---- */

/* test.refuse(text) raises for poison; as a trigger function test.check_row() looks at the whole row. */
static void make_poison(const char *sqlstate)
{
    db_run("CREATE SEQUENCE test.losses;"
           "CREATE FUNCTION test.refuse(its_text text) RETURNS boolean LANGUAGE plpgsql COST 100000 AS $$ "
           "BEGIN" /* so dear that a plan looks at no row but the callers' */
           "  IF its_text LIKE 'poison%%' THEN PERFORM pg_advisory_lock(4712, (random() * 1e9)::int); RAISE "
           "EXCEPTION 'poison' "
           "USING ERRCODE = %s; END IF;"
           "  RETURN true; END $$;"
           "CREATE FUNCTION test.check_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  PERFORM test.refuse(coalesce(to_jsonb(NEW)->>'message', to_jsonb(NEW)->>'content')); RETURN "
           "NEW; END $$",
           db_quote(sqlstate));
}

/* How often. Reads may not write, and an error takes back what it wrote; a lock of the session stays. */
static long n_refused(void)
{
    return db_int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4712");
}

static void refuse_reads_of_poison(const char *table)
{
    db_run(
        "CREATE POLICY poison ON %s USING (test.refuse(message)); ALTER TABLE %s ENABLE ROW LEVEL SECURITY, "
        "FORCE ROW LEVEL SECURITY",
        table, table);
}

/* ---- merged reads ---- */

START_TEST(an_error_in_one_of_64_merged_calls_fails_that_one_only)
{
    enum { CALLS = 64, BAD = 41 };
    int area = make_area("Here"), mentors[CALLS];
    for (int i = 0; i < CALLS; i++) {
        mentors[i] = make_mentor(area, "");
        db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, m FROM mentor, "
               "unnest(ARRAY['first', %s]) m "
               "WHERE accountid = %d",
               db_quote(numbered(i == BAD ? "poison" : "second", i)), mentors[i]);
    }
    /* So many others that no plan looks at more than the callers' own. */
    db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, 'other' FROM mentor, "
           "generate_series(1, 20000) WHERE accountid = %d; ANALYZE mentormessage, mentor",
           make_mentor(area, ""));
    make_poison("P0001");
    refuse_reads_of_poison("mentormessage");
    harness_let_take_their_time(LANE_READ);
    struct sent *notifications[CALLS], *profiles[CALLS];
    for (int i = 0; i < CALLS; i++) {
        notifications[i] = get_notifications(mentors[i]);
        profiles[i] = get_profiles(mentors[i]); /* neighbours in the same batch */
    }
    rpc_wait_all();
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(profiles[i]->status, STATUS_OK);
        ck_assert(((account_package_ProfilesReply *)profiles[i]->reply)->isMentor);
        ck_assert_int_eq(notifications[i]->status, i == BAD ? STATUS_INTERNAL : STATUS_OK);
        if (i == BAD)
            continue;
        const account_package_NotificationsReply *reply = notifications[i]->reply;
        ck_assert_uint_eq(reply->desiredNotifications_count, 2);
        ck_assert_str_eq(reply->desiredNotifications[0], "first");
        ck_assert_str_eq(reply->desiredNotifications[1], numbered("second", i));
    }
    ck_assert_int_eq(n_refused(), 2); /* merged, then alone; in no other way */
}
END_TEST

START_TEST(the_message_of_a_failed_statement_stays_in_the_log)
{
    int mentor = make_mentor(make_area("Here"), "");
    db_run("INSERT INTO mentormessage (mentorid, message) SELECT mentorid, 'poison' FROM mentor");
    make_poison("P0001");
    refuse_reads_of_poison("mentormessage");
    struct sent *sent = get_notifications(mentor);
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_INTERNAL);
    ck_assert_msg(!strstr(sent->message, "poison"), "the peer is told \"%s\"", sent->message);
}
END_TEST

/* ---- shared transactions ---- */

static void send_64_of_which_one_is_poison(void)
{
    enum { CALLS = 64, BAD = 17 };
    struct sent *sent[CALLS];
    for (int i = 0; i < CALLS; i++)
        sent[i] = add_feedback(numbered(i == BAD ? "poison" : "text", i));
    rpc_wait_all();
    for (int i = 0; i < CALLS; i++)
        ck_assert_int_eq(sent[i]->status, i == BAD ? STATUS_INTERNAL : STATUS_OK);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), CALLS - 1);
    ck_assert_int_eq(
        db_int("SELECT count(DISTINCT message) FROM websitefeedback WHERE message LIKE 'text %%'"),
        CALLS - 1);
}

START_TEST(an_error_among_shared_inserts_fails_that_one_only)
{
    make_poison("P0001");
    db_run("CREATE TRIGGER poison BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.check_row()");
    send_64_of_which_one_is_poison();
}
END_TEST

START_TEST(a_commit_that_fails_fails_the_one_at_fault_only)
{
    make_poison("P0001");
    db_run("CREATE CONSTRAINT TRIGGER poison AFTER INSERT ON websitefeedback DEFERRABLE INITIALLY DEFERRED "
           "FOR EACH ROW EXECUTE FUNCTION test.check_row()");
    send_64_of_which_one_is_poison();
}
END_TEST

START_TEST(inserts_of_a_connection_share_transactions)
{
    struct sent *sent[100];
    harness_let_take_their_time(LANE_INSERT);
    for (int i = 0; i < 100; i++)
        sent[i] = add_feedback(numbered("text", i));
    rpc_wait_all();
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), 100);
    ck_assert_int_le(db_int("SELECT count(DISTINCT xmin::text) FROM websitefeedback"), 2);
    ck_assert_int_eq(sent[99]->status, STATUS_OK);
}
END_TEST

START_TEST(a_write_cancelled_in_flight_is_not_run_again_when_its_transaction_aborts)
{
    make_poison("P0001");
    /* By no lock, for which a batch waits some milliseconds only. */
    db_run("CREATE TABLE test.opened (); CREATE FUNCTION test.wait_until_open() RETURNS trigger LANGUAGE "
           "plpgsql AS $$ BEGIN"
           "  WHILE NOT EXISTS (SELECT FROM test.opened) LOOP PERFORM pg_sleep(0.005); END LOOP;"
           "  RETURN NEW; END $$;"
           "CREATE TRIGGER a_gate BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.wait_until_open();"
           "CREATE TRIGGER poison BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.check_row()");
    harness_let_take_their_time(LANE_INSERT);
    struct sent *cancelled = add_feedback("cancelled"), *kept = add_feedback("kept"),
                *poison = add_feedback("poison");
    for (long n = 0; n == 0; harness_run_ms(5))
        n = db_int("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ ' svcd ' AND "
                   "state = 'active' AND query ~ 'websitefeedback'");
    rpc_cancel(cancelled);
    ck_assert(!cancelled->dropped); /* its result is still to come */
    db_run("INSERT INTO test.opened DEFAULT VALUES");
    rpc_wait_all();
    ck_assert(cancelled->dropped);
    ck_assert_int_eq(kept->status, STATUS_OK);
    ck_assert_int_eq(poison->status, STATUS_INTERNAL);
    ck_assert_str_eq(db_text("SELECT string_agg(message, ', ') FROM websitefeedback"), "kept");
}
END_TEST

/* ---- losing to others ---- */

START_TEST(a_statement_that_loses_to_others_is_run_again)
{
    make_poison("40P01");
    db_run("CREATE FUNCTION test.lose_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  IF nextval('test.losses') <= 2 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; "
           "RETURN NEW; END $$;"
           "CREATE TRIGGER poison BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.lose_twice()");
    struct sent *sent = add_feedback("text");
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_OK);
    ck_assert_int_eq(db_int("SELECT last_value FROM test.losses"), 3);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), 1);
}
END_TEST

START_TEST(a_statement_that_always_loses_is_aborted_in_the_end)
{
    make_poison("40P01");
    db_run("CREATE TRIGGER poison BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.check_row()");
    struct sent *sent = add_feedback("poison");
    rpc_wait(sent);
    ck_assert_int_eq(sent->status, STATUS_ABORTED);
    ck_assert_int_eq(n_refused(), 5);
}
END_TEST

Suite *batches_suite(void)
{
    Suite *suite = suite_create("batches");
    TCase *tcase = harness_case(suite, "sharing");
    tcase_add_test(tcase, an_error_in_one_of_64_merged_calls_fails_that_one_only);
    tcase_add_test(tcase, the_message_of_a_failed_statement_stays_in_the_log);
    tcase_add_test(tcase, an_error_among_shared_inserts_fails_that_one_only);
    tcase_add_test(tcase, a_commit_that_fails_fails_the_one_at_fault_only);
    tcase_add_test(tcase, inserts_of_a_connection_share_transactions);
    tcase_add_test(tcase, a_write_cancelled_in_flight_is_not_run_again_when_its_transaction_aborts);
    tcase_add_test(tcase, a_statement_that_loses_to_others_is_run_again);
    tcase_add_test(tcase, a_statement_that_always_loses_is_aborted_in_the_end);
    return suite;
}
