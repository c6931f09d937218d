/* SPDX-License-Identifier: MIT
 *
 * An arena: memory that is allocated piece by piece and freed all at once, such as that of a call. Any one
 * thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Zeroed is a valid empty arena. */
struct arena {
    struct arena_block *first;   /* kept by arena_reset() */
    struct arena_block *current; /* the block being filled */
};

/* `len` zeroed bytes aligned for any type, valid until arena_reset; NULL without memory. len may be 0. */
void *arena_alloc(struct arena *arena, size_t len);

/* Text in the arena, printf-style; NULL without memory. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);

/* A mark in an arena: arena_rewind frees what was allocated after it. */
struct arena_mark {
    struct arena_block *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Frees everything except the first block, which is kept for the next use. */
void arena_reset(struct arena *arena);

/* Frees everything; the arena is empty and may be used again. */
void arena_finish(struct arena *arena);

#endif
