/* SPDX-License-Identifier: MIT
 *
 * What a sampled call did, as spans: one of the call, and below it one for each time that it waited for a
 * connection to the database, for its answer, or for a hash. Its caller decides by `traceparent` whether it
 * is sampled, and whose child it is; of the others a share is, each in a trace of its own.
 *
 * A call that is not sampled costs next to nothing.
 */
#ifndef CALL_TRACE_H
#define CALL_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct call;

/* For context->on_begun, where there is context->otlp. */
void trace_begun(struct call *call);
/* It waits, since then, for a hash; since its query was submitted, for the database. */
void trace_waits_for_hash(struct call *call, uint64_t since_ns);
void trace_waits_for_query(struct call *call);
/* What it waited for is here. */
void trace_waited(struct call *call, bool is_failed);
/* For context->on_answered: the spans go. */
void trace_answered(struct call *call, unsigned status, uint64_t took_ns);

#endif
