/* SPDX-License-Identifier: MIT
 *
 * The memory of argon2 hashes, kept from one hash to the next.
 */
#include "login/hash_arena.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __SIZEOF_LONG__ != 8

void hash_arena_init(void)
{
}

void hash_arena_rest(void)
{
}

void hash_arena_finish(void)
{
}

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE_PAGE    ((size_t)2 << 20)
#define SMALLEST_LEN ((size_t)1 << 20)

static _Thread_local struct arena {
    bool entered, in_use, soiled;
    char *mapped; /* the whole mapping; NULL: none yet */
    size_t mapped_len;
    char *base; /* its first huge page */
    size_t len; /* from base, in bytes */
} arena;

static void *kernel_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd,
                           offset); // NOLINT(performance-no-int-to-ptr)
}

static int kernel_munmap(void *at, size_t len)
{
    return (int)syscall(SYS_munmap, at, len);
}

static void arena_wipe(void)
{
    if (arena.soiled)
        explicit_bzero(arena.base, arena.len);
    arena.soiled = false;
}

static void arena_unmap(void)
{
    arena_wipe();
    if (arena.mapped)
        kernel_munmap(arena.mapped, arena.mapped_len);
    arena.mapped = NULL;
    arena.len = 0;
}

static bool arena_map(size_t len)
{
    arena_unmap();
    len = (len + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    size_t mapped_len = len + HUGE_PAGE;
    void *mapped = kernel_mmap(NULL, mapped_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return false;
    size_t past = (uintptr_t)mapped % HUGE_PAGE;
    arena.mapped = mapped;
    arena.mapped_len = mapped_len;
    arena.base = arena.mapped + (past ? HUGE_PAGE - past : 0);
    arena.len = len;
    madvise(arena.base, arena.len, MADV_HUGEPAGE);
    madvise(arena.base, arena.len, MADV_DONTDUMP);
    return true;
}

__attribute__((visibility("default"))) void *mmap(void *at, size_t len, int protection, int flags, int fd,
                                                  off_t offset)
{
    bool for_hash = arena.entered && !arena.in_use && !at && fd == -1 && len >= SMALLEST_LEN &&
                    protection == (PROT_READ | PROT_WRITE) && !(flags & (MAP_FIXED | MAP_SHARED));
    if (!for_hash || (len > arena.len && !arena_map(len)))
        return kernel_mmap(at, len, protection, flags, fd, offset);
    arena.in_use = arena.soiled = true;
    return arena.base;
}

__attribute__((visibility("default"))) int munmap(void *at, size_t len)
{
    if (!arena.in_use || at != arena.base)
        return kernel_munmap(at, len);
    arena.in_use = false;
    return 0;
}

void hash_arena_init(void)
{
    arena.entered = true;
}

void hash_arena_rest(void)
{
    if (!arena.mapped || arena.in_use)
        return;
    arena_wipe();
    madvise(arena.base, arena.len, MADV_DONTNEED);
}

void hash_arena_finish(void)
{
    arena_unmap();
    arena = (struct arena){ 0 };
}

#endif
