/* SPDX-License-Identifier: MIT
 *
 * The log's lines about calls, as log.calls and log.slow_ms configure. Loop thread only.
 */
#ifndef CALL_CALL_LOG_H
#define CALL_CALL_LOG_H

#include <stdint.h>

struct call;

/* To be called by context->on_answered. */
void call_log_answered(struct call *call, unsigned status, uint64_t took_ns);
/* The call's statement has come back; logs it if it was slow. */
void call_log_statement(struct call *call, uint64_t took_ns);

#endif
