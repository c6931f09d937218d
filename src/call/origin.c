/* SPDX-License-Identifier: MIT */
#include "call/origin.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/traceparent.h"
#include "base/unique.h"
#include "call/call.h"

static bool is_request_id(const char *text)
{
    size_t len = strnlen(text, REQUEST_ID_MAX + 1);
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return len > 0 && len <= REQUEST_ID_MAX;
}

static void make_request_id(char text[REQUEST_ID_MAX + 1])
{
    snprintf(text, REQUEST_ID_MAX + 1, "%016" PRIx64, unique_next());
}

static const char *sent(struct call *call, const char *key)
{
    return call->transport->metadata ? call->transport->metadata(call, key) : NULL;
}

const char *call_request_id(struct call *call)
{
    char *id = call->account.request_id;
    if (call->transport->is_internal)
        return NULL;
    if (*id)
        return id;
    const char *given = sent(call, "x-request-id");
    if (given && is_request_id(given))
        memcpy(id, given, strlen(given) + 1);
    else
        make_request_id(id);
    return id;
}

const char *call_answered_request_id(struct call *call)
{
    static const char health[] = "/grpc.health.v1.";
    bool is_health = call->method && strncmp(call->method->path, health, sizeof health - 1) == 0;
    return is_health && !sent(call, "x-request-id") ? NULL : call_request_id(call);
}

const char *call_trace_id(struct call *call)
{
    struct traceparent parent;
    if (*call->account.trace_id)
        return call->account.trace_id;
    const char *text = sent(call, "traceparent");
    return text && traceparent_parse(&parent, text) ? call_printf(call, "%s", parent.trace_text) : NULL;
}

const char *call_peer_text(struct call *call)
{
    struct ip ip;
    char *text = call_alloc(call, 1, ADDRESS_TEXT_LEN);
    if (!text || !call->transport->peer || !call->transport->peer(call, &ip))
        return NULL;
    ip_format(&ip, text);
    return text;
}

const char *call_certificate_names(struct call *call)
{
    const struct call_transport *transport = call->transport;
    return transport->certificate_names ? transport->certificate_names(call) : NULL;
}
