/* SPDX-License-Identifier: MIT
 *
 * Exchanges are recycled with what their buffers have grown to, if that is little: a call allocates nothing.
 */
#include "edge/http/exchange.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/state.h"
#include "call/origin.h"
#include "call/request.h"
#include "call/stream.h"

#define MS              UINT64_C(1000000)
#define FREE_MAX        4096  /* exchanges kept for reuse */
#define KEPT_MAX        16384 /* bytes of a buffer that is kept with one */
#define PATH_QUOTED     184   /* bytes of a path that is none, in a message of 200 */
#define TYPE_LEN_MAX    64
#define UNFRAMED_FACTOR 2 /* how much longer a message may be than itself: base64, escapes in JSON */

static const struct state_machine states = {
    .of = "exchange",
    .names = { "FREE", "HEADERS", "RECEIVING", "ANSWERING", "ANSWERED" },
    .next = { [EXCHANGE_FREE] = TO(EXCHANGE_HEADERS),
              [EXCHANGE_HEADERS] = TO(EXCHANGE_RECEIVING) | TO(EXCHANGE_FREE),
              [EXCHANGE_RECEIVING] = TO(EXCHANGE_ANSWERING) | TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_FREE),
              [EXCHANGE_ANSWERING] = TO(EXCHANGE_ANSWERED) | TO(EXCHANGE_FREE),
              [EXCHANGE_ANSWERED] = TO(EXCHANGE_FREE) },
};

static const struct call_transport transport;

static void move(struct exchange *exchange, enum exchange_state to)
{
    exchange->state = state_move(&states, exchange->state, to);
}

/* ---- memory ---- */

static void recharge(struct exchange *exchange)
{
    size_t total = sizeof *exchange + exchange->headers_len + exchange->kept.size + exchange->body.size +
                   exchange->inflated.size;
    if (exchange->connection && total != exchange->charged) {
        connection_charge(exchange->connection, (ssize_t)total - (ssize_t)exchange->charged);
        exchange->charged = total;
    }
}

static struct exchange *exchange_get(struct http_edge *edge)
{
    struct exchange *exchange = TAILQ_FIRST(&edge->free);
    if (exchange) {
        TAILQ_REMOVE(&edge->free, exchange, touch_link);
        edge->free_n--;
        return exchange;
    }
    exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->edge = edge;
    exchange->call.transport = &transport;
    exchange->call.context = edge->context;
    return exchange;
}

struct exchange *exchange_create(struct http_connection *connection)
{
    struct http_edge *edge = connection->edge;
    struct exchange *exchange = exchange_get(edge);
    if (!exchange)
        return NULL;
    exchange->connection = connection;
    exchange->fields = exchange->fields_inline;
    exchange->fields_size = FIELDS_INLINE;
    exchange->content_length = -1;
    move(exchange, EXCHANGE_HEADERS);
    LIST_INSERT_HEAD(&connection->exchanges, exchange, link);
    connection->exchanges_n++;
    edge->exchanges_n++;
    recharge(exchange);
    return exchange;
}

static void trim(struct bytes *bytes)
{
    if (bytes->size > KEPT_MAX)
        bytes_finish(bytes);
    bytes->len = 0;
}

static void exchange_free(struct exchange *exchange)
{
    bytes_finish(&exchange->kept);
    bytes_finish(&exchange->body);
    bytes_finish(&exchange->inflated);
    arena_finish(&exchange->arena);
    call_finish(&exchange->call);
    free(exchange);
}

static void untouch(struct exchange *exchange)
{
    if (exchange->is_touched)
        TAILQ_REMOVE(&exchange->edge->touched, exchange, touch_link);
    exchange->is_touched = false;
}

