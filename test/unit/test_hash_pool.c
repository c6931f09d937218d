/* SPDX-License-Identifier: MIT
 *
 * The hash pool on a real loop with real hashes: order, bounds, deadlines, cancellation, counters, stopping.
 * How its threads pause while the loop is busy is test_hash_pauses.c's.
 */
#include "hash_kit.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash_gate.h"

START_TEST(a_job_comes_back_on_the_loop_with_its_verdict)
{
    start(1);
    must_submit(verify_job(0, "correct horse", QUICK));
    must_submit(verify_job(1, "wrong", QUICK));
    must_submit(verify_job(2, "anything", NULL));
    must_submit(verify_job(3, "anything", "gibberish"));
    ck_assert_int_eq(kit.n_done, 0);
    run_until_done(4);
    const enum password_verdict expected[] = { PASSWORD_MATCHES, PASSWORD_DIFFERS, PASSWORD_DIFFERS,
                                               PASSWORD_UNUSABLE };
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(kit.done[i], &kit.jobs[i]);
        ck_assert_int_eq(kit.jobs[i].status, 0);
        ck_assert_int_eq(kit.jobs[i].verdict, expected[i]);
        ck_assert_str_eq(kit.jobs[i].made, "");
        ck_assert_uint_gt(kit.jobs[i].started_ns, 0);
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
    ck_assert_int_eq(kit.jobs[1].verdict, PASSWORD_MATCHES);
}
END_TEST

START_TEST(a_made_hash_matches_its_password)
{
    start(1);
    struct hash_job *job = verify_job(0, "correct horse", NULL);
    job->kind = HASH_MAKE;
    must_submit(job);
    run_until_done(1);
    ck_assert_int_eq(kit.jobs[0].status, 0);
    ck_assert_int_eq(strncmp(kit.jobs[0].made, "$2b$04$", 7), 0);
    must_submit(verify_job(1, "correct horse", kit.jobs[0].made));
    run_until_done(2);
    ck_assert_int_eq(kit.jobs[1].verdict, PASSWORD_MATCHES);
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
    ck_assert_int_eq(kit.jobs[0].status, UV_EINVAL);
    ck_assert_int_eq(kit.jobs[1].verdict, PASSWORD_DIFFERS);
    ck_assert_int_eq(kit.jobs[2].verdict, PASSWORD_MATCHES);
}
END_TEST

