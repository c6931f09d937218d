/* SPDX-License-Identifier: MIT
 *
 * The memory of argon2 hashes, kept from one hash to the next.
 *
 * libsodium maps 19 MiB for each hash and unmaps them after it, and has no way to give it memory. A third of
 * a hash's time goes into those pages. So this file defines mmap() and munmap() for the process: on a thread
 * that called hash_arena_init() a large anonymous mapping is served from one kept arena (huge pages, not in
 * core dumps); all other calls go to the kernel as ever. Where it cannot be (sanitizers have their own mmap)
 * these functions do nothing.
 */
#ifndef LOGIN_HASH_ARENA_H
#define LOGIN_HASH_ARENA_H

/* From here on the calling thread has an arena, mapped when it is first needed. */
void hash_arena_init(void);

/* Wipes the calling thread's arena and gives its memory back until the next hash: for when there is none to
 * do. */
void hash_arena_rest(void);

/* Wipes and unmaps; the thread is as before hash_arena_init(). */
void hash_arena_finish(void);

#endif
