/* SPDX-License-Identifier: MIT
 *
 * Calls of registered methods on the gRPC core: the transport of struct call there. Loop thread only.
 */
#ifndef EDGE_CORE_CALLS_H
#define EDGE_CORE_CALLS_H

#include <sys/queue.h>
#include <uv.h>

#include "call/call.h"
#include "edge/core/core.h"
#include "edge/peers.h"

struct slot;
TAILQ_HEAD(slot_list, slot);

struct core_method;

struct core_calls {
    /* The server's, set before calls_register. */
    grpc_server *server;
    grpc_completion_queue *queue;
    struct context *context;
    const struct peers *peers;
    struct core_owner owner;
    bool draining;   /* no more calls are asked for */
    unsigned held_n; /* calls that wait to be begun */
    bool owes_posts; /* while there are some, the core is asked for more once a turn */

    struct core_method *methods; /* rpc_methods_n of them */
    struct slot_list free;
    struct slot_list unwatched; /* running and not watched for cancellation; oldest first */
    uv_timer_t watch;
};

/* Before the core's server starts. Returns 0, UV_ENOMEM or UV_EINVAL. */
int core_calls_register(struct core_calls *calls);
/* Once it has started: the core may hand over calls. Returns 0 or a UV_E* code. */
int core_calls_start(struct core_calls *calls);
/* Before each turn. True: calls are held back. */
bool core_calls_on_turn(struct core_calls *calls);
/* When no call is left and the queue has ended: closes the timer. */
void core_calls_stop(struct core_calls *calls);
void core_calls_finish(struct core_calls *calls);

#endif
