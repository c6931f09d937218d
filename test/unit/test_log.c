/* SPDX-License-Identifier: MIT
 *
 * The log: what one line looks like, and that nothing in a value can break out of it.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"

static int saved_stderr;
static FILE *captured;

static void capture(void)
{
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

static void release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    fclose(captured);
    log_set_level(LOG_LEVEL_INFO);
}

/* All that was logged; the caller frees it. */
static char *logged(void)
{
    size_t size = 1 << 20;
    char *text = calloc(1, size);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_ge(pread(fileno(captured), text, size - 1, 0), 0);
    return text;
}

/* Without its time stamp. */
static void assert_logged(const char *expected)
{
    char *text = logged();
    ck_assert_uint_gt(strlen(text), 25);
    ck_assert_str_eq(text + 25, expected);
    free(text);
}

START_TEST(an_event_is_one_line_with_time_level_message_and_pairs)
{
    log_info("listening", log_str("address", "127.0.0.1:50051"), log_int("backlog", 511));
    char *text = logged();
    int year, month, day, hour, minute, second, milli, len = 0;
    ck_assert_int_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
                            &second, &milli, &len),
                     7);
    ck_assert_int_eq(len, 25);
    ck_assert_str_eq(text + len, "info listening address=127.0.0.1:50051 backlog=511\n");
    free(text);
}
END_TEST

START_TEST(a_message_without_pairs_is_fine)
{
    log_error("gone");
    assert_logged("error gone\n");
}
END_TEST

START_TEST(what_could_end_a_line_or_forge_a_pair_is_quoted_and_escaped)
{
    log_warn("refused", log_str("reason", "a \"b\"\nc=d\\\x1b[31m\x7f"), log_str("empty", ""),
             log_str("none", NULL));
    assert_logged("warn refused reason=\"a \\\"b\\\"\\nc=d\\\\\\x1b[31m\\x7f\" empty=\"\"\n");
}
END_TEST

START_TEST(letters_of_any_script_stay_and_what_is_no_text_is_escaped)
{
    log_info("name", log_str("good", "Łódź 東京 🙂"), log_str("c1", "\xc2\x9b"),
             log_str("bidi", "\xe2\x80\xae"), log_str("bad", "\xff\xc0\x80\xed\xa0\x80\xe2\x82"));
    assert_logged("info name good=\"Łódź 東京 🙂\" c1=\"\\xc2\\x9b\" bidi=\"\\xe2\\x80\\xae\" "
                  "bad=\"\\xff\\xc0\\x80\\xed\\xa0\\x80\\xe2\\x82\"\n");
}
END_TEST

START_TEST(events_below_the_level_are_dropped_and_their_fields_not_evaluated)
{
    int evaluated = 0;
    log_set_level(LOG_LEVEL_WARN);
    log_info("no", log_int("n", ++evaluated));
    log_debug("no", log_int("n", ++evaluated));
    char *text = logged();
    ck_assert_str_eq(text, "");
    free(text);
    ck_assert_int_eq(evaluated, 0);
    log_warn("yes", log_int("n", ++evaluated));
    assert_logged("warn yes n=1\n");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_cut_and_says_so)
{
    static char value[2 * LOG_LINE_MAX];
    const char *const fills[] = { "x", " ", "Ł", "\n" };
    const char *const fill = fills[_i];
    for (size_t at = 0; at + strlen(fill) < sizeof value; at += strlen(fill))
        memcpy(value + at, fill, strlen(fill));
    log_info("long", log_str("value", value), log_int("after", 1));

    char *text = logged();
    ck_assert_uint_le(strlen(text), LOG_LINE_MAX);
    ck_assert_uint_gt(strlen(text), LOG_LINE_MAX - 8);
    ck_assert_str_eq(strchr(text, '\n') - strlen(" cut=yes"), " cut=yes\n");
    ck_assert_ptr_null(strstr(text, "after"));
    free(text);
}
END_TEST

START_TEST(errno_survives_an_event)
{
    errno = ENOSPC;
    log_error("full", log_error_code(-ENOENT));
    ck_assert_int_eq(errno, ENOSPC);
    assert_logged("error full error=\"no such file or directory\"\n");
}
END_TEST

static void *log_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_info("from a thread", log_str("word", "abcdefghijklmnopqrstuvwxyz"));
    return arg;
}

START_TEST(lines_of_several_threads_do_not_mix)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    char *text = logged();
    int n = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = '\0';
        ck_assert_str_eq(line + 25, "info from a thread word=abcdefghijklmnopqrstuvwxyz");
    }
    ck_assert_int_eq(n, 800);
    free(text);
}
END_TEST

Suite *log_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, capture, release);
    tcase_add_test(tcase, an_event_is_one_line_with_time_level_message_and_pairs);
    tcase_add_test(tcase, a_message_without_pairs_is_fine);
    tcase_add_test(tcase, what_could_end_a_line_or_forge_a_pair_is_quoted_and_escaped);
    tcase_add_test(tcase, letters_of_any_script_stay_and_what_is_no_text_is_escaped);
    tcase_add_test(tcase, events_below_the_level_are_dropped_and_their_fields_not_evaluated);
    tcase_add_loop_test(tcase, a_line_that_is_too_long_is_cut_and_says_so, 0, 4);
    tcase_add_test(tcase, errno_survives_an_event);
    tcase_add_test(tcase, lines_of_several_threads_do_not_mix);
    suite_add_tcase(suite, tcase);
    return suite;
}
