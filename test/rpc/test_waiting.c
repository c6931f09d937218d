/* SPDX-License-Identifier: MIT
 *
 * Calls that wait, for a lock or for a connection: whom they delay, and when a queue is full.
 */
#include "pool_kit.h"

#include "db/pool.h"

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

Suite *waiting_suite(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tcase = harness_case(suite, "waiting");
    tcase_add_test(tcase, a_statement_that_waits_for_a_lock_delays_no_read_and_no_short_write);
    tcase_add_test(tcase, a_statement_that_waits_for_a_lock_delays_no_other_of_its_lane);
    tcase_add_test(tcase, writes_that_are_slow_together_are_not_taken_for_lost);
    tcase_add_test(tcase, a_full_queue_refuses_with_a_time_to_come_back_and_serves_again_afterwards);
    tcase_add_test(tcase, a_quarter_of_the_queue_is_kept_for_what_can_go);
    tcase_add_test(tcase, a_full_queue_of_one_lane_refuses_nobody_in_another);
    return suite;
}
