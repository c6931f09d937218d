/* SPDX-License-Identifier: MIT
 *
 * Calls from web pages. A browser tells whose page makes a request (Origin) and, before one that could do
 * harm, asks whether it may (a preflight); what pages of other origins may is server.allowed_origins.
 * Requests without an Origin are no page's of another origin.
 */
#ifndef EDGE_HTTP_CORS_H
#define EDGE_HTTP_CORS_H

#include "edge/http/edge.h"

extern const struct http_cors http_cors;

#endif
