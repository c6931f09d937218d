/* SPDX-License-Identifier: MIT
 *
 * One thread polls both the core, which cannot be driven by another event loop and reads its sockets only
 * inside grpc_completion_queue_next(), and libuv. Each turn handles what the core has, then what libuv has,
 * without waiting for either. When there is nothing, the thread waits in the core; a watcher thread waits on
 * libuv's descriptor meanwhile, and wakes it by an event in the core's queue. So a request is read, handled
 * and answered on one thread, and no other contends for the core's locks: handing events to a loop on another
 * thread took twice the CPU time per RPC.
 */
#include "edge/core/core_loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/loop_clock.h"

#define ANSWER_WAIT_NS 60000 /* see wait_for_answer() */
/* A turn handles at most so many events of the core, and begins none after so much time; then libuv has its
 * turn. Reading one socket may take longer: some 15 us for each call that has come on it. */
#define EVENTS_PER_TURN 256
#define TURN_NS         1000000
/* When asked for an event, the core reads a socket (one) only if its queue is empty. While more calls come
 * than svcd can handle the queue is never empty: when a call ends, the core hands over another one, which it
 * has read long before. So after so many events one socket is polled by a second queue, which is always
 * empty. Otherwise a health check would wait behind all calls that came before it: 16,000 if 16 clients use
 * all their streams. Polling twice as often halves that wait, and costs cheap calls 3 % more CPU time. */
#define EVENTS_PER_POLL 64
#define POLLS_PRESSED   32 /* in one turn, while calls are held back */

/* Posts `woken` to the completion queue when libuv has something to do and the watcher is armed. */
static void watch_loop(void *arg)
{
    struct core_loop *core = arg;
    struct epoll_event ready;
    for (;;) {
        while (epoll_wait(core->watch_fd, &ready, 1, -1) < 0) /* EINTR */
            ;
        if (core->stop_watcher)
            return;
        grpc_call_start_batch(core->waker, NULL, 0, &core->woken, NULL);
    }
}

/* While armed the watcher thread wakes at libuv's next event, once; else events do not wake it. It is
 * disarmed while the loop's thread itself waits for libuv, or one answer of the database would wake both
 * threads. Arming takes one system call and does not wake the watcher. */
static void set_armed(struct core_loop *core, bool armed)
{
    struct epoll_event event = { .events = EPOLLONESHOT | (armed ? EPOLLIN : 0) };
    core->armed = armed;
    if (core->watch_fd >= 0 && epoll_ctl(core->watch_fd, EPOLL_CTL_MOD, uv_backend_fd(core->loop), &event))
        abort(); /* cannot fail with two valid epoll descriptors */
}

/* If the watcher was disarmed, or armed again, just as it was about to post, this comes late: then the
 * watcher is armed once more than necessary, which does no harm. */
static void on_woken(struct event *event, bool ok)
{
    (void)ok;
    container_of(event, struct core_loop, woken)->armed = false;
}

