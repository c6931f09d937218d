/* SPDX-License-Identifier: MIT
 *
 * The carrier of HTTP/1.1: one exchange at a time. Pipelined requests wait, up to a limit, and are answered
 * in order.
 */
#ifndef EDGE_HTTP_H1_H
#define EDGE_HTTP_H1_H

#include "edge/http/carrier.h"

extern const struct http_carrier http_h1;

#endif
