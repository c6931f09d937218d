/* SPDX-License-Identifier: MIT
 *
 * A stray is allocated and posted before the core hands over its call; once it has come another one is posted
 * in its place, so a peer that does not read its answer does not block others. How many there are at once is
 * bounded by the core (streams of a connection).
 */
#include "edge/core/strays.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/text.h"
#include "call/entry.h"
#include "call/origin.h"
#include "edge/core/whence.h"
#include "observe/log.h"

#define POSTED_MAX 4 /* posted at a time */

struct stray {
    struct core_strays *strays;
    struct call call; /* never started; only used to find out who the caller is */
    grpc_call *grpc;
    grpc_call_details details;
    grpc_metadata_array metadata;
    struct event requested, answered;
    int cancelled;
};

static void on_requested(struct event *event, bool ok);
static void on_answered(struct event *event, bool ok);

static void post(struct core_strays *strays)
{
    struct stray *stray = calloc(1, sizeof *stray);
    if (!stray) {
        log_error("out of memory: calls of unknown methods wait");
        return;
    }
    stray->strays = strays;
    stray->requested.handle = on_requested;
    stray->answered.handle = on_answered;
    grpc_call_details_init(&stray->details);
    grpc_metadata_array_init(&stray->metadata);
    if (grpc_server_request_call(strays->server, &stray->grpc, &stray->details, &stray->metadata,
                                 strays->queue, strays->queue, &stray->requested) != GRPC_CALL_OK)
        abort(); /* only after a shutdown of the queue or with wrong arguments */
    strays->posted++;
}

static void post_more(struct core_strays *strays)
{
    while (!strays->draining && strays->posted < POSTED_MAX) {
        unsigned posted = strays->posted;
        post(strays);
        if (strays->posted == posted)
            return;
    }
}

static void stray_destroy(struct stray *stray)
{
    call_finish(&stray->call);
    grpc_call_details_destroy(&stray->details);
    grpc_metadata_array_destroy(&stray->metadata);
    if (stray->grpc)
        grpc_call_unref(stray->grpc);
    free(stray);
}

static bool peer(struct call *call, struct ip *ip)
{
    const struct stray *stray = container_of(call, struct stray, call);
    return core_peer(stray->grpc, stray->strays->peers, ip);
}

static const char *metadata(struct call *call, const char *key)
{
    return core_metadata(call, &container_of(call, struct stray, call)->metadata, key);
}

static const struct call_transport transport = { .peer = peer, .metadata = metadata };

/* The status and message of the answer. */
static enum status judge(struct stray *stray, grpc_slice *message)
{
    struct call_refusal refusal;
    char text[256]; /* a path of more than fits may be cut within a character */
    const char *path = (const char *)GRPC_SLICE_START_PTR(stray->details.method);
    size_t path_len = GRPC_SLICE_LENGTH(stray->details.method);
    stray->call.transport = &transport;
    stray->call.context = stray->strays->context;
    if (!call_may(&stray->call, path, path_len, &refusal)) {
        *message = grpc_slice_from_copied_string(refusal.message);
        return refusal.status;
    }
    int len = snprintf(text, sizeof text, "no such method: %.*s", (int)path_len, path);
    text[text_len_within(text, (size_t)len < 200 ? (size_t)len : 200)] = '\0';
    *message = grpc_slice_from_copied_string(text);
    return STATUS_UNIMPLEMENTED;
}

static void on_requested(struct event *event, bool ok)
{
    struct stray *stray = container_of(event, struct stray, requested);
    struct core_strays *strays = stray->strays;
    strays->posted--;
    if (!ok) { /* the server is shutting down */
        stray_destroy(stray);
        return;
    }
    grpc_slice message;
    enum status status = judge(stray, &message);
    const char *id = call_answered_request_id(&stray->call);
    grpc_metadata request_id = { .key = grpc_slice_from_static_string("x-request-id"),
                                 .value = id ? grpc_slice_from_copied_string(id) : grpc_empty_slice() };
    const grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA,
          .data.send_initial_metadata = { .count = id != NULL, .metadata = &request_id } },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
          .data.send_status_from_server = { .status = (grpc_status_code)status,
                                            .status_details = &message } },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &stray->cancelled },
    };
    call_refused(&stray->call, status);
    strays->owner.on_call_begun(strays->owner.data);
    core_start_batch(stray->grpc, ops, sizeof ops / sizeof *ops, &stray->answered);
    grpc_slice_unref(message);
    grpc_slice_unref(request_id.value);
    post_more(strays);
}

static void on_answered(struct event *event, bool ok)
{
    (void)ok;
    struct stray *stray = container_of(event, struct stray, answered);
    struct core_strays *strays = stray->strays;
    stray_destroy(stray);
    post_more(strays);
    strays->owner.on_call_over(strays->owner.data);
}

int core_strays_start(struct core_strays *strays)
{
    post_more(strays);
    return strays->posted > 0 ? 0 : UV_ENOMEM;
}
