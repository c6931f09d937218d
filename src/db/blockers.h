/* SPDX-License-Identifier: MIT
 *
 * Who holds up a statement, told while it waits. Blocking: for commands.
 */
#ifndef DB_BLOCKERS_H
#define DB_BLOCKERS_H

#include <libpq-fe.h>
#include <stdio.h>

/* Returns when `pg`, which the server knows by this pid and on which a query was sent, has its first result.
 * As long as it waits for a lock, a second connection with these parameters is asked for whom, and `out` is
 * told: process, application, role, since when, and what it does as far as this role may see that. */
void blockers_tell_while_waiting(PGconn *pg, int pid, const char *const *keywords, const char *const *values,
                                 FILE *out);

#endif
