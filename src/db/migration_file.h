/* SPDX-License-Identifier: MIT
 *
 * The files of sql/migrations and sql/functions, which the binary has in it.
 */
#ifndef DB_MIGRATION_FILE_H
#define DB_MIGRATION_FILE_H

#include <stddef.h>

/* A file of sql/ as it was when the binary was built; generated/migrations.c holds them, each array sorted by
 * name. */
struct migration_file {
    const char *name;     /* what the database remembers; of functions, after "functions/" */
    const char *path;     /* where it stands in the sources, for whoever is to mend it */
    const char *text;     /* UTF-8 */
    const char *checksum; /* of the text, SHA-256 in hexadecimal */
};

extern const struct migration_file migration_files[];
extern const size_t migration_files_n;
extern const struct migration_file function_files[];
extern const size_t function_files_n;

#endif