/* Everything up to `call` and the buffers is cleared by hand: it is much, and mostly unused. */
static void recycle(struct exchange *exchange)
{
    struct http_edge *edge = exchange->edge;
    if (exchange->fields != exchange->fields_inline)
        free(exchange->fields);
    trim(&exchange->kept);
    trim(&exchange->body);
    trim(&exchange->inflated);
    if (exchange->arena.first)
        arena_reset(&exchange->arena);
    exchange->protocol = NULL;
    exchange->codec = NULL;
    exchange->page = NULL;
    exchange->verb = exchange->scheme = exchange->authority = exchange->path = exchange->query =
        (struct http_text){ 0 };
    exchange->fields_n = exchange->headers_len = exchange->in_len = exchange->body_taken = 0;
    exchange->is_complete = exchange->has_too_much = exchange->is_wanted = exchange->is_called =
        exchange->is_call_over = exchange->has_head = exchange->is_sending = exchange->has_own_length =
            exchange->is_gone = exchange->is_begun = exchange->is_stalled = exchange->is_unwrapped = false;
    exchange->origin = NULL;
    exchange->encoding = 0;
    exchange->held_n = 0;
    exchange->stream_id = 0;
    exchange->head.n = exchange->trailers.n = 0;
    exchange->received = 0;
    exchange->charged = 0;
    exchange->call.method = NULL;
    exchange->call.account.request_id[0] = '\0';
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
}

static void set_busy(struct exchange *exchange, bool is_busy)
{
    if (exchange->is_busy == is_busy || !exchange->connection)
        return;
    exchange->is_busy = is_busy;
    if (is_busy)
        connection_busy(exchange->connection);
    else
        connection_idle(exchange->connection);
}

static void try_free(struct exchange *exchange)
{
    if (!exchange->is_gone || (exchange->is_called && !exchange->is_call_over))
        return;
    if (exchange->connection) {
        connection_charge(exchange->connection, -(ssize_t)exchange->charged);
        LIST_REMOVE(exchange, link);
        exchange->connection->exchanges_n--;
        exchange->connection = NULL;
    }
    move(exchange, EXCHANGE_FREE);
    recycle(exchange);
}

static void go_on_later(struct exchange *exchange)
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

/* ---- the answer ---- */

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
    exchange->head.n = 0;
    if (exchange->call.method)
        add_answer_field(&exchange->head, "x-request-id", call_answered_request_id(&exchange->call), true);
}

void exchange_head_field(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->head, name, value, false);
}

void exchange_trailer(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->trailers, name, value, false);
}

void exchange_trailer_unique(struct exchange *exchange, const char *name, const char *value)
{
    add_answer_field(&exchange->trailers, name, value, true);
}

/* Some of the answer, or all of it, is ready to be taken. */
static void say(struct exchange *exchange, bool is_all)
{
    if (exchange->state == EXCHANGE_RECEIVING)
        exchange->edge->cors->add_fields(exchange);
    if (is_all) {
        exchange->has_own_length = exchange->state == EXCHANGE_RECEIVING;
        move(exchange, EXCHANGE_ANSWERED);
        timers_stop(exchange->edge->timers, &exchange->timer);
        untouch(exchange);
    } else if (exchange->state != EXCHANGE_ANSWERING) {
        move(exchange, EXCHANGE_ANSWERING);
    }
    recharge(exchange);
    if (!exchange->is_gone)
        exchange->connection->carrier->answer(exchange);
}

static bool has_said_all(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_ANSWERED || exchange->is_gone;
}

static void say_end(struct exchange *exchange, enum status status, const char *message,
                    unsigned retry_after_ms)
{
    if (has_said_all(exchange))
        return;
    if (!exchange->is_called)
        account_refused(exchange->call.method, status);
    exchange->protocol->end(exchange, status, message, retry_after_ms);
    say(exchange, true);
}

void exchange_fail(struct exchange *exchange, enum status status, const char *message)
{
    if (exchange->is_called && !exchange->is_call_over)
        call_end(&exchange->call, status, message);
    else
        say_end(exchange, status, message, 0);
}

void exchange_answer(struct exchange *exchange, int status, const char *content_type, const void *body,
                     size_t len)
{
    if (has_said_all(exchange))
        return;
    if (exchange->has_head)
        exchange->head.n = 0;
    exchange->has_head = true;
    exchange->status = status;
    exchange_head_field(exchange, "content-type", content_type);
    exchange->body.len = 0;
    if (bytes_reserve(&exchange->body, len) == 0)
        bytes_put(&exchange->body, body, len);
    else
        exchange_head(exchange, 503);
    say(exchange, true);
}

