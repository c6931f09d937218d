/* SPDX-License-Identifier: MIT */
#include "edge/http/reason.h"

#include <uv.h>

static const struct {
    const char *name, *text;
    bool is_grave;
} reasons[REASONS_N] = {
    [REASON_NONE] = { "none", "it is open", false },
    [REASON_PEER] = { "peer", "the peer hung up", false },
    [REASON_ANSWERED] = { "answered", "its last answer has been given", false },
    [REASON_SOCKET] = { "socket", "the network failed", false },
    [REASON_IDLE] = { "idle", "it carried no call for server.idle_timeout_ms", false },
    [REASON_AGE] = { "age", "it reached server.max_connection_age_ms", false },
    [REASON_FULL] = { "full", "it was one more than server.max_connections", false },
    [REASON_ADDRESS_FULL] = { "address_full", "it was one more than server.max_connections_per_address",
                              false },
    [REASON_DRAIN] = { "drain", "the server is stopping", false },
    [REASON_STOP] = { "stop", "the server has stopped", false },
    [REASON_SILENT] = { "silent", "the peer gave no sign of life", false },
    [REASON_OPENING] = { "opening", "the peer did not come to say what it wants", true },
    [REASON_WRONG_PROTOCOL] = { "wrong_protocol", "the peer speaks another protocol", true },
    [REASON_PROTOCOL_ERROR] = { "protocol_error", "the peer broke the protocol", true },
    [REASON_PROXY] = { "proxy", "the PROXY protocol is missing, not wanted or wrong", true },
    [REASON_TLS] = { "tls", "the TLS handshake failed", false },
    [REASON_RESETS] = { "resets", "calls are begun and reset at once, too many of them", true },
    [REASON_FLOOD] = { "flood", "too many frames that ask for nothing", true },
    [REASON_HEADERS] = { "headers", "headers that do not end or are far over the limit", true },
    [REASON_UNREAD] = { "unread", "the peer does not read its answers", true },
    [REASON_UNFINISHED] = { "unfinished", "the peer does not send the rest of its request", true },
    [REASON_BUFFERS] = { "buffers", "server.max_buffered_bytes is reached, and it held most", true },
    [REASON_MEMORY] = { "memory", "out of memory", true },
};

enum http_reason http_reason_of_error(int error)
{
    return error == UV_ECONNRESET || error == UV_EPIPE ? REASON_PEER : REASON_SOCKET;
}

const char *http_reason_name(enum http_reason reason)
{
    return reasons[reason].name;
}

const char *http_reason_text(enum http_reason reason)
{
    return reasons[reason].text;
}

bool http_reason_is_grave(enum http_reason reason)
{
    return reasons[reason].is_grave;
}
