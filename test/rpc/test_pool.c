/* SPDX-License-Identifier: MIT
 *
 * The pool under stress: merged reads, shared transactions, killed backends, locks, full queues, deadlines,
 * cancelled calls. Errors are provoked in the database: schema test holds a trigger or a row level security
 * policy that raises for text that begins with "poison". See test_loss.c for what a killed backend may lose.
 */
#include "pool_kit.h"

#include <string.h>
#include <uv.h>

#include "db/pool.h"
#include "hash_gate.h"

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

/* Whoever inserts "slow" sleeps for ten seconds. */
static void make_slow_inserts(void)
{
    db_run("CREATE FUNCTION test.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           "  IF NEW.message LIKE 'slow%%' THEN PERFORM pg_sleep(10); END IF; RETURN NEW; END $$;"
           "CREATE TRIGGER dawdle BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION "
           "test.dawdle()");
}

static void use_pool_with_statement_timeout(unsigned ms)
{
    struct pool_options options = *harness_pool_options();
    options.conn.statement_timeout_ms = ms;
    harness_run_until(&harness_use_pool(&options)->available);
}

START_TEST(a_statement_over_its_time_is_a_missed_deadline_and_the_connection_serves_on)
{
    make_slow_inserts();
    use_pool_with_statement_timeout(500);
    struct sent *slow = add_feedback("slow"), *next = add_feedback("text");
    rpc_wait_all();
    ck_assert_int_eq(slow->status, STATUS_DEADLINE_EXCEEDED);
    ck_assert_int_eq(next->status, STATUS_OK);
}
END_TEST

START_TEST(a_statement_that_an_operator_ends_is_not_told_as_a_missed_deadline)
{
    make_slow_inserts();
    struct sent *slow = add_feedback("slow");
    for (long n = 0; n == 0; harness_run_ms(5))
        n = db_int("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    rpc_wait(slow);
    ck_assert_int_eq(slow->status, STATUS_ABORTED);
    ck_assert_msg(strstr(slow->message, "operator"), "%s", slow->message);
}
END_TEST

/* ---- lanes ---- */

START_TEST(a_statement_that_waits_for_a_lock_delays_no_read_and_no_short_write)
{
    enum { PLANS = 20 }; /* more than the lane has connections */
    int mentee = make_mentee(make_area("Here"), "");
    db_run("INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan', false FROM mentee, "
           "generate_series(1, 20)");
    struct pg_conn *holder = db_hold("SELECT FROM milestone FOR UPDATE");
    struct sent *blocked[PLANS];
    for (int i = 0; i < PLANS; i++)
        blocked[i] = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                              &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1001 + i });
    harness_run_until_blocked(NULL, 1);
    struct sent *read = get_profiles(mentee), *write = add_feedback("text");
    rpc_wait(read);
    rpc_wait(write);
    ck_assert_int_eq(read->status, STATUS_OK);
    ck_assert_int_eq(write->status, STATUS_OK);
    for (int i = 0; i < PLANS; i++)
        ck_assert(!blocked[i]->answered);
    db_let_go(holder);
    rpc_wait_all();
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone WHERE completed"), PLANS);
}
END_TEST

START_TEST(a_statement_that_waits_for_a_lock_delays_no_other_of_its_lane)
{
    make_mentee(make_area("Here"), "");
    db_run("INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan', false FROM mentee, "
           "generate_series(1, 2)");
    struct pg_conn *holder = db_hold("SELECT FROM milestone WHERE milestoneid = 1001 FOR UPDATE");
    struct sent *sent[2];
    for (int i = 0; i < 2; i++)
        sent[i] = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                           &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1001 + i });
    rpc_wait(sent[1]);
    ck_assert(!sent[0]->answered);
    ck_assert_int_eq(sent[1]->status, STATUS_OK);
    db_let_go(holder);
    rpc_wait(sent[0]);
    ck_assert_int_eq(sent[0]->status, STATUS_OK);
    ck_assert_int_eq(db_int("SELECT count(*) FROM milestone WHERE completed"), 2);
}
END_TEST

START_TEST(writes_that_are_slow_together_are_not_taken_for_lost)
{
    enum { N = 40 };
    struct pool_options options = *harness_pool_options();
    options.connections[LANE_INSERT] = 1;
    options.conn.answer_timeout_ms = 3000; /* less than all of them take, and much more than one */
    harness_run_until(&harness_use_pool(&options)->available);
    db_run(
        "CREATE FUNCTION test.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); "
        "RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION test.dawdle()");
    struct sent *sent[N];
    for (int i = 0; i < N; i++)
        sent[i] =
            rpc_send(RPC_ADD_DEV_FEEDBACK, &(feedback_package_AddDevFeedbackRequest){ .content = "slow" });
    rpc_wait_all();
    for (int i = 0; i < N; i++)
        ck_assert_msg(sent[i]->status == STATUS_OK, "%s", sent[i]->message);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), N);
}
END_TEST

/* ---- queues ---- */

