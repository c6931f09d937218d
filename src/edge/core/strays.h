/* SPDX-License-Identifier: MIT
 *
 * Strays: calls of methods that are not registered. They are answered UNIMPLEMENTED, if the caller may know
 * which methods there are. Loop thread only.
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
    bool draining;   /* the core is asked for no more calls */
    unsigned posted; /* strays that the core may hand over */
};

/* From now on the core may hand over calls. 0 or UV_ENOMEM. Nothing has to be freed after the queue's end. */
int core_strays_start(struct core_strays *strays);

#endif
