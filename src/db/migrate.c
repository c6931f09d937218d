/* SPDX-License-Identifier: MIT
 *
 * The migration runner: what the database remembers (svcd.migration) is compared with the files in the
 * binary, then the difference is applied file by file. One simple query a file, so PostgreSQL's error
 * positions are positions in it.
 */
#include "db/migrate.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

struct migration {
    PGconn *pg;
    PGresult *applied; /* name, checksum of every file the database remembers; NULL: it remembers none */
    FILE *out;
    bool check_only;
    size_t files_done; /* applied, or found pending */
};

enum { MIGRATED = 0, NOT_MIGRATED = 1 };

static const char SESSION_SQL[] = "SET search_path = svcd, public, pg_temp; SET TIME ZONE 'UTC';"
                                  "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
                                  "SET client_min_messages = warning";

/* Session level, held until the connection ends. The class is "svcd" in ASCII; sql/functions/locks.sql has
 * its others. */
static const char TRY_LOCK_SQL[] = "SELECT pg_try_advisory_lock(1937138532, 0)";
static const char LOCK_SQL[] = "SELECT pg_advisory_lock(1937138532, 0)";

static const char HAS_LEDGER_SQL[] = "SELECT to_regclass('svcd.migration') IS NOT NULL";
static const char MAKE_LEDGER_SQL[] =
    "CREATE SCHEMA IF NOT EXISTS svcd;"
    "CREATE TABLE svcd.migration (name text PRIMARY KEY, checksum text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())";
static const char READ_LEDGER_SQL[] = "SELECT name, checksum FROM svcd.migration ORDER BY name";
static const char WRITE_LEDGER_SQL[] =
    "INSERT INTO svcd.migration (name, checksum) VALUES ($1, $2)"
    " ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at";

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

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

static void print_field(const char *label, const char *value)
{
    if (value != NULL)
        fprintf(stderr, "  %s: %s\n", label, value);
}

