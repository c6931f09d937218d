/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

static bool is_utf8(const char *text)
{
    return text_is_utf8((const uint8_t *)text, strlen(text));
}

START_TEST(well_formed_sequences_of_every_length_pass_to_both_ends_of_their_ranges)
{
    static const char *const texts[] = {
        "",
        "a",
        "\x7F",
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xEC\xBF\xBF",
        "\xED\x80\x80",
        "\xED\x9F\xBF", /* U+D7FF */
        "\xEE\x80\x80",
        /* U+E000 */ "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF1\x80\x80\x80",
        "\xF3\xBF\xBF\xBF",
        "\xF4\x8F\xBF\xBF",
        /* U+10FFFF */ "grüße, 世界 \xF0\x9F\x98\x80",
        "\xEF\xBB\xBF"
        "a byte order mark",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(is_utf8(texts[i]), "text %zu", i);
}
END_TEST

START_TEST(what_the_standards_table_does_not_have_is_refused)
{
    static const char *const texts[] = {
        "\x80",
        "\xBF",
        "a\x80",
        "\xC3",
        "\xC3\x28",
        "\xC3\xC3",
        "\xC0\x80",
        "\xC1\xBF", /* overlong */
        "\xE0\x9F\xBF",
        "\xE0\x80\x80",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        /* surrogates */ "\xE2\x82",
        "\xE2\x82\x28",
        "\xE2\x28\xA1",
        "\xF0\x8F\xBF\xBF",
        "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80",
        /* beyond U+10FFFF */ "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xF0\x9F\x98",
        "\xF0\x9F\x98\x28",
        "\xF0\x9F\x28\x80",
        "\xF0\x28\x98\x80",
        "good, then \xE9t\xE9",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!is_utf8(texts[i]), "text %zu", i);
}
END_TEST

START_TEST(no_byte_beyond_the_length_is_looked_at)
{
    const uint8_t text[] = { 'a', 0xE2, 0x82, 0xAC };
    ck_assert(text_is_utf8(text, 1));
    ck_assert(!text_is_utf8(text, 2));
    ck_assert(!text_is_utf8(text, 3));
    ck_assert(text_is_utf8(text, 4));
    ck_assert(text_is_utf8((const uint8_t *)"a\0b", 3));
}
END_TEST

/* Against the definition: decode and see whether the shortest form was used. */
START_TEST(all_two_and_three_byte_sequences_are_judged_as_their_definition_says)
{
    for (unsigned a = 0x80; a < 0x100; a++)
        for (unsigned b = 0; b < 0x100; b++) {
            bool two = a >= 0xC0 && a < 0xE0 && (b & 0xC0) == 0x80 && ((a & 0x1F) << 6 | (b & 0x3F)) >= 0x80;
            if (text_is_utf8((const uint8_t[]){ (uint8_t)a, (uint8_t)b }, 2) != two)
                ck_abort_msg("%02X %02X", a, b);
            for (unsigned c = 0x70; c < 0xD0; c++) {
                unsigned point = (a & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F);
                bool three = a >= 0xE0 && a < 0xF0 && (b & 0xC0) == 0x80 && (c & 0xC0) == 0x80 &&
                             point >= 0x800 && (point < 0xD800 || point > 0xDFFF);
                three |= two && c < 0x80;
                if (text_is_utf8((const uint8_t[]){ (uint8_t)a, (uint8_t)b, (uint8_t)c }, 3) != three)
                    ck_abort_msg("%02X %02X %02X", a, b, c);
            }
        }
}
END_TEST

START_TEST(length_counts_code_points)
{
    ck_assert_uint_eq(text_length(NULL), 0);
    ck_assert_uint_eq(text_length(""), 0);
    ck_assert_uint_eq(text_length("abc"), 3);
    ck_assert_uint_eq(text_length("grüße"), 5);
    ck_assert_uint_eq(text_length("世界"), 2);
    ck_assert_uint_eq(text_length("\xF0\x9F\x98\x80!"), 2);
    ck_assert_uint_eq(text_length("e\xCC\x81"), 2); /* a combining accent is one of its own */
}
END_TEST

START_TEST(the_bytes_of_so_many_characters)
{
    ck_assert_uint_eq(text_len_of("", 3), 0);
    ck_assert_uint_eq(text_len_of("abc", 0), 0);
    ck_assert_uint_eq(text_len_of("abc", 2), 2);
    ck_assert_uint_eq(text_len_of("abc", 3), 3);
    ck_assert_uint_eq(text_len_of("abc", 9), 3);
    ck_assert_uint_eq(text_len_of("世界", 1), 3);
    ck_assert_uint_eq(text_len_of("世界", 2), 6);
    ck_assert_uint_eq(text_len_of("\xF0\x9F\x98\x80!", 1), 4);
}
END_TEST

START_TEST(whole_characters_within_so_many_bytes)
{
    ck_assert_uint_eq(text_len_within("", 3), 0);
    ck_assert_uint_eq(text_len_within("abc", 0), 0);
    ck_assert_uint_eq(text_len_within("abc", 2), 2);
    ck_assert_uint_eq(text_len_within("abc", 3), 3);
    ck_assert_uint_eq(text_len_within("abc", 9), 3);
    static const size_t lens[] = { 0, 0, 0, 3, 3, 3, 6, 6, 6, 6 };
    for (size_t max = 0; max < 10; max++)
        ck_assert_uint_eq(text_len_within("世界", max), lens[max]);
    ck_assert_uint_eq(text_len_within("a\xF0\x9F\x98\x80", 4), 1);
}
END_TEST

Suite *text_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("UTF-8");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, well_formed_sequences_of_every_length_pass_to_both_ends_of_their_ranges);
    tcase_add_test(tcase, what_the_standards_table_does_not_have_is_refused);
    tcase_add_test(tcase, no_byte_beyond_the_length_is_looked_at);
    tcase_add_test(tcase, all_two_and_three_byte_sequences_are_judged_as_their_definition_says);
    tcase_add_test(tcase, length_counts_code_points);
    tcase_add_test(tcase, the_bytes_of_so_many_characters);
    tcase_add_test(tcase, whole_characters_within_so_many_bytes);
    return suite;
}
