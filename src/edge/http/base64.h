/* SPDX-License-Identifier: MIT
 *
 * Base64 as gRPC-Web's text form has it: written in pieces, so with padding in the middle. Any thread.
 */
#ifndef EDGE_HTTP_BASE64_H
#define EDGE_HTTP_BASE64_H

#include "base/bytes.h"

/* Decodes in place, and sets *len to what there is then. Each piece may end with padding, the last one
 * without. UV_EINVAL: anything else. */
int base64_unwrap(uint8_t *text, size_t *len);

/* Encodes what is in `bytes` from `start` on, in place, padded. 0, or UV_ENOMEM, which changes nothing. */
int base64_wrap(struct bytes *bytes, size_t start);

#endif
