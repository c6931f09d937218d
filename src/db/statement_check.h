/* SPDX-License-Identifier: MIT
 *
 * Whether a database takes every statement of sql/queries, and lets its role run it: each is prepared and
 * explained, and none is run. Blocking: for commands.
 */
#ifndef DB_STATEMENT_CHECK_H
#define DB_STATEMENT_CHECK_H

#include <stdbool.h>

/* Connects as PQconnectdbParams does with these (expand_dbname 0). What is wrong is told on stderr, a line a
 * statement, and what helps. */
bool statement_check_all(const char *const *keywords, const char *const *values);

#endif
