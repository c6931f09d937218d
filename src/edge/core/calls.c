/* SPDX-License-Identifier: MIT
 *
 * A unary call costs two events: the request with its payload, and the completion of the one batch that
 * answers it. Only a call that has waited for WATCH_AFTER_MS is watched for cancellation, which costs a
 * third: a quick one is answered sooner than its peer can change its mind. Slots are recycled, so that a call
 * allocates nothing of ours.
 */
#include "edge/core/calls.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/state.h"
#include "call/entry.h"
#include "call/origin.h"
#include "call/request.h"
#include "call/stream.h"
#include "edge/core/whence.h"
#include "observe/log.h"

/* Requests of a method that the core can hand over before it must be asked again: twice as many whenever they
 * ran out. The core (Debian's, with its assertions) walks the list of everything posted at every event, so
 * idle methods keep few. */
#define POSTED_FIRST      2
#define POSTED_MAX        64
#define WATCH_AFTER_MS    10
#define MARKED_COMPRESSED 0x80000000u /* the core's GRPC_WRITE_INTERNAL_COMPRESS */
#define HELD_MAX          64 /* calls of a method that are held back, until the core is asked for no more of them */

struct core_method {
    const struct rpc_method *rpc;
    void *registered;
    unsigned posted; /* calls that the core may hand over without asking */
    unsigned target; /* how many that shall be */
    unsigned held_n; /* calls that wait to be begun */
};

/* A call's place on the wire.
 *
 *   FREE ─▶ POSTED ─▶ RUNNING ─▶ FREE
 *             │          └─▶ ENDING ─▶ FREE
 *             └─▶ (freed: the core has shut down)
 */
enum slot_state {
    SLOT_FREE,    /* in calls->free */
    SLOT_POSTED,  /* the core may hand over a call */
    SLOT_RUNNING, /* has one, until it is over */
    SLOT_ENDING,  /* it is over; batches of the core have yet to complete */
};

static const struct state_machine states = {
    .of = "slot",
    .names = { "FREE", "POSTED", "RUNNING", "ENDING" },
    .next = { [SLOT_FREE] = TO(SLOT_POSTED),
              [SLOT_POSTED] = TO(SLOT_RUNNING),
              [SLOT_RUNNING] = TO(SLOT_ENDING) | TO(SLOT_FREE),
              [SLOT_ENDING] = TO(SLOT_FREE) },
};

struct slot {
    struct call call;
    enum slot_state state;
    struct core_calls *calls;
    struct core_method *method;
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload; /* of the request: where the core puts it; see take_payload() */
    struct event requested, received, sent, answered, closed;
    int cancelled;
    unsigned pending;  /* batches of the core that have not completed */
    bool has_begun;    /* the answer: its initial metadata has been sent */
    bool has_answered; /* its trailing metadata has */
    bool watched;      /* for cancellation */
    uint64_t started_ms;
    TAILQ_ENTRY(slot) link; /* in calls->unwatched while running and not watched, in calls->free while FREE */
};

/* ---- slots ---- */

static void on_requested(struct event *event, bool ok);
static void on_received(struct event *event, bool ok);
static void on_sent(struct event *event, bool ok);
static void on_answered(struct event *event, bool ok);
static void on_closed(struct event *event, bool ok);
static void on_watch(uv_timer_t *watch);
static void post_more(struct core_calls *calls, struct core_method *method);
static const struct call_transport transport;

