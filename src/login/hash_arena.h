/* SPDX-License-Identifier: MIT
 *
 * The memory of argon2 hashes, kept from one hash to the next.
 *
 * libsodium maps 19 MiB for each hash and unmaps them afterwards, and takes no memory from its caller. The
 * page faults cost a third of a hash's time. So hash_arena.c defines mmap() and munmap() for the process: on
 * a thread that has called hash_arena_init(), large anonymous mappings are served from an arena that is kept
 * (huge pages, excluded from core dumps); all other calls go to the kernel. In builds with sanitizers, which
 * have their own mmap, these functions do nothing.
 */
#ifndef LOGIN_HASH_ARENA_H
#define LOGIN_HASH_ARENA_H

/* Gives the calling thread an arena, which is mapped at its first hash. */
void hash_arena_init(void);

/* For idle times: wipes the calling thread's arena and gives its memory back to the kernel until the next
 * hash.
 */
void hash_arena_rest(void);

/* Undoes hash_arena_init(): wipes and unmaps the arena. */
void hash_arena_finish(void);

#endif
