/* SPDX-License-Identifier: MIT
 *
 * Calls that are ended before their statements are: at a deadline, by the statement's time limit, an
 * operator, their client, or the pool's stop. See test_loss.c for what a lost connection ends.
 */
#include "pool_kit.h"

#include <string.h>
#include <uv.h>

#include "db/pool.h"
#include "hash_gate.h"

/* ---- statements that are ended ---- */

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

/* ---- deadlines ---- */

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

/* ---- the pool's stop ---- */

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

Suite *ended_early_suite(void)
{
    Suite *suite = suite_create("ended_early");
    TCase *tcase = harness_case(suite, "ending");
    tcase_add_test(tcase, a_statement_over_its_time_is_a_missed_deadline_and_the_connection_serves_on);
    tcase_add_test(tcase, a_statement_that_an_operator_ends_is_not_told_as_a_missed_deadline);
    tcase_add_test(tcase, a_call_whose_deadline_passes_while_it_waits_is_not_started);
    tcase_add_test(tcase, a_call_whose_deadline_has_passed_is_not_started);
    tcase_add_test(tcase, a_call_cancelled_while_it_waits_is_not_started);
    tcase_add_test(tcase, what_a_call_cancelled_in_flight_brings_back_goes_nowhere);
    tcase_add_test(tcase, a_call_cancelled_between_its_statements_stops_there);
    tcase_add_test(tcase, a_login_cancelled_while_its_hash_runs_is_dropped);
    tcase_add_test(tcase, a_pool_that_stops_answers_whatever_waits);
    return suite;
}