static struct slot *slot_get(struct core_calls *calls)
{
    struct slot *slot = TAILQ_FIRST(&calls->free);
    if (slot) {
        TAILQ_REMOVE(&calls->free, slot, link);
        return slot;
    }
    slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->calls = calls;
    slot->call.transport = &transport;
    slot->call.context = calls->context;
    slot->requested.handle = on_requested;
    slot->received.handle = on_received;
    slot->sent.handle = on_sent;
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

/* The call is over: to the free list, once nothing of the core refers to the slot. */
static void slot_try_free(struct slot *slot)
{
    if (slot->state != SLOT_ENDING || slot->pending > 0)
        return;
    slot->state = state_move(&states, slot->state, SLOT_FREE);
    grpc_call_unref(slot->grpc);
    slot->grpc = NULL;
    struct core_calls *calls = slot->calls;
    TAILQ_INSERT_HEAD(&calls->free, slot, link);
    if (slot->method->posted == 0 && !calls->draining) /* there was no memory for more */
        post_more(calls, slot->method);
    calls->owner.on_call_over(calls->owner.data);
}

/* The core reads the request before it hands over the call; those of a dialogue are asked for one by one. */
static bool has_payload(const struct rpc_method *method)
{
    return method->kind != METHOD_DIALOGUE;
}

/* Asks the core for one more call of a method. */
static bool post(struct core_calls *calls, struct core_method *method)
{
    struct slot *slot = slot_get(calls);
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
    slot->has_begun = slot->has_answered = slot->watched = false;
    slot->state = state_move(&states, slot->state, SLOT_POSTED);
    if (grpc_server_request_registered_call(calls->server, method->registered, &slot->grpc, &slot->deadline,
                                            &slot->metadata, has_payload(method->rpc) ? &slot->payload : NULL,
                                            calls->queue, calls->queue, &slot->requested) != GRPC_CALL_OK)
        abort(); /* only after a shutdown of the queue or with wrong arguments */
    method->posted++;
    return true;
}

static void post_up_to_target(struct core_calls *calls, struct core_method *method)
{
    while (method->held_n < HELD_MAX && method->posted < method->target && post(calls, method))
        ;
}

static void post_more(struct core_calls *calls, struct core_method *method)
{
    if (method->posted == 0 && method->target < POSTED_MAX)
        method->target *= 2;
    post_up_to_target(calls, method);
}

/* What the core is not asked for waits in it, and by the stream limit at its clients. */
static void held(struct call *call, bool is_held)
{
    struct slot *slot = container_of(call, struct slot, call);
    slot->method->held_n += is_held ? 1 : -1U;
    slot->calls->held_n += is_held ? 1 : -1U;
    slot->calls->owes_posts = true;
}

bool core_calls_on_turn(struct core_calls *calls)
{
    if (calls->owes_posts && !calls->draining)
        for (size_t i = 0; i < rpc_methods_n; i++)
            post_up_to_target(calls, &calls->methods[i]);
    calls->owes_posts = calls->held_n > 0;
    return calls->held_n > 0;
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

static void deliver(struct slot *slot, const uint8_t *bytes, size_t len)
{
    if (has_payload(slot->method->rpc))
        call_start(&slot->call, bytes, len);
    else
        stream_received(&slot->call, bytes, len);
}

static void slot_run(struct slot *slot, grpc_byte_buffer *payload)
{
    grpc_slice_buffer *slices = &payload->data.raw.slice_buffer;
    if (slices->count <= 1) {
        static const uint8_t empty;
        deliver(slot, slices->count ? GRPC_SLICE_START_PTR(slices->slices[0]) : &empty, slices->length);
        return;
    }
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, payload))
        abort(); /* only for compressed messages, and compression is off */
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    deliver(slot, GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole));
    if (request_has_secret(slot->method->rpc))
        wipe(whole);
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
}

/* These bytes are where the core has read them from the socket: no other message lies there. */
static void payload_destroy(const struct slot *slot, grpc_byte_buffer *payload)
{
    if (!payload)
        return;
    grpc_slice_buffer *slices = &payload->data.raw.slice_buffer;
    if (request_has_secret(slot->method->rpc))
        for (size_t i = 0; i < slices->count; i++)
            wipe(slices->slices[i]);
    grpc_byte_buffer_destroy(payload);
}

/* What the core has read: the slot is free for the next one, which may come while this one is handled. */
static grpc_byte_buffer *take_payload(struct slot *slot)
{
    grpc_byte_buffer *payload = slot->payload;
    slot->payload = NULL;
    return payload;
}

