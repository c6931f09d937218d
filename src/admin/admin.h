/* SPDX-License-Identifier: MIT
 *
 * HTTP for operators, on listeners of its own: metrics, health probes and a status page. It is independent of
 * the clients' connections, and answers even when those are at their limit.
 *
 * Loop thread only.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <uv.h>

#include "admin/gate.h"
#include "admin/view.h"

struct admin;

/* Listens on admin.listen, which may be empty. Returns 0; or a UV_E* code after an error was logged, and the
 * process must end. */
int admin_start(struct admin **admin, uv_loop_t *loop, const struct admin_options *options,
                const struct admin_gate *gate);
/* A reload, in two steps within one turn of the loop. First opens the new addresses: returns 0; or a UV_E*
 * code after an error was logged, and nothing has changed. */
int admin_prepare(struct admin *admin, const struct address_list *listen);
/* Then takes over: listens on admin.listen as it is now, and requires this token from the next request on.
 * Open connections stay open. */
void admin_take(struct admin *admin, const struct admin_gate *gate);
/* Or, instead of admin_take(), undoes admin_prepare(). */
void admin_forgo(struct admin *admin);
/* Closes listeners and connections. */
void admin_stop(struct admin *admin);
/* Once the loop has closed the handles. NULL is fine. */
void admin_destroy(struct admin *admin);

#endif
