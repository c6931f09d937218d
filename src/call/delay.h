/* SPDX-License-Identifier: MIT
 *
 * A call that waits for nothing but time.
 */
#ifndef CALL_DELAY_H
#define CALL_DELAY_H

#include "call/call.h"

/* `then` runs when uv_hrtime() has reached at_ns, never before; on the next turn if it has already. Holds a
 * timer and no thread meanwhile. */
CALL_MUST_USE enum next call_delay(struct call *call, uint64_t at_ns, enum next (*then)(struct call *call));

#endif
