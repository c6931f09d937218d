/* SPDX-License-Identifier: MIT
 *
 * What the wire_*.c files share: the core's objects and the events it reports. With them the only files that
 * know <grpc/...>.
 *
 *   wire.c        the server from start to drain
 *   wire_poll.c   the loop's thread, which polls the core and libuv
 *   wire_call.c   calls of registered methods
 *   wire_stray.c  calls of any other
 */
#ifndef EDGE_CORE_CORE_H
#define EDGE_CORE_CORE_H

#include <grpc/grpc.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/container_of.h"
#include "call/request.h"
#include "edge/core/server.h"

struct event;
typedef void(event_handler)(struct event *event, bool ok);

/* The tag of an operation of the core: its handler runs when the operation has completed. */
struct event {
    event_handler *handle;
};

struct slot;
struct stray;
TAILQ_HEAD(slot_list, slot);

struct wire_method {
    const struct rpc_method *rpc;
    void *registered;
    unsigned posted; /* calls that the core may hand over without asking */
    unsigned target; /* how many that shall be */
};

struct wire {
    uv_loop_t *loop;
    struct context *context;
    grpc_server *server;
    grpc_server_credentials *credentials;
    grpc_completion_queue *queue;
    bool queue_ended; /* nothing will come out of it any more */

    /* wire_poll.c */
    uv_thread_t watcher;
    int watch_fd; /* an epoll of the watcher's, which holds libuv's; -1: it has ended */
    atomic_bool stop_watcher;
    bool armed;            /* the watcher will post `woken` */
    grpc_channel *nowhere; /* a channel without a server, for the one call below */
    grpc_call *waker;      /* an empty batch on it puts `woken` into the queue, from any thread */
    struct event woken;
    unsigned batches_seen; /* of the pool's batches_sent */
    uv_async_t nudge;      /* makes libuv ready, and so the watcher return */

    /* wire_call.c */
    struct wire_method *methods; /* rpc_methods_n of them */
    struct slot_list free;
    struct slot_list unwatched; /* running and not watched for cancellation; oldest first */
    uv_timer_t watch;

    /* wire_stray.c */
    struct stray *strays;

    /* drain */
    struct event shut_down;
    bool draining;
    bool is_shut_down; /* the core has no connection left */
    unsigned running;  /* calls that have a slot and may still start a batch */
    void (*on_drained)(void *data);
    void *data;
};

/* wire_poll.c: the watcher runs between these two. Returns 0 or a UV_E* code. */
int wire_poll_start(struct wire *wire);
void wire_poll_stop(struct wire *wire);

/* wire_call.c: from before the server starts until nothing is left in the queue. */
int wire_calls_register(struct wire *wire);
int wire_calls_post(struct wire *wire);   /* once the server has started */
void wire_calls_close(struct wire *wire); /* its handles */
void wire_calls_finish(struct wire *wire);

/* wire.c: call it whenever `running` has gone down. */
void wire_try_end(struct wire *wire);

/* wire_stray.c: like wire_call.c. */
int wire_strays_post(struct wire *wire);
void wire_strays_finish(struct wire *wire);

/* Starts a batch whose arguments are right by construction. */
static inline void wire_start_batch(grpc_call *call, const grpc_op *ops, size_t n, struct event *tag)
{
    if (grpc_call_start_batch(call, ops, n, tag, NULL) != GRPC_CALL_OK)
        __builtin_trap();
}

#endif
