/* SPDX-License-Identifier: MIT
 *
 * Lets a thread that computes stand still for a part of each period, the longer the busier another thread is.
 *
 * Low priority is not enough where cores are few: the kernel sees that the core of the computation is taken,
 * and packs all that wakes for a moment, the loop and the database, onto the others. On two cores a hash of
 * nice 19 made the p99 of reads at half load 3 to 7 times as long, one that stands still 1.3 to 1.6 times
 * (test/bench, row storm).
 */
#ifndef OPS_DUTY_CYCLE_H
#define OPS_DUTY_CYCLE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct duty_cycle {
    timer_t timer;
    bool has_timer;
    clockid_t other;   /* the CPU time of the thread that goes first */
    int64_t other_ns;  /* it, and */
    int64_t now_ns;    /* the time, when last looked */
    int64_t busy;      /* of the other thread, in percent, smoothed */
    int64_t paused_ns; /* since duty_cycle_begin() */
};

/* Of the calling thread. `other` comes from pthread_getcpuclockid. Without memory for a timer the thread just
 * does not pause. Takes the signal SIGRTMIN for its own. */
void duty_cycle_init(struct duty_cycle *cycle, clockid_t other);
void duty_cycle_finish(struct duty_cycle *cycle);

/* The thread computes between these two, and must hold no lock that others wait for. */
void duty_cycle_begin(struct duty_cycle *cycle);
void duty_cycle_end(struct duty_cycle *cycle);

#endif
