/* SPDX-License-Identifier: MIT */
#include "edge/http/h2_headers.h"

#include <string.h>

#define COUNTED_LEN 32 /* bytes added for each field, as RFC 9113, 6.5.2 counts */

static bool is(const struct http_text *text, const char *expected, size_t len)
{
    return text->len == len && memcmp(text->text, expected, len) == 0;
}
#define IS(text, literal) is((text), literal, sizeof literal - 1)

/* Fields about a single connection, which HTTP/2 forbids (RFC 9113, 8.2.2). */
static bool is_of_connection(const struct http_text *name)
{
    switch (name->len) {
    case 7:
        return IS(name, "upgrade");
    case 10:
        return IS(name, "connection") || IS(name, "keep-alive");
    case 16:
        return IS(name, "proxy-connection");
    case 17:
        return IS(name, "transfer-encoding");
    default:
        return false;
    }
}

static const char *set(struct http_text *member, const struct http_text *value)
{
    if (member->text)
        return "a pseudo-header stands there twice";
    *member = *value;
    return NULL;
}

static const char *pseudo_header(struct exchange *exchange, const struct http_field *field)
{
    const struct http_text *name = &field->name;
    if (exchange->fields_n > 0)
        return "a pseudo-header stands after other headers";
    if (IS(name, ":method"))
        return set(&exchange->verb, &field->value);
    if (IS(name, ":path"))
        return set(&exchange->path, &field->value);
    if (IS(name, ":scheme"))
        return set(&exchange->scheme, &field->value);
    if (IS(name, ":authority"))
        return set(&exchange->authority, &field->value);
    return "a pseudo-header that requests do not have";
}

static const char *content_length(struct exchange *exchange, const struct http_text *value)
{
    int64_t length;
    if (!http_text_is_number(*value, &length))
        return "content-length is no number";
    if (exchange->content_length >= 0 && exchange->content_length != length)
        return "two content-lengths differ";
    exchange->content_length = length;
    return NULL;
}

static const char *what_is_wrong(struct exchange *exchange, const struct http_field *field)
{
    if (!http_text_is_token(field->name, false))
        return "a header's name is none, or not in lower case";
    if (is_of_connection(&field->name))
        return "a header that speaks of a connection";
    if (IS(&field->name, "content-length"))
        return content_length(exchange, &field->value);
    return NULL;
}

enum header_use h2_header(struct exchange *exchange, const struct http_field *field, const char **wrong)
{
    exchange->headers_len += field->name.len + field->value.len + COUNTED_LEN;
    if (exchange->headers_len > HEADERS_LEN_MAX) {
        exchange->has_too_much = true;
        return HEADER_DROPPED;
    }
    if (!http_text_is_value(field->value)) {
        *wrong = "a header's value has a NUL or a line's end in it";
        return HEADER_DROPPED;
    }
    if (field->name.len && field->name.text[0] == ':') {
        *wrong = pseudo_header(exchange, field);
        return *wrong ? HEADER_DROPPED : HEADER_PSEUDO;
    }
    *wrong = what_is_wrong(exchange, field);
    if (*wrong)
        return HEADER_DROPPED;
    exchange->is_short |= exchange_add_field(exchange, field) != 0;
    return exchange->is_short ? HEADER_DROPPED : HEADER_FIELD;
}

/* A proxy that translates from HTTP/1.1 may send `host` and no :authority. */
static void take_host(struct exchange *exchange)
{
    const struct http_field *host = exchange->authority.len ? NULL : exchange_field(exchange, "host");
    if (host)
        exchange->authority = host->value;
}

const char *h2_headers_whole(struct exchange *exchange)
{
    const struct http_text *path = &exchange->path;
    take_host(exchange);
    if (!exchange->verb.len || !exchange->scheme.len || !path->len)
        return ":method, :scheme or :path is missing";
    if (path->text[0] != '/' && !(IS(path, "*") && IS(&exchange->verb, "OPTIONS")))
        return ":path does not begin with a slash";
    if (!http_text_is_visible(*path) || !http_text_is_visible(exchange->authority) ||
        !http_text_is_visible(exchange->verb))
        return "a pseudo-header has a blank or a control character in it";
    if (exchange->authority.len && memchr(exchange->authority.text, '@', exchange->authority.len))
        return ":authority names a user";
    http_text_split_query(&exchange->path, &exchange->query);
    return NULL;
}

const char *h2_trailer(const struct http_field *field)
{
    if (!http_text_is_token(field->name, false) || is_of_connection(&field->name))
        return "a trailer that is none";
    return http_text_is_value(field->value) ? NULL : "a trailer's value has a NUL or a line's end in it";
}
