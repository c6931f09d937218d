/* SPDX-License-Identifier: MIT */
#include "db/migrate_failure.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/dial.h"
#include "db/migration_file.h"

/* The line of `text` that holds PostgreSQL's position, which counts characters from 1; 0 if there is none. */
static unsigned line_at(const char *text, const char *position)
{
    unsigned long characters = position ? strtoul(position, NULL, 10) : 0;
    if (characters == 0)
        return 0;
    unsigned line = 1;
    for (const char *c = text; *c != '\0'; c++) {
        bool starts_character = ((unsigned char)*c & 0xC0) != 0x80;
        if (starts_character && --characters == 0)
            break;
        if (*c == '\n')
            line++;
    }
    return line;
}

/* The GRANT statements that the role lacks, one a row, for an administrator to run. */
static const char GRANTS_SQL[] =
    "SELECT format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), current_user)"
    " WHERE NOT has_database_privilege(current_database(), 'CREATE')"
    " UNION ALL SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I;', current_database(), current_user)"
    " WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')"
    " UNION ALL SELECT format('GRANT USAGE, CREATE ON SCHEMA public TO %I;', current_user)"
    " WHERE NOT has_schema_privilege('public', 'USAGE') OR NOT has_schema_privilege('public', 'CREATE')"
    " UNION ALL SELECT format('ALTER SCHEMA svcd OWNER TO %I;', current_user) FROM pg_namespace n"
    " WHERE n.nspname = 'svcd' AND NOT pg_has_role(n.nspowner, 'USAGE')"
    " UNION ALL (SELECT format('ALTER TABLE %I.%I OWNER TO %I;', n.nspname, c.relname, current_user)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE') AND (n.nspname = 'svcd' OR"
    " n.nspname = 'public' AND c.relname = ANY ('{skill,businesssector,account,mentor,mentee,mentorskill,"
    "menteeskill,assignment,meeting,workshop,mentormessage,menteemessage,milestone,mentorfeedback,"
    "menteefeedback,developmentfeedback,websitefeedback,ratingmodel,pendingratingfeedback,"
    "pendingtextfeedback}'))"
    " ORDER BY 1)"
    " UNION ALL (SELECT format('ALTER FUNCTION %s OWNER TO %I;', p.oid::regprocedure, current_user)"
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'"
    " WHERE n.nspname = 'svcd' AND d.objid IS NULL AND NOT pg_has_role(p.proowner, 'USAGE') ORDER BY 1)";

static const char LOOK_GRANTS_SQL[] =
    "SELECT format('GRANT USAGE ON SCHEMA svcd TO %I;', current_user) FROM pg_namespace n"
    " WHERE n.nspname = 'svcd' AND NOT has_schema_privilege(n.oid, 'USAGE')"
    " UNION ALL SELECT format('GRANT SELECT ON svcd.migration TO %I;', current_user)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'svcd'"
    " AND c.relname = 'migration' AND NOT has_table_privilege(c.oid, 'SELECT')";

void migrate_tell_grants(PGconn *pg, bool is_to_look)
{
    PQclear(PQexec(pg, "ROLLBACK"));
    PQclear(PQexec(pg, "BEGIN; " MIGRATE_ROLE_SQL));
    PGresult *grants = PQexec(pg, is_to_look ? LOOK_GRANTS_SQL : GRANTS_SQL);
    int n = PQresultStatus(grants) == PGRES_TUPLES_OK ? PQntuples(grants) : 0;
    if (n > 0)
        fprintf(stderr, "  a superuser, or who owns what is named, can help with:\n");
    for (int row = 0; row < n; row++)
        fprintf(stderr, "    %s\n", PQgetvalue(grants, row, 0));
    PQclear(grants);
    PQclear(PQexec(pg, "ROLLBACK"));
}

static void print_field(const char *label, const char *value)
{
    if (value != NULL)
        fprintf(stderr, "  %s: %s\n", label, value);
}

void migrate_tell_failure(const char *command, PGconn *pg, const struct migration_file *file,
                          const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    unsigned line = file ? line_at(file->text, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION)) : 0;

    fprintf(stderr, "svcd %s: ", command);
    if (line > 0)
        fprintf(stderr, "%s:%u: ", file->path, line);
    else if (file != NULL)
        fprintf(stderr, "%s: ", file->path);
    if (message == NULL) { /* the connection, not the statement, failed */
        fprintf(stderr, "%s", PQerrorMessage(pg));
        return;
    }
    fprintf(stderr, "%s\n", message);
    print_field("detail", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    print_field("hint", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    print_field("where", PQresultErrorField(result, PG_DIAG_CONTEXT));
}

void migrate_tell_no_connection(const char *command, const struct dial *dial, unsigned timeout_ms)
{
    static const char denied[] = "permission denied for database ";
    const char *database = strstr(dial->why, denied);
    fprintf(stderr, "svcd %s: %s", command, dial->why);
    if (database) { /* as SQL quotes it */
        database += strlen(denied);
        fprintf(stderr, "  who owns it can help with:\n    GRANT CONNECT ON DATABASE %.*s TO \"%s\";\n",
                (int)strcspn(database, "\n"), database, dial->user);
    }
    if (dial->timed_out)
        fprintf(stderr, "svcd %s: gave up connecting after %g s (database.connect_timeout_ms)\n", command,
                timeout_ms / 1000.0);
}
