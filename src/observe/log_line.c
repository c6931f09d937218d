/* SPDX-License-Identifier: MIT
 *
 * logfmt and JSON lines are made of the same pieces: a key, and a value that is escaped while it is copied. A
 * line that is too long is cut at the first character that does not fit; open quotes and braces are closed,
 * and the line is marked as cut.
 */
#include "observe/log_line.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

/* Reserved room for what closes a line: the quote after a value, the mark that it was cut, the newline. */
static const char cut_text[] = " cut=yes", cut_json[] = ",\"cut\":true";
#define ROOM (LOG_LINE_MAX - 1 - sizeof cut_json - sizeof "}\n")

struct writer {
    struct log_line *line;
    bool is_json, cut;
    bool has_pairs; /* the next pair needs a separator */
};

static const struct {
    const char *name, *priority; /* syslog's, at the line's beginning, where the journal expects it */
} levels[] = {
    { "fatal", "<2>" }, { "error", "<3>" }, { "warn", "<4>" }, { "info", "<6>" }, { "debug", "<7>" }
};

static void put(struct writer *writer, const char *text, size_t len)
{
    struct log_line *line = writer->line;
    if (writer->cut || line->len + len > ROOM) {
        writer->cut = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void puts_plain(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

/* Appends to the line, using the reserved room. */
static void put_end(struct writer *writer, const char *text)
{
    memcpy(writer->line->text + writer->line->len, text, strlen(text));
    writer->line->len += strlen(text);
}

/* ---- characters ---- */

/* The bytes of the UTF-8 character at s, and its code point; 0: invalid UTF-8. */
static size_t decode(const unsigned char *s, unsigned *code)
{
    *code = s[0];
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    *code = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    bool overlong = (len == 3 && *code < 0x800) || (len == 4 && *code < 0x10000);
    return overlong || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff ? 0 : len;
}

/* Control characters, line separators and characters that change the direction of text are escaped: with them
 * a value could make the line look like something else. */
static bool is_printable(unsigned code)
{
    return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x061c && code != 0xfeff &&
           !(code >= 0x200e && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2060 && code <= 0x206f) && !(code >= 0xfff0 && code <= 0xfffb);
}

static void put_hex(struct writer *writer, const char *prefix, unsigned value, int digits)
{
    char text[12]; /* so that an escape is put whole or not at all */
    size_t n = 0;
    for (; *prefix; prefix++)
        text[n++] = *prefix;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        text[n++] = "0123456789abcdef"[value >> shift & 15];
    put(writer, text, n);
}

static void put_unprintable(struct writer *writer, const unsigned char *s, size_t len, unsigned code)
{
    if (len == 1 && code == '\n')
        put(writer, "\\n", 2);
    else if (!writer->is_json)
        for (size_t i = 0; i < (len ? len : 1); i++)
            put_hex(writer, "\\x", s[i], 2);
    else
        put_hex(writer, "\\u", len ? code : 0xfffd, 4); /* unprintable characters all have at most 4 digits */
}

/* Escapes a value that stands between quotes. */
static void put_escaped(struct writer *writer, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s && !writer->cut;) {
        unsigned code;
        size_t len = decode(s, &code);
        if (len == 0 || !is_printable(code))
            put_unprintable(writer, s, len, code);
        else if (*s == '"' || *s == '\\')
            put(writer, (const char[]){ '\\', (char)*s }, 2);
        else
            put(writer, (const char *)s, len);
        s += len ? len : 1;
    }
}

/* Whether logfmt can show the value without quotes. */
static bool is_plain(const char *value)
{
    if (!*value)
        return false;
    for (const unsigned char *s = (const unsigned char *)value; *s; s++)
        if (*s <= ' ' || *s >= 0x7f || strchr("\"\\=", *s))
            return false;
    return true;
}

/* ---- pairs ---- */

static void put_string(struct writer *writer, const char *value)
{
    if (!writer->is_json && is_plain(value)) {
        size_t len = strlen(value), room = ROOM - writer->line->len; /* not negative: the key has fitted */
        put(writer, value, len < room ? len : room);
        writer->cut |= len > room;
        return;
    }
    put(writer, "\"", 1);
    bool opened = !writer->cut;
    put_escaped(writer, value);
    if (opened)
        put_end(writer, "\"");
}

static void put_digits(struct writer *writer, uint64_t value, int at_least)
{
    char text[24];
    size_t at = sizeof text;
    for (; value > 0 || at_least > 0; value /= 10, at_least--)
        text[--at] = (char)('0' + value % 10);
    put(writer, text + at, sizeof text - at);
}

static void put_number(struct writer *writer, int64_t value, bool as_ms)
{
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (value < 0)
        put(writer, "-", 1);
    put_digits(writer, as_ms ? size / 1000 : size, 1);
    if (as_ms) {
        put(writer, ".", 1);
        put_digits(writer, size % 1000, 3);
    }
}

static void put_key(struct writer *writer, const char *key)
{
    if (writer->has_pairs)
        put(writer, writer->is_json ? "," : " ", 1);
    writer->has_pairs = true;
    if (writer->is_json)
        put(writer, "\"", 1);
    puts_plain(writer, key);
    puts_plain(writer, writer->is_json ? "\":" : "=");
}

/* If not even the beginning of the value fits, the whole pair is left out. */
static void put_field(struct writer *writer, const struct log_field *field)
{
    size_t begun_at = writer->line->len;
    if (writer->cut || (field->kind == LOG_STR && !field->str))
        return;
    put_key(writer, field->key);
    size_t value_at = writer->line->len;
    if (writer->cut) {
        writer->line->len = begun_at;
        return;
    }
    if (field->kind == LOG_STR)
        put_string(writer, field->str);
    else
        put_number(writer, field->num, field->kind == LOG_MS);
    if (writer->cut && (writer->line->len == value_at || field->kind != LOG_STR))
        writer->line->len = begun_at;
}

/* ---- the line ---- */

/* Converts days since 1970-01-01 into a date, by eras of 400 years that begin in March (Howard Hinnant's
 * civil_from_days); gmtime_r() may not be used in a signal handler. */
static void put_date(struct writer *writer, int64_t day)
{
    uint64_t shifted = (uint64_t)(day + 719468), era = shifted / 146097, of_era = shifted % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * of_year + 2) / 153;
    put_digits(writer, year_of_era + era * 400 + (month >= 10), 4);
    put(writer, "-", 1);
    put_digits(writer, month < 10 ? month + 3 : month - 9, 2);
    put(writer, "-", 1);
    put_digits(writer, of_year - (153 * month + 2) / 5 + 1, 2);
}

static void put_time(struct writer *writer)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t day = now.tv_sec / 86400, second = now.tv_sec % 86400;
    put_key(writer, "time");
    puts_plain(writer, writer->is_json ? "\"" : "");
    put_date(writer, day);
    put(writer, "T", 1);
    put_digits(writer, (uint64_t)second / 3600, 2);
    put(writer, ":", 1);
    put_digits(writer, (uint64_t)second / 60 % 60, 2);
    put(writer, ":", 1);
    put_digits(writer, (uint64_t)second % 60, 2);
    put(writer, ".", 1);
    put_digits(writer, (uint64_t)now.tv_nsec / 1000000, 3);
    puts_plain(writer, writer->is_json ? "Z\"" : "Z");
}

void log_line_compose(struct log_line *line, enum log_format format, enum log_level level,
                      const char *message, const struct log_field *fields, const struct log_field *more)
{
    struct writer writer = { .line = line, .is_json = format == LOG_FORMAT_JSON };
    line->len = 0;
    if (format == LOG_FORMAT_JOURNAL) { /* the journal records time and priority itself */
        puts_plain(&writer, levels[level + 1].priority);
    } else {
        puts_plain(&writer, writer.is_json ? "{" : "");
        put_time(&writer);
        put_field(&writer, &(struct log_field){ .key = "level", .str = levels[level + 1].name });
    }
    put_field(&writer, &(struct log_field){ .key = "msg", .str = message });
    for (; fields && fields->key; fields++)
        put_field(&writer, fields);
    for (; more && more->key; more++)
        put_field(&writer, more);
    if (writer.cut)
        put_end(&writer, writer.is_json ? cut_json : cut_text);
    put_end(&writer, writer.is_json ? "}\n" : "\n");
}
