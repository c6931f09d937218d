/* SPDX-License-Identifier: MIT
 *
 * A slot is a struct call together with its call of the gRPC core. This is what calls.c (creates, recycles
 * and watches slots), calls_request.c (requests) and calls_answer.c (answers) share. Loop thread only.
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
    void *registered; /* the core's handle of the method */
    unsigned posted;  /* slots with which the core may hand over calls */
    unsigned target;  /* how many shall be posted */
    unsigned held_n;  /* calls that are held back: they wait to be begun */
};

/* A slot's states.
 *
 *   FREE ─▶ POSTED ─▶ RUNNING ─▶ FREE
 *             │          └─▶ ENDING ─▶ FREE
 *             └─▶ (freed: the core has shut down)
 */
enum slot_state {
    SLOT_FREE,    /* in calls->free */
    SLOT_POSTED,  /* requested from the core, which may hand over a call */
    SLOT_RUNNING, /* has a call, which is not over */
    SLOT_ENDING,  /* the call is over; batches of the core have yet to complete */
};

struct slot {
    struct call call;
    enum slot_state state;
    struct core_calls *calls;
    struct core_method *method;
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload; /* where the core puts the request; see take_payload() */
    struct event requested, received, sent, answered, closed;
    int cancelled;
    unsigned pending;  /* batches of the core that have not completed */
    bool has_begun;    /* the answer's initial metadata has been sent */
    bool has_answered; /* the answer's status has been sent */
    bool watched;      /* the core tells us if the call is cancelled */
    uint64_t started_ms;
    TAILQ_ENTRY(slot) link; /* in calls->unwatched while running and not watched, in calls->free while FREE */
};

/* ---- calls.c ---- */

void slot_move(struct slot *slot, enum slot_state to);
/* Puts a slot whose call is over on the free list, once the core has no batch of it any more. */
void slot_try_free(struct slot *slot);
void slot_free(struct slot *slot);
void core_calls_post_more(struct core_calls *calls, struct core_method *method);
/* Put a running call on calls->unwatched, from where it is watched for cancellation if it takes long; and
 * take it off. */
void slot_list(struct slot *slot);
void slot_unlist(struct slot *slot);

/* Whether the core hands over the call together with its request; a dialogue's requests are asked for one by
 * one. */
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
