/* SPDX-License-Identifier: MIT
 *
 * What there is for operators to see.
 */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "admin/view.h"
#include "base/bytes.h"
#include "edge/http/edge.h"

#define ADMIN_PAGES_MAX 8

/* For a site; they show this view for as long as they are served. */
void admin_pages_set(struct http_page pages[ADMIN_PAGES_MAX], const struct admin_view *view);

/* status.c. 0 or UV_ENOMEM. */
int admin_status_write(const struct admin_view *view, struct bytes *text);
bool admin_is_ready(const struct admin_view *view);

#endif
