/* SPDX-License-Identifier: MIT
 *
 * Base64 of gRPC-Web's text form: pieces that were encoded one by one, so with padding in the middle. Any
 * thread.
 */
#ifndef EDGE_HTTP_BASE64_H
#define EDGE_HTTP_BASE64_H

#include "base/bytes.h"

/* Decodes in place and sets *len to the decoded length. Each piece may end with padding; the last one may
 * also be without. 0 or UV_EINVAL. */
int base64_unwrap(uint8_t *text, size_t *len);

/* Encodes in place, padded, what is in `bytes` from `start` on. 0, or UV_ENOMEM with nothing changed. */
int base64_wrap(struct bytes *bytes, size_t start);

#endif
