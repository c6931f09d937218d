/* SPDX-License-Identifier: MIT
 *
 * Text of requests, and the checks that HTTP asks for: the same for HTTP/1.1 and HTTP/2, except the case of
 * names. The text belongs to the carrier and does not end with NUL. Any thread.
 */
#ifndef EDGE_HTTP_TEXT_H
#define EDGE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct http_text {
    const char *text;
    size_t len;
};

static inline bool http_text_is(const struct http_text *text, const char *expected)
{
    return text->len == strlen(expected) && memcmp(text->text, expected, text->len) == 0;
}

/* The same in any mixture of capitals and small letters. */
static inline bool http_text_is_any_case(struct http_text text, const char *expected)
{
    return text.len == strlen(expected) && strncasecmp(text.text, expected, text.len) == 0;
}

/* The value of `expect`: the client sends the body once it is asked to (RFC 9110, 10.1.1). */
bool http_text_is_continue(struct http_text text);
/* The name of a field or a verb (RFC 9110, 5.6.2); `may_have_capitals`: false for fields over HTTP/2. */
bool http_text_is_token(struct http_text text, bool may_have_capitals);
/* No blanks and no control characters. */
bool http_text_is_visible(struct http_text text);
/* A field's value over HTTP/2: no NUL, carriage return or line feed. */
bool http_text_is_value(struct http_text text);
/* A field's value over HTTP/1.1: no control character except a tab. */
bool http_text_is_line(struct http_text text);
/* Reads digits and nothing else. False: it is no number, or one of more than 18 digits. */
bool http_text_is_number(struct http_text text, int64_t *number);
/* Splits `path` at the first '?', which belongs to neither; without one both stay as they are. */
void http_text_split_query(struct http_text *path, struct http_text *query);

/* Header fields of answers that are made without an exchange: a browser neither runs nor frames them. */
#define HTTP_BARE_FIELDS                                                                                     \
    "x-content-type-options: nosniff\r\nx-frame-options: DENY\r\nreferrer-policy: no-referrer\r\n"           \
    "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"

#endif
