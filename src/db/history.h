/* SPDX-License-Identifier: MIT
 *
 * A database's history of migrations, as svcd.migration remembers it (rows of name and checksum; NULL: it
 * remembers none), held against this binary's. Asks the database nothing.
 */
#ifndef DB_HISTORY_H
#define DB_HISTORY_H

#include <stdbool.h>

struct pg_result;

/* Which svcd's functions the database has: the row of this name has a version for its checksum. */
#define HISTORY_VERSION "functions/(version)"

/* Whether this binary has a migration of that name. */
bool history_is_ours(const char *name);

/* NULL: not applied. */
const char *history_checksum(const struct pg_result *applied, const char *name);

/* -1, 0, 1, as numbers between dots compare. */
int history_compare_versions(const char *a, const char *b);

/* That the database's past is this binary's past; else false, and told on stderr. */
bool history_check(const struct pg_result *applied);

/* An older svcd does not put its functions over those of a newer one: false, and told on stderr. */
bool history_check_version(const struct pg_result *applied);

#endif
