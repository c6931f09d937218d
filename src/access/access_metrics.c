/* SPDX-License-Identifier: MIT */
#include "access/access_metrics.h"

#include "observe/metrics.h"

/* Codes other than OK are left out while they are 0, since there may be many callers. */
static void tell_caller(struct metrics_out *out, const struct caller *caller)
{
    for (unsigned code = 0; code < GRPC_CODES; code++)
        if (code == 0 || caller->state.handled[code])
            metrics_put(out, METRIC_svcd_caller_calls_total, caller->state.handled[code], caller->name,
                        grpc_code_metric(code));
}

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct access *access = *(struct access *const *)owner;
    const struct callers *callers = access_callers(access);
    if (metric == METRIC_svcd_caller_refused_total) {
        for (enum access_verdict verdict = ACCESS_GRANTED + 1; verdict < ACCESS_VERDICTS; verdict++)
            metrics_put(out, metric, access_refused_n(access, verdict), access_verdict_names[verdict]);
        return;
    }
    for (size_t i = 0; i < callers->n; i++)
        if (metric == METRIC_svcd_caller_calls_total)
            tell_caller(out, callers->items[i]);
        else
            metrics_put(out, metric, callers->items[i]->state.running, callers->items[i]->name);
}

void access_tell_metrics(struct access *const *access)
{
    metrics_set_reader(METRIC_svcd_caller_calls_total, tell, access);
    metrics_set_reader(METRIC_svcd_caller_calls_running, tell, access);
    metrics_set_reader(METRIC_svcd_caller_refused_total, tell, access);
}
