/* SPDX-License-Identifier: MIT
 *
 * Memory for passwords while they wait and are hashed: locked into RAM, excluded from core dumps, and wiped
 * after each use. Not thread-safe.
 */
#ifndef LOGIN_HASH_SLOTS_H
#define LOGIN_HASH_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "login/password.h"

/* One byte more than a password may have is enough to see that it is too long. */
#define HASH_SLOT_LEN (PASSWORD_MAX_BYTES + 1)

struct hash_slots;

/* Room for n passwords. NULL: out of memory. */
struct hash_slots *hash_slots_create(int n);
/* No slot may be in use. Accepts NULL. */
void hash_slots_destroy(struct hash_slots *slots);

/* Copies a password, at most HASH_SLOT_LEN bytes of it. NULL: all slots are in use. */
char *hash_slots_put(struct hash_slots *slots, const char *password, size_t len);
void hash_slots_wipe(struct hash_slots *slots, char *slot, size_t len);
bool hash_slots_are_free(const struct hash_slots *slots);

#endif
