/* SPDX-License-Identifier: MIT
 *
 * The life of a call. Encoding and decoding are nanopb's, checks of the request request.c's, sending the
 * transport's.
 */
#include "call/call.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"
#include "call/request.h"
#include "config/config.h"
#include "db/result.h"
#include "observe/log.h"

#define QUOTED_MAX_CHARACTERS 200
#define ELLIPSIS              "…"

struct held_result {
    struct held_result *next;
    struct result *result;
};

/* A result's memo. */
struct shared_reply {
    const struct rpc_method *method;
    size_t len;
    uint8_t bytes[];
};

static const bool allowed[CALL_STATES][CALL_STATES] = {
    [CALL_FREE] = { [CALL_RUNNING] = true },
    [CALL_RUNNING] = { [CALL_WAITING] = true, [CALL_ANSWERED] = true },
    [CALL_WAITING] = { [CALL_RUNNING] = true, [CALL_FREE] = true },
    [CALL_ANSWERED] = { [CALL_FREE] = true },
};

static void move(struct call *call, enum call_state to)
{
    if (!allowed[call->state][to]) {
        log_error("a call was answered twice or not at all", log_str("method", call->method->path));
        abort();
    }
    call->state = to;
}

/* ---- memory ---- */

void *call_alloc(struct call *call, size_t n, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(n, size, &len))
        return NULL;
    return arena_alloc(&call->arena, len);
}

