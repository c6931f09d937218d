/* SPDX-License-Identifier: MIT
 *
 * The log's writer, with a pipe for standard error: that nobody waits for it, that what is lost is told, and
 * that what is not lost is written before the end.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "observe/log.h"
#include "observe/log_writer.h"

#define TEXT_MAX (1 << 22)

static int saved_stderr, reader;
static char *text; /* what was read so far */
static size_t text_len;

static void open_pipe(void)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
    fcntl(reader, F_SETFL, O_NONBLOCK);
    text = calloc(1, TEXT_MAX);
    ck_assert_ptr_nonnull(text);
    text_len = 0;
}

static void close_pipe(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reader);
    free(text);
    log_set_level(LOG_LEVEL_INFO);
}

/* Reads until there is nothing for now. */
static void read_text(void)
{
    for (ssize_t n; (n = read(reader, text + text_len, TEXT_MAX - 1 - text_len)) > 0;)
        text_len += (size_t)n;
    text[text_len] = '\0';
}

static void read_until(const char *wanted)
{
    struct pollfd readable = { .fd = reader, .events = POLLIN };
    for (read_text(); !strstr(text, wanted); read_text())
        ck_assert_msg(poll(&readable, 1, 30000) > 0, "nothing like \"%s\" comes", wanted);
}

static unsigned count(const char *wanted)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, wanted)); at++)
        n++;
    return n;
}

static unsigned long number_before(const char *words)
{
    const char *at = strstr(text, words);
    ck_assert_msg(at != NULL, "no \"%s\" in the log", words);
    while (at > text && strchr("0123456789 ", at[-1]))
        at--;
    return strtoul(at, NULL, 10);
}

/* As calls do with log.calls = all: however many there are. */
static void log_unlimited(enum log_level level, const char *message, int n)
{
    log_write(NULL, level, message, LOG_FIELDS(log_int("n", n)));
}

/* So that the writer's thread cannot write, and how much is dropped does not depend on how fast it is. */
static void fill_pipe(void)
{
    char spaces[4096];
    memset(spaces, ' ', sizeof spaces);
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    while (write(STDERR_FILENO, spaces, sizeof spaces) > 0)
        ;
    fcntl(STDERR_FILENO, F_SETFL, 0);
}

/* Returns how many lines were written until one was dropped. */
static int fill_up(void)
{
    int n = 0;
    fill_pipe();
    while (log_n_dropped() == 0)
        log_unlimited(LOG_LEVEL_INFO, "filling", n++);
    return n;
}

START_TEST(lines_come_in_order_and_all_are_written_at_the_end)
{
    ck_assert_int_eq(log_start(), 0);
    for (int i = 0; i < 100; i++)
        log_unlimited(LOG_LEVEL_INFO, "line", i);
    log_stop(30000);
    read_text();
    ck_assert_uint_eq(count("\n"), 100);
    const char *at = text;
    for (int i = 0; i < 100; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "msg=line n=%d\n", i);
        ck_assert_ptr_nonnull(at = strstr(at, wanted));
    }
    ck_assert_uint_eq(log_n_dropped(), 0);
}
END_TEST

START_TEST(a_full_pipe_stops_nobody_and_the_end_does_not_wait_for_it)
{
    ck_assert_int_eq(log_start(), 0);
    fill_up();
    log_unlimited(LOG_LEVEL_INFO, "one more", 0);
    log_stop(100);
    log_info("after the end");
    ck_assert_uint_gt(log_n_dropped(), 1);
}
END_TEST

START_TEST(what_was_dropped_is_counted_and_told_when_there_is_room_again)
{
    ck_assert_int_eq(log_start(), 0);
    int n = fill_up() + 100;
    for (int i = n - 100; i < n; i++)
        log_unlimited(LOG_LEVEL_INFO, "filling", i);
    read_until(" lines were dropped");
    ck_assert_uint_eq(number_before(" lines were dropped"), 101);
    ck_assert_uint_eq(count("msg=filling"), (unsigned)n - 101);
    log_stop(30000);
}
END_TEST

START_TEST(warnings_find_room_when_lesser_lines_do_not)
{
    ck_assert_int_eq(log_start(), 0);
    fill_up();
    log_unlimited(LOG_LEVEL_INFO, "lesser than all before", 1000000);
    log_unlimited(LOG_LEVEL_WARN, "important", 1);
    read_until("msg=important");
    ck_assert_uint_eq(count("lesser than"), 0);
    log_stop(30000);
}
END_TEST

static void log_of_one_kind(void)
{
    log_warn("of one kind");
}

START_TEST(of_many_lines_of_one_kind_some_are_written_and_the_others_counted)
{
    ck_assert_int_eq(log_start(), 0);
    for (int i = 0; i < LOG_KIND_MAX + 300; i++)
        log_of_one_kind();
    log_warn("of another kind");
    log_stop(30000);
    read_text();
    ck_assert_uint_eq(count("msg=\"of one kind\""), LOG_KIND_MAX);
    ck_assert_uint_eq(count("msg=\"300 more like this\" like=\"of one kind\""), 1);
    ck_assert_uint_eq(count("msg=\"of another kind\""), 1);
}
END_TEST

