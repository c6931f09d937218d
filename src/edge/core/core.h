/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share: an event of the gRPC C core ("the core"). This room is the only one that
 * includes <grpc/...>. Loop thread only.
 *
 *   server.c      on top: settings, start, drain, end
 *   core_loop.c   the loop's thread, which polls the core and libuv; owns the completion queue
 *   calls.c       calls of registered methods: the transport of struct call; with calls_request.c (requests),
 *                 calls_answer.c (answers) and slot.h, which they share
 *   core_flags.c  reads a message's flag, which the core's interface does not tell
 *   strays.c      calls of any other method, answered UNIMPLEMENTED
 *   visitor.c     connections of peers that speak another protocol
 *   whence.c      a call's peer and metadata
 *
 * A request's way: the core reads the socket inside grpc_completion_queue_next(), which core_loop.c calls;
 * the completed event comes to slot_on_requested() in calls_request.c, which calls call_start(). The answer
 * goes by slot_reply() or slot_end() in calls_answer.c as one batch of operations back to the core.
 */
#ifndef EDGE_CORE_CORE_H
#define EDGE_CORE_CORE_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

struct event;
typedef void(event_handler)(struct event *event, bool ok);

/* The tag of an operation of the core: its handler runs on the loop when the operation has completed. ok is
 * the core's: false if the operation failed. */
struct event {
    event_handler *handle;
};

/* Callbacks to the server, on the loop. Between these two a call keeps the completion queue open. */
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
