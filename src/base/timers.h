/* SPDX-License-Identifier: MIT
 *
 * Many timers in one heap behind a single uv_timer_t: starting and stopping a timer allocates nothing and
 * makes no system call. For deadlines of calls and timeouts of connections, nearly all of which are stopped
 * before they are due.
 *
 * Loop thread only.
 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Part of its owner; zeroed: stopped. */
struct timer {
    uint64_t at_ns; /* uv_hrtime() */
    void (*on_due)(struct timer *timer);
    bool is_running;
    struct timer *child, *next, *prev; /* links in the heap */
};

struct timers {
    uv_timer_t handle;
    struct timer *root;
    uint64_t armed_ns;  /* when the handle fires; UINT64_MAX: not armed */
    uint64_t firing_ns; /* the timers due until then are being run; 0: none are */
};

/* Returns 0 or a UV_E* code. */
int timers_init(struct timers *timers, uv_loop_t *loop);

/* on_due runs once, on the loop, when uv_hrtime() has reached at_ns; never earlier, and never inside this
 * function. A running timer is restarted. */
void timers_start(struct timers *timers, struct timer *timer, uint64_t at_ns,
                  void (*on_due)(struct timer *timer));

/* on_due will not run. Does nothing if the timer is stopped. */
void timers_stop(struct timers *timers, struct timer *timer);

/* Closes the handle: no timer fires any more. `timers` must live until the loop has closed the handle. */
void timers_finish(struct timers *timers);

#endif
