/* SPDX-License-Identifier: MIT
 *
 * An RPC costs two events: the request with its payload, and the completion of the one batch that answers it. Only a call that
 * has waited for WATCH_AFTER_MS is watched for cancellation, which costs a third: a quick one is answered sooner than its
 * peer can change its mind. Slots are recycled, so that a call allocates nothing of ours.
 *
 * The core never sees our loop: it polls sockets on the completion-queue thread. grpc_call_start_batch is called by the loop
 * thread alone, as the core wants the batches of one call serialised.
 */
#include "runtime/wire.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "ops/log.h"
#include "runtime/rpc.h"

#define POSTED_PER_METHOD 64 /* requests the core can hand over without asking; more wait inside it for a turn */
#define POSTED_UNKNOWN 16
#define EVENTS_PER_WAKE 1024 /* then the loop is woken even if the core has more */
#define WATCH_AFTER_MS 10

/* ---- events ---- */

struct event;
typedef void(event_handler)(struct event *event, bool ok);

/* The tag of an operation of the core; linked into the batch that goes to the loop. */
struct event {
    event_handler *handle;
    bool ok;
    STAILQ_ENTRY(event) link;
};

STAILQ_HEAD(event_list, event);

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
    uv_thread_t thread;
    uv_mutex_t lock;
    struct event_list arrived; /* under lock */
    uv_async_t wake;
    uv_timer_t watch;
    struct wire_method *methods;
    struct unknown unknown[POSTED_UNKNOWN];
    struct slot_list free;
    struct slot_list unwatched; /* oldest first */
    struct event shut_down;
    bool draining;
    bool queue_ended; /* under lock: the thread is gone */
    void (*on_drained)(void *data);
    void *data;
};

/* ---- the completion-queue thread ---- */

static void hand_over(struct wire *wire, struct event_list *batch, bool ended)
{
    uv_mutex_lock(&wire->lock);
    STAILQ_CONCAT(&wire->arrived, batch);
    wire->queue_ended |= ended;
    uv_mutex_unlock(&wire->lock);
    uv_async_send(&wire->wake);
}

static void collect(void *arg)
{
    struct wire *wire = arg;
    gpr_timespec forever = gpr_inf_future(GPR_CLOCK_MONOTONIC), now = gpr_inf_past(GPR_CLOCK_MONOTONIC);
    grpc_event event;
    do {
        struct event_list batch = STAILQ_HEAD_INITIALIZER(batch);
        event = grpc_completion_queue_next(wire->queue, forever, NULL);
        for (unsigned n = 0; event.type == GRPC_OP_COMPLETE; n++) {
            struct event *arrived = event.tag;
            arrived->ok = event.success;
            STAILQ_INSERT_TAIL(&batch, arrived, link);
            if (n == EVENTS_PER_WAKE)
                break;
            event = grpc_completion_queue_next(wire->queue, now, NULL);
        }
        hand_over(wire, &batch, event.type == GRPC_QUEUE_SHUTDOWN);
    } while (event.type != GRPC_QUEUE_SHUTDOWN);
}

static void finish_drain(struct wire *wire);

static void on_wake(uv_async_t *wake)
{
    struct wire *wire = wake->data;
    struct event_list batch = STAILQ_HEAD_INITIALIZER(batch);
    uv_mutex_lock(&wire->lock);
    STAILQ_CONCAT(&batch, &wire->arrived);
    bool ended = wire->queue_ended;
    uv_mutex_unlock(&wire->lock);
    struct event *event;
    while ((event = STAILQ_FIRST(&batch))) {
        STAILQ_REMOVE_HEAD(&batch, link); /* first: the handler may start an operation with this tag again */
        event->handle(event, event->ok);
    }
    if (ended)
        finish_drain(wire);
}

/* ---- slots ---- */

#define slot_of(event, member) ((struct slot *)((char *)(event) - offsetof(struct slot, member)))

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
        log_error("out of memory: a method takes one call less at a time", log_str("method", method->rpc->path));
        return;
    }
    slot->method = method;
    slot->call.method = method->rpc;
    slot->metadata.count = 0;
    slot->payload = NULL;
    slot->cancelled = 0;
    slot->over = slot->watched = false;
    if (grpc_server_request_registered_call(wire->server, method->registered, &slot->grpc, &slot->deadline, &slot->metadata,
                                            &slot->payload, wire->queue, wire->queue, &slot->requested) != GRPC_CALL_OK)
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
        ops[n++] = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &slot->cancelled };
    slot->pending++;
    slot->over = true;
    if (grpc_call_start_batch(slot->grpc, ops, n, &slot->answered, NULL) != GRPC_CALL_OK)
        abort();
}

