/* SPDX-License-Identifier: MIT
 *
 * The log: formats an event into a buffer on the stack and writes it with one write(2).
 */
#include "observe/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

static const char *const level_names[] = { [LOG_LEVEL_ERROR] = "error",
                                           [LOG_LEVEL_WARN] = "warn",
                                           [LOG_LEVEL_INFO] = "info",
                                           [LOG_LEVEL_DEBUG] = "debug" };
static const char cut_mark[] = " cut=yes\n";

_Atomic enum log_level log_level = LOG_LEVEL_INFO;

/* A line under construction; room for cut_mark is kept back. */
struct line {
    char text[LOG_LINE_MAX];
    size_t len;
    bool cut;
};

static void line_put(struct line *line, const char *text, size_t len)
{
    if (line->cut || len > sizeof line->text - sizeof cut_mark - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void line_puts(struct line *line, const char *text)
{
    line_put(line, text, strlen(text));
}

/* Bytes of the printable UTF-8 character at s; 0 for a control character or what is no UTF-8. */
static size_t printable_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool c1_control = s[0] == 0xc2 && s[1] < 0xa0;
    bool separator =
        s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xe0) == 0xa0 && s[2] <= 0xaf; /* and bidi overrides */
    bool isolate = s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return c1_control || separator || isolate || overlong || beyond ? 0 : len;
}

static void line_put_escaped(struct line *line, const char *text, bool quoted)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t len = printable_len(s);
        if (len > 0) {
            if (quoted && (*s == '"' || *s == '\\'))
                line_put(line, "\\", 1);
            line_put(line, (const char *)s, len);
            s += len;
            continue;
        }
        char escape[5];
        int n = *s == '\n' ? snprintf(escape, sizeof escape, "\\n")
                           : snprintf(escape, sizeof escape, "\\x%02x", *s);
        line_put(line, escape, (size_t)n);
        s++;
    }
}

static bool is_plain(const char *value)
{
    if (!*value)
        return false;
    for (const unsigned char *s = (const unsigned char *)value; *s; s++)
        if (*s <= ' ' || *s >= 0x7f || strchr("\"\\=", *s))
            return false;
    return true;
}

static void line_put_field(struct line *line, const struct log_field *field)
{
    if (field->kind == LOG_STR && !field->str)
        return;
    line_put(line, " ", 1);
    line_puts(line, field->key);
    line_put(line, "=", 1);
    if (field->kind == LOG_INT) {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, field->num);
        line_puts(line, number);
    } else if (is_plain(field->str)) {
        line_put_escaped(line, field->str, false);
    } else {
        line_put(line, "\"", 1);
        line_put_escaped(line, field->str, true);
        line_put(line, "\"", 1);
    }
}

static void line_put_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40], millis[8];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    line_put(line, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
    snprintf(millis, sizeof millis, ".%03dZ ", (int)(now.tv_nsec / 1000000));
    line_puts(line, millis);
}

/* A log that cannot be written has nowhere to say so: the event is lost. */
static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    int saved_errno = errno;
    struct line line;
    line.len = 0;
    line.cut = false;

    line_put_time(&line);
    line_puts(&line, level_names[level]);
    line_put(&line, " ", 1);
    line_put_escaped(&line, message, false);
    for (; fields->key; fields++)
        line_put_field(&line, fields);

    const char *end = line.cut ? cut_mark : "\n";
    memcpy(line.text + line.len, end, strlen(end));
    write_all(line.text, line.len + strlen(end));
    errno = saved_errno;
}

struct log_field log_error_code(int code)
{
    return log_str("error", uv_strerror(code));
}
