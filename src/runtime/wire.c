/* SPDX-License-Identifier: MIT
 *
 * One thread polls two things: the core, which has no hook for a foreign loop and reads its sockets only
 * inside grpc_completion_queue_next, and libuv. Each turn takes what the core has, then lets libuv run,
 * neither waiting; when there is nothing, the thread waits in the core, and a watcher thread, which waits on
 * libuv's descriptor meanwhile, posts an event to the core's queue. So a request is read, handled and
 * answered without a change of threads, and nothing contends for the core's locks: handing events to a loop
 * on a thread of its own cost twice the CPU an RPC.
 *
 * An RPC costs two events: the request with its payload, and the completion of the one batch that answers it.
 * Only a call that has waited for WATCH_AFTER_MS is watched for cancellation, which costs a third: a quick
 * one is answered sooner than its peer can change its mind. Slots are recycled, so that a call allocates
 * nothing of ours.
 */
#include "runtime/wire.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "ops/log.h"
#include "runtime/rpc.h"

#define POSTED_PER_METHOD                                                                                    \
    64 /* requests the core can hand over without asking; more wait inside it for a turn */
#define POSTED_UNKNOWN  16
#define EVENTS_PER_TURN 256 /* then the loop has its turn even if the core has more */
#define WATCH_AFTER_MS  10

/* ---- events ---- */

struct event;
typedef void(event_handler)(struct event *event, bool ok);

/* The tag of an operation of the core. */
struct event {
    event_handler *handle;
};

/* A call's place on the wire: posted, running, or free. */
struct slot {
    struct call call;
    struct wire *wire;
    struct wire_method *method;
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    struct event requested, answered, closed;
    int cancelled;
    unsigned pending; /* batches of the core that have not completed */
    bool over;        /* the call needs the slot no more */
    bool watched;
    uint64_t started_ms;
    TAILQ_ENTRY(slot) link; /* in wire->unwatched while running and not watched, in wire->free while free */
};

TAILQ_HEAD(slot_list, slot);

struct wire_method {
    const struct rpc_method *rpc;
    void *registered;
};

/* A call for a method that nobody registered. */
struct unknown {
    struct wire *wire;
    grpc_call *grpc;
    grpc_call_details details;
    grpc_metadata_array metadata;
    struct event requested, answered;
    int cancelled;
};

struct wire {
    uv_loop_t *loop;
    struct context *context;
    grpc_server *server;
    grpc_server_credentials *credentials;
    grpc_completion_queue *queue;
    uv_thread_t watcher;
    uv_sem_t armed_sem;
    atomic_bool stop_watcher;
    bool armed;            /* the watcher will post `woken` */
    grpc_channel *nowhere; /* a channel without a server, for the one call below */
    grpc_call *waker;      /* an empty batch on it puts `woken` into the queue, from any thread */
    struct event woken;
    uv_async_t nudge; /* makes libuv ready, and so the watcher return */
    uv_timer_t watch;
    struct wire_method *methods;
    struct unknown unknown[POSTED_UNKNOWN];
    struct slot_list free;
    struct slot_list unwatched; /* oldest first */
    struct event shut_down;
    bool draining;
    bool queue_ended; /* nothing will come out of it any more */
    void (*on_drained)(void *data);
    void *data;
};

/* ---- two pollers, one thread ---- */

/* Posts `woken` to the completion queue whenever libuv has something to do and the loop's thread waits in the
 * core. */
static void watch_loop(void *arg)
{
    struct wire *wire = arg;
    struct pollfd backend = { .fd = uv_backend_fd(wire->loop), .events = POLLIN };
    for (;;) {
        uv_sem_wait(&wire->armed_sem);
        while (poll(&backend, 1, -1) < 0) /* EINTR */
            ;
        if (wire->stop_watcher)
            return;
        grpc_call_start_batch(wire->waker, NULL, 0, &wire->woken, NULL);
    }
}

