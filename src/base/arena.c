/* SPDX-License-Identifier: MIT
 *
 * A chain of blocks. The first one (2 KB) suffices for nearly every call, so a recycled call allocates
 * nothing.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
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

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

static void free_chain(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){ .block = arena->current, .used = arena->current ? arena->current->used : 0 };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    if (!mark.block) {
        arena_reset(arena);
        return;
    }
    free_chain(mark.block->next);
    mark.block->next = NULL;
    mark.block->used = mark.used;
    arena->current = mark.block;
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
