/* SPDX-License-Identifier: MIT
 *
 * grpc.health.v1: whether the daemon as a whole ("") or one of its services can do its work. They share one
 * database and one process, so the answer is the same for all.
 */
#include <string.h>

#include "call/method.h"
#include "db/pool.h"
#include "methods.h"

static bool is_service(const char *name)
{
    if (!name || !*name)
        return true;
    for (size_t i = 0; i < rpc_services_n; i++)
        if (strcmp(name, rpc_services[i]) == 0)
            return true;
    return false;
}

/* Check: SERVING while the database answers and nobody has told us to stop. */
enum next health_check(struct call *call, const grpc_health_v1_HealthCheckRequest *req)
{
    if (!is_service(req->service))
        return call_fail(call, STATUS_NOT_FOUND, "service: there is no service of that name");
    bool serving = !call->context->draining && pool_is_available(call->context->pool);
    return reply_check(
        call, (grpc_health_v1_HealthCheckResponse){
                  .status = serving ? grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING
                                    : grpc_health_v1_HealthCheckResponse_ServingStatus_NOT_SERVING });
}
