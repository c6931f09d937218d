/* SPDX-License-Identifier: MIT
 *
 * Scheduling meetings and workshops, seen by those who do; appointments are test_appointments.c's.
 */
#include "harness.h"

#include <string.h>

#define MINUTE        INT64_C(60)
#define NOON          INT64_C(4102488000) /* 2100-01-01T12:00:00Z */
#define YEAR_1        INT64_C(-62135596800)
#define YEAR_9999_END INT64_C(253402300799)
#define WEEK_MINUTES  10080

typedef meeting_package_ScheduleNewMeetingRequest meeting;
typedef meeting_package_ScheduleNewWorkshopRequest workshop;

static bool schedule_meeting(const meeting *request)
{
    return ((const meeting_package_ScheduleNewMeetingReply *)rpc_ok(RPC_SCHEDULE_NEW_MEETING, request))
        ->success;
}

static void meeting_is_refused(const meeting *request)
{
    ck_assert(!((const meeting_package_ScheduleNewMeetingReply *)rpc_ok_unchanged(RPC_SCHEDULE_NEW_MEETING,
                                                                                  request))
                   ->success);
}

static bool schedule_workshop(const workshop *request)
{
    return ((const meeting_package_ScheduleNewWorkshopReply *)rpc_ok(RPC_SCHEDULE_NEW_WORKSHOP, request))
        ->status;
}

static void workshop_is_refused(const workshop *request)
{
    ck_assert(!((const meeting_package_ScheduleNewWorkshopReply *)rpc_ok_unchanged(RPC_SCHEDULE_NEW_WORKSHOP,
                                                                                   request))
                   ->status);
}

static meeting meeting_at(int mentee, int64_t seconds, int duration)
{
    return (meeting){ .menteeUserId = mentee,
                      .has_start = true,
                      .start.seconds = seconds,
                      .duration = duration,
                      .link = "http://x" };
}

static workshop workshop_at(char *skill, int64_t seconds, int64_t duration)
{
    return (workshop){
        .has_start = true, .start.seconds = seconds, .duration = duration, .link = "http://x", .skill = skill
    };
}

/* A mentee in one area with a mentor in another; returns the mentee. */
static int make_pair(int *mentor)
{
    int mentee = make_mentee(make_area("Here"), "");
    *mentor = make_mentor(make_area("There"), "");
    make_assignment(*mentor, mentee);
    return mentee;
}

static long messages(void)
{
    return db_int("SELECT (SELECT count(*) FROM mentormessage) + (SELECT count(*) FROM menteemessage)");
}

static void says(const char *message, const char *fact)
{
    ck_assert_msg(strstr(message, fact), "\"%s\" does not tell \"%s\"", message, fact);
}

/* ---- ScheduleNewMeeting ---- */

START_TEST(a_meeting_is_stored_and_each_side_told_once)
{
    int mentor, mentee = make_pair(&mentor);
    db_run("UPDATE account SET name = 'Mentor M' WHERE accountid = %d; UPDATE account SET name = 'Mentee E' "
           "WHERE accountid = %d",
           mentor, mentee);
    make_mentee(make_area("Elsewhere"), "");
    meeting request = meeting_at(mentee, NOON + 5 * MINUTE, 45);
    request.link = "https://meet.example.com/ä?b=1";
    ck_assert(schedule_meeting(&request));
    ck_assert_str_eq(db_text("SELECT concat_ws('|', link, start, duration) FROM meeting"),
                     "https://meet.example.com/ä?b=1|2100-01-01 12:05:00|45");
    ck_assert_int_eq(messages(), 2);
    const char *to_mentee = db_text(
        "SELECT message FROM menteemessage JOIN mentee USING (menteeid) WHERE accountid = %d", mentee);
    const char *to_mentor = db_text(
        "SELECT message FROM mentormessage JOIN mentor USING (mentorid) WHERE accountid = %d", mentor);
    says(to_mentee, "Mentor M");
    says(to_mentor, "Mentee E");
    for (int i = 0; i < 2; i++) {
        says(i ? to_mentee : to_mentor, "2100-01-01 12:05");
        says(i ? to_mentee : to_mentor, "45");
    }
}
END_TEST

