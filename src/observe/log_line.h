/* SPDX-License-Identifier: MIT
 *
 * The fields of an event, and the line made of them: logfmt, JSON, or logfmt with a priority for the journal.
 * Safe in a signal handler and on any thread: uses only its arguments and the clock.
 */
#ifndef OBSERVE_LOG_LINE_H
#define OBSERVE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048 /* bytes, with the newline */

enum log_level { LOG_LEVEL_FATAL = -1, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* AUTO is JOURNAL if standard error goes to the systemd journal, else TEXT. */
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

/* One key=value pair; made by log_str and its likes below. */
struct log_field {
    const char *key; /* NULL ends an array of them */
    enum log_kind { LOG_STR, LOG_INT, LOG_MS } kind;
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

/* Microseconds, written as milliseconds with three decimals. */
static inline struct log_field log_ms(const char *key, int64_t us)
{
    return (struct log_field){ .key = key, .kind = LOG_MS, .num = us };
}

struct log_line {
    char text[LOG_LINE_MAX];
    size_t len; /* with the newline at its end */
};

/* `fields` ends with a NULL key; so does `more`, which is appended and may be NULL. `format` must not be
 * AUTO.
 */
void log_line_compose(struct log_line *line, enum log_format format, enum log_level level,
                      const char *message, const struct log_field *fields, const struct log_field *more);

#endif
