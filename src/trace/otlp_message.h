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

#endif
