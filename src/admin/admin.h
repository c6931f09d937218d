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

#include "admin/gate.h"
#include "admin/view.h"

struct admin;

/* Listens where admin.listen says, which may be nowhere. Returns 0 or a UV_E* code, after an error was
 * logged; on failure the process ends. */
int admin_start(struct admin **admin, uv_loop_t *loop, const struct admin_options *options,
                const struct admin_gate *gate);
/* Other addresses and another token, in two steps within a turn of the loop. On failure, which was logged,
 * all is as before: a UV_E* code. */
int admin_prepare(struct admin *admin, const struct address_list *listen);
/* Then it listens where admin.listen says now, and asks for this token from the next request on; connections
 * that are open go on. */
void admin_take(struct admin *admin, const struct admin_gate *gate);
/* Or all is as before. */
void admin_forgo(struct admin *admin);
/* Closes everything. */
void admin_stop(struct admin *admin);
/* Once the loop has closed the handles. NULL is let pass. */
void admin_destroy(struct admin *admin);

#endif
