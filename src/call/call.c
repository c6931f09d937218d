/* SPDX-License-Identifier: MIT
 *
 * The life of a call: its states, answer and waiting. Messages are encoded and decoded by nanopb,
 * requests are checked in request.c, answers are sent by the transport.
 */
#include "call/call.h"

#include <pb_encode.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "access/callers.h"
#include "base/container_of.h"
#include "base/state.h"
#include "base/text.h"
#include "call/request.h"
#include "config/config.h"
#include "db/result.h"
#include "observe/log.h"

/* The encoded reply that calls which share a result all get; stored as the result's memo. */
struct shared_reply {
    const struct rpc_method *method;
    size_t len;
    uint8_t bytes[];
};

static const struct state_machine states = {
    .of = "call",
    .names = { "FREE", "HELD", "RUNNING", "WAITING", "ANSWERED", "ABANDONED" },
    .next = { [CALL_FREE] = TO(CALL_HELD) | TO(CALL_RUNNING),
              [CALL_HELD] = TO(CALL_RUNNING),
              [CALL_RUNNING] = TO(CALL_WAITING) | TO(CALL_ANSWERED),
              [CALL_WAITING] = TO(CALL_RUNNING) | TO(CALL_ANSWERED) | TO(CALL_ABANDONED),
              [CALL_ANSWERED] = TO(CALL_FREE),
              [CALL_ABANDONED] = TO(CALL_FREE) },
};

static void move(struct call *call, enum call_state to)
{
    call->state = state_move(&states, call->state, to);
}

/* ---- looking at it ---- */

const char *call_caller(const struct call *call)
{
    return call->caller ? call->caller->name : "";
}

const void *call_request(const struct call *call)
{
    return call->request;
}

bool call_client(struct call *call, struct ip *client)
{
    const struct network_list *trusted = &call->context->config->throttle.trusted_proxies;
    struct ip peer;
    call->knows_client = true;
    if (!call->transport->peer(call, &peer))
        return false;
    const char *forwarded_for =
        network_list_contains(trusted, &peer) ? call->transport->metadata(call, "x-forwarded-for") : NULL;
    return ip_of_client(client, &peer, forwarded_for, trusted);
}

/* `over` must come last: the transport may use the call again at once. */
static void release(struct call *call)
{
    if (call->at_end)
        call->at_end(call);
    call->at_end = NULL;
    if (call->context->timers)
        timers_stop(call->context->timers, &call->deadline);
    call_forget(call, (struct call_mark){ 0 });
    if (call->method->kind != METHOD_UNARY) {
        LIST_REMOVE(call, stream_link);
        call->context->streams_n--;
    }
    if (call->is_entered)
        caller_leave(call->caller);
    call->caller = NULL;
    call->is_entered = false;
    call->judged = 0;
    call->wrong = NULL;
    call->replied_from = NULL;
    call->waits = 0;
    call->messages_n = 0;
    call->knows_client = false;
    call->withdraw = NULL;
    call->otherwise = NULL;
    call->keeper = NULL;
    move(call, CALL_FREE);
    call->transport->over(call);
}

size_t call_trailers(const struct call *call, struct call_trailer trailers[static CALL_TRAILERS_MAX])
{
    size_t n = 0;
    if (call->position.timeline) {
        trailers[n].name = "svcd-position";
        position_format(call->position, trailers[n++].value);
    }
    if (call->is_stale)
        trailers[n++] = (struct call_trailer){ .name = "svcd-stale", .value = "true" };
    return n;
}

/* ---- answering ---- */

static void tell_answered(struct call *call, enum status status)
{
    uint64_t took_ns;
    if (!account_answered(&call->account, status, &took_ns))
        return;
    if (call->caller)
        call->caller->state.handled[status]++;
    if (call->context->on_answered)
        call->context->on_answered(call, status, took_ns);
}

