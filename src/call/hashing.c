/* SPDX-License-Identifier: MIT */
#include "call/hashing.h"

#include <string.h>

#include "base/loop_clock.h"
#include "call/trace.h"
#include "observe/log.h"

static enum next too_late(struct call *call)
{
    return call_fail(call, STATUS_DEADLINE_EXCEEDED,
                     "the deadline would pass before the password could be hashed");
}

static enum next stopping(struct call *call)
{
    return call_fail(call, STATUS_UNAVAILABLE, "the server is stopping");
}

static enum next resume(struct hashing *hashing)
{
    struct call *call = hashing->call;
    switch (hashing->job.status) {
    case 0:
        return hashing->then(call, &hashing->job);
    case UV_ETIMEDOUT:
        return too_late(call);
    case UV_ENOMEM:
        return call_no_memory(call);
    case UV_ECANCELED:
        return stopping(call);
    default:
        log_error("password hashing failed", log_error_code(hashing->job.status));
        return call_fail(call, STATUS_INTERNAL, "the password could not be hashed");
    }
}

static void on_done(struct hash_job *job)
{
    struct hashing *hashing = job->data;
    struct call *call = hashing->call;
    account_waited(&call->account, WAIT_HASH, loop_clock_now() - hashing->submitted_ns);
    if (call->trace)
        trace_waited(call, job->status != 0);
    if (call_wake(call))
        call_settle(call, resume(hashing));
}

/* Even a cancelled job comes back, so the call must wait for it. */
static bool withdraw(struct call *call)
{
    struct hashing *hashing = call->waits_on;
    hash_pool_cancel(call->context->hash_pool, &hashing->job);
    return false;
}

bool password_is_refused(struct call *call, const struct hashing *hashing)
{
    return hash_pool_is_full(call->context->hash_pool, hashing->job.client);
}

enum next password_refuse(struct call *call)
{
    return call_push_back(call, STATUS_RESOURCE_EXHAUSTED,
                          (unsigned)hash_pool_retry_after_ms(call->context->hash_pool),
                          "too many passwords wait to be hashed");
}

static enum next submit(struct call *call, struct hashing *hashing, const char *password, password_then *then)
{
    hashing->call = call;
    hashing->then = then;
    hashing->submitted_ns = loop_clock_now();
    hashing->job.password = password ? password : "";
    hashing->job.password_len = strlen(hashing->job.password);
    hashing->job.deadline_ns = call->deadline_ns;
    hashing->job.on_done = on_done;
    hashing->job.data = hashing;
    struct hash_pool *pool = call->context->hash_pool;
    int rc = hash_pool_submit(pool, &hashing->job);
    if (rc == UV_ETIMEDOUT)
        return too_late(call);
    if (rc == UV_ECANCELED)
        return stopping(call);
    if (rc)
        return password_refuse(call);
    call->waits_on = hashing;
    trace_waits_for_hash(call, hashing->submitted_ns);
    return call_wait(call, withdraw);
}

enum next password_check(struct call *call, struct hashing *hashing, const char *password,
                         struct sql_bytes stored, password_then *then)
{
    hashing->job.kind = HASH_VERIFY;
    hashing->job.stored = (const char *)stored.data;
    hashing->job.stored_len = stored.len;
    return submit(call, hashing, password, then);
}

enum next password_hash(struct call *call, struct hashing *hashing, const char *password, password_then *then)
{
    hashing->job.kind = HASH_MAKE;
    return submit(call, hashing, password, then);
}
