/* SPDX-License-Identifier: MIT */
#include "hash_kit.h"

#include <string.h>

#include "hash_gate.h"

struct hash_kit kit;

/* ---- time ---- */

static struct duty_times times; /* workers read them, too */

static int64_t load(const int64_t *ns)
{
    return __atomic_load_n(ns, __ATOMIC_SEQ_CST);
}

struct duty_times test_clock(clockid_t other)
{
    __atomic_store_n(&kit.clock_of_loop, other, __ATOMIC_SEQ_CST);
    return (struct duty_times){ load(&times.now_ns), load(&times.own_ns), load(&times.other_ns) };
}

uint64_t now_ns(void)
{
    return (uint64_t)load(&times.now_ns);
}

void pass(int64_t ns)
{
    __atomic_add_fetch(&times.now_ns, ns, __ATOMIC_SEQ_CST);
}

void pass_while_the_loop_is_busy(int64_t ns)
{
    pass(ns);
    __atomic_add_fetch(&times.other_ns, ns, __ATOMIC_SEQ_CST);
}

/* What a job takes stands in its data. */
static void begin(struct hash_job *job)
{
    hash_gate_pass(job);
    pass((intptr_t)job->data);
}

/* ---- jobs ---- */

void job_done(struct hash_job *job)
{
    ck_assert_int_lt(kit.n_done, JOBS_MAX);
    kit.done[kit.n_done++] = job;
}

void start_on(int n_cores, int n_workers, duty_clock *clock)
{
    struct hash_pool_options options = { .policy = &kit.policy,
                                         .n_workers = n_workers,
                                         .queue_limit = QUEUE_LIMIT,
                                         .n_cores = n_cores,
                                         .clock = clock,
                                         .on_begin = begin };
    ck_assert_int_eq(hash_pool_start(&kit.pool, &kit.loop, &options), 0);
}

void start(int n_workers)
{
    start_on(n_workers + 2, n_workers, test_clock);
}

static void set_up(void)
{
    /* bcrypt of the stored hashes' cost, so that nothing is renewed unless a test wants it. */
    struct config config = { .password = { .scheme = PASSWORD_BCRYPT,
                                           .argon2_memory_kib = 19456,
                                           .argon2_passes = 2,
                                           .bcrypt_cost = 4 } };
    ck_assert_int_eq(password_init(), 0);
    password_policy_set(&kit.policy, &config);
    ck_assert_int_eq(uv_loop_init(&kit.loop), 0);
    memset(kit.jobs, 0, sizeof kit.jobs);
    kit.n_done = 0;
    kit.pool = NULL;
    times = (struct duty_times){ .now_ns = 1000 * MS };
    hash_gate_open();
}

void stop(void)
{
    ck_assert(hash_pool_stop(kit.pool, PATIENCE_MS));
    hash_pool_destroy(kit.pool);
    kit.pool = NULL;
    uv_run(&kit.loop, UV_RUN_DEFAULT);
}

static void tear_down(void)
{
    stop();
    ck_assert_int_eq(uv_loop_close(&kit.loop), 0);
}

struct hash_job *verify_job(int i, const char *password, const char *stored)
{
    kit.jobs[i] = (struct hash_job){ .kind = HASH_VERIFY,
                                     .password = password,
                                     .password_len = strlen(password),
                                     .stored = stored,
                                     .stored_len = stored ? strlen(stored) : 0,
                                     .deadline_ns = UINT64_MAX,
                                     .on_done = job_done };
    return &kit.jobs[i];
}

struct hash_job *quick_job(int i)
{
    return verify_job(i, "correct horse", QUICK);
}

struct hash_job *slow_job(int i)
{
    verify_job(i, "wrong", QUICK)->data = (void *)(intptr_t)(200 * MS);
    return &kit.jobs[i];
}

void must_submit(struct hash_job *job)
{
    ck_assert_int_eq(hash_pool_submit(kit.pool, job), 0);
}

void run_until_done(int n)
{
    while (kit.n_done < n)
        uv_run(&kit.loop, UV_RUN_ONCE);
    ck_assert_int_eq(kit.n_done, n);
}

struct hash_pool_stats stats(void)
{
    struct hash_pool_stats now;
    hash_pool_stats(kit.pool, &now);
    return now;
}

void hold_running(int n)
{
    hash_gate_close();
    for (int i = 0; i < n; i++)
        must_submit(slow_job(i));
    while (stats().n_running < n)
        uv_sleep(1);
}

TCase *hash_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    return tcase;
}
