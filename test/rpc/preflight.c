/* SPDX-License-Identifier: MIT */
#include "preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "db/query.h"
#include "db/session.h"
#include "db/value.h"

static char problem[2048];

static void say(const struct statement *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct statement *s, const char *format, ...)
{
    int len = snprintf(problem, sizeof problem, "%s:%d: %s: ", s->file, s->line, s->name);
    va_list args;
    va_start(args, format);
    vsnprintf(problem + len, sizeof problem - (size_t)len, format, args);
    va_end(args);
}

static const char *type_name(Oid oid)
{
    static char own[VALUE_OID_NAME_SIZE];
    return value_oid_name(oid, own);
}

static PGresult *prepare(PGconn *pg, const struct statement *s, bool merged, bool typed)
{
    Oid oids[QUERY_PARAMS_MAX] = { 0 };
    for (size_t i = 0; i < s->params_n && typed; i++)
        oids[i] = merged ? value_array_oid(s->params[i]) : value_oid(s->params[i]);
    return PQprepare(pg, "", merged ? s->merged_text : s->text, (int)s->params_n, oids);
}

/* The statement did not prepare; perhaps it does with the types that the server takes its parameters for. */
static void say_what_parameters_could_be(PGconn *pg, const struct statement *s)
{
    PGresult *prepared = prepare(pg, s, false, false);
    PGresult *described = PQdescribePrepared(pg, "");
    if (PQresultStatus(prepared) == PGRES_COMMAND_OK && PQresultStatus(described) == PGRES_COMMAND_OK)
        for (size_t i = 0; i < s->params_n; i++)
            if (PQparamtype(described, (int)i) != value_oid(s->params[i])) {
                size_t len = strlen(problem);
                snprintf(problem + len, sizeof problem - len, "; param %s: declared %s, the server takes %s",
                         s->param_names[i], value_type_name(s->params[i]),
                         type_name(PQparamtype(described, (int)i)));
            }
    PQclear(described);
    PQclear(prepared);
}

static bool prepares(PGconn *pg, const struct statement *s, bool merged)
{
    PGresult *prepared = prepare(pg, s, merged, true);
    bool ok = PQresultStatus(prepared) == PGRES_COMMAND_OK;
    if (!ok) {
        statement_tell_error(s, prepared, problem, sizeof problem);
        say_what_parameters_could_be(pg, s);
    }
    PQclear(prepared);
    return ok;
}

static bool has_its_columns(const PGresult *described, const struct statement *s, int first)
{
    if (PQnfields(described) != (int)s->columns_n + first) {
        say(s, "%d columns, declared are %zu (`-- column: NAME TYPE`)", PQnfields(described) - first,
            s->columns_n);
        return false;
    }
    for (size_t i = 0; i < s->columns_n; i++) {
        const struct sql_column *column = &s->columns[i];
        int field = (int)i + first;
        const char *name = PQfname(described, field), *declared = value_type_name(column->type);
        if (strcmp(name, column->name) != 0)
            say(s, "column %s: the server's is called %s; write `AS %s`", column->name, name, column->name);
        else if (PQftype(described, field) != value_oid(column->type))
            say(s, "column %s: declared %s, but the server's is %s; cast it (`::%s`) or declare that",
                column->name, declared, type_name(PQftype(described, field)), declared);
        else
            continue;
        return false;
    }
    return true;
}

static bool has_the_types_it_declares(PGconn *pg, const struct statement *s, bool merged)
{
    PGresult *described = PQdescribePrepared(pg, "");
    int number = merged && s->returns != SQL_NONE; /* the column before its own */
    bool ok = PQresultStatus(described) == PGRES_COMMAND_OK && has_its_columns(described, s, number);
    PQclear(described);
    return ok;
}

/* Run with NULLs: whether a statement writes or locks is looked at before it touches a row. What else may be
 * wrong with such parameters does not matter here. */
static bool only_reads(PGconn *pg, const struct statement *s)
{
    static const char *const nulls[QUERY_PARAMS_MAX];
    PQclear(PQexec(pg, "BEGIN READ ONLY"));
    PQclear(prepare(pg, s, false, true)); /* that simple query has dropped the statement without a name */
    PGresult *done = PQexecPrepared(pg, "", (int)s->params_n, nulls, NULL, NULL, 1);
    const char *sqlstate = PQresultErrorField(done, PG_DIAG_SQLSTATE);
    bool ok = !sqlstate || strcmp(sqlstate, "25006") != 0;
    if (!ok)
        say(s, "%s; a read neither writes nor locks: declare `-- lane: write` or `-- lane: insert`",
            PQresultErrorField(done, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(done);
    PQclear(PQexec(pg, "ROLLBACK"));
    return ok;
}

const char *statement_problem(PGconn *pg, const struct statement *s)
{
    bool ok = prepares(pg, s, false) && has_the_types_it_declares(pg, s, false) &&
              (s->lane != LANE_READ || only_reads(pg, s)) &&
              (!s->merged_text || (prepares(pg, s, true) && has_the_types_it_declares(pg, s, true)));
    return ok ? NULL : problem;
}

/* As svcd's own sessions. */
static void set_session(PGconn *pg)
{
    char settings[SESSION_SETTINGS_LEN];
    session_settings(settings, LANE_JOB, NULL, 0, 0);
    const char *values[] = { settings };
    PQclear(PQexecParams(pg, session_sql, 1, NULL, values, NULL, NULL, 0));
}

int preflight(const char *const *keywords, const char *const *values, FILE *out)
{
    PGconn *pg = PQconnectdbParams(keywords, values, 0);
    int n = 0;
    if (PQstatus(pg) != CONNECTION_OK) {
        fputs(PQerrorMessage(pg), stderr);
        n++;
    }
    set_session(pg);
    for (size_t i = 0; i < sql_statements_n && PQstatus(pg) == CONNECTION_OK; i++) {
        const char *what = statement_problem(pg, sql_statements[i]);
        if (what && out)
            fprintf(out, "%s\n", what);
        n += what != NULL;
    }
    PQfinish(pg);
    return n;
}
