/* SPDX-License-Identifier: MIT
 *
 * A call's place on the wire of the core, for the files that calls.c is made of: calls.c (which there are,
 * and what they wait for), calls_request.c (what comes), calls_answer.c (what leaves). Loop thread only.
 */
#ifndef EDGE_CORE_SLOT_H
#define EDGE_CORE_SLOT_H

#include <sys/queue.h>

#include "call/call.h"
#include "call/method.h"
#include "edge/core/core.h"

struct core_calls;

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

/* ---- calls.c ---- */

void slot_move(struct slot *slot, enum slot_state to);
/* The call is over: to the free list, once nothing of the core refers to the slot. */
void slot_try_free(struct slot *slot);
void slot_free(struct slot *slot);
void core_calls_post_more(struct core_calls *calls, struct core_method *method);
/* It runs, and has waited for too short to be watched for cancellation; and that has an end. */
void slot_list(struct slot *slot);
void slot_unlist(struct slot *slot);

/* The core reads the request before it hands over the call; those of a dialogue are asked for one by one. */
static inline bool slot_has_payload(const struct rpc_method *method)
{
    return method->kind != METHOD_DIALOGUE;
}

/* ---- calls_request.c ---- */

void slot_on_requested(struct event *event, bool ok);
void slot_on_received(struct event *event, bool ok);
void slot_receive(struct call *call);

/* ---- calls_answer.c ---- */

void slot_reply(struct call *call, const uint8_t *bytes, size_t len);
void slot_send(struct call *call, const uint8_t *bytes, size_t len);
void slot_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms);
void slot_over(struct call *call);
void slot_on_sent(struct event *event, bool ok);
void slot_on_answered(struct event *event, bool ok);

#endif
