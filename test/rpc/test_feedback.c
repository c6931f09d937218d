/* SPDX-License-Identifier: MIT
 *
 * Feedback, seen by its callers.
 */
#include "harness.h"

#include <math.h>
#include <string.h>

typedef feedback_package_AddFeedbackRequest rating;

/* Both sides have the same rules; each test of a rating runs for both. */
#define ON_MENTOR RPC_ADD_FEEDBACK_ON_MENTOR
#define ON_MENTEE RPC_ADD_FEEDBACK_ON_MENTEE

static bool is_done(const void *reply)
{
    return ((const feedback_package_AddFeedbackReply *)reply)->status;
}

static int make_pair(int *mentor)
{
    int mentee = make_mentee(make_area("Here"), "");
    *mentor = make_mentor(make_area("There"), "");
    make_assignment(*mentor, mentee);
    return mentee;
}

static rating rate(int mentor, int mentee, float value)
{
    return (rating){ .mentorUserId = mentor, .menteeUserId = mentee, .rating = value };
}

START_TEST(each_side_of_an_assignment_is_rated_once)
{
    int mentor, mentee = make_pair(&mentor);
    rating request = rate(mentor, mentee, 4.5f);
    ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
    ck_assert_str_eq(db_text("SELECT concat_ws('|', count(*), max(rating)) FROM mentorfeedback"), "1|4.5");
    ck_assert_int_eq(db_int("SELECT count(*) FROM menteefeedback"), 0);
    ck_assert(!is_done(rpc_ok_unchanged(ON_MENTOR, &request)));
    request.rating = 2;
    ck_assert(is_done(rpc_ok(ON_MENTEE, &request)));
    ck_assert_str_eq(db_text("SELECT concat_ws('|', count(*), max(rating)) FROM menteefeedback"), "1|2");
    ck_assert(!is_done(rpc_ok_unchanged(ON_MENTEE, &request)));
}
END_TEST

START_TEST(a_second_rating_is_false_whatever_is_wrong_with_it)
{
    int mentor, mentee = make_pair(&mentor);
    rating request = rate(mentor, mentee, 4.5f);
    ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
    static const float wrong[] = { -1, 5.5f, NAN, INFINITY };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        request.rating = wrong[i];
        ck_assert(!is_done(rpc_ok_unchanged(ON_MENTOR, &request)));
        rpc_fails(STATUS_INVALID_ARGUMENT, "rating", ON_MENTEE, &request);
    }
}
END_TEST

/* Left the float as it was sent, right what printf("%.1f") makes of it; many a decimal tie is none in binary.
 */
START_TEST(a_rating_is_rounded_to_one_decimal_as_printf_rounds_the_float)
{
    static const struct {
        float sent;
        const char *stored;
    } cases[] = {
        { 0, "0" },       { 0.04f, "0" },       { 0.05f, "0.1" }, { 0.15f, "0.2" }, { 0.25f, "0.2" },
        { 0.35f, "0.3" }, { 0.75f, "0.8" },     { 1.05f, "1" },   { 2.25f, "2.2" }, { 2.675f, "2.7" },
        { 3.65f, "3.7" }, { 3.849999f, "3.8" }, { 4.45f, "4.4" }, { 4.75f, "4.8" }, { 4.949f, "4.9" },
        { 4.95f, "4.9" }, { 4.96f, "5" },       { 5, "5" },       { 4.1f, "4.1" },  { 3.3f, "3.3" },
    };
    int mentor, mentee = make_pair(&mentor);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rating request = rate(mentor, mentee, cases[i].sent);
        ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
        ck_assert(is_done(rpc_ok(ON_MENTEE, &request)));
        ck_assert_str_eq(db_text("SELECT rating FROM mentorfeedback"), cases[i].stored);
        ck_assert_str_eq(db_text("SELECT rating FROM menteefeedback"), cases[i].stored);
        ck_assert_str_eq(db_text("SELECT DISTINCT rating FROM pendingratingfeedback"), cases[i].stored);
        db_run("DELETE FROM mentorfeedback; DELETE FROM menteefeedback; DELETE FROM pendingratingfeedback");
    }
}
END_TEST

START_TEST(a_rating_lies_between_0_and_5)
{
    int mentor, mentee = make_pair(&mentor);
    static const float wrong[] = { -0.01f, -1, 5.0001f, 6, 1e30f, NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rating request = rate(mentor, mentee, wrong[i]);
        rpc_fails(STATUS_INVALID_ARGUMENT, "rating", ON_MENTOR, &request);
        rpc_fails(STATUS_INVALID_ARGUMENT, "rating", ON_MENTEE, &request);
    }
}
END_TEST

