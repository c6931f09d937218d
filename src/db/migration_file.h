/* SPDX-License-Identifier: MIT
 *
 * The files of sql/migrations and sql/functions, which are compiled into the binary.
 */
#ifndef DB_MIGRATION_FILE_H
#define DB_MIGRATION_FILE_H

#include <stddef.h>

/* A file of sql/ as it was when the binary was built; generated/migrations.c holds them, each array sorted by
 * name. */
struct migration_file {
    const char *name;     /* as in svcd.migration, where functions have the prefix "functions/" */
    const char *path;     /* in the source tree, for error messages */
    const char *text;     /* UTF-8 */
    const char *checksum; /* of the text, SHA-256 in hexadecimal */
};

extern const struct migration_file migration_files[];
extern const size_t migration_files_n;
extern const struct migration_file function_files[];
extern const size_t function_files_n;

#endif
