/* SPDX-License-Identifier: MIT */
#include "db/value.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* A row with a member of every kind. */
struct row {
    bool has_it;
    union {
        int64_t bigint;
        int32_t integer;
        double real;
        bool boolean;
        const char *text;
        struct sql_bytes bytes;
        struct sql_date date;
        struct sql_time time;
    } it;
};

static int get(enum sql_type type, bool nullable, const void *data, size_t len, struct row *row)
{
    struct sql_column column = { .name = "it",
                                 .type = type,
                                 .nullable = nullable,
                                 .offset = offsetof(struct row, it),
                                 .has_offset = offsetof(struct row, has_it) };
    *row = (struct row){ 0 };
    return value_get(&column, data, len, row);
}

/* What was put comes back. */
static struct row back(enum sql_type type, const struct sql_param *param)
{
    struct row row;
    ck_assert_int_eq(get(type, false, param->data, (size_t)param->len, &row), 0);
    return row;
}

static void is(const struct sql_param *param, const char *bytes, int len)
{
    ck_assert_int_eq(param->len, len);
    ck_assert_mem_eq(param->data, bytes, (size_t)len);
}

START_TEST(values_are_written_as_the_server_expects_them)
{
    struct sql_param param;
    value_put_bigint(&param, INT64_C(0x0102030405060708));
    is(&param, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    value_put_bigint(&param, -2);
    is(&param, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 8);
    value_put_integer(&param, 0x01020304);
    is(&param, "\x01\x02\x03\x04", 4);
    value_put_double(&param, -2.5);
    is(&param, "\xC0\x04\0\0\0\0\0\0", 8);
    value_put_boolean(&param, true);
    is(&param, "\x01", 1);
    value_put_boolean(&param, false);
    is(&param, "\0", 1);
    value_put_date(&param, (struct sql_date){ .days = 10957 + 1 }); /* 2000-01-02 */
    is(&param, "\0\0\0\x01", 4);
    value_put_timestamp(&param,
                        (struct sql_time){ .us = INT64_C(946684800000000) - 1 }); /* before 2000-01-01 */
    is(&param, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8);
    value_put_bytes(&param, "ab\0c", 4);
    is(&param, "ab\0c", 4);
}
END_TEST

START_TEST(what_was_written_is_read_back)
{
    static const int64_t bigints[] = { 0, 1, -1, INT64_MIN, INT64_MAX };
    static const int32_t integers[] = { 0, 1, -1, INT32_MIN, INT32_MAX };
    static const double doubles[] = { 0, -0.0, 0.1, 1e308, 5e-324 };
    struct sql_param param;
    for (size_t i = 0; i < 5; i++) {
        value_put_bigint(&param, bigints[i]);
        ck_assert_int_eq(back(SQL_BIGINT, &param).it.bigint, bigints[i]);
        value_put_integer(&param, integers[i]);
        ck_assert_int_eq(back(SQL_INTEGER, &param).it.integer, integers[i]);
        value_put_double(&param, doubles[i]);
        double real = back(SQL_DOUBLE, &param).it.real;
        ck_assert_mem_eq(&real, &doubles[i], sizeof real);
    }
    static const int32_t days[] = { 0, -1, 10957, -719162, 2932896 }; /* to 0001-01-01 and 9999-12-31 */
    for (size_t i = 0; i < 5; i++) {
        value_put_date(&param, (struct sql_date){ .days = days[i] });
        ck_assert_int_eq(back(SQL_DATE, &param).it.date.days, days[i]);
        value_put_timestamp(&param, (struct sql_time){ .us = days[i] * INT64_C(86400000000) + 1 });
        ck_assert_int_eq(back(SQL_TIMESTAMP, &param).it.time.us, days[i] * INT64_C(86400000000) + 1);
    }
    value_put_boolean(&param, true);
    ck_assert(back(SQL_BOOLEAN, &param).it.boolean);
    value_put_bytes(&param, "text", 5);
    ck_assert_str_eq(back(SQL_TEXT, &param).it.text, "text");
    struct sql_bytes bytes = back(SQL_BYTEA, &param).it.bytes;
    ck_assert_uint_eq(bytes.len, 5);
    ck_assert_mem_eq(bytes.data, "text", 5);
}
END_TEST

/* PostgreSQL's infinity and -infinity: rows of other writers may hold them. */
START_TEST(infinite_dates_and_times_stay_at_the_ends_of_the_range)
{
    struct row row;
    ck_assert_int_eq(get(SQL_DATE, false, "\x7F\xFF\xFF\xFF", 4, &row), 0);
    ck_assert_int_eq(row.it.date.days, INT32_MAX);
    ck_assert_int_eq(get(SQL_DATE, false, "\x80\0\0\0", 4, &row), 0);
    ck_assert_int_lt(row.it.date.days, -2000000000);
    ck_assert_int_eq(get(SQL_TIMESTAMP, false, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, &row), 0);
    ck_assert_int_eq(row.it.time.us, INT64_MAX);
    ck_assert_int_eq(get(SQL_TIMESTAMP, false, "\x80\0\0\0\0\0\0\0", 8, &row), 0);
    ck_assert_int_lt(row.it.time.us, INT64_MIN / 2);
    struct sql_param param;
    value_put_date(&param, (struct sql_date){ .days = INT32_MIN });
    is(&param, "\x80\0\0\0", 4);
    value_put_timestamp(&param, (struct sql_time){ .us = INT64_MIN });
    is(&param, "\x80\0\0\0\0\0\0\0", 8);
}
END_TEST

START_TEST(null_is_taken_only_where_it_is_declared)
{
    static const enum sql_type types[] = { SQL_BIGINT, SQL_INTEGER, SQL_DOUBLE, SQL_BOOLEAN,
                                           SQL_TEXT,   SQL_BYTEA,   SQL_DATE,   SQL_TIMESTAMP };
    static const char zeroes[8];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct row row;
        ck_assert_int_eq(get(types[i], false, NULL, 0, &row), UV_EPROTO);
        ck_assert_int_eq(get(types[i], true, NULL, 0, &row), 0);
        ck_assert(!row.has_it);
        ck_assert_int_eq(row.it.bigint, 0);
        struct sql_param param;
        value_put_bytes(&param, zeroes,
                        types[i] == SQL_BOOLEAN                           ? 1
                        : types[i] == SQL_INTEGER || types[i] == SQL_DATE ? 4
                                                                          : 8);
        ck_assert_int_eq(get(types[i], true, param.data, (size_t)param.len, &row), 0);
        ck_assert_int_eq(row.has_it,
                         types[i] != SQL_TEXT && types[i] != SQL_BYTEA); /* those are NULL pointers instead */
    }
}
END_TEST

