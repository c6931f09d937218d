/* SPDX-License-Identifier: MIT
 *
 * What a migration failed of, in words on stderr: where in which file, and what would help a role that may
 * not. Of `svcd migrate` only.
 */
#ifndef DB_MIGRATE_FAILURE_H
#define DB_MIGRATE_FAILURE_H

struct migration_file;
struct pg_conn;
struct pg_result;

/* `file` NULL: the failed statement is the runner's own. */
void migrate_tell_failure(struct pg_conn *pg, const struct migration_file *file,
                          const struct pg_result *result);

/* Ends the transaction, and asks the database what its role lacks of what migrations need. */
void migrate_tell_grants(struct pg_conn *pg);

#endif
