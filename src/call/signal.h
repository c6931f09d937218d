/* SPDX-License-Identifier: MIT
 *
 * A signal: something that happens now and then, and the calls that wait for the next time. Loop thread only.
 */
#ifndef CALL_SIGNAL_H
#define CALL_SIGNAL_H

#include "call/call.h"

/* `then` runs at the next signal_raise, on the loop, never inside this call. */
CALL_MUST_USE enum next signal_wait(struct call *call, struct signal *signal,
                                    enum next (*then)(struct call *call));

/* It has happened: every call that waits goes on. Calls that wait again meanwhile wait for the next time. */
void signal_raise(struct signal *signal);

#endif
