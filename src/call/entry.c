/* SPDX-License-Identifier: MIT */
#include "call/entry.h"

#include <pb_decode.h>
#include <string.h>

#include "access/access.h"
#include "base/container_of.h"
#include "base/loop_clock.h"
#include "call/origin.h"
#include "call/request.h"
#include "observe/log.h"

#define TOO_MANY_WAIT_MS 100

/* ---- who asks ---- */

static const struct call_refusal refusals[ACCESS_VERDICTS] = {
    [ACCESS_NO_TOKEN] = { STATUS_UNAUTHENTICATED,
                          "this call needs a token; send it as `authorization: Bearer TOKEN`" },
    [ACCESS_NO_BEARER] = { STATUS_UNAUTHENTICATED,
                           "the authorization is of another form; expected `authorization: Bearer TOKEN`" },
    [ACCESS_WRONG_TOKEN] = { STATUS_UNAUTHENTICATED,
                             "the token is not, or no longer, one that is known here" },
    [ACCESS_UNKNOWN_CERTIFICATE] = { STATUS_UNAUTHENTICATED,
                                     "the client's certificate has no name that is known here" },
    [ACCESS_FORBIDDEN] = { STATUS_PERMISSION_DENIED, "this caller may not call this service" },
    [ACCESS_TOO_OFTEN] = { STATUS_RESOURCE_EXHAUSTED, "this caller makes more calls a second than it may" },
    [ACCESS_TOO_MANY] = { STATUS_RESOURCE_EXHAUSTED, "this caller makes more calls at once than it may" },
};

/* etc/fail2ban reads the lines about unknown tokens. The path that the client sent is left out, since it
 * could be anything; the method's own is logged. */
static void tell_refused(struct call *call, enum access_verdict verdict, const struct caller *caller)
{
    static struct log_site sites[ACCESS_VERDICTS] = { [ACCESS_WRONG_TOKEN] = { .max = 1000 } };
    struct ip client;
    char text[ADDRESS_TEXT_LEN] = "unknown";
    if (!log_wants(LOG_LEVEL_INFO))
        return;
    if (call_client(call, &client))
        ip_format(&client, text);
    log_write(&sites[verdict], LOG_LEVEL_INFO,
              verdict == ACCESS_WRONG_TOKEN ? "token refused" : "call refused",
              LOG_FIELDS(log_str("client", text), log_str("reason", access_verdict_names[verdict]),
                         log_str("caller", caller ? caller->name : NULL),
                         log_str("method", call->method ? call->method->path : NULL), call_log_ids(call)));
}

/* The token is wiped from the call's memory as soon as it has been checked. */
static enum access_verdict judge(struct call *call, const char *path, size_t path_len, struct caller **caller)
{
    call->out_of_memory = false;
    const char *authorization = call->transport->metadata(call, "authorization");
    const struct access_request request = { .path = path,
                                            .path_len = path_len,
                                            .authorization = authorization,
                                            .certificate_names = call_certificate_names(call) };
    enum access_verdict verdict = access_judge(call->context->access, &request, caller);
    if (authorization)
        explicit_bzero((char *)authorization, strlen(authorization));
    return verdict;
}

bool call_may(struct call *call, const char *path, size_t path_len, struct call_refusal *refusal)
{
    struct access *access = call->context->access;
    struct caller *caller;
    if (!access || !access_is_needed(access) || call->transport->is_internal ||
        call->judged == access_generation(access))
        return true;
    enum access_verdict verdict = judge(call, path, path_len, &caller);
    if (verdict == ACCESS_GRANTED) {
        call->caller = caller;
        call->judged = access_generation(access);
        return true;
    }
    if (call->out_of_memory) { /* and so without its token */
        *refusal = (struct call_refusal){ .status = STATUS_RESOURCE_EXHAUSTED, .message = "out of memory" };
        return false;
    }
    if (verdict == ACCESS_FORBIDDEN)
        caller->state.handled[STATUS_PERMISSION_DENIED]++;
    *refusal = refusals[verdict];
    tell_refused(call, verdict, caller);
    return false;
}

void call_forgo(struct call *call)
{
    call->caller = NULL;
    call->judged = 0;
    account_reset(&call->account);
    call_forget(call, (struct call_mark){ 0 });
}

/* If the rules have been replaced since the caller was found, the pointer to it may dangle. */
void call_refused(struct call *call, enum status status)
{
    const struct access *access = call->context->access;
    account_refused(call->method, status);
    if (!access || call->judged != access_generation(access))
        call->caller = NULL;
    if (call->caller)
        call->caller->state.handled[status]++;
    if (call->context->on_answered)
        call->context->on_answered(call, status, 0);
}

