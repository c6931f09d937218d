/* SPDX-License-Identifier: MIT
 *
 * A 64-bit hash of bytes under a secret key, by libsodium.
 */
#include "base/keyed_hash.h"

#include <sodium.h>

void keyed_hash_init(struct keyed_hash *hash)
{
    _Static_assert(sizeof hash->key == crypto_shorthash_KEYBYTES, "the key is SipHash's");
    randombytes_buf(hash->key, sizeof hash->key);
}

uint64_t keyed_hash_of(const struct keyed_hash *hash, const void *bytes, size_t len)
{
    uint64_t value;
    _Static_assert(sizeof value == crypto_shorthash_BYTES, "the value is SipHash's");
    crypto_shorthash((unsigned char *)&value, bytes, len, hash->key);
    return value;
}
