/* SPDX-License-Identifier: MIT
 *
 * The codec for calls in JSON: a row of http_codecs, by json.h. Loop thread only.
 */
#ifndef EDGE_HTTP_CODEC_JSON_H
#define EDGE_HTTP_CODEC_JSON_H

#include "edge/http/edge.h"

extern const struct http_codec http_json;

#endif