static char *format_text(struct call *call, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = len < 0 ? NULL : arena_alloc(&call->arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

char *call_printf(struct call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_text(call, format, args);
    va_end(args);
    return text;
}

const char *call_quote(struct call *call, const char *text)
{
    text = text ? text : "";
    size_t len = text_len_of(text, QUOTED_MAX_CHARACTERS);
    bool whole = text[len] == '\0';
    if (!whole)
        len = text_len_of(text, QUOTED_MAX_CHARACTERS - 1);
    return call_printf(call, "\"%.*s%s\"", (int)len, text, whole ? "" : ELLIPSIS) ?: "\"" ELLIPSIS "\"";
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

int call_hold_result(struct call *call, struct result *result)
{
    struct held_result *held = arena_alloc(&call->arena, sizeof *held);
    if (!held)
        return UV_ENOMEM;
    result_hold(result);
    *held = (struct held_result){ .next = call->results, .result = result };
    call->results = held;
    return 0;
}

static void release(struct call *call)
{
    if (call->at_end)
        call->at_end(call);
    call->at_end = NULL;
    for (struct held_result *held = call->results; held; held = held->next)
        result_release(held->result);
    call->results = NULL;
    if (call->request) {
        rpc_wipe_secrets(call->method, call->request);
        pb_release(call->method->request_fields, call->request);
    }
    call->request = NULL;
    call->wrong = NULL;
    arena_reset(&call->arena);
    call->replied_from = NULL;
    call->waits = 0;
    call->knows_client = call->inert = false;
    call->withdraw = NULL;
    call->otherwise = NULL;
    move(call, CALL_FREE);
}

void call_finish(struct call *call)
{
    arena_finish(&call->arena);
}

/* ---- answering ---- */

static const char *bounded(char *message)
{
    if (strlen(message) > MESSAGE_LEN_MAX)
        strcpy(message + text_len_within(message, MESSAGE_LEN_MAX - strlen(ELLIPSIS)), ELLIPSIS);
    return message;
}

enum next call_fail(struct call *call, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = format_text(call, format, args);
    va_end(args);
    move(call, CALL_ANSWERED);
    call->transport->fail(call, status, message ? bounded(message) : "out of memory", 0);
    return REPLIED;
}

enum next call_push_back(struct call *call, enum status status, unsigned retry_after_ms, const char *message)
{
    move(call, CALL_ANSWERED);
    call->transport->fail(call, status, message, retry_after_ms);
    return REPLIED;
}

enum next call_no_memory(struct call *call)
{
    return call_push_back(call, STATUS_RESOURCE_EXHAUSTED, 0, "out of memory");
}

static enum next reply_with(struct call *call, const uint8_t *bytes, size_t len)
{
    move(call, CALL_ANSWERED);
    call->transport->reply(call, bytes, len);
    return REPLIED;
}

static uint64_t n_replied_as_others;

bool call_reply_as_others(struct call *call, struct result *shared)
{
    if (call->method->request_fields->field_count > 0 || call->waits > 1 || call->knows_client)
        return false;
    call->replied_from = shared;
    const struct shared_reply *reply = result_memo(shared);
    if (!reply || reply->method != call->method)
        return false;
    n_replied_as_others++;
    return reply_with(call, reply->bytes, reply->len) == REPLIED;
}

uint64_t call_n_replied_as_others(void)
{
    return n_replied_as_others;
}

/* Without memory for it the others encode for themselves. */
static void share_reply(const struct call *call, const uint8_t *bytes, size_t len)
{
    struct shared_reply *reply = malloc(sizeof *reply + len);
    if (!reply)
        return;
    *reply = (struct shared_reply){ .method = call->method, .len = len };
    memcpy(reply->bytes, bytes, len);
    result_set_memo(call->replied_from, reply);
}

/* Nearly every reply fits the buffer, and then its size need not be computed before it is encoded. */
enum next call_reply(struct call *call, const pb_msgdesc_t *fields, const void *reply)
{
    static uint8_t buffer[16384]; /* loop thread only; the transport copies */
    uint8_t *bytes = buffer;
    pb_ostream_t stream = pb_ostream_from_buffer(buffer, sizeof buffer);
    if (!pb_encode(&stream, fields, reply)) {
        size_t len;
        if (!pb_get_encoded_size(&len, fields, reply))
            return call_fail(call, STATUS_INTERNAL, "the reply cannot be encoded");
        bytes = arena_alloc(&call->arena, len);
        if (!bytes)
            return call_no_memory(call);
        stream = pb_ostream_from_buffer(bytes, len);
        if (!pb_encode(&stream, fields, reply))
            return call_fail(call, STATUS_INTERNAL, "the reply cannot be encoded");
    }
    if (call->replied_from && !call->knows_client)
        share_reply(call, bytes, stream.bytes_written);
    return reply_with(call, bytes, stream.bytes_written);
}

enum next call_reply_empty(struct call *call)
{
    const void *reply = call_alloc(call, 1, call->method->reply_size);
    return reply ? call_reply(call, call->method->reply_fields, reply) : call_no_memory(call);
}

/* ---- waiting ---- */

enum next call_wait(struct call *call, bool (*withdraw)(struct call *call))
{
    move(call, CALL_WAITING);
    call->withdraw = withdraw;
    call->waits++;
    call->replied_from = NULL; /* there is more to its reply than these rows */
    return WAITING;
}

/* The transport learns of it last: it may recycle the call. */
static void end_inert(struct call *call)
{
    const struct call_transport *transport = call->transport;
    release(call);
    transport->drop(call);
}

bool call_wake(struct call *call)
{
    if (call->inert) {
        end_inert(call);
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

void call_cancel(struct call *call)
{
    if (call->state != CALL_WAITING)
        return;
    call->inert = true;
    if (call->withdraw(call))
        end_inert(call);
}

/* ---- starting ---- */

static enum next start(struct call *call, const uint8_t *bytes, size_t len)
{
    const struct rpc_method *method = call->method;
    if (call->deadline_ns <= uv_hrtime())
        return call_fail(call, STATUS_DEADLINE_EXCEEDED,
                         "the deadline had passed before the call was started");
    const char *wrong = rpc_check_text(method, bytes, len, call);
    if (wrong)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "%s", wrong);
    call->request = arena_alloc(&call->arena, method->request_size);
    if (!call->request)
        return call_no_memory(call);
    pb_istream_t stream = pb_istream_from_buffer(bytes, len);
    if (!pb_decode(&stream, method->request_fields, call->request)) {
        call->request = NULL; /* nanopb has released what it had decoded */
        return rpc_decode_failed(call, PB_GET_ERROR(&stream));
    }
    wrong = rpc_check_enums(method, call->request, call);
    if (wrong)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "%s", wrong);
    return method->handle(call, call->request);
}

void call_start(struct call *call, const uint8_t *bytes, size_t len)
{
    move(call, CALL_RUNNING);
    call_settle(call, start(call, bytes, len));
}
