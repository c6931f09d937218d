/* SPDX-License-Identifier: MIT */
#include "unit/json_kit.h"

#include <stdlib.h>
#include <uv.h>

/* ---- fields ---- */

START_TEST(both_spellings_of_a_name_are_read_and_lower_camel_case_is_written)
{
    becomes(ALL, "{\"an_int32\":1}", "{\"anInt32\":1}");
    becomes(ALL, "{\"anInt32\":1}", "{\"anInt32\":1}");
    becomes(ALL, "{\"an\\u0049nt32\":1}", "{\"anInt32\":1}");
    becomes(PRESENCE, "{\"called\":\"x\"}", "{\"called\":\"x\"}");
    becomes(PRESENCE, "{\"renamed\":\"x\"}", "{\"called\":\"x\"}");
    refused(ALL, "{\"AnInt32\":1}",
            "no field \"AnInt32\" in json_types.All, which has aDouble, aFloat, anInt64");
    refused(ALL, "{\"an_Int32\":1}", "no field");
}
END_TEST

START_TEST(unknown_fields_are_refused_wherever_they_stand)
{
    refused(ALL, "{\"nothing\":1}", "no field \"nothing\" in json_types.All");
    refused(ALL, "{\"\":1}", "no field \"\"");
    refused(ALL, "{\"another\":{\"another\":{\"x\":1}}}",
            "another.another: no field \"x\" in json_types.All");
    refused(ALL, "{\"anEmpty\":{\"x\":1}}",
            "anEmpty: no field \"x\" in google.protobuf.Empty, which has none");
    refused(LISTS, "{\"alls\":[{},{\"nope\":null}]}", "alls[1]: no field \"nope\"");
}
END_TEST

START_TEST(a_field_is_named_once_by_either_name)
{
    refused(ALL, "{\"anInt32\":1,\"anInt32\":1}",
            "the field \"anInt32\" is named twice (line 1, column 14, byte 13)");
    refused(ALL, "{\"anInt32\":1,\"an_int32\":1}", "named twice");
    refused(ALL, "{\"anInt32\":null,\"anInt32\":null}", "named twice");
    refused(ALL, "{\"anInt32\":1,\"an\\u0049nt32\":1}", "named twice");
    refused(LISTS, "{\"int64s\":[1],\"int64s\":[2]}", "named twice");
    stays(LISTS, "{\"alls\":[{\"anInt32\":1},{\"anInt32\":1}]}");
}
END_TEST

START_TEST(null_is_the_default_but_not_in_a_list)
{
    becomes(ALL,
            "{\"anInt64\":null,\"aString\":null,\"aTime\":null,\"another\":null,\"aColour\":null,\"anEmpty\":"
            "null}",
            "{}");
    becomes(LISTS, "{\"int64s\":null,\"alls\":null}", "{}");
    becomes(PRESENCE, "{\"maybeInt64\":null,\"word\":null,\"number\":3}", "{\"number\":\"3\"}");
    refused(LISTS, "{\"int64s\":[1,null]}", "int64s[1]: expected a whole number");
    refused(LISTS, "{\"strings\":[null]}", "strings[0]: expected a string, got null");
    refused(LISTS, "{\"alls\":[null]}", "alls[0]: expected an object, got null");
    refused(LISTS, "{\"times\":[null]}", "times[0]: expected a time");
    refused(LISTS, "{\"colours\":[null]}", "colours[0]: expected one of");
    refused(ALL, "null", "expected an object, got null");
    refused(ALL, "{\"anInt64\":nulls}", "got nulls");
}
END_TEST

