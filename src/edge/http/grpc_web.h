/* SPDX-License-Identifier: MIT
 *
 * gRPC-Web, as https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md defines it: gRPC's messages, with
 * the trailers as a last frame of the body, because browsers cannot read HTTP's trailers. It has a binary
 * form and a text form, which is all of that in base64.
 */
#ifndef EDGE_HTTP_GRPC_WEB_H
#define EDGE_HTTP_GRPC_WEB_H

#include "edge/http/protocol.h"

extern const struct http_protocol http_grpc_web;
extern const struct http_protocol http_grpc_web_text;

#endif
