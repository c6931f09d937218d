/* SPDX-License-Identifier: MIT
 *
 * Runs libuv's loop and the gRPC core's queue of events on one thread. Knows neither calls nor the database.
 */
#ifndef EDGE_CORE_CORE_LOOP_H
#define EDGE_CORE_CORE_LOOP_H

#include <stdatomic.h>
#include <uv.h>

#include "edge/core/core.h"

struct core_loop {
    uv_loop_t *loop;
    grpc_completion_queue *queue;
    bool has_ended; /* nothing will come out of the queue any more */
    /* How much this thread has sent so far that will be answered on one of libuv's descriptors, perhaps in
     * less time than it takes to wake the watcher: batches to the database. */
    unsigned (*count_sent)(void *data);
    void *data;
    unsigned seen; /* of that */
    /* Before each turn; true: there is more to do than can be done. NULL: nobody is asked. */
    bool (*on_turn)(void *turn_data);
    void *turn_data;

    uv_thread_t watcher;
    int watch_fd; /* an epoll of the watcher's, which holds libuv's; -1: it has ended */
    atomic_bool stop_watcher;
    bool armed;            /* the watcher will post `woken` */
    grpc_channel *nowhere; /* a channel without a server, for the one call below */
    grpc_call *waker;      /* an empty batch on it puts `woken` into the queue, from any thread */
    struct event woken;
    uv_async_t nudge; /* makes libuv ready, and so the watcher return */
};

/* Makes the queue. The gRPC library must have been initialised. */
void core_loop_init(struct core_loop *core, uv_loop_t *loop);

/* The watcher thread runs between these two. Start returns 0 or a UV_E* code. After stop, no batch may be
 * started: the queue ends, and with it core_loop_run. */
int core_loop_start(struct core_loop *core, unsigned (*count_sent)(void *data), void *data);
void core_loop_stop(struct core_loop *core);

/* In place of uv_run, until the queue has ended. */
void core_loop_run(struct core_loop *core);

void core_loop_finish(struct core_loop *core);

#endif
