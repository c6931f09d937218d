/* SPDX-License-Identifier: MIT
 *
 * Calls of registered methods on the gRPC core, whose transport (struct call_transport) this is. Loop thread
 * only.
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
    /* The server's, set before core_calls_register. */
    grpc_server *server;
    grpc_completion_queue *queue;
    struct context *context;
    const struct peers *peers;
    struct core_owner owner;
    bool draining;   /* the core is asked for no more calls */
    unsigned held_n; /* calls that are held back: they wait to be begun */
    bool owes_posts; /* some were: slots are posted once a turn, not with each call */

    struct core_method *methods; /* rpc_methods_n of them */
    struct slot_list free;
    struct slot_list unwatched; /* running, not watched for cancellation yet; oldest first */
    uv_timer_t watch;           /* runs while there are any */
};

/* Before the core's server starts. Returns 0, UV_ENOMEM or UV_EINVAL. */
int core_calls_register(struct core_calls *calls);
/* Once it has started: the core may hand over calls. Returns 0 or a UV_E* code. */
int core_calls_start(struct core_calls *calls);
/* To be called before each turn. True: calls are held back. */
bool core_calls_on_turn(struct core_calls *calls);
/* When no call is left and the queue has ended: closes the timer. */
void core_calls_stop(struct core_calls *calls);
/* Frees the slots and methods, once the timer is closed. */
void core_calls_finish(struct core_calls *calls);

#endif
