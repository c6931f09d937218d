/* SPDX-License-Identifier: MIT
 *
 * suggest-workshops: which mentors hear of which skill.
 */
#include <stdio.h>
#include <string.h>

#include "jobs_kit.h"

START_TEST(nine_unmatched_mentees_are_not_enough_and_ten_are)
{
    jobs_configure(NULL, NULL);
    int area = make_area("Here"), few = make_skill("Knots"), enough = make_skill("Sails");
    char both[32];
    snprintf(both, sizeof both, "%d, %d", few, enough);
    int first = make_mentor(area, both);
    make_mentor(area, db_text("SELECT '%d'", enough));
    make_mentor(area, "");
    make_mentees_who_want(area, few, 9);
    make_mentees_who_want(area, enough, 10);
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), 2);
    ck_assert_int_eq(db_int("SELECT count(DISTINCT mentorid) FROM mentormessage"), 2);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run"), 2);
    const char *text =
        db_text("SELECT message FROM mentormessage JOIN mentor USING (mentorid) WHERE accountid = %d", first);
    ck_assert_msg(strstr(text, "Sails") && strstr(text, "10"), "%s", text);
}
END_TEST

START_TEST(matched_mentees_and_doubled_skills_do_not_count)
{
    jobs_configure(NULL, NULL);
    int here = make_area("Here"), there = make_area("There"), skill = make_skill("Knots");
    const char *skills = db_text("SELECT '%d'", skill);
    int mentor = make_mentor(here, skills);
    make_assignment(mentor, make_mentee(there, skills));
    make_mentees_who_want(there, skill, 9);
    db_run("INSERT INTO menteeskill (menteeid, skillid) SELECT menteeid, skillid FROM menteeskill");
    db_run("INSERT INTO mentorskill (mentorid, skillid) SELECT mentorid, skillid FROM mentorskill");
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), 0);
    db_run("DELETE FROM assignment");
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), 1);
}
END_TEST

START_TEST(a_mentor_hears_of_each_skill_that_is_wanted)
{
    jobs_configure(NULL, NULL);
    int area = make_area("Here"), knots = make_skill("Knots"), sails = make_skill("Sails");
    make_mentor(area, db_text("SELECT '%d, %d'", knots, sails));
    for (int i = 0; i < 10; i++)
        make_mentee(area, db_text("SELECT '%d, %d'", knots, sails));
    ck_assert_int_eq(jobs_run_by_hand("suggest-workshops"), JOB_DONE);
    ck_assert_int_eq(jobs_messages(), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage WHERE message LIKE '%%Knots%%'"), 1);
    ck_assert_int_eq(db_int("SELECT count(*) FROM mentormessage WHERE message LIKE '%%Sails%%'"), 1);
}
END_TEST

Suite *workshops_suite(void)
{
    Suite *suite = suite_create("workshops");
    TCase *tcase = jobs_case(suite, "workshops");
    tcase_add_test(tcase, nine_unmatched_mentees_are_not_enough_and_ten_are);
    tcase_add_test(tcase, matched_mentees_and_doubled_skills_do_not_count);
    tcase_add_test(tcase, a_mentor_hears_of_each_skill_that_is_wanted);
    return suite;
}
