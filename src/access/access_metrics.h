/* SPDX-License-Identifier: MIT
 *
 * What is counted of callers. Loop thread only.
 */
#ifndef ACCESS_ACCESS_METRICS_H
#define ACCESS_ACCESS_METRICS_H

#include "access/access.h"

/* Of whatever *access is when somebody asks. */
void access_tell_metrics(struct access *const *access);

#endif
