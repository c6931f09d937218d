/* SPDX-License-Identifier: MIT
 *
 * Pages that our own edge answers besides calls: /livez and /readyz, and for people the explorer at "/" with
 * /openapi.json. Loop thread only.
 */
#ifndef EDGE_HTTP_PAGES_H
#define EDGE_HTTP_PAGES_H

#include "edge/http/edge.h"

/* The pages of a site; constant. */
const struct http_page *http_pages(bool has_explorer);

#endif
