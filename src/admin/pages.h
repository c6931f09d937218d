/* SPDX-License-Identifier: MIT
 *
 * The operators' pages: which paths there are, and the JSON of /status. Loop thread only.
 */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "admin/view.h"
#include "base/bytes.h"
#include "edge/http/edge.h"

#define ADMIN_PAGES_MAX 8

/* Fills in the pages of a site; `view` must live as long as they are served. */
void admin_pages_set(struct http_page pages[ADMIN_PAGES_MAX], const struct admin_view *view);

/* In status.c: appends the JSON of /status. Returns 0 or UV_ENOMEM. */
int admin_status_write(const struct admin_view *view, struct bytes *text);
bool admin_is_ready(const struct admin_view *view);

#endif
