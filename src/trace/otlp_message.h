/* SPDX-License-Identifier: MIT
 *
 * OTLP's protobuf encoding of spans. Each span is encoded when it ends, as the field of ScopeSpans that it
 * will be; the request is later written around the encoded spans. Any one thread.
 */
#ifndef TRACE_OTLP_MESSAGE_H
#define TRACE_OTLP_MESSAGE_H

#include "base/bytes.h"
#include "trace/span.h"

/* Appends an encoded span. Returns 0; UV_ENOMEM; or UV_E2BIG: the span is too long. On error nothing is
 * appended. */
int otlp_put_span(struct bytes *spans, const struct span *span);

/* The process that the spans come from: OTLP's Resource. */
struct otlp_resource {
    char host[256], instance[37]; /* a UUID */
    int64_t pid;
};
int otlp_resource_init(struct otlp_resource *resource);

/* Writes the whole ExportTraceServiceRequest into `request`, replacing its content. Returns 0 or a UV_E*
 * code.
 */
int otlp_put_request(struct bytes *request, const struct otlp_resource *resource, const struct bytes *spans);

/* The collector's answer to an accepted request: how many spans it rejected, and a warning or reason. */
struct otlp_answer {
    int64_t rejected_n;
    char why[200]; /* "": nothing */
};
/* Returns 0; or UV_EPROTO: malformed, and *answer is as if it were empty. */
int otlp_read_answer(struct otlp_answer *answer, const uint8_t *bytes, size_t len);

#endif
