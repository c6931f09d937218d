/* SPDX-License-Identifier: MIT */
#include "jobs/job.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "observe/log.h"
#include "statements.h"

const struct cron *job_schedule(const struct job *job, const struct config *config)
{
    return (const struct cron *)((const char *)config + job->schedule);
}

bool job_is_enabled(const struct job *job, const struct config *config)
{
    return *(const int *)((const char *)config + job->enabled);
}

/* ---- a run ---- */

static int64_t took_us(const struct job_run *run)
{
    return (int64_t)((uv_hrtime() - run->begun_ns) / 1000);
}

static void end(struct job_run *run)
{
    run->took_us = took_us(run);
    switch (run->outcome) {
    case JOB_DONE:
        log_info("job done", log_str("job", run->job->name), log_int("rows", run->rows),
                 log_int("ms", run->took_us / 1000));
        break;
    case JOB_ALREADY:
    case JOB_BUSY:
        log_debug(run->outcome == JOB_BUSY ? "job is running elsewhere" : "job was done before",
                  log_str("job", run->job->name));
        break;
    case JOB_FAILED: /* has been logged */
        break;
    }
    run->on_ended(run);
}

const struct sql_time *job_due(const struct call *call)
{
    const struct job_run *run = call->locals;
    return run->by_hand ? NULL : &run->due;
}

static enum next committed(struct call *call, const struct run_job_row *row)
{
    struct job_run *run = call->locals;
    static const enum job_outcome outcomes[] = {
        [RUN_JOB_DONE] = JOB_DONE, [RUN_JOB_BUSY] = JOB_BUSY, [RUN_JOB_ALREADY] = JOB_ALREADY
    };
    run->outcome = outcomes[row->outcome];
    run->rows = row->rows;
    return task_end(call);
}

enum next job_commit(struct call *call, const char *input)
{
    const struct job_run *run = call->locals;
    return run->job->run(call, job_due(call), took_us(run), input, committed);
}

/* ---- a failure ---- */

static enum next failure_noted(struct call *call, const struct note_failed_run_row *row)
{
    (void)row;
    return task_end(call);
}

static enum next note_failure(struct call *call, const void *nothing)
{
    (void)nothing;
    const struct job_run *run = call->locals;
    const char *error = call_printf(call, "%.*s", run->error_len, run->error);
    if (!error)
        return call_no_memory(call);
    return sql_note_failed_run(call, run->job->name, job_due(call), took_us(run), error, failure_noted);
}

static void on_noted(struct task *note, const char *error)
{
    (void)error; /* the failure is logged already; if noting it fails, too, nothing more can be done */
    end(note->call.locals);
}

static void on_worked(struct task *work, const char *error)
{
    struct job_run *run = work->call.locals;
    if (!error) {
        end(run);
        return;
    }
    run->outcome = JOB_FAILED;
    run->error = error;
    run->error_len =
        (int)strcspn(error, "\n"); /* the rest is context, for the log, where it stands already */
    char reason[LOG_LINE_MAX];
    snprintf(reason, sizeof reason, "%.*s", run->error_len, error);
    log_error("job failed", log_str("job", run->job->name), log_str("reason", reason));
    task_start(&run->note, work->call.context, run->job->name, note_failure, run, on_noted);
}

void job_run_start(struct job_run *run, struct context *context)
{
    run->begun_ns = uv_hrtime();
    task_start(&run->work, context, run->job->name, run->job->begin, run, on_worked);
}

void job_run_finish(struct job_run *run)
{
    task_finish(&run->work);
    task_finish(&run->note);
}
