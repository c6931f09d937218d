/* SPDX-License-Identifier: MIT
 *
 * The carrier of HTTP/2: an nghttp2 session a connection, an exchange a stream.
 */
#ifndef EDGE_HTTP_H2_H
#define EDGE_HTTP_H2_H

#include "edge/http/carrier.h"

/* Once, before the first connection. 0 or UV_ENOMEM. */
int h2_init(void);
void h2_finish(void);

extern const struct http_carrier http_h2;

#endif
