/* SPDX-License-Identifier: MIT */
#include "db/statement.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct statement *statement_named(const char *name)
{
    for (size_t i = 0; i < sql_statements_n; i++)
        if (strcmp(sql_statements[i]->name, name) == 0)
            return sql_statements[i];
    abort();
}

void statement_tell_error(const struct statement *statement, const PGresult *error, char *out, size_t size)
{
    const char *what = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(error, PG_DIAG_MESSAGE_HINT);
    snprintf(out, size, "%s:%d: %s: %s%s%s%s", statement->file, statement->line, statement->name,
             what ? what : PQresultErrorMessage(error), hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}
