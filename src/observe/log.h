/* SPDX-License-Identifier: MIT
 *
 * The log: one line an event on standard error,
 *
 *     2024-05-01T12:00:00.000Z info listening address=127.0.0.1:50051
 *
 *     log_info("listening", log_str("address", text), log_int("backlog", 511));
 *
 * A value that is not one plain word is quoted, and whatever could end a line, forge a pair or steer a
 * terminal is escaped. No secrets, and of people only account ids. Any thread; allocates nothing; one write a
 * line; a line over LOG_LINE_MAX bytes is cut and says so.
 */
#ifndef OBSERVE_LOG_H
#define OBSERVE_LOG_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* One key=value pair; made by log_str and its likes below. */
struct log_field {
    const char *key; /* NULL ends an array of them */
    enum log_kind { LOG_STR, LOG_INT } kind;
    union {
        const char *str;
        int64_t num;
    };
};

static inline struct log_field log_str(const char *key, const char *value) /* value may be NULL: left out */
{
    return (struct log_field){ .key = key, .kind = LOG_STR, .str = value };
}

static inline struct log_field log_int(const char *key, int64_t value)
{
    return (struct log_field){ .key = key, .kind = LOG_INT, .num = value };
}

/* error=<text of a negative UV_E* code> */
struct log_field log_error_code(int code);

extern _Atomic enum log_level log_level; /* events above it are dropped; info until set */

static inline void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

/* Use the macros below: they evaluate no field of an event that is dropped. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

#define log_event(level, message, ...)                                                                       \
    (atomic_load_explicit(&log_level, memory_order_relaxed) < (level)                                        \
         ? (void)0                                                                                           \
         : log_write((level), (message), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } }))

#define log_error(message, ...) log_event(LOG_LEVEL_ERROR, message, __VA_ARGS__)
#define log_warn(message, ...)  log_event(LOG_LEVEL_WARN, message, __VA_ARGS__)
#define log_info(message, ...)  log_event(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_debug(message, ...) log_event(LOG_LEVEL_DEBUG, message, __VA_ARGS__)

#endif
