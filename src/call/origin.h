/* SPDX-License-Identifier: MIT
 *
 * What identifies a call in the log: its request id, its trace id, and who made it. Returned text lives in
 * the call's memory unless stated otherwise. Loop thread only.
 */
#ifndef CALL_ORIGIN_H
#define CALL_ORIGIN_H

#include "observe/log.h"

struct call;

/* The fields that mark a line of the log as the call's; for log_info() and its like. */
#define call_log_ids(call)                                                                                   \
    log_str("request_id", call_request_id(call)), log_str("trace_id", call_trace_id(call))

/* The value of `x-request-id`, or a new one; always the same for one call. NULL: a job or command. */
const char *call_request_id(struct call *call);
/* The id that the answer carries; answers of health carry only one that the client sent. NULL: none. */
const char *call_answered_request_id(struct call *call);
/* The trace of `traceparent`, or the one that svcd began: 32 hexadecimal digits. NULL: none, or not
 * well-formed. */
const char *call_trace_id(struct call *call);
/* The address at the other end of the connection; NULL: unknown. */
const char *call_peer_text(struct call *call);
/* The names in the client's certificate, which TLS has verified; first the one that let it connect. Each ends
 * with NUL, and an empty one ends the list. They are the connection's, not the call's: valid until the call
 * waits. NULL: the client has shown no certificate, or has gone. */
const char *call_certificate_names(struct call *call);

#endif
