/* SPDX-License-Identifier: MIT
 *
 * The log: what one line looks like in each form, that nothing in a value can break out of it.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
    log_set_format(LOG_FORMAT_TEXT);
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

#define TIME_LEN strlen("time=2024-05-01T12:00:00.000Z ")

/* Without its time stamp. */
static void assert_logged(const char *expected)
{
    char *text = logged();
    ck_assert_uint_gt(strlen(text), TIME_LEN);
    ck_assert_str_eq(text + TIME_LEN, expected);
    free(text);
}

START_TEST(an_event_is_one_line_with_time_level_message_and_pairs)
{
    log_info("listening", log_str("address", "127.0.0.1:50051"), log_int("backlog", 511));
    char *text = logged();
    int year, month, day, hour, minute, second, milli, len = 0;
    ck_assert_int_eq(sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
                            &second, &milli, &len),
                     7);
    ck_assert_int_eq(len, (int)TIME_LEN);
    ck_assert_str_eq(text + len, "level=info msg=listening address=127.0.0.1:50051 backlog=511\n");
    free(text);
}
END_TEST

START_TEST(a_message_without_pairs_is_fine)
{
    log_error("gone");
    assert_logged("level=error msg=gone\n");
}
END_TEST

START_TEST(what_could_end_a_line_or_forge_a_pair_is_quoted_and_escaped)
{
    log_warn("refused", log_str("reason", "a \"b\"\nc=d\\\x1b[31m\x7f"), log_str("empty", ""),
             log_str("none", NULL));
    assert_logged("level=warn msg=refused reason=\"a \\\"b\\\"\\nc=d\\\\\\x1b[31m\\x7f\" empty=\"\"\n");
}
END_TEST

START_TEST(whatever_a_value_ends_with_the_next_pair_is_set_apart)
{
    log_info("a{", log_str("b", "c>"), log_str("d", "{"), log_int("e", 1));
    assert_logged("level=info msg=a{ b=c> d={ e=1\n");
}
END_TEST

START_TEST(letters_of_any_script_stay_and_what_is_no_text_is_escaped)
{
    log_info("name", log_str("good", "Łódź 東京 🙂"), log_str("c1", "\xc2\x9b"),
             log_str("bidi", "\xe2\x80\xae"), log_str("bad", "\xff\xc0\x80\xed\xa0\x80\xe2\x82"));
    assert_logged(
        "level=info msg=name good=\"Łódź 東京 🙂\" c1=\"\\xc2\\x9b\" bidi=\"\\xe2\\x80\\xae\" "
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
    assert_logged("level=warn msg=yes n=1\n");
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
    ck_assert_uint_gt(strlen(text), LOG_LINE_MAX - 24);
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
    assert_logged("level=error msg=full error=\"no such file or directory\"\n");
}
END_TEST

START_TEST(an_event_can_be_an_object_of_json)
{
    log_set_format(LOG_FORMAT_JSON);
    log_info("two words", log_str("text", "a \"b\"\n\\\x1b Ł"), log_int("n", -5), log_ms("took_ms", 1234567),
             log_str("bad", "\xff\xe2\x80\xae"), log_str("none", NULL), log_str("empty", ""));
    char *text = logged();
    const char head[] = "{\"time\":\"2024-05-01T12:00:00.000Z\",";
    ck_assert_int_eq(strncmp(text, head, 9), 0);
    ck_assert_str_eq(
        text + strlen(head),
        "\"level\":\"info\",\"msg\":\"two words\",\"text\":\"a \\\"b\\\"\\n\\\\\\u001b Ł\",\"n\":-5,"
        "\"took_ms\":1234.567,\"bad\":\"\\ufffd\\u202e\",\"empty\":\"\"}\n");
    free(text);
}
END_TEST

START_TEST(a_cut_object_of_json_is_still_one)
{
    static char value[LOG_LINE_MAX + 1];
    log_set_format(LOG_FORMAT_JSON);
    /* Whatever the cut falls on: a key, a value's beginning, an escape, its end. */
    for (size_t len = _i == 2 ? LOG_LINE_MAX / 6 - 40 : LOG_LINE_MAX - 200; len < LOG_LINE_MAX; len++) {
        memset(value, "x\"\x1b"[_i], len);
        value[len] = '\0';
        log_info("long", log_str("value", value), log_str("next", "text"), log_int("after", 1234567));
    }
    char *text = logged();
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        ck_assert_int_lt(end - line, LOG_LINE_MAX);
        ck_assert_int_eq(end[-1], '}');
        bool in_string = false;
        for (const char *at = line; *at; at++) {
            if (*at == '\\' && in_string) {
                ck_assert(strchr("\"\\n", at[1]) || strspn(at + 2, "0123456789abcdef") >= 4);
                at++;
            } else if (*at == '"')
                in_string = !in_string;
        }
        ck_assert_msg(!in_string, "%s", line);
        ck_assert_msg(strstr(line, "\"after\":1234567}") || strstr(line, ",\"cut\":true}"), "%s", line);
    }
    free(text);
}
END_TEST

