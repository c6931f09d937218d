/* SPDX-License-Identifier: MIT
 *
 * What systemd is told of a daemon that it started with Type=notify: that it is ready, how it is doing, that
 * it stops and how long that may take, and, where it wants to hear it, that it still works.
 *
 * Loop thread only.
 */
#ifndef ADMIN_SYSTEMD_H
#define ADMIN_SYSTEMD_H

#include <uv.h>

#include "admin/view.h"

/* It is ready. Lets pass where systemd does not listen. Returns 0 or a UV_E* code. */
int systemd_start(uv_loop_t *loop, const struct admin_options *options);
/* Its configuration is being read again; that is over, well or not. */
void systemd_reloading(void);
void systemd_reloaded(void);
/* It drains, and may take so long. */
void systemd_stopping(uint64_t timeout_ms);
/* Closes its handles. */
void systemd_stop(void);

#endif
