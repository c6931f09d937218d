/* SPDX-License-Identifier: MIT
 *
 * Compressed messages, inflated no further than they may be long.
 */
#ifndef EDGE_HTTP_INFLATE_H
#define EDGE_HTTP_INFLATE_H

#include "base/bytes.h"

enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_DEFLATE, ENCODING_UNKNOWN };

/* "gzip": as in grpc-encoding or content-encoding. */
enum encoding encoding_parse(const char *text, size_t len);
#define ENCODINGS_ACCEPTED "identity,deflate,gzip"

/* Sets out to what `bytes` hold, at most max. UV_EINVAL: they are not whole, or not so encoded;
 * UV_EMSGSIZE: it would be more than max; UV_ENOMEM. */
int inflate_message(enum encoding encoding, const uint8_t *bytes, size_t len, struct bytes *out, size_t max);

#endif
