/* SPDX-License-Identifier: MIT
 *
 * Calls of registered methods. Each costs two events: the request with its payload, and the completion of the
 * one batch that answers it. Only a call that has waited for WATCH_AFTER_MS is watched for cancellation,
 * which costs a third: a quick one is answered sooner than its peer can change its mind. Slots are recycled,
 * so that a call allocates nothing of ours.
 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/core/core.h"
#include "edge/listener.h"
#include "observe/log.h"

/* Requests of a method that the core can hand over before it must be asked again: twice as many whenever they
 * ran out. The core (Debian's, with its assertions) walks the list of everything posted at every event, so
 * idle methods keep few. */
#define POSTED_FIRST   2
#define POSTED_MAX     64
#define WATCH_AFTER_MS 10

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

/* ---- slots ---- */

static void on_requested(struct event *event, bool ok);
static void on_answered(struct event *event, bool ok);
static void on_closed(struct event *event, bool ok);
static void on_watch(uv_timer_t *watch);
static void post_more(struct wire *wire, struct wire_method *method);
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
    struct wire *wire = slot->wire;
    TAILQ_INSERT_HEAD(&wire->free, slot, link);
    if (slot->method->posted == 0 && !wire->draining) /* there was no memory for more */
        post_more(wire, slot->method);
    wire->running--;
    wire_try_end(wire);
}

/* Asks the core for one more call of a method. */
static bool post(struct wire *wire, struct wire_method *method)
{
    struct slot *slot = slot_get(wire);
    if (!slot) {
        log_error("out of memory: a method takes one call less at a time",
                  log_str("method", method->rpc->path));
        return false;
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
    method->posted++;
    return true;
}

static void post_more(struct wire *wire, struct wire_method *method)
{
    if (method->posted == 0 && method->target < POSTED_MAX)
        method->target *= 2;
    while (method->posted < method->target && post(wire, method))
        ;
}

/* ---- a call arrives ---- */

static uint64_t deadline_ns(gpr_timespec deadline)
{
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return UINT64_MAX;
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    if (left.tv_sec >= INT64_MAX / 2000000000) /* centuries, and their sum with the time must fit */
        return UINT64_MAX;
    int64_t left_ns = left.tv_sec * INT64_C(1000000000) + left.tv_nsec;
    return left_ns > 0 ? uv_hrtime() + (uint64_t)left_ns : 0;
}

static void wipe(grpc_slice slice)
{
    explicit_bzero(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
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
    if (rpc_has_secret(slot->method->rpc))
        wipe(whole);
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
}

/* These bytes are where the core has read them from the socket: no other message lies there. */
static void payload_destroy(struct slot *slot)
{
    if (!slot->payload)
        return;
    grpc_slice_buffer *slices = &slot->payload->data.raw.slice_buffer;
    if (rpc_has_secret(slot->method->rpc))
        for (size_t i = 0; i < slices->count; i++)
            wipe(slices->slices[i]);
    grpc_byte_buffer_destroy(slot->payload);
    slot->payload = NULL;
}

static void on_requested(struct event *event, bool ok)
{
    struct slot *slot = container_of(event, struct slot, requested);
    struct wire *wire = slot->wire;
    slot->method->posted--;
    if (!ok) { /* the server is shutting down */
        slot_free(slot);
        return;
    }
    wire->running++;
    post_more(wire, slot->method);
    slot->call.deadline_ns = deadline_ns(slot->deadline);
    slot->started_ms = uv_now(wire->loop);
    if (TAILQ_EMPTY(&wire->unwatched))
        uv_timer_start(&wire->watch, on_watch, WATCH_AFTER_MS, WATCH_AFTER_MS);
    TAILQ_INSERT_TAIL(&wire->unwatched, slot, link);
    if (slot->payload && slot->payload->data.raw.compression != GRPC_COMPRESS_NONE)
        transport.fail(&slot->call, STATUS_UNIMPLEMENTED, "compressed messages are not accepted", 0);
    else if (slot->payload)
        slot_run(slot);
    else /* the peer closed without a message, or it was refused for its size and the core has said so */
        transport.fail(&slot->call, STATUS_INTERNAL, "the request has no message", 0);
    payload_destroy(slot);
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
    wire_start_batch(slot->grpc, ops, n, &slot->answered);
}

static void reply(struct call *call, const uint8_t *bytes, size_t len)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER, .data.send_status_from_server.status = GRPC_STATUS_OK },
    };
    slot_answer(container_of(call, struct slot, call), ops, 3);
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
    slot_answer(container_of(call, struct slot, call), ops, 2);
    grpc_slice_unref(text);
    if (pushback_n)
        grpc_slice_unref(pushback.value);
}

