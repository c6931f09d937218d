/* SPDX-License-Identifier: MIT
 *
 * Text of requests, which belongs to whoever brought it and does not end with NUL, and what HTTP wants of it:
 * the same over HTTP/1.1 and HTTP/2, but for the case of names. Any thread.
 */
#ifndef EDGE_HTTP_TEXT_H
#define EDGE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct http_text {
    const char *text;
    size_t len;
};

static inline bool http_text_is(const struct http_text *text, const char *expected)
{
    return text->len == strlen(expected) && memcmp(text->text, expected, text->len) == 0;
}

/* The name of a field or a verb; `may_have_capitals`: as HTTP/1.1 takes it. */
bool http_text_is_token(struct http_text text, bool may_have_capitals);
/* No blanks and no control characters. */
bool http_text_is_visible(struct http_text text);
/* A field's value, as HTTP/2 lets it pass: no NUL and no line's end. */
bool http_text_is_value(struct http_text text);
/* A field's value as HTTP/1.1 has it: nor any other control character but a tab. */
bool http_text_is_line(struct http_text text);
/* Digits alone, few enough not to overflow. */
bool http_text_is_number(struct http_text text, int64_t *number);
/* Cuts the query off a path, which is without '?' then; no query: it stays as it is. */
void http_text_split_query(struct http_text *path, struct http_text *query);

/* Fields of an answer that is made before it is known what it is to: a browser runs and frames nothing of it.
 */
#define HTTP_BARE_FIELDS                                                                                     \
    "x-content-type-options: nosniff\r\nx-frame-options: DENY\r\nreferrer-policy: no-referrer\r\n"           \
    "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"

#endif