START_TEST(a_full_queue_refuses_with_a_time_to_come_back_and_serves_again_afterwards)
{
    use_narrow_pool(8);
    struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
    struct sent *in_flight = add_feedback("in flight");
    harness_run_until_blocked(NULL, 1);
    struct sent *sent[10];
    for (int i = 0; i < 10; i++)
        sent[i] = add_feedback(numbered("queued", i));
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(sent[i]->answered, i >= 8); /* refused at once */
        if (i < 8)
            continue;
        ck_assert_int_eq(sent[i]->status, STATUS_RESOURCE_EXHAUSTED);
        ck_assert_uint_gt(sent[i]->retry_after_ms, 0);
    }
    db_let_go(holder);
    rpc_wait_all();
    ck_assert_int_eq(in_flight->status, STATUS_OK);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), 9);
    struct sent *again = add_feedback("again");
    rpc_wait(again);
    ck_assert_int_eq(again->status, STATUS_OK);
}
END_TEST

START_TEST(a_quarter_of_the_queue_is_kept_for_what_can_go)
{
    use_narrow_pool(8);
    int mentee = make_mentee(make_area("Here"), "");
    struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
    struct sent *stuck = NULL;
    for (int i = 0; !stuck || !stuck->answered; i++) { /* refused at once */
        stuck = add_feedback(numbered("queued", i));
        harness_run_ms(5);
    }
    ck_assert_int_eq(stuck->status, STATUS_RESOURCE_EXHAUSTED);
    struct sent *other = rpc_send(RPC_CREATE_PLANS_OF_ACTIONS,
                                  &(meeting_package_CreatePlansOfActionsRequest){
                                      .menteeUserId = mentee, .plansOfAction = "of another table" });
    rpc_wait(other);
    ck_assert_msg(other->status == STATUS_OK, "%s", other->message);
    db_let_go(holder);
    rpc_wait_all();
}
END_TEST

START_TEST(a_full_queue_of_one_lane_refuses_nobody_in_another)
{
    use_narrow_pool(8);
    int mentee = make_mentee(make_area("Here"), "");
    struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
    struct sent *blocked = add_feedback("in flight");
    harness_run_until_blocked(NULL, 1);
    for (int i = 0; i < 20; i++)
        blocked = add_feedback(numbered("queued", i));
    ck_assert_int_eq(blocked->status, STATUS_RESOURCE_EXHAUSTED);
    struct sent *read = get_profiles(mentee);
    rpc_wait(read);
    ck_assert_msg(read->status == STATUS_OK, "%s", read->message);
    db_let_go(holder);
    rpc_wait_all();
}
END_TEST

START_TEST(a_call_whose_deadline_passes_while_it_waits_is_not_started)
{
    use_narrow_pool(100);
    struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
    struct sent *in_flight;
    unsigned deadline_ms = 50;
    do { /* a slow machine may not even begin it in time */
        in_flight = add_feedback_within("in flight", deadline_ms *= 2);
        while (!in_flight->answered && harness_n_blocked(NULL) == 0)
            harness_run_ms(1);
    } while (harness_n_blocked(NULL) == 0);
    struct sent *late = add_feedback_within("late", 100), *patient = add_feedback("patient");
    rpc_wait(late); /* noticed although no connection becomes free */
    rpc_wait(in_flight);
    ck_assert_int_eq(late->status, STATUS_DEADLINE_EXCEEDED);
    harness_run_until(&in_flight->over); /* the server was asked to end both, and has */
    harness_run_until(&late->over);
    db_let_go(holder);
    rpc_wait_all();
    ck_assert_int_eq(patient->status, STATUS_OK);
    ck_assert_int_eq(in_flight->status, STATUS_DEADLINE_EXCEEDED);
    ck_assert_str_eq(db_text("SELECT string_agg(message, ' ' ORDER BY message) FROM websitefeedback"),
                     "patient");
}
END_TEST

START_TEST(a_call_whose_deadline_has_passed_is_not_started)
{
    struct sent *many[50];
    for (int i = 0; i < 50; i++)
        many[i] = add_feedback_within(numbered("late", i), 1);
    uint64_t end = uv_hrtime() + 3000000;
    while (uv_hrtime() < end)
        ;
    rpc_wait_all();
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(many[i]->status, STATUS_DEADLINE_EXCEEDED);
    ck_assert_int_eq(db_int("SELECT count(*) FROM websitefeedback"), 0);
}
END_TEST

/* ---- cancelled calls ---- */

START_TEST(a_call_cancelled_while_it_waits_is_not_started)
{
    struct sent *sent[3];
    for (int i = 0; i < 3; i++)
        sent[i] = add_feedback(numbered("text", i));
    rpc_cancel(sent[1]);
    ck_assert(sent[1]->dropped);
    rpc_wait_all();
    ck_assert(!sent[1]->answered && sent[0]->answered && sent[2]->answered);
    ck_assert_str_eq(db_text("SELECT string_agg(message, ', ' ORDER BY message) FROM websitefeedback"),
                     "text 0, text 2");
}
END_TEST

