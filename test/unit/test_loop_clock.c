/* SPDX-License-Identifier: MIT */
#include "base/loop_clock.h"

#include <check.h>
#include <stdbool.h>

static uv_loop_t loop;
static struct loop_clock clock_handles;

static void set_up(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    loop_clock_start(&clock_handles, &loop);
}

static void tear_down(void)
{
    loop_clock_stop(&clock_handles);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Until the clock of uv_hrtime() shows another time. */
static void let_time_pass(void)
{
    uint64_t from_ns = uv_hrtime();
    while (uv_hrtime() == from_ns)
        ;
}

START_TEST(what_follows_from_one_event_has_one_time)
{
    uint64_t now_ns = loop_clock_now();
    let_time_pass();
    ck_assert_uint_eq(loop_clock_now(), now_ns);
}
END_TEST

START_TEST(another_event_has_another_time)
{
    uint64_t first_ns = loop_clock_now();
    let_time_pass();
    loop_clock_forget();
    uint64_t second_ns = loop_clock_now();
    ck_assert_uint_gt(second_ns, first_ns);
    let_time_pass();
    uint64_t third_ns = loop_clock_read();
    ck_assert_uint_gt(third_ns, second_ns);
    ck_assert_uint_eq(loop_clock_now(), third_ns);
}
END_TEST

static uint64_t seen_ns[2];
static int n_seen;

static void on_due(uv_timer_t *timer)
{
    seen_ns[n_seen++] = loop_clock_now();
    if (n_seen == 2)
        uv_close((uv_handle_t *)timer, NULL);
}

START_TEST(the_loop_forgets_the_time_when_it_polls)
{
    uv_timer_t timer;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_due, 0, 1); /* libuv polls before a timer is due again */
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_gt(seen_ns[1], seen_ns[0]);
}
END_TEST

START_TEST(it_does_not_keep_the_loop_alive)
{
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
}
END_TEST

START_TEST(without_a_loop_each_reading_is_new)
{
    uint64_t now_ns = loop_clock_now();
    let_time_pass();
    ck_assert_uint_gt(loop_clock_now(), now_ns);
}
END_TEST

Suite *loop_clock_suite(void)
{
    Suite *suite = suite_create("loop_clock");
    TCase *with_loop = tcase_create("with a loop"), *alone = tcase_create("alone");
    tcase_add_checked_fixture(with_loop, set_up, tear_down);
    tcase_add_test(with_loop, what_follows_from_one_event_has_one_time);
    tcase_add_test(with_loop, another_event_has_another_time);
    tcase_add_test(with_loop, the_loop_forgets_the_time_when_it_polls);
    tcase_add_test(with_loop, it_does_not_keep_the_loop_alive);
    tcase_add_test(alone, without_a_loop_each_reading_is_new);
    suite_add_tcase(suite, with_loop);
    suite_add_tcase(suite, alone);
    return suite;
}
