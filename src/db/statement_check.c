/* SPDX-License-Identifier: MIT */
#include "db/statement_check.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "db/conn.h"
#include "db/dial.h"
#include "db/query.h"
#include "db/schema.h"
#include "db/session.h"
#include "db/value.h"

#define LOCK_WAIT_MS 2000

static bool is_done(PGresult *result, const struct statement *statement)
{
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok) {
        char error[400];
        const char *advice = conn_advice_for(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        statement_tell_error(statement, result, error, sizeof error);
        fprintf(stderr, "svcd check: %s%s%s\n", error, advice ? "; " : "", advice ? advice : "");
    }
    PQclear(result);
    return ok;
}

/* EXPLAIN, because privileges are checked only when a plan is made ready to run. */
static bool check(PGconn *pg, const struct statement *statement)
{
    Oid oids[QUERY_PARAMS_MAX];
    char explain[64 + 8 * QUERY_PARAMS_MAX];
    for (size_t i = 0; i < statement->params_n; i++)
        oids[i] = value_oid(statement->params[i]);
    if (!is_done(PQprepare(pg, "checked", statement->text, (int)statement->params_n, oids), statement))
        return false;
    int len = snprintf(explain, sizeof explain, "EXPLAIN EXECUTE checked%s", statement->params_n ? " (" : "");
    for (size_t i = 0; i < statement->params_n; i++)
        len += snprintf(explain + len, sizeof explain - (size_t)len, "NULL%s",
                        i + 1 < statement->params_n ? ", " : ")");
    bool ok = is_done(PQexec(pg, explain), statement);
    PQclear(PQexec(pg, "DEALLOCATE checked"));
    return ok;
}

static bool sees_all_rows(PGconn *pg)
{
    const struct statement *statement = statement_named("hidden_tables");
    PGresult *tables = PQexec(pg, statement->text);
    int n = PQresultStatus(tables) == PGRES_TUPLES_OK ? PQntuples(tables) : 0;
    for (int row = 0; row < n; row++)
        fprintf(stderr, "svcd check: row-level security of table %s may hide rows from role %s; %s\n",
                PQgetvalue(tables, row, 0), PQuser(pg), SCHEMA_HIDDEN_ADVICE);
    return is_done(tables, statement) && n == 0;
}

bool statement_check_all(const char *const *keywords, const char *const *values, unsigned connect_timeout_ms)
{
    char settings[SESSION_SETTINGS_LEN];
    const char *const params[] = { settings };
    struct dial server;
    bool ok = dial(&server, keywords, values, connect_timeout_ms);
    PGconn *pg = server.pg;
    if (!ok)
        fprintf(stderr, "svcd check: %s", server.why);
    session_settings(settings, LANE_JOB, NULL, 0, LOCK_WAIT_MS);
    PQclear(ok ? PQexecParams(pg, session_sql, 1, NULL, params, NULL, NULL, 0) : NULL);
    for (size_t i = 0; i < sql_statements_n && PQstatus(pg) == CONNECTION_OK; i++)
        ok &= check(pg, sql_statements[i]);
    ok &= PQstatus(pg) == CONNECTION_OK && sees_all_rows(pg);
    PQfinish(pg);
    return ok;
}