static void answer_text(struct exchange *exchange, int status, const char *text)
{
    exchange_answer(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* ---- what is it for ---- */

static bool is_text(const struct http_text *text, const char *expected)
{
    return text->len == strlen(expected) && memcmp(text->text, expected, text->len) == 0;
}

/* The page of this path and verb; *has_path: there is one of another verb. */
static const struct http_page *find_page(const struct exchange *exchange, bool *has_path)
{
    const struct http_page *page = exchange->connection->site->pages;
    for (; page && page->path; page++) {
        if (!is_text(&exchange->path, page->path))
            continue;
        *has_path = true;
        if (is_text(&exchange->verb, page->verb) ||
            (is_text(&exchange->verb, "HEAD") && strcmp(page->verb, "GET") == 0))
            return page;
    }
    return NULL;
}

/* The row whose content type it is; "" finds what is spoken without one. */
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

static void on_timer(struct timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);
    bool has_deadline = exchange->call.deadline_ns <= uv_hrtime();
    const char *message = has_deadline ? "the deadline passed before the request was whole"
                                       : "the request was not whole within server.request_timeout_ms";
    if (exchange->protocol)
        exchange_fail(exchange, STATUS_DEADLINE_EXCEEDED, message);
    else
        answer_text(exchange, 408, message);
}

static void start_timer(struct exchange *exchange)
{
    uint64_t at = exchange->began_ns + exchange->edge->limits.request_timeout_ms * MS;
    if (exchange->call.deadline_ns < at)
        at = exchange->call.deadline_ns;
    timers_start(exchange->edge->timers, &exchange->timer, at, on_timer);
}

static void begin_call(struct exchange *exchange)
{
    exchange->protocol->begin(exchange);
    if (has_said_all(exchange))
        return;
    if (exchange->has_too_much) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "metadata is over 65536 bytes in all");
    } else if (!exchange->call.method) {
        exchange_fail(
            exchange, STATUS_UNIMPLEMENTED,
            exchange_text(exchange, "no such method: %.*s",
                          (int)(exchange->path.len < PATH_QUOTED ? exchange->path.len : PATH_QUOTED),
                          exchange->path.text)
                ?: "no such method");
    } else if (exchange->call.method->kind == METHOD_DIALOGUE) {
        exchange->is_called = true;
        stream_open(&exchange->call);
    }
}

/* What HTTP itself says of a request that is for no page and no call. */
static void refuse(struct exchange *exchange, bool is_known)
{
    bool has_path = is_known || exchange->call.method;
    if (exchange->has_too_much) {
        answer_text(exchange, 431, "headers are over 65536 bytes in all\n");
    } else if (!has_path) {
        answer_text(exchange, 404, "there is no such page or method\n");
    } else if (exchange->call.method && is_text(&exchange->verb, "POST")) {
        exchange_head_field(exchange, "accept-post", CONTENT_TYPES_ACCEPTED);
        answer_text(exchange, 415, "this content type is not spoken here\n");
    } else {
        exchange_head_field(exchange, "allow", exchange->call.method ? "POST, OPTIONS" : "GET, HEAD");
        answer_text(exchange, 405, "this is asked for by another method\n");
    }
}

/* No page: a call, or what is told of it. */
static void choose(struct exchange *exchange, bool has_path)
{
    bool has_calls = exchange->connection->site->has_calls;
    if (has_calls && exchange->edge->cors->answer_preflight(exchange))
        return;
    exchange->call.method =
        has_calls ? method_table_find(&exchange->edge->methods, exchange->path.text, exchange->path.len)
                  : NULL;
    bool may_be_call = has_calls && is_text(&exchange->verb, "POST");
    if (may_be_call && exchange->edge->cors->is_refused(exchange))
        answer_text(exchange, 403,
                    "pages of this origin may not make calls here: see server.allowed_origins\n");
    else if (may_be_call && (exchange->protocol = find_protocol(exchange)))
        begin_call(exchange);
    else
        refuse(exchange, has_path);
}

