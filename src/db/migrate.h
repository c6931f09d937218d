/* SPDX-License-Identifier: MIT
 *
 * Brings a database to the schema this binary was built with: `svcd migrate`, `svcd migrate --check` and
 * `svcd check --db`. The
 * files of sql/migrations are applied once each, in their order; those of sql/functions whenever their text
 * has changed. svcd.migration remembers what was applied. Blocking: not for the loop thread of a daemon that
 * serves.
 */
#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "db/migration_file.h"

struct migrate_options {
    const char *command; /* of svcd, for errors: they begin with `svcd COMMAND: ` */
    bool check_only;     /* changes nothing and takes no lock */
    unsigned connect_timeout_ms;
    unsigned wait_s; /* how long to wait for locks, in turns of 2 s that let others through */
};
#define MIGRATE_WAIT_S 60

/*
 * Connects as dial() does with these NULL-terminated arrays (expand_dbname 0) and applies what is
 * missing, one transaction a file. If another process migrates the same database at the same time, one waits
 * and then finds the work done. No lock outlives a transaction. Writes a line to `out` for each file applied
 * (or pending) and for each session it waits for, and errors to stderr.
 *
 * Returns the process's exit code: 0 the database is as this binary wants it; 1 it is not, because files are
 * pending (check_only), one failed (the ones before it stay applied), an applied migration's text has
 * changed, a newer svcd has migrated it, it is not encoded in UTF-8, or there is no connection in time.
 */
int migrate_run(const char *const *keywords, const char *const *values, const struct migrate_options *options,
                FILE *out);

#endif
