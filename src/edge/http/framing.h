/* SPDX-License-Identifier: MIT
 *
 * The framing that gRPC, gRPC-Web and Connect's streams share: before each message five bytes, a flag and the
 * length (big-endian). Also, for any message, the checks of its length and its decompression. Loop thread
 * only.
 */
#ifndef EDGE_HTTP_FRAMING_H
#define EDGE_HTTP_FRAMING_H

#include "edge/http/exchange.h"

#define FRAME_HEAD_LEN ((size_t)5)

/* Looks for a message at the start of what has come: a protocol's `next`. Flag 0 is a plain message, 1 one
 * that is compressed as exchange->encoding says. Anything else fails the call with INTERNAL, UNIMPLEMENTED
 * (unknown encoding) or RESOURCE_EXHAUSTED (too long). */
enum framed framing_next(struct exchange *exchange, struct http_span *message, size_t *taken);

/* Fails the call: its message is longer than the connection's message_max. */
enum framed framing_too_long(struct exchange *exchange);
/* Replaces the message by what it is decompressed as exchange->encoding says: in edge->inflated, until the
 * next call. A damaged one fails the call with the status `damaged`; one that becomes too long, or for which
 * there is no memory, with RESOURCE_EXHAUSTED. */
enum framed framing_inflate(struct exchange *exchange, struct http_span *message, enum status damaged);

/* Appends a frame. 0 or UV_ENOMEM. */
int framing_put(struct bytes *out, uint8_t flag, const void *bytes, size_t len);

#endif