START_TEST(ratings_of_who_is_not_assigned_are_not_found)
{
    int mentor, mentee = make_pair(&mentor), area = make_area("Elsewhere");
    int stranger = make_mentor(area, ""), lonely = make_mentee(area, "");
    int pairs[][2] = { { stranger, mentee }, { mentor, lonely },    { mentee, mentor },
                       { 999999, mentee },   { mentor, INT32_MAX }, { 1, 1 } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        rating request = rate(pairs[i][0], pairs[i][1], 3);
        rpc_fails(STATUS_NOT_FOUND, "assigned", ON_MENTOR, &request);
        rpc_fails(STATUS_NOT_FOUND, "assigned", ON_MENTEE, &request);
        rpc_fails(STATUS_NOT_FOUND, "assigned", RPC_ADD_PROG_FEEDBACK,
                  &(feedback_package_AddProgFeedbackRequest){
                      .mentorUserId = pairs[i][0], .menteeUserId = pairs[i][1], .content = "x" });
    }
}
END_TEST

START_TEST(ids_that_cannot_be_one_are_an_invalid_argument)
{
    int mentor, mentee = make_pair(&mentor);
    static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_C(1) << 31, INT64_MAX };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        rating request = rate(mentor, mentee, 3);
        request.mentorUserId = ids[i];
        rpc_fails(STATUS_INVALID_ARGUMENT, "mentorUserId", ON_MENTOR, &request);
        rpc_fails(STATUS_INVALID_ARGUMENT, "mentorUserId", ON_MENTEE, &request);
        rpc_fails(STATUS_INVALID_ARGUMENT, "mentorUserId", RPC_ADD_PROG_FEEDBACK,
                  &(feedback_package_AddProgFeedbackRequest){
                      .mentorUserId = ids[i], .menteeUserId = mentee, .content = "x" });
        request = rate(mentor, mentee, 3);
        request.menteeUserId = ids[i];
        rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", ON_MENTOR, &request);
        rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", ON_MENTEE, &request);
        rpc_fails(STATUS_INVALID_ARGUMENT, "menteeUserId", RPC_ADD_PROG_FEEDBACK,
                  &(feedback_package_AddProgFeedbackRequest){
                      .mentorUserId = mentor, .menteeUserId = ids[i], .content = "x" });
    }
}
END_TEST

/* ---- samples ---- */

static const char *samples(void)
{
    return db_text("SELECT coalesce(string_agg(concat_ws('|', businessarea1id, businessarea2id, "
                   "skilloverlap, agedifference, rating), ' ' "
                   "ORDER BY rating), '') FROM pendingratingfeedback");
}

START_TEST(a_rating_is_queued_as_a_sample_of_the_pair)
{
    int low = make_area("Low"), high = make_area("High");
    make_skill("A"), make_skill("B"), make_skill("C");
    int mentee = make_mentee(high, "1001, 1002"), mentor = make_mentor(low, "1002, 1003, 1001");
    make_assignment(mentor, mentee);
    db_run("UPDATE account SET dob = '1970-01-01' WHERE accountid = %d",
           mentor); /* 7305 days: 20.01 years of 365 */
    rating request = rate(mentor, mentee, 4.5f);
    ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
    ck_assert_str_eq(samples(), db_text("SELECT '%d|%d|2|20|4.5'", low, high));
    request.rating = 1;
    ck_assert(is_done(rpc_ok(ON_MENTEE, &request)));
    ck_assert_str_eq(samples(), db_text("SELECT '%d|%d|2|20|1 %d|%d|2|20|4.5'", low, high, low, high));
    ck_assert(!is_done(rpc_ok_unchanged(ON_MENTEE, &request)));
}
END_TEST

