/* SPDX-License-Identifier: MIT
 *
 * update-models: queued ratings become models, each counted once.
 */
#include <time.h>

#include "jobs_kit.h"

static void queue_rating(int area1, int area2, int overlap, int age, double rating)
{
    db_run("INSERT INTO pendingratingfeedback VALUES (%d, %d, %d, %d, %.17g)", area1, area2, overlap, age,
           rating);
}

static void model_is(int area1, int area2, double by_skill, double by_age, double base)
{
    ck_assert_msg(
        db_int("SELECT count(*) FROM ratingmodel WHERE businessarea1id = %d AND businessarea2id = %d "
               "AND abs(skilloverlapcoefficient - %.17g) < 1e-9 AND abs(agedifferencecoefficient - %.17g) < "
               "1e-9 "
               "AND abs(modeloffset - %.17g) < 1e-9",
               area1, area2, by_skill, by_age, base) == 1,
        "the models are %s", db_text("SELECT string_agg(m::text, ' ') FROM ratingmodel m"));
}

START_TEST(queued_ratings_become_a_model_for_each_pair_of_areas)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 0, 0, 1);
    queue_rating(1, 2, 1, 0, 2);
    queue_rating(1, 2, 0, 10, 3);
    queue_rating(2, 7, 4, -60, 4.5);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 2);
    model_is(1, 2, 1, 0.2, 1);
    model_is(2, 7, 0, 0, 4.5);
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 0);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run"), 2);
}
END_TEST

START_TEST(a_model_is_fitted_to_the_whole_history)
{
    jobs_configure(NULL, NULL);
    for (int i = 0; i < 5; i++) {
        queue_rating(1, 2, 2, 10, 4);
        ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    }
    model_is(1, 2, 0, 0, 4);
    queue_rating(1, 2, 2, 10, 1);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 3.5);
    ck_assert_int_eq(db_int("SELECT n FROM rating_history"), 6);
    ck_assert_int_eq(db_int("SELECT sum(n) FROM rating_sample"), 6);
    ck_assert_int_eq(db_int("SELECT count(*) FROM rating_sample"), 2);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 1);
}
END_TEST

START_TEST(nothing_new_leaves_models_alone)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    const char *before = db_text("SELECT xmin FROM ratingmodel");
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    ck_assert_str_eq(db_text("SELECT xmin FROM ratingmodel"), before);
    ck_assert_int_eq(db_int("SELECT rows FROM svcd.job_run ORDER BY run_id DESC LIMIT 1"), 0);
}
END_TEST

START_TEST(a_model_of_the_python_backend_that_is_not_a_number_is_replaced)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    db_run("UPDATE ratingmodel SET modeloffset = 'NaN'");
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
    db_run("DELETE FROM ratingmodel");
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(what_cannot_be_computed_with_stays_in_the_queue_and_spoils_nothing)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("INSERT INTO pendingratingfeedback VALUES (1, 2, 2, 10, 'NaN'), (1, 2, 2, 10, 'Infinity'), (1, 2, "
           "2, 10, NULL),"
           "(1, 2, NULL, 10, 3), (1, 2, 2, 2000000000, 3), (NULL, 2, 2, 10, 3)");
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 6);
}
END_TEST

START_TEST(ages_of_60_years_either_way_give_finite_models)
{
    jobs_configure(NULL, NULL);
    for (int i = 0; i < 40; i++)
        queue_rating(1 + i % 4, 6, i % 3, i % 2 ? 60 : -60, i % 6);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    ck_assert_int_eq(db_int("SELECT count(*) FROM model"), 4);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 4);
}
END_TEST

START_TEST(a_crash_between_collecting_and_storing_loses_nothing)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("SELECT ratings_to_fit(NULL)");
    ck_assert_int_eq(db_int("SELECT count(*) FROM pendingratingfeedback"), 0);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 0);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(a_model_of_fewer_ratings_than_there_are_by_now_is_not_stored)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    queue_rating(1, 2, 2, 10, 3);
    db_run("SELECT ratings_to_fit(NULL)");
    db_run("SELECT run_job('update-models', NULL, '0 s', "
           "'[{\"area1_id\":1,\"area2_id\":2,\"n\":1,\"by_skill\":9,\"by_age\":9,"
           "\"base\":9}]', 'job_update_models(json)')");
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 0);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(1, 2, 0, 0, 3.5);
}
END_TEST

START_TEST(a_run_between_the_halves_of_another_is_not_done_without_its_models)
{
    jobs_configure(NULL, NULL);
    queue_rating(1, 2, 2, 10, 4);
    db_run("SELECT ratings_to_fit('%s')", jobs_time("0"));
    ck_assert_str_eq(
        db_text("SELECT outcome FROM run_job('update-models', '%s', '0 s', '[]', 'job_update_models(json)')",
                jobs_time("0")),
        "busy");
    ck_assert_int_eq(jobs_runs("done"), 0);
    ck_assert_str_eq(db_text("SELECT outcome FROM run_job('update-models', '%s', '0 s', "
                             "'[{\"area1_id\":1,\"area2_id\":2,\"n\":1,\"by_skill\":0,\"by_age\":0,\"base\":"
                             "4}]', 'job_update_models(json)')",
                             jobs_time("0")),
                     "done");
    model_is(1, 2, 0, 0, 4);
}
END_TEST

