/* SPDX-License-Identifier: MIT */
#include "unit/json_kit.h"

#include <uv.h>

#include "call/request.h"
#include "edge/http/json_print.h"

/* ---- errors ---- */

START_TEST(an_error_says_line_column_and_byte)
{
    refused(ALL, "{\n  \"aString\": \"grüße\",\n  \"another\": {\n    \"anInt32\": 1.5\n  }\n}\n",
            "another.anInt32: expected a whole number from -2147483648 to 2147483647, got 1.5 (line 4, "
            "column 16, byte 56)");
    refused(ALL, "{\"aString\":\"世界\",\"anInt32\":x}", "got x (line 1, column 27, byte 30)");
}
END_TEST

START_TEST(an_error_quotes_two_hundred_characters_escaped)
{
    char json[4000] = "{\"anInt32\":\"", expected[1000] = "got the string \"";
    for (int i = 0; i < 300; i++) {
        strcat(json, "ü");
        if (i < JSON_QUOTED_MAX)
            strcat(expected, "ü");
    }
    strcat(json, "\"}");
    strcat(expected, "…\" (line");
    refused(ALL, json, expected);
    refused(ALL, "{\"\\u0007\\n\\u009b\":1}", "no field \"\\u0007\\u000a\\u009b\"");
    refused(ALL, "{\"aBool\":\x01}", "got \\u0001");
    char name[4000] = "{\"";
    memset(name + 2, 'x', 3000);
    strcpy(name + 3002, "\":1}");
    refused(ALL, name, "xxx…\" in json_types.All");
    ck_assert_uint_lt(strlen(json_error.text), 700);
}
END_TEST

