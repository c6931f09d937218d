/* SPDX-License-Identifier: MIT
 *
 * The time of day. It jumps when it is set: use it to tell people when something was, not to measure. Any
 * thread.
 */
#ifndef BASE_WALL_CLOCK_H
#define BASE_WALL_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, UTC. */
int64_t wall_clock_ms(void);

#endif
