/* SPDX-License-Identifier: MIT
 *
 * Rules that must hold when many calls run at once: each test sends all of its calls before it waits for the
 * first, over twelve connections for statements that lock.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/pool.h"

#define MENTEE account_package_ProfileType_MENTEE
#define MENTOR account_package_ProfileType_MENTOR
#define NOON   INT64_C(4102488000) /* 2100-01-01T12:00:00Z */

/* Runs after the harness's own set-up. */
static void use_wide_pool(void)
{
    struct pool_options options = *harness_pool_options();
    options.connections[LANE_WRITE] = 12;
    harness_run_until(&harness_use_pool(&options)->available);
}

static struct sent *try_match(int mentee)
{
    return rpc_send(RPC_TRY_MATCH,
                    &(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = mentee });
}

static struct sent *change_area(int account, account_package_ProfileType profile, int area)
{
    return rpc_send(RPC_UPDATE_PROFILE_DETAILS,
                    &(account_package_UpdateProfileDetailsRequest){
                        .userid = account, .profileType = profile, .has_newBSId = true, .newBSId = area });
}

static struct sent *change_skills(int account, account_package_ProfileType profile, int64_t a, int64_t b)
{
    return rpc_send(
        RPC_UPDATE_PROFILE_DETAILS,
        &(account_package_UpdateProfileDetailsRequest){
            .userid = account, .profileType = profile, .skills_count = 2, .skills = (int64_t[]){ a, b } });
}

static struct sent *schedule_meeting(int mentee, int64_t start, int minutes)
{
    return rpc_send(
        RPC_SCHEDULE_NEW_MEETING,
        &(meeting_package_ScheduleNewMeetingRequest){
            .menteeUserId = mentee, .has_start = true, .start.seconds = start, .duration = minutes });
}

static struct sent *schedule_workshop(char *skill, int64_t start, int minutes)
{
    return rpc_send(RPC_SCHEDULE_NEW_WORKSHOP,
                    &(meeting_package_ScheduleNewWorkshopRequest){
                        .skill = skill, .has_start = true, .start.seconds = start, .duration = minutes });
}

static struct sent *rate_mentor(int mentor, int mentee, float rating)
{
    return rpc_send(RPC_ADD_FEEDBACK_ON_MENTOR,
                    &(feedback_package_AddFeedbackRequest){
                        .mentorUserId = mentor, .menteeUserId = mentee, .rating = rating });
}

static struct sent *rate_mentee(int mentor, int mentee, float rating)
{
    return rpc_send(RPC_ADD_FEEDBACK_ON_MENTEE,
                    &(feedback_package_AddFeedbackRequest){
                        .mentorUserId = mentor, .menteeUserId = mentee, .rating = rating });
}

/* Every reply of the services' writes begins with its boolean. */
static int granted(struct sent *const *sent, int n)
{
    rpc_wait_all();
    int n_granted = 0;
    for (int i = 0; i < n; i++) {
        ck_assert_msg(sent[i]->status == STATUS_OK, "call %d: status %d: %s", i, sent[i]->status,
                      sent[i]->message);
        n_granted += *(const bool *)sent[i]->reply;
    }
    return n_granted;
}

static void no_mentor_has_more_than_five_mentees_and_no_mentee_two_mentors(void)
{
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM (SELECT FROM assignment GROUP BY mentorid HAVING count(*) > 5) m"), 0);
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM (SELECT FROM assignment GROUP BY menteeid HAVING count(*) > 1) e"), 0);
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM svcd.candidate c WHERE c.mentees <> (SELECT count(*) FROM assignment a "
               "WHERE a.mentorid = c.mentor_id)"),
        0);
}

/* ---- matching ---- */

START_TEST(two_hundred_matches_at_once_give_each_mentee_one_mentor_and_no_mentor_more_than_five)
{
    int here = make_area("Here"), there = make_area("There"), mentees[40];
    for (int i = 0; i < 40; i++)
        mentees[i] = make_mentee(here, "");
    for (int i = 0; i < 10; i++)
        make_mentor(there, "");
    struct sent *sent[200];
    for (int i = 0; i < 200; i++)
        sent[i] = try_match(mentees[i % 40]);
    ck_assert_int_eq(granted(sent, 200), 40);
    ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 40);
    no_mentor_has_more_than_five_mentees_and_no_mentee_two_mentors();
}
END_TEST

