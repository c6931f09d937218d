/* SPDX-License-Identifier: MIT
 *
 * The hash pool on a real loop with real hashes: order, bounds, deadlines, cancellation, counters, stopping.
 * The time is the test's own, and passes when the test says so; so does a hash while the gate is closed.
 */
#include <check.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash_gate.h"
#include "login/hash_pool.h"

#define QUICK "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e" /* of "correct horse", 1 ms */
#define LONG  "$2b$12$abcdefghijklmnopqrstuuFDJRuYeKkCzo3Wy7h8SxhBSHBAHiPK2" /* likewise, 200 ms */

#define MS          1000000
#define PATIENCE_MS 280000 /* twenty hashes take minutes under valgrind */

enum { QUEUE_LIMIT = 8, JOBS_MAX = 32 };

static uv_loop_t loop;
static struct hash_pool *pool;
static struct password_policy policy;
static struct hash_job jobs[JOBS_MAX];
static struct hash_job *done[JOBS_MAX]; /* in the order in which they were delivered */
static int n_done;

/* ---- time ---- */

static struct duty_times times; /* workers read them, too */
static clockid_t clock_of_loop; /* that the pool asked for */

static int64_t load(const int64_t *ns)
{
    return __atomic_load_n(ns, __ATOMIC_SEQ_CST);
}

static struct duty_times test_clock(clockid_t other)
{
    __atomic_store_n(&clock_of_loop, other, __ATOMIC_SEQ_CST);
    return (struct duty_times){ load(&times.now_ns), load(&times.own_ns), load(&times.other_ns) };
}

static uint64_t now_ns(void)
{
    return (uint64_t)load(&times.now_ns);
}

static void pass(int64_t ns)
{
    __atomic_add_fetch(&times.now_ns, ns, __ATOMIC_SEQ_CST);
}

static void pass_while_the_loop_is_busy(int64_t ns)
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

static void on_done(struct hash_job *job)
{
    ck_assert_int_lt(n_done, JOBS_MAX);
    done[n_done++] = job;
}

static void start_on(int n_cores, int n_workers, duty_clock *clock)
{
    struct hash_pool_options options = { .policy = &policy,
                                         .n_workers = n_workers,
                                         .queue_limit = QUEUE_LIMIT,
                                         .n_cores = n_cores,
                                         .clock = clock,
                                         .on_begin = begin };
    ck_assert_int_eq(hash_pool_start(&pool, &loop, &options), 0);
}

/* With a core for everybody. */
static void start(int n_workers)
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
    password_policy_set(&policy, &config);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    memset(jobs, 0, sizeof jobs);
    n_done = 0;
    pool = NULL;
    times = (struct duty_times){ .now_ns = 1000 * MS };
    hash_gate_open();
}

