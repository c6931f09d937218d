/* SPDX-License-Identifier: MIT */
#include "login/hash_slots.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct hash_slots {
    char (*items)[HASH_SLOT_LEN];
    int n, n_free;
    int free[]; /* stack of free slots' numbers */
};

struct hash_slots *hash_slots_create(int n)
{
    size_t len = (size_t)n * HASH_SLOT_LEN;
    struct hash_slots *slots = calloc(1, sizeof *slots + (size_t)n * sizeof *slots->free);
    void *mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!slots || mapped == MAP_FAILED) {
        if (mapped != MAP_FAILED)
            munmap(mapped, len);
        free(slots);
        return NULL;
    }
    /* mlock() may fail at RLIMIT_MEMLOCK: then passwords may be swapped out, and the operator should encrypt
     * swap. */
    (void)mlock(mapped, len);
    (void)madvise(mapped, len, MADV_DONTDUMP);
    slots->items = mapped;
    for (slots->n = n; slots->n_free < n; slots->n_free++)
        slots->free[slots->n_free] = slots->n_free;
    return slots;
}

void hash_slots_destroy(struct hash_slots *slots)
{
    if (slots)
        munmap(slots->items, (size_t)slots->n * HASH_SLOT_LEN);
    free(slots);
}

char *hash_slots_put(struct hash_slots *slots, const char *password, size_t len)
{
    if (slots->n_free == 0)
        return NULL;
    char *slot = slots->items[slots->free[--slots->n_free]];
    memcpy(slot, password, len);
    return slot;
}

void hash_slots_wipe(struct hash_slots *slots, char *slot, size_t len)
{
    explicit_bzero(slot, len);
    slots->free[slots->n_free++] = (int)((slot - slots->items[0]) / HASH_SLOT_LEN);
}

bool hash_slots_are_free(const struct hash_slots *slots)
{
    return slots->n_free == slots->n;
}
