/* SPDX-License-Identifier: MIT
 *
 * Each job has a timer. Whenever it fires, what is due is computed anew from the clock and the last settled
 * time. So a clock that jumps, or a job that became due while it was running, needs no special case.
 */
#include "jobs/scheduler.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "db/pool_metrics.h"
#include "jobs/table.h"
#include "observe/log.h"
#include "observe/metrics.h"

#define SLEEP_MAX_MS  60000 /* short enough to notice soon that the clock was set */
#define BUSY_RETRY_MS 1000
#define RETRY_MIN_MS  1000
#define RETRY_MAX_MS  300000
#define SECOND_US     INT64_C(1000000)

struct entry {
    struct scheduler *scheduler;
    struct job_run run;
    uv_timer_t timer;
    bool running;
    int64_t settled_s; /* all runs due up to this time are settled, since 1970 */
    unsigned failures; /* since it last succeeded */
    uint64_t runs[JOB_OUTCOMES];
    const char *outcome; /* of the last run, other than "busy"; NULL: none yet */
    int64_t done_s;      /* last run known to be done by any daemon, since 1970; 0: none */
    int64_t took_us;     /* of the last run done by this process */
};

static const char *const outcomes[JOB_OUTCOMES] = { "done", "already", "busy", "failed" };

struct scheduler {
    struct scheduler_options options;
    struct context context;
    struct pool pool;
    struct entry *entries; /* of all jobs */
    size_t entries_n;
    bool stopping;
};

static int64_t system_now_s(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return now.tv_sec;
}

static void on_timer(uv_timer_t *timer);

static void sleep_ms(struct entry *entry, uint64_t ms)
{
    uv_timer_start(&entry->timer, on_timer, ms, 0);
}

static void sleep_until_due(struct entry *entry, const struct cron *schedule, int64_t now_s)
{
    int64_t next_s = cron_next(schedule, now_s);
    bool is_soon = next_s > now_s && next_s - now_s < SLEEP_MAX_MS / 1000;
    sleep_ms(entry, is_soon ? (uint64_t)(next_s - now_s) * 1000 : SLEEP_MAX_MS);
}

static uint64_t backoff_ms(const struct entry *entry)
{
    uint64_t ms = entry->scheduler->options.retry_min_ms;
    for (unsigned i = 1; i < entry->failures && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void on_timer(uv_timer_t *timer)
{
    struct entry *entry = timer->data;
    struct scheduler *scheduler = entry->scheduler;
    const struct cron *schedule = job_schedule(entry->run.job, scheduler->options.config);
    if (!job_is_enabled(entry->run.job, scheduler->options.config))
        return;
    int64_t now_s = scheduler->options.now_s();
    int64_t due_s = cron_previous(schedule, now_s);
    if (due_s <= entry->settled_s || !pool_is_available(&scheduler->pool)) {
        sleep_until_due(entry, schedule, now_s);
        return;
    }
    entry->running = true;
    entry->run.due = (struct sql_time){ due_s * SECOND_US };
    job_run_start(&entry->run, &scheduler->context);
}

static void on_run_ended(struct job_run *run)
{
    struct entry *entry = run->data;
    entry->running = false;
    entry->runs[run->outcome]++;
    if (run->outcome != JOB_BUSY)
        entry->outcome = outcomes[run->outcome];
    if (run->outcome == JOB_DONE || run->outcome == JOB_ALREADY)
        entry->done_s = entry->scheduler->options.now_s();
    if (run->outcome == JOB_DONE)
        entry->took_us = run->took_us;
    if (entry->scheduler->stopping)
        return;
    switch (run->outcome) {
    case JOB_DONE:
    case JOB_ALREADY:
        entry->settled_s = run->due.us / SECOND_US;
        entry->failures = 0;
        sleep_ms(entry, 0);
        break;
    case JOB_BUSY:
        sleep_ms(entry, BUSY_RETRY_MS);
        break;
    case JOB_FAILED:
        entry->failures++;
        sleep_ms(entry, backoff_ms(entry));
        log_info("job will be tried again", log_str("job", run->job->name),
                 log_int("after_ms", (int64_t)backoff_ms(entry)));
        break;
    }
}

void scheduler_wake(struct scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->entries_n; i++)
        if (!scheduler->entries[i].running)
            sleep_ms(&scheduler->entries[i], 0);
}

static void on_available(void *data, bool available)
{
    if (available)
        scheduler_wake(data);
}

/* ---- what is known ---- */

size_t scheduler_status(const struct scheduler *scheduler, struct job_status *status, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; scheduler && i < scheduler->entries_n && n < max; i++) {
        const struct entry *entry = &scheduler->entries[i];
        const struct cron *schedule = job_schedule(entry->run.job, scheduler->options.config);
        if (!job_is_enabled(entry->run.job, scheduler->options.config))
            continue;
        status[n] = (struct job_status){ .name = entry->run.job->name,
                                         .running = entry->running,
                                         .next_s = cron_next(schedule, scheduler->options.now_s()),
                                         .done_s = entry->done_s,
                                         .outcome = entry->outcome,
                                         .took_us = entry->took_us };
        memcpy(status[n].runs, entry->runs, sizeof status[n].runs);
        n++;
    }
    return n;
}

