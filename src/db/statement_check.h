/* SPDX-License-Identifier: MIT
 *
 * Checks that a database accepts every statement of sql/queries, and that the role may run it: each is
 * prepared and explained (EXPLAIN), none is run. Blocking: for `svcd check --db`.
 */
#ifndef DB_STATEMENT_CHECK_H
#define DB_STATEMENT_CHECK_H

#include <stdbool.h>

/* Connects as dial() does. Returns whether all is well; if not,
 * stderr says what is wrong, a line a statement, and what would help. */
bool statement_check_all(const char *const *keywords, const char *const *values, unsigned connect_timeout_ms);

#endif
