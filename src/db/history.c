/* SPDX-License-Identifier: MIT */
#include "db/history.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/migration_file.h"

const char *history_checksum(const PGresult *applied, const char *name)
{
    int n = applied ? PQntuples(applied) : 0;
    for (int row = 0; row < n; row++)
        if (strcmp(PQgetvalue(applied, row, 0), name) == 0)
            return PQgetvalue(applied, row, 1);
    return NULL;
}

bool history_is_ours(const char *name)
{
    for (size_t i = 0; i < migration_files_n; i++)
        if (strcmp(migration_files[i].name, name) == 0)
            return true;
    return false;
}

int history_compare_versions(const char *a, const char *b)
{
    while (*a || *b) {
        char *a_end, *b_end;
        unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = a_end + strcspn(a_end, "0123456789");
        b = b_end + strcspn(b_end, "0123456789");
    }
    return 0;
}

bool history_check_version(const PGresult *applied, const char *command)
{
    const char *version = history_checksum(applied, HISTORY_VERSION);
    if (!version || history_compare_versions(version, SVCD_VERSION) <= 0)
        return true;
    fprintf(stderr,
            "svcd %s: svcd %s has migrated the database, which this svcd, %s, does not undo; run that one\n",
            command, version, SVCD_VERSION);
    return false;
}

bool history_check(const PGresult *applied, const char *command)
{
    int n = applied ? PQntuples(applied) : 0;
    for (int row = 0; row < n; row++) {
        const char *name = PQgetvalue(applied, row, 0);
        if (strchr(name, '/') == NULL && !history_is_ours(name)) {
            fprintf(stderr,
                    "svcd %s: the database has migration %s, which this svcd does not know: a newer "
                    "svcd migrated"
                    " it; run that one\n",
                    command, name);
            return false;
        }
    }
    for (size_t i = 0; i < migration_files_n; i++) {
        const struct migration_file *file = &migration_files[i];
        const char *checksum = history_checksum(applied, file->name);
        if (checksum != NULL && strcmp(checksum, file->checksum) != 0) {
            fprintf(stderr,
                    "svcd %s: %s has changed since it was applied (checksum %.12s then, %.12s now): "
                    "restore its"
                    " text and put the change into a new migration\n",
                    command, file->name, checksum, file->checksum);
            return false;
        }
    }
    return true;
}
