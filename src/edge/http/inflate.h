/* SPDX-License-Identifier: MIT
 *
 * Decompresses messages, by zlib, up to a bound: a small message cannot make us use much memory. Any thread.
 */
#ifndef EDGE_HTTP_INFLATE_H
#define EDGE_HTTP_INFLATE_H

#include "base/bytes.h"

enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_DEFLATE, ENCODING_UNKNOWN };

/* The value of grpc-encoding or content-encoding, such as "gzip". */
enum encoding encoding_parse(const char *text, size_t len);
#define ENCODINGS_ACCEPTED "identity,deflate,gzip"

/* Replaces out's contents by the decompressed `bytes`. 0; UV_EINVAL: they are cut off, or not of this
 * encoding; UV_EMSGSIZE: more than max bytes would come out; UV_ENOMEM. */
int inflate_message(enum encoding encoding, const uint8_t *bytes, size_t len, struct bytes *out, size_t max);

#endif
