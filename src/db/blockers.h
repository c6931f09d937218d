/* SPDX-License-Identifier: MIT
 *
 * Reports which sessions hold the lock that a statement waits for. Blocks its thread: for commands only.
 */
#ifndef DB_BLOCKERS_H
#define DB_BLOCKERS_H

#include <libpq-fe.h>
#include <stdio.h>

/* Waits for the first result of the query that was sent on `pg`, whose backend has this pid. While the query
 * waits for a lock, a second connection with these parameters asks who holds it, and `out` gets a line: pid,
 * application, role, since when, and its query as far as our role may see it. */
void blockers_tell_while_waiting(PGconn *pg, int pid, const char *const *keywords, const char *const *values,
                                 FILE *out);

#endif
