/* SPDX-License-Identifier: MIT
 *
 * What a failed call's message may quote, and how long it may be.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "call/call.h"
#include "call/request.h"

static struct call call;
static char *message; /* that the peer was told */

static void on_end(struct call *failed, enum status status, const char *text, unsigned retry_after_ms)
{
    ck_assert_ptr_eq(failed, &call);
    ck_assert_int_eq(status, STATUS_NOT_FOUND);
    ck_assert_uint_eq(retry_after_ms, 0);
    free(message);
    message = strdup(text);
}

static const struct call_transport transport = { .end = on_end };
static const struct rpc_method method = { .path = "/package.Service/Method" };

static void set_up(void)
{
    call = (struct call){ .transport = &transport, .method = &method };
}

static void tear_down(void)
{
    call_finish(&call);
    free(message);
    message = NULL;
}

/* `n` times a character, in memory that lives on. */
static char *times(size_t n, const char *character)
{
    char *text = calloc(n, strlen(character) + 1), *end = text;
    for (size_t i = 0; i < n; i++)
        end = stpcpy(end, character);
    return text;
}

/* What the peer is told when a handler fails with this text. */
static const char *told(const char *text)
{
    call.state = CALL_RUNNING;
    ck_assert_int_eq(call_fail(&call, STATUS_NOT_FOUND, "%s", text), REPLIED);
    return message;
}

static bool is_utf8(const char *text)
{
    return text_is_utf8((const uint8_t *)text, strlen(text));
}

static const char *const characters[] = { "x", "ü", "世", "\xF0\x9F\x98\x80" };

START_TEST(a_quote_has_at_most_200_characters)
{
    for (size_t c = 0; c < 4; c++) {
        char *fits = times(200, characters[c]), *does_not = times(201, characters[c]),
             *far_too_long = times(10000, characters[c]);
        const char *quote = call_quote(&call, fits);
        ck_assert_uint_eq(text_length(quote), 202);
        ck_assert_int_eq(strncmp(quote + 1, fits, strlen(fits)), 0);
        quote = call_quote(&call, does_not);
        ck_assert_uint_eq(text_length(quote), 202);
        ck_assert_ptr_nonnull(strstr(quote, "…\""));
        ck_assert_str_eq(quote, call_quote(&call, far_too_long));
        free(fits);
        free(does_not);
        free(far_too_long);
    }
    ck_assert_str_eq(call_quote(&call, ""), "\"\"");
    ck_assert_str_eq(call_quote(&call, NULL), "\"\"");
}
END_TEST

START_TEST(a_message_is_bounded_as_a_whole_and_ends_between_two_characters)
{
    for (size_t c = 0; c < 4; c++)
        for (size_t lead = 0; lead < 4; lead++) { /* where the limit falls differs by as much */
            char *text = times(10000, characters[c]);
            memset(text, 'a', lead * strlen(characters[c]));
            const char *cut = told(text);
            ck_assert_uint_le(strlen(cut), MESSAGE_LEN_MAX);
            ck_assert_uint_gt(strlen(cut), MESSAGE_LEN_MAX - 8);
            ck_assert_msg(is_utf8(cut), "cut within a character: %s", cut);
            ck_assert_str_eq(cut + strlen(cut) - strlen("…"), "…");
            free(text);
        }
}
END_TEST

START_TEST(a_message_that_fits_is_left_as_it_is)
{
    char *text = times(MESSAGE_LEN_MAX, "y");
    ck_assert_str_eq(told(text), text);
    ck_assert_str_eq(told(""), "");
    ck_assert_str_eq(told("there is no skill \"grüße\""), "there is no skill \"grüße\"");
    free(text);
}
END_TEST

Suite *message_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("bounds");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_quote_has_at_most_200_characters);
    tcase_add_test(tcase, a_message_is_bounded_as_a_whole_and_ends_between_two_characters);
    tcase_add_test(tcase, a_message_that_fits_is_left_as_it_is);
    return suite;
}