#define slot_of_call(c) ((struct slot *)((char *)(c) - offsetof(struct slot, call)))

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
          .data.send_status_from_server = { .status = (grpc_status_code)status, .status_details = &text,
                                            .trailing_metadata = &pushback, .trailing_metadata_count = pushback_n } },
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
        grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &slot->cancelled };
        if (grpc_call_start_batch(slot->grpc, &op, 1, &slot->closed, NULL) != GRPC_CALL_OK)
            abort();
    }
}

/* ---- calls for no method ---- */

#define unknown_of(event, member) ((struct unknown *)((char *)(event) - offsetof(struct unknown, member)))

static void post_unknown(struct unknown *unknown)
{
    grpc_call_details_init(&unknown->details);
    grpc_metadata_array_init(&unknown->metadata);
    unknown->grpc = NULL;
    if (grpc_server_request_call(unknown->wire->server, &unknown->grpc, &unknown->details, &unknown->metadata,
                                 unknown->wire->queue, unknown->wire->queue, &unknown->requested) != GRPC_CALL_OK)
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
    snprintf(text, sizeof text, "no such method: %.*s", (int)GRPC_SLICE_LENGTH(path), (const char *)GRPC_SLICE_START_PTR(path));
    grpc_slice message = grpc_slice_from_copied_string(text);
    grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = GRPC_STATUS_UNIMPLEMENTED, .status_details = &message } },
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
        { .type = GRPC_ARG_INTEGER, .key = GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, .value.integer = 1 },
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, .value.integer = options->max_message_bytes },
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_CONCURRENT_STREAMS, .value.integer = options->max_concurrent_streams },
        /* With the default of 8 KiB one call with large headers closes the connection under all others. */
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_METADATA_SIZE, .value.integer = 65536 },
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_MAX_CONNECTION_IDLE_MS,
          .value.integer = options->idle_timeout_ms ? options->idle_timeout_ms : INT_MAX },
        { .type = GRPC_ARG_INTEGER, .key = GRPC_ARG_ENABLE_CHANNELZ, .value.integer = 0 },
    };
    return grpc_server_create(&(grpc_channel_args){ .num_args = sizeof args / sizeof *args, .args = args }, NULL);
}

static int register_methods(struct wire *wire)
{
    wire->methods = calloc(rpc_methods_n, sizeof *wire->methods);
    if (!wire->methods)
        return UV_ENOMEM;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        wire->methods[i].rpc = &rpc_methods[i];
        wire->methods[i].registered = grpc_server_register_method(wire->server, rpc_methods[i].path, NULL,
                                                                  GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
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
        wire->unknown[i] = (struct unknown){ .wire = wire, .requested.handle = on_unknown_requested,
                                             .answered.handle = on_unknown_answered };
        post_unknown(&wire->unknown[i]);
    }
}

static int start_loop_side(struct wire *wire, uv_loop_t *loop)
{
    wire->loop = loop;
    STAILQ_INIT(&wire->arrived);
    TAILQ_INIT(&wire->free);
    TAILQ_INIT(&wire->unwatched);
    int rc = uv_mutex_init(&wire->lock);
    if (rc)
        return rc;
    rc = uv_async_init(loop, &wire->wake, on_wake);
    if (rc) {
        uv_mutex_destroy(&wire->lock);
        return rc;
    }
    uv_timer_init(loop, &wire->watch);
    wire->wake.data = wire->watch.data = wire;
    return 0;
}

int wire_create(struct wire **out, uv_loop_t *loop, struct context *context, const struct wire_options *options)
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
    rc = uv_thread_create(&wire->thread, collect, wire);
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

/* The thread has seen the queue's end: no event is left. */
static void finish_drain(struct wire *wire)
{
    uv_thread_join(&wire->thread);
    uv_close((uv_handle_t *)&wire->wake, NULL);
    uv_close((uv_handle_t *)&wire->watch, NULL);
    wire->on_drained(wire->data);
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
    uv_mutex_destroy(&wire->lock);
    free(wire->methods);
    free(wire);
}
