/* SPDX-License-Identifier: MIT
 *
 * Spans on their way to a collector: gathered in a bounded buffer, sent as OTLP over HTTP, tried again while
 * the collector is away. Nobody ever waits for it; what finds no room is dropped and counted.
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

/* url "" gives NULL, which everything below lets pass. Without a path it gets OTLP's own, /v1/traces. `ca` as
 * in http_post.h. 0, or a UV_E* code after an error was logged, and nothing is left. */
int otlp_start(struct otlp **otlp, uv_loop_t *loop, const char *url, const char *ca);
/* Copies it. */
void otlp_put(struct otlp *otlp, const struct span *span);
/* Another has taken its place: sends what waits within ten seconds, counts the rest as dropped, and goes by
 * itself. */
void otlp_replace(struct otlp *otlp);
/* Sends what waits if that takes no longer than a moment, then closes its handles; whatever was replaced does
 * the same. */
void otlp_stop(struct otlp *otlp);
/* Once the loop has closed them. */
void otlp_destroy(struct otlp *otlp);

/* Whether there is an otlp or not. */
void otlp_tell_metrics(void);

#endif
