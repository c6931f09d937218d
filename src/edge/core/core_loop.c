/* SPDX-License-Identifier: MIT
 *
 * One thread polls two things: the core, which has no hook for a foreign loop and reads its sockets only
 * inside grpc_completion_queue_next, and libuv. Each turn takes what the core has, then lets libuv run,
 * neither waiting; when there is nothing, the thread waits in the core, and a watcher thread, which waits on
 * libuv's descriptor meanwhile, posts an event to the core's queue. So a request is read, handled and
 * answered without a change of threads, and nothing contends for the core's locks: handing events to a loop
 * on a thread of its own cost twice the CPU an RPC.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "db/pool.h"
#include "edge/core/core.h"

#define ANSWER_WAIT_NS  60000
#define EVENTS_PER_TURN 256 /* then the loop has its turn even if the core has more */

/* Posts `woken` to the completion queue when libuv has something to do and the watcher is armed. */
static void watch_loop(void *arg)
{
    struct wire *wire = arg;
    struct epoll_event ready;
    for (;;) {
        while (epoll_wait(wire->watch_fd, &ready, 1, -1) < 0) /* EINTR */
            ;
        if (wire->stop_watcher)
            return;
        grpc_call_start_batch(wire->waker, NULL, 0, &wire->woken, NULL);
    }
}

/* Armed, the watcher wakes once; else it sleeps whatever happens. It costs one system call and wakes nobody:
 * while the loop's thread waits for libuv itself, both would be woken, for one answer of the database. */
static void set_armed(struct wire *wire, bool armed)
{
    struct epoll_event event = { .events = EPOLLONESHOT | (armed ? EPOLLIN : 0) };
    wire->armed = armed;
    if (wire->watch_fd >= 0 && epoll_ctl(wire->watch_fd, EPOLL_CTL_MOD, uv_backend_fd(wire->loop), &event))
        abort(); /* only if one of them is no epoll */
}

/* May come after the watcher was disarmed, or armed again, as it was about to post: then it is armed once
 * more than need be. */
static void on_woken(struct event *event, bool ok)
{
    (void)ok;
    container_of(event, struct wire, woken)->armed = false;
}

/* Handles what the core has, without waiting for more. Returns how much it was. */
static unsigned drain_core(struct wire *wire)
{
    unsigned n = 0;
    while (n < EVENTS_PER_TURN) {
        grpc_event arrived = grpc_completion_queue_next(wire->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
        if (arrived.type != GRPC_OP_COMPLETE) {
            wire->queue_ended |= arrived.type == GRPC_QUEUE_SHUTDOWN;
            break;
        }
        struct event *event = arrived.tag;
        event->handle(event, arrived.success);
        n++;
    }
    return n;
}

/* libuv tells the kernel of a new or changed handle only when it polls next; the first member is the list's
 * head, alone in an empty one. */
static bool loop_has_unpolled(uv_loop_t *loop)
{
    return *(void **)&loop->watcher_queue != (void *)&loop->watcher_queue;
}

static void run_loop(struct wire *wire)
{
    do
        uv_run(wire->loop, UV_RUN_NOWAIT);
    while (loop_has_unpolled(wire->loop));
}

/* Until the core has an event, or libuv (by the watcher), or a timer is due. */
static void wait_in_core(struct wire *wire)
{
    int timeout_ms = uv_backend_timeout(wire->loop);
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (timeout_ms >= 0)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
    if (!wire->armed)
        set_armed(wire, true);
    grpc_event arrived = grpc_completion_queue_next(wire->queue, deadline, NULL);
    uv_update_time(wire->loop);
    if (arrived.type == GRPC_OP_COMPLETE) {
        struct event *event = arrived.tag;
        event->handle(event, arrived.success);
    }
    wire->queue_ended |= arrived.type == GRPC_QUEUE_SHUTDOWN;
}

static bool has_sent_a_batch(const struct wire *wire)
{
    return wire->batches_seen != wire->context->pool->batches_sent;
}

/* The answer to a batch that has just left is often here sooner than the watcher could be woken to tell of
 * it: so it is waited for in libuv first, once a batch and for so short that no request is kept waiting to
 * speak of. */
static bool wait_for_database(struct wire *wire)
{
    struct pollfd backend = { .fd = uv_backend_fd(wire->loop), .events = POLLIN };
    wire->batches_seen = wire->context->pool->batches_sent;
    if (wire->armed)
        set_armed(wire, false);
    return ppoll(&backend, 1, &(struct timespec){ .tv_nsec = ANSWER_WAIT_NS }, NULL) > 0;
}

static void wait(struct wire *wire)
{
    if (has_sent_a_batch(wire) && wait_for_database(wire))
        run_loop(wire);
    if (!has_sent_a_batch(wire))
        wait_in_core(wire);
}

void wire_run(struct wire *wire)
{
    while (!wire->queue_ended) {
        unsigned n = drain_core(wire);
        run_loop(wire);
        /* With the watcher armed waiting costs nothing; else look once more first, for under load there is
         * always something. */
        if (!wire->queue_ended && (n == 0 || (wire->armed && n < EVENTS_PER_TURN)))
            wait(wire);
    }
    uv_close((uv_handle_t *)&wire->nudge, NULL);
    wire_calls_close(wire);
    wire->on_drained(wire->data);
}

/* ---- start and stop ---- */

static void on_nudge(uv_async_t *nudge)
{
    (void)nudge;
}

int wire_poll_start(struct wire *wire)
{
    struct epoll_event disarmed = { .events = EPOLLONESHOT };
    wire->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (wire->watch_fd < 0 || epoll_ctl(wire->watch_fd, EPOLL_CTL_ADD, uv_backend_fd(wire->loop), &disarmed))
        return uv_translate_sys_error(errno);
    int rc = uv_async_init(wire->loop, &wire->nudge, on_nudge);
    if (rc)
        return rc;
    wire->woken.handle = on_woken;
    wire->nowhere = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "no server");
    wire->waker = grpc_channel_create_call(wire->nowhere, NULL, GRPC_PROPAGATE_DEFAULTS, wire->queue,
                                           grpc_slice_from_static_string("/wake"), NULL,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return uv_thread_create(&wire->watcher, watch_loop, wire);
}

/* The last `woken` may still be in the queue; it is handled like any other. */
void wire_poll_stop(struct wire *wire)
{
    wire->stop_watcher = true;
    uv_async_send(&wire->nudge);
    set_armed(wire, true);
    uv_thread_join(&wire->watcher);
    close(wire->watch_fd);
    wire->watch_fd = -1;
    grpc_call_unref(wire->waker);
    grpc_channel_destroy(wire->nowhere);
}
