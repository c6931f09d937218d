/* SPDX-License-Identifier: MIT */
#include "db/statement.h"

#include <libpq-fe.h>
#include <stdio.h>

void statement_tell_error(const struct statement *statement, const PGresult *error, char *out, size_t size)
{
    const char *what = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(error, PG_DIAG_MESSAGE_HINT);
    snprintf(out, size, "%s:%d: %s: %s%s%s%s", statement->file, statement->line, statement->name,
             what ? what : PQresultErrorMessage(error), hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}