START_TEST(a_default_is_left_out_unless_the_field_knows_presence)
{
    ck_assert_int_eq(
        read_json(
            ALL,
            "{\"aDouble\":0,\"aFloat\":0.0,\"anInt64\":\"0\",\"aUint64\":0,\"anInt32\":0,\"aFixed64\":0,"
            "\"aFixed32\":0,\"aBool\":false,\"aString\":\"\",\"aBytes\":\"\",\"aUint32\":0,\"aColour\":0,"
            "\"anSfixed32\":0,\"anSfixed64\":0,\"anSint32\":0,\"anSint64\":0}"),
        0);
    ck_assert_uint_eq(message.len, 0);
    stays(ALL, "{\"another\":{}}");
    stays(ALL, "{\"aTime\":\"1970-01-01T00:00:00Z\",\"anEmpty\":{}}");
    stays(PRESENCE, "{\"maybeInt64\":\"0\",\"maybeString\":\"\",\"maybeBool\":false,\"maybeColour\":\"NONE\","
                    "\"maybeFloat\":0,"
                    "\"maybeBytes\":\"\",\"word\":\"\",\"yes\":false}");
}
END_TEST

START_TEST(of_a_oneof_only_one_member_may_be_set)
{
    stays(PRESENCE, "{\"number\":\"0\",\"yes\":true}");
    stays(PRESENCE, "{\"whole\":{\"anInt32\":1}}");
    refused(PRESENCE, "{\"word\":\"\",\"number\":1}",
            "only one of \"word\" and \"number\" may be set (line 1, column 21, byte 20)");
    refused(PRESENCE, "{\"no\":false,\"word\":\"\",\"yes\":false}", "only one of \"no\" and \"yes\"");
}
END_TEST

START_TEST(lists_of_every_type_survive_both_ways)
{
    stays(
        LISTS,
        "{\"doubles\":[0,-1.5,\"NaN\"],\"floats\":[0,2.5],\"int64s\":[\"0\",\"-1\"],\"uint64s\":[\"1\","
        "\"18446744073709551615\"],"
        "\"int32s\":[0,-1],\"fixed64s\":[\"7\"],\"fixed32s\":[7,0],\"bools\":[true,false],\"strings\":[\"\","
        "\"x\"],"
        "\"someBytes\":[\"\",\"AA==\"],\"uint32s\":[1,2,3],\"colours\":[\"NONE\",\"RED\",9],\"sfixed32s\":[-"
        "3],"
        "\"sfixed64s\":[\"-3\"],\"sint32s\":[-3,3],\"sint64s\":[\"-3\"],\"times\":[\"1970-01-01T00:00:00Z\"],"
        "\"alls\":[{},{\"aBool\":true}],\"lists\":[{\"int64s\":[\"1\"]},{}],\"unpacked\":[\"0\",\"1\","
        "\"300\"]}");
    becomes(LISTS, "{ \"int64s\" : [ ] , \"alls\" : [\n] }", "{}");
    ck_assert_int_eq(read_json(LISTS, "{\"int64s\":[1,300],\"unpacked\":[1,2]}"), 0);
    wire_is("\x1A\x03\x01\xAC\x02\x80\x7D\x01\x80\x7D\x02", 11);
}
END_TEST

START_TEST(a_list_that_is_longer_than_a_byte_of_length_survives)
{
    char *json = malloc(200000);
    ck_assert_ptr_nonnull(json);
    size_t len = (size_t)sprintf(json, "{\"int32s\":[");
    for (int i = 0; i < 20000; i++)
        len += (size_t)sprintf(json + len, "%s%d", i ? "," : "", i);
    sprintf(json + len, "]}");
    stays(LISTS, json);
    free(json);
}
END_TEST

START_TEST(what_is_no_list_is_not_taken_for_one)
{
    refused(LISTS, "{\"int64s\":1}", "int64s: expected a list, got 1");
    refused(LISTS, "{\"int64s\":{}}", "int64s: expected a list, got an object");
    refused(LISTS, "{\"int64s\":[[1]]}", "int64s[0]: expected a whole number");
    refused(LISTS, "{\"int64s\":[1 2]}", "int64s[0]: expected ',' or ']' after a list's value, got a number");
    refused(LISTS, "{\"int64s\":[1,]}", "int64s[1]: expected a whole number");
    refused(LISTS, "{\"int64s\":[,1]}", "int64s[0]: expected a whole number");
    refused(LISTS, "{\"int64s\":[1", "expected ',' or ']' after a list's value, got the end of the text");
    refused(ALL, "{\"another\":[]}", "another: expected an object, got a list");
    refused(ALL, "{\"another\":\"x\"}", "another: expected an object, got the string \"x\"");
}
END_TEST

