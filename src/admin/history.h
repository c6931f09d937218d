/* SPDX-License-Identifier: MIT
 *
 * The last 15 minutes of calls in slots of 10 seconds, for the charts of the status page. Loop thread only.
 */
#ifndef ADMIN_HISTORY_H
#define ADMIN_HISTORY_H

#include <uv.h>

#include "call/account.h"

#define HISTORY_SLOTS   90
#define HISTORY_SLOT_MS 10000
#define HISTORY_RECENT  6 /* slots whose durations are kept: the last minute */

struct method_history {
    struct method_account before; /* the totals when the last slot ended */
    uint32_t calls[HISTORY_SLOTS], errors[HISTORY_SLOTS];
    struct histogram seconds[HISTORY_RECENT]; /* the totals when each of the last slots ended */
    int64_t last_ms[GRPC_CODES]; /* since 1970: end of the last slot with this status; 0: never */
};

struct history {
    uv_timer_t timer;
    struct method_history *methods; /* rpc_methods_n + 1, as in call/account.h */
    uint64_t slots_n;               /* slots that have ended */
};

/* Returns 0 or a UV_E* code. */
int history_start(struct history *history, uv_loop_t *loop);
/* Closes the timer's handle; history_finish() must follow when the loop has closed it. */
void history_stop(struct history *history);
void history_finish(struct history *history);

/* The calls answered, and those that failed, in a slot: 0 is the oldest, HISTORY_SLOTS - 1 the last one that
 * has ended. */
uint32_t history_calls(const struct history *history, size_t method, unsigned slot);
uint32_t history_errors(const struct history *history, size_t method, unsigned slot);
/* The durations of the calls of the last minute, up to now. */
void history_recent(const struct history *history, size_t method, struct histogram *recent);

#endif
