/* SPDX-License-Identifier: MIT
 *
 * The text of errors: what is wrong with a JSON text, and where. The sender's text is quoted, cut and
 * escaped; a secret never is.
 */
#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

#include "base/text.h"
#include "edge/http/json_reader.h"

#define PATH_MAX_LEN   240 /* of the path in an error; more is cut at the front */
#define NAMES_MAX_LEN  300 /* of a list of names that would be right */
#define QUOTED_MAX_LEN (JSON_QUOTED_MAX * 6 + 8)

struct words {
    char *text;
    size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(words->text + words->len, words->size - words->len, format, args);
    va_end(args);
    if (n > 0)
        words->len += (size_t)n < words->size - words->len ? (size_t)n : words->size - words->len - 1;
}

static void add_path(struct words *words, const struct json_reader *r)
{
    size_t first = r->path_n > 8 ? r->path_n - 8 : 0; /* only the last steps: no message of ours is deeper */
    if (first)
        add(words, TEXT_ELLIPSIS);
    for (size_t i = first; i < r->path_n && words->len < PATH_MAX_LEN; i++) {
        add(words, "%s%s", i ? "." : "", r->path[i].field->json_name);
        if (r->path[i].index != JSON_NO_INDEX)
            add(words, "[%zu]", r->path[i].index);
    }
    if (r->path_n)
        add(words, ": ");
}

static void add_place(struct words *words, const struct json_reader *r, const char *at)
{
    size_t line = 1, column = 1;
    for (const char *c = r->text; c < at; c++) {
        column += ((uint8_t)*c & 0xC0) != 0x80;
        if (*c == '\n') {
            line++;
            column = 1;
        }
    }
    add(words, " (line %zu, column %zu, byte %zu)", line, column, (size_t)(at - r->text));
}

static int vfail(struct json_reader *r, const char *at, const char *format, va_list args)
{
    struct words words = { r->error->text, 0, sizeof r->error->text };
    char place[96];
    struct words place_words = { place, 0, sizeof place };
    add_place(&place_words, r, at);
    words.size -= place_words.len;
    add_path(&words, r);
    int n = vsnprintf(words.text + words.len, words.size - words.len, format, args);
    if (n > 0)
        words.len += (size_t)n < words.size - words.len ? (size_t)n : words.size - words.len - 1;
    words.len = text_utf8_len((const uint8_t *)words.text, words.len); /* a cut falls between characters */
    words.size += place_words.len;
    add(&words, "%s", place);
    return UV_EINVAL;
}

int json_fail(struct json_reader *r, const char *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = vfail(r, at, format, args);
    va_end(args);
    return rc;
}

/* The length of the character at the start, escaped into out if it would not print. */
static size_t add_character(struct words *words, const char *text, size_t len)
{
    const uint8_t *c = (const uint8_t *)text;
    size_t n = 1;
    while (n < len && n < 4 && (c[n] & 0xC0) == 0x80)
        n++;
    if (text_utf8_len(c, n) != n) {
        add(words, "\xEF\xBF\xBD");
        return 1;
    }
    if (*c < 0x20 || *c == 0x7F)
        add(words, "\\u%04x", *c);
    else if (n == 2 && c[0] == 0xC2 && c[1] < 0xA0)
        add(words, "\\u%04x", c[1]);
    else
        add(words, "%.*s", (int)n, text);
    return n;
}

/* An empty text makes the words empty, and not undefined. */
static void add_quoted(struct words *words, const char *text, size_t len)
{
    size_t n = 0;
    add(words, "%s", "");
    for (size_t i = 0; i < len; n++) {
        if (n == JSON_QUOTED_MAX) {
            add(words, TEXT_ELLIPSIS);
            return;
        }
        i += add_character(words, text + i, len - i);
    }
}

/* The length of the string, number or word that begins at `at`. */
static size_t literal_len(const char *at, const char *end)
{
    const char *c = at + 1;
    if (*at == '"')
        while (c < end && *c != '"')
            c += *c == '\\' && end - c > 1 ? 2 : 1;
    else
        while (c < end && (uint8_t)*c > ' ' && !strchr(",:]}\"[{", *c))
            c++;
    return (size_t)(c - at);
}

static const char *kind_at(const struct json_reader *r, const char *at)
{
    if (at >= r->end)
        return "the end of the text";
    switch (*at) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "a list";
    case '-':
    case '0' ... '9':
        return "a number";
    default:
        return NULL;
    }
}

int json_fail_syntax(struct json_reader *r, const char *at, const char *what)
{
    const char *kind = kind_at(r, at);
    if (kind)
        return json_fail(r, at, "expected %s, got %s", what, kind);
    char text[16];
    struct words words = { text, 0, sizeof text };
    add_character(&words, at, (size_t)(r->end - at));
    return json_fail(r, at, "expected %s, got '%s'", what, text);
}

int json_fail_value(struct json_reader *r, const char *at, const char *what)
{
    const char *kind = kind_at(r, at);
    bool secret = r->path_n && r->path[r->path_n - 1].field->secret;
    if (secret || at >= r->end || *at == '{' || *at == '[')
        return json_fail(r, at, "expected %s, got %s", what, kind ? kind : "something else");
    char text[QUOTED_MAX_LEN];
    struct words words = { text, 0, sizeof text };
    size_t len = literal_len(at, r->end);
    add_quoted(&words, at + (*at == '"'), len - (*at == '"'));
    if (*at == '"')
        return json_fail(r, at, "expected %s, got the string \"%s\"", what, text);
    return json_fail(r, at, "expected %s, got %s", what, text);
}

int json_fail_name(struct json_reader *r, const char *at, const char *name, size_t len,
                   const struct message_desc *desc)
{
    char text[QUOTED_MAX_LEN], known[NAMES_MAX_LEN];
    struct words words = { text, 0, sizeof text }, names = { known, 0, sizeof known };
    add_quoted(&words, name, len);
    for (size_t i = 0; i < desc->fields_n && names.len + 40 < sizeof known; i++)
        add(&names, "%s%s", i ? ", " : "", desc->fields[i].json_name);
    if (!desc->fields_n)
        return json_fail(r, at, "no field \"%s\" in %s, which has none", text, desc->full_name);
    return json_fail(r, at, "no field \"%s\" in %s, which has %s", text, desc->full_name, known);
}

int json_fail_memory(struct json_reader *r)
{
    snprintf(r->error->text, sizeof r->error->text, "out of memory");
    return UV_ENOMEM;
}

int json_fail_size(struct json_reader *r)
{
    snprintf(r->error->text, sizeof r->error->text, "the message has more than %zu bytes", r->max);
    return UV_EMSGSIZE;
}
