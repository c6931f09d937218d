/* SPDX-License-Identifier: MIT
 *
 * Why a connection was closed: every one is, by the connection alone, for one of these, counted and logged.
 */
#ifndef EDGE_HTTP_REASON_H
#define EDGE_HTTP_REASON_H

#include <stdbool.h>

enum http_reason {
    REASON_NONE, /* it is open */
    REASON_PEER, /* the peer hung up */
    REASON_ANSWERED,
    REASON_SOCKET,
    REASON_IDLE,
    REASON_AGE,
    REASON_FULL,
    REASON_DRAIN,
    REASON_STOP,
    REASON_SILENT,
    REASON_OPENING,
    REASON_WRONG_PROTOCOL,
    REASON_PROTOCOL_ERROR,
    REASON_PROXY,
    REASON_TLS,
    REASON_RESETS,
    REASON_FLOOD,
    REASON_HEADERS,
    REASON_UNREAD,
    REASON_BUFFERS,
    REASON_MEMORY,
    REASONS_N,
};

/* Why a connection ends whose socket failed, with a UV_E* code. A peer that hangs up while something is on
 * its way to it resets the connection. */
enum http_reason http_reason_of_error(int error);

/* A word for counters: "idle". */
const char *http_reason_name(enum http_reason reason);
/* A sentence for the log. */
const char *http_reason_text(enum http_reason reason);
/* Whether an operator should hear of it: the peer broke a limit or a rule. */
bool http_reason_is_grave(enum http_reason reason);

#endif