START_TEST(a_value_of_another_length_than_its_types_is_refused)
{
    static const char bytes[16];
    struct row row;
    for (size_t len = 0; len <= 9; len++) {
        ck_assert_int_eq(get(SQL_BIGINT, false, bytes, len, &row), len == 8 ? 0 : UV_EPROTO);
        ck_assert_int_eq(get(SQL_TIMESTAMP, true, bytes, len, &row), len == 8 ? 0 : UV_EPROTO);
        ck_assert_int_eq(get(SQL_INTEGER, false, bytes, len, &row), len == 4 ? 0 : UV_EPROTO);
        ck_assert_int_eq(get(SQL_DATE, true, bytes, len, &row), len == 4 ? 0 : UV_EPROTO);
        ck_assert_int_eq(get(SQL_BOOLEAN, false, bytes, len, &row), len == 1 ? 0 : UV_EPROTO);
    }
    ck_assert_int_eq(get(SQL_BIGINT_ARRAY, false, bytes, 16, &row), UV_EPROTO);
    ck_assert_int_eq(get(SQL_TEXT_ARRAY, false, bytes, 16, &row), UV_EPROTO);
}
END_TEST

START_TEST(an_enum_is_the_word_that_the_text_is)
{
    static const char *const words[] = { "done", "overlap", "no_mentor" };
    enum outcome { DONE, OVERLAP, NO_MENTOR };
    struct {
        bool has_it;
        enum outcome it;
    } row = { 0 };
    struct sql_column column = { .name = "it",
                                 .type = SQL_ENUM,
                                 .nullable = true,
                                 .offset = (size_t)((char *)&row.it - (char *)&row),
                                 .values = words,
                                 .values_n = 3 };
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(value_get(&column, (const uint8_t *)words[i], strlen(words[i]), &row), 0);
        ck_assert_uint_eq(row.it, i);
        ck_assert(row.has_it);
    }
    static const char *const others[] = { "", "don", "done ", "DONE", "overlapping" };
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(value_get(&column, (const uint8_t *)others[i], strlen(others[i]), &row), UV_EPROTO);
    row.has_it = false;
    ck_assert_int_eq(value_get(&column, NULL, 0, &row), 0);
    ck_assert(!row.has_it);
    column.nullable = false;
    ck_assert_int_eq(value_get(&column, NULL, 0, &row), UV_EPROTO);
}
END_TEST