static const char *bounded(char *message)
{
    if (strlen(message) > MESSAGE_LEN_MAX)
        memcpy(message + text_len_within(message, MESSAGE_LEN_MAX - strlen(TEXT_ELLIPSIS)), TEXT_ELLIPSIS,
               sizeof TEXT_ELLIPSIS);
    return message;
}

enum next call_fail(struct call *call, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = arena_vprintf(&call->arena, format, args);
    va_end(args);
    return call_push_back(call, status, 0, message ? bounded(message) : "out of memory");
}

/* Secrets are wiped before the answer is sent: once the peer has it, none is left in memory. */
static void answer_begins(struct call *call)
{
    move(call, CALL_ANSWERED);
    if (call->request)
        request_wipe_secrets(call->method, call->request);
}

enum next call_push_back(struct call *call, enum status status, unsigned retry_after_ms, const char *message)
{
    enum next next;
    if (call->keeper && call->keeper->fail(call, status, retry_after_ms, message, &next))
        return next;
    answer_begins(call);
    tell_answered(call, status);
    call->transport->end(call, status, message, retry_after_ms);
    return REPLIED;
}

enum next call_no_memory(struct call *call)
{
    return call_push_back(call, STATUS_RESOURCE_EXHAUSTED, 0, "out of memory");
}

enum next call_reply_bytes(struct call *call, struct sql_bytes reply)
{
    enum next next;
    if (call->keeper && call->keeper->reply(call, reply, &next))
        return next;
    answer_begins(call);
    account_sent(&call->account, reply.len);
    tell_answered(call, STATUS_OK);
    call->transport->reply(call, reply.data, reply.len);
    return REPLIED;
}

static uint64_t n_replied_as_others;

bool call_reply_as_others(struct call *call, struct result *shared)
{
    if (call->method->request_fields->field_count > 0 || call->waits > 1 || call->knows_client ||
        call->keeper)
        return false;
    call->replied_from = shared;
    const struct shared_reply *reply = result_memo(shared);
    if (!reply || reply->method != call->method)
        return false;
    n_replied_as_others++;
    return call_reply_bytes(call, (struct sql_bytes){ .data = reply->bytes, .len = reply->len }) == REPLIED;
}

uint64_t call_n_replied_as_others(void)
{
    return n_replied_as_others;
}

/* Without memory the other calls encode the reply themselves. */
static void share_reply(const struct call *call, const uint8_t *bytes, size_t len)
{
    struct shared_reply *reply = malloc(sizeof *reply + len);
    if (!reply)
        return;
    *reply = (struct shared_reply){ .method = call->method, .len = len };
    memcpy(reply->bytes, bytes, len);
    result_set_memo(call->replied_from, reply);
}

/* Nearly every message fits the static buffer (16 KB), which saves computing its size first. */
int call_encode(struct call *call, const pb_msgdesc_t *fields, const void *message, struct sql_bytes *out)
{
    static uint8_t buffer[16384];
    uint8_t *bytes = buffer;
    pb_ostream_t stream = pb_ostream_from_buffer(buffer, sizeof buffer);
    if (!pb_encode(&stream, fields, message)) {
        size_t len;
        if (!pb_get_encoded_size(&len, fields, message))
            return UV_EPROTO;
        bytes = arena_alloc(&call->arena, len);
        if (!bytes)
            return UV_ENOMEM;
        stream = pb_ostream_from_buffer(bytes, len);
        if (!pb_encode(&stream, fields, message))
            return UV_EPROTO;
    }
    *out = (struct sql_bytes){ .data = bytes, .len = stream.bytes_written };
    return 0;
}

enum next call_encode_failed(struct call *call, int rc)
{
    return rc == UV_ENOMEM ? call_no_memory(call)
                           : call_fail(call, STATUS_INTERNAL, "the reply cannot be encoded");
}

enum next call_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply)
{
    struct sql_bytes bytes;
    int rc = call_encode(call, fields, reply, &bytes);
    if (rc)
        return call_encode_failed(call, rc);
    if (call->replied_from && !call->knows_client)
        share_reply(call, bytes.data, bytes.len);
    return call_reply_bytes(call, bytes);
}