bool call_enter(struct call *call, enum next *next)
{
    struct call_refusal refusal;
    unsigned wait_ms;
    if (!call_may(call, call->method->path, strlen(call->method->path), &refusal)) {
        *next = call_push_back(call, refusal.status, 0, refusal.message);
        return false;
    }
    if (!call->caller)
        return true;
    enum access_verdict verdict =
        access_enter(call->context->access, call->caller, call->account.begun_ns, &wait_ms);
    call->is_entered = true;
    if (verdict == ACCESS_GRANTED)
        return true;
    tell_refused(call, verdict, call->caller);
    *next = call_push_back(call, refusals[verdict].status, wait_ms, refusals[verdict].message);
    return false;
}

int calls_read_rules(struct access **access, const struct config *config, FILE *errors)
{
    static struct service_names services;
    if (!services.items)
        services = (struct service_names){ rpc_services, rpc_services_n };
    int rc = access_create(access, config, &services, errors);
    if (rc == UV_ENOMEM)
        fputs("access: out of memory\n", errors);
    return rc;
}

void calls_review(struct context *context)
{
    struct call *call = LIST_FIRST(&context->streams), *next;
    for (; call; call = next) {
        next = LIST_NEXT(call, stream_link);
        if (call->transport->is_internal)
            continue;
        enum access_verdict verdict =
            access_review(context->access, call->caller, call->judged, call->method->path);
        if (verdict != ACCESS_GRANTED)
            call_end(call, refusals[verdict].status, refusals[verdict].message);
    }
}

/* ---- its request ---- */

static enum next decode_failed(struct call *call, const char *why)
{
    if (strcmp(why, "realloc failed") == 0)
        return call_no_memory(call);
    /* Well-formed, but out of the field's range: other implementations truncate the value; nanopb refuses it,
     * and so does svcd. */
    if (strcmp(why, "integer too large") == 0)
        return call_fail(call, STATUS_INVALID_ARGUMENT,
                         "an integer or enum field is out of its type's range");
    if (strcmp(why, "too many array entries") == 0)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "a list has more than %d entries", (int)PB_SIZE_MAX);
    return call_fail(call, STATUS_INTERNAL, "the request cannot be decoded: %s", why);
}

enum next call_dispatch(struct call *call, const uint8_t *bytes, size_t len)
{
    const struct rpc_method *method = call->method;
    account_received(&call->account, len);
    if (call->deadline_ns != UINT64_MAX && call->deadline_ns <= loop_clock_now())
        return call_fail(call, STATUS_DEADLINE_EXCEEDED,
                         "the deadline had passed before the call was started");
    const char *wrong = request_check_text(method, bytes, len, &call->arena);
    if (wrong)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "%s", wrong);
    call->request = arena_alloc(&call->arena, method->request_size);
    if (!call->request)
        return call_no_memory(call);
    pb_istream_t stream = pb_istream_from_buffer(bytes, len);
    if (!pb_decode(&stream, method->request_fields, call->request)) {
        call->request = NULL; /* nanopb has already freed what it had decoded */
        return decode_failed(call, PB_GET_ERROR(&stream));
    }
    wrong = request_check_enums(method, call->request, &call->arena);
    if (wrong)
        return call_fail(call, STATUS_INVALID_ARGUMENT, "%s", wrong);
    return method->handle(call, call->request);
}

static void enter(struct call *call, const uint8_t *bytes, size_t len)
{
    enum next next;
    if (call_enter(call, &next))
        next = call_dispatch(call, bytes, len);
    call_settle(call, next);
}

void call_start(struct call *call, const uint8_t *bytes, size_t len)
{
    struct admission *admission = call->context->admission;
    enum admitted admitted = admission ? admission_ask(admission, call->method) : ADMITTED;
    if (admitted == TO_BE_HELD && call_hold(call, bytes, len))
        return;
    call_begin(call);
    if (admitted == TOO_MANY)
        call_settle(call, call_push_back(call, STATUS_RESOURCE_EXHAUSTED, TOO_MANY_WAIT_MS,
                                         "too many calls wait for the database"));
    else
        enter(call, bytes, len);
}

void calls_begin_held(struct held *held)
{
    struct call *call = container_of(held, struct call, held);
    call_begin_held(call);
    enter(call, held->bytes, held->len);
}

bool calls_want_held(const struct held *held)
{
    const struct call *call = container_of(held, struct call, held);
    return !call->transport->is_wanted || call->transport->is_wanted(call);
}