START_TEST(a_match_of_an_outdated_hash_brings_a_new_one)
{
    kit.policy.scheme = PASSWORD_ARGON2ID;
    start(1);
    must_submit(quick_job(0));
    must_submit(verify_job(1, "wrong", QUICK));
    run_until_done(2);
    ck_assert_int_eq(kit.jobs[0].verdict, PASSWORD_MATCHES);
    ck_assert_int_eq(strncmp(kit.jobs[0].made, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    ck_assert_str_eq(kit.jobs[1].made, "");
    must_submit(verify_job(2, "correct horse", kit.jobs[0].made));
    run_until_done(3);
    ck_assert_int_eq(kit.jobs[2].verdict, PASSWORD_MATCHES);
    ck_assert_str_eq(kit.jobs[2].made, "");
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
        ck_assert_ptr_eq(kit.done[i], &kit.jobs[i]);
}
END_TEST

START_TEST(a_full_queue_refuses_and_says_when_to_come_back)
{
    start(1);
    hold_running(1);
    for (int i = 1; i <= QUEUE_LIMIT; i++)
        must_submit(quick_job(i));
    ck_assert_int_eq(stats().n_queued, QUEUE_LIMIT);
    ck_assert_int_eq(hash_pool_submit(kit.pool, quick_job(20)), UV_ENOBUFS);
    ck_assert_uint_eq(stats().n_refused_full, 1);
    int full_ms = hash_pool_retry_after_ms(kit.pool);
    hash_gate_open();
    run_until_done(1 + QUEUE_LIMIT);
    ck_assert_int_gt(full_ms, 0);
    ck_assert_int_ge(full_ms, hash_pool_retry_after_ms(kit.pool));
    ck_assert_uint_eq(kit.jobs[20].started_ns, 0);
    must_submit(&kit.jobs[20]);
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
    ck_assert_int_eq(hash_pool_submit(kit.pool, late), UV_ETIMEDOUT);
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
    ck_assert_int_eq(hash_pool_submit(kit.pool, hopeless), UV_ETIMEDOUT);
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
        ck_assert_int_eq(hash_pool_submit(kit.pool, hopeful), UV_ETIMEDOUT);
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
        must_submit(&kit.jobs[n]);
    }
    quick_job(n)->client = 7;
    ck_assert_int_eq(hash_pool_submit(kit.pool, &kit.jobs[n]), UV_ENOBUFS);
    kit.jobs[n].client = 8;
    must_submit(&kit.jobs[n++]);
    for (; n <= QUEUE_LIMIT; n++)
        must_submit(quick_job(n)); /* of nobody who is known */
    ck_assert_int_eq(hash_pool_submit(kit.pool, quick_job(n)), UV_ENOBUFS);
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
    hash_pool_cancel(kit.pool, &kit.jobs[3]);
    hash_pool_cancel(kit.pool, &kit.jobs[1]);
    hash_pool_cancel(kit.pool, &kit.jobs[1]);
    ck_assert_int_eq(kit.n_done, 0);
    ck_assert_int_eq(stats().n_queued, 1);
    hash_gate_open();
    run_until_done(4);
    ck_assert_int_eq(kit.jobs[1].status, UV_ECANCELED);
    ck_assert_int_eq(kit.jobs[2].status, 0);
    ck_assert_int_eq(kit.jobs[3].status, UV_ECANCELED);
    ck_assert_uint_eq(kit.jobs[1].started_ns, 0);
    ck_assert_uint_eq(stats().n_verified, 2);
    ck_assert_uint_eq(stats().n_cancelled, 2);
}
END_TEST

START_TEST(cancelling_a_running_or_finished_job_changes_nothing)
{
    start(1);
    hold_running(1);
    hash_pool_cancel(kit.pool, &kit.jobs[0]);
    hash_gate_open();
    run_until_done(1);
    ck_assert_int_eq(kit.jobs[0].status, 0);
    ck_assert_int_eq(kit.jobs[0].verdict, PASSWORD_DIFFERS);
    hash_pool_cancel(kit.pool, &kit.jobs[0]);
    uv_run(&kit.loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(kit.n_done, 1);
    ck_assert_uint_eq(stats().n_cancelled, 0);
}
END_TEST

/* A full queue refuses all, and says otherwise once the pool stops. */
static void *open_once_it_stops(void *none)
{
    struct hash_job probe = { .password = "x", .password_len = 1, .deadline_ns = UINT64_MAX };
    while (hash_pool_submit(kit.pool, &probe) != UV_ECANCELED)
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
    ck_assert(hash_pool_stop(kit.pool, PATIENCE_MS));
    pthread_join(opener, NULL);
    ck_assert_int_eq(kit.n_done, 1 + QUEUE_LIMIT);
    ck_assert_int_eq(kit.jobs[0].status, 0);
    for (int i = 1; i <= QUEUE_LIMIT; i++)
        ck_assert_int_eq(kit.jobs[i].status, UV_ECANCELED);
    ck_assert_int_eq(hash_pool_submit(kit.pool, quick_job(20)), UV_ECANCELED);
    ck_assert_int_eq(hash_pool_computed_ns(kit.pool, &kit.jobs[0]), 200 * MS);
}
END_TEST

START_TEST(stopping_waits_no_longer_than_it_may)
{
    start(1);
    hold_running(1);
    must_submit(quick_job(1));
    ck_assert(!hash_pool_stop(kit.pool, 1));
    ck_assert_int_eq(kit.n_done, 1);
    ck_assert_int_eq(kit.jobs[1].status, UV_ECANCELED);
    hash_gate_open();
    run_until_done(2);
    ck_assert_int_eq(kit.jobs[0].status, 0);
    ck_assert(hash_pool_stop(kit.pool, 0));
}
END_TEST

static void resubmit(struct hash_job *job)
{
    job_done(job);
    if (kit.n_done < 5)
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
    TCase *tcase = hash_case(suite, "hash_pool");
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
    tcase_add_test(tcase, a_pool_that_did_nothing_stops);
    return suite;
}