void exchange_begin(struct exchange *exchange)
{
    bool has_path = false;
    exchange->began_ns = uv_hrtime();
    exchange->call.deadline_ns = UINT64_MAX;
    move(exchange, EXCHANGE_RECEIVING);
    recharge(exchange);
    exchange->page = find_page(exchange, &has_path);
    if (exchange->page) {
        exchange->page->answer(exchange, exchange->page->data);
        return;
    }
    choose(exchange, has_path);
    if (!has_said_all(exchange) && !exchange->is_touched) {
        exchange->is_touched = true;
        TAILQ_INSERT_TAIL(&exchange->edge->touched, exchange, touch_link);
    }
}

/* ---- the request's body ---- */

static bool keep(struct exchange *exchange, const uint8_t *more, size_t len)
{
    struct bytes *kept = &exchange->kept;
    bool is_borrowed = exchange->in_len && exchange->in != kept->data;
    size_t had = is_borrowed ? exchange->in_len : 0;
    if (is_borrowed || !exchange->in_len)
        kept->len = 0;
    if (bytes_reserve(kept, had + len))
        return false;
    bytes_put(kept, exchange->in, had);
    bytes_put(kept, more, len);
    exchange->in = kept->data;
    exchange->in_len = kept->len;
    recharge(exchange);
    return true;
}

void exchange_receive(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    size_t max = exchange->edge->limits.max_message_bytes * UNFRAMED_FACTOR + READ_LEN;
    if (has_said_all(exchange) || len == 0)
        return;
    if (exchange->in_len == 0) {
        exchange->in = bytes;
        exchange->in_len = len;
    } else if (exchange->in_len + len > max) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "the request is too long");
    } else if (!keep(exchange, bytes, len)) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (!exchange->is_touched && !has_said_all(exchange)) {
        exchange->is_touched = true;
        TAILQ_INSERT_TAIL(&exchange->edge->touched, exchange, touch_link);
    }
}

static void took(struct exchange *exchange, size_t len)
{
    exchange->in_len -= len;
    exchange->in += len;
    if (exchange->in_len && exchange->kept.len) { /* what is left moves to the front */
        memmove(exchange->kept.data, exchange->in, exchange->in_len);
        exchange->kept.len = exchange->in_len;
        exchange->in = exchange->kept.data;
    }
    if (exchange->connection)
        exchange->connection->carrier->consumed(exchange, len);
}

static void wipe(const struct http_span *span)
{
    explicit_bzero((uint8_t *)span->bytes, span->len); /* it lies in our buffers */
}

/* In the form that calls take. */
static int decode(struct exchange *exchange, const struct http_span *message, struct http_span *decoded)
{
    char error[1024] = "";
    struct bytes *out = &exchange->edge->decoded;
    const struct rpc_method *method = exchange->call.method;
    *decoded = *message;
    if (!exchange->codec->decode)
        return 0;
    out->len = 0;
    int rc = exchange->codec->decode(method, message->bytes, message->len, out,
                                     exchange->edge->limits.max_message_bytes, error, sizeof error);
    if (request_has_secret(method))
        wipe(message);
    *decoded = (struct http_span){ out->data, out->len };
    if (rc == UV_EINVAL)
        exchange_fail(exchange, STATUS_INVALID_ARGUMENT, exchange_text(exchange, "%s", error) ?: "");
    else if (rc)
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED,
                      rc == UV_EMSGSIZE ? "the message is too long" : "out of memory");
    return rc;
}

static void start(struct exchange *exchange, const struct http_span *message)
{
    static const uint8_t nothing[1];
    struct http_span decoded;
    bool has_secret = request_has_secret(exchange->call.method);
    if (decode(exchange, message, &decoded))
        return;
    set_busy(exchange, true);
    const uint8_t *bytes = decoded.len ? decoded.bytes : nothing;
    if (exchange->call.method->kind == METHOD_DIALOGUE) {
        stream_received(&exchange->call, bytes, decoded.len);
    } else {
        exchange->is_called = true;
        call_start(&exchange->call, bytes, decoded.len);
    }
    if (has_secret)
        wipe(&decoded);
}

