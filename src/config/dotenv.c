/* SPDX-License-Identifier: MIT
 *
 * Reads .env files: a scanner that unescapes in place (a value never grows).
 */
#include "config/dotenv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define BLANKS " \t\v\f"

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

/* Reads up to the closing quote; NULL if there is none. */
static char *scan_quoted(struct scanner *scan)
{
    char quote = *scan->at++;
    char *value = scan->at, *out = value;
    for (; *scan->at != quote; scan->at++) {
        if (!*scan->at)
            return NULL;
        if (*scan->at == '\n')
            scan->line++;
        char next = scan->at[1];
        if (*scan->at == '\\' &&
            (next == '\'' || next == '\\' || (quote == '"' && next && strchr("\"abfnrtv", next)))) {
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

/* Reads to the end of the line or a comment, which needs a space in front. Ends on the newline. */
static char *scan_bare(struct scanner *scan)
{
    char *value = scan->at, *end = value;
    for (; *scan->at && *scan->at != '\n'; scan->at++) {
        if (*scan->at == '#' && scan->at > value && strchr(BLANKS, scan->at[-1]))
            break;
        if (!strchr(BLANKS, *scan->at))
            end = scan->at + 1;
    }
    scan->at += strcspn(scan->at, "\n");
    /* The newline itself may be where the value ends; the caller has to look before it is overwritten. */
    scan->line += *scan->at == '\n';
    scan->at += *scan->at == '\n';
    *end = '\0';
    return value;
}

/* Whether nothing but a comment follows in the line. */
static bool is_at_end(const struct scanner *scan)
{
    const char *at = scan->at + strspn(scan->at, BLANKS);
    return !*at || *at == '\n' || *at == '#';
}

static void skip_line(struct scanner *scan)
{
    scan->at += strcspn(scan->at, "\n");
    scan->line += *scan->at == '\n';
    scan->at += *scan->at == '\n';
}

static void skip_blanks(struct scanner *scan)
{
    scan->at += strspn(scan->at, BLANKS);
}

/* However a line ends, it is a line; also within quotes. */
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

int dotenv_parse(char *text, dotenv_entry_cb on_entry, void *user)
{
    struct scanner scan = { .at = text, .line = 1 };
    if (strncmp(scan.at, "\xef\xbb\xbf", 3) == 0)
        scan.at += 3;
    unify_newlines(scan.at);
    while (*scan.at) {
        int line = scan.line;
        skip_blanks(&scan);
        if (strncmp(scan.at, "export", 6) == 0 && strchr(BLANKS, scan.at[6]) && scan.at[6])
            scan.at += 6;
        skip_blanks(&scan);
        char *name = scan.at;
        size_t name_len = strcspn(name, "=#\n" BLANKS);
        if (*name == '\'' && strcspn(name + 1, "'\n") > 0 && name[1 + strcspn(name + 1, "'\n")] == '\'') {
            name_len = strcspn(++name, "'");
            scan.at += 2;
        }
        scan.at += name_len;
        skip_blanks(&scan);
        if (name_len == 0 || *scan.at != '=') {
            skip_line(&scan);
            continue;
        }
        scan.at++;
        name[name_len] = '\0';
        skip_blanks(&scan);

        char *value;
        if (*scan.at == '"' || *scan.at == '\'') {
            value = scan_quoted(&scan);
            if (!value)
                return line;
            bool is_whole = is_at_end(&scan);
            skip_line(&scan);
            if (!is_whole)
                continue;
        } else {
            value = scan_bare(&scan);
        }
        on_entry(user, name, value, line);
    }
    return 0;
}