static void tell_job(struct metrics_out *out, enum metric metric, const struct job_status *status)
{
    switch (metric) {
    case METRIC_svcd_job_runs_total:
        for (unsigned i = 0; i < JOB_OUTCOMES; i++)
            metrics_put(out, metric, status->runs[i], status->name, outcomes[i]);
        break;
    case METRIC_svcd_job_running:
        metrics_put(out, metric, status->running, status->name);
        break;
    case METRIC_svcd_job_last_run_timestamp_seconds:
        metrics_put(out, metric, status->done_s * 1000, status->name);
        break;
    case METRIC_svcd_job_last_run_seconds:
        metrics_put(out, metric, status->took_us, status->name);
        break;
    default:
        metrics_put(out, metric, status->next_s * 1000, status->name);
    }
}

static void tell_jobs(struct metrics_out *out, enum metric metric, const void *owner)
{
    enum { JOBS_MAX = 16 };
    struct job_status status[JOBS_MAX];
    size_t n = scheduler_status(owner, status, JOBS_MAX);
    for (size_t i = 0; i < n && i < JOBS_MAX; i++)
        tell_job(out, metric, &status[i]);
}

void scheduler_tell_metrics(const struct scheduler *scheduler)
{
    metrics_set_reader(METRIC_svcd_job_runs_total, tell_jobs, scheduler);
    metrics_set_reader(METRIC_svcd_job_running, tell_jobs, scheduler);
    metrics_set_reader(METRIC_svcd_job_last_run_timestamp_seconds, tell_jobs, scheduler);
    metrics_set_reader(METRIC_svcd_job_last_run_seconds, tell_jobs, scheduler);
    metrics_set_reader(METRIC_svcd_job_next_run_timestamp_seconds, tell_jobs, scheduler);
    pool_tell_metrics(&scheduler->pool);
}

/* ---- start and stop ---- */

static void entry_start(struct scheduler *scheduler, uv_loop_t *loop, const struct job *job)
{
    struct entry *entry = &scheduler->entries[scheduler->entries_n++];
    *entry = (struct entry){ .scheduler = scheduler, .settled_s = INT64_MIN };
    entry->run = (struct job_run){ .job = job, .on_ended = on_run_ended, .data = entry };
    uv_timer_init(loop, &entry->timer);
    entry->timer.data = entry;
    sleep_ms(entry, 0);
}

int scheduler_start(struct scheduler **started, uv_loop_t *loop, const struct scheduler_options *options)
{
    *started = NULL;
    size_t enabled_n = 0;
    for (size_t i = 0; i < jobs_n; i++)
        enabled_n += job_is_enabled(&jobs[i], options->config);
    if (enabled_n == 0)
        return 0;
    struct scheduler *scheduler = calloc(1, sizeof *scheduler);
    struct entry *entries = calloc(jobs_n, sizeof *entries);
    if (!scheduler || !entries) {
        free(entries);
        free(scheduler);
        return UV_ENOMEM;
    }
    scheduler->options = *options;
    if (!options->now_s)
        scheduler->options.now_s = system_now_s;
    if (!options->retry_min_ms)
        scheduler->options.retry_min_ms = RETRY_MIN_MS;
    scheduler->context = (struct context){ .config = options->config, .pool = &scheduler->pool };
    scheduler->entries = entries;
    scheduler->pool.on_available = on_available;
    scheduler->pool.data = scheduler;
    struct pool_options pool_options = { .conn = options->conn,
                                         .connections = { [LANE_JOB] = 1 },
                                         .queue_max = (unsigned)jobs_n * 2 };
    *started = scheduler;
    int rc = pool_start(&scheduler->pool, loop, &pool_options);
    if (rc)
        return rc;
    for (size_t i = 0; i < jobs_n; i++)
        entry_start(scheduler, loop, &jobs[i]);
    return 0;
}

void scheduler_renew(struct scheduler *scheduler, const struct conn_options *conn, bool has_other_login)
{
    pool_renew(&scheduler->pool, conn, has_other_login);
    scheduler_wake(scheduler);
}

void scheduler_stop(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    scheduler->stopping = true;
    for (size_t i = 0; i < scheduler->entries_n; i++)
        uv_close((uv_handle_t *)&scheduler->entries[i].timer, NULL);
    pool_stop(&scheduler->pool);
}

void scheduler_destroy(struct scheduler *scheduler)
{
    if (!scheduler)
        return;
    pool_finish(&scheduler->pool);
    for (size_t i = 0; i < scheduler->entries_n; i++)
        job_run_finish(&scheduler->entries[i].run);
    free(scheduler->entries);
    free(scheduler);
}
