/* SPDX-License-Identifier: MIT */
#include "unit/json_kit.h"

#include <stdlib.h>
#include <uv.h>

/* ---- whole numbers ---- */

START_TEST(whole_numbers_are_exact_to_both_ends_of_their_type_as_number_and_as_string)
{
    stays(ALL, "{\"anInt64\":\"9223372036854775807\"}");
    stays(ALL, "{\"anInt64\":\"-9223372036854775808\"}");
    stays(ALL, "{\"anInt64\":\"9007199254740993\"}");
    stays(ALL, "{\"aUint64\":\"18446744073709551615\"}");
    stays(ALL, "{\"aFixed64\":\"18446744073709551615\"}");
    stays(ALL, "{\"anSfixed64\":\"-9223372036854775808\"}");
    stays(ALL, "{\"anSint64\":\"-9223372036854775808\"}");
    stays(ALL, "{\"anSint64\":\"9223372036854775807\"}");
    stays(ALL, "{\"anInt32\":-2147483648,\"aFixed32\":4294967295,\"aUint32\":4294967295}");
    stays(ALL, "{\"anSfixed32\":-2147483648,\"anSint32\":-2147483648}");
    stays(ALL, "{\"anSfixed32\":2147483647,\"anSint32\":2147483647}");
    becomes(ALL, "{\"anInt64\":9223372036854775807}", "{\"anInt64\":\"9223372036854775807\"}");
    becomes(ALL, "{\"anInt64\":9007199254740993}", "{\"anInt64\":\"9007199254740993\"}");
    becomes(ALL, "{\"aUint64\":18446744073709551615}", "{\"aUint64\":\"18446744073709551615\"}");
    becomes(ALL, "{\"anInt32\":\"-2147483648\"}", "{\"anInt32\":-2147483648}");
    becomes(ALL, "{\"anInt64\":\"\\u0031\\u0032\"}", "{\"anInt64\":\"12\"}");
}
END_TEST

START_TEST(a_point_or_an_exponent_is_well_if_the_number_is_whole)
{
    static const char *const thousands[] = { "1e3",      "1E3",         "1e+3",    "1000.0",    "1000.000",
                                             "1.0e3",    "10e2",        "0.1e4",   "1000",      "1000e0",
                                             "10000e-1", "100000.0e-2", "\"1e3\"", "\"1000.0\"" };
    char json[80];
    for (size_t i = 0; i < sizeof thousands / sizeof *thousands; i++) {
        snprintf(json, sizeof json, "{\"anInt64\":%s,\"anInt32\":%s}", thousands[i], thousands[i]);
        becomes(ALL, json, "{\"anInt64\":\"1000\",\"anInt32\":1000}");
    }
    becomes(ALL, "{\"anInt64\":9223372036854775807.0}", "{\"anInt64\":\"9223372036854775807\"}");
    becomes(ALL, "{\"anInt64\":9.223372036854775807e18}", "{\"anInt64\":\"9223372036854775807\"}");
    becomes(ALL, "{\"anInt64\":-922337203685477580.8e1}", "{\"anInt64\":\"-9223372036854775808\"}");
    becomes(ALL, "{\"anInt64\":0e999999999999999999999,\"anInt32\":-0.000}", "{}");
    becomes(ALL, "{\"aUint32\":-0}", "{}");
}
END_TEST

START_TEST(what_is_no_whole_number_or_beyond_the_type_is_refused)
{
    static const char *const wrong[] = {
        "9223372036854775808",
        "-9223372036854775809",
        "1e19",
        "1.5",
        "\"1.5\"",
        "0.1",
        "1e-1",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"0x10\"",
        "\"+1\"",
        "\"01\"",
        "\"1e\"",
        "\"NaN\"",
        "\"Infinity\"",
        "true",
        "{}",
        "[]",
        "[1]",
        "\"one\"",
        "1e99999999999999",
        "1e-99999999999999",
        "\"1,0\"",
        "\"--1\"",
        "\"1\\u0000\"",
        "9223372036854775807.5",
    };
    char json[80];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(json, sizeof json, "{\"anInt64\":%s}", wrong[i]);
        refused(ALL, json,
                "anInt64: expected a whole number from -9223372036854775808 to 9223372036854775807, got ");
    }
    refused(ALL, "{\"anInt32\":2147483648}",
            "from -2147483648 to 2147483647, got 2147483648 (line 1, column 12, byte 11)");
    refused(ALL, "{\"anInt32\":-2147483649}", "from -2147483648 to 2147483647, got -2147483649");
    refused(ALL, "{\"aUint32\":4294967296}", "from 0 to 4294967295, got 4294967296");
    refused(ALL, "{\"aUint32\":-1}", "from 0 to 4294967295, got -1");
    refused(ALL, "{\"aUint64\":18446744073709551616}", "from 0 to 18446744073709551615");
    refused(ALL, "{\"aFixed64\":-1}", "from 0 to 18446744073709551615");
}
END_TEST

