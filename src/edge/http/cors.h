/* SPDX-License-Identifier: MIT
 *
 * CORS: calls from web pages of other origins, which server.allowed_origins lists. A browser names the page's
 * origin (the header field Origin) and, before a request that could do harm, asks whether the page may make
 * it (a preflight request). A request without Origin does not come from another origin's page. Loop thread
 * only.
 */
#ifndef EDGE_HTTP_CORS_H
#define EDGE_HTTP_CORS_H

#include "edge/http/edge.h"

extern const struct http_cors http_cors;

#endif
