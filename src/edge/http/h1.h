/* SPDX-License-Identifier: MIT
 *
 * The carrier of HTTP/1.1: one exchange at a time. Requests that a peer sends ahead wait, few of them, and
 * are answered in their order.
 */
#ifndef EDGE_HTTP_H1_H
#define EDGE_HTTP_H1_H

#include "edge/http/carrier.h"

extern const struct http_carrier http_h1;

#endif
