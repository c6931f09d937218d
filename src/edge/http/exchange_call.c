/* SPDX-License-Identifier: MIT
 *
 * The exchange as its call's transport (struct call_transport): src/call calls reply(), send_message() and
 * end(), and what it says goes through the codec and the protocol into the exchange's answer.
 */
#include "edge/http/exchange.h"

static int put_message(struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    struct bytes *out = &exchange->edge->encoded;
    if (!exchange->has_head)
        exchange->protocol->head(exchange);
    if (exchange->codec->encode) {
        out->len = 0;
        int rc = exchange->codec->encode(exchange->run->call.method, bytes, len, out);
        if (rc)
            return rc;
        bytes = out->data;
        len = out->len;
    }
    return exchange->protocol->message(exchange, bytes, len);
}

static void reply(struct call *call, const uint8_t *bytes, size_t len)
{
    struct exchange *exchange = exchange_of(call);
    if (exchange_has_said_all(exchange))
        return;
    if (put_message(exchange, bytes, len) == 0) {
        exchange_say_end(exchange, STATUS_OK, "", 0);
        return;
    }
    exchange->has_head = false;
    exchange->run->body.len = 0;
    exchange_say_end(exchange, STATUS_RESOURCE_EXHAUSTED, "out of memory", 0);
}

static void end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    exchange_say_end(exchange_of(call), status, message, retry_after_ms);
}

static void send_message(struct call *call, const uint8_t *bytes, size_t len)
{
    struct exchange *exchange = exchange_of(call);
    exchange->is_sending = true;
    exchange->is_short = put_message(exchange, bytes, len) != 0;
    if (exchange->is_short)
        exchange_go_on_later(exchange); /* the call is failed there: it may not be ended within send */
    else
        exchange_say(exchange, false);
}

static void receive(struct call *call)
{
    struct exchange *exchange = exchange_of(call);
    exchange->is_wanted = true;
    exchange_set_busy(exchange, false);
    if (exchange->in_len || exchange->is_complete)
        exchange_go_on_later(exchange);
}

/* A connection with many calls that are held back is not read: see connection_is_held_back(). */
static void held(struct call *call, bool is_held)
{
    struct exchange *exchange = exchange_of(call);
    exchange->edge->held_n += is_held ? 1 : -1U;
    if (!exchange->connection)
        return;
    exchange->connection->held_n += is_held ? 1 : -1U;
    exchange->held_len = call->held.len; /* charged until the call is over */
    exchange_recharge(exchange);
    if (!exchange->connection->is_ending)
        connection_wants_write(exchange->connection);
}

/* False: the peer reads no answers now, so the call's answer would only be kept. */
static bool is_wanted(const struct call *call)
{
    const struct exchange *exchange = exchange_of(call);
    return !exchange->connection || !pressure_holds_back(exchange->connection);
}

static void over(struct call *call)
{
    struct exchange *exchange = exchange_of(call);
    exchange->is_call_over = true;
    exchange_try_free(exchange);
}

static bool peer(struct call *call, struct ip *ip)
{
    const struct http_connection *connection = exchange_of(call)->connection;
    if (!connection || !connection->has_ip)
        return false;
    *ip = connection->ip;
    return true;
}

static const char *certificate_names(struct call *call)
{
    const struct http_connection *connection = exchange_of(call)->connection;
    return connection && connection->tls ? tls_client_names(connection->tls) : NULL;
}

static const char *metadata(struct call *call, const char *key)
{
    const struct exchange *exchange = exchange_of(call);
    const char *values = NULL;
    for (size_t i = 0; i < exchange->fields_n; i++) {
        const struct http_field *field = &exchange->fields[i];
        if (http_text_is(&field->name, key))
            values = call_join(call, values, field->value.text, field->value.len);
    }
    return values;
}

const struct call_transport exchange_transport = { .reply = reply,
                                                   .end = end,
                                                   .send = send_message,
                                                   .receive = receive,
                                                   .held = held,
                                                   .is_wanted = is_wanted,
                                                   .over = over,
                                                   .peer = peer,
                                                   .certificate_names = certificate_names,
                                                   .metadata = metadata };
