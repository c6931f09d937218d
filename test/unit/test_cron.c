/* SPDX-License-Identifier: MIT
 *
 * Schedules: what is read, what is refused, and when the next and the last time are.
 */
#include <check.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/cron.h"

static int64_t at(const char *text)
{
    struct tm tm = { 0 };
    ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm);
}

static const char *shown(int64_t seconds)
{
    static char text[2][32];
    static int turn;
    time_t time = (time_t)seconds;
    struct tm tm;
    turn = !turn;
    strftime(text[turn], sizeof text[turn], "%Y-%m-%d %H:%M:%S", gmtime_r(&time, &tm));
    return text[turn];
}

static struct cron parsed(const char *text)
{
    struct cron cron;
    ck_assert_msg(cron_parse(&cron, text) == 0, "%s", text);
    return cron;
}

static void next_is(const char *schedule, const char *after, const char *expected)
{
    struct cron cron = parsed(schedule);
    ck_assert_str_eq(shown(cron_next(&cron, at(after))), expected);
}

static void previous_is(const char *schedule, const char *until, const char *expected)
{
    struct cron cron = parsed(schedule);
    ck_assert_str_eq(shown(cron_previous(&cron, at(until))), expected);
}

START_TEST(every_half_hour)
{
    next_is("*/30 * * * *", "2024-05-01 10:00:00", "2024-05-01 10:30:00");
    next_is("*/30 * * * *", "2024-05-01 10:29:59", "2024-05-01 10:30:00");
    next_is("*/30 * * * *", "2024-12-31 23:30:00", "2025-01-01 00:00:00");
    previous_is("*/30 * * * *", "2024-05-01 10:30:00", "2024-05-01 10:30:00");
    previous_is("*/30 * * * *", "2024-05-01 10:29:59", "2024-05-01 10:00:00");
    previous_is("*/30 * * * *", "2025-01-01 00:00:00", "2025-01-01 00:00:00");
}
END_TEST

START_TEST(sunday_is_0_and_7)
{
    struct cron zero = parsed("0 0 * * 0"), seven = parsed("0 0 * * 7");
    ck_assert_int_eq(zero.weekdays, 1);
    ck_assert_int_eq(seven.weekdays, 1);
    ck_assert_int_eq(parsed("0 0 * * 5-7").weekdays, 1 << 5 | 1 << 6 | 1);
    next_is("0 0 * * 7", "2024-05-01 10:00:00", "2024-05-05 00:00:00");
    next_is("0 0 * * 0", "2024-05-05 00:00:00", "2024-05-12 00:00:00");
    previous_is("0 0 * * 0", "2024-05-04 23:59:59", "2024-04-28 00:00:00");
}
END_TEST

START_TEST(months_end_where_they_end)
{
    next_is("0 12 31 * *", "2024-04-01 00:00:00", "2024-05-31 12:00:00");
    next_is("59 23 30 * *", "2023-01-30 23:59:00", "2023-03-30 23:59:00");
    next_is("0 0 1 * *", "2024-01-31 00:00:00", "2024-02-01 00:00:00");
    previous_is("0 0 31 * *", "2024-03-30 00:00:00", "2024-01-31 00:00:00");
    previous_is("59 23 * * *", "2024-03-01 00:00:00", "2024-02-29 23:59:00");
    previous_is("59 23 * * *", "2023-03-01 00:00:00", "2023-02-28 23:59:00");
}
END_TEST

START_TEST(leap_days_come_every_four_years_but_not_in_2100)
{
    next_is("0 0 29 2 *", "2023-01-01 00:00:00", "2024-02-29 00:00:00");
    next_is("0 0 29 2 *", "2024-02-29 00:00:00", "2028-02-29 00:00:00");
    next_is("0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00");
    previous_is("0 0 29 2 *", "2104-02-28 23:59:59", "2096-02-29 00:00:00");
    previous_is("0 0 29 2 *", "2023-06-01 00:00:00", "2020-02-29 00:00:00");
    next_is("0 0 29 2 */2", "2033-01-01 00:00:00", "2048-02-29 00:00:00"); /* on a day of the week as well */
    previous_is("0 0 29 2 */2", "2048-02-28 00:00:00", "2032-02-29 00:00:00");
}
END_TEST