/* A call that is refused before it is one: nothing but its answer is due. Who may not call learns no more. */
static void refuse(struct slot *slot, enum status status, const char *message)
{
    const char *path = slot->method->rpc->path;
    struct call_refusal why = { status, message }, refusal;
    call_forgo(&slot->call); /* what the slot's last one was called by is not this one's name */
    if (!call_may(&slot->call, path, strlen(path), &refusal))
        why = refusal;
    call_refused(&slot->call, why.status);
    transport.end(&slot->call, why.status, why.message, 0);
    call_forgo(&slot->call);
    transport.over(&slot->call);
}

/* The core knows that a message was marked as compressed, but forgets it where it does not know the encoding,
 * or none was named, and hands over the bytes as if they were the message. Only this, which no header
 * declares, still tells. It is C++'s by its name alone. */
extern uint32_t flags_of_last_message(grpc_call *call) __asm__(
    "_Z37grpc_call_test_only_get_message_flagsP9grpc_call");

static bool is_compressed(const struct slot *slot, const grpc_byte_buffer *payload)
{
    return payload && flags_of_last_message(slot->grpc) & MARKED_COMPRESSED;
}

static void on_requested(struct event *event, bool ok)
{
    struct slot *slot = container_of(event, struct slot, requested);
    struct core_calls *calls = slot->calls;
    slot->method->posted--;
    if (!ok) { /* the server is shutting down */
        slot_free(slot);
        return;
    }
    slot->state = state_move(&states, slot->state, SLOT_RUNNING);
    calls->owner.on_call_begun(calls->owner.data);
    if (calls->held_n == 0)
        post_more(calls, slot->method);
    slot->call.deadline_ns = deadline_ns(slot->deadline);
    slot->started_ms = uv_now(calls->watch.loop);
    if (TAILQ_EMPTY(&calls->unwatched))
        uv_timer_start(&calls->watch, on_watch, WATCH_AFTER_MS, WATCH_AFTER_MS);
    TAILQ_INSERT_TAIL(&calls->unwatched, slot, link);
    grpc_byte_buffer *payload = take_payload(slot);
    slot->pending++; /* the slot is needed until this function is done */
    if (!has_payload(slot->method->rpc))
        stream_open(&slot->call);
    else if (is_compressed(slot, payload))
        refuse(slot, STATUS_UNIMPLEMENTED, "compressed messages are not accepted");
    else if (payload)
        slot_run(slot, payload);
    else /* the peer closed without a message, or it was refused for its size and the core has said so */
        refuse(slot, STATUS_INTERNAL, "the request has no message");
    payload_destroy(slot, payload);
    slot->pending--;
    slot_try_free(slot);
}

/* ---- the next request of a dialogue ---- */

static void receive(struct call *call)
{
    struct slot *slot = container_of(call, struct slot, call);
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &slot->payload };
    slot->pending++;
    core_start_batch(slot->grpc, &op, 1, &slot->received);
}

static void on_received(struct event *event, bool ok)
{
    (void)ok; /* no message then: the peer has gone, and the call is cancelled in a moment */
    struct slot *slot = container_of(event, struct slot, received);
    grpc_byte_buffer *payload = take_payload(slot);
    bool is_wanted = slot->state == SLOT_RUNNING && !slot->has_answered;
    if (is_wanted && is_compressed(slot, payload))
        call_end(&slot->call, STATUS_UNIMPLEMENTED, "compressed messages are not accepted");
    else if (is_wanted && payload)
        slot_run(slot, payload);
    else if (is_wanted)
        stream_received_end(&slot->call);
    payload_destroy(slot, payload);
    slot->pending--;
    slot_try_free(slot);
}

/* ---- its answer leaves ---- */

static void unlist(struct slot *slot)
{
    if (slot->watched)
        return;
    TAILQ_REMOVE(&slot->calls->unwatched, slot, link);
    if (TAILQ_EMPTY(&slot->calls->unwatched))
        uv_timer_stop(&slot->calls->watch);
}

