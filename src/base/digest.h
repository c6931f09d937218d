/* SPDX-License-Identifier: MIT
 *
 * SHA-256 digests, to recognize content, or a secret without storing it; and new secrets. Any thread.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN     32 /* bytes */
#define SECRET_LEN     44 /* of a secret's text, with the NUL */
#define DIGEST_HEX_LEN 65 /* with the NUL */

void digest_hex(char hex[static DIGEST_HEX_LEN], const void *data, size_t len);
void digest_of(uint8_t digest[static DIGEST_LEN], const void *data, size_t len);
/* Compares in constant time, so the time does not reveal where the digests differ. */
bool digest_is(const uint8_t a[static DIGEST_LEN], const uint8_t b[static DIGEST_LEN]);

/* Makes a secret: 256 random bits as text of letters, digits, - and _. */
void secret_make(char text[static SECRET_LEN]);

#endif