static void stop(void)
{
    ck_assert(hash_pool_stop(pool, PATIENCE_MS));
    hash_pool_destroy(pool);
    pool = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void tear_down(void)
{
    stop();
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static struct hash_job *verify_job(int i, const char *password, const char *stored)
{
    jobs[i] = (struct hash_job){ .kind = HASH_VERIFY,
                                 .password = password,
                                 .password_len = strlen(password),
                                 .stored = stored,
                                 .stored_len = stored ? strlen(stored) : 0,
                                 .deadline_ns = UINT64_MAX,
                                 .on_done = on_done };
    return &jobs[i];
}

static struct hash_job *quick_job(int i)
{
    return verify_job(i, "correct horse", QUICK);
}

/* Takes 200 ms of the test's time, however long it takes. */
static struct hash_job *slow_job(int i)
{
    verify_job(i, "wrong", QUICK)->data = (void *)(intptr_t)(200 * MS);
    return &jobs[i];
}

static void must_submit(struct hash_job *job)
{
    ck_assert_int_eq(hash_pool_submit(pool, job), 0);
}

static void run_until_done(int n)
{
    while (n_done < n)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(n_done, n);
}

static struct hash_pool_stats stats(void)
{
    struct hash_pool_stats now;
    hash_pool_stats(pool, &now);
    return now;
}

/* The gate is closed, and so many run until it is opened. */
static void hold_running(int n)
{
    hash_gate_close();
    for (int i = 0; i < n; i++)
        must_submit(slow_job(i));
    while (stats().n_running < n)
        uv_sleep(1);
}

START_TEST(a_job_comes_back_on_the_loop_with_its_verdict)
{
    start(1);
    must_submit(verify_job(0, "correct horse", QUICK));
    must_submit(verify_job(1, "wrong", QUICK));
    must_submit(verify_job(2, "anything", NULL));
    must_submit(verify_job(3, "anything", "gibberish"));
    ck_assert_int_eq(n_done, 0);
    run_until_done(4);
    const enum password_verdict expected[] = { PASSWORD_MATCHES, PASSWORD_DIFFERS, PASSWORD_DIFFERS,
                                               PASSWORD_UNUSABLE };
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(done[i], &jobs[i]);
        ck_assert_int_eq(jobs[i].status, 0);
        ck_assert_int_eq(jobs[i].verdict, expected[i]);
        ck_assert_str_eq(jobs[i].made, "");
        ck_assert_uint_gt(jobs[i].started_ns, 0);
    }
    ck_assert_uint_eq(stats().n_verified, 4);
    ck_assert_uint_eq(stats().n_made, 0);
}
END_TEST

START_TEST(a_password_may_be_wiped_once_it_is_submitted)
{
    char password[] = "correct horse";
    start(1);
    hold_running(1);
    must_submit(verify_job(1, password, QUICK));
    memset(password, 0, sizeof password);
    hash_gate_open();
    run_until_done(2);
    ck_assert_int_eq(jobs[1].verdict, PASSWORD_MATCHES);
}
END_TEST

START_TEST(a_made_hash_matches_its_password)
{
    start(1);
    struct hash_job *job = verify_job(0, "correct horse", NULL);
    job->kind = HASH_MAKE;
    must_submit(job);
    run_until_done(1);
    ck_assert_int_eq(jobs[0].status, 0);
    ck_assert_int_eq(strncmp(jobs[0].made, "$2b$04$", 7), 0);
    must_submit(verify_job(1, "correct horse", jobs[0].made));
    run_until_done(2);
    ck_assert_int_eq(jobs[1].verdict, PASSWORD_MATCHES);
    ck_assert_uint_eq(stats().n_made, 1);
    ck_assert_uint_eq(stats().n_verified, 1);
}
END_TEST

START_TEST(a_password_that_cannot_be_hashed_fails_its_job_only)
{
    static char long_password[PASSWORD_MAX_BYTES + 500];
    memset(long_password, 'x', sizeof long_password - 1);
    start(1);
    struct hash_job *job = verify_job(0, long_password, NULL);
    job->kind = HASH_MAKE;
    must_submit(job);
    must_submit(verify_job(1, long_password, QUICK));
    must_submit(quick_job(2));
    run_until_done(3);
    ck_assert_int_eq(jobs[0].status, UV_EINVAL);
    ck_assert_int_eq(jobs[1].verdict, PASSWORD_DIFFERS);
    ck_assert_int_eq(jobs[2].verdict, PASSWORD_MATCHES);
}
END_TEST

START_TEST(a_match_of_an_outdated_hash_brings_a_new_one)
{
    policy.scheme = PASSWORD_ARGON2ID;
    start(1);
    must_submit(quick_job(0));
    must_submit(verify_job(1, "wrong", QUICK));
    run_until_done(2);
    ck_assert_int_eq(jobs[0].verdict, PASSWORD_MATCHES);
    ck_assert_int_eq(strncmp(jobs[0].made, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    ck_assert_str_eq(jobs[1].made, "");
    must_submit(verify_job(2, "correct horse", jobs[0].made));
    run_until_done(3);
    ck_assert_int_eq(jobs[2].verdict, PASSWORD_MATCHES);
    ck_assert_str_eq(jobs[2].made, "");
    ck_assert_uint_eq(stats().n_verified, 3);
    ck_assert_uint_eq(stats().n_made, 1);
}
END_TEST

START_TEST(jobs_run_in_the_order_of_their_arrival)
{
    start(1);
    hold_running(1);
    for (int i = 1; i <= 7; i++)
        must_submit(verify_job(i, "wrong", i % 3 ? QUICK : LONG));
    hash_gate_open();
    run_until_done(8);
    for (int i = 0; i < 8; i++)
        ck_assert_ptr_eq(done[i], &jobs[i]);
}
END_TEST

START_TEST(a_full_queue_refuses_and_says_when_to_come_back)
{
    start(1);
    hold_running(1);
    for (int i = 1; i <= QUEUE_LIMIT; i++)
        must_submit(quick_job(i));
    ck_assert_int_eq(stats().n_queued, QUEUE_LIMIT);
    ck_assert_int_eq(hash_pool_submit(pool, quick_job(20)), UV_ENOBUFS);
    ck_assert_uint_eq(stats().n_refused_full, 1);
    int full_ms = hash_pool_retry_after_ms(pool);
    hash_gate_open();
    run_until_done(1 + QUEUE_LIMIT);
    ck_assert_int_gt(full_ms, 0);
    ck_assert_int_ge(full_ms, hash_pool_retry_after_ms(pool));
    ck_assert_uint_eq(jobs[20].started_ns, 0);
    must_submit(&jobs[20]);
    run_until_done(2 + QUEUE_LIMIT);
}
END_TEST

START_TEST(a_job_that_would_be_late_is_refused_before_it_is_queued)
{
    start(1);
    hold_running(1);
    must_submit(slow_job(1));
    must_submit(slow_job(2));
    struct hash_job *late = quick_job(3);
    late->deadline_ns = now_ns() + 2 * MS;
    ck_assert_int_eq(hash_pool_submit(pool, late), UV_ETIMEDOUT);
    struct hash_job *patient = quick_job(4);
    patient->deadline_ns = now_ns() + UINT64_C(60000) * MS;
    must_submit(patient);
    hash_gate_open();
    run_until_done(4);
    ck_assert_int_eq(patient->status, 0);
    ck_assert_uint_eq(stats().n_refused_late, 1);
    ck_assert_uint_eq(stats().n_verified, 4);
}
END_TEST

START_TEST(a_job_that_became_late_while_it_waited_is_not_begun)
{
    start(1);
    hold_running(1);
    /* Nothing is queued, so it is taken; the running job then outlasts it. */
    struct hash_job *late = quick_job(1);
    late->deadline_ns = now_ns() + 50 * MS;
    must_submit(late);
    hash_gate_open();
    run_until_done(2);
    ck_assert_int_eq(late->status, UV_ETIMEDOUT);
    ck_assert_uint_eq(late->started_ns, 0);
    ck_assert_uint_eq(stats().n_verified, 1);
    ck_assert_uint_eq(stats().n_refused_late, 1);
}
END_TEST

START_TEST(a_job_that_not_even_an_idle_pool_can_do_in_time_is_refused)
{
    start(1);
    must_submit(slow_job(0));
    run_until_done(1);
    struct hash_job *hopeless = slow_job(1);
    hopeless->deadline_ns = now_ns() + 20 * MS;
    ck_assert_int_eq(hash_pool_submit(pool, hopeless), UV_ETIMEDOUT);
    must_submit(quick_job(2)); /* now it knows of quick ones */
    run_until_done(2);
    struct hash_job *hopeful = quick_job(3);
    hopeful->deadline_ns = now_ns() + 20 * MS;
    must_submit(hopeful);
    run_until_done(3);
    ck_assert_int_eq(hopeful->status, 0);
    ck_assert_uint_eq(stats().n_refused_late, 1);
}
END_TEST

START_TEST(a_slow_hash_does_not_make_deadlines_hopeless_for_good)
{
    start(1);
    must_submit(slow_job(0));
    run_until_done(1);
    struct hash_job *hopeful = quick_job(1);
    for (int passed_ms = 0; passed_ms <= 1000; passed_ms += 100) {
        hopeful->deadline_ns = now_ns() + 20 * MS;
        ck_assert_int_eq(hash_pool_submit(pool, hopeful), UV_ETIMEDOUT);
        pass(100 * MS);
    }
    hopeful->deadline_ns = now_ns() + 20 * MS;
    must_submit(hopeful);
    run_until_done(2);
    ck_assert_int_eq(hopeful->status, 0);
}
END_TEST

START_TEST(half_of_the_queue_is_left_to_other_clients)
{
    start(1);
    hold_running(1);
    int n = 1;
    for (; n <= (QUEUE_LIMIT + 1) / 2; n++) {
        quick_job(n)->client = 7;
        must_submit(&jobs[n]);
    }
    quick_job(n)->client = 7;
    ck_assert_int_eq(hash_pool_submit(pool, &jobs[n]), UV_ENOBUFS);
    jobs[n].client = 8;
    must_submit(&jobs[n++]);
    for (; n <= QUEUE_LIMIT; n++)
        must_submit(quick_job(n)); /* of nobody who is known */
    ck_assert_int_eq(hash_pool_submit(pool, quick_job(n)), UV_ENOBUFS);
    hash_gate_open();
    run_until_done(1 + QUEUE_LIMIT);
    ck_assert_uint_eq(stats().n_refused_full, 2);
}
END_TEST

START_TEST(a_cancelled_job_is_not_begun_and_comes_back_once)
{
    start(1);
    hold_running(1);
    for (int i = 1; i <= 3; i++)
        must_submit(quick_job(i));
    hash_pool_cancel(pool, &jobs[3]);
    hash_pool_cancel(pool, &jobs[1]);
    hash_pool_cancel(pool, &jobs[1]);
    ck_assert_int_eq(n_done, 0);
    ck_assert_int_eq(stats().n_queued, 1);
    hash_gate_open();
    run_until_done(4);
    ck_assert_int_eq(jobs[1].status, UV_ECANCELED);
    ck_assert_int_eq(jobs[2].status, 0);
    ck_assert_int_eq(jobs[3].status, UV_ECANCELED);
    ck_assert_uint_eq(jobs[1].started_ns, 0);
    ck_assert_uint_eq(stats().n_verified, 2);
    ck_assert_uint_eq(stats().n_cancelled, 2);
}
END_TEST

START_TEST(cancelling_a_running_or_finished_job_changes_nothing)
{
    start(1);
    hold_running(1);
    hash_pool_cancel(pool, &jobs[0]);
    hash_gate_open();
    run_until_done(1);
    ck_assert_int_eq(jobs[0].status, 0);
    ck_assert_int_eq(jobs[0].verdict, PASSWORD_DIFFERS);
    hash_pool_cancel(pool, &jobs[0]);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(n_done, 1);
    ck_assert_uint_eq(stats().n_cancelled, 0);
}
END_TEST

/* A full queue refuses all, and says otherwise once the pool stops. */
static void *open_once_it_stops(void *none)
{
    struct hash_job probe = { .password = "x", .password_len = 1, .deadline_ns = UINT64_MAX };
    while (hash_pool_submit(pool, &probe) != UV_ECANCELED)
        uv_sleep(1);
    hash_gate_open();
    return none;
}

START_TEST(stopping_waits_for_the_running_job_and_cancels_the_others)
{
    pthread_t opener;
    start(1);
    hold_running(1);
    for (int i = 1; i <= QUEUE_LIMIT; i++)
        must_submit(quick_job(i));
    ck_assert_int_eq(pthread_create(&opener, NULL, open_once_it_stops, NULL), 0);
    ck_assert(hash_pool_stop(pool, PATIENCE_MS));
    pthread_join(opener, NULL);
    ck_assert_int_eq(n_done, 1 + QUEUE_LIMIT);
    ck_assert_int_eq(jobs[0].status, 0);
    for (int i = 1; i <= QUEUE_LIMIT; i++)
        ck_assert_int_eq(jobs[i].status, UV_ECANCELED);
    ck_assert_int_eq(hash_pool_submit(pool, quick_job(20)), UV_ECANCELED);
    ck_assert_int_eq(hash_pool_computed_ns(pool, &jobs[0]), 200 * MS);
}
END_TEST

START_TEST(stopping_waits_no_longer_than_it_may)
{
    start(1);
    hold_running(1);
    must_submit(quick_job(1));
    ck_assert(!hash_pool_stop(pool, 1));
    ck_assert_int_eq(n_done, 1);
    ck_assert_int_eq(jobs[1].status, UV_ECANCELED);
    hash_gate_open();
    run_until_done(2);
    ck_assert_int_eq(jobs[0].status, 0);
    ck_assert(hash_pool_stop(pool, 0));
}
END_TEST

static void resubmit(struct hash_job *job)
{
    on_done(job);
    if (n_done < 5)
        must_submit(job);
}

START_TEST(a_callback_may_submit_again)
{
    start(1);
    struct hash_job *job = quick_job(0);
    job->on_done = resubmit;
    must_submit(job);
    run_until_done(5);
    ck_assert_uint_eq(stats().n_verified, 5);
}
END_TEST

START_TEST(several_workers_run_jobs_at_once)
{
    start(2);
    hold_running(2);
    hash_gate_open();
    run_until_done(2);
}
END_TEST

START_TEST(workers_run_at_lower_priority_than_the_loop)
{
    start(2);
    hold_running(2);
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    int n_workers = 0;
    int lower = 19; /* the lowest there is */
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && tid != gettid() && getpriority(PRIO_PROCESS, (id_t)tid) == lower) {
            ck_assert_int_eq(sched_getscheduler(tid), SCHED_BATCH);
            n_workers++;
        }
    }
    closedir(tasks);
    ck_assert_int_eq(n_workers, 2);
    hash_gate_open();
    run_until_done(2);
}
END_TEST

static int n_asked;

/* The worker has a core to itself, and the loop is busy for a while; were it so for ever, a worker that in
 * truth has no core would never end. */
static struct duty_times busy_clock(clockid_t loop_clock)
{
    int64_t now_ns = duty_clock_read(loop_clock).now_ns;
    bool is_busy = __atomic_add_fetch(&n_asked, 1, __ATOMIC_SEQ_CST) < 300;
    return (struct duty_times){ now_ns, now_ns, is_busy ? now_ns : 0 };
}

static struct duty_times idle_clock(clockid_t loop_clock)
{
    int64_t now_ns = duty_clock_read(loop_clock).now_ns;
    return (struct duty_times){ now_ns, now_ns, 0 };
}

static uint64_t paused_ns_of_a_long_hash(int n_cores, duty_clock *clock)
{
    n_asked = 0;
    start_on(n_cores, 1, clock);
    must_submit(verify_job(0, "wrong", LONG));
    run_until_done(1);
    return stats().paused_ns;
}

START_TEST(a_hash_stands_still_while_the_loop_is_busy_where_cores_are_few)
{
    ck_assert_uint_gt(paused_ns_of_a_long_hash(1, busy_clock), 0);
}
END_TEST

START_TEST(a_hash_does_not_stand_still_while_the_loop_is_busy_where_there_is_a_core_for_everybody)
{
    ck_assert_uint_eq(paused_ns_of_a_long_hash(3, busy_clock), 0);
}
END_TEST

START_TEST(a_hash_does_not_stand_still_while_the_loop_is_idle)
{
    ck_assert_uint_eq(paused_ns_of_a_long_hash(1, idle_clock), 0);
}
END_TEST

START_TEST(how_busy_the_loop_is_is_asked_of_its_thread)
{
    clockid_t own;
    ck_assert_int_eq(pthread_getcpuclockid(pthread_self(), &own), 0);
    start_on(1, 1, test_clock);
    must_submit(quick_job(0));
    run_until_done(1);
    ck_assert_int_eq(__atomic_load_n(&clock_of_loop, __ATOMIC_SEQ_CST), own);
}
END_TEST

START_TEST(cores_are_few_if_none_is_left_for_the_loop_and_one_for_the_database)
{
    ck_assert(hash_pool_is_crowded(1, 1));
    ck_assert(hash_pool_is_crowded(2, 1));
    ck_assert(!hash_pool_is_crowded(3, 1));
    ck_assert(hash_pool_is_crowded(9, 8));
    ck_assert(!hash_pool_is_crowded(10, 8));
}
END_TEST

/* By so much at most; the scheme does not matter, for only what the loop did meanwhile is looked at. */
START_TEST(a_job_counts_as_computed_less_while_the_loop_is_busy)
{
    start_on(1, 1, test_clock);
    must_submit(quick_job(0));
    run_until_done(1);
    pass_while_the_loop_is_busy(200 * MS);
    ck_assert_int_eq(hash_pool_computed_ns(pool, &jobs[0]), 60 * MS); /* 30% */
    pass(400 * MS);
    ck_assert_int_eq(hash_pool_computed_ns(pool, &jobs[0]), 60 * MS + 200 * MS); /* 50% later */
}
END_TEST

START_TEST(with_a_core_for_everybody_a_job_counts_as_computed_all_the_time)
{
    start_on(3, 1, test_clock);
    must_submit(quick_job(0));
    run_until_done(1);
    pass_while_the_loop_is_busy(200 * MS);
    ck_assert_int_eq(hash_pool_computed_ns(pool, &jobs[0]), 200 * MS);
}
END_TEST

START_TEST(a_pool_that_did_nothing_stops)
{
    start(3);
    stop();
    ck_assert(hash_pool_stop(NULL, 0));
    hash_pool_destroy(NULL);
}
END_TEST

Suite *hash_pool_suite(void)
{
    Suite *suite = suite_create("hash_pool");
    TCase *tcase = tcase_create("hash_pool");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_job_comes_back_on_the_loop_with_its_verdict);
    tcase_add_test(tcase, a_password_may_be_wiped_once_it_is_submitted);
    tcase_add_test(tcase, a_made_hash_matches_its_password);
    tcase_add_test(tcase, a_password_that_cannot_be_hashed_fails_its_job_only);
    tcase_add_test(tcase, a_match_of_an_outdated_hash_brings_a_new_one);
    tcase_add_test(tcase, jobs_run_in_the_order_of_their_arrival);
    tcase_add_test(tcase, a_full_queue_refuses_and_says_when_to_come_back);
    tcase_add_test(tcase, a_job_that_would_be_late_is_refused_before_it_is_queued);
    tcase_add_test(tcase, a_job_that_became_late_while_it_waited_is_not_begun);
    tcase_add_test(tcase, a_job_that_not_even_an_idle_pool_can_do_in_time_is_refused);
    tcase_add_test(tcase, a_slow_hash_does_not_make_deadlines_hopeless_for_good);
    tcase_add_test(tcase, half_of_the_queue_is_left_to_other_clients);
    tcase_add_test(tcase, a_cancelled_job_is_not_begun_and_comes_back_once);
    tcase_add_test(tcase, cancelling_a_running_or_finished_job_changes_nothing);
    tcase_add_test(tcase, stopping_waits_for_the_running_job_and_cancels_the_others);
    tcase_add_test(tcase, stopping_waits_no_longer_than_it_may);
    tcase_add_test(tcase, a_callback_may_submit_again);
    tcase_add_test(tcase, several_workers_run_jobs_at_once);
    tcase_add_test(tcase, workers_run_at_lower_priority_than_the_loop);
    tcase_add_test(tcase, a_hash_stands_still_while_the_loop_is_busy_where_cores_are_few);
    tcase_add_test(tcase,
                   a_hash_does_not_stand_still_while_the_loop_is_busy_where_there_is_a_core_for_everybody);
    tcase_add_test(tcase, a_hash_does_not_stand_still_while_the_loop_is_idle);
    tcase_add_test(tcase, how_busy_the_loop_is_is_asked_of_its_thread);
    tcase_add_test(tcase, cores_are_few_if_none_is_left_for_the_loop_and_one_for_the_database);
    tcase_add_test(tcase, a_job_counts_as_computed_less_while_the_loop_is_busy);
    tcase_add_test(tcase, with_a_core_for_everybody_a_job_counts_as_computed_all_the_time);
    tcase_add_test(tcase, a_pool_that_did_nothing_stops);
    suite_add_tcase(suite, tcase);
    return suite;
}