START_TEST(for_the_journal_a_line_has_its_priority_and_no_time)
{
    log_set_format(LOG_FORMAT_JOURNAL);
    log_set_level(LOG_LEVEL_DEBUG);
    log_error("a");
    log_warn("b");
    log_info("c d", log_int("n", 1));
    log_debug("e");
    char *text = logged();
    ck_assert_str_eq(text, "<3>msg=a\n<4>msg=b\n<6>msg=\"c d\" n=1\n<7>msg=e\n");
    free(text);
}
END_TEST

START_TEST(auto_is_the_journal_only_if_standard_error_is_what_systemd_said)
{
    struct stat stat;
    char stream[64];
    ck_assert_int_eq(fstat(STDERR_FILENO, &stat), 0);
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)stat.st_dev,
             (unsigned long)stat.st_ino + (_i == 1 ? 1 : 0));
    if (_i < 2)
        setenv("JOURNAL_STREAM", stream, 1);
    log_set_format(LOG_FORMAT_AUTO);
    log_info("which");
    char *text = logged();
    ck_assert_str_eq(_i == 0 ? text : text + TIME_LEN, _i == 0 ? "<6>msg=which\n" : "level=info msg=which\n");
    free(text);
    unsetenv("JOURNAL_STREAM");
}
END_TEST

START_TEST(the_time_is_that_of_the_clock)
{
    time_t before = time(NULL);
    log_info("now");
    time_t after = time(NULL);
    char *text = logged();
    struct tm utc = { 0 };
    ck_assert_ptr_nonnull(strptime(text, "time=%Y-%m-%dT%H:%M:%S", &utc));
    time_t logged_at = timegm(&utc);
    ck_assert_int_ge(logged_at, before);
    ck_assert_int_le(logged_at, after);
    free(text);
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
        ck_assert_str_eq(line + TIME_LEN, "level=info msg=\"from a thread\" word=abcdefghijklmnopqrstuvwxyz");
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
    tcase_add_test(tcase, whatever_a_value_ends_with_the_next_pair_is_set_apart);
    tcase_add_test(tcase, letters_of_any_script_stay_and_what_is_no_text_is_escaped);
    tcase_add_test(tcase, events_below_the_level_are_dropped_and_their_fields_not_evaluated);
    tcase_add_loop_test(tcase, a_line_that_is_too_long_is_cut_and_says_so, 0, 4);
    tcase_add_test(tcase, errno_survives_an_event);
    tcase_add_test(tcase, an_event_can_be_an_object_of_json);
    tcase_add_loop_test(tcase, a_cut_object_of_json_is_still_one, 0, 3);
    tcase_add_test(tcase, for_the_journal_a_line_has_its_priority_and_no_time);
    tcase_add_loop_test(tcase, auto_is_the_journal_only_if_standard_error_is_what_systemd_said, 0, 3);
    tcase_add_test(tcase, the_time_is_that_of_the_clock);
    tcase_add_test(tcase, lines_of_several_threads_do_not_mix);
    suite_add_tcase(suite, tcase);
    return suite;
}
