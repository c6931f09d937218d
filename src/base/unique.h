/* SPDX-License-Identifier: MIT
 *
 * Unique numbers: they do not repeat within a process, and those of other processes, or after a restart, are
 * very unlikely to coincide. Not secret: from one the next can be computed. One thread.
 */
#ifndef BASE_UNIQUE_H
#define BASE_UNIQUE_H

#include <stdint.h>

uint64_t unique_next(void);

#endif