START_TEST(what_a_call_cancelled_in_flight_brings_back_goes_nowhere)
{
    struct sent *sent[3];
    for (bool in_flight = false; !in_flight;) {
        struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
        for (int i = 0; i < 3; i++)
            sent[i] = add_feedback(numbered("text", i));
        harness_run_until_blocked(NULL, 1);
        rpc_cancel(sent[1]);
        /* Its result is still to come; or, on a slow machine, the batch was given up by then and it waits to
         * be run apart: once more. */
        in_flight = !sent[1]->dropped;
        db_let_go(holder);
        rpc_wait_all();
    }
    ck_assert(sent[1]->dropped && !sent[1]->answered);
    ck_assert_int_eq(sent[0]->status, STATUS_OK);
    ck_assert_int_eq(sent[2]->status, STATUS_OK);
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

START_TEST(a_call_cancelled_between_its_statements_stops_there)
{
    int here = make_area("Here"), mentee = make_mentee(here, "");
    make_mentor(make_area("There"), "");
    struct pg_conn *holder =
        db_hold("LOCK TABLE assignment IN ACCESS EXCLUSIVE MODE"); /* the first statement of TryMatch waits */
    struct sent *sent =
        rpc_send(RPC_TRY_MATCH, &(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = mentee });
    harness_run_until_blocked(NULL, 1);
    rpc_cancel(sent);
    db_let_go(holder);
    rpc_wait_all();
    ck_assert(sent->dropped);
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 0);
}
END_TEST

START_TEST(a_login_cancelled_while_its_hash_runs_is_dropped)
{
    hash_gate_close();
    struct sent *sent = rpc_send(
        RPC_TRY_LOGIN, &(account_package_AuthenticateRequest){ .username = "nobody", .password = "x" });
    harness_run_until_hashing(1, 0);
    rpc_cancel(sent);
    hash_gate_open();
    rpc_wait_all();
    ck_assert(sent->dropped && !sent->answered);
}
END_TEST

START_TEST(a_pool_that_stops_answers_whatever_waits)
{
    struct pool *pool = use_narrow_pool(100);
    struct pg_conn *holder = db_hold("LOCK TABLE websitefeedback");
    struct sent *in_flight = add_feedback("in flight");
    harness_run_until_blocked(NULL, 1);
    struct sent *queued = add_feedback("queued");
    pool_stop(pool);
    ck_assert(in_flight->answered && queued->answered);
    ck_assert_int_eq(in_flight->status, STATUS_UNAVAILABLE);
    ck_assert_int_eq(queued->status, STATUS_UNAVAILABLE);
    struct sent *late = add_feedback("late");
    ck_assert_int_eq(late->status, STATUS_UNAVAILABLE);
    db_let_go(holder);
}
END_TEST

Suite *pool_suite(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = harness_case(suite, "stress");
    tcase_add_test(tcase, an_error_in_one_of_64_merged_calls_fails_that_one_only);
    tcase_add_test(tcase, the_message_of_a_failed_statement_stays_in_the_log);
    tcase_add_test(tcase, an_error_among_shared_inserts_fails_that_one_only);
    tcase_add_test(tcase, a_commit_that_fails_fails_the_one_at_fault_only);
    tcase_add_test(tcase, inserts_of_a_connection_share_transactions);
    tcase_add_test(tcase, a_statement_that_loses_to_others_is_run_again);
    tcase_add_test(tcase, a_statement_that_always_loses_is_aborted_in_the_end);
    tcase_add_test(tcase, a_statement_over_its_time_is_a_missed_deadline_and_the_connection_serves_on);
    tcase_add_test(tcase, a_statement_that_an_operator_ends_is_not_told_as_a_missed_deadline);
    tcase_add_test(tcase, a_statement_that_waits_for_a_lock_delays_no_read_and_no_short_write);
    tcase_add_test(tcase, a_statement_that_waits_for_a_lock_delays_no_other_of_its_lane);
    tcase_add_test(tcase, writes_that_are_slow_together_are_not_taken_for_lost);
    tcase_add_test(tcase, a_full_queue_refuses_with_a_time_to_come_back_and_serves_again_afterwards);
    tcase_add_test(tcase, a_quarter_of_the_queue_is_kept_for_what_can_go);
    tcase_add_test(tcase, a_full_queue_of_one_lane_refuses_nobody_in_another);
    tcase_add_test(tcase, a_call_whose_deadline_passes_while_it_waits_is_not_started);
    tcase_add_test(tcase, a_call_whose_deadline_has_passed_is_not_started);
    tcase_add_test(tcase, a_call_cancelled_while_it_waits_is_not_started);
    tcase_add_test(tcase, what_a_call_cancelled_in_flight_brings_back_goes_nowhere);
    tcase_add_test(tcase, a_write_cancelled_in_flight_is_not_run_again_when_its_transaction_aborts);
    tcase_add_test(tcase, a_call_cancelled_between_its_statements_stops_there);
    tcase_add_test(tcase, a_login_cancelled_while_its_hash_runs_is_dropped);
    tcase_add_test(tcase, a_pool_that_stops_answers_whatever_waits);
    return suite;
}
