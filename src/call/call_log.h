/* SPDX-License-Identifier: MIT
 *
 * The lines that the log has of calls, as log.calls and log.slow_ms want them.
 */
#ifndef CALL_CALL_LOG_H
#define CALL_CALL_LOG_H

#include <stdint.h>

struct call;

/* For context->on_answered. */
void call_log_answered(struct call *call, unsigned status, uint64_t took_ns);
/* The call's statement has come back; a line if it was slow. */
void call_log_statement(struct call *call, uint64_t took_ns);

#endif
