/* SPDX-License-Identifier: MIT
 *
 * The log: one line an event on standard error, in the form that log_set_format says,
 *
 *     time=2024-05-01T12:00:00.000Z level=info msg=listening address=127.0.0.1:50051
 *
 *     log_info("listening", log_str("address", text), log_int("backlog", 511));
 *
 * Whatever a value holds, it can neither end a line, nor forge a pair, nor steer a terminal. No secrets, and
 * of people only account ids. Any thread; allocates nothing; a line over LOG_LINE_MAX bytes is cut and says
 * so.
 *
 * Between log_start and log_stop a thread of the log's own writes, and nobody waits for standard error: lines
 * that find no room are dropped, counted and told of ("12 lines were dropped"). Then also each kind of line,
 * which is a place in the code, is written LOG_KIND_MAX times within LOG_KIND_MS; of the rest a line says how
 * many they were ("17 more like this"). Before and after, as in commands, every line is written at once.
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

/* error=<text of a negative UV_E* code> */
struct log_field log_error_code(int code);

extern _Atomic enum log_level log_level; /* events above it are dropped; info until set */

static inline void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

void log_set_format(enum log_format format); /* TEXT until set */

/* Starts the writer's thread, and sees to it that a crash (SIGSEGV, SIGABRT and their like) is a line after
 * those that wait. 0 or a UV_E* code; then all stays as before. */
int log_start(void);
/* Writes what waits, for at most timeout_ms, and ends the thread. */
void log_stop(unsigned timeout_ms);
/* Of all lines since the start. */
uint64_t log_n_dropped(void);

/* A kind of line: where it is written in the code, and how often it was lately. */
struct log_site {
    unsigned max; /* lines within LOG_KIND_MS; 0: LOG_KIND_MAX */
    unsigned in_window;
    uint64_t window_began_ms;
    uint64_t held_back; /* not told of yet */
    const char *message;
    struct log_site *next;
    enum log_level level;
    bool listed;
};

/* Use the macros below: they evaluate no field of an event that is dropped. site NULL: not limited. */
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

/* For what must never happen: the line goes out, after those that wait, and the process aborts. */
#define log_fatal(message, ...) log_write_fatal((message), LOG_FIELDS(__VA_ARGS__))
void log_write_fatal(const char *message, const struct log_field *fields) __attribute__((noreturn));

#endif
