/* SPDX-License-Identifier: MIT
 *
 * The request's body. It is used in place, in the carrier's read buffer, and copied only if it has to wait
 * for more. When a message is complete the codec decodes it to protobuf, and the call starts (call_start) or,
 * in a dialogue, goes on (stream_received).
 */
#include "edge/http/exchange.h"

#include <string.h>

#include "base/container_of.h"
#include "call/entry.h"
#include "call/request.h"
#include "call/stream.h"

#define MS              UINT64_C(1000000)
#define UNFRAMED_FACTOR 2 /* how much longer than the message the body may be: base64, escapes in JSON */

/* ---- timeout ---- */

static void on_timer(struct timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);
    if (!exchange_wake(exchange))
        return;
    bool has_deadline = exchange->run->call.deadline_ns <= uv_hrtime();
    const char *message = has_deadline ? "the deadline passed before the request was whole"
                                       : "the request was not whole within server.request_timeout_ms";
    if (exchange->protocol)
        exchange_fail(exchange, STATUS_DEADLINE_EXCEEDED, message);
    else
        exchange_answer_text(exchange, 408, message);
}

static void start_timer(struct exchange *exchange)
{
    uint64_t at = exchange->began_ns + exchange->edge->limits.request_timeout_ms * MS;
    if (exchange->run->call.deadline_ns < at)
        at = exchange->run->call.deadline_ns;
    timers_start(exchange->edge->timers, &exchange->timer, at, on_timer);
}

/* ---- receiving ---- */

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
    exchange_recharge(exchange);
    return true;
}

void exchange_receive(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    size_t max = exchange->connection->message_max * UNFRAMED_FACTOR + READ_LEN;
    if (exchange_has_said_all(exchange) || len == 0 || !exchange_wake(exchange))
        return;
    connection_has_sent(exchange->connection, len);
    if (exchange->in_len == 0) {
        exchange->in = bytes;
        exchange->in_len = len;
    } else if (exchange->in_len + len > max) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "the request is too long");
    } else if (!keep(exchange, bytes, len)) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (!exchange->is_touched && !exchange_has_said_all(exchange)) {
        exchange->is_touched = true;
        TAILQ_INSERT_TAIL(&exchange->edge->touched, exchange, touch_link);
    }
}

static void took(struct exchange *exchange, size_t len)
{
    exchange->in_len -= len;
    exchange->in += len;
    if (exchange->in_len && exchange->kept.len) { /* the rest moves to the front */
        memmove(exchange->kept.data, exchange->in, exchange->in_len);
        exchange->kept.len = exchange->in_len;
        exchange->in = exchange->kept.data;
    }
    if (exchange->connection)
        exchange->connection->carrier->consumed(exchange, len);
}

static void wipe(const struct http_span *span)
{
    explicit_bzero((uint8_t *)span->bytes, span->len); /* the span is in our own, writable buffers */
}

/* Decodes a message to protobuf, into edge->decoded; without a codec's decoder it is protobuf already. On
 * failure the call is failed. */
static int decode(struct exchange *exchange, const struct http_span *message, struct http_span *decoded)
{
    char error[1024] = "";
    struct bytes *out = &exchange->edge->decoded;
    const struct rpc_method *method = exchange->run->call.method;
    *decoded = *message;
    if (!exchange->codec->decode)
        return 0;
    out->len = 0;
    int rc = exchange->codec->decode(method, message->bytes, message->len, out,
                                     exchange->connection->message_max, error, sizeof error);
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
    bool has_secret = request_has_secret(exchange->run->call.method);
    if (decode(exchange, message, &decoded))
        return;
    exchange_set_busy(exchange, true);
    const uint8_t *bytes = decoded.len ? decoded.bytes : nothing;
    if (exchange->run->call.method->kind == METHOD_DIALOGUE) {
        stream_received(&exchange->run->call, bytes, decoded.len);
    } else {
        exchange->is_called = true;
        call_start(&exchange->run->call, bytes, decoded.len);
    }
    if (has_secret)
        wipe(&decoded);
}

/* The request is complete: it must be exactly one message. */
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
    const struct rpc_method *method = exchange_method(exchange);
    bool is_dialogue = method && method->kind == METHOD_DIALOGUE;
    exchange->is_complete = true;
    timers_stop(exchange->edge->timers, &exchange->timer);
    if (!is_dialogue) /* what came of a dialogue by this read is still to be kept: its call takes it later */
        exchange_untouch(exchange);
    if (exchange_has_said_all(exchange) || !exchange_wake(exchange))
        return;
    if (!is_dialogue)
        start_single(exchange);
    else if (exchange->is_wanted)
        exchange_go_on_later(exchange);
}

/* Fails the call as soon as its message is found to be wrong, before the rest of it is read. */
static void look_early(struct exchange *exchange)
{
    size_t taken = 0;
    if (exchange->run->call.method->kind == METHOD_DIALOGUE)
        return;
    if (exchange->protocol->next(exchange, NULL, &taken) == FRAMED_MESSAGE && taken < exchange->in_len)
        exchange_fail(exchange, STATUS_UNIMPLEMENTED, "this method takes one message, more came");
}

static void keep_touched(struct exchange *exchange)
{
    bool is_borrowed = exchange->in_len && exchange->in != exchange->kept.data;
    if (is_borrowed && pressure_refuses(exchange->connection, 0)) {
        exchange_push_back(exchange);
        return;
    }
    if (is_borrowed && !keep(exchange, NULL, 0)) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (exchange->in_len)
        look_early(exchange);
    if (exchange_has_said_all(exchange))
        return;
    if (exchange->is_wanted)
        exchange_go_on_later(exchange);
    if (exchange->is_complete || exchange->is_called)
        return;
    if (!exchange->timer.is_running)
        start_timer(exchange);
    exchange_park(exchange);
}

void exchanges_keep(struct http_edge *edge)
{
    struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&edge->touched))) {
        exchange_untouch(exchange);
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
            stream_received_end(&exchange->run->call);
    }
}

void exchange_go_on(struct exchange *exchange)
{
    TAILQ_REMOVE(&exchange->edge->later, exchange, later_link);
    exchange->is_later = false;
    if (exchange->is_gone || exchange->is_call_over)
        return;
    if (exchange->is_short) {
        exchange_fail(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (exchange->is_sending && exchange->body_taken == exchange->run->body.len) {
        exchange->is_sending = false;
        exchange->run->body.len = exchange->body_taken = 0;
        stream_sent(&exchange->run->call);
    } else if (exchange->is_wanted) {
        receive_next(exchange);
    }
}

void exchange_taken(struct exchange *exchange, size_t len)
{
    exchange->body_taken += len;
    if (exchange->connection)
        connection_has_read(exchange->connection, len);
    if (exchange->is_sending && exchange->body_taken == exchange->run->body.len)
        exchange_go_on_later(exchange);
}
