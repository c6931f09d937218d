/* SPDX-License-Identifier: MIT
 *
 * A hash pauses while the loop is busy and cores are few, and what a job counts as computed says so.
 */
#include "hash_kit.h"

#include <pthread.h>

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
    ck_assert_int_eq(__atomic_load_n(&kit.clock_of_loop, __ATOMIC_SEQ_CST), own);
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
    ck_assert_int_eq(hash_pool_computed_ns(kit.pool, &kit.jobs[0]), 60 * MS); /* 30% */
    pass(400 * MS);
    ck_assert_int_eq(hash_pool_computed_ns(kit.pool, &kit.jobs[0]), 60 * MS + 200 * MS); /* 50% later */
}
END_TEST

START_TEST(with_a_core_for_everybody_a_job_counts_as_computed_all_the_time)
{
    start_on(3, 1, test_clock);
    must_submit(quick_job(0));
    run_until_done(1);
    pass_while_the_loop_is_busy(200 * MS);
    ck_assert_int_eq(hash_pool_computed_ns(kit.pool, &kit.jobs[0]), 200 * MS);
}
END_TEST

Suite *hash_pauses_suite(void)
{
    Suite *suite = suite_create("hash_pauses");
    TCase *tcase = hash_case(suite, "hash_pauses");
    tcase_add_test(tcase, a_hash_stands_still_while_the_loop_is_busy_where_cores_are_few);
    tcase_add_test(tcase,
                   a_hash_does_not_stand_still_while_the_loop_is_busy_where_there_is_a_core_for_everybody);
    tcase_add_test(tcase, a_hash_does_not_stand_still_while_the_loop_is_idle);
    tcase_add_test(tcase, how_busy_the_loop_is_is_asked_of_its_thread);
    tcase_add_test(tcase, cores_are_few_if_none_is_left_for_the_loop_and_one_for_the_database);
    tcase_add_test(tcase, a_job_counts_as_computed_less_while_the_loop_is_busy);
    tcase_add_test(tcase, with_a_core_for_everybody_a_job_counts_as_computed_all_the_time);
    return suite;
}