/* All of a request that is one message is here. */
static void start_single(struct exchange *exchange)
{
    struct http_span message;
    size_t taken = 0;
    switch (exchange->protocol->next(exchange, &message, &taken)) {
    case FRAMED_FAILED:
        return;
    case FRAMED_MORE:
        if (exchange->in_len)
            exchange_fail(exchange, STATUS_INTERNAL, "the request ends within its message");
        else
            exchange_fail(exchange, STATUS_UNIMPLEMENTED, "this method takes one message, none came");
        return;
    case FRAMED_MESSAGE:
        if (taken < exchange->in_len)
            exchange_fail(exchange, STATUS_UNIMPLEMENTED, "this method takes one message, more came");
        else
            start(exchange, &message);
    }
}

void exchange_received(struct exchange *exchange)
{
    exchange->is_complete = true;
    untouch(exchange);
    timers_stop(exchange->edge->timers, &exchange->timer);
    if (has_said_all(exchange))
        return;
    if (exchange->call.method->kind != METHOD_DIALOGUE)
        start_single(exchange);
    else if (exchange->is_wanted)
        go_on_later(exchange);
}

/* What is wrong with the message is told before the rest of it is read. */
static void look_early(struct exchange *exchange)
{
    size_t taken = 0;
    if (exchange->call.method->kind == METHOD_DIALOGUE)
        return;
    if (exchange->protocol->next(exchange, NULL, &taken) == FRAMED_MESSAGE && taken < exchange->in_len)
        exchange_fail(exchange, STATUS_UNIMPLEMENTED, "this method takes one message, more came");
}

static void keep_touched(struct exchange *exchange)
{
    bool is_borrowed = exchange->in_len && exchange->in != exchange->kept.data;
    if (is_borrowed && !keep(exchange, NULL, 0)) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (exchange->in_len)
        look_early(exchange);
    if (has_said_all(exchange))
        return;
    if (exchange->is_wanted)
        go_on_later(exchange);
    if (!exchange->is_complete && !exchange->is_called && !exchange->timer.is_running)
        start_timer(exchange);
}

void exchanges_keep(struct http_edge *edge)
{
    struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&edge->touched))) {
        untouch(exchange);
        keep_touched(exchange);
    }
}

/* ---- streams go on ---- */

static void receive_next(struct exchange *exchange)
{
    struct http_span message;
    size_t taken = 0;
    enum framed framed =
        exchange->in_len ? exchange->protocol->next(exchange, &message, &taken) : FRAMED_MORE;
    if (framed == FRAMED_MESSAGE) {
        exchange->is_wanted = false;
        start(exchange, &message);
        if (taken && exchange->state != EXCHANGE_FREE)
            took(exchange, taken);
    } else if (framed == FRAMED_MORE && exchange->is_complete) {
        exchange->is_wanted = false;
        if (exchange->in_len)
            exchange_fail(exchange, STATUS_INTERNAL, "the request ends within a message");
        else
            stream_received_end(&exchange->call);
    }
}

void exchange_go_on(struct exchange *exchange)
{
    TAILQ_REMOVE(&exchange->edge->later, exchange, later_link);
    exchange->is_later = false;
    if (exchange->is_gone || exchange->is_call_over)
        return;
    if (exchange->is_sending && exchange->body_taken == exchange->body.len) {
        exchange->is_sending = false;
        exchange->body.len = exchange->body_taken = 0;
        stream_sent(&exchange->call);
    } else if (exchange->is_wanted) {
        receive_next(exchange);
    }
}

void exchange_taken(struct exchange *exchange, size_t len)
{
    exchange->body_taken += len;
    if (exchange->is_sending && exchange->body_taken == exchange->body.len)
        go_on_later(exchange);
}

/* ---- its end ---- */

