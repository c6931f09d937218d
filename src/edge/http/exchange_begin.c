/* SPDX-License-Identifier: MIT
 *
 * Routing: what a request asks for, by its headers. A page is answered at once. For a call the protocol is
 * found by the content type, and the method by the path; the call starts when its message is here
 * (exchange_body.c), a dialogue's now. Everything else is refused.
 */
#include "edge/http/exchange.h"

#include <string.h>

#include "base/loop_clock.h"
#include "base/text.h"
#include "call/entry.h"
#include "call/stream.h"

#define PATH_QUOTED  184 /* bytes of an unknown path, so that the message with it has 200 */
#define TYPE_LEN_MAX 64  /* bytes of a content type; all of ours are shorter */

#define HEALTH_PATH "/grpc.health.v1.Health/Check"
#define IS_FULL     "the server is full: server.max_connections are open, on more it answers health only"
#define FULL_MS     1000 /* after which the client is told to try again */

/* The page of this path and verb, or NULL. *has_path: the path has a page, maybe for another verb. */
static const struct http_page *find_page(const struct exchange *exchange, bool *has_path)
{
    const struct http_page *page = exchange->connection->site->pages;
    for (; page && page->path; page++) {
        if (!http_text_is(&exchange->path, page->path))
            continue;
        *has_path = true;
        if (http_text_is(&exchange->verb, page->verb) ||
            (http_text_is(&exchange->verb, "HEAD") && strcmp(page->verb, "GET") == 0))
            return page;
    }
    return NULL;
}

/* The first protocol that accepts the request's content type, or NULL. */
static const struct http_protocol *find_protocol(struct exchange *exchange)
{
    const struct http_field *field = exchange_field(exchange, "content-type");
    char type[TYPE_LEN_MAX];
    size_t len = 0;
    for (; field && len < field->value.len && len < sizeof type; len++) {
        char c = field->value.text[len];
        if (c == ';' || c == ' ' || c == '\t')
            break;
        type[len] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    for (const struct http_protocol *const *row = exchange->edge->protocols; *row; row++)
        if ((*row)->accepts(exchange, type, len))
            return *row;
    return NULL;
}

/* Whether the request is refused because the server is full. Health checks never are: a monitor must not take
 * a full server for a dead one. */
static bool is_one_too_many(const struct exchange *exchange, bool is_health)
{
    if (connection_is_ordinary(exchange->connection))
        return false;
    exchange->connection->idle_since_ns = exchange->began_ns;
    return !is_health;
}

static void answer_page(struct exchange *exchange)
{
    if (!is_one_too_many(exchange, exchange->page->is_health)) {
        exchange->page->answer(exchange, exchange->page->data);
        return;
    }
    exchange_head_field(exchange, "retry-after", "1");
    exchange_answer_text(exchange, 503, IS_FULL "\n");
}

/* A caller who may not call is refused first of all, before the request's message is read. */
static bool may_call(struct exchange *exchange)
{
    struct call_refusal refusal;
    if (call_may(&exchange->run->call, exchange->path.text, exchange->path.len, &refusal))
        return true;
    exchange_fail(exchange, refusal.status, refusal.message);
    return false;
}

static const char *no_such_method(struct exchange *exchange)
{
    char path[PATH_QUOTED + 4]; /* 3 bytes more show whether the cut would be within a character */
    size_t len = exchange->path.len < sizeof path - 1 ? exchange->path.len : sizeof path - 1;
    memcpy(path, exchange->path.text, len);
    path[len] = '\0';
    path[text_len_within(path, len < PATH_QUOTED ? len : PATH_QUOTED)] = '\0';
    return exchange_text(exchange, "no such method: %s", path) ?: "no such method";
}

static void begin_call(struct exchange *exchange)
{
    if (exchange->has_too_much) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "metadata is over 65536 bytes in all");
        return;
    }
    if (exchange->is_short) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (!may_call(exchange))
        return;
    if (is_one_too_many(exchange, http_text_is(&exchange->path, HEALTH_PATH))) {
        exchange_say_end(exchange, STATUS_UNAVAILABLE, IS_FULL, FULL_MS);
        return;
    }
    if (pressure_refuses(exchange->connection, exchange->charged) &&
        !http_text_is(&exchange->path, HEALTH_PATH)) {
        exchange_push_back(exchange);
        return;
    }
    exchange->protocol->begin(exchange);
    if (exchange_has_said_all(exchange))
        return;
    if (!exchange->run->call.method) {
        exchange_fail(exchange, STATUS_UNIMPLEMENTED, no_such_method(exchange));
    } else if (exchange->run->call.method->kind == METHOD_DIALOGUE) {
        exchange->is_called = true;
        stream_open(&exchange->run->call);
    }
}

