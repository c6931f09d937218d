/* SPDX-License-Identifier: MIT
 *
 * A stray is asked for before it comes, and gives way to another when it has: a peer that does not take its
 * answer keeps nobody from theirs. The core bounds how many there are at once (streams a connection).
 */
#include "edge/core/strays.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/text.h"
#include "call/call.h"
#include "observe/log.h"

#define POSTED_MAX 4

struct stray {
    struct core_strays *strays;
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
    grpc_call_details_destroy(&stray->details);
    grpc_metadata_array_destroy(&stray->metadata);
    if (stray->grpc)
        grpc_call_unref(stray->grpc);
    free(stray);
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
    account_refused(NULL, STATUS_UNIMPLEMENTED);
    strays->owner.on_call_begun(strays->owner.data);
    core_start_batch(stray->grpc, ops, sizeof ops / sizeof *ops, &stray->answered);
    grpc_slice_unref(message);
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

void core_strays_start(struct core_strays *strays)
{
    post_more(strays);
}