static void on_woken(struct event *event, bool ok)
{
    (void)ok;
    ((struct wire *)((char *)event - offsetof(struct wire, woken)))->armed = false;
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
    if (!wire->armed) {
        wire->armed = true;
        uv_sem_post(&wire->armed_sem);
    }
    grpc_event arrived = grpc_completion_queue_next(wire->queue, deadline, NULL);
    uv_update_time(wire->loop);
    if (arrived.type == GRPC_OP_COMPLETE) {
        struct event *event = arrived.tag;
        event->handle(event, arrived.success);
    }
    wire->queue_ended |= arrived.type == GRPC_QUEUE_SHUTDOWN;
}

void wire_run(struct wire *wire)
{
    while (!wire->queue_ended) {
        unsigned n = drain_core(wire);
        run_loop(wire);
        /* With the watcher armed waiting costs nothing; else look once more first, for under load there is
         * always something. */
        if (!wire->queue_ended && (n == 0 || (wire->armed && n < EVENTS_PER_TURN)))
            wait_in_core(wire);
    }
    uv_close((uv_handle_t *)&wire->nudge, NULL);
    uv_close((uv_handle_t *)&wire->watch, NULL);
    wire->on_drained(wire->data);
}

/* ---- slots ---- */

#define slot_of(event, member) ((struct slot *)((char *)(event)-offsetof(struct slot, member)))

static void on_requested(struct event *event, bool ok);
static void on_answered(struct event *event, bool ok);
static void on_closed(struct event *event, bool ok);
static void on_watch(uv_timer_t *watch);
static const struct call_transport transport;

static struct slot *slot_get(struct wire *wire)
{
    struct slot *slot = TAILQ_FIRST(&wire->free);
    if (slot) {
        TAILQ_REMOVE(&wire->free, slot, link);
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->wire = wire;
    slot->call.transport = &transport;
    slot->call.context = wire->context;
    slot->requested.handle = on_requested;
    slot->answered.handle = on_answered;
    slot->closed.handle = on_closed;
    grpc_metadata_array_init(&slot->metadata);
    return slot;
}

static void slot_free(struct slot *slot)
{
    grpc_metadata_array_destroy(&slot->metadata);
    call_finish(&slot->call);
    free(slot);
}

/* To the free list, unless something still refers to it. */
static void slot_put(struct slot *slot)
{
    if (!slot->over || slot->pending > 0)
        return;
    grpc_call_unref(slot->grpc);
    slot->grpc = NULL;
    TAILQ_INSERT_HEAD(&slot->wire->free, slot, link);
}

/* Asks the core for the next call of a method. */
static void post(struct wire *wire, struct wire_method *method)
{
    struct slot *slot = slot_get(wire);
    if (!slot) {
        log_error("out of memory: a method takes one call less at a time",
                  log_str("method", method->rpc->path));
        return;
    }
    slot->method = method;
    slot->call.method = method->rpc;
    slot->metadata.count = 0;
    slot->payload = NULL;
    slot->cancelled = 0;
    slot->over = slot->watched = false;
    if (grpc_server_request_registered_call(wire->server, method->registered, &slot->grpc, &slot->deadline,
                                            &slot->metadata, &slot->payload, wire->queue, wire->queue,
                                            &slot->requested) != GRPC_CALL_OK)
        abort(); /* only after a shutdown of the queue or with wrong arguments */
}

/* ---- a call arrives ---- */

static uint64_t deadline_ns(gpr_timespec deadline)
{
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return UINT64_MAX;
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    int64_t left_ns = left.tv_sec * INT64_C(1000000000) + left.tv_nsec;
    return left_ns > 0 ? uv_hrtime() + (uint64_t)left_ns : 0;
}

static void slot_run(struct slot *slot)
{
    grpc_slice_buffer *slices = &slot->payload->data.raw.slice_buffer;
    if (slices->count <= 1) {
        static const uint8_t empty;
        const uint8_t *bytes = slices->count ? GRPC_SLICE_START_PTR(slices->slices[0]) : &empty;
        call_start(&slot->call, bytes, slices->length);
        return;
    }
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, slot->payload))
        abort(); /* only for compressed messages, and compression is off */
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    call_start(&slot->call, GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole));
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
}