/* The operation that begins the answer; metadata[0] is for it, and its value to be released after the batch
 * has been started. */
static grpc_op begin_answer(struct slot *slot, grpc_metadata *metadata)
{
    const char *id = call_answered_request_id(&slot->call);
    slot->has_begun = true;
    *metadata = (grpc_metadata){ .key = grpc_slice_from_static_string("x-request-id"),
                                 .value = id ? grpc_slice_from_copied_string(id) : grpc_empty_slice() };
    return (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA,
                      .data.send_initial_metadata = { .count = id != NULL, .metadata = metadata } };
}

/* Starts the batch that ends the answer. `ops` has room for two more. */
static void slot_answer(struct slot *slot, grpc_op *ops, size_t n)
{
    grpc_metadata request_id = { .value = grpc_empty_slice() };
    unlist(slot);
    if (!slot->has_begun)
        ops[n++] = begin_answer(slot, &request_id);
    if (!slot->watched)
        ops[n++] = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                              .data.recv_close_on_server.cancelled = &slot->cancelled };
    slot->pending++;
    slot->has_answered = true;
    core_start_batch(slot->grpc, ops, n, &slot->answered);
    grpc_slice_unref(request_id.value);
}

static grpc_byte_buffer *message_of(const uint8_t *bytes, size_t len)
{
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return message;
}

#define TRAILERS_MAX (CALL_TRAILERS_MAX + 1)

static size_t put_trailers(const struct call *call, grpc_metadata trailers[static TRAILERS_MAX])
{
    struct call_trailer texts[CALL_TRAILERS_MAX];
    size_t n = call_trailers(call, texts);
    for (size_t i = 0; i < n; i++)
        trailers[i] = (grpc_metadata){ .key = grpc_slice_from_static_string(texts[i].name),
                                       .value = grpc_slice_from_copied_string(texts[i].value) };
    return n;
}

static void free_trailers(const grpc_metadata *trailers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        grpc_slice_unref(trailers[i].value);
}

static void reply(struct call *call, const uint8_t *bytes, size_t len)
{
    grpc_byte_buffer *message = message_of(bytes, len);
    grpc_metadata trailers[TRAILERS_MAX];
    size_t trailers_n = put_trailers(call, trailers);
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = GRPC_STATUS_OK,
                                            .trailing_metadata = trailers,
                                            .trailing_metadata_count = trailers_n } },
    };
    slot_answer(container_of(call, struct slot, call), ops, 2);
    free_trailers(trailers, trailers_n);
    grpc_byte_buffer_destroy(message);
}

static void send_message(struct call *call, const uint8_t *bytes, size_t len)
{
    struct slot *slot = container_of(call, struct slot, call);
    grpc_byte_buffer *message = message_of(bytes, len);
    grpc_metadata request_id = { .value = grpc_empty_slice() };
    size_t n = 0;
    grpc_op ops[2];
    if (!slot->has_begun)
        ops[n++] = begin_answer(slot, &request_id);
    ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message };
    slot->pending++;
    core_start_batch(slot->grpc, ops, n, &slot->sent);
    grpc_slice_unref(request_id.value);
    grpc_byte_buffer_destroy(message);
}

static void on_sent(struct event *event, bool ok)
{
    struct slot *slot = container_of(event, struct slot, sent);
    slot->pending--;
    if (slot->state == SLOT_RUNNING && !slot->has_answered) {
        if (ok)
            stream_sent(&slot->call);
        else
            call_cancel(&slot->call);
    }
    slot_try_free(slot);
}

static void end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    char value[16];
    grpc_slice text = grpc_slice_from_copied_string(message);
    grpc_metadata trailers[TRAILERS_MAX];
    size_t trailers_n = put_trailers(call, trailers);
    if (retry_after_ms > 0) {
        snprintf(value, sizeof value, "%u", retry_after_ms);
        trailers[trailers_n++] =
            (grpc_metadata){ .key = grpc_slice_from_static_string("grpc-retry-pushback-ms"),
                             .value = grpc_slice_from_copied_string(value) };
    }
    grpc_op ops[3] = {
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = (grpc_status_code)status,
                                            .status_details = *message ? &text : NULL,
                                            .trailing_metadata = trailers,
                                            .trailing_metadata_count = trailers_n } },
    };
    slot_answer(container_of(call, struct slot, call), ops, 1);
    grpc_slice_unref(text);
    free_trailers(trailers, trailers_n);
}

