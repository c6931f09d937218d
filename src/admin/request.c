/* SPDX-License-Identifier: MIT */
#include "admin/request.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "base/address.h"

/* ---- parsing ---- */

static bool is_path_character(char c)
{
    return c > ' ' && c < 0x7f;
}

/* METHOD SP PATH SP HTTP/1.x; false: it is not. */
static bool parse_first_line(struct admin_request *request, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    if (!space || space == line)
        return false;
    size_t verb_len = (size_t)(space - line);
    request->is_get = verb_len == 3 && memcmp(line, "GET", 3) == 0;
    request->is_head = verb_len == 4 && memcmp(line, "HEAD", 4) == 0;
    const char *path = space + 1, *end = line + len;
    const char *path_end = path;
    while (path_end < end && is_path_character(*path_end))
        path_end++;
    if (*path != '/' || end - path_end != (ptrdiff_t)strlen(" HTTP/1.1") ||
        memcmp(path_end, " HTTP/1.", 8) != 0)
        return false;
    const char *query = memchr(path, '?', (size_t)(path_end - path));
    request->path = path;
    request->path_len = (size_t)((query ? query : path_end) - path);
    return true;
}

static void parse_field(struct admin_request *request, const char *line, size_t len)
{
    const struct {
        const char *name;
        const char **value;
        size_t *value_len;
    } wanted[] = { { "host:", &request->host, &request->host_len },
                   { "authorization:", &request->authorization, &request->authorization_len } };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t name_len = strlen(wanted[i].name);
        if (len < name_len || strncasecmp(line, wanted[i].name, name_len) != 0 || *wanted[i].value)
            continue;
        const char *value = line + name_len, *end = line + len;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *wanted[i].value = value;
        *wanted[i].value_len = (size_t)(end - value);
    }
}

enum admin_parsed admin_request_parse(struct admin_request *request, const char *text, size_t len)
{
    *request = (struct admin_request){ 0 };
    const char *end = memmem(text, len, "\r\n\r\n", 4), *line = text;
    if (!end) {
        bool may_be = len == 0 || (text[0] >= 'A' && text[0] <= 'Z');
        return may_be ? ADMIN_REQUEST_MORE : ADMIN_REQUEST_BAD;
    }
    while (line < end + 2) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        size_t line_len = (size_t)(next - line);
        if (line == text && !parse_first_line(request, line, line_len))
            return ADMIN_REQUEST_BAD;
        if (line != text)
            parse_field(request, line, line_len);
        line = next + 2;
    }
    return ADMIN_REQUEST_WHOLE;
}

bool admin_request_is_for_here(const struct admin_request *request)
{
    struct ip ip;
    static const char local[] = "localhost";
    if (!request->host) /* HTTP/1.0: no browser */
        return true;
    if (ip_parse(&ip, request->host, request->host_len) == 0)
        return true;
    size_t len = sizeof local - 1;
    return request->host_len >= len && strncasecmp(request->host, local, len) == 0 &&
           (request->host_len == len || request->host[len] == ':');
}

/* ---- the token ---- */

int admin_token_read(struct admin_token *token, const char *name)
{
    *token = (struct admin_token){ 0 };
    if (!*name)
        return 0;
    FILE *file = fopen(name, "re");
    if (!file)
        return uv_translate_sys_error(errno);
    bool is_read = fgets(token->text, sizeof token->text, file);
    fclose(file);
    token->len = strcspn(token->text, "\r\n");
    token->is_set = true;
    return is_read && token->len > 0 && token->len < ADMIN_TOKEN_MAX ? 0 : UV_EINVAL;
}

static bool is_equal(const struct admin_token *token, const char *given, size_t given_len)
{
    unsigned char differs = given_len != token->len;
    for (size_t i = 0; i < token->len; i++)
        differs |= (unsigned char)(token->text[i] ^ (given_len ? given[i % given_len] : 0));
    return !differs;
}

/* Of base64; returns how many bytes were made, up to the first character that is none. */
static size_t decode_base64(char *out, size_t size, const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned bits_n = 0;
    size_t n = 0;
    for (size_t i = 0; i < len && n < size; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            break;
        bits = bits << 6 | (uint32_t)(digit - digits);
        bits_n += 6;
        if (bits_n >= 8) {
            bits_n -= 8;
            out[n++] = (char)(bits >> bits_n & 0xff);
        }
    }
    return n;
}

bool admin_token_fits(const struct admin_token *token, const struct admin_request *request)
{
    const char *given = request->authorization;
    size_t len = request->authorization_len;
    if (!given)
        return false;
    if (len > 7 && strncasecmp(given, "Bearer ", 7) == 0)
        return is_equal(token, given + 7, len - 7);
    if (len <= 6 || strncasecmp(given, "Basic ", 6) != 0)
        return false;
    char decoded[2 * ADMIN_TOKEN_MAX];
    size_t decoded_len = decode_base64(decoded, sizeof decoded, given + 6, len - 6);
    const char *colon = memchr(decoded, ':', decoded_len);
    bool fits = colon && is_equal(token, colon + 1, decoded_len - (size_t)(colon + 1 - decoded));
    explicit_bzero(decoded, sizeof decoded);
    return fits;
}