/* Half-open: the end of one may be the start of the next. */
START_TEST(a_meeting_that_overlaps_another_of_the_assignment_is_refused)
{
    int mentor, mentee = make_pair(&mentor);
    meeting request = meeting_at(mentee, NOON, 60);
    ck_assert(schedule_meeting(&request));
    static const struct {
        int start, duration; /* minutes */
    } overlapping[] = { { 0, 60 },   { 0, 1 },     { 59, 1 },  { 59, 60 },
                        { -30, 31 }, { -60, 180 }, { 10, 20 }, { -10079, 10080 } };
    for (size_t i = 0; i < sizeof overlapping / sizeof *overlapping; i++) {
        request = meeting_at(mentee, NOON + overlapping[i].start * MINUTE, overlapping[i].duration);
        meeting_is_refused(&request);
    }
    request = meeting_at(mentee, NOON + 60 * MINUTE, 1);
    ck_assert(schedule_meeting(&request));
    request = meeting_at(mentee, NOON - 30 * MINUTE, 30);
    ck_assert(schedule_meeting(&request));
    ck_assert_int_eq(messages(), 6);
}
END_TEST

START_TEST(meetings_of_other_assignments_do_not_matter)
{
    int mentor, mentee = make_pair(&mentor), other = make_mentee(make_area("Elsewhere"), "");
    make_assignment(mentor, other);
    meeting one = meeting_at(mentee, NOON, 60), two = meeting_at(other, NOON, 60);
    ck_assert(schedule_meeting(&one));
    ck_assert(schedule_meeting(&two));
}
END_TEST

START_TEST(a_mentee_without_mentor_cannot_meet_yet)
{
    meeting request = meeting_at(make_mentee(make_area("Here"), ""), NOON, 60);
    rpc_fails(STATUS_FAILED_PRECONDITION, "no mentor", RPC_SCHEDULE_NEW_MEETING, &request);
}
END_TEST

START_TEST(who_is_no_mentee_is_not_found)
{
    int mentor, ids[] = { 999999, 1, INT32_MAX, 0 };
    make_pair(&mentor);
    ids[3] = mentor;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        meeting request = meeting_at(ids[i], NOON, 60);
        rpc_fails(STATUS_NOT_FOUND, "mentee profile", RPC_SCHEDULE_NEW_MEETING, &request);
    }
}
END_TEST

START_TEST(a_mentee_id_that_cannot_be_one_is_an_invalid_argument)
{
    static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_C(1) << 31, INT64_MAX };
    meeting request = meeting_at(0, NOON, 60);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        request.menteeUserId = ids[i];
        rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", RPC_SCHEDULE_NEW_MEETING, &request);
    }
    int mentor;
    request.menteeUserId = (INT64_C(1) << 32) + make_pair(&mentor);
    rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", RPC_SCHEDULE_NEW_MEETING, &request);
}
END_TEST

START_TEST(a_meeting_takes_a_minute_to_seven_days)
{
    int mentor, mentee = make_pair(&mentor);
    static const int32_t durations[] = { 0, -1, INT32_MIN, WEEK_MINUTES + 1, INT32_MAX };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        meeting request = meeting_at(mentee, NOON, durations[i]);
        rpc_fails(STATUS_INVALID_ARGUMENT, "duration", RPC_SCHEDULE_NEW_MEETING, &request);
    }
    meeting shortest = meeting_at(mentee, NOON - MINUTE, 1), longest = meeting_at(mentee, NOON, WEEK_MINUTES);
    ck_assert(schedule_meeting(&shortest));
    ck_assert(schedule_meeting(&longest));
}
END_TEST

START_TEST(a_meeting_starts_in_the_years_1_to_9999)
{
    int mentor, mentee = make_pair(&mentor);
    meeting request = meeting_at(mentee, NOON, 60);
    request.has_start = false;
    rpc_fails(STATUS_INVALID_ARGUMENT, "start: a timestamp is required", RPC_SCHEDULE_NEW_MEETING, &request);
    static const google_protobuf_Timestamp outside[] = {
        { YEAR_1 - 1, 0 }, { INT64_MIN, 0 }, { YEAR_9999_END + 1, 0 },
        { INT64_MAX, 0 },  { NOON, -1 },     { NOON, 1000000000 }
    };
    request.has_start = true;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        request.start = outside[i];
        rpc_fails(STATUS_INVALID_ARGUMENT, "start", RPC_SCHEDULE_NEW_MEETING, &request);
    }
    request.start = (google_protobuf_Timestamp){ YEAR_1, 0 };
    ck_assert(schedule_meeting(&request));
    request.start = (google_protobuf_Timestamp){ YEAR_9999_END, 999999999 };
    ck_assert(schedule_meeting(&request));
    ck_assert_str_eq(db_text("SELECT string_agg(start::text, ' ' ORDER BY start) FROM meeting"),
                     "0001-01-01 00:00:00 9999-12-31 23:59:59.999999");
}
END_TEST