static void on_requested(struct event *event, bool ok)
{
    struct slot *slot = slot_of(event, requested);
    struct wire *wire = slot->wire;
    if (!ok) { /* the server is shutting down */
        slot_free(slot);
        return;
    }
    post(wire, slot->method);
    slot->call.deadline_ns = deadline_ns(slot->deadline);
    slot->started_ms = uv_now(wire->loop);
    if (TAILQ_EMPTY(&wire->unwatched))
        uv_timer_start(&wire->watch, on_watch, WATCH_AFTER_MS, WATCH_AFTER_MS);
    TAILQ_INSERT_TAIL(&wire->unwatched, slot, link);
    if (slot->payload)
        slot_run(slot);
    else /* the peer closed without a message, or it was refused for its size and the core has said so */
        transport.fail(&slot->call, STATUS_INTERNAL, "the request has no message", 0);
    if (slot->payload)
        grpc_byte_buffer_destroy(slot->payload);
    slot->payload = NULL;
}

/* ---- its answer leaves ---- */

static void unlist(struct slot *slot)
{
    if (slot->watched)
        return;
    TAILQ_REMOVE(&slot->wire->unwatched, slot, link);
    if (TAILQ_EMPTY(&slot->wire->unwatched))
        uv_timer_stop(&slot->wire->watch);
}

/* Starts the batch that ends the call. `ops` has room for one more. */
static void slot_answer(struct slot *slot, grpc_op *ops, size_t n)
{
    unlist(slot);
    if (!slot->watched)
        ops[n++] = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                              .data.recv_close_on_server.cancelled = &slot->cancelled };
    slot->pending++;
    slot->over = true;
    if (grpc_call_start_batch(slot->grpc, ops, n, &slot->answered, NULL) != GRPC_CALL_OK)
        abort();
}

#define slot_of_call(c) ((struct slot *)((char *)(c)-offsetof(struct slot, call)))

static void reply(struct call *call, const uint8_t *bytes, size_t len)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER, .data.send_status_from_server.status = GRPC_STATUS_OK },
    };
    slot_answer(slot_of_call(call), ops, 3);
    grpc_byte_buffer_destroy(message);
    grpc_slice_unref(slice);
}

static void fail(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    char value[16];
    grpc_slice text = grpc_slice_from_copied_string(message);
    grpc_metadata pushback = { .key = grpc_slice_from_static_string("grpc-retry-pushback-ms") };
    size_t pushback_n = retry_after_ms > 0;
    if (pushback_n) {
        snprintf(value, sizeof value, "%u", retry_after_ms);
        pushback.value = grpc_slice_from_copied_string(value);
    }
    grpc_op ops[3] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = (grpc_status_code)status,
                                            .status_details = &text,
                                            .trailing_metadata = &pushback,
                                            .trailing_metadata_count = pushback_n } },
    };
    slot_answer(slot_of_call(call), ops, 2);
    grpc_slice_unref(text);
    if (pushback_n)
        grpc_slice_unref(pushback.value);
}

static void drop(struct call *call)
{
    struct slot *slot = slot_of_call(call);
    unlist(slot);
    slot->over = true;
    slot_put(slot);
}

static const struct call_transport transport = { .reply = reply, .fail = fail, .drop = drop };

static void on_answered(struct event *event, bool ok)
{
    (void)ok; /* not delivered: the peer has gone */
    struct slot *slot = slot_of(event, answered);
    slot->pending--;
    slot_put(slot);
}

/* ---- cancellation ---- */

static void on_closed(struct event *event, bool ok)
{
    (void)ok;
    struct slot *slot = slot_of(event, closed);
    bool over = slot->over;
    slot->pending--;
    if (!over && slot->cancelled)
        call_cancel(&slot->call); /* may drop the call, and with it this slot */
    else
        slot_put(slot);
}

