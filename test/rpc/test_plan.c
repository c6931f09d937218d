/* SPDX-License-Identifier: MIT
 *
 * Plans of action, seen by their callers.
 */
#include "harness.h"

#include <string.h>

static const meeting_package_CreatePlansOfActionsReply *create_plan(int64_t mentee, char *content)
{
    return rpc_ok(RPC_CREATE_PLANS_OF_ACTIONS, &(meeting_package_CreatePlansOfActionsRequest){
                                                   .menteeUserId = mentee, .plansOfAction = content });
}

static void is_no_mentee(int64_t account, char *content)
{
    const meeting_package_CreatePlansOfActionsReply *reply = rpc_ok_unchanged(
        RPC_CREATE_PLANS_OF_ACTIONS,
        &(meeting_package_CreatePlansOfActionsRequest){ .menteeUserId = account, .plansOfAction = content });
    ck_assert(!reply->successful && !reply->has_plansOfAction);
}

static const meeting_package_ListPlansOfActionsReply *plans_of(int64_t mentee)
{
    return rpc_ok_unchanged(RPC_LIST_PLANS_OF_ACTIONS,
                            &(meeting_package_ListPlansOfActionsRequest){ .userid = mentee });
}

static bool toggle(int64_t plan)
{
    return ((const meeting_package_TogglePlansOfActionCompletionReply *)rpc_ok(
                RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = plan }))
        ->successful;
}

static void is_no_plan(int64_t plan)
{
    const meeting_package_TogglePlansOfActionCompletionReply *reply =
        rpc_ok_unchanged(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                         &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = plan });
    ck_assert(!reply->successful);
}

START_TEST(a_plan_is_stored_open_and_returned)
{
    int mentee = make_mentee(make_area("Here"), "");
    const meeting_package_CreatePlansOfActionsReply *reply = create_plan(mentee, "Lies “K&R” ✓");
    ck_assert(reply->successful && reply->has_plansOfAction);
    ck_assert_str_eq(reply->plansOfAction.content, "Lies “K&R” ✓");
    ck_assert_str_eq(db_text("SELECT concat_ws('|', milestoneid, accountid, content, completed) FROM "
                             "milestone JOIN mentee USING (menteeid)"),
                     db_text("SELECT '%d|%d|Lies “K&R” ✓|f'", (int)reply->plansOfAction.id, mentee));
}
END_TEST

START_TEST(a_plan_of_who_is_no_mentee_is_refused)
{
    int mentor = make_mentor(make_area("Here"), "");
    int64_t ids[] = { mentor, 999999, 0, -1, INT64_MIN, INT64_C(1) << 31, INT64_MAX };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        is_no_mentee(ids[i], "plan");
    is_no_mentee(mentor, text_of(10001, "x")); /* false comes before what is wrong with it */
    is_no_mentee(-1, text_of(10001, "x"));
}
END_TEST

START_TEST(a_plan_has_at_most_10000_characters)
{
    int mentee = make_mentee(make_area("Here"), "");
    rpc_fails(STATUS_INVALID_ARGUMENT, "plansOfAction: at most 10000", RPC_CREATE_PLANS_OF_ACTIONS,
              &(meeting_package_CreatePlansOfActionsRequest){ .menteeUserId = mentee,
                                                              .plansOfAction = text_of(10001, "é") });
    char *longest = text_of(10000, "é");
    ck_assert_str_eq(create_plan(mentee, longest)->plansOfAction.content, longest);
    ck_assert(create_plan(mentee, "")->successful);
}
END_TEST

START_TEST(the_uncompleted_plans_are_listed_by_id)
{
    int area = make_area("Here"), mentee = make_mentee(area, ""), other = make_mentee(area, "");
    db_run("INSERT INTO milestone (milestoneid, menteeid, content, completed) SELECT p.id, e.menteeid, "
           "p.content, p.completed "
           "FROM mentee e, (VALUES (3, 'c', false), (1, 'a', NULL), (2, 'b', true), (4, NULL, false)) p (id, "
           "content, completed) "
           "WHERE e.accountid = %d",
           mentee);
    create_plan(other, "another's");
    const meeting_package_ListPlansOfActionsReply *reply = plans_of(mentee);
    ck_assert_uint_eq(reply->plansOfActions_count, 3);
    ck_assert_int_eq(reply->plansOfActions[0].id, 1);
    ck_assert_str_eq(reply->plansOfActions[0].content, "a");
    ck_assert_int_eq(reply->plansOfActions[1].id, 3);
    ck_assert_str_eq(reply->plansOfActions[1].content, "c");
    ck_assert_int_eq(reply->plansOfActions[2].id, 4);
}
END_TEST

START_TEST(who_is_no_mentee_has_no_plans)
{
    int mentor = make_mentor(make_area("Here"), "");
    int64_t ids[] = { mentor, 999999, 0, -1, INT64_MIN, INT64_MAX };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        ck_assert_uint_eq(plans_of(ids[i])->plansOfActions_count, 0);
}
END_TEST

START_TEST(toggling_completes_a_plan_and_opens_it_again)
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t plan = create_plan(mentee, "plan")->plansOfAction.id;
    ck_assert(toggle(plan));
    ck_assert_uint_eq(plans_of(mentee)->plansOfActions_count, 0);
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "t");
    ck_assert(toggle(plan));
    ck_assert_int_eq(plans_of(mentee)->plansOfActions[0].id, plan);
    db_run("UPDATE milestone SET completed = NULL"); /* as old rows may have it: open */
    ck_assert(toggle(plan));
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "t");
}
END_TEST

START_TEST(toggling_a_plan_that_is_none_is_false)
{
    int mentee = make_mentee(make_area("Here"), "");
    int64_t plan = create_plan(mentee, "plan")->plansOfAction.id;
    int64_t ids[] = { plan + 1, 0, -1, INT64_MIN, INT64_C(1) << 31, INT64_MAX, plan + (INT64_C(1) << 32) };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        is_no_plan(ids[i]);
}
END_TEST

Suite *plan_suite(void)
{
    Suite *suite = suite_create("plan");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, a_plan_is_stored_open_and_returned);
    tcase_add_test(tcase, a_plan_of_who_is_no_mentee_is_refused);
    tcase_add_test(tcase, a_plan_has_at_most_10000_characters);
    tcase_add_test(tcase, the_uncompleted_plans_are_listed_by_id);
    tcase_add_test(tcase, who_is_no_mentee_has_no_plans);
    tcase_add_test(tcase, toggling_completes_a_plan_and_opens_it_again);
    tcase_add_test(tcase, toggling_a_plan_that_is_none_is_false);
    return suite;
}
