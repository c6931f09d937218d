/* SPDX-License-Identifier: MIT
 *
 * Runs each enabled job when its schedule says so, on a connection of its own that no RPC waits for.
 *
 * What is due is the latest time of the schedule that has passed, if the database does not say that it, or a
 * later run, was done: so a missed run is caught up once, whoever missed it. A failed one is tried again with
 * growing pauses, as is one that somebody else is busy with; while the database is away everything waits for
 * its return.
 *
 * Loop thread only.
 */
#ifndef JOBS_SCHEDULER_H
#define JOBS_SCHEDULER_H

#include <uv.h>

#include "config/config.h"
#include "db/conn.h"
#include "jobs/job.h"

struct scheduler;

struct scheduler_options {
    const struct config *config;
    struct conn_options conn; /* of the jobs' connection: without a timeout for statements */
    int64_t (*now_s)(void);   /* seconds since 1970 in UTC; NULL: the system's */
    unsigned retry_min_ms;    /* pause after a failure, doubling; 0: a second */
};

/* The config, and what conn points to, must outlive it. Returns 0 or a UV_E* code. With no job
 * enabled *scheduler is NULL. */
int scheduler_start(struct scheduler **scheduler, uv_loop_t *loop, const struct scheduler_options *options);

/* What is known of a job's runs by this process. */
struct job_status {
    const char *name;
    bool running;
    uint64_t runs[JOB_OUTCOMES];
    const char *outcome;    /* of the last run: "done", "already" or "failed"; NULL: none yet */
    int64_t next_s, done_s; /* since 1970; when one was last known to be done, by whomever, 0: not yet */
    int64_t took_us;        /* the last that was done here */
};

/* The status of the jobs that are enabled, of at most `max`; returns how many. NULL: none. */
size_t scheduler_status(const struct scheduler *scheduler, struct job_status *status, size_t max);

/* From now until scheduler_destroy. */
void scheduler_tell_metrics(const struct scheduler *scheduler);

/* The clock is looked at now; and the configuration, which may have other schedules, other jobs enabled.
 * Otherwise that is done at least once a minute. */
void scheduler_wake(struct scheduler *scheduler);

/* Other settings of their connection, see pool_renew(); and as scheduler_wake(). */
void scheduler_renew(struct scheduler *scheduler, const struct conn_options *conn, bool has_other_login);

/* Leaves running jobs to the database, which completes or undoes them. The loop must run until its handles
 * are closed, then scheduler_destroy. NULL is let pass by both. */
void scheduler_stop(struct scheduler *scheduler);
void scheduler_destroy(struct scheduler *scheduler);

#endif
