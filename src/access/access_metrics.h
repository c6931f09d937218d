/* SPDX-License-Identifier: MIT
 *
 * The metrics of callers: calls, running calls and refusals. Loop thread only.
 */
#ifndef ACCESS_ACCESS_METRICS_H
#define ACCESS_ACCESS_METRICS_H

#include "access/access.h"

/* Registers the metrics. They read *access each time, since a reload replaces it. */
void access_tell_metrics(struct access *const *access);

#endif
