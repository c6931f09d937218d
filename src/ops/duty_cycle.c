/* SPDX-License-Identifier: MIT
 *
 * A timer signals the thread once a period, and the handler sleeps what is left of it.
 */
#include "ops/duty_cycle.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define PERIOD_NS 1000000
/* In percent. What of a period is slept is twice what the other thread was busy, but the computation goes on
 * at a seventh of its speed at least. A thread that is hardly busy wants nothing. */
#define BUSY_MIN  10
#define PAUSE_MAX 85

static int64_t read_ns(clockid_t clock)
{
    struct timespec time = { 0 };
    clock_gettime(clock, &time); /* a thread that has ended is not busy */
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* How busy the other thread was since this was called last, in percent. */
static int64_t busy_since(struct duty_cycle *cycle)
{
    int64_t other_ns = read_ns(cycle->other), now_ns = read_ns(CLOCK_MONOTONIC);
    int64_t busy_ns = other_ns - cycle->other_ns, passed_ns = now_ns - cycle->now_ns;
    cycle->other_ns = other_ns;
    cycle->now_ns = now_ns;
    return passed_ns > 0 ? busy_ns * 100 / passed_ns : 0;
}

/* One signal after so long; 0: none. */
static void set_timer(const struct duty_cycle *cycle, int64_t after_ns)
{
    if (cycle->has_timer)
        timer_settime(cycle->timer, 0, &(struct itimerspec){ .it_value.tv_nsec = after_ns }, NULL);
}

/* Calls nothing but what signal-safety(7) allows. */
static void on_period(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (info->si_code != SI_TIMER) /* somebody's kill */
        return;
    int saved_errno = errno;
    struct duty_cycle *cycle = info->si_value.sival_ptr;
    int64_t pause = 0;
    cycle->busy += (busy_since(cycle) - cycle->busy) / 4;
    if (cycle->busy >= BUSY_MIN) {
        pause = cycle->busy * 2 < PAUSE_MAX ? cycle->busy * 2 : PAUSE_MAX;
        int64_t began_ns = read_ns(CLOCK_MONOTONIC);
        nanosleep(&(struct timespec){ .tv_nsec = pause * PERIOD_NS / 100 }, NULL);
        cycle->paused_ns += read_ns(CLOCK_MONOTONIC) - began_ns;
    }
    set_timer(cycle, (100 - pause) * PERIOD_NS / 100);
    errno = saved_errno;
}

void duty_cycle_init(struct duty_cycle *cycle, clockid_t other)
{
    *cycle = (struct duty_cycle){ .other = other };
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
    (void)busy_since(cycle);
    cycle->paused_ns = 0;
    set_timer(cycle, PERIOD_NS);
}

void duty_cycle_end(struct duty_cycle *cycle)
{
    set_timer(cycle, 0);
}
