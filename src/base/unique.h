/* SPDX-License-Identifier: MIT
 *
 * Numbers that differ from each other and from those of other processes and of after a restart. They are no
 * secrets: who sees some can tell the others. One thread.
 */
#ifndef BASE_UNIQUE_H
#define BASE_UNIQUE_H

#include <stdint.h>

uint64_t unique_next(void);

#endif
