/* SPDX-License-Identifier: MIT
 *
 * Which slots there are, and what they wait for. A unary call costs two events of the core: the request with
 * its payload, and the completion of the one batch that answers it. To be told of a cancellation costs a
 * third, so only calls that take longer than WATCH_AFTER_MS are watched. Slots are recycled, so that a call
 * allocates nothing of ours.
 */
#include "edge/core/calls.h"

#include <stdlib.h>

#include "base/container_of.h"
#include "base/state.h"
#include "edge/core/slot.h"
#include "edge/core/whence.h"
#include "observe/log.h"

/* Slots that are posted for a method: calls that the core can hand over before it must be asked again. The
 * number doubles whenever all were used. Idle methods keep few, because the core (Debian's build, with its
 * assertions) walks the list of all that are posted at every event. */
#define POSTED_FIRST   2
#define POSTED_MAX     64
#define WATCH_AFTER_MS 10
#define COARSE_NS      UINT64_C(2000000) /* how much earlier the core may see a deadline than we do */
#define HELD_MAX       64 /* calls of a method that are held back; at so many no more are asked for */

static const struct state_machine states = {
    .of = "slot",
    .names = { "FREE", "POSTED", "RUNNING", "ENDING" },
    .next = { [SLOT_FREE] = TO(SLOT_POSTED),
              [SLOT_POSTED] = TO(SLOT_RUNNING),
              [SLOT_RUNNING] = TO(SLOT_ENDING) | TO(SLOT_FREE),
              [SLOT_ENDING] = TO(SLOT_FREE) },
};

void slot_move(struct slot *slot, enum slot_state to)
{
    slot->state = state_move(&states, slot->state, to);
}

/* ---- slots ---- */

static void on_closed(struct event *event, bool ok);
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
    slot->requested.handle = slot_on_requested;
    slot->received.handle = slot_on_received;
    slot->sent.handle = slot_on_sent;
    slot->answered.handle = slot_on_answered;
    slot->closed.handle = on_closed;
    grpc_metadata_array_init(&slot->metadata);
    return slot;
}

void slot_free(struct slot *slot)
{
    grpc_metadata_array_destroy(&slot->metadata);
    call_finish(&slot->call);
    free(slot);
}

void slot_try_free(struct slot *slot)
{
    if (slot->state != SLOT_ENDING || slot->pending > 0)
        return;
    slot_move(slot, SLOT_FREE);
    grpc_call_unref(slot->grpc);
    slot->grpc = NULL;
    struct core_calls *calls = slot->calls;
    TAILQ_INSERT_HEAD(&calls->free, slot, link);
    if (slot->method->posted == 0 && !calls->draining) /* none could be posted for want of memory */
        core_calls_post_more(calls, slot->method);
    calls->owner.on_call_over(calls->owner.data);
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
    slot_move(slot, SLOT_POSTED);
    if (grpc_server_request_registered_call(calls->server, method->registered, &slot->grpc, &slot->deadline,
                                            &slot->metadata,
                                            slot_has_payload(method->rpc) ? &slot->payload : NULL,
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

void core_calls_post_more(struct core_calls *calls, struct core_method *method)
{
    if (method->posted == 0 && method->target < POSTED_MAX)
        method->target *= 2;
    post_up_to_target(calls, method);
}

/* Backpressure: calls that the core is not asked for wait in the core, and once it has as many streams as a
 * connection may have, at the clients. */
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

/* ---- the caller ---- */

static bool peer(struct call *call, struct ip *ip)
{
    const struct slot *slot = container_of(call, struct slot, call);
    return core_peer(slot->grpc, slot->calls->peers, ip);
}

static const char *metadata(struct call *call, const char *key)
{
    return core_metadata(call, &container_of(call, struct slot, call)->metadata, key);
}

static const struct call_transport transport = { .reply = slot_reply,
                                                 .end = slot_end,
                                                 .send = slot_send,
                                                 .receive = slot_receive,
                                                 .held = held,
                                                 .over = slot_over,
                                                 .peer = peer,
                                                 .metadata = metadata };

/* ---- cancellation ---- */

static void on_watch(uv_timer_t *watch);

void slot_list(struct slot *slot)
{
    struct core_calls *calls = slot->calls;
    slot->started_ms = uv_now(calls->watch.loop);
    if (TAILQ_EMPTY(&calls->unwatched))
        uv_timer_start(&calls->watch, on_watch, WATCH_AFTER_MS, WATCH_AFTER_MS);
    TAILQ_INSERT_TAIL(&calls->unwatched, slot, link);
}

void slot_unlist(struct slot *slot)
{
    if (slot->watched)
        return;
    TAILQ_REMOVE(&slot->calls->unwatched, slot, link);
    if (TAILQ_EMPTY(&slot->calls->unwatched))
        uv_timer_stop(&slot->calls->watch);
}

/* The core's clock is coarser than ours, so it may cancel a call for its deadline just before the call's own
 * timer is due: that is DEADLINE_EXCEEDED, too, and not CANCELLED. */
static void on_cancelled(struct slot *slot)
{
    if (slot->call.deadline_ns <= uv_hrtime() + COARSE_NS)
        call_expire(&slot->call);
    else
        call_cancel(&slot->call);
}

static void on_closed(struct event *event, bool ok)
{
    (void)ok;
    struct slot *slot = container_of(event, struct slot, closed);
    slot->pending--;
    if (slot->state == SLOT_RUNNING && slot->cancelled && !slot->has_answered)
        on_cancelled(slot);
    slot_try_free(slot);
}

static void on_watch(uv_timer_t *watch)
{
    struct core_calls *calls = watch->data;
    uint64_t now_ms = uv_now(watch->loop);
    struct slot *slot;
    while ((slot = TAILQ_FIRST(&calls->unwatched)) && now_ms - slot->started_ms >= WATCH_AFTER_MS) {
        slot_unlist(slot);
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
            slot_has_payload(&rpc_methods[i]) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                                              : GRPC_SRM_PAYLOAD_NONE,
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
        core_calls_post_more(calls, &calls->methods[i]);
        if (calls->methods[i].posted == 0) /* without one, nothing would ever post another */
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
