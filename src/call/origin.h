/* SPDX-License-Identifier: MIT
 *
 * By what the lines of a call are found again: who asked, and the names that its caller gave it. What is
 * returned lives in the call's memory, unless it says otherwise.
 */
#ifndef CALL_ORIGIN_H
#define CALL_ORIGIN_H

#include "observe/log.h"

struct call;

/* By which a line of the log is known as the call's: fields for log_info() and its like. */
#define call_log_ids(call)                                                                                   \
    log_str("request_id", call_request_id(call)), log_str("trace_id", call_trace_id(call))

/* Of `x-request-id`, or made; always the same for one call. NULL: nobody called (a job). */
const char *call_request_id(struct call *call);
/* The one that the answer carries: of health answers only one that was sent. NULL: none. */
const char *call_answered_request_id(struct call *call);
/* Of `traceparent`, or of the trace that svcd began: 32 hexadecimal digits. NULL: none, or not well-formed.
 */
const char *call_trace_id(struct call *call);
/* The address at the other end of the connection; NULL: unknown. */
const char *call_peer_text(struct call *call);
/* The names of the client's certificate, which TLS has verified, the one by which it was let in first: each
 * ended by NUL, the last followed by an empty one. The connection's, not the call's: look at them before the
 * call waits. NULL: it has shown none, or has gone. */
const char *call_certificate_names(struct call *call);

#endif
