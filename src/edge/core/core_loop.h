/* SPDX-License-Identifier: MIT
 *
 * Runs libuv's loop and the gRPC core's completion queue on one thread. Knows neither calls nor the database.
 */
#ifndef EDGE_CORE_CORE_LOOP_H
#define EDGE_CORE_CORE_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "edge/core/core.h"

struct core_loop {
    uv_loop_t *loop;
    grpc_completion_queue *queue;
    grpc_completion_queue *poller; /* never has an event: to poll sockets while `queue` is not empty */
    bool has_ended;                /* the queue is shut down and empty */
    bool has_more;                 /* the last turn ended before the queue was empty */
    /* Counts the batches that were sent to the database so far. Their answers come on one of libuv's
     * descriptors, often sooner than the watcher thread could wake this one: see wait_for_answer(). */
    unsigned (*count_sent)(void *data);
    void *data;
    unsigned seen; /* the count when this thread last waited for an answer */
    /* Asked before each turn; true: calls are held back, so there is more to do than can be done; or NULL. */
    bool (*on_turn)(void *turn_data);
    void *turn_data;

    uv_thread_t watcher;
    int watch_fd; /* the watcher's epoll, which watches libuv's; -1: the watcher has ended */
    atomic_bool stop_watcher;
    bool armed;            /* the watcher will post `woken` at libuv's next event */
    grpc_channel *nowhere; /* a channel without a server, needed for `waker` */
    grpc_call *waker;      /* an empty batch of this call puts `woken` into the queue, from any thread */
    struct event woken;
    uv_async_t nudge; /* wakes the watcher, to end it */
};

/* Creates the completion queue, after grpc_init(). */
void core_loop_init(struct core_loop *core, uv_loop_t *loop);

/* Start and stop the watcher thread. Start returns 0 or a UV_E* code. After stop no batch may be started: the
 * queue shuts down, and once it is empty core_loop_run returns. */
int core_loop_start(struct core_loop *core, unsigned (*count_sent)(void *data), void *data);
void core_loop_stop(struct core_loop *core);

/* Takes the place of uv_run; returns when the queue has ended. */
void core_loop_run(struct core_loop *core);

void core_loop_finish(struct core_loop *core);

#endif
