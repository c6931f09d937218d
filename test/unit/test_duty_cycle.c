/* SPDX-License-Identifier: MIT
 *
 * A thread with a duty cycle beside one that is busy: when it pauses, and when it has waited enough. How long
 * is asked of times that are passed in, for those of a machine depend on who else runs there.
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

/* ---- by times that are passed in ---- */

/* What a thread does that is asked at the end of each period, beside one that is busy for so much of the time
 * (in percent). Nobody else wants its core, unless told. */
struct world {
    struct duty_cycle cycle;
    struct duty_times now;
    int64_t paused_ns;
    int busy;
};

static void pass(struct world *world, int64_t ns, bool computes)
{
    world->now.now_ns += ns;
    world->now.own_ns += computes ? ns : 0;
    world->now.other_ns += ns * world->busy / 100;
}

static void compute_for(struct world *world, int64_t ns)
{
    int64_t until_ns = world->now.own_ns + ns, step_ns = MS;
    while (world->now.own_ns < until_ns) {
        pass(world, step_ns, true);
        struct duty_step next = duty_cycle_next(&world->cycle, &world->now);
        pass(world, next.pause_ns, false);
        world->paused_ns += next.pause_ns;
        step_ns = next.compute_ns;
    }
}

START_TEST(beside_a_busy_thread_it_pauses)
{
    struct world world = { .busy = 100 };
    compute_for(&world, 20 * MS);
    ck_assert_int_gt(world.paused_ns, 40 * MS);
}
END_TEST

START_TEST(it_pauses_the_longer_the_busier_the_other_is)
{
    int64_t last_ns = 0;
    for (int busy = 20; busy <= 40; busy += 10) {
        struct world world = { .busy = busy };
        compute_for(&world, 100 * MS);
        ck_assert_int_gt(world.paused_ns, last_ns);
        last_ns = world.paused_ns;
    }
}
END_TEST

START_TEST(however_busy_the_other_is_it_computes_a_quarter_of_the_time)
{
    struct world world = { .busy = 100 };
    compute_for(&world, 1000 * MS);
    ck_assert_int_ge(world.now.own_ns * 4, world.now.now_ns);
}
END_TEST

/* bcrypt of cost 12 takes 300 ms of CPU time where cores are slow. */
START_TEST(however_busy_the_other_is_a_hash_of_300_ms_is_done_within_a_second)
{
    struct world world = { .busy = 100 };
    compute_for(&world, 320 * MS);
    ck_assert_int_lt(world.now.now_ns, 800 * MS);
}
END_TEST

START_TEST(beside_an_idle_thread_it_does_not_pause)
{
    struct world world = { .busy = 5 };
    compute_for(&world, 1000 * MS);
    ck_assert_int_eq(world.paused_ns, 0);
}
END_TEST

/* Others have taken its core. */
START_TEST(a_thread_that_got_less_than_its_share_does_not_pause)
{
    struct world world = { .busy = 100 };
    pass(&world, 400 * MS, false);
    compute_for(&world, 10 * MS);
    ck_assert_int_eq(world.paused_ns, 0);
    compute_for(&world, 500 * MS); /* by now it has its share */
    ck_assert_int_gt(world.paused_ns, 0);
}
END_TEST

/* ---- with real signals ---- */

/* Of a thread that has its core to itself, beside one that is busy all the time: it would pause at once. */
static struct duty_times ideal_clock(clockid_t other)
{
    int64_t now_ns = duty_clock_read(other).now_ns;
    return (struct duty_times){ .now_ns = now_ns, .own_ns = now_ns, .other_ns = now_ns };
}

START_TEST(it_pauses_between_begin_and_end_only)
{
    struct duty_cycle cycle;
    duty_cycle_init(&cycle, CLOCK_MONOTONIC, ideal_clock);
    compute(20 * MS);
    ck_assert_int_eq(cycle.paused_ns, 0);
    duty_cycle_begin(&cycle);
    while (*(volatile int64_t *)&cycle.paused_ns == 0)
        compute(MS);
    duty_cycle_end(&cycle);
    int64_t paused_ns = cycle.paused_ns;
    compute(20 * MS);
    ck_assert_int_eq(cycle.paused_ns, paused_ns);
    duty_cycle_finish(&cycle);
}
END_TEST

static bool is_over;

static void *stay_busy(void *none)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
        ;
    return none;
}

/* How long says the benchmark. Where others want the cores it takes some tries until the two have had a
 * moment of their own. */
START_TEST(by_the_clocks_of_this_machine_it_pauses_beside_a_busy_thread)
{
    struct duty_cycle cycle;
    pthread_t busy;
    clockid_t busy_clock;
    ck_assert_int_eq(pthread_create(&busy, NULL, stay_busy, NULL), 0);
    ck_assert_int_eq(pthread_getcpuclockid(busy, &busy_clock), 0);
    duty_cycle_init(&cycle, busy_clock, duty_clock_read);
    do {
        duty_cycle_begin(&cycle);
        compute(5 * MS);
        duty_cycle_end(&cycle);
    } while (cycle.paused_ns == 0);
    duty_cycle_finish(&cycle);
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    pthread_join(busy, NULL);
}
END_TEST

START_TEST(a_share_is_all_but_twice_what_the_other_took_and_a_third_or_hardly_less_and_later_a_half)
{
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 0), 100 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 10 * MS), 80 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 34 * MS), 32 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 36 * MS), 30 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(100 * MS, 100 * MS), 30 * MS);
    ck_assert_int_eq(duty_cycle_computed_ns(500 * MS, 500 * MS), 60 * MS + 150 * MS);
}
END_TEST

Suite *duty_cycle_suite(void)
{
    Suite *suite = suite_create("duty_cycle");
    TCase *tcase = tcase_create("share");
    tcase_set_timeout(tcase, 300);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, beside_a_busy_thread_it_pauses);
    tcase_add_test(tcase, it_pauses_the_longer_the_busier_the_other_is);
    tcase_add_test(tcase, however_busy_the_other_is_it_computes_a_quarter_of_the_time);
    tcase_add_test(tcase, however_busy_the_other_is_a_hash_of_300_ms_is_done_within_a_second);
    tcase_add_test(tcase, beside_an_idle_thread_it_does_not_pause);
    tcase_add_test(tcase, a_thread_that_got_less_than_its_share_does_not_pause);
    tcase_add_test(tcase, it_pauses_between_begin_and_end_only);
    tcase_add_test(tcase, by_the_clocks_of_this_machine_it_pauses_beside_a_busy_thread);
    tcase_add_test(tcase,
                   a_share_is_all_but_twice_what_the_other_took_and_a_third_or_hardly_less_and_later_a_half);
    return suite;
}
