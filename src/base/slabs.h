/* SPDX-License-Identifier: MIT
 *
 * A slab allocator, for a library that allocates blocks of the same few sizes over and over. Each slab (64
 * KB) is cut into blocks of one size; the block freed last is handed out first. Blocks have no headers, and
 * pages of a slab that were never written to take no memory. Slabs without a block in use are kept until
 * slabs_trim() finds that they were not needed. A block larger than the largest size gets a mapping of its
 * own.
 *
 * Any one thread. A zeroed struct is not valid: use slabs_init().
 */
#ifndef BASE_SLABS_H
#define BASE_SLABS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define SLABS_SIZES   18
#define SLABS_LEN_MAX 16448 /* bytes: the largest size */
#define SLABS_STEP    32    /* bytes: all sizes are multiples */

struct slab;

struct slab_size {
    size_t len;
    LIST_HEAD(, slab) with_room;
};

struct slabs {
    struct slab_size sizes[SLABS_SIZES];
    uint8_t size_of[SLABS_LEN_MAX / SLABS_STEP + 1]; /* by length in steps, rounded up */
    LIST_HEAD(, slab) spare;                         /* slabs without a block in use */
    unsigned spare_n, spare_least;                   /* now, and the least since the last slabs_trim() */
    uint8_t *fresh;                                  /* slabs mapped but never used, one behind the other */
    unsigned fresh_n;
    size_t mapped; /* bytes of address space */
};

void slabs_init(struct slabs *slabs);

/* Like malloc() and its family. A block must be freed to the same slabs. NULL: no memory. */
void *slabs_alloc(struct slabs *slabs, size_t len);
void *slabs_calloc(struct slabs *slabs, size_t n, size_t len);
void *slabs_realloc(struct slabs *slabs, void *block, size_t len);
void slabs_free(struct slabs *slabs, void *block);

/* To be called now and then while slabs_is_ample(): returns to the system half of the slabs that have been
 * spare ever since the last call, at most 16 MB at a time. So load that comes and goes finds its memory
 * again, while the memory of a peak is given back soon after it. */
void slabs_trim(struct slabs *slabs);

/* More than 4 MB of slabs are spare. */
#define SLABS_KEPT                64
#define slabs_is_ample(slabs_ptr) ((slabs_ptr)->spare_n > SLABS_KEPT)

/* Frees the spare slabs; every block must have been freed. */
void slabs_finish(struct slabs *slabs);

#endif