START_TEST(lists_ranges_and_steps_combine)
{
    next_is("5,10-12,50-58/4 8-18/5 * * *", "2024-05-01 08:05:00", "2024-05-01 08:10:00");
    next_is("5,10-12,50-58/4 8-18/5 * * *", "2024-05-01 08:12:00", "2024-05-01 08:50:00");
    next_is("5,10-12,50-58/4 8-18/5 * * *", "2024-05-01 08:58:00", "2024-05-01 13:05:00");
    next_is("5,10-12,50-58/4 8-18/5 * * *", "2024-05-01 18:58:00", "2024-05-02 08:05:00");
    next_is("15/20 * * * *", "2024-05-01 08:15:00", "2024-05-01 08:35:00");
    next_is("0 0 1 1/6 *", "2024-02-01 00:00:00", "2024-07-01 00:00:00");
    next_is("0 9 * * 1-5", "2024-05-03 09:00:00", "2024-05-06 09:00:00");
}
END_TEST

START_TEST(of_day_and_weekday_either_suffices_when_both_are_given)
{
    next_is("0 0 13 * 5", "2024-05-01 00:00:00", "2024-05-03 00:00:00");
    next_is("0 0 13 * 5", "2024-05-10 00:00:00", "2024-05-13 00:00:00");
    next_is("0 0 */2 * 5", "2024-05-01 00:00:00", "2024-05-03 00:00:00");
    next_is("0 0 */2 * 5", "2024-05-03 00:00:00", "2024-05-17 00:00:00");
}
END_TEST

START_TEST(times_before_1970_are_times_too)
{
    previous_is("30 5 * * *", "1969-12-31 23:59:59", "1969-12-31 05:30:00");
    next_is("30 5 * * *", "1969-12-31 05:30:00", "1970-01-01 05:30:00");
}
END_TEST

START_TEST(next_and_previous_agree_over_years)
{
    static const char *const schedules[] = { "*/30 * * * *", "0 0 * * 0", "7 3 31 * *", "0 0 29 2 *",
                                             "1 1 1 1 1" };
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        struct cron cron = parsed(schedules[i]);
        int64_t time = at("2023-01-01 00:00:01");
        for (int n = 0; n < 200; n++) {
            int64_t next = cron_next(&cron, time);
            ck_assert_int_gt(next, time);
            ck_assert_int_eq(cron_previous(&cron, next), next);
            ck_assert_int_eq(cron_next(&cron, next - 1), next);
            if (n > 0)
                ck_assert_int_eq(cron_previous(&cron, next - 1), time);
            time = next;
        }
    }
}
END_TEST

START_TEST(what_is_no_schedule_is_refused_and_changes_nothing)
{
    static const char *const wrong[] = {
        "",
        "*",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "1, * * * *",
        "a * * * *",
        "* * * * sun",
        "@daily",
        "1.5 * * * *",
        "*/ * * * *",
        "0 0 31 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 30 2 *",
        "99999999999999999999 * * * *",
        "* * * * *x",
        "**** *",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct cron cron = parsed("1 2 3 4 *"), before = cron;
        ck_assert_msg(cron_parse(&cron, wrong[i]) == UV_EINVAL, "accepted: %s", wrong[i]);
        ck_assert_mem_eq(&cron, &before, sizeof cron);
    }
}
END_TEST

START_TEST(blanks_may_be_several)
{
    struct cron cron = parsed("  0\t 0  * *  0 ");
    ck_assert_int_eq(cron_next(&cron, at("2024-05-01 10:00:00")), at("2024-05-05 00:00:00"));
}
END_TEST

Suite *cron_suite(void)
{
    Suite *suite = suite_create("cron");
    TCase *tcase = tcase_create("cron");
    tcase_add_test(tcase, every_half_hour);
    tcase_add_test(tcase, sunday_is_0_and_7);
    tcase_add_test(tcase, months_end_where_they_end);
    tcase_add_test(tcase, leap_days_come_every_four_years_but_not_in_2100);
    tcase_add_test(tcase, lists_ranges_and_steps_combine);
    tcase_add_test(tcase, of_day_and_weekday_either_suffices_when_both_are_given);
    tcase_add_test(tcase, times_before_1970_are_times_too);
    tcase_add_test(tcase, next_and_previous_agree_over_years);
    tcase_add_test(tcase, what_is_no_schedule_is_refused_and_changes_nothing);
    tcase_add_test(tcase, blanks_may_be_several);
    suite_add_tcase(suite, tcase);
    return suite;
}
