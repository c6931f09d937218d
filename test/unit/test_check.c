/* SPDX-License-Identifier: MIT */
#include "call/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_1        INT64_C(-62135596800)
#define YEAR_9999_END INT64_C(253402300799)

static struct call call;

static void set_up(void)
{
    memset(&call, 0, sizeof call);
}

static void tear_down(void)
{
    call_finish(&call);
}

/* The message names the field first, then what would be right. */
static void wrong(const char *message, const char *field, const char *right)
{
    ck_assert_msg(message != NULL, "%s passed", field);
    ck_assert_msg(strncmp(message, field, strlen(field)) == 0 && message[strlen(field)] == ':',
                  "\"%s\" does not begin with %s", message, field);
    ck_assert_msg(strstr(message, right) != NULL, "\"%s\" does not tell \"%s\"", message, right);
}

START_TEST(an_id_is_1_to_2147483647)
{
    static const int64_t wrong_ids[] = { 0, -1, INT64_MIN, INT64_C(2147483648), INT64_MAX };
    ck_assert_ptr_null(check_id(&call, "id", 1));
    ck_assert_ptr_null(check_id(&call, "id", INT32_MAX));
    for (size_t i = 0; i < sizeof wrong_ids / sizeof *wrong_ids; i++)
        wrong(check_id(&call, "id", wrong_ids[i]), "id", "1 to 2147483647");
}
END_TEST

START_TEST(text_is_measured_in_characters)
{
    ck_assert_ptr_null(check_text(&call, "name", NULL, 0));
    ck_assert_ptr_null(check_text(&call, "name", "", 0));
    ck_assert_ptr_null(check_text(&call, "name", "äöü", 3));
    wrong(check_text(&call, "name", "äöü!", 3), "name", "at most 3 characters, got 4");
}
END_TEST

START_TEST(a_time_is_there_and_in_the_years_1_to_9999)
{
    static const google_protobuf_Timestamp right[] = {
        { 0, 0 }, { YEAR_1, 0 }, { YEAR_9999_END, 999999999 }, { -1, 999999999 }
    };
    static const google_protobuf_Timestamp outside[] = {
        { YEAR_1 - 1, 999999999 }, { YEAR_9999_END + 1, 0 }, { INT64_MIN, 0 }, { INT64_MAX, 0 }, { 0, -1 },
        { 0, 1000000000 },         { 0, INT32_MIN }
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        ck_assert_ptr_null(check_time(&call, "start", true, &right[i]));
        wrong(check_time(&call, "start", false, &right[i]), "start", "required");
    }
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        wrong(check_time(&call, "start", true, &outside[i]), "start", "years 1 to 9999");
}
END_TEST

START_TEST(a_duration_is_a_minute_to_seven_days)
{
    static const int64_t outside[] = { 0, -1, INT64_MIN, 10081, INT64_MAX };
    ck_assert_ptr_null(check_duration(&call, "duration", 1));
    ck_assert_ptr_null(check_duration(&call, "duration", 10080));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        wrong(check_duration(&call, "duration", outside[i]), "duration", "1 to 10080 minutes");
}
END_TEST

START_TEST(a_rating_is_0_to_5)
{
    static const float right[] = { 0, -0.0f, 5, 2.5f, 1e-30f },
                       outside[] = { -1e-30f, 5.000001f, -1, INFINITY, -INFINITY, NAN };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        ck_assert_ptr_null(check_rating(&call, "rating", right[i]));
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        wrong(check_rating(&call, "rating", outside[i]), "rating", "0 to 5");
}
END_TEST

START_TEST(times_travel_to_the_database_and_back_to_the_microsecond)
{
    static const struct {
        google_protobuf_Timestamp sent, back;
    } cases[] = {
        { { 0, 0 }, { 0, 0 } },           { { 1, 1999 }, { 1, 1000 } }, /* nanoseconds are cut */
        { { -1, 0 }, { -1, 0 } },         { { -1, 999999999 }, { -1, 999999000 } },
        { { YEAR_1, 0 }, { YEAR_1, 0 } }, { { YEAR_9999_END, 999999999 }, { YEAR_9999_END, 999999000 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        google_protobuf_Timestamp back = time_from_sql(time_to_sql(&cases[i].sent));
        ck_assert_int_eq(back.seconds, cases[i].back.seconds);
        ck_assert_int_eq(back.nanos, cases[i].back.nanos);
    }
    google_protobuf_Timestamp end =
        time_from_sql((struct sql_time){ .us = INT64_MIN }); /* -infinity: no wrap-around */
    ck_assert_int_lt(end.seconds, YEAR_1);
    ck_assert(end.nanos >= 0 && end.nanos < 1000000000);
}
END_TEST

START_TEST(the_day_of_a_time_is_the_utc_day_on_either_side_of_1970)
{
    static const struct {
        int64_t seconds;
        int32_t days;
    } cases[] = { { 0, 0 },
                  { 86399, 0 },
                  { 86400, 1 },
                  { -1, -1 },
                  { -86400, -1 },
                  { -86401, -2 },
                  { YEAR_1, -719162 },
                  { YEAR_9999_END, 2932896 },
                  { INT64_MAX, INT32_MAX },
                  { INT64_MIN, INT32_MIN } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(time_to_day(&(google_protobuf_Timestamp){ .seconds = cases[i].seconds }).days,
                         cases[i].days);
}
END_TEST

Suite *check_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("bounds");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, an_id_is_1_to_2147483647);
    tcase_add_test(tcase, text_is_measured_in_characters);
    tcase_add_test(tcase, a_time_is_there_and_in_the_years_1_to_9999);
    tcase_add_test(tcase, a_duration_is_a_minute_to_seven_days);
    tcase_add_test(tcase, a_rating_is_0_to_5);
    tcase_add_test(tcase, times_travel_to_the_database_and_back_to_the_microsecond);
    tcase_add_test(tcase, the_day_of_a_time_is_the_utc_day_on_either_side_of_1970);
    return suite;
}
