/* SPDX-License-Identifier: MIT
 *
 * The answer of an exchange: protocols, pages and errors of HTTP's own set its status, header fields and body
 * here; exchange_say() then tells the carrier, which takes them when it fills the write buffer.
 */
#include "edge/http/exchange.h"

#include <string.h>

#include "call/entry.h"
#include "call/origin.h"
#include "edge/http/date.h"

const char *exchange_text(struct exchange *exchange, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(&exchange->arena, format, args);
    va_end(args);
    return text;
}

static void add_answer_field(struct answer_fields *fields, const char *name, const char *value,
                             bool is_unique)
{
    if (!value || fields->n == ANSWER_FIELDS)
        return;
    fields->items[fields->n++] = (struct answer_field){ .name = { name, strlen(name) },
                                                        .value = { value, strlen(value) },
                                                        .is_unique = is_unique };
}

void exchange_head(struct exchange *exchange, int status)
{
    exchange->has_head = true;
    exchange->status = status;
    exchange->run->head.n = 0;
    if (exchange->protocol)
        add_answer_field(&exchange->run->head, "x-request-id", call_answered_request_id(&exchange->run->call),
                         true);
}

void exchange_head_field(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->run->head, name, value, false);
}

void exchange_trailer(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->run->trailers, name, value, false);
}

void exchange_trailer_unique(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->run->trailers, name, value, true);
}

void exchange_say(struct exchange *exchange, bool is_all)
{
    if (exchange->state == EXCHANGE_RECEIVING) {
        exchange->edge->cors->add_fields(exchange);
        if (!exchange->protocol || exchange->protocol->has_date)
            exchange_head_field(exchange, "date", http_date());
    }
    if (is_all) {
        exchange->has_own_length = exchange->state == EXCHANGE_RECEIVING;
        exchange_move(exchange, EXCHANGE_ANSWERED);
        exchange_set_busy(exchange, false); /* from here on only the peer has to read */
        timers_stop(exchange->edge->timers, &exchange->timer);
        exchange_untouch(exchange);
    } else if (exchange->state != EXCHANGE_ANSWERING) {
        exchange_move(exchange, EXCHANGE_ANSWERING);
    }
    exchange_recharge(exchange);
    if (!exchange->is_gone)
        exchange->connection->carrier->answer(exchange);
}

bool exchange_has_said_all(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_ANSWERED || exchange->is_gone;
}

static void add_trailers(struct exchange *exchange)
{
    struct call_trailer trailers[CALL_TRAILERS_MAX];
    size_t n = call_trailers(&exchange->run->call, trailers);
    for (size_t i = 0; i < n; i++)
        exchange_trailer_unique(exchange, trailers[i].name, exchange_text(exchange, "%s", trailers[i].value));
}

void exchange_say_end(struct exchange *exchange, enum status status, const char *message,
                      unsigned retry_after_ms)
{
    if (exchange_has_said_all(exchange))
        return;
    if (!exchange->is_called)
        call_refused(&exchange->run->call, status);
    else
        add_trailers(exchange);
    exchange->protocol->end(exchange, status, message, retry_after_ms);
    exchange_say(exchange, true);
}

void exchange_fail(struct exchange *exchange, enum status status, const char *message)
{
    if (exchange->is_called && !exchange->is_call_over)
        call_end(&exchange->run->call, status, message);
    else
        exchange_say_end(exchange, status, message, 0);
}

void exchange_push_back(struct exchange *exchange)
{
    if (exchange->is_called)
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, PRESSURE_REFUSAL);
    else
        exchange_say_end(exchange, STATUS_RESOURCE_EXHAUSTED, PRESSURE_REFUSAL, PRESSURE_WAIT_MS);
}

void exchange_answer(struct exchange *exchange, int status, const char *content_type, const void *body,
                     size_t len)
{
    if (exchange_has_said_all(exchange))
        return;
    if (exchange->has_head)
        exchange->run->head.n = 0;
    exchange->has_head = true;
    exchange->status = status;
    exchange_head_field(exchange, "content-type", content_type);
    exchange->run->body.len = 0;
    if (bytes_reserve(&exchange->run->body, len) == 0)
        bytes_put(&exchange->run->body, body, len);
    else
        exchange_head(exchange, 503);
    exchange_say(exchange, true);
}

void exchange_answer_text(struct exchange *exchange, int status, const char *text)
{
    exchange_answer(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}
