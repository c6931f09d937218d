/* SPDX-License-Identifier: MIT
 *
 * Calls of methods that nobody registered: answered UNIMPLEMENTED, a few at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "edge/core/core.h"

#define STRAYS 4

struct stray {
    struct wire *wire;
    grpc_call *grpc;
    grpc_call_details details;
    grpc_metadata_array metadata;
    struct event requested, answered;
    int cancelled;
};

static void post(struct stray *stray)
{
    grpc_call_details_init(&stray->details);
    grpc_metadata_array_init(&stray->metadata);
    stray->grpc = NULL;
    if (grpc_server_request_call(stray->wire->server, &stray->grpc, &stray->details, &stray->metadata,
                                 stray->wire->queue, stray->wire->queue, &stray->requested) != GRPC_CALL_OK)
        abort(); /* only after a shutdown of the queue or with wrong arguments */
}

static void finish(struct stray *stray)
{
    grpc_call_details_destroy(&stray->details);
    grpc_metadata_array_destroy(&stray->metadata);
    if (stray->grpc)
        grpc_call_unref(stray->grpc);
}

static void on_requested(struct event *event, bool ok)
{
    struct stray *stray = container_of(event, struct stray, requested);
    if (!ok) { /* the server is shutting down */
        finish(stray);
        return;
    }
    char text[256]; /* a path of more than fits may be cut within a character */
    grpc_slice path = stray->details.method;
    int len = snprintf(text, sizeof text, "no such method: %.*s", (int)GRPC_SLICE_LENGTH(path),
                       (const char *)GRPC_SLICE_START_PTR(path));
    text[text_len_within(text, (size_t)len < 200 ? (size_t)len : 200)] = '\0';
    grpc_slice message = grpc_slice_from_copied_string(text);
    const grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = GRPC_STATUS_UNIMPLEMENTED,
                                            .status_details = &message } },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &stray->cancelled },
    };
    stray->wire->running++;
    wire_start_batch(stray->grpc, ops, sizeof ops / sizeof *ops, &stray->answered);
    grpc_slice_unref(message);
}

static void on_answered(struct event *event, bool ok)
{
    (void)ok;
    struct stray *stray = container_of(event, struct stray, answered);
    struct wire *wire = stray->wire;
    finish(stray);
    if (!wire->draining)
        post(stray);
    wire->running--;
    wire_try_end(wire);
}

int wire_strays_post(struct wire *wire)
{
    wire->strays = calloc(STRAYS, sizeof *wire->strays);
    if (!wire->strays)
        return UV_ENOMEM;
    for (size_t i = 0; i < STRAYS; i++) {
        wire->strays[i] =
            (struct stray){ .wire = wire, .requested.handle = on_requested, .answered.handle = on_answered };
        post(&wire->strays[i]);
    }
    return 0;
}

void wire_strays_finish(struct wire *wire)
{
    free(wire->strays);
}