/* With a model everybody wants the same mentor first. */
START_TEST(a_hundred_mentees_fill_fifty_places_exactly_with_and_without_model)
{
    int here = make_area("Here"), there = make_area("There"), mentees[100];
    for (int i = 0; i < 100; i++)
        mentees[i] = make_mentee(here, "");
    for (int i = 0; i < 10; i++) {
        int mentor = make_mentor(there, "");
        db_run("UPDATE account SET dob = date '1950-01-01' + %d WHERE accountid = %d", i * 400, mentor);
    }
    for (int modelled = 0; modelled < 2; modelled++) {
        if (modelled)
            make_model(here, there, 1, 0.1, 3);
        struct sent *sent[100];
        for (int i = 0; i < 100; i++)
            sent[i] = try_match(mentees[i]);
        ck_assert_int_eq(granted(sent, 100), 50);
        ck_assert_int_eq(db_int("SELECT count(*) FROM assignment"), 50);
        no_mentor_has_more_than_five_mentees_and_no_mentee_two_mentors();
        db_run("DELETE FROM assignment");
    }
}
END_TEST

/* ---- meetings and workshops ---- */

START_TEST(of_fifty_overlapping_meetings_at_once_one_is_stored_and_each_side_told_once)
{
    int mentee = make_mentee(make_area("Here"), "");
    make_assignment(make_mentor(make_area("There"), ""), mentee);
    struct sent *sent[50];
    for (int i = 0; i < 50; i++)
        sent[i] = schedule_meeting(mentee, NOON + i * 60, 60);
    ck_assert_int_eq(granted(sent, 50), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM meeting"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteemessage"), 1);
}
END_TEST

START_TEST(of_meetings_that_overlap_in_part_none_is_stored_beside_another_it_overlaps)
{
    int mentee = make_mentee(make_area("Here"), "");
    make_assignment(make_mentor(make_area("There"), ""), mentee);
    struct sent *sent[100];
    for (int i = 0; i < 100; i++)
        sent[i] = schedule_meeting(mentee, NOON + (i * 37 % 100) * 600, 15);
    int stored = granted(sent, 100);
    ck_assert_int_eq(db_int("SELECT count(*) FROM meeting"), stored);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage"), stored);
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM meeting a JOIN meeting b ON a.meetingid < b.meetingid "
               "AND a.start < b.start + interval '15 min' AND b.start < a.start + interval '15 min'"),
        0);
    /* And whoever was refused overlaps one that was stored. */
    ck_assert_int_eq(
        db_int("SELECT count(*) FROM generate_series(timestamp '2100-01-01 12:00', '2100-01-02 04:30', '10 "
               "min') s "
               "WHERE NOT EXISTS (SELECT FROM meeting m WHERE m.start BETWEEN s - interval '10 min' "
               "AND s + interval '10 min')"),
        0);
}
END_TEST

START_TEST(of_fifty_overlapping_workshops_at_once_one_is_stored_and_each_profile_told_once)
{
    int area = make_area("Here");
    make_skill("C");
    for (int i = 0; i < 4; i++) {
        make_mentor(area, "1001");
        make_mentee(area, "1001");
    }
    struct sent *sent[50];
    for (int i = 0; i < 50; i++)
        sent[i] = schedule_workshop("C", NOON + i * 60, 60);
    ck_assert_int_eq(granted(sent, 50), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM workshop"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage"), 4);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteemessage"), 4);
}
END_TEST

/* ---- accounts ---- */

START_TEST(of_twenty_who_register_one_email_at_once_one_gets_it)
{
    int area = make_area("Here");
    struct sent *sent[20];
    for (int i = 0; i < 20; i++)
        sent[i] =
            rpc_send(RPC_REGISTER_USER, &(account_package_RegistrationRequest){ .name = "Ada",
                                                                                .email = "ada@example.com",
                                                                                .password = "correct horse",
                                                                                .has_dateOfBirth = true,
                                                                                .businessAreaId = area });
    ck_assert_int_eq(granted(sent, 20), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM account"), 1);
}
END_TEST

START_TEST(of_twenty_who_sign_one_account_up_at_once_one_succeeds)
{
    int account = make_account(make_area("Here"));
    make_skill("C");
    account_package_ProfileSignupRequest request = { .userid = account,
                                                     .desiredSkills_count = 1,
                                                     .desiredSkills = (char *[]){ "C" } };
    struct sent *sent[40];
    for (int i = 0; i < 20; i++) {
        sent[i] = rpc_send(RPC_REGISTER_MENTEE, &request);
        sent[20 + i] = rpc_send(RPC_REGISTER_MENTOR, &request);
    }
    ck_assert_int_eq(granted(sent, 40), 2);
    ck_assert_int_eq(granted(sent, 20), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteeskill"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentorskill"), 1);
}
END_TEST