static void over(struct call *call)
{
    struct slot *slot = container_of(call, struct slot, call);
    if (!slot->has_answered) /* the peer has gone */
        unlist(slot);
    slot->state = state_move(&states, slot->state, SLOT_ENDING);
    slot_try_free(slot);
}

/* ---- whom it came from ---- */

static bool peer(struct call *call, struct ip *ip)
{
    const struct slot *slot = container_of(call, struct slot, call);
    return core_peer(slot->grpc, slot->calls->peers, ip);
}

static const char *metadata(struct call *call, const char *key)
{
    return core_metadata(call, &container_of(call, struct slot, call)->metadata, key);
}

static const struct call_transport transport = { .reply = reply,
                                                 .end = end,
                                                 .send = send_message,
                                                 .receive = receive,
                                                 .held = held,
                                                 .over = over,
                                                 .peer = peer,
                                                 .metadata = metadata };

static void on_answered(struct event *event, bool ok)
{
    (void)ok; /* not delivered: the peer has gone */
    struct slot *slot = container_of(event, struct slot, answered);
    slot->pending--;
    slot_try_free(slot);
}

/* ---- cancellation ---- */

static void on_closed(struct event *event, bool ok)
{
    (void)ok;
    struct slot *slot = container_of(event, struct slot, closed);
    slot->pending--;
    if (slot->state == SLOT_RUNNING && slot->cancelled && !slot->has_answered)
        call_cancel(&slot->call);
    slot_try_free(slot);
}

static void on_watch(uv_timer_t *watch)
{
    struct core_calls *calls = watch->data;
    uint64_t now_ms = uv_now(watch->loop);
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&calls->unwatched)) && now_ms - slot->started_ms >= WATCH_AFTER_MS) {
        unlist(slot);
        slot->watched = true;
        slot->pending++;
        grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                       .data.recv_close_on_server.cancelled = &slot->cancelled };
        core_start_batch(slot->grpc, &op, 1, &slot->closed);
    }
}

/* ---- start and stop ---- */

int core_calls_register(struct core_calls *calls)
{
    calls->methods = calloc(rpc_methods_n, sizeof *calls->methods);
    if (!calls->methods)
        return UV_ENOMEM;
    TAILQ_INIT(&calls->free);
    TAILQ_INIT(&calls->unwatched);
    for (size_t i = 0; i < rpc_methods_n; i++) {
        calls->methods[i].rpc = &rpc_methods[i];
        calls->methods[i].registered = grpc_server_register_method(
            calls->server, rpc_methods[i].path, NULL,
            has_payload(&rpc_methods[i]) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
            0);
        if (!calls->methods[i].registered)
            return UV_EINVAL;
    }
    return 0;
}

int core_calls_start(struct core_calls *calls)
{
    int rc = uv_timer_init(calls->context->loop, &calls->watch);
    if (rc)
        return rc;
    calls->watch.data = calls;
    for (size_t i = 0; i < rpc_methods_n; i++) {
        calls->methods[i].target = POSTED_FIRST;
        post_more(calls, &calls->methods[i]);
        if (calls->methods[i].posted == 0) /* nothing would ever ask for one */
            return UV_ENOMEM;
    }
    return 0;
}

void core_calls_stop(struct core_calls *calls)
{
    uv_close((uv_handle_t *)&calls->watch, NULL);
}

void core_calls_finish(struct core_calls *calls)
{
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&calls->free))) {
        TAILQ_REMOVE(&calls->free, slot, link);
        slot_free(slot);
    }
    free(calls->methods);
}