START_TEST(a_link_has_at_most_10000_characters_and_may_be_missing)
{
    int mentor, mentee = make_pair(&mentor);
    make_skill("C");
    meeting request = meeting_at(mentee, NOON, 60);
    workshop shop = workshop_at("C", NOON, 60);
    shop.link = request.link = text_of(10001, "é");
    rpc_fails(STATUS_INVALID_ARGUMENT, "link: at most 10000", RPC_SCHEDULE_NEW_MEETING, &request);
    rpc_fails(STATUS_INVALID_ARGUMENT, "link: at most 10000", RPC_SCHEDULE_NEW_WORKSHOP, &shop);
    shop.link = request.link = text_of(10000, "é");
    ck_assert(schedule_meeting(&request));
    ck_assert(schedule_workshop(&shop));
    request = meeting_at(mentee, NOON + 60 * MINUTE, 60);
    request.link = NULL;
    ck_assert(schedule_meeting(&request));
}
END_TEST

START_TEST(an_overlap_comes_before_what_is_wrong_with_a_meeting_or_workshop)
{
    int mentor, mentee = make_pair(&mentor);
    make_skill("C");
    meeting request = meeting_at(mentee, NOON, 60);
    workshop shop = workshop_at("C", NOON, 60);
    ck_assert(schedule_meeting(&request));
    ck_assert(schedule_workshop(&shop));
    shop.link = request.link = text_of(10001, "x");
    meeting_is_refused(&request);
    workshop_is_refused(&shop);
    request = meeting_at(mentee, NOON, WEEK_MINUTES + 1);
    meeting_is_refused(&request);
    shop = workshop_at("C", NOON, INT64_MAX);
    workshop_is_refused(&shop);
    request.start.seconds += 60 * MINUTE;
    rpc_fails(STATUS_INVALID_ARGUMENT, "duration", RPC_SCHEDULE_NEW_MEETING, &request);
    shop.start.seconds += 60 * MINUTE;
    rpc_fails(STATUS_INVALID_ARGUMENT, "duration", RPC_SCHEDULE_NEW_WORKSHOP, &shop);
}
END_TEST

/* ---- ScheduleNewWorkshop ---- */

START_TEST(a_workshop_is_stored_and_everybody_with_the_skill_told_once)
{
    int area = make_area("Here"), c = make_skill("C"), go = make_skill("Go");
    const char *both = db_text("SELECT '%d, %d'", c, go), *only_go = db_text("SELECT '%d'", go);
    int mentor = make_mentor(area, both), mentee = make_mentee(area, both),
        other = make_mentor(area, only_go);
    make_mentee(area, "");
    db_run("INSERT INTO mentee (accountid) VALUES (%d); INSERT INTO menteeskill (menteeid, skillid) SELECT "
           "menteeid, %d FROM mentee "
           "WHERE accountid = %d",
           mentor, c, mentor); /* told once a profile */
    db_run("INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, %d FROM mentor WHERE accountid = %d",
           c, mentor); /* twice */
    workshop request = workshop_at("C", NOON, 90);
    ck_assert(schedule_workshop(&request));
    ck_assert_str_eq(db_text("SELECT concat_ws('|', skillid, link, start, duration) FROM workshop"),
                     db_text("SELECT '%d|http://x|2100-01-01 12:00:00|90'", c));
    ck_assert_str_eq(db_text("SELECT string_agg(accountid::text, ' ' ORDER BY accountid) FROM menteemessage "
                             "JOIN mentee USING (menteeid)"),
                     db_text("SELECT '%d %d'", mentor, mentee));
    ck_assert_str_eq(
        db_text("SELECT string_agg(accountid::text, ' ') FROM mentormessage JOIN mentor USING (mentorid)"),
        db_text("SELECT '%d'", mentor));
    (void)other;
    says(db_text("SELECT message FROM mentormessage"), " C ");
    says(db_text("SELECT message FROM mentormessage"), "2100-01-01 12:00");
    says(db_text("SELECT message FROM mentormessage"), "90");
    ck_assert_int_eq(
        db_int("SELECT count(DISTINCT message) FROM (TABLE mentormessage UNION ALL TABLE menteemessage) m"),
        1);
}
END_TEST

