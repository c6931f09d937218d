/* SPDX-License-Identifier: MIT
 *
 * What tests of jobs share: schedulers and runs by hand on the harness's database. The clock is the test's:
 * it stands at midnight of a Saturday some weeks ago, and svcd has known the database for longer.
 */
#ifndef TEST_RPC_JOBS_KIT_H
#define TEST_RPC_JOBS_KIT_H

#include "db/params.h"
#include "harness.h"
#include "jobs/scheduler.h"
#include "jobs/table.h"

#define MINUTE   60
#define DAY      86400
#define PATIENCE 60 /* seconds until a test gives up waiting */

/* Of one test: check runs each in a process of its own. */
extern struct jobs_kit {
    struct config config;
    struct database_params params;
    struct conn_options conn;
    struct scheduler *schedulers[8];
    size_t schedulers_n;
    int64_t saturday_s;
    int64_t now_s; /* what schedulers take for the time; the Saturday at first */
} kit;

/* harness_case, with what stops the schedulers. */
TCase *jobs_case(Suite *suite, const char *name);

/* First of all, with up to two settings or NULL. Every job is off unless told otherwise. */
void jobs_configure(const char *setting1, const char *setting2);
void jobs_start_scheduler(void);
void jobs_start_scheduler_on(uv_loop_t *loop);
/* The Saturday and an interval, as the database writes times. */
const char *jobs_time(const char *interval);
/* Lets every scheduler look at the time. */
void jobs_wake_all(void);
/* Runs a job as the command does, on a loop of its own. */
enum job_outcome jobs_run_by_hand(const char *name);

/* The runs of that outcome so far; those notifications that were sent. */
long jobs_runs(const char *outcome);
long jobs_messages(void);
/* Until there are n of that outcome; 20 s fail the test. */
void jobs_wait_for_runs(const char *outcome, long n);

/* So many mentees without a mentor. */
void make_mentees_who_want(int area, int skill, int n);
/* Ten mentees want what these mentors teach: a run of suggest-workshops sends each a notification. */
#define MENTORS 3
void make_demand(void);

#endif
