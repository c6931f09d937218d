/* SPDX-License-Identifier: MIT
 *
 * What there is to see, whoever carries it: a path and the function that makes its text.
 */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "admin/view.h"
#include "base/bytes.h"

struct admin_page {
    const char *path, *content_type;
    bool is_open; /* needs no token */
    /* Appends to text; returns HTTP's status. */
    int (*write)(const struct admin_view *view, struct bytes *text);
};

/* NULL: there is none. */
const struct admin_page *admin_page_find(const char *path, size_t len);

/* The policy that the status page can live with, and nothing else can. */
const char *admin_content_policy(void);

/* status.c. 0 or UV_ENOMEM. */
int admin_status_write(const struct admin_view *view, struct bytes *text);
bool admin_is_ready(const struct admin_view *view);

#endif
