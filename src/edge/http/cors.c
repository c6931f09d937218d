/* SPDX-License-Identifier: MIT */
#include "edge/http/cors.h"

#include <string.h>

#include "base/origin.h"
#include "config/config.h"
#include "edge/http/exchange.h"

/* Header fields that clients of Connect and gRPC-Web send, and those that svcd itself reads. They are named
 * because "*" would not include authorization. */
#define ALLOWED_HEADERS                                                                                      \
    "authorization, connect-accept-encoding, connect-content-encoding, connect-protocol-version, "           \
    "connect-timeout-ms, content-encoding, content-type, grpc-accept-encoding, grpc-encoding, "              \
    "grpc-timeout, "                                                                                         \
    "idempotency-key, svcd-after, traceparent, tracestate, x-grpc-web, x-request-id, x-user-agent"
/* Header fields of answers that such clients read, besides the few that every page may read. */
#define EXPOSED_HEADERS                                                                                      \
    "accept-encoding, connect-accept-encoding, connect-content-encoding, content-encoding, "                 \
    "grpc-accept-encoding, grpc-encoding, grpc-message, grpc-retry-pushback-ms, grpc-status, "               \
    "grpc-status-details-bin, retry-after, svcd-position, svcd-stale, "                                      \
    "trailer-svcd-position, trailer-svcd-stale, x-request-id"
#define MAX_AGE_S "7200" /* how long a browser may keep the preflight's answer; Chromium's maximum */

static bool is_refused(struct exchange *exchange)
{
    const struct http_field *field = exchange_field(exchange, "origin");
    if (!field)
        return false;
    const struct http_text *origin = &field->value, *authority = &exchange->authority;
    const char *scheme = exchange->connection->site->has_tls ? "https" : "http";
    if (origin_is_own(origin->text, origin->len, scheme, authority->text, authority->len))
        return false;
    const char *list = exchange->edge->context->config->server.allowed_origins;
    if (!origin_is_listed(list, origin->text, origin->len))
        return true;
    exchange->origin =
        strcmp(list, "*") == 0 ? "*" : exchange_text(exchange, "%.*s", (int)origin->len, origin->text);
    return false;
}

static bool answer_preflight(struct exchange *exchange)
{
    bool is_options = http_text_is(&exchange->verb, "OPTIONS");
    if (!is_options || !exchange_field(exchange, "origin") ||
        !exchange_field(exchange, "access-control-request-method"))
        return false;
    if (is_refused(exchange)) {
        static const char text[] =
            "pages of this origin may not make calls here: see server.allowed_origins\n";
        exchange_answer(exchange, 403, "text/plain; charset=utf-8", text, sizeof text - 1);
    } else {
        exchange_head_field(exchange, "access-control-allow-methods", "POST");
        exchange_head_field(exchange, "access-control-allow-headers", ALLOWED_HEADERS);
        exchange_head_field(exchange, "access-control-max-age", MAX_AGE_S);
        exchange_answer(exchange, 204, NULL, "", 0);
    }
    return true;
}

static void add_fields(struct exchange *exchange)
{
    if (!exchange_field(exchange, "origin"))
        return;
    exchange_head_field(exchange, "vary", "Origin");
    if (!exchange->origin)
        return;
    exchange_head_field(exchange, "access-control-allow-origin", exchange->origin);
    if (exchange->status != 204) /* 204 answers a preflight, which no page reads */
        exchange_head_field(exchange, "access-control-expose-headers", EXPOSED_HEADERS);
}

const struct http_cors http_cors = {
    .is_refused = is_refused,
    .answer_preflight = answer_preflight,
    .add_fields = add_fields,
};
