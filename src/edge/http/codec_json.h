/* SPDX-License-Identifier: MIT
 *
 * Messages of calls in JSON: the codec's row. Loop thread only.
 */
#ifndef EDGE_HTTP_CODEC_JSON_H
#define EDGE_HTTP_CODEC_JSON_H

#include "edge/http/edge.h"

extern const struct http_codec http_json;

#endif