START_TEST(of_twenty_accounts_that_want_one_email_at_once_one_gets_it)
{
    int area = make_area("Here"), accounts[20];
    struct sent *sent[20];
    for (int i = 0; i < 20; i++)
        accounts[i] = make_mentee(area, "");
    for (int i = 0; i < 20; i++)
        sent[i] = rpc_send(RPC_UPDATE_PROFILE_DETAILS,
                           &(account_package_UpdateProfileDetailsRequest){
                               .userid = accounts[i], .newEmail = "wanted@example.com" });
    ck_assert_int_eq(granted(sent, 20), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM account WHERE email = 'wanted@example.com'"), 1);
}
END_TEST

/* ---- ratings and plans ---- */

START_TEST(of_twenty_ratings_of_a_side_at_once_one_counts)
{
    int mentee = make_mentee(make_area("Here"), ""), mentor = make_mentor(make_area("There"), "");
    make_assignment(mentor, mentee);
    struct sent *sent[40];
    for (int i = 0; i < 20; i++) {
        sent[i] = rate_mentor(mentor, mentee, (float)i / 4);
        sent[20 + i] = rate_mentee(mentor, mentee, (float)i / 4);
    }
    ck_assert_int_eq(granted(sent, 40), 2);
    ck_assert_int_eq(granted(sent, 20), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentorfeedback"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteefeedback"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 2);
}
END_TEST

START_TEST(no_toggle_of_a_plan_is_lost)
{
    int mentee = make_mentee(make_area("Here"), "");
    db_run("INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'plan', false FROM mentee "
           "WHERE accountid = %d",
           mentee);
    struct sent *sent[101];
    for (int i = 0; i < 101; i++)
        sent[i] = rpc_send(RPC_TOGGLE_PLANS_OF_ACTION_COMPLETION,
                           &(meeting_package_TogglePlansOfActionCompletionRequest){ .planid = 1001 });
    ck_assert_int_eq(granted(sent, 101), 101);
    ck_assert_str_eq(db_text("SELECT completed FROM milestone"), "t");
}
END_TEST

/* ---- mixes in which transactions could wait for each other in a circle ---- */

enum { PEOPLE = 24, AREAS = 3 };

/* Half of them mentor and mentee, a quarter each one of both; skills 1001 to 1006. */
static void make_people(int people[PEOPLE], int areas[AREAS])
{
    for (int i = 0; i < AREAS; i++)
        areas[i] = make_area("Area");
    for (int i = 0; i < 6; i++)
        make_skill(db_text("SELECT 'Skill %d'", i));
    for (int i = 0; i < PEOPLE; i++) {
        people[i] = i % 4 == 0 ? make_mentee(areas[i % AREAS], "1001, 1002")
                               : make_mentor(areas[i % AREAS], "1001, 1003");
        if (i % 4 > 1)
            db_run("INSERT INTO mentee (accountid) VALUES (%d)", people[i]);
    }
    make_model(areas[0], areas[1], 0.5, 0.01, 3);
}

static void nobody_shares_an_area_with_a_mentor(void)
{
    ck_assert_int_eq(
        db_int(
            "SELECT count(*) FROM assignment JOIN mentor m USING (mentorid) JOIN mentee e USING (menteeid) "
            "JOIN account ma ON ma.accountid = m.accountid JOIN account ea ON ea.accountid = e.accountid "
            "WHERE ma.businesssectorid = ea.businesssectorid"),
        0);
}

START_TEST(area_changes_and_matches_at_once_leave_no_pair_in_one_area)
{
    int people[PEOPLE], areas[AREAS];
    make_people(people, areas);
    srandom(1);
    for (int round = 0; round < 4; round++) {
        struct sent *sent[100];
        for (int i = 0; i < 100; i++) {
            int who = people[random() % PEOPLE];
            sent[i] = i % 2 ? change_area(who, random() % 2 ? MENTOR : MENTEE, areas[random() % AREAS])
                            : try_match(who);
        }
        rpc_wait_all();
        for (int i = 0; i < 100; i++) /* a mentor alone has no mentee profile to match */
            ck_assert_msg(sent[i]->status == STATUS_OK || (i % 2 == 0 && sent[i]->status == STATUS_NOT_FOUND),
                          "call %d: status %d: %s", i, sent[i]->status, sent[i]->message);
        nobody_shares_an_area_with_a_mentor();
        no_mentor_has_more_than_five_mentees_and_no_mentee_two_mentors();
    }
    ck_assert_int_gt(db_int("SELECT count(*) FROM mentormessage"), 0); /* some were dissolved */
}
END_TEST

static struct sent *send_any(int n, const int people[PEOPLE], const int areas[AREAS])
{
    int one = people[random() % PEOPLE], other = people[random() % PEOPLE];
    account_package_ProfileType profile = random() % 2 ? MENTOR : MENTEE;
    int64_t start = NOON + random() % 100 * 600;
    static char *const skills[] = { "Skill 0", "Skill 1", "Skill 2" };
    switch (n % 8) {
    case 0:
        return try_match(one);
    case 1:
        return change_area(one, profile, areas[random() % AREAS]);
    case 2:
        return change_skills(one, profile, 1001 + random() % 6, 1001 + random() % 6);
    case 3:
        return schedule_meeting(one, start, 15);
    case 4:
        return schedule_workshop(skills[random() % 3], start, 15);
    case 5:
        return rate_mentor(one, other, 3);
    case 6:
        return rate_mentee(one, other, 3);
    default:
        return rpc_send(RPC_REGISTER_MENTEE,
                        &(account_package_ProfileSignupRequest){ .userid = one,
                                                                 .desiredSkills_count = 1,
                                                                 .desiredSkills = (char *[]){ "Skill 3" } });
    }
}

START_TEST(whatever_is_mixed_every_call_gets_an_answer_that_its_rules_allow)
{
    int people[PEOPLE], areas[AREAS];
    make_people(people, areas);
    srandom(2);
    for (int round = 0; round < 5; round++) {
        struct sent *sent[160];
        for (int i = 0; i < 160; i++)
            sent[i] = send_any(i, people, areas);
        rpc_wait_all();
        for (int i = 0; i < 160; i++) {
            enum status status = sent[i]->status;
            ck_assert_msg(status == STATUS_OK || status == STATUS_NOT_FOUND ||
                              status == STATUS_FAILED_PRECONDITION,
                          "call %d: status %d: %s", i % 8, status, sent[i]->message);
        }
        nobody_shares_an_area_with_a_mentor();
        no_mentor_has_more_than_five_mentees_and_no_mentee_two_mentors();
    }
    ck_assert_int_gt(db_int("SELECT count(*) FROM meeting"), 0);
    ck_assert_int_gt(db_int("SELECT count(*) FROM workshop"), 0);
}
END_TEST

Suite *concurrency_suite(void)
{
    Suite *suite = suite_create("concurrency");
    TCase *tcase = harness_case(suite, "at once");
    tcase_add_checked_fixture(tcase, use_wide_pool, NULL);
    tcase_add_test(tcase,
                   two_hundred_matches_at_once_give_each_mentee_one_mentor_and_no_mentor_more_than_five);
    tcase_add_test(tcase, a_hundred_mentees_fill_fifty_places_exactly_with_and_without_model);
    tcase_add_test(tcase, of_fifty_overlapping_meetings_at_once_one_is_stored_and_each_side_told_once);
    tcase_add_test(tcase, of_meetings_that_overlap_in_part_none_is_stored_beside_another_it_overlaps);
    tcase_add_test(tcase, of_fifty_overlapping_workshops_at_once_one_is_stored_and_each_profile_told_once);
    tcase_add_test(tcase, of_twenty_who_register_one_email_at_once_one_gets_it);
    tcase_add_test(tcase, of_twenty_who_sign_one_account_up_at_once_one_succeeds);
    tcase_add_test(tcase, of_twenty_accounts_that_want_one_email_at_once_one_gets_it);
    tcase_add_test(tcase, of_twenty_ratings_of_a_side_at_once_one_counts);
    tcase_add_test(tcase, no_toggle_of_a_plan_is_lost);
    tcase_add_test(tcase, area_changes_and_matches_at_once_leave_no_pair_in_one_area);
    tcase_add_test(tcase, whatever_is_mixed_every_call_gets_an_answer_that_its_rules_allow);
    return suite;
}