START_TEST(numbers_that_json_does_not_know_are_refused)
{
    static const char *const wrong[] = { "01",   "+1",    ".5",  "1.",       "1e",        "1e+", "-", "--1",
                                         "0x10", "1_000", "NaN", "Infinity", "-Infinity", "1a",  "-a" };
    char json[80];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(json, sizeof json, "{\"anInt64\":%s}", wrong[i]);
        refused(ALL, json, "anInt64: expected ");
        snprintf(json, sizeof json, "{\"aDouble\":%s}", wrong[i]);
        refused(ALL, json, "aDouble: expected ");
    }
}
END_TEST

/* ---- other values ---- */

START_TEST(reals_are_written_with_the_fewest_digits_that_read_back_the_same)
{
    stays(ALL, "{\"aDouble\":0.1,\"aFloat\":0.1}");
    stays(ALL, "{\"aDouble\":4.3,\"aFloat\":4.3}");
    stays(ALL, "{\"aDouble\":-0.0,\"aFloat\":-0.0}");
    stays(ALL, "{\"aDouble\":5e-324,\"aFloat\":1e-45}");
    stays(ALL, "{\"aDouble\":1.7976931348623157e+308,\"aFloat\":3.4028235e+38}");
    stays(ALL, "{\"aDouble\":0.30000000000000004,\"aFloat\":16777216}");
    stays(ALL, "{\"aDouble\":2.2250738585072014e-308,\"aFloat\":1.1754944e-38}");
    becomes(ALL, "{\"aDouble\":123456789012345678901234567890}", "{\"aDouble\":1.2345678901234568e+29}");
    becomes(ALL, "{\"aDouble\":\"1e2\",\"aFloat\":\"2.50\"}", "{\"aDouble\":100,\"aFloat\":2.5}");
    becomes(ALL, "{\"aDouble\":1e-400,\"aFloat\":1e-60}", "{}");
    char digits[3000];
    memset(digits, '3', sizeof digits);
    memcpy(digits, "{\"aDouble\":0.", 13);
    memcpy(digits + sizeof digits - 2, "}", 2);
    becomes(ALL, digits, "{\"aDouble\":0.3333333333333333}");
}
END_TEST

START_TEST(a_real_is_rounded_once_to_its_type)
{
    /* Between two floats, a little above the middle: by way of a double it would fall to the lower one. */
    becomes(ALL, "{\"aFloat\":1.00000005960464477540}", "{\"aFloat\":1.0000001}");
}
END_TEST

START_TEST(nan_and_infinities_are_strings)
{
    stays(ALL, "{\"aDouble\":\"NaN\",\"aFloat\":\"NaN\"}");
    stays(ALL, "{\"aDouble\":\"Infinity\",\"aFloat\":\"-Infinity\"}");
    refused(ALL, "{\"aDouble\":\"nan\"}",
            "expected a number, or one of \"NaN\", \"Infinity\", \"-Infinity\", got the string \"nan\"");
    refused(ALL, "{\"aFloat\":\"+Infinity\"}", "got the string \"+Infinity\"");
    refused(ALL, "{\"aFloat\":\"-NaN\"}", "got the string \"-NaN\"");
    refused(ALL, "{\"aFloat\":\"\"}", "got the string \"\"");
    refused(ALL, "{\"aFloat\":\"1.5 \"}", "got the string \"1.5 \"");
    refused(ALL, "{\"aFloat\":true}", "got true");
}
END_TEST

START_TEST(a_real_beyond_its_type_is_refused)
{
    refused(ALL, "{\"aFloat\":3.5e38}", "a number that a float can hold (up to ±3.4028235e38), got 3.5e38");
    refused(ALL, "{\"aFloat\":-1e39}", "got -1e39");
    refused(ALL, "{\"aDouble\":1.8e308}",
            "a number that a double can hold (up to ±1.7976931348623157e308), got 1.8e308");
    refused(ALL, "{\"aDouble\":\"1e400\"}", "got the string \"1e400\"");
}
END_TEST

