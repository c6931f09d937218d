/* SPDX-License-Identifier: MIT */
#include "db/blockers.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define PATIENCE_MS 500 /* what takes no longer needs no word */

/* Of a backend of this pid; behind a pooler libpq knows another, and nobody is found. */
static const char BLOCKERS_SQL[] =
    "SELECT format('waiting for process %s%s%s, in its transaction since %s%s', b.pid,"
    " CASE WHEN a.application_name <> '' THEN format(' (%s)', a.application_name) END,"
    " CASE WHEN a.usename IS NOT NULL THEN format(' of role %s', a.usename) END,"
    " coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), '?'),"
    " CASE WHEN a.query LIKE '<%' OR a.query IS NULL THEN '' ELSE"
    " format(', last statement: %s', left(regexp_replace(a.query, '\\s+', ' ', 'g'), 120)) END)"
    " FROM unnest(pg_blocking_pids($1)) AS b (pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid";

/* Whether more of the query's answer has come within so long. */
static bool has_answer(PGconn *pg, int ms)
{
    while (PQisBusy(pg)) {
        struct pollfd fd = { .fd = PQsocket(pg), .events = POLLIN };
        if (poll(&fd, 1, ms) == 0)
            return false;
        if (!PQconsumeInput(pg))
            return true;
    }
    return true;
}

/* Each set of blockers once. */
static void tell(PGconn *second, int pid, char *told, size_t size, FILE *out)
{
    char text[16];
    const char *const params[] = { text };
    snprintf(text, sizeof text, "%d", pid);
    PGresult *result = PQexecParams(second, BLOCKERS_SQL, 1, NULL, params, NULL, NULL, 0);
    for (int row = 0; PQresultStatus(result) == PGRES_TUPLES_OK && row < PQntuples(result); row++) {
        const char *line = PQgetvalue(result, row, 0);
        if (strncmp(line, told, size - 1) == 0)
            continue;
        snprintf(told, size, "%s", line);
        fprintf(out, "%s\n", line);
        fflush(out);
    }
    PQclear(result);
}

void blockers_tell_while_waiting(PGconn *pg, const char *const *keywords, const char *const *values,
                                 FILE *out)
{
    static char told[512];
    PQflush(pg);
    if (has_answer(pg, PATIENCE_MS))
        return;
    PGconn *second = PQconnectdbParams(keywords, values, 0);
    while (!has_answer(pg, PATIENCE_MS))
        if (PQstatus(second) == CONNECTION_OK)
            tell(second, PQbackendPID(pg), told, sizeof told, out);
    PQfinish(second);
}
