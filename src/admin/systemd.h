/* SPDX-License-Identifier: MIT
 *
 * Notifications to systemd, if it started svcd with Type=notify: ready, reloading, stopping and how long that
 * may take, a status line, and the watchdog's keep-alive if the unit has WatchdogSec=.
 *
 * Loop thread only.
 */
#ifndef ADMIN_SYSTEMD_H
#define ADMIN_SYSTEMD_H

#include <uv.h>

#include "admin/view.h"

/* Says that svcd is ready, and starts the timers. Does nothing if systemd does not listen. Returns 0 or a
 * UV_E* code. */
int systemd_start(uv_loop_t *loop, const struct admin_options *options);
/* A reload begins; it is over, successful or not. */
void systemd_reloading(void);
void systemd_reloaded(void);
/* svcd drains, which may take this long. */
void systemd_stopping(uint64_t timeout_ms);
/* Closes the timers' handles. */
void systemd_stop(void);

#endif
