/* SPDX-License-Identifier: MIT
 *
 * UpdateProfileDetails with a new business area: which assignments end, who is matched anew, who is told
 * what.
 */
#include "harness.h"

#include <string.h>

#define MENTEE account_package_ProfileType_MENTEE
#define MENTOR account_package_ProfileType_MENTOR

static void move(int account, account_package_ProfileType profile, int area)
{
    const account_package_UpdateProfileDetailsResponse *reply =
        rpc_ok(RPC_UPDATE_PROFILE_DETAILS,
               &(account_package_UpdateProfileDetailsRequest){
                   .userid = account, .profileType = profile, .has_newBSId = true, .newBSId = area });
    ck_assert(reply->success);
}

/* The account id of the mentee's mentor, 0 if it has none. */
static int mentor_of(int mentee)
{
    return (int)db_int("SELECT sum(m.accountid) FROM mentee e JOIN assignment a ON a.menteeid = e.menteeid "
                       "JOIN mentor m ON m.mentorid = a.mentorid WHERE e.accountid = %d",
                       mentee);
}

static const char *name_of(int account)
{
    return db_text("SELECT name FROM account WHERE accountid = %d", account);
}

/* Names that do not contain each other. */
static void name_everybody(void)
{
    db_run("UPDATE account SET name = 'Person <' || accountid || '>'");
}

static long messages_to(const char *kind, int account)
{
    return db_int("SELECT count(*) FROM %smessage n JOIN %s p ON p.%sid = n.%sid WHERE p.accountid = %d",
                  kind, kind, kind, kind, account);
}

/* The one message that this profile got. */
static const char *message_to(const char *kind, int account)
{
    ck_assert_int_eq(messages_to(kind, account), 1);
    return db_text("SELECT n.message FROM %smessage n JOIN %s p ON p.%sid = n.%sid WHERE p.accountid = %d",
                   kind, kind, kind, kind, account);
}

static void says(const char *message, const char *fact)
{
    ck_assert_msg(strstr(message, fact), "\"%s\" does not tell \"%s\"", message, fact);
}

static void says_not(const char *message, const char *fact)
{
    ck_assert_msg(!strstr(message, fact), "\"%s\" tells \"%s\"", message, fact);
}

START_TEST(a_mentee_that_moves_into_its_mentors_area_loses_it_and_is_matched_anew)
{
    int a = make_area("Alpha"), b = make_area("Beta"), c = make_area("Gamma");
    int mentee = make_mentee(a, ""), mentor = make_mentor(b, ""), next = make_mentor(c, "");
    make_assignment(mentor, mentee);
    name_everybody();
    move(mentee, MENTEE, b);
    ck_assert_int_eq(mentor_of(mentee), next);
    says(message_to("mentee", mentee), name_of(mentee));
    says(message_to("mentee", mentee), name_of(next));
    says(message_to("mentor", mentor), name_of(mentee));
    ck_assert_int_eq(messages_to("mentor", next), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteemessage"), 1);
}
END_TEST

START_TEST(a_mentee_for_whom_no_new_mentor_is_found_is_told_so)
{
    int a = make_area("Alpha"), b = make_area("Beta");
    int mentee = make_mentee(a, ""), mentor = make_mentor(b, "");
    make_mentor(b, "");
    make_assignment(mentor, mentee);
    name_everybody();
    move(mentor, MENTOR, a);
    ck_assert_int_eq(mentor_of(mentee), db_int("SELECT max(accountid) FROM mentor"));
    db_run("TRUNCATE mentormessage, menteemessage");
    move(mentee, MENTEE, b);
    ck_assert_int_eq(mentor_of(mentee), mentor); /* the first one lives in Alpha by now */
    db_run("TRUNCATE mentormessage, menteemessage; DELETE FROM mentor WHERE accountid <> %d", mentor);
    move(mentor, MENTOR, b);
    ck_assert_int_eq(mentor_of(mentee), 0);
    says(message_to("mentee", mentee), name_of(mentor));
    says(message_to("mentee", mentee), "No new mentor");
    says(message_to("mentor", mentor), name_of(mentee));
}
END_TEST

START_TEST(an_account_loses_both_as_mentor_and_as_mentee_and_only_with_people_of_the_new_area)
{
    int a = make_area("Alpha"), b = make_area("Beta"), c = make_area("Gamma");
    int mover = make_mentor(a, "");
    db_run("INSERT INTO mentee (accountid) VALUES (%d)", mover);
    int in_b[2] = { make_mentee(b, ""), make_mentee(b, "") }, in_c = make_mentee(c, "");
    int its_mentor = make_mentor(b, ""), next = make_mentor(c, "");
    make_assignment(mover, in_b[0]);
    make_assignment(mover, in_c);
    make_assignment(mover, in_b[1]);
    make_assignment(its_mentor, mover);
    name_everybody();
    move(mover, MENTOR, b);

    ck_assert_int_eq(mentor_of(in_c), mover);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(mentor_of(in_b[i]), next);
        says(message_to("mentee", in_b[i]), name_of(mover));
        says(message_to("mentee", in_b[i]), name_of(next));
        says(message_to("mentor", mover), name_of(in_b[i]));
    }
    ck_assert_int_eq(mentor_of(mover), next);
    says(message_to("mentee", mover), name_of(next));
    says(message_to("mentor", its_mentor), name_of(mover));
    says(message_to("mentor", mover), name_of(next));
    says_not(message_to("mentor", mover), name_of(in_c));
    ck_assert_int_eq(messages_to("mentee", in_c), 0);
    ck_assert_int_eq(messages_to("mentor", next), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 4);
}
END_TEST

