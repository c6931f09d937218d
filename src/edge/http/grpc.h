/* SPDX-License-Identifier: MIT
 *
 * gRPC over HTTP/2, as https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md defines it, and what
 * gRPC-Web shares with it. Loop thread only.
 */
#ifndef EDGE_HTTP_GRPC_H
#define EDGE_HTTP_GRPC_H

#include "edge/http/exchange.h"

extern const struct http_protocol http_grpc;

/* ---- shared with gRPC-Web ---- */

/* For a protocol's `accepts`: the type is `name`, alone (protobuf) or followed by "+" and a codec's name. */
bool grpc_accepts(struct exchange *exchange, const char *name, const char *type, size_t len);
/* Reads grpc-timeout and grpc-encoding. */
void grpc_begin(struct exchange *exchange);
/* The text of grpc-message: `message` percent-encoded, in the exchange's memory. NULL: no memory. */
const char *grpc_percent_encode(struct exchange *exchange, const char *message);
/* "0" to "16"; constant. */
const char *grpc_status_text(enum status status);

#endif