START_TEST(an_enum_is_a_name_or_a_number_and_an_unknown_name_is_refused)
{
    stays(ALL, "{\"aColour\":\"GREEN\"}");
    stays(ALL, "{\"aColour\":\"INFRARED\"}");
    becomes(ALL, "{\"aColour\":2}", "{\"aColour\":\"GREEN\"}");
    becomes(ALL, "{\"aColour\":-1.0}", "{\"aColour\":\"INFRARED\"}");
    becomes(ALL, "{\"aColour\":\"NONE\"}", "{}");
    stays(ALL, "{\"aColour\":77}"); /* the call layer knows which numbers it takes */
    stays(ALL, "{\"aColour\":-2147483648}");
    refused(ALL, "{\"aColour\":\"BLUE\"}",
            "aColour: expected one of NONE, RED, GREEN, INFRARED, got the string \"BLUE\"");
    refused(ALL, "{\"aColour\":\"red\"}", "expected one of");
    refused(ALL, "{\"aColour\":\"1\"}", "expected one of");
    refused(ALL, "{\"aColour\":\"\"}", "expected one of");
    refused(ALL, "{\"aColour\":true}", "expected one of");
    refused(ALL, "{\"aColour\":1.5}", "expected a whole number");
    refused(ALL, "{\"aColour\":2147483648}", "expected a whole number");
}
END_TEST

START_TEST(a_bool_is_true_or_false_and_nothing_else)
{
    stays(ALL, "{\"aBool\":true}");
    becomes(ALL, "{\"aBool\":false}", "{}");
    refused(ALL, "{\"aBool\":1}", "aBool: expected true or false, got 1");
    refused(ALL, "{\"aBool\":\"true\"}", "got the string \"true\"");
    refused(ALL, "{\"aBool\":True}", "got True");
    refused(ALL, "{\"aBool\":truely}", "got truely");
}
END_TEST

START_TEST(bytes_are_base64_of_either_alphabet_padded_or_not)
{
    stays(ALL, "{\"aBytes\":\"+/+/\"}");
    stays(ALL, "{\"aBytes\":\"AA==\"}");
    stays(ALL, "{\"aBytes\":\"AAE=\"}");
    becomes(ALL, "{\"aBytes\":\"-_-_\"}", "{\"aBytes\":\"+/+/\"}");
    becomes(ALL, "{\"aBytes\":\"AA\"}", "{\"aBytes\":\"AA==\"}");
    becomes(ALL, "{\"aBytes\":\"AAE\"}", "{\"aBytes\":\"AAE=\"}");
    becomes(ALL, "{\"aBytes\":\"\\/\\/\\/\\/\"}", "{\"aBytes\":\"////\"}");
    becomes(ALL, "{\"aBytes\":\"\"}", "{}");
    refused(ALL, "{\"aBytes\":\"A\"}", "aBytes: expected a string of base64, got the string \"A\"");
    refused(ALL, "{\"aBytes\":\"A===\"}", "base64");
    refused(ALL, "{\"aBytes\":\"AA=\"}", "base64");
    refused(ALL, "{\"aBytes\":\"AA =\"}", "base64");
    refused(ALL, "{\"aBytes\":\"=AAA\"}", "base64");
    refused(ALL, "{\"aBytes\":\"AAAA\\n\"}", "base64");
    refused(ALL, "{\"aBytes\":[0]}", "base64");
}
END_TEST

START_TEST(long_bytes_survive_both_ways)
{
    char json[4200] = "{\"aBytes\":\"";
    size_t len = strlen(json);
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(json + len, sizeof json - len, "%c%c/+", 'A' + i % 26, 'a' + i % 26);
    snprintf(json + len, sizeof json - len, "\"}");
    stays(ALL, json);
    memcpy(json + 11, "\\/\\/\\/\\/", 8); /* escaped, so decoded in place */
    ck_assert_int_eq(read_json(ALL, json), 0);
    ck_assert_uint_eq(message.len, 2997 + 3);
}
END_TEST

/* ---- text ---- */

START_TEST(escapes_are_read_and_only_what_must_be_is_escaped)
{
    becomes(ALL, "{\"aString\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
            "{\"aString\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}");
    becomes(ALL, "{\"aString\":\"\\u00e9\\u4E16\\uD83D\\ude00\"}", "{\"aString\":\"é世😀\"}");
    becomes(ALL, "{\"aString\":\"\\u0001\\u001f\\u007f\"}", "{\"aString\":\"\\u0001\\u001f\\u007f\"}");
    stays(ALL, "{\"aString\":\"grüße, 世界 😀 </script> \"}");
    char all[1000] = "{\"aString\":\"";
    for (int i = 0; i < 800; i++) /* longer than one byte of length can say */
        strcat(all, i % 7 ? "x" : "\\n");
    ck_assert_int_eq(read_json(ALL, strncat(all, "\"}", 3)), 0);
    ck_assert_str_eq(written(ALL), all);
}
END_TEST

START_TEST(a_nul_in_text_passes_to_the_checks_of_the_call)
{
    ck_assert_int_eq(read_json(ALL, "{\"aString\":\"a\\u0000b\"}"), 0);
    wire_is("\x4A\x03"
            "a\0b",
            5);
    ck_assert_str_eq(written(ALL), "{\"aString\":\"a\\u0000b\"}");
}
END_TEST

