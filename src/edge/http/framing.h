/* SPDX-License-Identifier: MIT
 *
 * Messages with five bytes before each: a flag and the length. So gRPC, gRPC-Web and Connect's streams are
 * written. And what is to be said of any message that is too long or compressed.
 */
#ifndef EDGE_HTTP_FRAMING_H
#define EDGE_HTTP_FRAMING_H

#include "edge/http/exchange.h"

#define FRAME_HEAD_LEN ((size_t)5)

/* Looks for a message at the start of what has come (protocol->next): flag 0, or 1 for one that is compressed
 * as exchange->encoding says. Anything else fails the call: INTERNAL, UNIMPLEMENTED, RESOURCE_EXHAUSTED. */
enum framed framing_next(struct exchange *exchange, struct http_span *message, size_t *taken);

/* Fails the call: its message is longer than the connection's may be. */
enum framed framing_too_long(struct exchange *exchange);
/* Puts in the message's place what it is when inflated as exchange->encoding says. One that is damaged fails
 * the call with that status, one that becomes too long or finds no memory with RESOURCE_EXHAUSTED. */
enum framed framing_inflate(struct exchange *exchange, struct http_span *message, enum status damaged);

/* Appends a frame. 0 or UV_ENOMEM. */
int framing_put(struct bytes *out, uint8_t flag, const void *bytes, size_t len);

#endif
