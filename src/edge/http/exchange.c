/* SPDX-License-Identifier: MIT
 *
 * How an exchange is created, charged and freed. Exchanges are recycled together with their buffers (unless
 * those are large), so that a call allocates nothing. The rest is in
 *
 *   exchange_run.c      the part that it needs only for its call and its answer
 *   exchange_begin.c    headers are complete: finds the page or call that is asked for, or refuses
 *   exchange_body.c     the request's body; its messages start the call
 *   exchange_call.c     the transport of its call: takes the answer's messages and status
 *   exchange_answer.c   collects the answer, and tells the carrier that there is something to write
 */
#include "edge/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/state.h"

#define FREE_MAX    4096 /* exchanges kept for reuse */
#define FIELDS_KEPT 16   /* fields of requests for which there is room; more room is freed */

static const struct state_machine states = {
    .of = "exchange",
    .names = { "FREE", "HEADERS", "RECEIVING", "ANSWERING", "ANSWERED" },
    .next = { [EXCHANGE_FREE] = TO(EXCHANGE_HEADERS),
              [EXCHANGE_HEADERS] = TO(EXCHANGE_RECEIVING) | TO(EXCHANGE_FREE),
              [EXCHANGE_RECEIVING] = TO(EXCHANGE_ANSWERING) | TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_FREE),
              [EXCHANGE_ANSWERING] = TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_FREE),
              [EXCHANGE_ANSWERED] = TO(EXCHANGE_FREE) },
};

void exchange_move(struct exchange *exchange, enum exchange_state to)
{
    exchange->state = state_move(&states, exchange->state, to);
}

/* ---- memory ---- */

void exchange_recharge(struct exchange *exchange)
{
    const struct exchange_run *run = exchange->run;
    size_t total = sizeof *exchange + exchange->headers_len + exchange->kept.size + exchange->held_len +
                   (run ? sizeof *run + run->body.size : 0);
    if (exchange->connection && total != exchange->charged) {
        connection_charge(exchange->connection, (ssize_t)total - (ssize_t)exchange->charged);
        exchange->charged = total;
    }
}

static void exchange_free(struct exchange *exchange)
{
    if (exchange->fields != exchange->fields_inline)
        free(exchange->fields);
    bytes_finish(&exchange->kept);
    arena_finish(&exchange->arena);
    exchange_run_destroy(exchange->run);
    free(exchange);
}

static struct exchange *exchange_get(struct http_edge *edge)
{
    struct exchange *exchange = TAILQ_FIRST(&edge->free);
    if (exchange) {
        TAILQ_REMOVE(&edge->free, exchange, touch_link);
        edge->free_n--;
    } else {
        exchange = calloc(1, sizeof *exchange);
        if (!exchange)
            return NULL;
        exchange->edge = edge;
        exchange->fields = exchange->fields_inline;
        exchange->fields_size = FIELDS_INLINE;
    }
    if (!exchange->run && !exchange_take_run(exchange)) {
        exchange_free(exchange);
        return NULL;
    }
    return exchange;
}

struct exchange *exchange_create(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    struct exchange *exchange = exchange_get(edge);
    if (!exchange)
        return NULL;
    exchange->connection = connection;
    exchange->content_length = -1;
    exchange_move(exchange, EXCHANGE_HEADERS);
    LIST_INSERT_HEAD(&connection->exchanges, exchange, link);
    connection->exchanges_n++;
    connection->watch.goes_first = false;
    edge->exchanges_n++;
    exchange_recharge(exchange);
    return exchange;
}

static void trim_fields(struct exchange *exchange)
{
    if (exchange->fields_size <= FIELDS_KEPT)
        return;
    free(exchange->fields);
    exchange->fields = exchange->fields_inline;
    exchange->fields_size = FIELDS_INLINE;
}

void exchange_untouch(struct exchange *exchange)
{
    if (exchange->is_touched)
        TAILQ_REMOVE(&exchange->edge->touched, exchange, touch_link);
    exchange->is_touched = false;
}

/* Resets only some members, one by one: the struct is large and mostly unused, memset() would take longer. */
static void recycle(struct exchange *exchange)
{
    struct http_edge *edge = exchange->edge;
    trim_fields(exchange);
    exchange_trim(&exchange->kept);
    if (exchange->run)
        exchange_run_reset(exchange->run);
    if (exchange->arena.first)
        arena_reset(&exchange->arena);
    exchange->protocol = NULL;
    exchange->codec = NULL;
    exchange->page = NULL;
    exchange->verb = exchange->scheme = exchange->authority = exchange->path = exchange->query =
        (struct http_text){ 0 };
    exchange->fields_n = exchange->headers_len = exchange->in_len = exchange->body_taken = 0;
    exchange->is_complete = exchange->is_short = exchange->has_too_much = exchange->is_wanted =
        exchange->is_called = exchange->is_call_over = exchange->has_head = exchange->is_sending =
            exchange->has_own_length = exchange->is_gone = exchange->is_begun = exchange->is_stalled =
                exchange->is_unwrapped = false;
    exchange->origin = NULL;
    exchange->encoding = 0;
    exchange->held_n = 0;
    exchange->stream_id = 0;
    exchange->received = 0;
    exchange->held_len = 0;
    exchange->charged = 0;
    edge->exchanges_n--;
    if (edge->free_n >= FREE_MAX) {
        exchange_free(exchange);
        return;
    }
    TAILQ_INSERT_HEAD(&edge->free, exchange, touch_link);
    edge->free_n++;
}

