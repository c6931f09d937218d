/* SPDX-License-Identifier: MIT
 *
 * A job, and one run of it; table.h lists the jobs. All changes of a run are made in one transaction, which
 * also writes the run's row into svcd.job_run (sql/functions/jobs.sql). So several svcd may try a run at
 * once, or die half-way, and it can be tried again.
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include "call/task.h"
#include "config/config.h"

struct run_job_row;

struct job {
    const char *name;
    /* Does the work, and ends with job_commit(). call->locals is the struct job_run. */
    enum next (*begin)(struct call *call, const void *nothing);
    /* The statement run_NAME of sql/queries/jobs.sql. */
    enum next (*run)(struct call *call, const struct sql_time *due, int64_t took_us, const char *input,
                     enum next (*then)(struct call *call, const struct run_job_row *row));
    size_t schedule, enabled; /* offsets in struct config */
};

const struct cron *job_schedule(const struct job *job, const struct config *config);
bool job_is_enabled(const struct job *job, const struct config *config);

enum job_outcome {
    JOB_DONE,
    JOB_ALREADY, /* this run, or a later one, was done before */
    JOB_BUSY,    /* a run of this job is under way elsewhere */
    JOB_FAILED,  /* nothing was changed; or the connection was lost, and the outcome is unknown */
};
#define JOB_OUTCOMES (JOB_FAILED + 1)

struct job_run {
    /* The caller's. */
    const struct job *job;
    bool by_hand; /* run it even if nothing is due */
    struct sql_time due;
    void (*on_ended)(struct job_run *run); /* once; the run may be started again from the loop */
    void *data;

    /* Set when on_ended runs. */
    enum job_outcome outcome;
    int64_t rows; /* JOB_DONE: how many it stored or sent */
    int64_t took_us;

    /* Its own. */
    uint64_t begun_ns;
    const char *error;
    int error_len; /* of its first line */
    struct task work, note;
};

/* Starts the run. Failures are logged, and noted in svcd.job_run if the database can be reached. */
void job_run_start(struct job_run *run, struct context *context);
void job_run_finish(struct job_run *run);

/* ---- for jobs ---- */

/* The time at which the run was due; NULL: it is run by hand. */
const struct sql_time *job_due(const struct call *call);
/* Runs the last statement of a job, which makes the changes and records the run. input: JSON for it, or NULL.
 */
CALL_MUST_USE enum next job_commit(struct call *call, const char *input);

#endif