START_TEST(an_error_never_quotes_a_password)
{
    static const char *const wrong[] = {
        "{\"password\":\"hunter2\\x\"}",
        "{\"password\":\"hunter2\\ud800\"}",
        "{\"password\":\"hunter2",
        "{\"password\":[\"hunter2\"]}",
        "{\"password\":{\"hunter2\":1}}",
        "{\"password\":hunter2}",
        "{\"password\":\"hunter2\" \"\"}",
        "{\"password\" \"hunter2\"}",
        "{\"password\":\"hunter2\xFF\"}",
        "{\"password\":\"hunter2\"}hunter2",
        "{\"password\":'hunter2'}",
        "{\"password\":\"hunter2\",}",
        "{\"password\":4711}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(ALL, wrong[i], "(line 1");
        ck_assert_msg(!strstr(json_error.text, "unter") && !strstr(json_error.text, "4711"), "%s",
                      json_error.text);
    }
    refused(ALL, "{\"password\":4711}", "password: expected a string, got a number");
}
END_TEST

/* ---- writing ---- */

static int write_wire(const struct message_desc *desc, const char *bytes, size_t len)
{
    text.len = 0;
    return json_from_message(desc, (const uint8_t *)bytes, len, &text, MAX_LEN);
}

START_TEST(bytes_that_are_no_message_are_not_written)
{
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        { "\x28", 1 },     /* a tag without its value */
        { "\x28\x80", 2 }, /* half a number */
        { "\x4A\x05"
          "abc",
          5 },                     /* text beyond the end */
        { "\x4A\x01\xFF", 3 },     /* text that is not UTF-8 */
        { "\x09\0\0\0", 4 },       /* half a double */
        { "\x2A\x00", 2 },         /* a number as if it were text */
        { "\x48\x01", 2 },         /* text as if it were a number */
        { "\x28\x01\x28\x01", 4 }, /* twice */
        { "\x4A\x00\x28\x01", 4 }, /* out of order */
        { "\x00\x01", 2 },         /* field 0 */
        { "\xC3\x3E", 2 },         /* a group */
        { "\x28\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
          12 }, /* a number of more than 64 bits' length */
        { "\x8A\x01\x0B\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 12 }, /* cut */
        { "\x8A\x01\x06\x08\x80\x92\xB8\xC3\x98", 9 },                  /* a time without end */
        { "\x8A\x01\x07\x08\x80\x9A\xB8\xC3\xCE\x75", 10 },             /* the year 100000 or so */
        { "\x8A\x01\x06\x10\x80\x94\xEB\xDC\x03", 9 },                  /* nanos of a whole second */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(write_wire(ALL, wrong[i].bytes, wrong[i].len) == UV_EINVAL, "%zu", i);
        ck_assert_uint_eq(text.len, 0);
    }
}
END_TEST

START_TEST(fields_that_the_descriptor_does_not_know_are_skipped)
{
    static const char wire[] = "\x28\x01\xC0\x3E\x07\xC9\x3E\0\0\0\0\0\0\0\0\xD2\x3E\x02xx\xDD\x3E\0\0\0\0";
    ck_assert_int_eq(write_wire(ALL, wire, sizeof wire - 1), 0);
    ck_assert_uint_eq(text.len, strlen("{\"anInt32\":1}"));
    ck_assert_mem_eq(text.data, "{\"anInt32\":1}", text.len);
}
END_TEST

START_TEST(a_list_is_written_whether_packed_or_not)
{
    static const char unpacked[] = "\x18\x01\x18\x02\x1A\x02\x03\x04", packed[] = "\x82\x7D\x02\x01\x02";
    ck_assert_int_eq(write_wire(LISTS, unpacked, sizeof unpacked - 1), 0);
    ck_assert_mem_eq(text.data, "{\"int64s\":[\"1\",\"2\",\"3\",\"4\"]}", text.len);
    ck_assert_int_eq(write_wire(LISTS, packed, sizeof packed - 1), 0);
    ck_assert_mem_eq(text.data, "{\"unpacked\":[\"1\",\"2\"]}", text.len);
}
END_TEST

START_TEST(a_text_is_no_longer_than_its_caller_allows)
{
    ck_assert_int_eq(read_json(ALL, "{\"anInt32\":123456}"), 0);
    struct bytes out = { 0 };
    ck_assert_int_eq(json_from_message(ALL, message.data, message.len, &out, 18), 0);
    ck_assert_uint_eq(out.len, 18);
    ck_assert_int_eq(json_from_message(ALL, message.data, message.len, &out, 17), UV_EMSGSIZE);
    ck_assert_uint_eq(out.len, 18);
    bytes_finish(&out);
}
END_TEST

START_TEST(any_bytes_can_be_put_as_text)
{
    struct bytes out = { 0 };
    ck_assert_int_eq(json_put_text(&out, "a\"\xFF\xC3\n\xC3\xA9", 7), 0);
    ck_assert_mem_eq(out.data, "\"a\\\"\xEF\xBF\xBD\xEF\xBF\xBD\\né\"", out.len);
    bytes_finish(&out);
}
END_TEST

/* ---- tables ---- */

START_TEST(the_tables_of_messages_and_of_methods_have_the_same_order)
{
    ck_assert_uint_eq(messages_of_methods_n, rpc_methods_n);
    for (size_t i = 0; i < rpc_methods_n; i++)
        ck_assert_str_eq(messages_of_methods[i].path, rpc_methods[i].path);
}
END_TEST

Suite *json_write_suite(void)
{
    const TTest *const tests[] = {
        an_error_says_line_column_and_byte,
        an_error_quotes_two_hundred_characters_escaped,
        an_error_never_quotes_a_password,
        bytes_that_are_no_message_are_not_written,
        fields_that_the_descriptor_does_not_know_are_skipped,
        a_list_is_written_whether_packed_or_not,
        a_text_is_no_longer_than_its_caller_allows,
        any_bytes_can_be_put_as_text,
        the_tables_of_messages_and_of_methods_have_the_same_order,
    };
    return json_tests("json_write", tests, sizeof tests / sizeof *tests);
}