/* Reads or writes one socket that is ready, if there is one. */
static void poll_core(struct core_loop *core)
{
    grpc_completion_queue_next(core->poller, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
    loop_clock_forget();
}

/* Handles events of the core without waiting for more, and returns how many they were. */
static unsigned drain_core(struct core_loop *core)
{
    uint64_t ends_ns = loop_clock_read() + TURN_NS;
    unsigned n = 0, polls = core->on_turn && core->on_turn(core->turn_data) ? POLLS_PRESSED : 1;
    core->has_more = true;
    while (!core->has_ended && n < EVENTS_PER_TURN && loop_clock_now() < ends_ns) {
        grpc_event arrived = grpc_completion_queue_next(core->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL);
        loop_clock_forget();
        if (arrived.type == GRPC_OP_COMPLETE) {
            struct event *event = arrived.tag;
            event->handle(event, arrived.success);
            if (++n % EVENTS_PER_POLL == 0)
                poll_core(core);
            continue;
        }
        core->has_ended |= arrived.type == GRPC_QUEUE_SHUTDOWN;
        core->has_more = --polls > 0;
        if (!core->has_more)
            break;
    }
    return n;
}

/* Whether handles were started or changed since libuv polled last. libuv passes them to the kernel only when
 * it polls next, so this thread must not sleep before. libuv has no function to ask this, so its list of such
 * handles is read: a circular one, whose head points to itself when it is empty. */
#if UV_VERSION_MAJOR != 1 || UV_VERSION_MINOR > 48
#error "look whether uv_loop_t.watcher_queue is still a circular list that starts with its `next` pointer"
#endif
static bool loop_has_unpolled(uv_loop_t *loop)
{
    return *(void **)&loop->watcher_queue != (void *)&loop->watcher_queue;
}

static void run_loop(struct core_loop *core)
{
    do
        uv_run(core->loop, UV_RUN_NOWAIT);
    while (loop_has_unpolled(core->loop));
}

/* Waits until the core has an event, or libuv has one (by the watcher), or a timer of libuv's is due. */
static void wait_in_core(struct core_loop *core)
{
    int timeout_ms = uv_backend_timeout(core->loop);
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (timeout_ms >= 0)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
    if (!core->armed)
        set_armed(core, true);
    grpc_event arrived = grpc_completion_queue_next(core->queue, deadline, NULL);
    uv_update_time(core->loop);
    loop_clock_forget();
    if (arrived.type == GRPC_OP_COMPLETE) {
        struct event *event = arrived.tag;
        event->handle(event, arrived.success);
    }
    core->has_ended |= arrived.type == GRPC_QUEUE_SHUTDOWN;
}

static bool expects_answer(const struct core_loop *core)
{
    return core->seen != core->count_sent(core->data);
}

/* The database's answer often comes sooner than the watcher could wake this thread. So this thread waits for
 * it on libuv's descriptor first: once for what was sent, and too short (60 us) to delay others much. */
static bool wait_for_answer(struct core_loop *core)
{
    struct pollfd backend = { .fd = uv_backend_fd(core->loop), .events = POLLIN };
    core->seen = core->count_sent(core->data);
    if (core->armed)
        set_armed(core, false);
    return ppoll(&backend, 1, &(struct timespec){ .tv_nsec = ANSWER_WAIT_NS }, NULL) > 0;
}

static void wait(struct core_loop *core)
{
    if (expects_answer(core) && wait_for_answer(core))
        run_loop(core);
    if (!expects_answer(core))
        wait_in_core(core);
}

void core_loop_run(struct core_loop *core)
{
    while (!core->has_ended) {
        unsigned n = drain_core(core);
        run_loop(core);
        /* If the watcher is armed waiting costs nothing extra. Else it would have to be armed: so look once
         * more first, because under load there is always something to do. */
        if (!core->has_ended && !core->has_more && (n == 0 || core->armed))
            wait(core);
    }
    uv_close((uv_handle_t *)&core->nudge, NULL);
}

/* ---- start and stop ---- */

static void on_nudge(uv_async_t *nudge)
{
    (void)nudge;
}

void core_loop_init(struct core_loop *core, uv_loop_t *loop)
{
    *core = (struct core_loop){ .loop = loop, .watch_fd = -1, .woken.handle = on_woken };
    core->queue = grpc_completion_queue_create_for_next(NULL);
    core->poller = grpc_completion_queue_create_for_next(NULL);
}

int core_loop_start(struct core_loop *core, unsigned (*count_sent)(void *data), void *data)
{
    struct epoll_event disarmed = { .events = EPOLLONESHOT };
    core->count_sent = count_sent;
    core->data = data;
    core->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    if (core->watch_fd < 0 || epoll_ctl(core->watch_fd, EPOLL_CTL_ADD, uv_backend_fd(core->loop), &disarmed))
        return uv_translate_sys_error(errno);
    int rc = uv_async_init(core->loop, &core->nudge, on_nudge);
    if (rc)
        return rc;
    core->nowhere = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "no server");
    core->waker = grpc_channel_create_call(core->nowhere, NULL, GRPC_PROPAGATE_DEFAULTS, core->queue,
                                           grpc_slice_from_static_string("/wake"), NULL,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return uv_thread_create(&core->watcher, watch_loop, core);
}

/* The last `woken` may still be in the queue; it is handled like any other. */
void core_loop_stop(struct core_loop *core)
{
    core->stop_watcher = true;
    uv_async_send(&core->nudge);
    set_armed(core, true);
    uv_thread_join(&core->watcher);
    close(core->watch_fd);
    core->watch_fd = -1;
    grpc_call_unref(core->waker);
    grpc_channel_destroy(core->nowhere);
    grpc_completion_queue_shutdown(core->queue);
}

void core_loop_finish(struct core_loop *core)
{
    grpc_completion_queue_shutdown(core->poller);
    grpc_completion_queue_destroy(core->poller);
    grpc_completion_queue_destroy(core->queue);
}
