/* SPDX-License-Identifier: MIT
 *
 * Figures about this process from the kernel (CPU, memory, descriptors) and the lag of the event loop:
 * metrics process_*, svcd_build_info, svcd_loop_lag_seconds and svcd_log_dropped_lines_total. Loop thread
 * only.
 */
#ifndef OBSERVE_PROCESS_H
#define OBSERVE_PROCESS_H

#include <stdint.h>
#include <uv.h>

#include "observe/histogram.h"

struct process_figures {
    int64_t started_ms; /* since 1970 */
    int64_t cpu_us;
    int64_t resident_bytes, virtual_bytes;
    int64_t open_fds, max_fds;
};

/* Starts measuring the loop's lag, and registers the metrics. Returns 0 or a UV_E* code. */
int process_watch_start(uv_loop_t *loop);
/* Closes the timer's handle. */
void process_watch_stop(void);

void process_figures(struct process_figures *figures);
const struct histogram *process_loop_lag(void);

#endif
