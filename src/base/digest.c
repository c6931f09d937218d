/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <sodium.h>

void digest_hex(char hex[static DIGEST_HEX_LEN], const void *data, size_t len)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, data, len);
    sodium_bin2hex(hex, DIGEST_HEX_LEN, sum, sizeof sum);
}

void digest_of(uint8_t digest[static DIGEST_LEN], const void *data, size_t len)
{
    crypto_hash_sha256(digest, data, len);
}

bool digest_is(const uint8_t a[static DIGEST_LEN], const uint8_t b[static DIGEST_LEN])
{
    return sodium_memcmp(a, b, DIGEST_LEN) == 0;
}

void secret_make(char text[static SECRET_LEN])
{
    unsigned char bits[32];
    randombytes_buf(bits, sizeof bits);
    sodium_bin2base64(text, SECRET_LEN, bits, sizeof bits, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bits, sizeof bits);
}
