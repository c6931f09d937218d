/* SPDX-License-Identifier: MIT
 *
 * Logs svcd's current state, for SIGUSR1; useful where there is no status page. Loop thread only.
 */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include "admin/view.h"

void admin_log_snapshot(const struct admin_options *options);

#endif
