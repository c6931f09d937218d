/* SPDX-License-Identifier: MIT */
#include "admin/snapshot.h"

#include "call/account.h"
#include "db/pool.h"
#include "login/hash_pool.h"
#include "observe/log.h"
#include "observe/process.h"

#define JOBS_MAX 16

static void log_lane(const struct pool_lane *lane, enum lane number)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < lane->conns_n; i++)
        busy += lane->conns[i].state == CONN_BUSY;
    log_info("snapshot of a lane", log_str("lane", lane_name(number)), log_int("connections", lane->wanted),
             log_int("up", lane->up), log_int("busy", busy), log_int("queued", lane->queue.n),
             log_int("refused", (int64_t)lane->refused_n), log_int("lost", (int64_t)lane->lost_n));
}

static void log_job(const struct admin_job *job)
{
    log_info("snapshot of a job", log_str("job", job->name), log_str("running", job->running ? "yes" : "no"),
             log_str("outcome", job->outcome), log_int("done", (int64_t)job->done_n),
             log_int("failed", (int64_t)job->failed_n), log_int("last_done_s", job->done_s),
             log_int("next_s", job->next_s));
}

void admin_log_snapshot(const struct admin_options *options)
{
    const struct context *context = options->context;
    struct process_figures process;
    struct hash_pool_stats hash;
    struct admin_job jobs[JOBS_MAX];
    process_figures(&process);
    hash_pool_stats(context->hash_pool, &hash);
    log_info("snapshot", log_int("connections", options->connections(options->data)),
             log_int("calls", (int64_t)account_running()), log_int("streams", context->streams_n),
             log_str("database", pool_is_available(context->pool) ? "available" : "away"),
             log_str("draining", context->draining ? "yes" : "no"), log_int("hashes_queued", hash.n_queued),
             log_int("hashes_running", hash.n_running), log_int("resident_bytes", process.resident_bytes),
             log_int("open_fds", process.open_fds), log_ms("cpu_ms", process.cpu_us),
             log_int("log_dropped", (int64_t)log_n_dropped()));
    for (enum lane lane = 0; lane < LANES; lane++)
        if (context->pool->lanes[lane].conns_n > 0)
            log_lane(&context->pool->lanes[lane], lane);
    size_t n = options->jobs(options->data, jobs, JOBS_MAX);
    for (size_t i = 0; i < n && i < JOBS_MAX; i++)
        log_job(&jobs[i]);
}
