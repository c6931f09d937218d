/* SPDX-License-Identifier: MIT */
#include "edge/http/http_metrics.h"

#include "edge/http/tls_server.h"
#include "observe/metrics.h"

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct http_edge *edge = owner;
    switch (metric) {
    case METRIC_svcd_http_connections:
        metrics_put(out, metric, edge->connections_n);
        break;
    case METRIC_svcd_http_requests_running:
        metrics_put(out, metric, edge->exchanges_n);
        break;
    case METRIC_svcd_tls_certificate_expiry_seconds:
        if (edge->tls)
            metrics_put(out, metric, tls_server_expiry_s(edge->tls));
        break;
    case METRIC_svcd_http_buffered_bytes:
        metrics_put(out, metric, edge->buffered);
        break;
    default:
        for (enum http_reason reason = REASON_NONE + 1; reason < REASONS_N; reason++)
            metrics_put(out, metric, edge->closed[reason], http_reason_name(reason));
    }
}

void http_edge_tell_metrics(const struct http_edge *edge)
{
    metrics_set_reader(METRIC_svcd_http_connections, tell, edge);
    metrics_set_reader(METRIC_svcd_http_requests_running, tell, edge);
    metrics_set_reader(METRIC_svcd_http_buffered_bytes, tell, edge);
    metrics_set_reader(METRIC_svcd_http_closed_total, tell, edge);
    metrics_set_reader(METRIC_svcd_tls_certificate_expiry_seconds, tell, edge);
}
