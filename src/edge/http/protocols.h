/* SPDX-License-Identifier: MIT
 *
 * The tables of the protocols and codecs that our own edge speaks. A new one is a file of its own and a row
 * in protocols.c.
 */
#ifndef EDGE_HTTP_PROTOCOLS_H
#define EDGE_HTTP_PROTOCOLS_H

#include "edge/http/edge.h"

extern const struct http_protocol *const http_protocols[]; /* NULL ends it; the first to accept is taken */
extern const struct http_codec *const http_codecs[];       /* NULL ends it */

#endif