START_TEST(a_rating_given_by_rpc_becomes_part_of_the_model)
{
    jobs_configure(NULL, NULL);
    int here = make_area("Here"), there = make_area("There");
    int mentor = make_mentor(here, ""), mentee = make_mentee(there, "");
    make_assignment(mentor, mentee);
    const feedback_package_AddFeedbackReply *reply = rpc_ok(
        RPC_ADD_FEEDBACK_ON_MENTOR, &(feedback_package_AddFeedbackRequest){
                                        .mentorUserId = mentor, .menteeUserId = mentee, .rating = 3.5F });
    ck_assert(reply->status);
    ck_assert_int_eq(jobs_run_by_hand("update-models"), JOB_DONE);
    model_is(here, there, 0, 0, 3.5);
}
END_TEST

START_TEST(several_schedulers_count_each_rating_once)
{
    jobs_configure("jobs.update_models_enabled=yes", "jobs.update_models=* * * * *");
    for (int i = 0; i < 5; i++)
        jobs_start_scheduler();
    for (int period = 1; period <= 10; period++) {
        for (int i = 0; i < 20; i++)
            queue_rating(1, 2, i % 3, i - 10, i % 6);
        kit.now_s += MINUTE;
        jobs_wake_all();
        harness_run_ms(10);
    }
    ck_assert_int_eq(jobs_run_by_hand("update-models") == JOB_FAILED, 0);
    for (time_t begun = time(NULL); db_int("SELECT coalesce(sum(fitted_n), 0) FROM rating_history") < 200;) {
        ck_assert_int_lt(time(NULL) - begun, PATIENCE);
        kit.now_s += MINUTE;
        jobs_wake_all();
        harness_run_ms(20);
    }
    ck_assert_int_eq(db_int("SELECT n FROM rating_history"), 200);
    ck_assert_int_eq(db_int("SELECT sum(n) FROM rating_sample"), 200);
    ck_assert_int_eq(jobs_runs("failed"), 0);
}
END_TEST

START_TEST(models_are_stored_while_mentees_are_matched)
{
    jobs_configure("jobs.update_models_enabled=yes", "jobs.update_models=* * * * *");
    int here = make_area("Here"), there = make_area("There"), mentees[100];
    for (int i = 0; i < 20; i++)
        make_mentor(here, "");
    for (int i = 0; i < 100; i++)
        mentees[i] = make_mentee(there, "");
    make_model(here, there, 1, 1, 1);
    jobs_start_scheduler();
    jobs_wait_for_runs("done", 1);
    struct sent *sent[100];
    for (int i = 0; i < 100; i++) {
        sent[i] = rpc_send(RPC_TRY_MATCH,
                           &(matching_package_MenteeToMentorMatchingRequest){ .menteeUserId = mentees[i] });
        if (i % 5 < 4)
            continue;
        queue_rating(here, there, i % 3, i - 50, i % 6);
        kit.now_s += MINUTE;
        jobs_wake_all();
        jobs_wait_for_runs("done", 2 + i / 5);
    }
    rpc_wait_all();
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sent[i]->status, STATUS_OK);
        ck_assert(((const matching_package_MenteeToMentorMatchingReply *)sent[i]->reply)->status);
    }
    ck_assert_int_eq(jobs_runs("failed"), 0);
    ck_assert_int_eq(db_int("SELECT fitted_n FROM rating_history"), 20);
    ck_assert_int_eq(db_int("SELECT count(*) FROM ratingmodel"), 1);
    ck_assert_int_eq(db_int("SELECT max(n) FROM (SELECT count(*) AS n FROM assignment GROUP BY mentorid) a"),
                     5);
}
END_TEST

Suite *models_suite(void)
{
    Suite *suite = suite_create("models");
    TCase *tcase = jobs_case(suite, "models");
    tcase_add_test(tcase, queued_ratings_become_a_model_for_each_pair_of_areas);
    tcase_add_test(tcase, a_model_is_fitted_to_the_whole_history);
    tcase_add_test(tcase, nothing_new_leaves_models_alone);
    tcase_add_test(tcase, a_model_of_the_python_backend_that_is_not_a_number_is_replaced);
    tcase_add_test(tcase, what_cannot_be_computed_with_stays_in_the_queue_and_spoils_nothing);
    tcase_add_test(tcase, ages_of_60_years_either_way_give_finite_models);
    tcase_add_test(tcase, a_crash_between_collecting_and_storing_loses_nothing);
    tcase_add_test(tcase, a_model_of_fewer_ratings_than_there_are_by_now_is_not_stored);
    tcase_add_test(tcase, a_run_between_the_halves_of_another_is_not_done_without_its_models);
    tcase_add_test(tcase, a_rating_given_by_rpc_becomes_part_of_the_model);
    tcase_add_test(tcase, several_schedulers_count_each_rating_once);
    tcase_add_test(tcase, models_are_stored_while_mentees_are_matched);
    return suite;
}