START_TEST(they_are_told_when_their_time_is_over_though_nothing_else_is_logged)
{
    ck_assert_int_eq(log_start(), 0);
    for (int i = 0; i < LOG_KIND_MAX + 1; i++)
        log_of_one_kind();
    read_until("msg=\"1 more like this\" like=\"of one kind\"");
    log_of_one_kind();
    log_stop(30000);
    read_text();
    ck_assert_uint_eq(count("msg=\"of one kind\""), LOG_KIND_MAX + 1);
}
END_TEST

START_TEST(without_the_thread_every_line_is_written_at_once)
{
    for (int i = 0; i < LOG_KIND_MAX + 10; i++) {
        log_of_one_kind();
        read_text();
        ck_assert_uint_eq(count("\n"), (unsigned)i + 1);
    }
}
END_TEST

START_TEST(it_can_be_started_again)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(log_start(), 0);
        log_info("again");
        log_stop(30000);
        log_info("between");
    }
    read_text();
    ck_assert_uint_eq(count("msg=again"), 3);
    ck_assert_uint_eq(count("msg=between"), 3);
}
END_TEST

START_TEST(a_reader_that_has_gone_harms_nobody)
{
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(log_start(), 0);
    close(reader);
    reader = -1;
    for (int i = 0; i < 10; i++)
        log_unlimited(LOG_LEVEL_INFO, "for nobody", i);
    log_stop(30000);
    ck_assert_uint_eq(log_n_dropped(), 10);
}
END_TEST

/* The limit is like a disk that is full. */
static void limit_file(rlim_t len)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = len;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void log_until_dropped(uint64_t n)
{
    for (int i = 0; log_n_dropped() < n; i++) {
        log_unlimited(LOG_LEVEL_INFO, "no room", i);
        log_writer_flush(30000);
    }
}

START_TEST(lines_that_a_full_disk_did_not_take_are_told_when_it_has_room_again)
{
    char name[] = "/tmp/svcd-log.XXXXXX";
    signal(SIGXFSZ, SIG_IGN);
    close(reader);
    reader = mkstemp(name);
    unlink(name);
    ck_assert_int_eq(dup2(reader, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(log_start(), 0);
    limit_file(1000);
    log_until_dropped(3);
    limit_file(RLIM_INFINITY);
    log_unlimited(LOG_LEVEL_INFO, "room again", 0);
    log_stop(30000);
    lseek(reader, 0, SEEK_SET);
    read_text();
    ck_assert_uint_eq(number_before(" lines were dropped"), log_n_dropped());
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_msg(strncmp(line, "time=", 5) == 0, "not a line of its own: %s", line);
}
END_TEST

static void crash(int way)
{
    for (int i = 0; i < 20; i++)
        log_unlimited(LOG_LEVEL_INFO, "before", i);
    if (way == 0)
        log_fatal("cannot be", log_int("n", 1));
    else
        raise(way == 1 ? SIGABRT : SIGSEGV);
}

START_TEST(a_crash_is_a_line_after_all_others)
{
#ifdef __SANITIZE_ADDRESS__
    if (_i > 0) /* that signal is the sanitizer's */
        return;
#endif
    pid_t child = fork();
    if (child == 0) {
        log_start();
        crash(_i);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), _i == 2 ? SIGSEGV : SIGABRT);
    read_text();
    const char *last_before = strstr(text, "msg=before n=19\n");
    ck_assert_ptr_nonnull(last_before);
    const char *const wanted[] = { "level=fatal msg=\"cannot be\" n=1\n",
                                   "level=fatal msg=crashed signal=SIGABRT\n",
                                   "level=fatal msg=crashed signal=SIGSEGV\n" };
    ck_assert_ptr_nonnull(strstr(last_before, wanted[_i]));
}
END_TEST

Suite *log_writer_suite(void)
{
    Suite *suite = suite_create("log_writer");
    TCase *tcase = tcase_create("log_writer");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, open_pipe, close_pipe);
    tcase_add_test(tcase, lines_come_in_order_and_all_are_written_at_the_end);
    tcase_add_test(tcase, a_full_pipe_stops_nobody_and_the_end_does_not_wait_for_it);
    tcase_add_test(tcase, what_was_dropped_is_counted_and_told_when_there_is_room_again);
    tcase_add_test(tcase, warnings_find_room_when_lesser_lines_do_not);
    tcase_add_test(tcase, of_many_lines_of_one_kind_some_are_written_and_the_others_counted);
    tcase_add_test(tcase, they_are_told_when_their_time_is_over_though_nothing_else_is_logged);
    tcase_add_test(tcase, without_the_thread_every_line_is_written_at_once);
    tcase_add_test(tcase, it_can_be_started_again);
    tcase_add_test(tcase, a_reader_that_has_gone_harms_nobody);
    tcase_add_test(tcase, lines_that_a_full_disk_did_not_take_are_told_when_it_has_room_again);
    tcase_add_loop_test(tcase, a_crash_is_a_line_after_all_others, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
