/* SPDX-License-Identifier: MIT
 *
 * A signal: an event within svcd for whose next occurrence any number of calls can wait (not a Unix signal).
 * Loop thread only.
 */
#ifndef CALL_SIGNAL_H
#define CALL_SIGNAL_H

#include "call/call.h"

/* `then` runs inside the next signal_raise(), never inside this function. */
CALL_MUST_USE enum next signal_wait(struct call *call, struct signal *signal,
                                    enum next (*then)(struct call *call));

/* Resumes every call that waits. Calls that wait again meanwhile wait for the next signal_raise(). */
void signal_raise(struct signal *signal);

#endif
