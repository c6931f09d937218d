/* SPDX-License-Identifier: MIT
 *
 * From an event to a line for the writer: level, rate limit, format. Also the last line of a process that
 * crashes.
 */
#include "observe/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "observe/log_line.h"
#include "observe/log_writer.h"

#define FATAL_FLUSH_MS 500

_Atomic enum log_level log_level = LOG_LEVEL_INFO;

static _Atomic enum log_format log_format = LOG_FORMAT_TEXT;

/* ---- format ---- */

/* JOURNAL_STREAM names the device and inode of standard error when systemd started us; compare them, since
 * standard error may have been redirected. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat stat;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &stat) == 0 &&
           stat.st_dev == device && stat.st_ino == inode;
}

void log_set_format(enum log_format format)
{
    log_format = format != LOG_FORMAT_AUTO ? format : is_journal() ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
}

static void put(enum log_level level, const char *message, const struct log_field *fields)
{
    struct log_line line;
    log_line_compose(&line, log_format, level, message, fields, NULL);
    log_writer_put(line.text, line.len, level <= LOG_LEVEL_WARN);
}

/* ---- rate limits ---- */

/* The list of places with suppressed lines. Its lock is never held while a line is put. */
static struct log_site *_Atomic held_back;
static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void tell_held_back(enum log_level level, const char *message, uint64_t n)
{
    char text[48];
    snprintf(text, sizeof text, "%" PRIu64 " more like this", n);
    put(level, text, LOG_FIELDS(log_str("like", message)));
}

/* True: the line may be written. *to_tell: how many were suppressed before it and not reported yet. */
static bool site_admits(struct log_site *site, enum log_level level, const char *message, uint64_t *to_tell)
{
    uint64_t at_ms = now_ms();
    if (at_ms - site->window_began_ms >= LOG_KIND_MS) {
        site->window_began_ms = at_ms;
        site->in_window = 0;
    }
    if (site->in_window < (site->max ? site->max : LOG_KIND_MAX)) {
        *to_tell = site->held_back;
        site->held_back = 0;
        site->in_window++;
        return true;
    }
    site->held_back++;
    site->level = level;
    site->message = message;
    if (!site->listed) {
        site->next = held_back;
        held_back = site;
        site->listed = true;
    }
    return false;
}

static bool admits(struct log_site *site, enum log_level level, const char *message)
{
    uint64_t to_tell = 0;
    pthread_mutex_lock(&sites_lock);
    const char *like = site->message;
    bool was_listed = site->listed;
    bool is_admitted = site_admits(site, level, message, &to_tell);
    bool is_new = site->listed && !was_listed;
    pthread_mutex_unlock(&sites_lock);
    if (to_tell > 0)
        tell_held_back(level, like, to_tell);
    if (is_new)
        log_writer_wake();
    return is_admitted;
}

/* Takes a place whose window (LOG_KIND_MS) is over, or any, off the list; NULL: none. */
static struct log_site *take_over(bool any, struct log_site *copy)
{
    uint64_t at_ms = now_ms();
    for (struct log_site *site = held_back, *before = NULL; site; before = site, site = site->next) {
        if (!any && at_ms - site->window_began_ms < LOG_KIND_MS)
            continue;
        if (before)
            before->next = site->next;
        else
            held_back = site->next;
        *copy = *site;
        site->held_back = 0;
        site->listed = false;
        return copy;
    }
    return NULL;
}

static void tell_all_held_back(bool any)
{
    struct log_site copy, *site;
    do {
        pthread_mutex_lock(&sites_lock);
        site = take_over(any, &copy);
        pthread_mutex_unlock(&sites_lock);
        if (site && site->held_back > 0)
            tell_held_back(site->level, site->message, site->held_back);
    } while (site);
}

/* ---- the writer's thread ---- */

static bool wants_ticks(void)
{
    return held_back != NULL;
}

static void on_tick(void)
{
    tell_all_held_back(false);
}

static void on_dropped(uint64_t n)
{
    char text[48];
    snprintf(text, sizeof text, "%" PRIu64 " lines were dropped", n);
    put(LOG_LEVEL_WARN, text, LOG_FIELDS(log_str("reason", "standard error was full")));
}

/* ---- events ---- */

void log_write(struct log_site *site, enum log_level level, const char *message,
               const struct log_field *fields)
{
    int saved_errno = errno;
    if (!site || !log_writer_is_running() || admits(site, level, message))
        put(level, message, fields);
    errno = saved_errno;
}

void log_write_fatal(const char *message, const struct log_field *fields)
{
    put(LOG_LEVEL_FATAL, message, fields);
    log_writer_flush(FATAL_FLUSH_MS);
    abort();
}

struct log_field log_error_code(int code)
{
    return log_str("error", uv_strerror(code));
}

uint64_t log_n_dropped(void)
{
    return log_writer_n_dropped();
}

/* ---- crashes ---- */

static const struct {
    int number;
    const char *name;
} crashes[] = { { SIGSEGV, "SIGSEGV" },
                { SIGBUS, "SIGBUS" },
                { SIGILL, "SIGILL" },
                { SIGFPE, "SIGFPE" },
                { SIGABRT, "SIGABRT" } };
#define CRASHES_N (sizeof crashes / sizeof *crashes)

/* The writer's thread keeps running, unless it is the one that crashed, and so can flush. After the handler
 * the signal ends the process. */
static void on_crash(int number)
{
    const char *name = NULL;
    for (size_t i = 0; i < CRASHES_N; i++)
        if (crashes[i].number == number)
            name = crashes[i].name;
    struct log_line line;
    log_line_compose(&line, log_format, LOG_LEVEL_FATAL, "crashed", LOG_FIELDS(log_str("signal", name)),
                     NULL);
    log_writer_flush(FATAL_FLUSH_MS);
    log_writer_put_now(line.text, line.len);
    raise(number);
}

#ifdef __SANITIZE_ADDRESS__
#define CRASHES_ARE_OURS 0 /* AddressSanitizer handles these signals itself */
#else
#define CRASHES_ARE_OURS 1
#endif

static void watch_for_crashes(void)
{
    static char stack[65536]; /* the handler must also run after a stack overflow */
    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
    for (size_t i = 0; CRASHES_ARE_OURS && i < CRASHES_N; i++) {
        struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK) };
        sigaction(crashes[i].number, &action, NULL);
    }
}

/* ---- start and stop ---- */

int log_start(void)
{
    watch_for_crashes();
    return log_writer_start(&(struct log_writer_options){
        .wants_ticks = wants_ticks, .on_tick = on_tick, .on_dropped = on_dropped });
}

void log_stop(unsigned timeout_ms)
{
    tell_all_held_back(true);
    log_writer_stop(timeout_ms);
}
