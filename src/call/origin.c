/* SPDX-License-Identifier: MIT */
#include "call/origin.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "call/call.h"

static bool is_request_id(const char *text)
{
    size_t len = strnlen(text, REQUEST_ID_MAX + 1);
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return len > 0 && len <= REQUEST_ID_MAX;
}

/* Not to be guessed is not its purpose; to be told from others', also after a restart, is. */
static void make_request_id(char text[REQUEST_ID_MAX + 1])
{
    static uint64_t seed;
    if (!seed)
        uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL);
    uint64_t mixed = (seed += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    snprintf(text, REQUEST_ID_MAX + 1, "%016" PRIx64, mixed ^ (mixed >> 31));
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
    bool is_health = strncmp(call->method->path, health, sizeof health - 1) == 0;
    return is_health && !sent(call, "x-request-id") ? NULL : call_request_id(call);
}

/* https://www.w3.org/TR/trace-context/: 00-TRACE-PARENT-FLAGS, later versions may go on. */
const char *call_trace_id(struct call *call)
{
    enum { TRACE_AT = 3, TRACE_LEN = 32 };
    static const char hex[] = "0123456789abcdef";
    const char *parent = sent(call, "traceparent");
    if (!parent || strnlen(parent, 55) < 55 || strspn(parent, hex) != 2 || strncmp(parent, "ff", 2) == 0)
        return NULL;
    const char *trace = parent + TRACE_AT;
    if (strspn(trace, hex) != TRACE_LEN || trace[TRACE_LEN] != '-' || strspn(trace, "0") == TRACE_LEN)
        return NULL;
    return call_printf(call, "%.*s", TRACE_LEN, trace);
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
