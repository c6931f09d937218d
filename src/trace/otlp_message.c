/* SPDX-License-Identifier: MIT */
#include "trace/otlp_message.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

#define SPAN_LEN_MAX 2048

typedef opentelemetry_proto_common_v1_KeyValue key_value;
typedef opentelemetry_proto_trace_v1_Span otlp_span;

static key_value attribute(const struct span_attribute *from)
{
    key_value to = { .key = (char *)from->key, .has_value = true };
    if (from->text) {
        to.value.which_value = opentelemetry_proto_common_v1_AnyValue_string_value_tag;
        to.value.value.string_value = (char *)from->text;
    } else {
        to.value.which_value = opentelemetry_proto_common_v1_AnyValue_int_value_tag;
        to.value.value.int_value = from->number;
    }
    return to;
}

/* ---- a span ---- */

static void set_span(otlp_span *to, const struct span *from, key_value *attributes)
{
    *to = (otlp_span){ .name = (char *)from->name,
                       .kind = (opentelemetry_proto_trace_v1_Span_SpanKind)from->kind,
                       .start_time_unix_nano = from->start_ns,
                       .end_time_unix_nano = from->end_ns,
                       .attributes = attributes,
                       .has_status = from->is_error };
    memcpy(to->trace_id, from->trace_id, TRACE_ID_LEN);
    memcpy(to->span_id, from->id, SPAN_ID_LEN);
    if (from->has_parent) {
        to->parent_span_id.size = SPAN_ID_LEN;
        memcpy(to->parent_span_id.bytes, from->parent_id, SPAN_ID_LEN);
    }
    if (from->is_error)
        to->status.code = opentelemetry_proto_trace_v1_Status_StatusCode_STATUS_CODE_ERROR;
    for (size_t i = 0; i < from->attributes_n && i < SPAN_ATTRIBUTES_MAX; i++)
        attributes[to->attributes_count++] = attribute(&from->attributes[i]);
}

int otlp_put_span(struct bytes *spans, const struct span *span)
{
    uint8_t text[SPAN_LEN_MAX];
    key_value attributes[SPAN_ATTRIBUTES_MAX];
    otlp_span message;
    set_span(&message, span, attributes);
    pb_ostream_t stream = pb_ostream_from_buffer(text, sizeof text);
    if (!pb_encode(&stream, opentelemetry_proto_trace_v1_Span_fields, &message))
        return UV_E2BIG;
    size_t len = stream.bytes_written;
    uint8_t before[16];
    stream = pb_ostream_from_buffer(before, sizeof before);
    pb_encode_tag(&stream, PB_WT_STRING, opentelemetry_proto_trace_v1_ScopeSpans_spans_tag);
    pb_encode_varint(&stream, len);
    int rc = bytes_reserve(spans, stream.bytes_written + len);
    if (rc)
        return rc;
    bytes_put(spans, before, stream.bytes_written);
    bytes_put(spans, text, len);
    return 0;
}

/* ---- a request ---- */

int otlp_resource_init(struct otlp_resource *resource)
{
    uint8_t random[16];
    int rc = uv_random(NULL, NULL, random, sizeof random, 0, NULL);
    if (rc)
        return rc;
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40); /* RFC 9562: version 4 */
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    char *to = resource->instance;
    for (size_t i = 0; i < sizeof random; i++)
        to += sprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", random[i]);
    if (gethostname(resource->host, sizeof resource->host - 1))
        *resource->host = '\0';
    resource->pid = getpid();
    return 0;
}

static bool write_spans(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const struct bytes *spans = *arg;
    (void)field;
    return pb_write(stream, spans->data, spans->len);
}

