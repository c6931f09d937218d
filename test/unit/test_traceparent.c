/* SPDX-License-Identifier: MIT */
#include "base/traceparent.h"

#include <string.h>

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

START_TEST(a_traceparent_says_trace_parent_and_whether_it_is_sampled)
{
    static const uint8_t parent_id[] = { 0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7 };
    struct traceparent parent;
    ck_assert(traceparent_parse(&parent, "00-" TRACE "-" PARENT "-01"));
    ck_assert_str_eq(parent.trace_text, TRACE);
    ck_assert_uint_eq(parent.trace_id[0], 0x4b);
    ck_assert_uint_eq(parent.trace_id[15], 0x36);
    ck_assert_mem_eq(parent.parent_id, parent_id, sizeof parent_id);
    ck_assert(parent.is_sampled);
    ck_assert(traceparent_parse(&parent, "00-" TRACE "-" PARENT "-fe"));
    ck_assert(!parent.is_sampled);
    ck_assert(traceparent_parse(&parent, "01-" TRACE "-" PARENT "-01-and-more"));
    ck_assert(traceparent_parse(&parent, "fe-" TRACE "-" PARENT "-00"));
}
END_TEST

START_TEST(what_is_no_traceparent_is_none)
{
    static const char *const texts[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-011",
        "00-" TRACE "-" PARENT "-01-more",
        "00-" TRACE "-" PARENT "-01,00-" TRACE "-" PARENT "-01",
        "01-" TRACE "-" PARENT "-01more",
        "ff-" TRACE "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-" TRACE "-" PARENT "-0x",
        "0x-" TRACE "-" PARENT "-01",
        " 00-" TRACE "-" PARENT "-01",
        "00_" TRACE "_" PARENT "_01",
        "00-" TRACE PARENT "--01-01",
    };
    struct traceparent parent;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!traceparent_parse(&parent, texts[i]), "%s", texts[i]);
}
END_TEST

Suite *traceparent_suite(void)
{
    Suite *suite = suite_create("traceparent");
    TCase *tcase = tcase_create("traceparent");
    tcase_add_test(tcase, a_traceparent_says_trace_parent_and_whether_it_is_sampled);
    tcase_add_test(tcase, what_is_no_traceparent_is_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