void exchanges_free(struct http_edge *edge)
{
    struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&edge->free))) {
        TAILQ_REMOVE(&edge->free, exchange, touch_link);
        exchange_free(exchange);
    }
    edge->free_n = 0;
    exchange_runs_free(edge);
}

void exchange_set_busy(struct exchange *exchange, bool is_busy)
{
    if (exchange->is_busy == is_busy || !exchange->connection)
        return;
    exchange->is_busy = is_busy;
    if (exchange->run->call.method && exchange->run->call.method->kind == METHOD_UNARY)
        exchange->connection->calls_n += is_busy ? 1 : -1U;
    if (is_busy)
        connection_busy(exchange->connection);
    else
        connection_idle(exchange->connection);
}

void exchange_try_free(struct exchange *exchange)
{
    if (!exchange->is_gone || (exchange->is_called && !exchange->is_call_over))
        return;
    if (exchange->connection) {
        connection_charge(exchange->connection, -(ssize_t)exchange->charged);
        LIST_REMOVE(exchange, link);
        exchange->connection->watch.goes_first = --exchange->connection->exchanges_n == 0;
        exchange->connection = NULL;
    }
    exchange_move(exchange, EXCHANGE_FREE);
    recycle(exchange);
}

void exchange_go_on_later(struct exchange *exchange)
{
    if (exchange->is_later)
        return;
    exchange->is_later = true;
    TAILQ_INSERT_TAIL(&exchange->edge->later, exchange, later_link);
}

/* ---- headers ---- */

static int grow_fields(struct exchange *exchange)
{
    size_t size = exchange->fields_size * 2;
    bool is_inline = exchange->fields == exchange->fields_inline;
    struct http_field *fields = realloc(is_inline ? NULL : exchange->fields, size * sizeof *fields);
    if (!fields)
        return UV_ENOMEM;
    if (is_inline)
        memcpy(fields, exchange->fields_inline, sizeof exchange->fields_inline);
    exchange->fields = fields;
    exchange->fields_size = size;
    return 0;
}

int exchange_add_field(struct exchange *exchange, const struct http_field *field)
{
    if (exchange->fields_n == exchange->fields_size) {
        int rc = grow_fields(exchange);
        if (rc)
            return rc;
    }
    exchange->fields[exchange->fields_n++] = *field;
    return 0;
}

bool exchange_set_codec(struct exchange *exchange, const char *name, size_t len)
{
    for (const struct http_codec *const *codec = exchange->edge->codecs; *codec; codec++)
        if (strncmp((*codec)->name, name, len) == 0 && !(*codec)->name[len]) {
            exchange->codec = *codec;
            return true;
        }
    return false;
}

const struct http_field *exchange_field(const struct exchange *exchange, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < exchange->fields_n; i++) {
        const struct http_text *text = &exchange->fields[i].name;
        if (text->len == len && memcmp(text->text, name, len) == 0)
            return &exchange->fields[i];
    }
    return NULL;
}

/* ---- the carrier lets go ---- */

void exchange_gone(struct exchange *exchange)
{
    if (exchange->is_gone)
        return;
    exchange->is_gone = true;
    exchange_set_busy(exchange, false);
    exchange_untouch(exchange);
    timers_stop(exchange->edge->timers, &exchange->timer);
    if (exchange->is_later)
        TAILQ_REMOVE(&exchange->edge->later, exchange, later_link);
    exchange->is_later = false;
    if (exchange->is_called && !exchange->is_call_over)
        call_cancel(&exchange->run->call); /* at the call's end, soon or later, over() frees the exchange */
    else
        exchange_try_free(exchange);
}

void exchange_gone_all(struct http_connection *connection)
{
    struct exchange *exchange, *next;
    for (exchange = LIST_FIRST(&connection->exchanges); exchange; exchange = next) {
        next = LIST_NEXT(exchange, link);
        exchange_gone(exchange);
    }
    while ((exchange = LIST_FIRST(&connection->exchanges))) { /* those whose calls are not over yet */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed is not on the list any more */
        connection_charge(connection, -(ssize_t)exchange->charged);
        exchange->charged = 0;
        LIST_REMOVE(exchange, link);
        exchange->connection = NULL;
    }
    connection->exchanges_n = 0;
}

void exchange_end_streams(struct http_connection *connection, bool only_idle)
{
    struct exchange *exchange, *next;
    for (exchange = LIST_FIRST(&connection->exchanges); exchange; exchange = next) {
        next = LIST_NEXT(exchange, link);
        bool is_stream = exchange->is_called && exchange->run->call.method->kind != METHOD_UNARY;
        if (is_stream && !exchange->is_gone && (!only_idle || !exchange->is_busy))
            exchange_fail(exchange, STATUS_UNAVAILABLE, "the connection is being closed; make another");
    }
}
