/* SPDX-License-Identifier: MIT
 *
 * Meetings, workshops and appointments, seen by their callers; plans of action are test_plan.c's.
 */
#include "harness.h"

#include <string.h>
#include <time.h>

#define MENTEE        account_package_ProfileType_MENTEE
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

/* ---- List5AppointmentsByUserID ---- */

static const meeting_package_ListAppointmentsReply *appointments(int64_t account,
                                                                 meeting_package_ProfileType profile)
{
    return rpc_ok_unchanged(
        RPC_LIST5_APPOINTMENTS_BY_USER_ID,
        &(meeting_package_ListAppointmentsRequest){ .userid = account, .profileType = profile });
}

/* Hours from now. */
static void add_meeting(int mentee, int hours, int minutes, const char *link)
{
    db_run("INSERT INTO meeting (assignmentid, link, start, duration) SELECT assignmentid, %s, now() AT TIME "
           "ZONE 'UTC' "
           "+ %d * interval '1 hour', %d FROM assignment JOIN mentee USING (menteeid) WHERE accountid = %d",
           db_quote(link), hours, minutes, mentee);
}

static void add_workshop(int skill, int hours, int minutes, const char *link)
{
    db_run("INSERT INTO workshop (skillid, link, start, duration) VALUES (%d, %s, now() AT TIME ZONE 'UTC' + "
           "%d * interval '1 hour', %d)",
           skill, db_quote(link), hours, minutes);
}

static const char *links(const meeting_package_ListAppointmentsReply *reply)
{
    char *all = text_of(100, " ");
    all[0] = '\0';
    for (size_t i = 0; i < reply->appointments_count; i++)
        strcat(strcat(all, i ? " " : ""), reply->appointments[i].link ? reply->appointments[i].link : "-");
    return all;
}

START_TEST(an_appointment_tells_all_about_a_meeting_or_workshop)
{
    int mentor, mentee = make_pair(&mentor), c = make_skill("C");
    db_run("INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, %d FROM mentee", c);
    db_run("INSERT INTO meeting (assignmentid, link, start, duration) SELECT assignmentid, 'm', '2100-01-01 "
           "12:00:00.5', 45 FROM assignment");
    db_run("INSERT INTO workshop (skillid, link, start, duration) VALUES (%d, 'w', '2100-01-02', 90)", c);
    const meeting_package_ListAppointmentsReply *reply =
        appointments(mentee, meeting_package_ProfileType_MENTEE);
    ck_assert_uint_eq(reply->appointments_count, 2);
    const meeting_package_Appointment *m = &reply->appointments[0], *w = &reply->appointments[1];
    ck_assert_int_eq(m->type, meeting_package_AppointmentType_MEETING);
    ck_assert_str_eq(m->name, db_text("SELECT name FROM account WHERE accountid = %d", mentor));
    ck_assert_int_eq(m->start_time.seconds, NOON);
    ck_assert_int_eq(m->start_time.nanos, 500000000);
    ck_assert_int_eq(m->duration_minutes, 45);
    ck_assert(!m->skill);
    ck_assert_str_eq(m->link, "m");
    ck_assert_int_eq(w->type, meeting_package_AppointmentType_WORKSHOP);
    ck_assert(!w->name);
    ck_assert_int_eq(w->start_time.seconds, NOON + 12 * 60 * MINUTE);
    ck_assert_int_eq(w->duration_minutes, 90);
    ck_assert_str_eq(w->skill, "C");
    ck_assert_str_eq(w->link, "w");
    reply = appointments(mentor, meeting_package_ProfileType_MENTOR);
    ck_assert_str_eq(links(reply), "m"); /* the mentor does not have the skill */
    ck_assert_str_eq(reply->appointments[0].name,
                     db_text("SELECT name FROM account WHERE accountid = %d", mentee));
}
END_TEST

START_TEST(the_five_earliest_that_have_not_ended_are_listed)
{
    int mentor, mentee = make_pair(&mentor), c = make_skill("C"), go = make_skill("Go"),
                other = make_skill("Other");
    db_run(
        "INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, s FROM mentee, unnest(ARRAY[%d, %d]) s",
        c, go);
    add_meeting(mentee, -3, 60, "ended");
    add_meeting(mentee, 9, 60, "seventh");
    add_meeting(mentee, -1, 90, "running");
    add_meeting(mentee, 3, 60, "third");
    add_workshop(c, -2, 120, "ends-now");
    add_workshop(c, 4, 60, "fourth");
    add_workshop(go, 2, 60, "second");
    add_workshop(go, 5, 60, "fifth");
    add_workshop(go, 6, 60, "sixth");
    add_workshop(other, 1, 60, "not-mine");
    ck_assert_str_eq(links(appointments(mentee, meeting_package_ProfileType_MENTEE)),
                     "running second third fourth fifth");
}
END_TEST

START_TEST(a_mentors_appointments_are_those_with_all_its_mentees)
{
    int mentor, mentee = make_pair(&mentor), c = make_skill("C");
    int second = make_mentee(make_area("Elsewhere"), "");
    make_assignment(mentor, second);
    db_run(
        "INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, %d FROM mentor, generate_series(1, 2)",
        c); /* twice */
    add_meeting(mentee, 3, 60, "c");
    add_meeting(second, 1, 60, "a");
    add_workshop(c, 2, 60, "b");
    ck_assert_str_eq(links(appointments(mentor, meeting_package_ProfileType_MENTOR)), "a b c");
    ck_assert_str_eq(links(appointments(mentee, meeting_package_ProfileType_MENTEE)), "c");
}
END_TEST

START_TEST(whoever_lacks_the_profile_has_no_appointments)
{
    int mentor, mentee = make_pair(&mentor);
    add_meeting(mentee, 1, 60, "m");
    static const int64_t none[] = { 999999, 0, -1, INT64_MIN, INT64_MAX };
    ck_assert_uint_eq(appointments(mentee, meeting_package_ProfileType_MENTOR)->appointments_count, 0);
    ck_assert_uint_eq(appointments(mentor, meeting_package_ProfileType_MENTEE)->appointments_count, 0);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_uint_eq(appointments(none[i], meeting_package_ProfileType_MENTEE)->appointments_count, 0);
}
END_TEST

START_TEST(a_profile_type_that_is_none_is_an_invalid_argument)
{
    rpc_fails(STATUS_INVALID_ARGUMENT, "profileType: 3", RPC_LIST5_APPOINTMENTS_BY_USER_ID,
              &(meeting_package_ListAppointmentsRequest){ .userid = 1,
                                                          .profileType = (meeting_package_ProfileType)3 });
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
    tcase_add_test(tcase, an_appointment_tells_all_about_a_meeting_or_workshop);
    tcase_add_test(tcase, the_five_earliest_that_have_not_ended_are_listed);
    tcase_add_test(tcase, a_mentors_appointments_are_those_with_all_its_mentees);
    tcase_add_test(tcase, whoever_lacks_the_profile_has_no_appointments);
    tcase_add_test(tcase, a_profile_type_that_is_none_is_an_invalid_argument);
    return suite;
}
