/* SPDX-License-Identifier: MIT */
#include "admin/gate.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "base/address.h"
#include "edge/http/base64.h"
#include "edge/http/exchange.h"

/* The policy that the status page can live with, and nothing else can. */
#define CONTENT_POLICY                                                                                       \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "             \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

int admin_gate_read(struct admin_gate *gate, const char *name)
{
    *gate = (struct admin_gate){ 0 };
    if (!*name)
        return 0;
    FILE *file = fopen(name, "re");
    if (!file)
        return uv_translate_sys_error(errno);
    bool is_read = fgets(gate->token, sizeof gate->token, file);
    fclose(file);
    gate->token_len = strcspn(gate->token, "\r\n");
    return is_read && gate->token_len > 0 && gate->token_len < ADMIN_TOKEN_MAX ? 0 : UV_EINVAL;
}

/* ---- the token ---- */

/* Takes the same time whatever is wrong. */
static bool is_equal(const struct admin_gate *gate, const char *given, size_t given_len)
{
    unsigned char differs = given_len != gate->token_len;
    for (size_t i = 0; i < gate->token_len; i++)
        differs |= (unsigned char)(gate->token[i] ^ (given_len ? given[i % given_len] : 0));
    return !differs;
}

static bool has_scheme(const struct http_text *given, const char *scheme)
{
    size_t len = strlen(scheme);
    return given->len > len && strncasecmp(given->text, scheme, len) == 0;
}

/* `Bearer TOKEN`, or for browsers `Basic` with any name and the token as password. */
static bool has_token(const struct admin_gate *gate, const struct exchange *exchange)
{
    static const char bearer[] = "Bearer ", basic[] = "Basic ";
    const struct http_field *field = exchange_field(exchange, "authorization");
    if (!field)
        return false;
    const struct http_text *given = &field->value;
    if (has_scheme(given, bearer))
        return is_equal(gate, given->text + sizeof bearer - 1, given->len - (sizeof bearer - 1));
    uint8_t decoded[2 * ADMIN_TOKEN_MAX];
    size_t len = given->len - (sizeof basic - 1);
    if (!has_scheme(given, basic) || len > sizeof decoded)
        return false;
    memcpy(decoded, given->text + sizeof basic - 1, len);
    const uint8_t *colon = base64_unwrap(decoded, &len) ? NULL : memchr(decoded, ':', len);
    bool fits = colon && is_equal(gate, (const char *)colon + 1, len - (size_t)(colon + 1 - decoded));
    explicit_bzero(decoded, sizeof decoded);
    return fits;
}

/* ---- without one ---- */

/* The request names an address or localhost as its host: a page elsewhere whose name was made to lead here
 * cannot make a browser do that. Without any it is no browser's. */
static bool is_for_here(const struct http_text *host)
{
    struct ip ip;
    static const char local[] = "localhost";
    size_t len = sizeof local - 1;
    if (host->len == 0 || ip_parse(&ip, host->text, host->len) == 0)
        return true;
    return host->len >= len && strncasecmp(host->text, local, len) == 0 &&
           (host->len == len || host->text[len] == ':');
}

static bool refuse(struct exchange *exchange, int status, const char *why)
{
    exchange_answer(exchange, status, "text/plain; charset=utf-8", why, strlen(why));
    return false;
}

bool admin_gate_admits(struct exchange *exchange, const void *data)
{
    const struct admin_gate *gate = data;
    exchange_head_field(exchange, "x-content-type-options", "nosniff");
    exchange_head_field(exchange, "x-frame-options", "DENY");
    exchange_head_field(exchange, "referrer-policy", "no-referrer");
    exchange_head_field(exchange, "content-security-policy", CONTENT_POLICY);
    if (http_text_is(&exchange->path, "/livez") || http_text_is(&exchange->path, "/readyz"))
        return true;
    if (gate->token_len == 0)
        return is_for_here(&exchange->authority) ||
               refuse(exchange, 403,
                      "the host of the request is a name; without a token it must be an address\n");
    if (has_token(gate, exchange))
        return true;
    exchange_head_field(exchange, "www-authenticate", "Bearer realm=\"svcd\"");
    exchange_head_field(exchange, "www-authenticate", "Basic realm=\"svcd: the token is the password\"");
    return refuse(exchange, 401, "a token is needed (admin.token_file)\n");
}
