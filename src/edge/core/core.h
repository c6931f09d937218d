/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share: an event of the gRPC core. This room is the only one that includes
 * <grpc/...>.
 *
 *   server.c      on top: settings, start, drain, end
 *   core_loop.c   the loop's thread, which polls the core and libuv; owns the queue of events
 *   calls.c       calls of registered methods: the transport of struct call; with calls_request.c (what
 *                 comes), calls_answer.c (what leaves) and slot.h, which they share
 *   core_flags.c  how a message is marked, which the core's interface does not tell
 *   strays.c      calls of any other method
 *   visitor.c     connections of whoever speaks something else
 */
#ifndef EDGE_CORE_CORE_H
#define EDGE_CORE_CORE_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

struct event;
typedef void(event_handler)(struct event *event, bool ok);

/* The tag of an operation of the core: its handler runs on the loop when the operation has completed. */
struct event {
    event_handler *handle;
};

/* Told on the loop. A call that has begun holds the server's queue open until it is over. */
struct core_owner {
    void (*on_call_begun)(void *data);
    void (*on_call_over)(void *data);
    void *data;
};

/* Starts a batch whose arguments are right by construction. */
static inline void core_start_batch(grpc_call *call, const grpc_op *ops, size_t n, struct event *tag)
{
    if (grpc_call_start_batch(call, ops, n, tag, NULL) != GRPC_CALL_OK)
        __builtin_trap();
}

#endif