/* ---- the text as a whole ---- */

START_TEST(white_space_may_stand_between_everything)
{
    becomes(ALL, " \t\r\n{ \"anInt32\" :\n1 ,\t\"aString\" : \"x\" }\n ",
            "{\"anInt32\":1,\"aString\":\"x\"}");
    refused(ALL, "{\f}", "expected a field's name in quotation marks, got '\\u000c'");
    refused(ALL, "{\xC2\xA0}", "expected a field's name in quotation marks, got '\xC2\xA0'");
}
END_TEST

START_TEST(a_text_that_is_no_object_or_goes_on_behind_it_is_refused)
{
    refused(ALL, "", "expected an object, got the end of the text (line 1, column 1, byte 0)");
    refused(ALL, "  ", "expected an object, got the end of the text");
    refused(ALL, "[]", "expected an object, got a list");
    refused(ALL, "\"x\"", "expected an object, got the string \"x\"");
    refused(ALL, "1", "expected an object, got 1");
    refused(ALL, "{", "expected a field's name in quotation marks, got the end of the text");
    refused(ALL, "{}}", "expected nothing more after the message, got '}'");
    refused(ALL, "{} {}", "expected nothing more after the message, got an object");
    refused(ALL, "{}\n//", "(line 2, column 1, byte 3)");
    refused(ALL, "{anInt32:1}", "expected a field's name in quotation marks, got 'a'");
    refused(ALL, "{\"anInt32\" 1}", "expected ':' after a field's name, got a number");
    refused(ALL, "{\"anInt32\":}", "anInt32: expected a whole number");
    refused(ALL, "{\"anInt32\":1,}", "expected a field's name in quotation marks, got '}'");
    refused(ALL, "{,}", "expected a field's name in quotation marks, got ','");
    refused(ALL, "{\"anInt32\":1 \"aBool\":true}", "expected ',' or '}' after a field's value, got a string");
    refused(ALL, "{\"anInt32\":1]", "expected ',' or '}' after a field's value, got ']'");
    refused(ALL, "{/* */}", "got '/'");
    ck_assert_int_eq(read_len(ALL, "{}\0", 3), UV_EINVAL);
    ck_assert_int_eq(read_len(ALL, "{\"anInt32\":1\0}", 14), UV_EINVAL);
}
END_TEST

START_TEST(every_beginning_of_a_text_is_refused_without_a_look_behind_its_end)
{
    static const char json[] =
        "{\"aDouble\":-1.5e3,\"anInt64\":\"12\",\"aString\":\"\\u00e9\\ud83d\\ude00\\n\",\"aBytes\":\"AA==\","
        "\"aColour\":\"RED\",\"aTime\":\"2026-11-26T21:40:00.5+01:00\",\"another\":{\"aBool\":true},"
        "\"password\":null}";
    ck_assert_int_eq(read_json(ALL, json), 0);
    for (size_t len = 0; len < sizeof json - 1; len++)
        ck_assert_msg(read_len(ALL, json, len) == UV_EINVAL, "%.*s", (int)len, json);
}
END_TEST

/* depth objects, each in the one before. */
static char *nested(int depth)
{
    char *json = malloc((size_t)depth * 13 + 1), *at = json;
    ck_assert_ptr_nonnull(json);
    for (int i = 1; i < depth; i++)
        at = stpcpy(at, "{\"another\":");
    at = stpcpy(at, "{");
    for (int i = 0; i < depth; i++)
        at = stpcpy(at, "}");
    return json;
}

START_TEST(a_hundred_levels_are_read_and_written_and_one_more_is_refused)
{
    char *json = nested(JSON_DEPTH_MAX);
    stays(ALL, json);
    free(json);
    json = nested(JSON_DEPTH_MAX + 1);
    refused(ALL, json, "more than 100 objects and lists stand within each other");
    free(json);
    json = nested(100000);
    refused(ALL, json, "…");
    ck_assert_uint_lt(strlen(json_error.text), 400);
    free(json);
}
END_TEST

