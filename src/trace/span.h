/* SPDX-License-Identifier: MIT
 *
 * A span in OpenTelemetry's sense: an operation that took time on behalf of a call.
 */
#ifndef TRACE_SPAN_H
#define TRACE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_ID_LEN 16
#define SPAN_ID_LEN  8

/* The numbers of OTLP's SpanKind. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span_attribute {
    const char *key;
    const char *text; /* NULL: the value is `number` */
    int64_t number;
};

struct span {
    uint8_t trace_id[TRACE_ID_LEN], id[SPAN_ID_LEN], parent_id[SPAN_ID_LEN];
    bool has_parent, is_error;
    const char *name;
    enum span_kind kind;
    uint64_t start_ns, end_ns; /* since 1970 */
    const struct span_attribute *attributes;
    size_t attributes_n; /* at most SPAN_ATTRIBUTES_MAX */
};

#define SPAN_ATTRIBUTES_MAX 16

#endif