/* Answers a request that is neither for a page nor a call with an HTTP status of its own. */
static void refuse(struct exchange *exchange, bool is_known)
{
    struct call_refusal refusal;
    if (exchange->run->call.method &&
        !call_may(&exchange->run->call, exchange->path.text, exchange->path.len, &refusal))
        exchange->run->call.method = NULL; /* for a caller who may not call it the method does not exist */
    bool is_of_all = http_text_is(&exchange->path, "*"); /* OPTIONS *: asks about the server as a whole */
    bool has_path = is_known || exchange->run->call.method || is_of_all;
    if (exchange->has_too_much) {
        exchange_answer_text(exchange, 431, "headers are over 65536 bytes in all\n");
    } else if (!has_path) {
        exchange_answer_text(exchange, 404, "there is no such page or method\n");
    } else if (exchange->run->call.method && http_text_is(&exchange->verb, "POST")) {
        exchange_head_field(exchange, "accept-post", CONTENT_TYPES_ACCEPTED);
        exchange_answer_text(exchange, 415, "this content type is not spoken here\n");
    } else {
        exchange_head_field(exchange, "allow",
                            is_of_all                    ? "GET, HEAD, POST, OPTIONS"
                            : exchange->run->call.method ? "POST, OPTIONS"
                                                         : "GET, HEAD, OPTIONS");
        if (http_text_is(&exchange->verb, "OPTIONS"))
            exchange_answer(exchange, 204, NULL, "", 0);
        else
            exchange_answer_text(exchange, 405, "this is asked for by another method\n");
    }
}

/* Not a page: a preflight request, a call, or a refusal. */
static void choose(struct exchange *exchange, bool has_path)
{
    bool has_calls = exchange->connection->site->has_calls;
    if (has_calls && exchange->edge->cors->answer_preflight(exchange))
        return;
    exchange->run->call.method =
        has_calls ? method_table_find(&exchange->edge->methods, exchange->path.text, exchange->path.len)
                  : NULL;
    bool may_be_call = has_calls && http_text_is(&exchange->verb, "POST");
    if (may_be_call && exchange->edge->cors->is_refused(exchange))
        exchange_answer_text(exchange, 403,
                             "pages of this origin may not make calls here: see server.allowed_origins\n");
    else if (may_be_call && (exchange->protocol = find_protocol(exchange)))
        begin_call(exchange);
    else
        refuse(exchange, has_path);
}

void exchange_begin(struct exchange *exchange)
{
    bool has_path = false;
    exchange->began_ns = loop_clock_now();
    exchange->run->call.deadline_ns = UINT64_MAX;
    exchange_move(exchange, EXCHANGE_RECEIVING);
    exchange_recharge(exchange);
    const struct http_site *site = exchange->connection->site;
    if (site->admits && !site->admits(exchange, site->data))
        return;
    exchange->page = find_page(exchange, &has_path);
    if (exchange->page) {
        answer_page(exchange);
        return;
    }
    choose(exchange, has_path);
    if (!exchange_has_said_all(exchange) && !exchange->is_touched) {
        exchange->is_touched = true;
        TAILQ_INSERT_TAIL(&exchange->edge->touched, exchange, touch_link);
    }
}
