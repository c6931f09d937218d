/* SPDX-License-Identifier: MIT
 *
 * Reports on stderr why a migration failed: the file and line, and for a role that lacks privileges, the
 * statements that grant them. Errors begin with the `command` of svcd that found them.
 */
#ifndef DB_MIGRATE_FAILURE_H
#define DB_MIGRATE_FAILURE_H

#include <stdbool.h>

/* Migrations run as the owner of schema svcd, if that is a role without LOGIN (svcd_owner of sql/roles.sql)
 * of which the user is a member. So new objects belong to that role and not to whoever migrated. */
#define MIGRATE_ROLE_SQL                                                                                     \
    "SELECT pg_catalog.set_config('role', r.rolname, true) FROM pg_catalog.pg_namespace n JOIN"              \
    " pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'svcd' AND NOT r.rolcanlogin AND"        \
    " pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')"

struct dial;
struct migration_file;
struct pg_conn;
struct pg_result;

/* dial() failed within timeout_ms: prints why, which names host and port. */
void migrate_tell_no_connection(const char *command, const struct dial *dial, unsigned timeout_ms);

/* A statement failed. `file` NULL: it is not of a file but one of migrate.c's own. */
void migrate_tell_failure(const char *command, struct pg_conn *pg, const struct migration_file *file,
                          const struct pg_result *result);

/* Ends the transaction, asks the database which privileges the role lacks, and prints how to grant them:
 * those for migrating, or (is_to_look) those for `migrate --check`. */
void migrate_tell_grants(struct pg_conn *pg, bool is_to_look);

#endif