START_TEST(a_workshop_that_overlaps_another_on_the_skill_is_refused)
{
    make_skill("C");
    make_skill("Go");
    workshop request = workshop_at("C", NOON, 60);
    ck_assert(schedule_workshop(&request));
    workshop_is_refused(&request);
    request = workshop_at("C", NOON + 59 * MINUTE, 1);
    workshop_is_refused(&request);
    request = workshop_at("C", NOON - 10 * MINUTE, 11);
    workshop_is_refused(&request);
    request = workshop_at("C", NOON + 60 * MINUTE, 60);
    ck_assert(schedule_workshop(&request));
    request = workshop_at("C", NOON - 10 * MINUTE, 10);
    ck_assert(schedule_workshop(&request));
    request = workshop_at("Go", NOON, 60);
    ck_assert(schedule_workshop(&request));
}
END_TEST

START_TEST(a_workshop_on_an_unknown_skill_is_not_found)
{
    make_skill("C");
    char *const names[] = { "c", "C ", "", NULL, "COBOL" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        workshop request = workshop_at(names[i], NOON, 60);
        rpc_fails(STATUS_NOT_FOUND, "skill", RPC_SCHEDULE_NEW_WORKSHOP, &request);
    }
}
END_TEST

START_TEST(a_workshop_takes_a_minute_to_seven_days)
{
    make_skill("C");
    static const int64_t durations[] = { 0,        -1, INT64_MIN, WEEK_MINUTES + 1, (INT64_C(1) << 32) + 60,
                                         INT64_MAX };
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        workshop request = workshop_at("C", NOON, durations[i]);
        rpc_fails(STATUS_INVALID_ARGUMENT, "duration", RPC_SCHEDULE_NEW_WORKSHOP, &request);
    }
    workshop shortest = workshop_at("C", NOON - MINUTE, 1), longest = workshop_at("C", NOON, WEEK_MINUTES);
    ck_assert(schedule_workshop(&shortest));
    ck_assert(schedule_workshop(&longest));
}
END_TEST

START_TEST(a_workshop_needs_a_start_and_a_skill_of_at_most_10000_characters)
{
    make_skill("C");
    workshop request = workshop_at("C", NOON, 60);
    request.has_start = false;
    rpc_fails(STATUS_INVALID_ARGUMENT, "start", RPC_SCHEDULE_NEW_WORKSHOP, &request);
    request = workshop_at("C", YEAR_9999_END + 1, 60);
    rpc_fails(STATUS_INVALID_ARGUMENT, "start", RPC_SCHEDULE_NEW_WORKSHOP, &request);
    request = workshop_at(text_of(10001, "x"), NOON, 60);
    rpc_fails(STATUS_INVALID_ARGUMENT, "skill: at most 10000", RPC_SCHEDULE_NEW_WORKSHOP, &request);
    request = workshop_at(text_of(10000, "x"), NOON, 60);
    rpc_fails(STATUS_NOT_FOUND, "skill", RPC_SCHEDULE_NEW_WORKSHOP, &request);
}
END_TEST

Suite *meeting_suite(void)
{
    Suite *suite = suite_create("meeting");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, a_meeting_is_stored_and_each_side_told_once);
    tcase_add_test(tcase, a_meeting_that_overlaps_another_of_the_assignment_is_refused);
    tcase_add_test(tcase, meetings_of_other_assignments_do_not_matter);
    tcase_add_test(tcase, a_mentee_without_mentor_cannot_meet_yet);
    tcase_add_test(tcase, who_is_no_mentee_is_not_found);
    tcase_add_test(tcase, a_mentee_id_that_cannot_be_one_is_an_invalid_argument);
    tcase_add_test(tcase, a_meeting_takes_a_minute_to_seven_days);
    tcase_add_test(tcase, a_meeting_starts_in_the_years_1_to_9999);
    tcase_add_test(tcase, a_link_has_at_most_10000_characters_and_may_be_missing);
    tcase_add_test(tcase, an_overlap_comes_before_what_is_wrong_with_a_meeting_or_workshop);
    tcase_add_test(tcase, a_workshop_is_stored_and_everybody_with_the_skill_told_once);
    tcase_add_test(tcase, a_workshop_that_overlaps_another_on_the_skill_is_refused);
    tcase_add_test(tcase, a_workshop_on_an_unknown_skill_is_not_found);
    tcase_add_test(tcase, a_workshop_takes_a_minute_to_seven_days);
    tcase_add_test(tcase, a_workshop_needs_a_start_and_a_skill_of_at_most_10000_characters);
    return suite;
}