/* `file` NULL: the failed statement is the runner's own. */
static void print_failure(const struct migration *m, const struct migration_file *file,
                          const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    unsigned line = file ? line_at(file->text, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION)) : 0;

    fprintf(stderr, "svcd migrate: ");
    if (line > 0)
        fprintf(stderr, "%s:%u: ", file->name, line);
    else if (file != NULL)
        fprintf(stderr, "%s: ", file->name);
    if (message == NULL) { /* the connection, not the statement, failed */
        fprintf(stderr, "%s", PQerrorMessage(m->pg));
        return;
    }
    fprintf(stderr, "%s\n", message);
    print_field("detail", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
    print_field("hint", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    print_field("where", PQresultErrorField(result, PG_DIAG_CONTEXT));
}

static bool execute(const struct migration *m, const struct migration_file *file, const char *sql)
{
    PGresult *result = PQexec(m->pg, sql);
    bool ok = succeeded(result);
    if (!ok)
        print_failure(m, file, result);
    PQclear(result);
    return ok;
}

/* Stores the answer of a one-row statement that returns a boolean. */
static bool ask(const struct migration *m, const char *sql, bool *answer)
{
    PGresult *result = PQexec(m->pg, sql);
    bool ok = succeeded(result);
    if (ok)
        *answer = *PQgetvalue(result, 0, 0) == 't';
    else
        print_failure(m, NULL, result);
    PQclear(result);
    return ok;
}

static bool take_lock(const struct migration *m)
{
    bool mine;
    if (!ask(m, TRY_LOCK_SQL, &mine))
        return false;
    if (mine)
        return true;
    fprintf(m->out, "waiting for another migration of this database\n");
    fflush(m->out);
    return execute(m, NULL, LOCK_SQL);
}

static bool read_ledger(struct migration *m)
{
    bool exists;
    if (!ask(m, HAS_LEDGER_SQL, &exists))
        return false;
    if (!exists)
        return m->check_only || execute(m, NULL, MAKE_LEDGER_SQL);

    m->applied = PQexec(m->pg, READ_LEDGER_SQL);
    if (succeeded(m->applied))
        return true;
    print_failure(m, NULL, m->applied);
    return false;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the database calls a function file: in a folder, as no migration is. NULL without memory. */
static char *function_name(const struct migration_file *file)
{
    char *name;
    return asprintf(&name, "functions/%s", base_name(file->name)) < 0 ? NULL : name;
}

/* NULL: not applied. */
static const char *applied_checksum(const struct migration *m, const char *name)
{
    int n = m->applied ? PQntuples(m->applied) : 0;
    for (int row = 0; row < n; row++)
        if (strcmp(PQgetvalue(m->applied, row, 0), name) == 0)
            return PQgetvalue(m->applied, row, 1);
    return NULL;
}

static bool is_known_migration(const char *name)
{
    for (size_t i = 0; i < migration_files_n; i++)
        if (strcmp(base_name(migration_files[i].name), name) == 0)
            return true;
    return false;
}

/* That the database's past is this binary's past. */
static bool check_history(const struct migration *m)
{
    int n = m->applied ? PQntuples(m->applied) : 0;
    for (int row = 0; row < n; row++) {
        const char *name = PQgetvalue(m->applied, row, 0);
        if (strchr(name, '/') == NULL && !is_known_migration(name)) {
            fprintf(stderr,
                    "svcd migrate: the database has migration %s, which this svcd does not know: a newer "
                    "svcd migrated"
                    " it; run that one\n",
                    name);
            return false;
        }
    }
    for (size_t i = 0; i < migration_files_n; i++) {
        const struct migration_file *file = &migration_files[i];
        const char *checksum = applied_checksum(m, base_name(file->name));
        if (checksum != NULL && strcmp(checksum, file->checksum) != 0) {
            fprintf(stderr,
                    "svcd migrate: %s has changed since it was applied (checksum %.12s then, %.12s now): "
                    "restore its"
                    " text and put the change into a new migration\n",
                    file->name, checksum, file->checksum);
            return false;
        }
    }
    return true;
}

static bool remember(const struct migration *m, const struct migration_file *file, const char *name)
{
    const char *const params[] = { name, file->checksum };
    PGresult *result = PQexecParams(m->pg, WRITE_LEDGER_SQL, 2, NULL, params, NULL, NULL, 0);
    bool ok = succeeded(result);
    if (!ok)
        print_failure(m, file, result);
    PQclear(result);
    return ok;
}

static bool run_file(const struct migration *m, const struct migration_file *file, const char *name)
{
    if (!execute(m, file, "BEGIN") || !execute(m, file, file->text))
        return false;
    if (PQtransactionStatus(m->pg) != PQTRANS_INTRANS) {
        fprintf(stderr, "svcd migrate: %s: ends its transaction; leave BEGIN, COMMIT and ROLLBACK out\n",
                file->name);
        return false;
    }
    return remember(m, file, name) && execute(m, file, "COMMIT");
}

static bool apply(struct migration *m, const struct migration_file *file, const char *name)
{
    if (!m->check_only && !run_file(m, file, name))
        return false;
    m->files_done++;
    fprintf(m->out, "%s %s\n", m->check_only ? "pending" : "applied", file->name);
    fflush(m->out);
    return true;
}

static bool apply_migrations(struct migration *m)
{
    for (size_t i = 0; i < migration_files_n; i++) {
        const char *name = base_name(migration_files[i].name);
        if (applied_checksum(m, name) == NULL && !apply(m, &migration_files[i], name))
            return false;
    }
    return true;
}

static bool apply_functions(struct migration *m)
{
    for (size_t i = 0; i < function_files_n; i++) {
        const struct migration_file *file = &function_files[i];
        char *name = function_name(file);
        if (name == NULL) {
            fprintf(stderr, "svcd migrate: out of memory\n");
            return false;
        }
        const char *checksum = applied_checksum(m, name);
        bool same = checksum != NULL && strcmp(checksum, file->checksum) == 0;
        bool ok = same || apply(m, file, name);
        free(name);
        if (!ok)
            return false;
    }
    return true;
}

static bool migrate(struct migration *m)
{
    if (PQstatus(m->pg) != CONNECTION_OK) {
        fprintf(stderr, "svcd migrate: %s", m->pg ? PQerrorMessage(m->pg) : "out of memory\n");
        return false;
    }
    if (PQsetClientEncoding(m->pg, "UTF8") != 0) {
        fprintf(stderr, "svcd migrate: %s", PQerrorMessage(m->pg));
        return false;
    }
    return execute(m, NULL, SESSION_SQL) && (m->check_only || take_lock(m)) && read_ledger(m) &&
           check_history(m) && apply_migrations(m) && apply_functions(m);
}

int migrate_run(const char *const *keywords, const char *const *values, bool check_only, FILE *out)
{
    struct migration m = { .pg = PQconnectdbParams(keywords, values, 0),
                           .out = out,
                           .check_only = check_only };

    bool ok = migrate(&m);
    if (ok && m.files_done == 0)
        fprintf(out, "the database is up to date\n");
    PQclear(m.applied);
    PQfinish(m.pg);
    return ok && !(check_only && m.files_done > 0) ? MIGRATED : NOT_MIGRATED;
}
