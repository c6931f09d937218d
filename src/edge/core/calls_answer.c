/* SPDX-License-Identifier: MIT
 *
 * Answers of calls on the gRPC core: one batch of operations for a unary call's, one for each message and one
 * for the status of a stream's. Called by src/call as its transport.
 */
#include <grpc/byte_buffer.h>
#include <stdio.h>

#include "base/container_of.h"
#include "call/origin.h"
#include "call/stream.h"
#include "edge/core/calls.h"
#include "edge/core/slot.h"

/* The operation that begins the answer. It uses *metadata, whose value is to be released after the batch has
 * been started. */
static grpc_op begin_answer(struct slot *slot, grpc_metadata *metadata)
{
    const char *id = call_answered_request_id(&slot->call);
    slot->has_begun = true;
    *metadata = (grpc_metadata){ .key = grpc_slice_from_static_string("x-request-id"),
                                 .value = id ? grpc_slice_from_copied_string(id) : grpc_empty_slice() };
    return (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA,
                      .data.send_initial_metadata = { .count = id != NULL, .metadata = metadata } };
}

/* Starts the batch that ends the answer. `ops` has room for two more operations. */
static void slot_answer(struct slot *slot, grpc_op *ops, size_t n)
{
    grpc_metadata request_id = { .value = grpc_empty_slice() };
    slot_unlist(slot);
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

void slot_reply(struct call *call, const uint8_t *bytes, size_t len)
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

void slot_send(struct call *call, const uint8_t *bytes, size_t len)
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

void slot_on_sent(struct event *event, bool ok)
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

void slot_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
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

void slot_over(struct call *call)
{
    struct slot *slot = container_of(call, struct slot, call);
    if (!slot->has_answered) /* the peer has gone */
        slot_unlist(slot);
    slot_move(slot, SLOT_ENDING);
    slot_try_free(slot);
}

void slot_on_answered(struct event *event, bool ok)
{
    (void)ok; /* false: not delivered, the peer has gone */
    struct slot *slot = container_of(event, struct slot, answered);
    slot->pending--;
    slot_try_free(slot);
}
