/* SPDX-License-Identifier: MIT
 *
 * What our own edge tells the metrics. Loop thread only.
 */
#ifndef EDGE_HTTP_HTTP_METRICS_H
#define EDGE_HTTP_HTTP_METRICS_H

#include "edge/http/edge.h"

/* From now on; it must outlive the last look at the metrics. */
void http_edge_tell_metrics(const struct http_edge *edge);

#endif
