/* SPDX-License-Identifier: MIT
 *
 * Requests of calls on the gRPC core: a unary call's comes with the call, a dialogue's are asked for one by
 * one. Hands them to src/call: call_start(), stream_received().
 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "call/entry.h"
#include "call/request.h"
#include "call/stream.h"
#include "edge/core/calls.h"
#include "edge/core/core_flags.h"
#include "edge/core/slot.h"

static uint64_t deadline_ns(gpr_timespec deadline)
{
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return UINT64_MAX;
    gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    if (left.tv_sec >= INT64_MAX / 2000000000) /* over a century: added to the time it might overflow */
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
    if (slot_has_payload(slot->method->rpc))
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

/* Wipes secrets where the core has put them when it read the socket. No other message shares those bytes. */
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

/* Takes the request out of the slot, because the dialogue's next one may come while this one is handled. */
static grpc_byte_buffer *take_payload(struct slot *slot)
{
    grpc_byte_buffer *payload = slot->payload;
    slot->payload = NULL;
    return payload;
}

/* Refuses a call that was not started: only its answer is due. A caller who may not call at all is told that,
 * and not what is wrong with the message. */
static void refuse(struct slot *slot, enum status status, const char *message)
{
    const char *path = slot->method->rpc->path;
    struct call_refusal why = { status, message }, refusal;
    call_forgo(&slot->call); /* forgets who made the slot's last call */
    if (!call_may(&slot->call, path, strlen(path), &refusal))
        why = refusal;
    call_refused(&slot->call, why.status);
    slot_end(&slot->call, why.status, why.message, 0);
    call_forgo(&slot->call);
    slot_over(&slot->call);
}

/* Why a message cannot be accepted, by its flag; NULL: it can. */
static const struct call_refusal *what_is_wrong(const struct slot *slot, const grpc_byte_buffer *payload)
{
    static const struct call_refusal compressed = { STATUS_UNIMPLEMENTED,
                                                    "compressed messages are not accepted" },
                                     unknown = { STATUS_INTERNAL,
                                                 "the flag before a message is neither 0 nor 1" };
    uint32_t flags = payload ? core_message_flags(slot->grpc) : 0;
    return flags & MARKED_UNKNOWN ? &unknown : flags & MARKED_COMPRESSED ? &compressed : NULL;
}

void slot_on_requested(struct event *event, bool ok)
{
    struct slot *slot = container_of(event, struct slot, requested);
    struct core_calls *calls = slot->calls;
    slot->method->posted--;
    if (!ok) { /* the server is shutting down */
        slot_free(slot);
        return;
    }
    slot_move(slot, SLOT_RUNNING);
    calls->owner.on_call_begun(calls->owner.data);
    if (calls->held_n == 0)
        core_calls_post_more(calls, slot->method);
    slot->call.deadline_ns = deadline_ns(slot->deadline);
    slot_list(slot);
    grpc_byte_buffer *payload = take_payload(slot);
    const struct call_refusal *wrong = what_is_wrong(slot, payload);
    slot->pending++; /* keeps the slot until the end of this function */
    if (!slot_has_payload(slot->method->rpc))
        stream_open(&slot->call);
    else if (wrong)
        refuse(slot, wrong->status, wrong->message);
    else if (payload)
        slot_run(slot, payload);
    else /* the peer closed without a message, or it was too long and the core has answered that already */
        refuse(slot, STATUS_INTERNAL, "the request has no message");
    payload_destroy(slot, payload);
    slot->pending--;
    slot_try_free(slot);
}

/* ---- the next request of a dialogue ---- */

void slot_receive(struct call *call)
{
    struct slot *slot = container_of(call, struct slot, call);
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &slot->payload };
    slot->pending++;
    core_start_batch(slot->grpc, &op, 1, &slot->received);
}

void slot_on_received(struct event *event, bool ok)
{
    (void)ok; /* false: no message, the peer has gone, and a cancellation follows */
    struct slot *slot = container_of(event, struct slot, received);
    grpc_byte_buffer *payload = take_payload(slot);
    const struct call_refusal *wrong = what_is_wrong(slot, payload);
    bool is_wanted = slot->state == SLOT_RUNNING && !slot->has_answered;
    if (is_wanted && wrong)
        call_end(&slot->call, wrong->status, wrong->message);
    else if (is_wanted && payload)
        slot_run(slot, payload);
    else if (is_wanted)
        stream_received_end(&slot->call);
    payload_destroy(slot, payload);
    slot->pending--;
    slot_try_free(slot);
}
