/* SPDX-License-Identifier: MIT
 *
 * Runs each enabled job when its schedule says so, on a connection of its own that no RPC waits for.
 *
 * A run is due at the latest time of the schedule that has passed, unless the database says that it, or a
 * later run, has been done: so missed runs are made up for by one run, whichever process missed them. A run
 * that failed is tried again with growing pauses, one that another process is busy with every second. While
 * the database is away everything waits for its return.
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
    unsigned retry_min_ms;    /* first pause after a failure, then doubling; 0: a second */
};

/* The config, and what conn points to, must outlive it. *scheduler is NULL if no job is enabled. Returns 0 or
 * a UV_E* code. */
int scheduler_start(struct scheduler **scheduler, uv_loop_t *loop, const struct scheduler_options *options);

/* What this process knows about a job's runs. */
struct job_status {
    const char *name;
    bool running;
    uint64_t runs[JOB_OUTCOMES];
    const char *outcome;    /* of the last run: "done", "already" or "failed"; NULL: none yet */
    int64_t next_s, done_s; /* since 1970: the next run; the last one done, by any process (0: none known) */
    int64_t took_us;        /* duration of the last run that was done here */
};

/* Writes the status of the enabled jobs, at most `max`, and returns how many. scheduler NULL: 0. */
size_t scheduler_status(const struct scheduler *scheduler, struct job_status *status, size_t max);

/* Adds its metrics, until scheduler_destroy(). */
void scheduler_tell_metrics(const struct scheduler *scheduler);

/* Looks at the clock and at the configuration's schedules now, for instance after a reload. Otherwise it does
 * so at least once a minute. */
void scheduler_wake(struct scheduler *scheduler);

/* Gives the jobs' connection new settings, see pool_renew(), and does what scheduler_wake() does. */
void scheduler_renew(struct scheduler *scheduler, const struct conn_options *conn, bool has_other_login);

/* Leaves running jobs to the database, which completes or rolls them back. The loop must run until the
 * handles are closed, then scheduler_destroy() frees the memory. Both accept NULL. */
void scheduler_stop(struct scheduler *scheduler);
void scheduler_destroy(struct scheduler *scheduler);

#endif
