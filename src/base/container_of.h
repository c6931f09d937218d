/* SPDX-License-Identifier: MIT
 *
 * From a member to the struct that holds it: how a callback that is handed a part finds the whole.
 */
#ifndef BASE_CONTAINER_OF_H
#define BASE_CONTAINER_OF_H

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
