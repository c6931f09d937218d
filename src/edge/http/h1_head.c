/* SPDX-License-Identifier: MIT */
#include "edge/http/h1_head.h"

#include <string.h>

#define COUNTED_LEN 32 /* bytes added for each field, as RFC 9113, 6.5.2 counts */

/* ---- where a head ends ---- */

ssize_t h1_head_find_end(struct h1_scan *scan, const uint8_t *text, size_t len)
{
    while (scan->done < len) {
        const uint8_t *end = memchr(text + scan->done, '\n', len - scan->done);
        size_t at = end ? (size_t)(end - text) : len;
        scan->done = end ? at + 1 : len;
        if (!end)
            return 0;
        if (at == 0 || text[at - 1] != '\r')
            return UV_EINVAL;
        if (at == scan->line + 1)
            return (ssize_t)(at + 1);
        if (!scan->first_len)
            scan->first_len = at + 1;
        scan->line = at + 1;
    }
    return 0;
}

/* ---- text ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct http_text trimmed(const char *text, size_t len)
{
    while (len && is_blank(*text))
        text++, len--;
    while (len && is_blank(text[len - 1]))
        len--;
    return (struct http_text){ text, len };
}

/* ---- the first line ---- */

/* The absolute form, http://host/path, which clients send to proxies: the same as /path with a host. */
static const char *read_absolute(struct exchange *exchange, struct http_text target)
{
    const char *mark = memmem(target.text, target.len, "://", 3);
    size_t scheme_len = mark ? (size_t)(mark - target.text) : 0;
    if (!http_text_is_any_case((struct http_text){ target.text, scheme_len }, "http") &&
        !http_text_is_any_case((struct http_text){ target.text, scheme_len }, "https"))
        return "the target of a request begins with a slash";
    const char *host = mark + 3, *end = target.text + target.len;
    const char *slash = memchr(host, '/', (size_t)(end - host));
    if (memchr(host, '?', (size_t)((slash ?: end) - host)))
        return "the target of a request has no path";
    exchange->authority = (struct http_text){ host, (size_t)((slash ?: end) - host) };
    exchange->path =
        slash ? (struct http_text){ slash, (size_t)(end - slash) } : (struct http_text){ "/", 1 };
    return exchange->authority.len ? NULL : "the target of a request names no host";
}

static const char *read_target(struct exchange *exchange, struct http_text target)
{
    exchange->path = target;
    bool is_star =
        target.len == 1 && target.text[0] == '*' && http_text_is_any_case(exchange->verb, "OPTIONS");
    if (target.len == 0 || !http_text_is_visible(target))
        return "the target of a request has a blank or a control character in it";
    const char *wrong = target.text[0] == '/' || is_star ? NULL : read_absolute(exchange, target);
    if (!wrong)
        http_text_split_query(&exchange->path, &exchange->query);
    return wrong;
}

static int read_first(struct exchange *exchange, const char *line, size_t len, struct h1_head *head,
                      const char **wrong)
{
    const char *end = line + len, *space = memchr(line, ' ', len), *last = memrchr(line, ' ', len);
    *wrong = "the first line of a request is VERB TARGET HTTP/1.1";
    if (!space || space == last || end - last != 9 || memcmp(last + 1, "HTTP/", 5) != 0 || last[7] != '.')
        return 400;
    if (last[6] != '1' || (last[8] != '1' && last[8] != '0')) {
        *wrong = "HTTP/1.1 and HTTP/2 are spoken here";
        return 505;
    }
    head->is_old = head->is_last = last[8] == '0';
    exchange->verb = (struct http_text){ line, (size_t)(space - line) };
    if (!http_text_is_token(exchange->verb, true))
        return 400;
    *wrong = read_target(exchange, (struct http_text){ space + 1, (size_t)(last - space - 1) });
    return *wrong ? 400 : 0;
}

/* ---- fields that are the carrier's matter ---- */

static int read_length(struct exchange *exchange, struct http_text value, struct h1_head *head,
                       const char **wrong)
{
    (void)exchange;
    *wrong = "content-length is not one number";
    if (head->body == H1_BODY_CHUNKED)
        *wrong = "content-length and transfer-encoding exclude each other";
    if (head->body != H1_BODY_NONE || !http_text_is_number(value, &head->body_len))
        return 400;
    head->body = H1_BODY_LENGTH;
    return 0;
}

