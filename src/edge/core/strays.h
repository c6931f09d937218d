/* SPDX-License-Identifier: MIT
 *
 * Calls of methods that nobody registered: answered UNIMPLEMENTED, once it is known that their caller may
 * know. Loop thread only.
 */
#ifndef EDGE_CORE_STRAYS_H
#define EDGE_CORE_STRAYS_H

#include "call/context.h"
#include "edge/core/core.h"
#include "edge/peers.h"

struct stray;

struct core_strays {
    /* The server's, set before core_strays_start. */
    grpc_server *server;
    grpc_completion_queue *queue;
    struct core_owner owner;
    struct context *context;
    const struct peers *peers;
    bool draining; /* no more calls are asked for */
    unsigned posted;
};

/* The core may hand over calls. Once the queue has ended nothing is left to free. 0 or UV_ENOMEM. */
int core_strays_start(struct core_strays *strays);

#endif
