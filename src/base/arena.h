/* SPDX-License-Identifier: MIT
 *
 * Memory of one call: handed out piece by piece, taken back all at once. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
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

/* Text in the arena, printf-style; NULL when there is no memory. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);

/* A moment in an arena's life: arena_rewind takes back what was handed out after it. */
struct arena_mark {
    struct arena_block *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Takes everything back, keeping the first block for the next use. */
void arena_reset(struct arena *arena);

/* Frees everything; the arena is empty and may be used again. */
void arena_finish(struct arena *arena);

#endif
