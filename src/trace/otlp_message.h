/* SPDX-License-Identifier: MIT
 *
 * Spans as OTLP writes them. Each is encoded when it ends, as the field of ScopeSpans that it will be; the
 * request is put around those that have gathered.
 */
#ifndef TRACE_OTLP_MESSAGE_H
#define TRACE_OTLP_MESSAGE_H

#include "base/bytes.h"
#include "trace/span.h"

/* Appends it to those before. 0, UV_ENOMEM, or UV_E2BIG: it is longer than a span may be; then nothing is
 * appended. */
int otlp_put_span(struct bytes *spans, const struct span *span);

/* Whose spans they are. */
struct otlp_resource {
    char host[256], instance[37]; /* a UUID */
    int64_t pid;
};
int otlp_resource_init(struct otlp_resource *resource);

/* The whole ExportTraceServiceRequest in `request`, in place of what was there. 0 or a UV_E* code. */
int otlp_put_request(struct bytes *request, const struct otlp_resource *resource, const struct bytes *spans);

/* What a collector says that took the request: that it did not take all, or would have it otherwise. */
struct otlp_answer {
    int64_t rejected_n;
    char why[200]; /* "": nothing */
};
/* 0; or UV_EPROTO: that is no answer of a collector, and says nothing. */
int otlp_read_answer(struct otlp_answer *answer, const uint8_t *bytes, size_t len);

#endif