START_TEST(types_are_told_by_name)
{
    char own[VALUE_OID_NAME_SIZE];
    for (enum sql_type type = 0; type < SQL_TYPES; type++)
        ck_assert_str_eq(value_oid_name(value_oid(type), own), value_type_name(type));
    ck_assert_str_eq(value_oid_name(1043, own), "varchar");
    ck_assert_str_eq(value_oid_name(1184, own), "timestamptz");
    ck_assert_str_eq(value_oid_name(1007, own), "integer[]");
    ck_assert_str_eq(value_oid_name(0, own), "the type of OID 0");
    ck_assert_str_eq(value_oid_name(UINT32_MAX, own), "the type of OID 4294967295");
}
END_TEST

START_TEST(arrays_are_written_with_their_nulls_and_empty_elements)
{
    const uint8_t *const data[] = { (const uint8_t *)"ab", NULL, (const uint8_t *)"" };
    static const size_t lens[] = { 2, 99, 0 }; /* a NULL has no length */
    static const char expected[] =
        "\0\0\0\x01\0\0\0\x01\0\0\0\x19\0\0\0\x03\0\0\0\x01" /* one dimension, NULLs, text, 3 from 1 on */
        "\0\0\0\x02"
        "ab"
        "\xFF\xFF\xFF\xFF"
        "\0\0\0\0";
    size_t len = value_array_len(lens, data, 3);
    ck_assert_uint_eq(len, sizeof expected - 1);
    uint8_t out[64];
    memset(out, 0xAA, sizeof out);
    value_array_write(out, SQL_TEXT, lens, data, 3);
    ck_assert_mem_eq(out, expected, len);
    ck_assert_uint_eq(out[len], 0xAA);
    len = value_array_len(NULL, NULL, 0);
    ck_assert_uint_eq(len, 20);
    value_array_write(out, SQL_BIGINT, NULL, NULL, 0);
    ck_assert_mem_eq(out, "\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0\x01", 20);
}
END_TEST

Suite *value_suite(void)
{
    Suite *suite = suite_create("value");
    TCase *tcase = tcase_create("wire format");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, values_are_written_as_the_server_expects_them);
    tcase_add_test(tcase, what_was_written_is_read_back);
    tcase_add_test(tcase, infinite_dates_and_times_stay_at_the_ends_of_the_range);
    tcase_add_test(tcase, null_is_taken_only_where_it_is_declared);
    tcase_add_test(tcase, a_value_of_another_length_than_its_types_is_refused);
    tcase_add_test(tcase, an_enum_is_the_word_that_the_text_is);
    tcase_add_test(tcase, types_are_told_by_name);
    tcase_add_test(tcase, arrays_are_written_with_their_nulls_and_empty_elements);
    return suite;
}
