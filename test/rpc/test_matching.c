/* SPDX-License-Identifier: MIT
 *
 * Matching, seen by its callers.
 */
#include "harness.h"

#define MENTEE(account) (&(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = (account) })

static const matching_package_MenteeToMentorMatchingReply *try_match(int account)
{
    return rpc_ok(RPC_TRY_MATCH, MENTEE(account));
}

START_TEST(a_mentee_is_matched_with_a_mentor_of_another_area)
{
    int here = make_area("Here"), there = make_area("There");
    int mentee = make_mentee(here, "");
    make_mentor(here, "");
    int mentor = make_mentor(there, "");
    const matching_package_MenteeToMentorMatchingReply *reply = try_match(mentee);
    ck_assert(reply->status);
    ck_assert_int_eq(reply->mentorUserId, mentor);
    ck_assert_str_eq(reply->mentorName, db_text("SELECT name FROM account WHERE accountid = %d", mentor));
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 1);
}
END_TEST

START_TEST(an_account_without_mentee_profile_is_not_found)
{
    int account = make_account(make_area("Here"));
    rpc_fails(STATUS_NOT_FOUND, "no mentee profile", RPC_TRY_MATCH, MENTEE(account));
    rpc_fails(STATUS_NOT_FOUND, "no mentee profile", RPC_GET_MATCHING_MENTOR, MENTEE(account));
}
END_TEST

/* 40 mentees ask five times each, all at once; ten mentors have room for 50. */
START_TEST(two_hundred_matches_at_once_give_each_mentee_one_mentor_and_no_mentor_more_than_five)
{
    int here = make_area("Here"), there = make_area("There");
    int mentees[40];
    for (int i = 0; i < 40; i++)
        mentees[i] = make_mentee(here, "");
    for (int i = 0; i < 10; i++)
        make_mentor(there, "");
    struct sent *sent[200];
    for (int i = 0; i < 200; i++)
        sent[i] = rpc_send(RPC_TRY_MATCH, MENTEE(mentees[i % 40]));
    rpc_wait_all();
    int matched = 0;
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
        matched += ((matching_package_MenteeToMentorMatchingReply *)sent[i]->reply)->status;
    }
    ck_assert_int_eq(matched, 40);
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 40);
    ck_assert_int_eq(db_int("SELECT count(DISTINCT menteeid) FROM assignment"), 40);
    ck_assert_int_le(db_int("SELECT max(n) FROM (SELECT count(*) AS n FROM assignment GROUP BY mentorid) m"), 5);
}
END_TEST

Suite *matching_suite(void)
{
    Suite *suite = suite_create("matching");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, a_mentee_is_matched_with_a_mentor_of_another_area);
    tcase_add_test(tcase, an_account_without_mentee_profile_is_not_found);
    tcase_add_test(tcase, two_hundred_matches_at_once_give_each_mentee_one_mentor_and_no_mentor_more_than_five);
    return suite;
}
