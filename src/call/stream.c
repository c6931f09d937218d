/* SPDX-License-Identifier: MIT
 *
 * A stream waits like any other call; what it waits for is the transport, to send a message or to bring a
 * request.
 */
#include "call/stream.h"

#include "call/entry.h"
#include "observe/log.h"

/* Can always be withdrawn: whoever ends the call also tells the transport, which drops the message. */
static bool withdraw(struct call *call)
{
    (void)call;
    return true;
}

static enum next send_message(struct call *call, const pb_msgdesc_t *fields, const void *message,
                              enum next (*then)(struct call *call))
{
    struct sql_bytes bytes;
    int rc = call_encode(call, fields, message, &bytes);
    if (rc)
        return call_encode_failed(call, rc);
    call->messages_n++;
    call->stream_then = then;
    enum next next = call_wait(call, withdraw);
    account_sent(&call->account, bytes.len);
    call->transport->send(call, bytes.data, bytes.len);
    return next;
}

void stream_sent(struct call *call)
{
    enum next (*then)(struct call * call) = call->stream_then;
    if (call_wake(call))
        call_settle(call, then(call));
}

/* ---- server streams ---- */

enum next stream_send(struct call *call, const pb_msgdesc_t *fields, const void *message,
                      enum next (*then)(struct call *call))
{
    if (call->messages_n == 0)
        call->stream_mark = call_mark(call);
    enum next next = send_message(call, fields, message, then);
    if (next == WAITING)
        call_forget(call, call->stream_mark);
    return next;
}

enum next stream_end(struct call *call)
{
    if (call->method->kind == METHOD_UNARY) {
        log_error("a call that is no stream was ended without its reply",
                  log_str("method", call->method->path), log_str("hint", "answer with reply_METHOD()"));
        return call_fail(call, STATUS_INTERNAL, "the call was ended without its reply");
    }
    return call_push_back(call, STATUS_OK, 0, "");
}

/* ---- dialogues ---- */

static enum next receive_next(struct call *call)
{
    enum next next = call_wait(call, withdraw);
    call->transport->receive(call);
    return next;
}

static enum next replied(struct call *call)
{
    call_forget(call, (struct call_mark){ 0 });
    return receive_next(call);
}

enum next stream_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply)
{
    return send_message(call, fields, reply, replied);
}

void stream_open(struct call *call)
{
    enum next next;
    call_begin(call);
    if (call_enter(call, &next))
        next = receive_next(call);
    call_settle(call, next);
}

void stream_received(struct call *call, const uint8_t *bytes, size_t len)
{
    if (call_wake(call))
        call_settle(call, call_dispatch(call, bytes, len));
}

void stream_received_end(struct call *call)
{
    if (call_wake(call))
        call_settle(call, stream_end(call));
}

/* ---- the daemon's end ---- */

void streams_end(struct context *context, enum status status, const char *message)
{
    struct call *call = LIST_FIRST(&context->streams), *next;
    for (; call; call = next) {
        next = LIST_NEXT(call, stream_link);
        call_end(call, status, message);
    }
}
