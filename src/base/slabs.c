/* SPDX-License-Identifier: MIT
 *
 * Slabs lie at multiples of their length, so a block's slab is found by rounding its address down. Free
 * memory is poisoned for AddressSanitizer.
 */
#include "base/slabs.h"

#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_LEN ((size_t)65536)
#define HEAD_LEN ((size_t)64) /* where a slab's first block begins */
#define FRESH    16           /* slabs mapped at once, to save system calls */
#define TRIMMED  256          /* slabs that slabs_trim() unmaps at most: 16 MB */

struct slab {
    struct slab_size *size; /* NULL: a single large block with a mapping of its own */
    LIST_ENTRY(slab) link;  /* size->with_room, unless it is full */
    void *freed;            /* list of freed blocks: each begins with the address of the next */
    size_t used_n;
    size_t end;    /* offset after which no block was handed out yet; of a large block the mapping's length */
    bool is_dirty; /* used before, perhaps for another size: its memory may not be zero */
};

static const size_t lengths[SLABS_SIZES] = { 32,   64,   96,   128,  192,  256,  384,  512,   768,
                                             1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, SLABS_LEN_MAX };

void slabs_init(struct slabs *slabs)
{
    size_t size = 0;
    slabs->mapped = 0;
    slabs->spare_n = slabs->spare_least = 0;
    slabs->fresh = NULL;
    slabs->fresh_n = 0;
    LIST_INIT(&slabs->spare);
    for (size_t i = 0; i < SLABS_SIZES; i++) {
        slabs->sizes[i].len = lengths[i];
        LIST_INIT(&slabs->sizes[i].with_room);
    }
    for (size_t step = 0; step <= SLABS_LEN_MAX / SLABS_STEP; step++) {
        while (lengths[size] < step * SLABS_STEP)
            size++;
        slabs->size_of[step] = (uint8_t)size;
    }
}

/* ---- mappings ---- */

/* Maps memory at a multiple of SLAB_LEN. Linux mostly places a mapping right below the last one, so after the
 * first it is usually aligned already. */
