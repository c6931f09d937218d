/* SPDX-License-Identifier: MIT
 *
 * A hash pool that gets other numbers of workers and of waiting jobs while it works. A hash takes until the
 * gate lets it pass.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash_gate.h"
#include "login/hash_pool.h"

#define QUICK "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e" /* of "correct horse", 1 ms */

enum { JOBS_MAX = 64, CORES = 8 };

static uv_loop_t loop;
static struct hash_pool *pool;
static struct hash_job jobs[JOBS_MAX];
static int n_jobs, n_done;

static void on_done(struct hash_job *job)
{
    ck_assert_int_eq(job->status, 0);
    ck_assert_int_eq(job->verdict, PASSWORD_MATCHES);
    n_done++;
}

static int submit(void)
{
    jobs[n_jobs] = (struct hash_job){ .kind = HASH_VERIFY,
                                      .password = "correct horse",
                                      .password_len = 13,
                                      .stored = QUICK,
                                      .stored_len = strlen(QUICK),
                                      .deadline_ns = UINT64_MAX,
                                      .on_done = on_done };
    int rc = hash_pool_submit(pool, &jobs[n_jobs]);
    n_jobs += rc == 0;
    return rc;
}

static void must_submit(int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(submit(), 0);
}

static struct hash_pool_stats stats(void)
{
    struct hash_pool_stats now;
    hash_pool_stats(pool, &now);
    return now;
}

static void wait_until_running(int n)
{
    while (stats().n_running != n)
        uv_sleep(1);
}

/* Threads of the pool, as the system sees them; those of the lowest priority, too. */
static int threads(int *n_low)
{
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    int n = 0;
    *n_low = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *comm = fopen(path, "r");
        if (!comm || !fgets(name, sizeof name, comm) || strcmp(name, "svcd hash\n") != 0)
            name[0] = '\0';
        if (comm)
            fclose(comm);
        n += *name != '\0';
        *n_low += *name && getpriority(PRIO_PROCESS, (id_t)atoi(entry->d_name)) == 19;
    }
    closedir(tasks);
    return n;
}

static void wait_for_threads(int wanted, int wanted_low)
{
    int n_low;
    bool may_be_lower = getpriority(PRIO_PROCESS, 0) < 19; /* the tests may have been started at the lowest */
    while (threads(&n_low) != wanted || (may_be_lower && n_low != wanted_low)) {
        uv_run(&loop, UV_RUN_NOWAIT); /* those that have ended are joined there */
        uv_sleep(1);
    }
}

static void resize(int n_workers, int queue_limit)
{
    ck_assert_int_eq(hash_pool_prepare(pool, n_workers, queue_limit), 0);
    hash_pool_take(pool);
    ck_assert_int_eq(stats().n_workers, n_workers);
    ck_assert_int_eq(stats().queue_limit, queue_limit);
}

static void run_until_all_are_done(void)
{
    while (n_done < n_jobs)
        uv_run(&loop, UV_RUN_ONCE);
}

static void start(int n_workers, int queue_limit)
{
    struct config config = { .password = { .scheme = PASSWORD_BCRYPT, .bcrypt_cost = 4 } };
    struct password_policy policy;
    ck_assert_int_eq(password_init(), 0);
    password_policy_set(&policy, &config);
    struct hash_pool_options options = { .policy = &policy,
                                         .n_workers = n_workers,
                                         .queue_limit = queue_limit,
                                         .n_cores = CORES,
                                         .on_begin = hash_gate_pass };
    ck_assert_int_eq(hash_pool_start(&pool, &loop, &options), 0);
}

static void set_up(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    n_jobs = n_done = 0;
    hash_gate_open();
}