int otlp_put_request(struct bytes *request, const struct otlp_resource *resource, const struct bytes *spans)
{
    const struct span_attribute of[] = { { .key = "service.name", .text = "svcd" },
                                         { .key = "service.version", .text = SVCD_VERSION },
                                         { .key = "service.instance.id", .text = resource->instance },
                                         { .key = "host.name", .text = resource->host },
                                         { .key = "process.pid", .number = resource->pid } };
    key_value attributes[sizeof of / sizeof *of];
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        attributes[i] = attribute(&of[i]);
    opentelemetry_proto_trace_v1_ScopeSpans scope = {
        .has_scope = true,
        .scope = { .name = (char *)"svcd", .version = (char *)SVCD_VERSION },
        .spans = { .funcs.encode = write_spans, .arg = (void *)spans },
    };
    opentelemetry_proto_trace_v1_ResourceSpans all = {
        .has_resource = true,
        .resource = { .attributes_count = sizeof of / sizeof *of, .attributes = attributes },
        .scope_spans_count = 1,
        .scope_spans = &scope,
    };
    const opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest message = {
        .resource_spans_count = 1, .resource_spans = &all
    };
    const pb_msgdesc_t *fields = opentelemetry_proto_collector_trace_v1_ExportTraceServiceRequest_fields;
    size_t len;
    request->len = 0;
    if (!pb_get_encoded_size(&len, fields, &message) || bytes_reserve(request, len))
        return UV_ENOMEM;
    pb_ostream_t stream = pb_ostream_from_buffer(request->data, len);
    if (!pb_encode(&stream, fields, &message))
        return UV_EPROTO;
    request->len = len;
    return 0;
}

/* ---- its answer ----
 *
 * Decoded by hand, since the version of OpenTelemetry's .proto files that nanopb's code is generated from
 * does not have these fields yet:
 *
 *     ExportTraceServiceResponse{partial_success = 1 {rejected_spans = 1, error_message = 2}} */

enum { PARTIAL_SUCCESS = 1, REJECTED_SPANS = 1, ERROR_MESSAGE = 2 };

static bool read_why(pb_istream_t *stream, struct otlp_answer *answer)
{
    pb_istream_t text;
    if (!pb_make_string_substream(stream, &text))
        return false;
    size_t len = text.bytes_left < sizeof answer->why - 1 ? text.bytes_left : sizeof answer->why - 1;
    bool is_read = pb_read(&text, (pb_byte_t *)answer->why, len);
    answer->why[is_read ? len : 0] = '\0';
    return pb_close_string_substream(stream, &text) && is_read;
}

static bool read_partial_success(pb_istream_t *stream, struct otlp_answer *answer)
{
    pb_istream_t fields;
    pb_wire_type_t type;
    uint32_t tag;
    bool eof, is_good = pb_make_string_substream(stream, &fields);
    if (!is_good)
        return false;
    while (is_good && pb_decode_tag(&fields, &type, &tag, &eof)) {
        uint64_t number = 0;
        if (tag == REJECTED_SPANS && type == PB_WT_VARINT) {
            is_good = pb_decode_varint(&fields, &number);
            answer->rejected_n = (int64_t)number;
        } else if (tag == ERROR_MESSAGE && type == PB_WT_STRING)
            is_good = read_why(&fields, answer);
        else
            is_good = pb_skip_field(&fields, type);
    }
    return is_good && fields.bytes_left == 0 && pb_close_string_substream(stream, &fields);
}

int otlp_read_answer(struct otlp_answer *answer, const uint8_t *bytes, size_t len)
{
    pb_istream_t stream = pb_istream_from_buffer(bytes, len);
    pb_wire_type_t type;
    uint32_t tag;
    bool eof, is_good = true;
    *answer = (struct otlp_answer){ 0 };
    while (is_good && pb_decode_tag(&stream, &type, &tag, &eof))
        is_good = tag == PARTIAL_SUCCESS && type == PB_WT_STRING ? read_partial_success(&stream, answer)
                                                                 : pb_skip_field(&stream, type);
    is_good = is_good && stream.bytes_left == 0;
    if (!is_good)
        *answer = (struct otlp_answer){ 0 };
    return is_good ? 0 : UV_EPROTO;
}
