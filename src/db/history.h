/* SPDX-License-Identifier: MIT
 *
 * Compares a database's history of migrations (rows of name and checksum from svcd.migration; NULL: there are
 * none) with the migrations in this binary. Asks the database nothing.
 */
#ifndef DB_HISTORY_H
#define DB_HISTORY_H

#include <stdbool.h>

struct pg_result;

/* The row with this name holds, instead of a checksum, the version of the svcd that installed the functions.
 */
#define HISTORY_VERSION "functions/(version)"

/* Whether this binary has a migration of that name. */
bool history_is_ours(const char *name);

/* The checksum of an applied migration; NULL: it was not applied. */
const char *history_checksum(const struct pg_result *applied, const char *name);

/* Returns -1, 0 or 1. Compares versions number by number, as in 1.10 > 1.9. */
int history_compare_versions(const char *a, const char *b);

/* Whether all applied migrations are this binary's, with the same checksums. If not, stderr says which, after
 * the name of svcd's command. */
bool history_check(const struct pg_result *applied, const char *command);

/* Whether the installed functions are not of a newer svcd, and so may be replaced. If not, stderr says so. */
bool history_check_version(const struct pg_result *applied, const char *command);

#endif
