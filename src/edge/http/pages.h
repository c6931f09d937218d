/* SPDX-License-Identifier: MIT
 *
 * What listeners of our own edge answer besides calls: /livez, /readyz, and for people the explorer at "/"
 * with /openapi.json.
 */
#ifndef EDGE_HTTP_PAGES_H
#define EDGE_HTTP_PAGES_H

#include "edge/http/edge.h"

/* For a site; constant. */
const struct http_page *http_pages(bool has_explorer);

#endif
