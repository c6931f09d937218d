/* SPDX-License-Identifier: MIT */
#include "call/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/loop_clock.h"
#include "base/traceparent.h"
#include "base/unique.h"
#include "call/call.h"
#include "call/origin.h"
#include "config/config.h"
#include "db/statement.h"
#include "trace/otlp.h"

#define WAITS_MAX 24 /* recorded for one call; handlers wait two or three times, a long stream more often */

struct wait {
    enum account_wait for_what;
    const struct statement *statement;
    uint64_t start_ns, end_ns; /* uv_hrtime() */
    bool is_failed;
};

struct trace {
    uint8_t trace_id[TRACE_ID_LEN], parent_id[SPAN_ID_LEN], id[SPAN_ID_LEN];
    bool has_parent;
    bool is_waiting;
    enum account_wait waits_for;
    uint64_t waits_since_ns;
    size_t waits_n, left_out_n;
    struct wait waits[WAITS_MAX];
};

/* ---- is it sampled? ---- */

static void make_id(uint8_t *id, size_t len)
{
    for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
        uint64_t number = unique_next() | 1; /* an id of zeros is invalid (W3C Trace Context) */
        memcpy(id + i, &number, sizeof number);
    }
}

static bool is_chosen(const struct call *call)
{
    double share = call->context->config->log.otlp_sample;
    return (double)(unique_next() >> 11) * 0x1p-53 < share;
}

void trace_begun(struct call *call)
{
    struct traceparent parent;
    const char *sent = call->transport->metadata ? call->transport->metadata(call, "traceparent") : NULL;
    bool has_parent = sent && traceparent_parse(&parent, sent);
    if (!(has_parent ? parent.is_sampled : is_chosen(call)))
        return;
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return;
    call->trace = trace;
    make_id(trace->id, sizeof trace->id);
    trace->has_parent = has_parent;
    if (has_parent) {
        memcpy(trace->trace_id, parent.trace_id, sizeof trace->trace_id);
        memcpy(trace->parent_id, parent.parent_id, sizeof trace->parent_id);
    } else
        make_id(trace->trace_id, sizeof trace->trace_id);
    for (size_t i = 0; i < sizeof trace->trace_id; i++)
        sprintf(call->account.trace_id + 2 * i, "%02x", trace->trace_id[i]);
}

/* ---- waiting ---- */

void trace_waits_for_hash(struct call *call, uint64_t since_ns)
{
    struct trace *trace = call->trace;
    if (!trace)
        return;
    trace->is_waiting = true;
    trace->waits_for = WAIT_HASH;
    trace->waits_since_ns = since_ns;
}

void trace_waits_for_query(struct call *call)
{
    struct trace *trace = call->trace;
    if (!trace)
        return;
    trace->is_waiting = true;
    trace->waits_for = WAIT_DATABASE;
}

static void add_wait(struct trace *trace, struct wait wait)
{
    if (trace->waits_n == WAITS_MAX)
        trace->left_out_n++;
    else
        trace->waits[trace->waits_n++] = wait;
}

/* One span for the time in the queue until the query was sent, another until its answer. */
static void add_query(struct trace *trace, const struct query *query, uint64_t now_ns, bool is_failed)
{
    uint64_t sent_ns = query->sent_ns ? query->sent_ns : now_ns;
    add_wait(trace, (struct wait){ .for_what = WAIT_QUEUE,
                                   .statement = query->statement,
                                   .start_ns = query->submitted_ns,
                                   .end_ns = sent_ns,
                                   .is_failed = is_failed && !query->sent_ns });
    if (query->sent_ns)
        add_wait(trace, (struct wait){ .for_what = WAIT_DATABASE,
                                       .statement = query->statement,
                                       .start_ns = sent_ns,
                                       .end_ns = now_ns,
                                       .is_failed = is_failed });
}

void trace_waited(struct call *call, bool is_failed)
{
    struct trace *trace = call->trace;
    if (!trace || !trace->is_waiting)
        return;
    trace->is_waiting = false;
    if (trace->waits_for == WAIT_DATABASE)
        add_query(trace, &call->query, loop_clock_now(), is_failed);
    else
        add_wait(trace, (struct wait){ .for_what = WAIT_HASH,
                                       .start_ns = trace->waits_since_ns,
                                       .end_ns = loop_clock_now(),
                                       .is_failed = is_failed });
}

