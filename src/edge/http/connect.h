/* SPDX-License-Identifier: MIT
 *
 * Connect, as https://connectrpc.com/docs/protocol has it: a unary call is a plain POST whose body is the
 * message, its status HTTP's; a stream is messages with five bytes before each, the last of them the status.
 */
#ifndef EDGE_HTTP_CONNECT_H
#define EDGE_HTTP_CONNECT_H

#include "edge/http/protocol.h"

extern const struct http_protocol http_connect;
extern const struct http_protocol http_connect_stream;

#endif