static void tear_down(void)
{
    hash_gate_open();
    while (!hash_pool_stop(pool, 1000))
        ;
    hash_pool_destroy(pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(more_workers_take_what_waits_at_once)
{
    hash_gate_close();
    start(1, 8);
    must_submit(5);
    wait_until_running(1);
    resize(4, 8);
    wait_until_running(4);
    wait_for_threads(4, 4);
    hash_gate_open();
    run_until_all_are_done();
}
END_TEST

START_TEST(workers_of_which_there_are_too_many_end_after_the_hash_they_compute)
{
    hash_gate_close();
    start(4, 8);
    must_submit(8);
    wait_until_running(4);
    resize(1, 8);
    ck_assert_int_eq(stats().n_running, 4);
    hash_gate_open();
    run_until_all_are_done();
    wait_for_threads(1, 1);
    must_submit(3);
    run_until_all_are_done();
}
END_TEST

START_TEST(jobs_that_wait_in_a_queue_that_shrinks_are_done_and_only_new_ones_refused)
{
    hash_gate_close();
    start(1, 8);
    must_submit(1);
    wait_until_running(1);
    must_submit(8);
    ck_assert_int_eq(submit(), UV_ENOBUFS);
    resize(1, 2);
    ck_assert_int_eq(stats().n_queued, 8);
    ck_assert_int_eq(submit(), UV_ENOBUFS);
    resize(1, 10);
    must_submit(2);
    ck_assert_int_eq(submit(), UV_ENOBUFS);
    hash_gate_open();
    run_until_all_are_done();
    ck_assert_uint_eq(stats().n_verified, 11);
}
END_TEST

START_TEST(workers_that_make_a_crowd_all_have_the_priority_of_the_loop)
{
    start(2, 8);
    wait_for_threads(2, 2);
    hash_gate_close();
    must_submit(3);
    wait_until_running(2);
    resize(CORES, 8); /* none is left for the loop */
    wait_until_running(3);
    hash_gate_open();
    run_until_all_are_done();
    wait_for_threads(CORES, 0);
    resize(2, 8);
    wait_for_threads(2, 2);
    must_submit(4);
    run_until_all_are_done();
}
END_TEST

START_TEST(what_was_prepared_and_given_up_changes_nothing)
{
    hash_gate_close();
    start(1, 1);
    must_submit(1);
    wait_until_running(1);
    must_submit(1);
    ck_assert_int_eq(hash_pool_prepare(pool, 1, 20), 0);
    hash_pool_forgo(pool);
    ck_assert_int_eq(submit(), UV_ENOBUFS);
    hash_gate_open();
    run_until_all_are_done();
    ck_assert_int_eq(hash_pool_prepare(pool, 5, 20), 0);
    hash_pool_forgo(pool);
    wait_for_threads(1, 1);
    ck_assert_int_eq(stats().n_workers, 1);
    ck_assert_int_eq(stats().queue_limit, 1);
    must_submit(1);
    run_until_all_are_done();
}
END_TEST

START_TEST(sizes_that_change_all_the_time_lose_no_job_and_leave_no_thread)
{
    start(1, 4);
    for (int i = 0; i < JOBS_MAX; i++) {
        resize(1 + i * 5 % CORES, 4 + i % 7);
        while (submit() == UV_ENOBUFS)
            uv_run(&loop, UV_RUN_ONCE);
    }
    run_until_all_are_done();
    ck_assert_int_eq(n_done, JOBS_MAX);
    resize(3, 4);
    wait_for_threads(3, 3);
}
END_TEST

START_TEST(a_pool_stops_while_workers_that_are_too_many_compute)
{
    hash_gate_close();
    start(4, 4);
    must_submit(4);
    wait_until_running(4);
    resize(1, 4);
    hash_gate_open();
    while (!hash_pool_stop(pool, 1000))
        ;
    ck_assert_int_eq(n_done, 4);
}
END_TEST

Suite *hash_size_suite(void)
{
    Suite *suite = suite_create("hash_size");
    TCase *tcase = tcase_create("hash_size");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, more_workers_take_what_waits_at_once);
    tcase_add_test(tcase, workers_of_which_there_are_too_many_end_after_the_hash_they_compute);
    tcase_add_test(tcase, jobs_that_wait_in_a_queue_that_shrinks_are_done_and_only_new_ones_refused);
    tcase_add_test(tcase, workers_that_make_a_crowd_all_have_the_priority_of_the_loop);
    tcase_add_test(tcase, what_was_prepared_and_given_up_changes_nothing);
    tcase_add_test(tcase, sizes_that_change_all_the_time_lose_no_job_and_leave_no_thread);
    tcase_add_test(tcase, a_pool_stops_while_workers_that_are_too_many_compute);
    suite_add_tcase(suite, tcase);
    return suite;
}
