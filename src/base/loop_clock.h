/* SPDX-License-Identifier: MIT
 *
 * The time of the event that the loop is handling. Reading the clock takes some 25 ns, and a call would do so
 * eight times in its 4 us: for its account, its query and its deadline. So the clock is read once for each
 * event (a socket that became ready, a timer that is due), and everything that follows from the event shares
 * that reading. It is late by no more than the event has been handled for, well under POLLER_TURN_NS.
 *
 * To be used for measuring and for deadlines that are checked again later. Where time passes inside one
 * event, as in a loop with a time budget, uv_hrtime() or loop_clock_read() are right.
 *
 * Loop thread only; a process has one loop with such a clock. Without it (in tools and tests) every reading
 * is a new one.
 */
#ifndef BASE_LOOP_CLOCK_H
#define BASE_LOOP_CLOCK_H

#include <stdint.h>
#include <uv.h>

/* The handles that forget the reading before and after the loop polls. */
struct loop_clock {
    uv_prepare_t prepare;
    uv_check_t check;
};

/* The clock of uv_hrtime(), ns; read anew if it was forgotten. */
uint64_t loop_clock_now(void);

/* Reads the clock anew: what loop_clock_now() returns until the next event. */
uint64_t loop_clock_read(void);

/* Another event begins: the next loop_clock_now() reads anew. */
void loop_clock_forget(void);

/* The handles do not keep the loop alive. */
void loop_clock_start(struct loop_clock *clock, uv_loop_t *loop);

/* Closes the handles; `clock` must live until the loop has closed them. */
void loop_clock_stop(struct loop_clock *clock);

#endif