static uint8_t *map(size_t len)
{
    uint8_t *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    if ((uintptr_t)at % SLAB_LEN == 0)
        return at;
    munmap(at, len);
    at = mmap(NULL, len + SLAB_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t before = SLAB_LEN - (uintptr_t)at % SLAB_LEN;
    munmap(at, before);
    if (before < SLAB_LEN)
        munmap(at + before + len, SLAB_LEN - before);
    return at + before;
}

static struct slab *slab_map(struct slabs *slabs, size_t len)
{
    struct slab *slab = (struct slab *)map(len);
    if (!slab)
        return NULL;
    madvise(slab, len, MADV_NOHUGEPAGE); /* most of it may never be touched */
    slabs->mapped += len;
    ASAN_POISON_MEMORY_REGION((uint8_t *)slab + HEAD_LEN, len - HEAD_LEN);
    return slab;
}

static void slab_unmap(struct slabs *slabs, struct slab *slab, size_t len)
{
    slabs->mapped -= len;
    ASAN_UNPOISON_MEMORY_REGION(slab, len);
    munmap(slab, len);
}

static struct slab *take_fresh(struct slabs *slabs)
{
    if (slabs->fresh_n == 0) {
        struct slab *many = slab_map(slabs, FRESH * SLAB_LEN);
        if (!many)
            return slab_map(slabs, SLAB_LEN);
        slabs->fresh = (uint8_t *)many;
        slabs->fresh_n = FRESH;
    }
    struct slab *slab = (struct slab *)slabs->fresh;
    slabs->fresh += SLAB_LEN;
    slabs->fresh_n--;
    ASAN_UNPOISON_MEMORY_REGION(slab, HEAD_LEN);
    return slab;
}

static struct slab *slab_create(struct slabs *slabs, struct slab_size *size)
{
    struct slab *slab = LIST_FIRST(&slabs->spare);
    if (slab) {
        LIST_REMOVE(slab, link);
        slabs->spare_n--;
        if (slabs->spare_n < slabs->spare_least)
            slabs->spare_least = slabs->spare_n;
    } else if (!(slab = take_fresh(slabs))) {
        return NULL;
    }
    slab->size = size;
    slab->end = HEAD_LEN;
    slab->freed = NULL;
    LIST_INSERT_HEAD(&size->with_room, slab, link);
    return slab;
}

/* The slab must have no block in use. */
static void slab_destroy(struct slabs *slabs, struct slab *slab)
{
    LIST_REMOVE(slab, link);
    slab->is_dirty = true;
    LIST_INSERT_HEAD(&slabs->spare, slab, link);
    slabs->spare_n++;
}

static struct slab *slab_of(void *block)
{
    return (struct slab *)((uintptr_t)block & ~(SLAB_LEN - 1));
}

static size_t room_of(const struct slab *slab)
{
    return slab->size ? slab->size->len : slab->end - HEAD_LEN;
}

static bool is_full(const struct slab *slab)
{
    return !slab->freed && slab->end + slab->size->len > SLAB_LEN;
}

/* ---- blocks ---- */

static void *take_large(struct slabs *slabs, size_t len)
{
    if (len > SIZE_MAX / 2)
        return NULL;
    size_t mapped = (len + HEAD_LEN + 4095) & ~(size_t)4095;
    struct slab *slab = slab_map(slabs, mapped);
    if (!slab)
        return NULL;
    slab->end = mapped;
    return (uint8_t *)slab + HEAD_LEN;
}

/* *is_zero: the block was never used, so its memory is still zero. */
static void *take(struct slabs *slabs, size_t len, bool *is_zero)
{
    *is_zero = true;
    if (len > SLABS_LEN_MAX)
        return take_large(slabs, len);
    struct slab_size *size = &slabs->sizes[slabs->size_of[(len + SLABS_STEP - 1) / SLABS_STEP]];
    struct slab *slab = LIST_FIRST(&size->with_room);
    if (!slab && !(slab = slab_create(slabs, size)))
        return NULL;
    void *block = slab->freed;
    *is_zero = !block && !slab->is_dirty;
    if (block) {
        ASAN_UNPOISON_MEMORY_REGION(block, sizeof slab->freed);
        memcpy(&slab->freed, block, sizeof slab->freed);
    } else {
        block = (uint8_t *)slab + slab->end;
        slab->end += size->len;
    }
    slab->used_n++;
    if (is_full(slab))
        LIST_REMOVE(slab, link);
    return block;
}

void *slabs_alloc(struct slabs *slabs, size_t len)
{
    bool is_zero;
    void *block = take(slabs, len, &is_zero);
    if (block)
        ASAN_UNPOISON_MEMORY_REGION(block, len);
    return block;
}

void *slabs_calloc(struct slabs *slabs, size_t n, size_t len)
{
    bool is_zero;
    size_t total;
    void *block = __builtin_mul_overflow(n, len, &total) ? NULL : take(slabs, total, &is_zero);
    if (!block)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(block, total);
    if (!is_zero)
        memset(block, 0, total);
    return block;
}

void slabs_free(struct slabs *slabs, void *block)
{
    if (!block)
        return;
    struct slab *slab = slab_of(block);
    if (!slab->size) {
        slab_unmap(slabs, slab, slab->end);
        return;
    }
    if (is_full(slab))
        LIST_INSERT_HEAD(&slab->size->with_room, slab, link);
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof slab->freed);
    memcpy(block, &slab->freed, sizeof slab->freed);
    ASAN_POISON_MEMORY_REGION(block, slab->size->len);
    slab->freed = block;
    if (--slab->used_n == 0)
        slab_destroy(slabs, slab);
}

void *slabs_realloc(struct slabs *slabs, void *block, size_t len)
{
    if (!block)
        return slabs_alloc(slabs, len);
    size_t room = room_of(slab_of(block));
    if (len <= room) {
        ASAN_UNPOISON_MEMORY_REGION(block, len);
        return block;
    }
    void *larger = slabs_alloc(slabs, len);
    if (!larger)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(block, room); /* the length asked for is not recorded: copy all of it */
    memcpy(larger, block, room);
    slabs_free(slabs, block);
    return larger;
}

static void unmap_spare(struct slabs *slabs, unsigned n)
{
    for (; n > 0; n--) {
        struct slab *slab = LIST_FIRST(&slabs->spare);
        LIST_REMOVE(slab, link);
        slabs->spare_n--;
        slab_unmap(slabs, slab, SLAB_LEN);
    }
}

void slabs_trim(struct slabs *slabs)
{
    unsigned unwanted = slabs->spare_least > SLABS_KEPT ? slabs->spare_least - SLABS_KEPT : 0;
    unsigned half = (unwanted + 1) / 2;
    unmap_spare(slabs, half < TRIMMED ? half : TRIMMED);
    slabs->spare_least = slabs->spare_n;
}

void slabs_finish(struct slabs *slabs)
{
    unmap_spare(slabs, slabs->spare_n);
    if (slabs->fresh_n)
        slab_unmap(slabs, (struct slab *)slabs->fresh, slabs->fresh_n * SLAB_LEN);
    slabs->fresh_n = 0;
}