/* ---- the end ---- */

/* The offset from uv_hrtime() to nanoseconds since 1970. */
static uint64_t since_1970(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - uv_hrtime();
}

static void put_wait(struct call *call, const struct wait *wait, uint64_t offset_ns)
{
    static const enum span_kind kinds[] = {
        [WAIT_QUEUE] = SPAN_INTERNAL, [WAIT_DATABASE] = SPAN_CLIENT, [WAIT_HASH] = SPAN_INTERNAL
    };
    const struct statement *statement = wait->statement;
    const struct span_attribute attributes[] = {
        { .key = "db.operation.name", .text = statement ? statement->name : NULL },
        { .key = "svcd.lane", .text = statement ? lane_name(statement->lane) : NULL },
        { .key = "db.system.name", .text = "postgresql" },
    };
    struct span span = { .has_parent = true,
                         .is_error = wait->is_failed,
                         .name = account_wait_names[wait->for_what],
                         .kind = kinds[wait->for_what],
                         .start_ns = wait->start_ns + offset_ns,
                         .end_ns = wait->end_ns + offset_ns,
                         .attributes = attributes,
                         .attributes_n = !statement                        ? 0
                                         : wait->for_what == WAIT_DATABASE ? 3
                                                                           : 2 };
    memcpy(span.trace_id, call->trace->trace_id, TRACE_ID_LEN);
    memcpy(span.parent_id, call->trace->id, SPAN_ID_LEN);
    make_id(span.id, SPAN_ID_LEN);
    otlp_put(call->context->otlp, &span);
}

/* Which statuses count as the server's errors, by OpenTelemetry's semantic conventions for gRPC servers. */
static bool is_error(unsigned status)
{
    const unsigned ours = 1u << 2 | 1u << STATUS_DEADLINE_EXCEEDED | 1u << STATUS_UNIMPLEMENTED |
                          1u << STATUS_INTERNAL | 1u << STATUS_UNAVAILABLE | 1u << 15;
    return ours >> status & 1;
}

static void put_call(struct call *call, unsigned status, uint64_t took_ns, uint64_t offset_ns)
{
    const struct trace *trace = call->trace;
    const char *path = call->method->path + 1, *slash = strchr(path, '/');
    const char *peer = call_peer_text(call);
    const struct span_attribute attributes[] = {
        { .key = "rpc.system", .text = "grpc" },
        { .key = "rpc.service", .text = call_printf(call, "%.*s", (int)(slash - path), path) ?: "" },
        { .key = "rpc.method", .text = slash + 1 },
        { .key = "rpc.grpc.status_code", .number = status },
        { .key = "svcd.request_id", .text = call_request_id(call) },
        { .key = "svcd.waits_left_out", .number = (int64_t)trace->left_out_n },
        { .key = "client.address", .text = peer },
    };
    struct span span = { .has_parent = trace->has_parent,
                         .is_error = is_error(status),
                         .name = path,
                         .kind = SPAN_SERVER,
                         .start_ns = call->account.begun_ns + offset_ns,
                         .end_ns = call->account.begun_ns + took_ns + offset_ns,
                         .attributes = attributes,
                         .attributes_n = peer ? 7 : 6 };
    memcpy(span.trace_id, trace->trace_id, TRACE_ID_LEN);
    memcpy(span.id, trace->id, SPAN_ID_LEN);
    memcpy(span.parent_id, trace->parent_id, SPAN_ID_LEN);
    otlp_put(call->context->otlp, &span);
}

void trace_answered(struct call *call, unsigned status, uint64_t took_ns)
{
    struct trace *trace = call->trace;
    if (!trace)
        return;
    trace_waited(call, status != STATUS_OK); /* the call may have been ended while it waited */
    uint64_t offset_ns = since_1970();
    put_call(call, status, took_ns, offset_ns);
    for (size_t i = 0; i < trace->waits_n; i++)
        put_wait(call, &trace->waits[i], offset_ns);
    call->trace = NULL;
    free(trace);
}
