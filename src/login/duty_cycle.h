/* SPDX-License-Identifier: MIT
 *
 * Makes a computing thread pause for a part of each period: the longer, the busier another thread (the
 * loop's) is.
 *
 * With few cores low priority is not enough, because the kernel avoids a core that computes, and packs the
 * loop and the database onto the others. On two cores a hash at nice 19 made the p99 of reads at half load 3
 * to 7 times as long; one that pauses, 1.2 to 1.6 times (test/bench, row storm).
 *
 * The computing thread does not starve either: if it got less of its core than its share it does not pause.
 * So the longest time that a computation takes depends on the other thread only. For that it must not have a
 * low priority besides: at nice 19 the kernel gives a thread a hundredth of a core that others always want.
 */
#ifndef LOGIN_DUTY_CYCLE_H
#define LOGIN_DUTY_CYCLE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct duty_times {
    int64_t now_ns;   /* uv_hrtime()'s clock */
    int64_t own_ns;   /* CPU time of the computing thread, which calls, and */
    int64_t other_ns; /* of the other thread, which has priority */
};

/* Tells the times; `other` is from pthread_getcpuclockid(). Called in signal handlers, too. */
typedef struct duty_times(duty_clock)(clockid_t other);
/* The real one; tests use others. */
duty_clock duty_clock_read;

struct duty_cycle {
    timer_t timer;
    bool has_timer;
    volatile sig_atomic_t is_on; /* between begin and end: a late signal does nothing */
    duty_clock *clock;
    clockid_t other;
    struct duty_times begun, last; /* at duty_cycle_begin(); at the last signal */
    int64_t busy;                  /* how busy the other thread is, in percent, smoothed */
    int64_t paused_ns;             /* since duty_cycle_begin() */
};

/* For the calling thread. Uses the signal SIGRTMIN. If no timer can be made, the thread never pauses. */
void duty_cycle_init(struct duty_cycle *cycle, clockid_t other, duty_clock *clock);
void duty_cycle_finish(struct duty_cycle *cycle);

/* Enclose the computation, during which the thread must not hold a lock that others wait for. With a zeroed
 * cycle it does not pause. */
void duty_cycle_begin(struct duty_cycle *cycle);
void duty_cycle_end(struct duty_cycle *cycle);

/* What to do next: pause for so long, then compute for so long until the next signal. */
struct duty_step {
    int64_t pause_ns, compute_ns;
};
/* Decides from what happened since the last step and since begin. Called by the timer's signal, and by tests.
 */
struct duty_step duty_cycle_next(struct duty_cycle *cycle, const struct duty_times *times);

/* The least time that a thread has computed in passed_ns since begin, if the other thread was busy for
 * other_ns of them: a thread that is below it does not pause. */
int64_t duty_cycle_computed_ns(int64_t passed_ns, int64_t other_ns);

#endif
