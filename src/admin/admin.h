/* SPDX-License-Identifier: MIT
 *
 * HTTP for operators, on listeners of its own: metrics, probes, and a page that shows how svcd is. It takes
 * no place among the clients' connections, and answers while those are at their limit.
 *
 * Loop thread only.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <uv.h>

#include "admin/view.h"

struct admin;

/* Listens where admin.listen says; with none *admin is NULL, which everything below lets pass. Returns 0 or a
 * UV_E* code, after an error was logged. */
int admin_start(struct admin **admin, uv_loop_t *loop, const struct admin_options *options);
/* Closes everything. */
void admin_stop(struct admin *admin);
/* Once the loop has closed the handles. */
void admin_destroy(struct admin *admin);

#endif
