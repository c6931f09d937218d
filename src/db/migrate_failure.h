/* SPDX-License-Identifier: MIT
 *
 * What a migration failed of, in words on stderr: where in which file, and what would help a role that may
 * not. Of `svcd migrate` only.
 */
#ifndef DB_MIGRATE_FAILURE_H
#define DB_MIGRATE_FAILURE_H

#include <stdbool.h>
#include <time.h>

/* Who migrates does it as the owner of schema svcd, if that is a role that nobody can log in as (svcd_owner
 * of sql/roles.sql): what comes into being is not the property of whichever member was there. */
#define MIGRATE_ROLE_SQL                                                                                     \
    "SELECT pg_catalog.set_config('role', r.rolname, true) FROM pg_catalog.pg_namespace n JOIN"              \
    " pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'svcd' AND NOT r.rolcanlogin AND"        \
    " pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')"

struct migration_file;
struct pg_conn;
struct pg_result;

/* In libpq's words, which name host and port; after so long. pg NULL: there was no memory for it. */
void migrate_tell_no_connection(struct pg_conn *pg, time_t waited_s);

/* `file` NULL: the failed statement is the runner's own. */
void migrate_tell_failure(struct pg_conn *pg, const struct migration_file *file,
                          const struct pg_result *result);

/* Ends the transaction, and asks the database what its role lacks of what migrations need, or only a look at
 * what was migrated. */
void migrate_tell_grants(struct pg_conn *pg, bool is_to_look);

#endif
