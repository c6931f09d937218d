/* SPDX-License-Identifier: MIT */
#include "pool_kit.h"

#include <string.h>

#include "db/pool.h"

struct sent *add_feedback(const char *content)
{
    return rpc_send(RPC_ADD_DEV_FEEDBACK,
                    &(feedback_package_AddDevFeedbackRequest){ .content = (char *)content });
}

struct sent *add_feedback_within(const char *content, unsigned deadline_ms)
{
    uint8_t bytes[128] = { 0x0A, (uint8_t)strlen(content) };
    memcpy(bytes + 2, content, strlen(content));
    return rpc_send_bytes(RPC_ADD_DEV_FEEDBACK, bytes, strlen(content) + 2, deadline_ms);
}

struct sent *get_notifications(int mentor)
{
    return rpc_send(RPC_GET_NOTIFICATIONS,
                    &(account_package_NotificationsRequest){
                        .userid = mentor, .targetProfileType = account_package_ProfileType_MENTOR });
}

struct sent *get_profiles(int account)
{
    return rpc_send(RPC_ACCOUNT_PROFILES, &(account_package_ProfilesRequest){ .userid = account });
}

struct pool *use_narrow_pool(unsigned queue_max)
{
    struct pool_options options = *harness_pool_options();
    for (int lane = 0; lane < LANES; lane++)
        options.connections[lane] = options.connections[lane] ? 1 : 0;
    options.queue_max = queue_max;
    struct pool *pool = harness_use_pool(&options);
    harness_run_until(&pool->available);
    return pool;
}
