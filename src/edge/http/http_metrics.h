/* SPDX-License-Identifier: MIT
 *
 * The metrics of our own edge. Loop thread only.
 */
#ifndef EDGE_HTTP_HTTP_METRICS_H
#define EDGE_HTTP_HTTP_METRICS_H

#include "edge/http/edge.h"

/* From now on the metrics are read from `edge`, which must outlive the last reading. */
void http_edge_tell_metrics(const struct http_edge *edge);

#endif