static void on_watch(uv_timer_t *watch)
{
    struct wire *wire = watch->data;
    uint64_t now_ms = uv_now(wire->loop);
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&wire->unwatched)) && now_ms - slot->started_ms >= WATCH_AFTER_MS) {
        unlist(slot);
        slot->watched = true;
        slot->pending++;
        grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                       .data.recv_close_on_server.cancelled = &slot->cancelled };
        if (grpc_call_start_batch(slot->grpc, &op, 1, &slot->closed, NULL) != GRPC_CALL_OK)
            abort();
    }
}

/* ---- calls for no method ---- */

#define unknown_of(event, member) ((struct unknown *)((char *)(event)-offsetof(struct unknown, member)))

static void post_unknown(struct unknown *unknown)
{
    grpc_call_details_init(&unknown->details);
    grpc_metadata_array_init(&unknown->metadata);
    unknown->grpc = NULL;
    if (grpc_server_request_call(unknown->wire->server, &unknown->grpc, &unknown->details, &unknown->metadata,
                                 unknown->wire->queue, unknown->wire->queue,
                                 &unknown->requested) != GRPC_CALL_OK)
        abort();
}

static void unknown_finish(struct unknown *unknown)
{
    grpc_call_details_destroy(&unknown->details);
    grpc_metadata_array_destroy(&unknown->metadata);
    if (unknown->grpc)
        grpc_call_unref(unknown->grpc);
}

static void on_unknown_requested(struct event *event, bool ok)
{
    struct unknown *unknown = unknown_of(event, requested);
    if (!ok) {
        unknown_finish(unknown);
        return;
    }
    char text[256];
    grpc_slice path = unknown->details.method;
    snprintf(text, sizeof text, "no such method: %.*s", (int)GRPC_SLICE_LENGTH(path),
             (const char *)GRPC_SLICE_START_PTR(path));
    grpc_slice message = grpc_slice_from_copied_string(text);
    grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = GRPC_STATUS_UNIMPLEMENTED,
                                            .status_details = &message } },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &unknown->cancelled },
    };
    if (grpc_call_start_batch(unknown->grpc, ops, 3, &unknown->answered, NULL) != GRPC_CALL_OK)
        abort();
    grpc_slice_unref(message);
}

static void on_unknown_answered(struct event *event, bool ok)
{
    (void)ok;
    struct unknown *unknown = unknown_of(event, answered);
    bool draining = unknown->wire->draining;
    unknown_finish(unknown);
    if (!draining)
        post_unknown(unknown);
}

/* ---- start ---- */

static grpc_server *create_server(const struct wire_options *options)
{
    grpc_arg args[] = {
        /* The core inflates before it checks sizes: only identity is accepted. */
        { .type = GRPC_ARG_INTEGER,
          .key = GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
          .value.integer = 1 },
        { .type = GRPC_ARG_INTEGER,
          .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
          .value.integer = options->max_message_bytes },
        { .type = GRPC_ARG_INTEGER,
          .key = GRPC_ARG_MAX_CONCURRENT_STREAMS,
          .value.integer = options->max_concurrent_streams },
        /* With the default of 8 KiB one call with large headers closes the connection under all others. */
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_METADATA_SIZE, .value.integer = 65536 },
        { .type = GRPC_ARG_INTEGER,
          .key = GRPC_ARG_MAX_CONNECTION_IDLE_MS,
          .value.integer = options->idle_timeout_ms ? options->idle_timeout_ms : INT_MAX },
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ENABLE_CHANNELZ, .value.integer = 0 },
    };
    return grpc_server_create(&(grpc_channel_args){ .num_args = sizeof args / sizeof *args, .args = args },
                              NULL);
}

static int register_methods(struct wire *wire)
{
    wire->methods = calloc(rpc_methods_n, sizeof *wire->methods);
    if (!wire->methods)
        return UV_ENOMEM;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        wire->methods[i].rpc = &rpc_methods[i];
        wire->methods[i].registered = grpc_server_register_method(
            wire->server, rpc_methods[i].path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
        if (!wire->methods[i].registered)
            return UV_EINVAL;
    }
    return 0;
}

