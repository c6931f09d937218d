/* SPDX-License-Identifier: MIT */
#include "base/loop_clock.h"

#include <stdbool.h>

static bool is_started;
static uint64_t read_ns; /* the last reading; 0: forgotten */

uint64_t loop_clock_now(void)
{
    return read_ns ? read_ns : loop_clock_read();
}

uint64_t loop_clock_read(void)
{
    uint64_t now_ns = uv_hrtime();
    if (is_started)
        read_ns = now_ns;
    return now_ns;
}

void loop_clock_forget(void)
{
    read_ns = 0;
}

static void on_prepare(uv_prepare_t *prepare)
{
    (void)prepare;
    loop_clock_forget();
}

static void on_check(uv_check_t *check)
{
    (void)check;
    loop_clock_forget();
}

void loop_clock_start(struct loop_clock *clock, uv_loop_t *loop)
{
    uv_prepare_init(loop, &clock->prepare); /* these four cannot fail (libuv's documentation) */
    uv_check_init(loop, &clock->check);
    uv_prepare_start(&clock->prepare, on_prepare);
    uv_check_start(&clock->check, on_check);
    uv_unref((uv_handle_t *)&clock->prepare);
    uv_unref((uv_handle_t *)&clock->check);
    is_started = true;
}

void loop_clock_stop(struct loop_clock *clock)
{
    is_started = false;
    loop_clock_forget();
    uv_close((uv_handle_t *)&clock->prepare, NULL);
    uv_close((uv_handle_t *)&clock->check, NULL);
}