void exchange_gone(struct exchange *exchange)
{
    if (exchange->is_gone)
        return;
    exchange->is_gone = true;
    set_busy(exchange, false);
    untouch(exchange);
    timers_stop(exchange->edge->timers, &exchange->timer);
    if (exchange->is_later)
        TAILQ_REMOVE(&exchange->edge->later, exchange, later_link);
    exchange->is_later = false;
    if (exchange->is_called && !exchange->is_call_over)
        call_cancel(&exchange->call); /* which comes to `over`, sooner or later */
    else
        try_free(exchange);
}

void exchange_gone_all(struct http_connection *connection)
{
    struct exchange *exchange, *next;
    for (exchange = LIST_FIRST(&connection->exchanges); exchange; exchange = next) {
        next = LIST_NEXT(exchange, link);
        exchange_gone(exchange);
    }
    while ((exchange = LIST_FIRST(&connection->exchanges))) { /* their calls are abandoned */
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
        bool is_stream = exchange->is_called && exchange->call.method->kind != METHOD_UNARY;
        if (is_stream && !exchange->is_gone && (!only_idle || !exchange->is_busy))
            exchange_fail(exchange, STATUS_UNAVAILABLE, "the connection is being closed; make another");
    }
}

/* ---- as the call's transport ---- */

static int put_message(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    struct bytes *out = &exchange->edge->encoded;
    if (!exchange->has_head)
        exchange->protocol->head(exchange);
    if (exchange->codec->encode) {
        out->len = 0;
        int rc = exchange->codec->encode(exchange->call.method, bytes, len, out);
        if (rc)
            return rc;
        bytes = out->data;
        len = out->len;
    }
    return exchange->protocol->message(exchange, bytes, len);
}

static void reply(struct call *call, const uint8_t *bytes, size_t len)
{
    struct exchange *exchange = container_of(call, struct exchange, call);
    if (has_said_all(exchange))
        return;
    if (put_message(exchange, bytes, len) == 0) {
        say_end(exchange, STATUS_OK, "", 0);
        return;
    }
    exchange->has_head = false;
    exchange->body.len = 0;
    say_end(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory", 0);
}

static void end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    say_end(container_of(call, struct exchange, call), status, message, retry_after_ms);
}

static void send_message(struct call *call, const uint8_t *bytes, size_t len)
{
    struct exchange *exchange = container_of(call, struct exchange, call);
    exchange->is_sending = true;
    if (put_message(exchange, bytes, len))
        go_on_later(exchange); /* a message that is lost to a lack of memory: the peer sees the next */
    else
        say(exchange, false);
}

static void receive(struct call *call)
{
    struct exchange *exchange = container_of(call, struct exchange, call);
    exchange->is_wanted = true;
    set_busy(exchange, false);
    if (exchange->in_len || exchange->is_complete)
        go_on_later(exchange);
}

static void over(struct call *call)
{
    struct exchange *exchange = container_of(call, struct exchange, call);
    exchange->is_call_over = true;
    try_free(exchange);
}

static bool peer(struct call *call, struct ip *ip)
{
    const struct http_connection *connection = container_of(call, struct exchange, call)->connection;
    if (!connection || !connection->has_ip)
        return false;
    *ip = connection->ip;
    return true;
}

static const char *certificate_names(struct call *call)
{
    const struct http_connection *connection = container_of(call, struct exchange, call)->connection;
    return connection && connection->tls ? tls_client_names(connection->tls) : NULL;
}

static const char *metadata(struct call *call, const char *key)
{
    const struct exchange *exchange = container_of(call, struct exchange, call);
    const char *values = NULL;
    for (size_t i = 0; i < exchange->fields_n; i++) {
        const struct http_field *field = &exchange->fields[i];
        if (is_text(&field->name, key))
            values = call_join(call, values, field->value.text, field->value.len);
    }
    return values;
}

static const struct call_transport transport = { .reply = reply,
                                                 .end = end,
                                                 .send = send_message,
                                                 .receive = receive,
                                                 .over = over,
                                                 .peer = peer,
                                                 .certificate_names = certificate_names,
                                                 .metadata = metadata };