static int read_coding(struct exchange *exchange, struct http_text value, struct h1_head *head,
                       const char **wrong)
{
    (void)exchange;
    *wrong = "content-length and transfer-encoding exclude each other, and come once";
    if (head->body != H1_BODY_NONE)
        return 400;
    *wrong = "HTTP/1.0 has no transfer-encoding";
    if (head->is_old)
        return 400;
    *wrong = "of transfer-encodings, chunked is known";
    head->body = H1_BODY_CHUNKED;
    return http_text_is_any_case(value, "chunked") ? 0 : 501;
}

static const char *check_authority(struct http_text authority)
{
    if (authority.len == 0)
        return NULL;
    if (!http_text_is_visible(authority) || memchr(authority.text, '@', authority.len) ||
        memchr(authority.text, '/', authority.len) || memchr(authority.text, ',', authority.len))
        return "host is not a host, or a host and a port";
    return NULL;
}

static int read_host(struct exchange *exchange, struct http_text value, struct h1_head *head,
                     const char **wrong)
{
    *wrong = head->has_host ? "host stands there twice" : check_authority(value);
    head->has_host = true;
    if (!exchange->authority.text)
        exchange->authority = value;
    return *wrong ? 400 : 0;
}

static int read_connection(struct exchange *exchange, struct http_text value, struct h1_head *head,
                           const char **wrong)
{
    (void)exchange, (void)wrong;
    while (value.len) {
        const char *comma = memchr(value.text, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.text) : value.len;
        head->is_last |= http_text_is_any_case(trimmed(value.text, len), "close");
        len += comma != NULL;
        value = (struct http_text){ value.text + len, value.len - len };
    }
    return 0;
}

static int read_expect(struct exchange *exchange, struct http_text value, struct h1_head *head,
                       const char **wrong)
{
    (void)exchange;
    *wrong = "what is expected can only be 100-continue";
    head->expects_continue = !head->is_old;
    return http_text_is_continue(value) ? 0 : 417;
}

static int drop(struct exchange *exchange, struct http_text value, struct h1_head *head, const char **wrong)
{
    (void)exchange, (void)value, (void)head, (void)wrong;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct exchange *exchange, struct http_text value, struct h1_head *head, const char **wrong);
} of_connection[] = {
    { "content-length", read_length },
    { "transfer-encoding", read_coding },
    { "host", read_host },
    { "connection", read_connection },
    { "expect", read_expect },
    { "keep-alive", drop },
    { "proxy-connection", drop },
    { "upgrade", drop },
    { "http2-settings", drop },
};

/* ---- all fields ---- */

static int add(struct exchange *exchange, const struct http_field *field, const char **wrong)
{
    exchange->headers_len += field->name.len + field->value.len + COUNTED_LEN;
    if (exchange->headers_len > HEADERS_LEN_MAX) {
        exchange->has_too_much = true;
        return 0;
    }
    *wrong = "out of memory";
    return exchange_add_field(exchange, field) ? 503 : 0;
}

/* A blank before the colon and a continued line (obs-fold) are refused by http_text_is_token(). */
static int read_field(struct exchange *exchange, char *line, size_t len, struct h1_head *head,
                      const char **wrong)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : 0;
    *wrong = "a header is a name, a colon right after it, and a value on the same line";
    const struct http_text name = { line, name_len };
    if (!colon || !http_text_is_token(name, true) ||
        !http_text_is_line((struct http_text){ colon + 1, len - name_len - 1 }))
        return 400;
    for (size_t i = 0; i < name_len; i++)
        if (line[i] >= 'A' && line[i] <= 'Z')
            line[i] = (char)(line[i] | 0x20);
    const struct http_field field = { name, trimmed(colon + 1, len - name_len - 1), { NULL } };
    for (size_t i = 0; i < sizeof of_connection / sizeof *of_connection; i++)
        if (http_text_is_any_case(field.name, of_connection[i].name))
            return of_connection[i].read(exchange, field.value, head, wrong);
    return add(exchange, &field, wrong);
}

int h1_head_read(struct exchange *exchange, char *text, size_t len, struct h1_head *head, const char **wrong)
{
    bool is_first = true;
    for (char *line = text, *end; line < text + len - 2; line = end + 2) {
        end = memmem(line, (size_t)(text + len - line), "\r\n", 2);
        size_t line_len = (size_t)(end - line);
        int status = is_first ? read_first(exchange, line, line_len, head, wrong)
                              : read_field(exchange, line, line_len, head, wrong);
        if (status)
            return status;
        is_first = false;
    }
    *wrong = "a request names its host";
    if (!head->has_host && !head->is_old)
        return 400;
    *wrong = check_authority(exchange->authority);
    return *wrong ? 400 : 0;
}
