/* SPDX-License-Identifier: MIT
 *
 * What tests of the hash pool share: a pool on a real loop, which makes real hashes, and jobs for it. The
 * time is the test's own, and passes when the test says so; so does a hash while the gate is closed
 * (hash_gate.h).
 */
#ifndef TEST_UNIT_HASH_KIT_H
#define TEST_UNIT_HASH_KIT_H

#include <check.h>

#include "login/hash_pool.h"

#define QUICK "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e" /* of "correct horse", 1 ms */
#define LONG  "$2b$12$abcdefghijklmnopqrstuuFDJRuYeKkCzo3Wy7h8SxhBSHBAHiPK2" /* likewise, 200 ms */

#define MS          1000000
#define PATIENCE_MS 280000 /* twenty hashes take minutes under valgrind */

enum { QUEUE_LIMIT = 8, JOBS_MAX = 32 };

/* Of one test: check runs each in a process of its own. */
extern struct hash_kit {
    uv_loop_t loop;
    struct hash_pool *pool;
    struct password_policy policy;
    struct hash_job jobs[JOBS_MAX];
    struct hash_job *done[JOBS_MAX]; /* in the order in which they were delivered */
    int n_done;
    clockid_t clock_of_loop; /* that the pool asked for */
} kit;

/* A case of the suite; its tests start a pool first. */
TCase *hash_case(Suite *suite, const char *name);

/* ---- time ---- */

struct duty_times test_clock(clockid_t other);
uint64_t now_ns(void);
void pass(int64_t ns);
void pass_while_the_loop_is_busy(int64_t ns);

/* ---- the pool ---- */

void start_on(int n_cores, int n_workers, duty_clock *clock);
/* With a core for everybody, and the test's clock. */
void start(int n_workers);
void stop(void);
struct hash_pool_stats stats(void);

/* ---- jobs ---- */

/* on_done of each. */
void job_done(struct hash_job *job);
struct hash_job *verify_job(int i, const char *password, const char *stored);
struct hash_job *quick_job(int i);
/* Takes 200 ms of the test's time, however long it takes. */
struct hash_job *slow_job(int i);
void must_submit(struct hash_job *job);
void run_until_done(int n);
/* Closes the gate; so many run until it is opened. */
void hold_running(int n);

#endif
