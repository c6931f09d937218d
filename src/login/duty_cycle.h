/* SPDX-License-Identifier: MIT
 *
 * Lets a thread that computes stand still for a part of each period, the longer the busier another thread is.
 *
 * Low priority is not enough where cores are few: the kernel sees that the core of the computation is taken,
 * and packs all that wakes for a moment, the loop and the database, onto the others. On two cores a hash of
 * nice 19 made the p99 of reads at half load 3 to 7 times as long, one that stands still 1.2 to 1.6 times
 * (test/bench, row storm).
 *
 * Nor may it starve: a thread that got less of its core than is left to it does not stand still. So how long
 * a computation takes at most follows from what the other thread did meanwhile, and from nothing else. That
 * needs the kernel's help: a thread of nice 19 gets a hundredth of a core that others want all the time, so
 * one that stands still by itself has no low priority besides.
 */
#ifndef LOGIN_DUTY_CYCLE_H
#define LOGIN_DUTY_CYCLE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct duty_times {
    int64_t now_ns;   /* uv_hrtime()'s clock */
    int64_t own_ns;   /* CPU time of the thread that computes, which asks, and */
    int64_t other_ns; /* of the one that goes first */
};

/* Tells the times; `other` comes from pthread_getcpuclockid. Called from within signal handlers, too. */
typedef struct duty_times(duty_clock)(clockid_t other);
/* The one of this machine. Whoever tests passes in another. */
duty_clock duty_clock_read;

struct duty_cycle {
    timer_t timer;
    bool has_timer;
    volatile sig_atomic_t is_on; /* between begin and end: a late signal does nothing */
    duty_clock *clock;
    clockid_t other;
    struct duty_times begun, last; /* at duty_cycle_begin(), and in the last period */
    int64_t busy;                  /* the other thread, in percent, smoothed */
    int64_t paused_ns;             /* since duty_cycle_begin() */
};

/* Of the calling thread. Without memory for a timer the thread just does not pause. Takes the signal SIGRTMIN
 * for its own. */
void duty_cycle_init(struct duty_cycle *cycle, clockid_t other, duty_clock *clock);
void duty_cycle_finish(struct duty_cycle *cycle);

/* The thread computes between these two, and must hold no lock that others wait for. With a zeroed cycle it
 * does not pause. */
void duty_cycle_begin(struct duty_cycle *cycle);
void duty_cycle_end(struct duty_cycle *cycle);

/* What to do from now on: stand still for so long, then compute for so long until it is asked again. */
struct duty_step {
    int64_t pause_ns, compute_ns;
};
/* By what happened since it was asked last, and since begin. The timer's signal asks; so may a test. */
struct duty_step duty_cycle_next(struct duty_cycle *cycle, const struct duty_times *times);

/* How long a thread has computed in passed_ns since begin, if the other thread was busy for other_ns of them:
 * a thread that has not does not pause. */
int64_t duty_cycle_computed_ns(int64_t passed_ns, int64_t other_ns);

#endif
