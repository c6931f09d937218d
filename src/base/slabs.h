/* SPDX-License-Identifier: MIT
 *
 * Memory for a library that asks for blocks of the same few sizes over and over: blocks are cut out of slabs,
 * one size a slab, and what was freed last is handed out first. A block costs nothing beside itself, and
 * pages that nobody has written to are not there. Slabs without a block in use are kept until slabs_trim()
 * finds that nobody has wanted them. Lengths above the largest size get a mapping of their own.
 *
 * Any one thread. { 0 } is not one: slabs_init().
 */
#ifndef BASE_SLABS_H
#define BASE_SLABS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define SLABS_SIZES   18
#define SLABS_LEN_MAX 16448 /* the largest size */
#define SLABS_STEP    32

struct slab;

struct slab_size {
    size_t len;
    LIST_HEAD(, slab) with_room;
};

struct slabs {
    struct slab_size sizes[SLABS_SIZES];
    uint8_t size_of[SLABS_LEN_MAX / SLABS_STEP + 1]; /* by length in steps, rounded up */
    LIST_HEAD(, slab) spare;                         /* without a block in use */
    unsigned spare_n, spare_least;                   /* now, and at the least since the last slabs_trim() */
    uint8_t *fresh;                                  /* slabs that nobody has touched, one behind the other */
    unsigned fresh_n;
    size_t mapped; /* bytes of address space */
};

void slabs_init(struct slabs *slabs);

/* As malloc and its like do. A block belongs to the slabs that it came from. NULL: no memory. */
void *slabs_alloc(struct slabs *slabs, size_t len);
void *slabs_calloc(struct slabs *slabs, size_t n, size_t len);
void *slabs_realloc(struct slabs *slabs, void *block, size_t len);
void slabs_free(struct slabs *slabs, void *block);

/* To be called now and then while slabs_is_ample(): of the slabs that were without a block in use ever since
 * the last time, half go back to the system, at most 16 MB at a time. So load that comes and goes finds its
 * memory again, and that of a peak is gone soon after. */
void slabs_trim(struct slabs *slabs);

/* There are more than 4 MB of them. */
#define SLABS_KEPT                64
#define slabs_is_ample(slabs_ptr) ((slabs_ptr)->spare_n > SLABS_KEPT)

/* All blocks have been freed; so are the slabs that were kept for more. */
void slabs_finish(struct slabs *slabs);

#endif
