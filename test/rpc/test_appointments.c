/* SPDX-License-Identifier: MIT
 *
 * List5AppointmentsByUserID: the meetings and workshops that are to come.
 */
#include "harness.h"

#include <string.h>

#define NOON INT64_C(4102488000) /* 2100-01-01T12:00:00Z */

/* A mentee in one area with a mentor in another; returns the mentee. */
static int make_pair(int *mentor)
{
    int mentee = make_mentee(make_area("Here"), "");
    *mentor = make_mentor(make_area("There"), "");
    make_assignment(*mentor, mentee);
    return mentee;
}

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
    ck_assert_int_eq(w->start_time.seconds, NOON + 12 * 3600);
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

Suite *appointments_suite(void)
{
    Suite *suite = suite_create("appointments");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, an_appointment_tells_all_about_a_meeting_or_workshop);
    tcase_add_test(tcase, the_five_earliest_that_have_not_ended_are_listed);
    tcase_add_test(tcase, a_mentors_appointments_are_those_with_all_its_mentees);
    tcase_add_test(tcase, whoever_lacks_the_profile_has_no_appointments);
    tcase_add_test(tcase, a_profile_type_that_is_none_is_an_invalid_argument);
    return suite;
}
