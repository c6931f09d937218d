/* SPDX-License-Identifier: MIT */
#include "unit/json_kit.h"

#include <stdlib.h>
#include <uv.h>

struct bytes message, text;
struct json_error json_error;

static void finish(void)
{
    bytes_finish(&message);
    bytes_finish(&text);
}

int read_len(const struct message_desc *desc, const char *json, size_t len)
{
    /* Of its exact length on the heap, so that the sanitizer sees a look behind it. */
    char *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, json, len);
    message.len = 0;
    *json_error.text = '\0';
    int rc = json_to_message(desc, copy, len, &message, MAX_LEN, &json_error);
    free(copy);
    return rc;
}

int read_json(const struct message_desc *desc, const char *json)
{
    return read_len(desc, json, strlen(json));
}

const char *written(const struct message_desc *desc)
{
    text.len = 0;
    int rc = json_from_message(desc, message.data, message.len, &text, MAX_LEN);
    ck_assert_msg(rc == 0, "%s cannot be written: %s", desc->full_name, uv_strerror(rc));
    ck_assert_int_eq(bytes_reserve(&text, 1), 0);
    text.data[text.len] = '\0';
    return (const char *)text.data;
}

void becomes(const struct message_desc *desc, const char *json, const char *other)
{
    int rc = read_json(desc, json);
    ck_assert_msg(rc == 0, "%s: %s", json, json_error.text);
    ck_assert_str_eq(written(desc), other);
}

void stays(const struct message_desc *desc, const char *json)
{
    becomes(desc, json, json);
}

void refused(const struct message_desc *desc, const char *json, const char *words)
{
    int rc = read_json(desc, json);
    ck_assert_msg(rc == UV_EINVAL, "%s: %s", json, rc ? uv_strerror(rc) : "was taken");
    ck_assert_msg(strstr(json_error.text, words), "%s: \"%s\" does not say \"%s\"", json, json_error.text,
                  words);
    ck_assert_uint_eq(message.len, 0);
}

void wire_is(const char *bytes, size_t len)
{
    ck_assert_uint_eq(message.len, len);
    ck_assert_mem_eq(message.data, bytes, len);
}

Suite *json_tests(const char *name, const TTest *const tests[], size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, NULL, finish);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}
