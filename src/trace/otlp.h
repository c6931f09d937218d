/* SPDX-License-Identifier: MIT
 *
 * Exports spans to a collector: gathers them in a bounded buffer, sends them as OTLP over HTTP, and retries
 * while the collector is away. Callers never wait; spans that find the buffer full are dropped and counted.
 *
 *   IDLE ── a second after a span, or many of them ──▶ SENDING ── taken, or refused for good ──▶ IDLE
 *                                                        │  ▲
 *                                      away, or overloaded  └── a pause ── RETRYING
 *
 * Loop thread only.
 */
#ifndef TRACE_OTLP_H
#define TRACE_OTLP_H

#include <uv.h>

#include "trace/span.h"

#define OTLP_BUFFER_MAX 1048576 /* bytes of encoded spans that wait, beside those being sent */

struct otlp;

/* With url "" *otlp is NULL, which all functions below accept. A URL without a path gets OTLP's default,
 * /v1/traces. `ca` as in http_post.h. Returns 0; or a UV_E* code after an error was logged, with nothing to
 * destroy. */
int otlp_start(struct otlp **otlp, uv_loop_t *loop, const char *url, const char *ca);
/* Queues a copy of the span. */
void otlp_put(struct otlp *otlp, const struct span *span);
/* Another exporter replaces this one: sends the waiting spans within ten seconds, counts the rest as dropped,
 * and destroys itself. */
void otlp_replace(struct otlp *otlp);
/* Sends the waiting spans within half a second, then closes the handles; replaced exporters that still run do
 * the same. */
void otlp_stop(struct otlp *otlp);
/* After otlp_stop, once the loop has closed the handles. */
void otlp_destroy(struct otlp *otlp);

/* Registers the metrics; to be called even without an exporter. */
void otlp_tell_metrics(void);

#endif
