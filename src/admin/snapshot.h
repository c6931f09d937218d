/* SPDX-License-Identifier: MIT
 *
 * How svcd is at this moment, as lines of the log: for SIGUSR1, where there is no status page.
 */
#ifndef ADMIN_SNAPSHOT_H
#define ADMIN_SNAPSHOT_H

#include "admin/view.h"

void admin_log_snapshot(const struct admin_options *options);

#endif
