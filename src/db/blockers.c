/* SPDX-License-Identifier: MIT */
#include "db/blockers.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define PATIENCE_MS 500 /* shorter waits are not reported */

/* Who blocks the backend with pid $1, a line each. */
static const char BLOCKERS_SQL[] =
    "SELECT string_agg(format('waiting for process %s%s%s, in its transaction since %s%s', b.pid,"
    " CASE WHEN a.application_name <> '' THEN format(' (%s)', a.application_name) END,"
    " CASE WHEN a.usename IS NOT NULL THEN format(' of role %s', a.usename) END,"
    " coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), '?'),"
    " CASE WHEN a.query LIKE '<%' OR a.query IS NULL THEN '' ELSE"
    " format(', last statement: %s', left(regexp_replace(a.query, '[[:space:]]+', ' ', 'g'), 120)) END), "
    "chr(10)"
    " ORDER BY b.pid)"
    " FROM unnest(pg_blocking_pids($1)) AS b (pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid";

/* Whether the query's answer comes within so long. */
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

/* Whatever limits the role has: it may have ended the session since. */
static bool begin(PGconn *second)
{
    static const char begin_sql[] = "BEGIN; SET LOCAL statement_timeout = 0";
    for (int attempt = 0; attempt < 3; attempt++) {
        PGresult *result = PQexec(second, begin_sql);
        bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (ok)
            return true;
        if (PQstatus(second) != CONNECTION_OK)
            PQreset(second);
        else
            PQclear(PQexec(second, "ROLLBACK"));
    }
    return false;
}

/* Each set of blockers once. */
static void tell(PGconn *second, int pid, char *told, size_t size, FILE *out)
{
    char text[16];
    const char *const params[] = { text };
    snprintf(text, sizeof text, "%d", pid);
    if (!begin(second))
        return;
    PGresult *result = PQexecParams(second, BLOCKERS_SQL, 1, NULL, params, NULL, NULL, 0);
    const char *lines = PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0) : "";
    if (*lines && strncmp(lines, told, size - 1) != 0) {
        snprintf(told, size, "%s", lines);
        fprintf(out, "%s\n", lines);
        fflush(out);
    }
    PQclear(result);
    PQclear(PQexec(second, "ROLLBACK"));
}

void blockers_tell_while_waiting(PGconn *pg, int pid, const char *const *keywords, const char *const *values,
                                 FILE *out)
{
    static char told[2048];
    PQflush(pg);
    if (has_answer(pg, PATIENCE_MS))
        return;
    PGconn *second = PQconnectdbParams(keywords, values, 0);
    while (!has_answer(pg, PATIENCE_MS))
        tell(second, pid, told, sizeof told, out);
    PQfinish(second);
}
