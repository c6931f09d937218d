/* SPDX-License-Identifier: MIT
 *
 * A 64-bit hash of bytes under a secret key (SipHash): without the key nobody can produce collisions on
 * purpose. Any thread.
 */
#ifndef BASE_KEYED_HASH_H
#define BASE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

struct keyed_hash {
    uint8_t key[16];
};

void keyed_hash_init(struct keyed_hash *hash); /* makes a random key; needs password_init() before */
uint64_t keyed_hash_of(const struct keyed_hash *hash, const void *bytes, size_t len);

#endif