START_TEST(half_a_surrogate_pair_is_refused)
{
    refused(ALL, "{\"aString\":\"\\ud83d\"}", "aString: half of a surrogate pair stands alone");
    refused(ALL, "{\"aString\":\"x\\ude00\"}", "(line 1, column 14, byte 13)");
    refused(ALL, "{\"aString\":\"\\ud83d\\ud83d\"}", "half of a surrogate pair");
    refused(ALL, "{\"aString\":\"\\ud83dx\"}", "half of a surrogate pair");
    refused(ALL, "{\"aString\":\"\\ud83d\\n\"}", "half of a surrogate pair");
    refused(ALL, "{\"aString\":\"\\ud83d\\u0041\"}", "half of a surrogate pair");
    refused(ALL, "{\"aString\":\"\\ud83d\\ude0\"}", "half of a surrogate pair");
    refused(ALL, "{\"\\ud83d\":1}", "half of a surrogate pair");
}
END_TEST

START_TEST(invalid_utf8_is_refused_where_it_stands)
{
    refused(ALL, "{\"aString\":\"gr\xFC\xDF\"}",
            "aString: the byte 0xFC is not valid UTF-8 here (line 1, column 15, byte 14)");
    refused(ALL, "{\"aString\":\"\xED\xA0\x80\"}", "the byte 0xED is not valid UTF-8"); /* a surrogate */
    refused(ALL, "{\"aString\":\"\xC0\x80\"}", "the byte 0xC0");
    refused(ALL, "{\"aString\":\"\xF4\x90\x80\x80\"}", "the byte 0xF4");
    refused(ALL, "{\"aString\":\"\xC3\\u00a0\"}", "the byte 0xC3");
    refused(ALL, "{\"aString\":\"\\\xC3\xA9\"}", "after a backslash");
    refused(ALL, "{\"a\xFF\":1}", "the byte 0xFF");
    refused(ALL, "{\"aString\":\xFF}", "aString: expected a string, got \xEF\xBF\xBD");
    refused(ALL, "\xEF\xBB\xBF{}", "expected an object, got \xEF\xBB\xBF (line 1, column 1, byte 0)");
}
END_TEST

START_TEST(strings_with_control_characters_wrong_escapes_or_no_end_are_refused)
{
    refused(ALL, "{\"aString\":\"a\nb\"}",
            "the control character \\u000a stands in a string without being escaped");
    refused(ALL, "{\"aString\":\"a\x7F\x1F\"}", "\\u001f");
    refused(ALL, "{\"aString\":\"\\\n\"}", "\\u000a");
    refused(ALL, "{\"aString\":\"\\x41\"}", "expected one of \" \\ / b f n r t u after a backslash");
    refused(ALL, "{\"aString\":\"\\'\"}", "after a backslash");
    refused(ALL, "{\"aString\":\"\\u12\"}", "four hexadecimal digits");
    refused(ALL, "{\"aString\":\"\\u12G4\"}", "four hexadecimal digits");
    refused(ALL, "{\"aString\":\"\\u", "has no end");
    refused(ALL, "{\"aString\":\"abc", "aString: a string has no end (line 1, column 12, byte 11)");
    refused(ALL, "{\"aString\":\"abc\\", "has no end");
    refused(ALL, "{\"aString\":\"abc\\\"", "has no end");
    refused(ALL, "{\"aString\":'abc'}", "expected a string, got 'abc'");
    refused(ALL, "{\"aString\":12}", "expected a string, got 12");
    int rc = read_len(ALL, "{\"aString\":\"\0\"}", 15);
    ck_assert_int_eq(rc, UV_EINVAL);
    ck_assert_ptr_nonnull(strstr(json_error.text, "\\u0000"));
}
END_TEST

Suite *json_values_suite(void)
{
    const TTest *const tests[] = {
        whole_numbers_are_exact_to_both_ends_of_their_type_as_number_and_as_string,
        a_point_or_an_exponent_is_well_if_the_number_is_whole,
        what_is_no_whole_number_or_beyond_the_type_is_refused,
        numbers_that_json_does_not_know_are_refused,
        reals_are_written_with_the_fewest_digits_that_read_back_the_same,
        a_real_is_rounded_once_to_its_type,
        nan_and_infinities_are_strings,
        a_real_beyond_its_type_is_refused,
        an_enum_is_a_name_or_a_number_and_an_unknown_name_is_refused,
        a_bool_is_true_or_false_and_nothing_else,
        bytes_are_base64_of_either_alphabet_padded_or_not,
        long_bytes_survive_both_ways,
        escapes_are_read_and_only_what_must_be_is_escaped,
        a_nul_in_text_passes_to_the_checks_of_the_call,
        half_a_surrogate_pair_is_refused,
        invalid_utf8_is_refused_where_it_stands,
        strings_with_control_characters_wrong_escapes_or_no_end_are_refused,
    };
    return json_tests("json_values", tests, sizeof tests / sizeof *tests);
}