START_TEST(a_move_to_an_area_where_none_of_its_people_are_dissolves_nothing)
{
    int a = make_area("Alpha"), b = make_area("Beta"), c = make_area("Gamma");
    int mentee = make_mentee(a, ""), mentor = make_mentor(b, "");
    make_assignment(mentor, mentee);
    move(mentee, MENTEE, c);
    ck_assert_int_eq(mentor_of(mentee), mentor);
    ck_assert_int_eq(
        db_int("SELECT (SELECT count(*) FROM mentormessage) + (SELECT count(*) FROM menteemessage)"), 0);
}
END_TEST

START_TEST(of_many_dissolved_the_free_places_are_given_once_and_each_profile_is_told_once)
{
    int a = make_area("Alpha"), b = make_area("Beta"), c = make_area("Gamma");
    int mover = make_mentor(a, ""), mentees[5], other = make_mentor(c, "");
    for (int i = 0; i < 3; i++)
        make_assignment(other, make_mentee(a, "")); /* two places left */
    for (int i = 0; i < 5; i++) {
        mentees[i] = make_mentee(b, "");
        make_assignment(mover, mentees[i]);
    }
    name_everybody();
    move(mover, MENTOR, b);
    int matched = 0;
    for (int i = 0; i < 5; i++) {
        bool found = mentor_of(mentees[i]) == other;
        matched += found;
        ck_assert(found || mentor_of(mentees[i]) == 0);
        says(message_to("mentee", mentees[i]), found ? name_of(other) : "No new mentor");
    }
    ck_assert_int_eq(matched, 2);
    ck_assert_int_eq(messages_to("mentor", mover), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteemessage"), 5);
}
END_TEST

START_TEST(a_mentor_that_left_may_be_matched_again_by_others)
{
    int a = make_area("Alpha"), b = make_area("Beta");
    int mover = make_mentor(a, ""), mentee = make_mentee(b, ""), waiting = make_mentee(a, "");
    make_assignment(mover, mentee);
    move(mover, MENTOR, b);
    const matching_package_MenteeToMentorMatchingReply *reply =
        rpc_ok(RPC_TRY_MATCH, &(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = waiting });
    ck_assert(reply->status);
    ck_assert_int_eq(reply->mentorUserId, mover);
}
END_TEST

START_TEST(what_hung_on_a_dissolved_assignment_goes_with_it)
{
    int a = make_area("Alpha"), b = make_area("Beta");
    int mentor = make_mentor(a, ""), mentee = make_mentee(b, "");
    make_assignment(mentor, mentee);
    db_run("INSERT INTO meeting (assignmentid, link, start, duration) SELECT assignmentid, 'x', "
           "'2100-01-01', 60 FROM assignment");
    db_run("INSERT INTO mentorfeedback (assignmentid, rating) SELECT assignmentid, 4 FROM assignment");
    move(mentor, MENTOR, b);
    ck_assert_int_eq(db_int("SELECT (SELECT count(*) FROM assignment) + (SELECT count(*) FROM meeting) "
                            "+ (SELECT count(*) FROM mentorfeedback)"),
                     0);
}
END_TEST

START_TEST(a_refused_move_dissolves_nothing)
{
    int a = make_area("Alpha"), b = make_area("Beta");
    int mentor = make_mentor(a, ""), mentee = make_mentee(b, "");
    make_assignment(mentor, mentee);
    const account_package_UpdateProfileDetailsResponse *reply = rpc_ok_unchanged(
        RPC_UPDATE_PROFILE_DETAILS,
        &(account_package_UpdateProfileDetailsRequest){
            .userid = mentor, .profileType = MENTOR, .newEmail = "", .has_newBSId = true, .newBSId = b });
    ck_assert(!reply->success);
}
END_TEST

Suite *move_suite(void)
{
    Suite *suite = suite_create("move");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, a_mentee_that_moves_into_its_mentors_area_loses_it_and_is_matched_anew);
    tcase_add_test(tcase, a_mentee_for_whom_no_new_mentor_is_found_is_told_so);
    tcase_add_test(tcase, an_account_loses_both_as_mentor_and_as_mentee_and_only_with_people_of_the_new_area);
    tcase_add_test(tcase, a_move_to_an_area_where_none_of_its_people_are_dissolves_nothing);
    tcase_add_test(tcase, of_many_dissolved_the_free_places_are_given_once_and_each_profile_is_told_once);
    tcase_add_test(tcase, a_mentor_that_left_may_be_matched_again_by_others);
    tcase_add_test(tcase, what_hung_on_a_dissolved_assignment_goes_with_it);
    tcase_add_test(tcase, a_refused_move_dissolves_nothing);
    return suite;
}
