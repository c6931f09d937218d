/* SPDX-License-Identifier: MIT
 *
 * SHA-256, to know a content again.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

#define DIGEST_HEX_LEN 65 /* with the NUL */

void digest_hex(char hex[static DIGEST_HEX_LEN], const void *data, size_t len);

#endif
