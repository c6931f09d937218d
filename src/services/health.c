/* SPDX-License-Identifier: MIT
 *
 * grpc.health.v1: whether the daemon as a whole ("") or one of its services can do its work. All share one
 * database and one process, so the answer is the same for all; except for svcd.live, which only says that the
 * event loop turns.
 */
#include <string.h>

#include "call/method.h"
#include "call/signal.h"
#include "call/stream.h"
#include "db/pool.h"
#include "methods.h"

#define WATCHERS_MAX 1000

typedef grpc_health_v1_HealthCheckResponse_ServingStatus serving_status;

static serving_status status_of(const struct call *call, const char *service)
{
    if (service && strcmp(service, "svcd.live") == 0)
        return grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING;
    bool is_known = !service || !*service;
    for (size_t i = 0; i < rpc_services_n && !is_known; i++)
        is_known = strcmp(service, rpc_services[i]) == 0;
    if (!is_known)
        return grpc_health_v1_HealthCheckResponse_ServingStatus_SERVICE_UNKNOWN;
    return !call->context->draining && pool_is_available(call->context->pool)
               ? grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING
               : grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING;
}

/* Check: SERVING while the database answers and svcd is not draining. */
enum next health_check(struct call *call, const grpc_health_v1_HealthCheckRequest *req)
{
    serving_status status = status_of(call, req->service);
    if (status == grpc_health_v1_HealthCheckResponse_ServingStatus_SERVICE_UNKNOWN)
        return call_fail(call, STATUS_NOT_FOUND, "service: there is no service of that name");
    return reply_check(call, (grpc_health_v1_HealthCheckResponse){ .status = status });
}

/* ---- Watch: sends the status at once and at every change, until the peer ends the stream ---- */

static unsigned watchers_n;

static void watch_over(struct call *call)
{
    (void)call;
    watchers_n--;
}

static enum next status_told(struct call *call);

/* Sends the status if it differs from the last one sent; it may have changed and changed back meanwhile. */
static enum next health_changed(struct call *call)
{
    const grpc_health_v1_HealthCheckRequest *req = call_request(call);
    serving_status *told = call->locals, status = status_of(call, req->service);
    if (*told == status)
        return signal_wait(call, &call->context->health_changed, health_changed);
    *told = status;
    return stream_send_watch(call, (grpc_health_v1_HealthCheckResponse){ .status = status }, status_told);
}

static enum next status_told(struct call *call)
{
    return health_changed(call);
}

enum next health_watch(struct call *call, const grpc_health_v1_HealthCheckRequest *req)
{
    if (watchers_n >= WATCHERS_MAX)
        return call_push_back(call, STATUS_RESOURCE_EXHAUSTED, 1000, "too many watch already");
    serving_status *told = call_alloc(call, 1, sizeof *told);
    if (!told)
        return call_no_memory(call);
    watchers_n++;
    call->at_end = watch_over;
    call->locals = told;
    *told = status_of(call, req->service);
    return stream_send_watch(call, (grpc_health_v1_HealthCheckResponse){ .status = *told }, status_told);
}
