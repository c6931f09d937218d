/* SPDX-License-Identifier: MIT
 *
 * Connect, as https://connectrpc.com/docs/protocol defines it. A unary call is a plain POST: its body is the
 * message, and HTTP's status tells how it went. In a stream each message has five bytes before it
 * (framing.h), and the last one is the status.
 */
#ifndef EDGE_HTTP_CONNECT_H
#define EDGE_HTTP_CONNECT_H

#include "edge/http/protocol.h"

extern const struct http_protocol http_connect;
extern const struct http_protocol http_connect_stream;

#endif
