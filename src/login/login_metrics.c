/* SPDX-License-Identifier: MIT */
#include "login/login_metrics.h"

#include "login/hash_pool.h"
#include "login/throttle.h"
#include "observe/metrics.h"

static struct hash_pool *hash_pool; /* its counters are read under its lock */

const char *const throttle_table_names[] = { [THROTTLE_KNOWN] = "known",
                                             [THROTTLE_ADDRESS] = "address",
                                             [THROTTLE_EMAIL] = "email",
                                             [THROTTLE_STRANGER] = "stranger" };

static void tell_hash(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    struct hash_pool_stats stats;
    hash_pool_stats(hash_pool, &stats);
    switch (metric) {
    case METRIC_svcd_hash_queue_length:
        metrics_put(out, metric, stats.n_queued);
        break;
    case METRIC_svcd_hash_queue_limit:
        metrics_put(out, metric, (uint64_t)stats.queue_limit);
        break;
    case METRIC_svcd_hash_workers:
        metrics_put(out, metric, (uint64_t)stats.n_workers);
        break;
    case METRIC_svcd_hash_running:
        metrics_put(out, metric, stats.n_running);
        break;
    case METRIC_svcd_hash_total:
        metrics_put(out, metric, stats.n_verified, "verify");
        metrics_put(out, metric, stats.n_made, "make");
        break;
    case METRIC_svcd_hash_refused_total:
        metrics_put(out, metric, stats.n_refused_full, "full");
        metrics_put(out, metric, stats.n_refused_late, "deadline");
        metrics_put(out, metric, stats.n_cancelled, "cancelled");
        break;
    case METRIC_svcd_hash_paused_seconds_total:
        metrics_put(out, metric, stats.paused_ns);
        break;
    default:
        metrics_put(out, metric, stats.mean_duration_ns);
    }
}

void hash_pool_tell_metrics(struct hash_pool *pool)
{
    static const enum metric all[] = {
        METRIC_svcd_hash_queue_length,
        METRIC_svcd_hash_queue_limit,
        METRIC_svcd_hash_workers,
        METRIC_svcd_hash_running,
        METRIC_svcd_hash_total,
        METRIC_svcd_hash_refused_total,
        METRIC_svcd_hash_paused_seconds_total,
        METRIC_svcd_hash_seconds,
    };
    hash_pool = pool;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        metrics_set_reader(all[i], tell_hash, NULL);
}

static void tell_throttle(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct throttle_stats *stats = throttle_stats(owner);
    if (metric == METRIC_svcd_throttle_admitted_total)
        metrics_put(out, metric, stats->n_admitted);
    else if (metric == METRIC_svcd_throttle_refused_total)
        metrics_put(out, metric, stats->n_refused);
    else if (metric == METRIC_svcd_throttle_entries)
        metrics_put(out, metric, throttle_entries(owner));
    else
        for (unsigned table = 0; table < THROTTLE_TABLES; table++)
            metrics_put(out, metric, stats->n_charged[table], throttle_table_names[table]);
}

void throttle_tell_metrics(const struct throttle *throttle)
{
    metrics_set_reader(METRIC_svcd_throttle_admitted_total, tell_throttle, throttle);
    metrics_set_reader(METRIC_svcd_throttle_refused_total, tell_throttle, throttle);
    metrics_set_reader(METRIC_svcd_throttle_charged_total, tell_throttle, throttle);
    metrics_set_reader(METRIC_svcd_throttle_entries, tell_throttle, throttle);
}
