/* SPDX-License-Identifier: MIT
 *
 * Memory of one call: handed out piece by piece, taken back all at once. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed is a valid empty arena. */
struct arena {
    struct arena_block *first;   /* kept between calls */
    struct arena_block *current; /* the one being filled */
};

/* `len` zeroed bytes aligned for any type, valid until arena_reset; NULL when there is no memory. len may be
 * 0. */
void *arena_alloc(struct arena *arena, size_t len);

/* Takes everything back, keeping the first block for the next use. */
void arena_reset(struct arena *arena);

/* Frees everything; the arena is empty and may be used again. */
void arena_finish(struct arena *arena);

#endif
