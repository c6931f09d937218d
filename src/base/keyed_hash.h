/* SPDX-License-Identifier: MIT
 *
 * A 64-bit hash of bytes under a secret key (SipHash): whoever does not know the key cannot aim for a value.
 * Any thread.
 */
#ifndef BASE_KEYED_HASH_H
#define BASE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

struct keyed_hash {
    uint8_t key[16];
};

void keyed_hash_init(struct keyed_hash *hash); /* a random key; after password_init() */
uint64_t keyed_hash_of(const struct keyed_hash *hash, const void *bytes, size_t len);

#endif
