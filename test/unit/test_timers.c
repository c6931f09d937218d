/* SPDX-License-Identifier: MIT */
#include "base/timers.h"

#include <stdlib.h>

#define TIMERS_N 500

static uv_loop_t loop;
static struct timers timers;
static uint64_t last_ns; /* at_ns of the timer that was due last */
static unsigned n_due;

static void set_up(void)
{
    uv_loop_init(&loop);
    ck_assert_int_eq(timers_init(&timers, &loop), 0);
    last_ns = 0;
    n_due = 0;
}

static void tear_down(void)
{
    timers_finish(&timers);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void on_due(struct timer *timer)
{
    ck_assert_uint_ge(uv_hrtime(), timer->at_ns);
    ck_assert_uint_ge(timer->at_ns, last_ns);
    last_ns = timer->at_ns;
    n_due++;
}

/* Half of them are stopped, and every third is moved. */
START_TEST(timers_are_due_in_their_order_and_stopped_ones_never)
{
    static struct timer all[TIMERS_N];
    uint64_t now_ns = uv_hrtime();
    unsigned running = 0;
    srandom(7);
    for (unsigned i = 0; i < TIMERS_N; i++)
        timers_start(&timers, &all[i], now_ns + (uint64_t)(random() % 20000000), on_due);
    for (unsigned i = 0; i < TIMERS_N; i += 3)
        timers_start(&timers, &all[i], now_ns + (uint64_t)(random() % 20000000), on_due);
    for (unsigned i = 0; i < TIMERS_N; i++) {
        if (random() % 2)
            timers_stop(&timers, &all[i]);
        running += all[i].is_running;
    }
    while (n_due < running)
        uv_run(&loop, UV_RUN_ONCE);
    for (unsigned i = 0; i < TIMERS_N; i++)
        ck_assert(!all[i].is_running);
    ck_assert_uint_eq(n_due, running);
}
END_TEST

static void on_due_again(struct timer *timer)
{
    n_due++;
    timers_start(&timers, timer, 1, on_due_again); /* long past */
}

/* A mistake of its owner costs time, but never the loop. */
START_TEST(a_timer_that_is_always_due_again_lets_the_loop_turn)
{
    struct timer timer = { 0 };
    timers_start(&timers, &timer, 1, on_due_again);
    while (n_due < 5) {
        unsigned before = n_due;
        uv_run(&loop, UV_RUN_ONCE);
        ck_assert_uint_le(n_due, before + 2); /* libuv runs timers before and after it polls */
    }
    timers_stop(&timers, &timer);
}
END_TEST

Suite *timers_suite(void)
{
    Suite *suite = suite_create("timers");
    TCase *tcase = tcase_create("timers");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, timers_are_due_in_their_order_and_stopped_ones_never);
    tcase_add_test(tcase, a_timer_that_is_always_due_again_lets_the_loop_turn);
    suite_add_tcase(suite, tcase);
    return suite;
}
