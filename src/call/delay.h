/* SPDX-License-Identifier: MIT
 *
 * Lets a call wait for a moment in time. Loop thread only.
 */
#ifndef CALL_DELAY_H
#define CALL_DELAY_H

#include "call/call.h"

/* `then` runs when uv_hrtime() has reached at_ns, never before it; on the loop's next turn if at_ns has
 * passed already. Takes a timer meanwhile, no thread. */
CALL_MUST_USE enum next call_delay(struct call *call, uint64_t at_ns, enum next (*then)(struct call *call));

#endif
