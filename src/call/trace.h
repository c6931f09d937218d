/* SPDX-License-Identifier: MIT
 *
 * Tracing of sampled calls (OpenTelemetry): one span for the call, and child spans for each wait for a
 * database connection, for the database's answer, or for a hash. `traceparent` decides whether a call is
 * sampled and which span is its parent; of the calls without one the share log.otlp_sample is sampled, each
 * in a new trace. Loop thread only.
 *
 * A call that is not sampled costs next to nothing.
 */
#ifndef CALL_TRACE_H
#define CALL_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct call;

/* To be called by context->on_begun, if there is context->otlp. */
void trace_begun(struct call *call);
/* The call waits for a hash since `since_ns` (uv_hrtime()); for the database since its query was submitted.
 */
void trace_waits_for_hash(struct call *call, uint64_t since_ns);
void trace_waits_for_query(struct call *call);
/* The wait is over. */
void trace_waited(struct call *call, bool is_failed);
/* To be called by context->on_answered: queues the call's spans for the collector. */
void trace_answered(struct call *call, unsigned status, uint64_t took_ns);

#endif