START_TEST(the_age_difference_of_a_sample_is_in_rounded_years_of_365_days)
{
    int mentor, mentee = make_pair(&mentor);
    static const struct {
        int days; /* by which the mentor is older */
        const char *years;
    } cases[] = { { 0, "0" },    { 182, "0" },   { 183, "1" },   { 547, "1" },    { 548, "2" },
                  { -182, "0" }, { -183, "-1" }, { -548, "-2" }, { 21900, "60" }, { -21900, "-60" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        db_run("DELETE FROM mentorfeedback; DELETE FROM pendingratingfeedback; "
               "UPDATE account SET dob = date '1990-01-01' - %d WHERE accountid = %d",
               cases[i].days, mentor);
        rating request = rate(mentor, mentee, 3);
        ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
        ck_assert_str_eq(db_text("SELECT agedifference FROM pendingratingfeedback"), cases[i].years);
    }
}
END_TEST

START_TEST(of_a_pair_that_is_in_one_area_by_now_the_rating_is_kept_and_no_sample_queued)
{
    int mentor, mentee = make_pair(&mentor);
    db_run("UPDATE account SET businesssectorid = 1001"); /* as the Python backend does it: the assignment
                                                             stays */
    rating request = rate(mentor, mentee, 3);
    ck_assert(is_done(rpc_ok(ON_MENTOR, &request)));
    ck_assert(is_done(rpc_ok(ON_MENTEE, &request)));
    ck_assert_int_eq(
        db_int("SELECT (SELECT count(*) FROM mentorfeedback) + (SELECT count(*) FROM menteefeedback)"), 2);
    ck_assert_str_eq(samples(), "");
}
END_TEST

/* ---- texts ---- */

START_TEST(developer_feedback_is_stored_as_sent)
{
    ck_assert(is_done(rpc_ok(RPC_ADD_DEV_FEEDBACK, &(feedback_package_AddDevFeedbackRequest){
                                                       .content = "Söme 'text' \\ \n end" })));
    ck_assert(
        is_done(rpc_ok(RPC_ADD_DEV_FEEDBACK, &(feedback_package_AddDevFeedbackRequest){ .content = NULL })));
    ck_assert_str_eq(
        db_text("SELECT string_agg(message, '|' ORDER BY websitefeedbackid) FROM websitefeedback"),
        "Söme 'text' \\ \n end|");
}
END_TEST

START_TEST(progress_feedback_is_stored_with_its_assignment_any_number_of_times)
{
    int mentor, mentee = make_pair(&mentor);
    feedback_package_AddProgFeedbackRequest request = { .mentorUserId = mentor,
                                                        .menteeUserId = mentee,
                                                        .content = "good" };
    ck_assert(is_done(rpc_ok(RPC_ADD_PROG_FEEDBACK, &request)));
    request.content = "better";
    ck_assert(is_done(rpc_ok(RPC_ADD_PROG_FEEDBACK, &request)));
    ck_assert_str_eq(db_text("SELECT string_agg(content, '|' ORDER BY developmentfeedbackid) FROM "
                             "developmentfeedback NATURAL JOIN assignment"),
                     "good|better");
}
END_TEST

START_TEST(a_text_has_at_most_10000_characters)
{
    int mentor, mentee = make_pair(&mentor);
    feedback_package_AddDevFeedbackRequest dev = { .content = text_of(10001, "é") };
    feedback_package_AddProgFeedbackRequest prog = { .mentorUserId = mentor,
                                                     .menteeUserId = mentee,
                                                     .content = dev.content };
    rpc_fails(STATUS_INVALID_ARGUMENT, "content: at most 10000", RPC_ADD_DEV_FEEDBACK, &dev);
    rpc_fails(STATUS_INVALID_ARGUMENT, "content: at most 10000", RPC_ADD_PROG_FEEDBACK, &prog);
    prog.content = dev.content = text_of(10000, "é");
    ck_assert(is_done(rpc_ok(RPC_ADD_DEV_FEEDBACK, &dev)));
    ck_assert(is_done(rpc_ok(RPC_ADD_PROG_FEEDBACK, &prog)));
    ck_assert_str_eq(db_text("SELECT message FROM websitefeedback"), dev.content);
}
END_TEST

Suite *feedback_suite(void)
{
    Suite *suite = suite_create("feedback");
    TCase *tcase = harness_case(suite, "rules");
    tcase_add_test(tcase, each_side_of_an_assignment_is_rated_once);
    tcase_add_test(tcase, a_second_rating_is_false_whatever_is_wrong_with_it);
    tcase_add_test(tcase, a_rating_is_rounded_to_one_decimal_as_printf_rounds_the_float);
    tcase_add_test(tcase, a_rating_lies_between_0_and_5);
    tcase_add_test(tcase, ratings_of_who_is_not_assigned_are_not_found);
    tcase_add_test(tcase, ids_that_cannot_be_one_are_an_invalid_argument);
    tcase_add_test(tcase, a_rating_is_queued_as_a_sample_of_the_pair);
    tcase_add_test(tcase, the_age_difference_of_a_sample_is_in_rounded_years_of_365_days);
    tcase_add_test(tcase, of_a_pair_that_is_in_one_area_by_now_the_rating_is_kept_and_no_sample_queued);
    tcase_add_test(tcase, developer_feedback_is_stored_as_sent);
    tcase_add_test(tcase, progress_feedback_is_stored_with_its_assignment_any_number_of_times);
    tcase_add_test(tcase, a_text_has_at_most_10000_characters);
    return suite;
}