static void post_all(struct wire *wire)
{
    for (size_t i = 0; i < rpc_methods_n; i++)
        for (unsigned n = 0; n < POSTED_PER_METHOD; n++)
            post(wire, &wire->methods[i]);
    for (size_t i = 0; i < POSTED_UNKNOWN; i++) {
        wire->unknown[i] = (struct unknown){ .wire = wire,
                                             .requested.handle = on_unknown_requested,
                                             .answered.handle = on_unknown_answered };
        post_unknown(&wire->unknown[i]);
    }
}

static void on_nudge(uv_async_t *nudge)
{
    (void)nudge;
}

static int start_watcher(struct wire *wire)
{
    wire->woken.handle = on_woken;
    wire->nowhere = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "no server");
    wire->waker = grpc_channel_create_call(wire->nowhere, NULL, GRPC_PROPAGATE_DEFAULTS, wire->queue,
                                           grpc_slice_from_static_string("/wake"), NULL,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return uv_thread_create(&wire->watcher, watch_loop, wire);
}

/* The last `woken` may still be in the queue; it is handled like any other. */
static void stop_watcher(struct wire *wire)
{
    wire->stop_watcher = true;
    uv_async_send(&wire->nudge);
    uv_sem_post(&wire->armed_sem);
    uv_thread_join(&wire->watcher);
    grpc_call_unref(wire->waker);
    grpc_channel_destroy(wire->nowhere);
}

static int start_loop_side(struct wire *wire, uv_loop_t *loop)
{
    wire->loop = loop;
    TAILQ_INIT(&wire->free);
    TAILQ_INIT(&wire->unwatched);
    int rc = uv_sem_init(&wire->armed_sem, 0);
    if (rc)
        return rc;
    rc = uv_async_init(loop, &wire->nudge, on_nudge);
    if (rc) {
        uv_sem_destroy(&wire->armed_sem);
        return rc;
    }
    uv_timer_init(loop, &wire->watch);
    wire->watch.data = wire;
    return 0;
}

int wire_create(struct wire **out, uv_loop_t *loop, struct context *context,
                const struct wire_options *options)
{
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return UV_ENOMEM;
    wire->context = context;
    int rc = start_loop_side(wire, loop);
    if (rc) {
        free(wire);
        return rc;
    }
    grpc_init();
    wire->queue = grpc_completion_queue_create_for_next(NULL);
    wire->credentials = grpc_insecure_server_credentials_create();
    wire->server = create_server(options);
    grpc_server_register_completion_queue(wire->server, wire->queue, NULL);
    rc = register_methods(wire);
    if (rc)
        return rc; /* at start-up, with nothing to lose: the process ends */
    grpc_server_start(wire->server);
    post_all(wire);
    rc = start_watcher(wire);
    if (rc)
        return rc;
    *out = wire;
    return 0;
}

void wire_add_connection(struct wire *wire, int fd)
{
    grpc_server_add_channel_from_fd(wire->server, fd, wire->credentials);
}

/* ---- drain ---- */

static void on_shut_down(struct event *event, bool ok)
{
    (void)ok;
    struct wire *wire = (struct wire *)((char *)event - offsetof(struct wire, shut_down));
    stop_watcher(wire);
    grpc_completion_queue_shutdown(wire->queue);
}

void wire_drain(struct wire *wire, void (*on_drained)(void *data), void *data)
{
    wire->draining = true;
    wire->on_drained = on_drained;
    wire->data = data;
    wire->shut_down.handle = on_shut_down;
    grpc_server_shutdown_and_notify(wire->server, wire->queue, &wire->shut_down);
}

void wire_cancel(struct wire *wire)
{
    grpc_server_cancel_all_calls(wire->server);
}

void wire_destroy(struct wire *wire)
{
    if (!wire)
        return;
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&wire->free))) {
        TAILQ_REMOVE(&wire->free, slot, link);
        slot_free(slot);
    }
    grpc_server_destroy(wire->server);
    grpc_completion_queue_destroy(wire->queue);
    grpc_server_credentials_release(wire->credentials);
    grpc_shutdown_blocking();
    uv_sem_destroy(&wire->armed_sem);
    free(wire->methods);
    free(wire);
}
