/* SPDX-License-Identifier: MIT
 *
 * From a pointer to a member to the struct that contains it, for callbacks that are given the member.
 */
#ifndef BASE_CONTAINER_OF_H
#define BASE_CONTAINER_OF_H

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