START_TEST(lists_count_as_levels_too)
{
    char json[4000] = "", *at = json;
    for (int i = 0; i < 50; i++)
        at = stpcpy(at, "{\"lists\":[");
    for (int i = 0; i < 50; i++)
        at = stpcpy(at, "]}");
    ck_assert_int_eq(read_json(LISTS, json), 0);
    at = json;
    for (int i = 0; i < 50; i++)
        at = stpcpy(at, "{\"lists\":[");
    at = stpcpy(at, "{}");
    for (int i = 0; i < 50; i++)
        at = stpcpy(at, "]}");
    refused(LISTS, json, "more than 100");
}
END_TEST

START_TEST(a_message_is_no_longer_than_its_caller_allows)
{
    static const char json[] = "{\"int32s\":[1,2,3,4,5,6,7,8]}";
    struct bytes out = { 0 };
    ck_assert_int_eq(json_to_message(LISTS, json, sizeof json - 1, &out, 10, &json_error), 0);
    ck_assert_uint_eq(out.len, 10);
    out.len = 0;
    ck_assert_int_eq(json_to_message(LISTS, json, sizeof json - 1, &out, 9, &json_error), UV_EMSGSIZE);
    ck_assert_str_eq(json_error.text, "the message has more than 9 bytes");
    ck_assert_uint_eq(out.len, 0);
    bytes_finish(&out);
}
END_TEST

START_TEST(a_message_that_grows_while_it_is_read_stops_soon_after_its_limit)
{
    char *json = malloc(400000), *at = json;
    ck_assert_ptr_nonnull(json);
    at = stpcpy(at, "{\"doubles\":[1");
    for (int i = 0; i < 100000; i++)
        at = stpcpy(at, ",1");
    stpcpy(at, "]}");
    struct bytes out = { 0 };
    ck_assert_int_eq(json_to_message(LISTS, json, strlen(json), &out, 1000, &json_error), UV_EMSGSIZE);
    ck_assert_uint_le(out.size, 2048);
    bytes_finish(&out);
    free(json);
}
END_TEST

START_TEST(what_stands_in_the_buffer_already_is_left_alone)
{
    ck_assert_int_eq(bytes_reserve(&message, 3), 0);
    message.len = 0;
    bytes_put(&message, "abc", 3);
    ck_assert_int_eq(json_to_message(ALL, "{\"anInt32\":1}", 13, &message, MAX_LEN, &json_error), 0);
    wire_is("abc\x28\x01", 5);
    ck_assert_int_eq(json_to_message(ALL, "{\"anInt32\":1,}", 14, &message, MAX_LEN, &json_error), UV_EINVAL);
    wire_is("abc\x28\x01", 5);
}
END_TEST

Suite *json_fields_suite(void)
{
    const TTest *const tests[] = {
        both_spellings_of_a_name_are_read_and_lower_camel_case_is_written,
        unknown_fields_are_refused_wherever_they_stand,
        a_field_is_named_once_by_either_name,
        null_is_the_default_but_not_in_a_list,
        a_default_is_left_out_unless_the_field_knows_presence,
        of_a_oneof_only_one_member_may_be_set,
        lists_of_every_type_survive_both_ways,
        a_list_that_is_longer_than_a_byte_of_length_survives,
        what_is_no_list_is_not_taken_for_one,
        white_space_may_stand_between_everything,
        a_text_that_is_no_object_or_goes_on_behind_it_is_refused,
        every_beginning_of_a_text_is_refused_without_a_look_behind_its_end,
        a_hundred_levels_are_read_and_written_and_one_more_is_refused,
        lists_count_as_levels_too,
        a_message_is_no_longer_than_its_caller_allows,
        a_message_that_grows_while_it_is_read_stops_soon_after_its_limit,
        what_stands_in_the_buffer_already_is_left_alone,
    };
    return json_tests("json_fields", tests, sizeof tests / sizeof *tests);
}
