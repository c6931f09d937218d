/* SPDX-License-Identifier: MIT */
#include "edge/http/pages.h"

#include <string.h>

#include "db/pool.h"
#include "edge/http/document.h"
#include "edge/http/exchange.h"

static void answer_probe(struct exchange *exchange, bool is_good, const char *text)
{
    exchange_head_field(exchange, "cache-control", "no-store");
    exchange_answer(exchange, is_good ? 200 : 503, "text/plain; charset=utf-8", text, strlen(text));
}

/* Always live: that it is answered at all shows that the loop runs. */
static void answer_live(struct exchange *exchange, const void *data)
{
    (void)data;
    answer_probe(exchange, true, "live\n");
}

static void answer_ready(struct exchange *exchange, const void *data)
{
    (void)data;
    const struct context *context = exchange->edge->context;
    bool is_ready = !context->draining && pool_is_available(context->pool);
    answer_probe(exchange, is_ready, is_ready ? "ready\n" : "not ready\n");
}

static void answer_document(struct exchange *exchange, const void *data)
{
    const struct document *document = data;
    exchange_head_field(exchange, "cache-control", "no-cache");
    exchange_head_field(exchange, "x-content-type-options", "nosniff");
    exchange_head_field(exchange, "referrer-policy", "no-referrer");
    exchange_head_field(exchange, "content-security-policy", document->policy);
    exchange_answer(exchange, 200, document->type, document->text, document->len);
}

/* The probes come last, so that the array of a site without the explorer can begin with them. */
static const struct http_page pages[] = {
    { .path = "/", .verb = "GET", .answer = answer_document, .data = &documents[DOCUMENT_EXPLORER] },
    { .path = "/openapi.json",
      .verb = "GET",
      .answer = answer_document,
      .data = &documents[DOCUMENT_OPENAPI] },
    { .path = "/livez", .verb = "GET", .answer = answer_live, .is_health = true },
    { .path = "/readyz", .verb = "GET", .answer = answer_ready, .is_health = true },
    { 0 },
};

const struct http_page *http_pages(bool has_explorer)
{
    return has_explorer ? pages : pages + 2;
}
