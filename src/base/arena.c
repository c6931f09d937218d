/* SPDX-License-Identifier: MIT
 *
 * A chain of blocks. The first one covers nearly every call, so that a recycled call allocates nothing.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT alignof(max_align_t)
#define BLOCK_LEN ((size_t)2048 - sizeof(struct arena_block))

struct arena_block {
    struct arena_block *next;
    size_t len;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t len)
{
    if (len < BLOCK_LEN)
        len = BLOCK_LEN;
    struct arena_block *block = malloc(sizeof *block + len);
    if (!block)
        return NULL;
    *block = (struct arena_block){ .len = len };
    if (arena->current)
        arena->current->next = block;
    else
        arena->first = block;
    arena->current = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    if (len > PTRDIFF_MAX - BLOCK_LEN)
        return NULL;
    len = (len + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    struct arena_block *block = arena->current;
    if (!block || block->len - block->used < len)
        block = add_block(arena, len);
    if (!block)
        return NULL;
    void *piece = block->bytes + block->used;
    block->used += len;
    return memset(piece, 0, len);
}

static void free_chain(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_block *first = arena->first;
    if (!first)
        return;
    if (first->len > BLOCK_LEN) { /* an unusually large first piece is not worth keeping */
        arena_finish(arena);
        return;
    }
    free_chain(first->next);
    first->next = NULL;
    first->used = 0;
    arena->current = first;
}

void arena_finish(struct arena *arena)
{
    free_chain(arena->first);
    *arena = (struct arena){ 0 };
}
