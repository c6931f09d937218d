/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <sodium.h>

void digest_hex(char hex[static DIGEST_HEX_LEN], const void *data, size_t len)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, data, len);
    sodium_bin2hex(hex, DIGEST_HEX_LEN, sum, sizeof sum);
}
