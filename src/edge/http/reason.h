/* SPDX-License-Identifier: MIT
 *
 * Why a connection was closed. Each connection ends for exactly one of these reasons, which is counted
 * (svcd_http_closed_total) and logged; reason.c has the sentence for each. Any thread.
 */
#ifndef EDGE_HTTP_REASON_H
#define EDGE_HTTP_REASON_H

#include <stdbool.h>

enum http_reason {
    REASON_NONE, /* it is still open */
    REASON_PEER, /* the peer hung up */
    REASON_ANSWERED,
    REASON_SOCKET,
    REASON_IDLE,
    REASON_AGE,
    REASON_FULL,
    REASON_ADDRESS_FULL,
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
    REASON_UNFINISHED,
    REASON_BUFFERS,
    REASON_MEMORY,
    REASONS_N,
};

/* The reason for a failed socket's UV_E* code. UV_ECONNRESET and UV_EPIPE are REASON_PEER: a peer that hangs
 * up while data is on its way to it resets the connection. */
enum http_reason http_reason_of_error(int error);

/* The metric's label: "idle". */
const char *http_reason_name(enum http_reason reason);
/* A sentence for the log. */
const char *http_reason_text(enum http_reason reason);
/* Whether it is logged as a warning: the peer broke a limit or a rule, or memory ran out. */
bool http_reason_is_grave(enum http_reason reason);

#endif
