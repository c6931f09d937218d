/* SPDX-License-Identifier: MIT
 *
 * A timer signals the computing thread once a period, and the signal handler sleeps for the pause.
 */
#include "login/duty_cycle.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define PERIOD_NS 1000000
/* The pause in a period is PAUSE_FACTOR times as long as the other thread was busy, but at most PAUSE_MAX of
 * the period. A computation that has taken LATER_NS holds up the jobs queued behind it, so from then on at
 * most PAUSE_MAX_LATER. If the other thread is busy for less than BUSY_MIN there is no pause. */
#define PAUSE_FACTOR    2
#define PAUSE_MAX       70 /* percent */
#define PAUSE_MAX_LATER 50 /* percent */
#define LATER_NS        INT64_C(200000000)
#define BUSY_MIN        10 /* percent */

static int64_t read_ns(clockid_t clock)
{
    struct timespec time = { 0 };
    clock_gettime(clock, &time); /* fails for a thread that has ended: 0, not busy */
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct duty_times duty_clock_read(clockid_t other)
{
    return (struct duty_times){ .now_ns = read_ns(CLOCK_MONOTONIC),
                                .own_ns = read_ns(CLOCK_THREAD_CPUTIME_ID),
                                .other_ns = read_ns(other) };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sends one signal after so long; 0: none. */
static void set_timer(const struct duty_cycle *cycle, int64_t after_ns)
{
    timer_settime(cycle->timer, 0, &(struct itimerspec){ .it_value.tv_nsec = after_ns }, NULL);
}

/* In percent of a period. */
static int64_t wanted_pause(struct duty_cycle *cycle, const struct duty_times *times)
{
    const struct duty_times *last = &cycle->last;
    int64_t busy_ns = times->other_ns - last->other_ns, passed_ns = times->now_ns - last->now_ns;
    int64_t busy = passed_ns > 0 ? busy_ns * 100 / passed_ns : 0;
    cycle->last = *times;
    cycle->busy += (busy - cycle->busy) / 4;
    bool is_long = times->now_ns - cycle->begun.now_ns > LATER_NS;
    return cycle->busy < BUSY_MIN ? 0
                                  : least(cycle->busy * PAUSE_FACTOR, is_long ? PAUSE_MAX_LATER : PAUSE_MAX);
}

/* Whether the thread got less CPU time than pauses alone would leave it, because other threads want its core,
 * too. */
static bool is_behind(const struct duty_cycle *cycle, const struct duty_times *times)
{
    const struct duty_times *begun = &cycle->begun;
    return times->own_ns - begun->own_ns <
           duty_cycle_computed_ns(times->now_ns - begun->now_ns, times->other_ns - begun->other_ns);
}

struct duty_step duty_cycle_next(struct duty_cycle *cycle, const struct duty_times *times)
{
    int64_t pause_ns = wanted_pause(cycle, times) * PERIOD_NS / 100;
    return (struct duty_step){ .pause_ns = is_behind(cycle, times) ? 0 : pause_ns,
                               .compute_ns = PERIOD_NS - pause_ns };
}

/* A signal handler: calls only functions that signal-safety(7) lists, and nanosleep(), a plain system call.
 */
static void on_period(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (info->si_code != SI_TIMER) /* sent by kill(), not by our timer */
        return;
    int saved_errno = errno;
    struct duty_cycle *cycle = info->si_value.sival_ptr;
    if (!cycle->is_on)
        return;
    struct duty_times times = cycle->clock(cycle->other);
    struct duty_step next = duty_cycle_next(cycle, &times);
    if (next.pause_ns > 0) {
        nanosleep(&(struct timespec){ .tv_nsec = next.pause_ns }, NULL);
        cycle->paused_ns += cycle->clock(cycle->other).now_ns - times.now_ns;
    }
    set_timer(cycle, next.compute_ns);
    errno = saved_errno;
}

void duty_cycle_init(struct duty_cycle *cycle, clockid_t other, duty_clock *clock)
{
    *cycle = (struct duty_cycle){ .other = other, .clock = clock };
    struct sigaction action = { .sa_sigaction = on_period, .sa_flags = SA_SIGINFO | SA_RESTART };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
                              .sigev_signo = SIGRTMIN,
                              .sigev_value.sival_ptr = cycle };
    event._sigev_un._tid = gettid();
    cycle->has_timer =
        sigaction(SIGRTMIN, &action, NULL) == 0 && timer_create(CLOCK_MONOTONIC, &event, &cycle->timer) == 0;
}

void duty_cycle_finish(struct duty_cycle *cycle)
{
    if (cycle->has_timer)
        timer_delete(cycle->timer);
}

void duty_cycle_begin(struct duty_cycle *cycle)
{
    if (!cycle->has_timer)
        return;
    cycle->begun = cycle->last = cycle->clock(cycle->other);
    cycle->paused_ns = 0;
    cycle->is_on = true;
    set_timer(cycle, PERIOD_NS);
}

void duty_cycle_end(struct duty_cycle *cycle)
{
    if (!cycle->has_timer)
        return;
    cycle->is_on = false;
    set_timer(cycle, 0);
}

/* A pause grows with how busy the other thread is, up to a maximum. So for a given other_ns the pauses add up
 * to most if it was equally busy all the time. */
int64_t duty_cycle_computed_ns(int64_t passed_ns, int64_t other_ns)
{
    int64_t first_ns = least(passed_ns, LATER_NS);
    int64_t most_ns = first_ns * PAUSE_MAX / 100 + (passed_ns - first_ns) * PAUSE_MAX_LATER / 100;
    return passed_ns - least(other_ns * PAUSE_FACTOR, most_ns);
}
