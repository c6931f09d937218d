/* SPDX-License-Identifier: MIT
 *
 * A thread with a duty cycle beside one that is busy: when it pauses, and when it has waited enough.
 */
#include <check.h>
#include <pthread.h>
#include <time.h>

#include "login/duty_cycle.h"

#define MS 1000000

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void compute(int64_t ns)
{
    for (int64_t begun_ns = cpu_ns(); cpu_ns() - begun_ns < ns;)
        ;
}

/* Whatever signals come. */
static void sleep_ms(int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * MS;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static clockid_t busy_clock;
static bool is_over;

static void *stay_busy(void *none)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
        ;
    return none;
}

/* Runs body in the company of a thread that is busy all the time. */
static void beside_a_busy_thread(void (*body)(struct duty_cycle *cycle))
{
    struct duty_cycle cycle;
    pthread_t busy;
    is_over = false;
    ck_assert_int_eq(pthread_create(&busy, NULL, stay_busy, NULL), 0);
    ck_assert_int_eq(pthread_getcpuclockid(busy, &busy_clock), 0);
    duty_cycle_init(&cycle, busy_clock);
    duty_cycle_begin(&cycle);
    body(&cycle);
    duty_cycle_end(&cycle);
    duty_cycle_finish(&cycle);
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(busy, NULL);
}

static void compute_and_pause(struct duty_cycle *cycle)
{
    compute(20 * MS);
    ck_assert_int_gt(cycle->paused_ns, 40 * MS);
}

START_TEST(beside_a_busy_thread_it_pauses)
{
    beside_a_busy_thread(compute_and_pause);
}
END_TEST

/* As if others had taken its core meanwhile. */
static void compute_after_waiting(struct duty_cycle *cycle)
{
    sleep_ms(400);
    compute(10 * MS);
    ck_assert_int_lt(cycle->paused_ns, 10 * MS);
}

START_TEST(a_thread_that_got_less_than_its_share_does_not_pause)
{
    beside_a_busy_thread(compute_after_waiting);
}
END_TEST

static void pause_no_more(struct duty_cycle *cycle)
{
    compute(5 * MS);
    duty_cycle_end(cycle);
    int64_t paused_ns = cycle->paused_ns;
    compute(20 * MS);
    ck_assert_int_eq(cycle->paused_ns, paused_ns);
}

START_TEST(it_pauses_between_begin_and_end_only)
{
    beside_a_busy_thread(pause_no_more);
}
END_TEST

START_TEST(a_share_is_all_but_twice_what_the_other_took_and_a_seventh_at_least)
{
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 0), 100 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 10 * MS), 80 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 42 * MS), 16 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 43 * MS), 15 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 100 * MS), 15 * MS);
}
END_TEST

Suite *duty_cycle_suite(void)
{
    Suite *suite = suite_create("duty_cycle");
    TCase *tcase = tcase_create("share");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, beside_a_busy_thread_it_pauses);
    tcase_add_test(tcase, a_thread_that_got_less_than_its_share_does_not_pause);
    tcase_add_test(tcase, it_pauses_between_begin_and_end_only);
    tcase_add_test(tcase, a_share_is_all_but_twice_what_the_other_took_and_a_seventh_at_least);
    return suite;
}
