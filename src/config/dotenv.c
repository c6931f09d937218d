/* SPDX-License-Identifier: MIT
 *
 * A scanner for .env files that unescapes in place, since a value never grows.
 */
#include "config/dotenv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

struct scanner {
    char *at;
    int line;
};

static char unescaped(char c)
{
    switch (c) {
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'v':
        return '\v';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* The bytes of the blank here; 0: none. Includes Unicode's blanks: text copied from a web page may have
 * no-break spaces. */
static size_t blank_len(const char *at)
{
    static const char *const wide[] = { "\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001",
                                        "\u2002",   "\u2003", "\u2004", "\u2005", "\u2006",
                                        "\u2007",   "\u2008", "\u2009", "\u200a", "\u2028",
                                        "\u2029",   "\u202f", "\u205f", "\u3000" };
    if (*at && strchr(" \t\v\f\x1c\x1d\x1e\x1f", *at))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide && *at & 0x80; i++)
        if (strncmp(at, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return 0;
}

static void skip_blanks(struct scanner *scan)
{
    for (size_t len; (len = blank_len(scan->at)) > 0;)
        scan->at += len;
}

static void skip_line(struct scanner *scan)
{
    scan->at += strcspn(scan->at, "\n");
    scan->line += *scan->at == '\n';
    scan->at += *scan->at == '\n';
}

/* Whether at most a comment follows on the line. */
static bool is_at_end(struct scanner scan)
{
    skip_blanks(&scan);
    return !*scan.at || *scan.at == '\n' || *scan.at == '#';
}

/* The first quote without a backslash before it, or else the last quote; NULL: none. */
static char *closing_quote(char *at, char quote)
{
    char *last = NULL;
    for (; *at; at++) {
        if (*at != quote)
            continue;
        last = at;
        if (at[-1] != '\\')
            break;
    }
    return last;
}

/* Reads up to the closing quote; NULL if there is none. */
static char *scan_quoted(struct scanner *scan)
{
    char quote = *scan->at++;
    char *value = scan->at, *out = value, *end = closing_quote(scan->at, quote);
    if (!end)
        return NULL;
    for (; scan->at < end; scan->at++) {
        if (*scan->at == '\n')
            scan->line++;
        char next = scan->at + 1 < end ? scan->at[1] : '\0';
        if (*scan->at == '\\' && next && strchr(quote == '"' ? "'\\\"abfnrtv" : "'\\", next)) {
            scan->at++;
            *out++ = quote == '"' ? unescaped(next) : next;
        } else {
            *out++ = *scan->at;
        }
    }
    scan->at++;
    *out = '\0';
    return value;
}

/* Reads an unquoted value, up to the end of the line or a comment (which needs a blank before it). Leaves the
 * scanner after the newline. */
static char *scan_bare(struct scanner *scan)
{
    char *value = scan->at, *end = value;
    while (*scan->at && *scan->at != '\n' && (*scan->at != '#' || scan->at == end)) {
        size_t blank = blank_len(scan->at);
        scan->at += blank ? blank : 1;
        if (!blank)
            end = scan->at;
    }
    skip_line(scan); /* first, since the NUL may overwrite the line's newline */
    *end = '\0';
    return value;
}

/* The bytes of the name here, which may be quoted; 0: none. Leaves the scanner after it. */
static size_t scan_name(struct scanner *scan, char **name)
{
    *name = scan->at;
    const char *close = *scan->at == '\'' ? strchr(scan->at + 1, '\'') : NULL;
    if (close && close > scan->at + 1) {
        ++*name;
        for (; scan->at <= close; scan->at++)
            scan->line += *scan->at == '\n';
        return (size_t)(close - *name);
    }
    while (*scan->at && !strchr("=#\n", *scan->at) && !blank_len(scan->at))
        scan->at++;
    return (size_t)(scan->at - *name);
}

/* Turns \r\n and \r into \n, also within quotes. */
static void unify_newlines(char *text)
{
    char *out = text;
    for (const char *at = text; *at; at++) {
        if (at[0] == '\r' && at[1] == '\n')
            continue;
        *out++ = *at == '\r' ? '\n' : *at;
    }
    *out = '\0';
}

/* *value NULL: the line sets nothing. False: a quote never closes. */
static bool scan_value(struct scanner *scan, char **value)
{
    if (*scan->at != '"' && *scan->at != '\'') {
        *value = scan_bare(scan);
        return true;
    }
    char *quoted = scan_quoted(scan);
    if (!quoted)
        return false;
    *value = is_at_end(*scan) ? quoted : NULL;
    skip_line(scan);
    return true;
}

int dotenv_parse(char *text, dotenv_entry_cb on_entry, void *user)
{
    struct scanner scan = { .at = text + text_mark_len(text, strlen(text)), .line = 1 };
    unify_newlines(scan.at);
    while (*scan.at) {
        int line = scan.line;
        char *name, *value = NULL;
        skip_blanks(&scan);
        if (strncmp(scan.at, "export", 6) == 0 && blank_len(scan.at + 6))
            scan.at += 6;
        skip_blanks(&scan);
        size_t name_len = scan_name(&scan, &name);
        skip_blanks(&scan);
        bool is_set = name_len > 0 && *scan.at == '=', is_bare = name_len > 0 && is_at_end(scan);
        scan.at += is_set;
        skip_blanks(&scan);
        if (!is_set)
            skip_line(&scan);
        else if (!scan_value(&scan, &value))
            return line;
        if (!value && !is_bare)
            continue;
        name[name_len] = '\0';
        on_entry(user, name, value, line);
    }
    return 0;
}