enum next call_reply_empty(struct call *call)
{
    const void *reply = call_alloc(call, 1, call->method->reply_size);
    return reply ? call_reply(call, call->method->reply_fields, reply) : call_no_memory(call);
}

/* ---- waiting ---- */

void call_expire(struct call *call)
{
    call_end(call, STATUS_DEADLINE_EXCEEDED, "the deadline passed before the call was done");
}

static void on_deadline(struct timer *timer)
{
    call_expire(container_of(timer, struct call, deadline));
}

enum next call_wait(struct call *call, bool (*withdraw)(struct call *call))
{
    move(call, CALL_WAITING);
    call->withdraw = withdraw;
    call->waits++;
    call->replied_from = NULL; /* its reply depends on more than those rows: not to be shared */
    if (call->deadline_ns != UINT64_MAX && !call->deadline.is_running)
        timers_start(call->context->timers, &call->deadline, call->deadline_ns, on_deadline);
    return WAITING;
}

bool call_wake(struct call *call)
{
    if (call->state == CALL_ABANDONED) {
        release(call);
        return false;
    }
    move(call, CALL_RUNNING);
    return true;
}

void call_settle(struct call *call, enum next next)
{
    if ((next == WAITING) != (call->state == CALL_WAITING)) {
        log_error("a handler returned what it had not done", log_str("method", call->method->path));
        abort();
    }
    if (call->state == CALL_ANSWERED)
        release(call);
}

/* The call has been answered while it waited: over, if its work was withdrawn; else ABANDONED until the work
 * comes back. */
static void leave(struct call *call, bool is_taken_back)
{
    move(call, is_taken_back ? CALL_ANSWERED : CALL_ABANDONED);
    if (is_taken_back)
        release(call);
    else if (call->context->timers)
        timers_stop(call->context->timers, &call->deadline);
}

bool call_hold(struct call *call, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = arena_alloc(&call->arena, len);
    if (!copy)
        return false;
    memcpy(copy, bytes, len);
    call->held.bytes = copy;
    call->held.len = len;
    move(call, CALL_HELD);
    admission_hold(call->context->admission, &call->held, call->method);
    if (call->deadline_ns != UINT64_MAX)
        timers_start(call->context->timers, &call->deadline, call->deadline_ns, on_deadline);
    if (call->transport->held)
        call->transport->held(call, true);
    return true;
}

void call_begin_held(struct call *call)
{
    admission_leave(call->context->admission, &call->held);
    if (call->context->timers)
        timers_stop(call->context->timers, &call->deadline);
    if (call->transport->held)
        call->transport->held(call, false);
    call_begin(call);
}

void call_cancel(struct call *call)
{
    if (call->state == CALL_HELD) {
        call_begin_held(call);
        answer_begins(call);
        tell_answered(call, STATUS_CANCELLED);
        release(call);
        return;
    }
    if (call->state != CALL_WAITING)
        return;
    tell_answered(call, STATUS_CANCELLED);
    leave(call, call->withdraw(call));
}

void call_end(struct call *call, enum status status, const char *message)
{
    if (call->state == CALL_HELD) {
        call_begin_held(call);
        call_settle(call, call_fail(call, status, "%s", message));
        return;
    }
    if (call->state != CALL_WAITING)
        return;
    bool is_taken_back = call->withdraw(call);
    tell_answered(call, status);
    call->transport->end(call, status, message, 0);
    leave(call, is_taken_back);
}

/* ---- starting ---- */

void call_begin(struct call *call)
{
    move(call, CALL_RUNNING);
    call->position.timeline = 0;
    call->is_stale = call->out_of_memory = false;
    account_begun(&call->account, call->method);
    if (call->context->on_begun && call->account.of)
        call->context->on_begun(call);
    if (call->method->kind == METHOD_UNARY)
        return;
    LIST_INSERT_HEAD(&call->context->streams, call, stream_link);
    call->context->streams_n++;
}
