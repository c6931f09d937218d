/* SPDX-License-Identifier: MIT
 *
 * The tables of what our own edge speaks. A new protocol or codec is a file and a row here.
 */
#ifndef EDGE_HTTP_PROTOCOLS_H
#define EDGE_HTTP_PROTOCOLS_H

#include "edge/http/edge.h"

extern const struct http_protocol *const http_protocols[]; /* NULL ends it; the first that accepts */
extern const struct http_codec *const http_codecs[];       /* NULL ends it */

#endif
