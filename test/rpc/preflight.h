/* SPDX-License-Identifier: MIT
 *
 * What must hold before any test is worth its time: every statement prepares, has the types that it declares,
 * and if it is a read neither writes nor locks. With one that does not every test would wait in vain for a
 * connection.
 */
#ifndef TEST_RPC_PREFLIGHT_H
#define TEST_RPC_PREFLIGHT_H

#include <libpq-fe.h>
#include <stdio.h>

#include "db/statement.h"

/* What is wrong with a statement, in one line that begins with its file and line; NULL: nothing. The text
 * lives until the next question. */
const char *statement_problem(PGconn *pg, const struct statement *statement);

/* Asks it of all of them; writes each line to `out`, if there is one. Returns how many there are. */
int preflight(const char *const *keywords, const char *const *values, FILE *out);

#endif
