/* SPDX-License-Identifier: MIT
 *
 * Where passwords lie while they wait and are hashed: memory of its own that is locked, left out of core
 * dumps, and wiped as each leaves. Not thread-safe.
 */
#ifndef LOGIN_HASH_SLOTS_H
#define LOGIN_HASH_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "login/password.h"

/* One byte too many makes a password hopeless, however many more there were. */
#define HASH_SLOT_LEN (PASSWORD_MAX_BYTES + 1)

struct hash_slots;

/* Room for n passwords. NULL: out of memory. */
struct hash_slots *hash_slots_create(int n);
/* None may be in use. NULL is fine. */
void hash_slots_destroy(struct hash_slots *slots);

/* A copy of at most HASH_SLOT_LEN bytes; NULL: all are in use. */
char *hash_slots_put(struct hash_slots *slots, const char *password, size_t len);
void hash_slots_wipe(struct hash_slots *slots, char *slot, size_t len);
bool hash_slots_are_free(const struct hash_slots *slots);

#endif
