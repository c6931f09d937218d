/* SPDX-License-Identifier: MIT
 *
 * Many timers in one heap behind one handle of libuv: starting and stopping one allocates nothing and makes
 * no system call. For deadlines of calls and time-outs of connections, nearly all of which are stopped before
 * they are due.
 *
 * Loop thread only.
 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* In its owner's memory; zeroed is stopped. */
struct timer {
    uint64_t at_ns; /* uv_hrtime() */
    void (*on_due)(struct timer *timer);
    bool is_running;
    struct timer *child, *next, *prev; /* the heap's */
};

struct timers {
    uv_timer_t handle;
    struct timer *root;
    uint64_t armed_ns;  /* when the handle fires; UINT64_MAX: it does not */
    uint64_t firing_ns; /* those due until then are being run; 0: none are */
};

/* Returns 0 or a UV_E* code. */
int timers_init(struct timers *timers, uv_loop_t *loop);

/* on_due runs once, on the loop, when uv_hrtime() has reached at_ns and never before it, nor inside this
 * call. A running timer is moved. */
void timers_start(struct timers *timers, struct timer *timer, uint64_t at_ns,
                  void (*on_due)(struct timer *timer));

/* on_due will not run. A stopped timer is let pass. */
void timers_stop(struct timers *timers, struct timer *timer);

/* Closes the handle: nothing is due any more. `timers` must live until the loop has run empty. */
void timers_finish(struct timers *timers);

#endif
