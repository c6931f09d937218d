/* SPDX-License-Identifier: MIT */
#include "unit/json_kit.h"

#include <stdio.h>
#include <time.h>

#include "edge/http/json_time.h"

START_TEST(times_are_rfc_3339_with_offsets_and_nanoseconds_and_written_in_utc)
{
    stays(ALL, "{\"aTime\":\"2026-11-26T21:40:00Z\"}");
    stays(ALL, "{\"aTime\":\"1970-01-01T00:00:00Z\"}");
    stays(ALL, "{\"aTime\":\"0001-01-01T00:00:00Z\"}");
    stays(ALL, "{\"aTime\":\"9999-12-31T23:59:59.999999999Z\"}");
    stays(ALL, "{\"aTime\":\"1969-12-31T23:59:59.500Z\"}");
    stays(ALL, "{\"aTime\":\"2024-02-29T00:00:00.000001Z\"}");
    stays(ALL, "{\"aTime\":\"2000-02-29T23:59:59.000000001Z\"}");
    becomes(ALL, "{\"aTime\":\"2026-11-26T21:40:00+01:30\"}", "{\"aTime\":\"2026-11-26T20:10:00Z\"}");
    becomes(ALL, "{\"aTime\":\"2026-12-31T23:59:59-23:59\"}", "{\"aTime\":\"2027-01-01T23:58:59Z\"}");
    becomes(ALL, "{\"aTime\":\"2026-01-01T00:00:00.5-00:00\"}", "{\"aTime\":\"2026-01-01T00:00:00.500Z\"}");
    becomes(ALL, "{\"aTime\":\"0001-01-01T01:00:00+01:00\"}", "{\"aTime\":\"0001-01-01T00:00:00Z\"}");
    becomes(ALL, "{\"aTime\":\"2026-01-01T00:00:00\\u005A\"}", "{\"aTime\":\"2026-01-01T00:00:00Z\"}");
    ck_assert_int_eq(read_json(ALL, "{\"aTime\":\"1969-12-31T23:59:59.5Z\"}"), 0);
    wire_is("\x8A\x01\x11\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x10\x80\xCA\xB5\xEE\x01", 20);
}
END_TEST

START_TEST(what_is_no_time_or_outside_the_years_1_to_9999_is_refused)
{
    static const char *const wrong[] = {
        "\"\"",
        "\"2026-11-26\"",
        "\"2026-11-26T21:40Z\"",
        "\"2026-11-26 21:40:00Z\"",
        "\"2026-11-26T21:40:00\"",
        "\"2026-11-26t21:40:00Z\"",
        "\"2026-11-26T21:40:00z\"",
        "\"2026-13-01T00:00:00Z\"",
        "\"2026-00-01T00:00:00Z\"",
        "\"2025-02-29T00:00:00Z\"",
        "\"1900-02-29T00:00:00Z\"",
        "\"2026-11-31T00:00:00Z\"",
        "\"2026-11-00T00:00:00Z\"",
        "\"2026-11-26T24:00:00Z\"",
        "\"2026-11-26T23:60:00Z\"",
        "\"2026-11-26T23:59:60Z\"",
        "\"2026-11-26T21:40:00.Z\"",
        "\"2026-11-26T21:40:00.1234567890Z\"",
        "\"2026-11-26T21:40:00+24:00\"",
        "\"2026-11-26T21:40:00+01:60\"",
        "\"2026-11-26T21:40:00+0100\"",
        "\"2026-11-26T21:40:00+01\"",
        "\"2026-11-26T21:40:00ZZ\"",
        "\"0000-12-31T23:59:59Z\"",
        "\"0001-01-01T00:00:00+00:01\"",
        "\"9999-12-31T23:59:59-00:01\"",
        "\"10000-01-01T00:00:00Z\"",
        "\"-001-01-01T00:00:00Z\"",
        "\" 2026-11-26T21:40:00Z\"",
        "1764193200",
        "{\"seconds\":1}",
        "true",
    };
    char json[100];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(json, sizeof json, "{\"aTime\":%s}", wrong[i]);
        refused(ALL, json,
                "aTime: expected a time such as \"2026-01-31T12:00:00Z\" (RFC 3339, in the years 1 to 9999), "
                "got ");
    }
}
END_TEST

START_TEST(every_day_of_the_calendar_is_printed_and_read_back)
{
    char printed[JSON_TIME_SIZE];
    int64_t back;
    int32_t nanos;
    for (int64_t seconds = INT64_C(-62135596800); seconds <= INT64_C(253402300799);
         seconds += 86400 * 13 + 3607) {
        size_t len = json_time_print(seconds, 7000, printed);
        ck_assert_uint_ne(len, 0);
        ck_assert_msg(json_time_parse(printed, len, &back, &nanos), "%s", printed);
        ck_assert_msg(back == seconds && nanos == 7000, "%s", printed);
        time_t time = (time_t)seconds;
        struct tm tm;
        char expected[64];
        gmtime_r(&time, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.000007Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        ck_assert_str_eq(printed, expected);
    }
    ck_assert_uint_eq(json_time_print(INT64_C(-62135596801), 0, printed), 0);
    ck_assert_uint_eq(json_time_print(INT64_C(253402300800), 0, printed), 0);
    ck_assert_uint_eq(json_time_print(0, -1, printed), 0);
    ck_assert_uint_eq(json_time_print(0, 1000000000, printed), 0);
}
END_TEST

Suite *json_times_suite(void)
{
    const TTest *const tests[] = {
        times_are_rfc_3339_with_offsets_and_nanoseconds_and_written_in_utc,
        what_is_no_time_or_outside_the_years_1_to_9999_is_refused,
        every_day_of_the_calendar_is_printed_and_read_back,
    };
    return json_tests("json_times", tests, sizeof tests / sizeof *tests);
}
