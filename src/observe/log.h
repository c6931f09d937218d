/* SPDX-License-Identifier: MIT
 *
 * The log: one line per event on standard error, in the format set by log_set_format(). The line
 *
 *     time=2024-05-01T12:00:00.000Z level=info msg=listening address=127.0.0.1:50051
 *
 * comes from
 *
 *     log_info("listening", log_str("address", text));
 *
 * Values are escaped: they can neither end a line, nor forge a key=value pair, nor send control characters to
 * a terminal. Never log secrets; of people log account ids only. Any thread; allocates nothing; a line over
 * LOG_LINE_MAX bytes is cut and marked so.
 *
 * Between log_start and log_stop a thread of the log's own writes, so no other thread waits for standard
 * error: lines that find the buffer full are dropped, and a later line says how many ("12 lines were
 * dropped"). Meanwhile lines are also rate-limited: each place in the code may log LOG_KIND_MAX lines within
 * LOG_KIND_MS; of the rest one line says how many there were ("17 more like this"). Before and after, as in
 * commands, every line is written at once.
 */
#ifndef OBSERVE_LOG_H
#define OBSERVE_LOG_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "observe/log_line.h"

#define LOG_KIND_MAX 50
#define LOG_KIND_MS  10000

/* The field error=<text of a negative UV_E* code>. */
struct log_field log_error_code(int code);

extern _Atomic enum log_level log_level; /* less important events are dropped; info until set */

static inline void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

void log_set_format(enum log_format format); /* TEXT until set */

/* Starts the writer's thread, and installs handlers so that a crash (SIGSEGV, SIGABRT, ...) is logged after
 * the lines that wait. Returns 0; or a UV_E* code, and nothing has changed. */
int log_start(void);
/* Writes the lines that wait, for at most timeout_ms, and ends the thread. */
void log_stop(unsigned timeout_ms);
/* How many lines were dropped since the start. */
uint64_t log_n_dropped(void);

/* The rate limit of one place in the code that logs. */
struct log_site {
    unsigned max; /* lines allowed within LOG_KIND_MS; 0: LOG_KIND_MAX */
    unsigned in_window;
    uint64_t window_began_ms;
    uint64_t held_back; /* lines suppressed and not reported yet */
    const char *message;
    struct log_site *next;
    enum log_level level;
    bool listed;
};

/* Use the macros below: they do not evaluate the fields of an event whose level is off. site NULL: no rate
 * limit. */
void log_write(struct log_site *site, enum log_level level, const char *message,
               const struct log_field *fields);

#define LOG_FIELDS(...)  ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
#define log_wants(level) (atomic_load_explicit(&log_level, memory_order_relaxed) >= (level))

#define log_event(level, message, ...)                                                                       \
    ({                                                                                                       \
        static struct log_site log_site_;                                                                    \
        if (log_wants(level))                                                                                \
            log_write(&log_site_, (level), (message), LOG_FIELDS(__VA_ARGS__));                              \
    })

#define log_error(message, ...) log_event(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_warn(message, ...)  log_event(LOG_LEVEL_WARN, message, __VA_ARGS__)
#define log_info(message, ...)  log_event(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_debug(message, ...) log_event(LOG_LEVEL_DEBUG, message, __VA_ARGS__)

/* For what must never happen: writes the waiting lines and this one, then aborts the process. */
#define log_fatal(message, ...) log_write_fatal((message), LOG_FIELDS(__VA_ARGS__))
void log_write_fatal(const char *message, const struct log_field *fields) __attribute__((noreturn));

#endif
