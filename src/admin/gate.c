/* SPDX-License-Identifier: MIT */
#include "admin/gate.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "base/address.h"
#include "base/secret.h"
#include "edge/http/base64.h"
#include "edge/http/exchange.h"

/* The strictest content security policy with which the status page works. */
#define CONTENT_POLICY                                                                                       \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "             \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

int admin_gate_read(struct admin_gate *gate, const struct config *config, FILE *errors)
{
    const char *file = config->admin.token_file;
    char token[SECRET_LINE_MAX + 1];
    *gate = (struct admin_gate){ .asks_for_token = *file != '\0' };
    if (!*file)
        return 0;
    int rc = secret_read(token, sizeof token, file);
    if (!rc)
        digest_of(gate->token, token, strlen(token));
    if (rc || !*token)
        fprintf(errors, "admin.token_file: %s: %s; expected a readable file whose first line is the token\n",
                file, rc ? secret_read_error(rc) : "the first line is empty");
    rc = rc || !*token ? UV_EINVAL : 0;
    explicit_bzero(token, sizeof token);
    return rc;
}

/* ---- the token ---- */

/* Compares in constant time. */
static bool is_token(const struct admin_gate *gate, const void *given, size_t len)
{
    uint8_t digest[DIGEST_LEN];
    digest_of(digest, given, len);
    return digest_is(digest, gate->token);
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
        return is_token(gate, given->text + sizeof bearer - 1, given->len - (sizeof bearer - 1));
    uint8_t decoded[2 * SECRET_LINE_MAX]; /* decoded in place; base64 of NAME:TOKEN */
    size_t len = given->len - (sizeof basic - 1);
    if (!has_scheme(given, basic) || len > sizeof decoded)
        return false;
    memcpy(decoded, given->text + sizeof basic - 1, len);
    const uint8_t *colon = base64_unwrap(decoded, &len) ? NULL : memchr(decoded, ':', len);
    bool fits = colon && is_token(gate, colon + 1, len - (size_t)(colon + 1 - decoded));
    explicit_bzero(decoded, sizeof decoded);
    return fits;
}

/* ---- without a token ---- */

/* Whether the request's host is an address or localhost. By DNS rebinding (resolving its own name to this
 * machine) a web page can make a browser send requests here, but their host is then that name. Requests
 * without a host do not come from browsers. */
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
    if (!gate->asks_for_token)
        return is_for_here(&exchange->authority) ||
               refuse(exchange, 403,
                      "the host of the request is a name; without a token it must be an address\n");
    if (has_token(gate, exchange))
        return true;
    exchange_head_field(exchange, "www-authenticate", "Bearer realm=\"svcd\"");
    exchange_head_field(exchange, "www-authenticate", "Basic realm=\"svcd: the token is the password\"");
    return refuse(exchange, 401, "a token is needed (admin.token_file)\n");
}