static void drop(struct call *call)
{
    struct slot *slot = container_of(call, struct slot, call);
    unlist(slot);
    slot->over = true;
    slot_put(slot);
}

/* ---- whom it came from ---- */

/* The core names a connection that it was handed by its descriptor, "fd:12", and closes that no sooner than
 * the last call on it is over: it is no other peer's by now. */
static bool peer(struct call *call, struct ip *ip)
{
    int fd;
    char *name = grpc_call_get_peer(container_of(call, struct slot, call)->grpc);
    const struct ip *known =
        sscanf(name, "fd:%d", &fd) == 1 ? acceptor_peer(call->context->acceptor, fd) : NULL;
    gpr_free(name);
    if (known)
        *ip = *known;
    return known;
}

static const char *metadata(struct call *call, const char *key)
{
    const grpc_metadata_array *sent = &container_of(call, struct slot, call)->metadata;
    const char *values = NULL;
    for (size_t i = 0; i < sent->count; i++) {
        grpc_slice value = sent->metadata[i].value;
        if (grpc_slice_str_cmp(sent->metadata[i].key, key) == 0)
            values = call_printf(call, "%s%s%.*s", values ? values : "", values ? "," : "",
                                 (int)GRPC_SLICE_LENGTH(value), (const char *)GRPC_SLICE_START_PTR(value));
    }
    return values;
}

static const struct call_transport transport = {
    .reply = reply, .fail = fail, .drop = drop, .peer = peer, .metadata = metadata
};

static void on_answered(struct event *event, bool ok)
{
    (void)ok; /* not delivered: the peer has gone */
    struct slot *slot = container_of(event, struct slot, answered);
    slot->pending--;
    slot_put(slot);
}

/* ---- cancellation ---- */

static void on_closed(struct event *event, bool ok)
{
    (void)ok;
    struct slot *slot = container_of(event, struct slot, closed);
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
        wire_start_batch(slot->grpc, &op, 1, &slot->closed);
    }
}

/* ---- start and stop ---- */

int wire_calls_register(struct wire *wire)
{
    wire->methods = calloc(rpc_methods_n, sizeof *wire->methods);
    if (!wire->methods)
        return UV_ENOMEM;
    TAILQ_INIT(&wire->free);
    TAILQ_INIT(&wire->unwatched);
    wire->watch.data = wire;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        wire->methods[i].rpc = &rpc_methods[i];
        wire->methods[i].registered = grpc_server_register_method(
            wire->server, rpc_methods[i].path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
        if (!wire->methods[i].registered)
            return UV_EINVAL;
    }
    return 0;
}

int wire_calls_post(struct wire *wire)
{
    int rc = uv_timer_init(wire->loop, &wire->watch);
    if (rc)
        return rc;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        wire->methods[i].target = POSTED_FIRST;
        post_more(wire, &wire->methods[i]);
    }
    return 0;
}

void wire_calls_close(struct wire *wire)
{
    uv_close((uv_handle_t *)&wire->watch, NULL);
}

void wire_calls_finish(struct wire *wire)
{
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&wire->free))) {
        TAILQ_REMOVE(&wire->free, slot, link);
        slot_free(slot);
    }
    free(wire->methods);
}
