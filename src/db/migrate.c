/* SPDX-License-Identifier: MIT
 *
 * The migration runner: what the database remembers (svcd.migration) is compared with the files in the
 * binary, then the difference is applied file by file. One simple query a file, so PostgreSQL's error
 * positions are positions in it.
 */
#include "db/migrate.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/blockers.h"

#define PAUSE_MAX_MS 4000

struct migration {
    PGconn *pg;
    const char *const *keywords, *const *values;
    PGresult *applied; /* name, checksum of every file the database remembers; NULL: it remembers none */
    FILE *out;
    bool check_only;
    bool was_locked; /* the last error: somebody else holds a lock */
    unsigned wait_s;
    time_t begun;
    size_t files_done; /* applied, or found pending */
};

enum { MIGRATED = 0, NOT_MIGRATED = 1 };

/* For each transaction, so that nothing is left on a connection that a pooler gives to others. Whoever waits
 * for a table longer than lock_timeout gives it up for a while, for those who queue behind him. */
static const char BEGIN_SQL[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = svcd, public, pg_temp; SET "
    "LOCAL TIME ZONE 'UTC';"
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"
    "SET LOCAL lock_timeout = '2s'; SET LOCAL client_min_messages = warning;"
    "SET LOCAL check_function_bodies = on";

/* Held until the transaction ends. The class is "svcd" in ASCII; sql/functions/locks.sql has its others. */
static const char LOCK_SQL[] = "SELECT pg_advisory_xact_lock(1937138532, 0)";

static const char ENCODING_SQL[] =
    "SELECT pg_catalog.current_setting('server_encoding') = 'UTF8', pg_catalog.current_setting("
    "'server_encoding'), pg_catalog.current_database()";

static const char HAS_LEDGER_SQL[] = "SELECT to_regclass('svcd.migration') IS NOT NULL";
static const char MAKE_LEDGER_SQL[] =
    "CREATE SCHEMA IF NOT EXISTS svcd;"
    "CREATE TABLE IF NOT EXISTS svcd.migration (name text PRIMARY KEY, checksum text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())";
static const char READ_LEDGER_SQL[] = "SELECT name, checksum FROM svcd.migration ORDER BY name";
static const char IS_APPLIED_SQL[] = "SELECT FROM svcd.migration WHERE name = $1 AND checksum = $2";
/* Which svcd's functions the database has: the row of this name has a version for its checksum. */
#define VERSION_ROW "functions/(version)"
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

/* What a role that may not must be given; a statement a row, for whoever may. */
static const char GRANTS_SQL[] =
    "SELECT format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), current_user)"
    " WHERE NOT has_database_privilege(current_database(), 'CREATE')"
    " UNION ALL SELECT format('GRANT USAGE, CREATE ON SCHEMA public TO %I;', current_user)"
    " WHERE NOT has_schema_privilege('public', 'USAGE, CREATE') OR NOT has_schema_privilege('public', "
    "'CREATE')"
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

static void print_grants(const struct migration *m)
{
    PQclear(PQexec(m->pg, "ROLLBACK"));
    PGresult *grants = PQexec(m->pg, GRANTS_SQL);
    int n = succeeded(grants) ? PQntuples(grants) : 0;
    if (n > 0)
        fprintf(stderr, "  a superuser, or who owns what is named, can help with:\n");
    for (int row = 0; row < n; row++)
        fprintf(stderr, "    %s\n", PQgetvalue(grants, row, 0));
    PQclear(grants);
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

static bool has_sqlstate(const PGresult *result, const char *sqlstate)
{
    const char *told = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return told && strcmp(told, sqlstate) == 0;
}

/* An error that may be none of ours is not printed, for it will be tried again. */
static bool is_done(struct migration *m, const struct migration_file *file, PGresult *result)
{
    bool ok = succeeded(result);
    m->was_locked = has_sqlstate(result, "55P03") || has_sqlstate(result, "40P01");
    if (!ok && !m->was_locked)
        print_failure(m, file, result);
    if (has_sqlstate(result, "42501"))
        print_grants(m);
    PQclear(result);
    return ok;
}

/* While it waits, who is waited for is told from a second connection. */
static bool execute(struct migration *m, const struct migration_file *file, const char *sql)
{
    if (!PQsendQuery(m->pg, sql)) {
        fprintf(stderr, "svcd migrate: %s", PQerrorMessage(m->pg));
        return false;
    }
    blockers_tell_while_waiting(m->pg, m->keywords, m->values, m->out);
    PGresult *result = NULL, *next;
    while ((next = PQgetResult(m->pg))) {
        if (result && !succeeded(result)) {
            PQclear(next);
            continue;
        }
        PQclear(result);
        result = next;
    }
    return is_done(m, file, result);
}

/* Stores the answer of a one-row statement that returns a boolean. */
static bool ask(struct migration *m, const char *sql, bool *answer)
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

/* ---- again while somebody holds a lock ---- */

static bool may_wait(const struct migration *m, unsigned *pause_ms)
{
    if (!m->was_locked)
        return false;
    if (time(NULL) - m->begun >= (time_t)m->wait_s) {
        fprintf(stderr,
                "svcd migrate: gave up after %u s: what it needs is locked by others; nothing of this step "
                "was done."
                " Try again, or wait longer (--wait SECONDS)\n",
                m->wait_s);
        return false;
    }
    struct timespec pause = { .tv_sec = *pause_ms / 1000, .tv_nsec = *pause_ms % 1000 * 1000000L };
    fprintf(m->out, "locked by others; trying again in %.1f s\n", *pause_ms / 1000.0);
    fflush(m->out);
    nanosleep(&pause, NULL);
    *pause_ms = *pause_ms * 2 < PAUSE_MAX_MS ? *pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

/* A transaction of one migration at a time; again as long as it may wait for others' locks. */
static bool transact(struct migration *m, const struct migration_file *file, const char *name,
                     bool (*work)(struct migration *m, const struct migration_file *file, const char *name))
{
    unsigned pause_ms = 500;
    for (;;) {
        m->was_locked = false;
        if (execute(m, file, BEGIN_SQL) && execute(m, file, LOCK_SQL) && work(m, file, name) &&
            execute(m, file, "COMMIT"))
            return true;
        bool was_locked = m->was_locked;
        PQclear(PQexec(m->pg, "ROLLBACK"));
        m->was_locked = was_locked;
        if (!may_wait(m, &pause_ms))
            return false;
    }
}

static bool make_ledger(struct migration *m, const struct migration_file *file, const char *name)
{
    (void)file;
    (void)name;
    return execute(m, NULL, MAKE_LEDGER_SQL);
}

static bool read_ledger(struct migration *m)
{
    bool exists;
    if (!ask(m, HAS_LEDGER_SQL, &exists))
        return false;
    if (!exists)
        return m->check_only || transact(m, NULL, NULL, make_ledger);

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

/* -1, 0, 1, as numbers between dots compare. */
static int compare_versions(const char *a, const char *b)
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

/* An older svcd does not put its functions over those of a newer one. */
static bool check_version(const struct migration *m)
{
    const char *version = applied_checksum(m, VERSION_ROW);
    if (!version || compare_versions(version, SVCD_VERSION) <= 0)
        return true;
    fprintf(
        stderr,
        "svcd migrate: svcd %s has migrated the database, which this svcd, %s, does not undo; run that one\n",
        version, SVCD_VERSION);
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

static bool remember(struct migration *m, const struct migration_file *file, const char *name,
                     const char *checksum)
{
    const char *const params[] = { name, checksum };
    return is_done(m, file, PQexecParams(m->pg, WRITE_LEDGER_SQL, 2, NULL, params, NULL, NULL, 0));
}

/* By another svcd, since the ledger was read. */
static bool is_applied(struct migration *m, const struct migration_file *file, const char *name)
{
    const char *const params[] = { name, file->checksum };
    PGresult *result = PQexecParams(m->pg, IS_APPLIED_SQL, 2, NULL, params, NULL, NULL, 0);
    bool applied = succeeded(result) && PQntuples(result) > 0;
    PQclear(result);
    return applied;
}

static bool run_file(struct migration *m, const struct migration_file *file, const char *name)
{
    if (is_applied(m, file, name))
        return true;
    if (!execute(m, file, file->text))
        return false;
    if (PQtransactionStatus(m->pg) != PQTRANS_INTRANS) {
        fprintf(stderr, "svcd migrate: %s: ends its transaction; leave BEGIN, COMMIT and ROLLBACK out\n",
                file->name);
        return false;
    }
    if (!remember(m, file, name, file->checksum))
        return false;
    m->files_done++;
    fprintf(m->out, "applied %s\n", file->name);
    fflush(m->out);
    return true;
}

static bool apply(struct migration *m, const struct migration_file *file, const char *name)
{
    if (!m->check_only)
        return transact(m, file, name, run_file);
    m->files_done++;
    fprintf(m->out, "pending %s\n", file->name);
    fflush(m->out);
    return true;
}

static bool note_version(struct migration *m, const struct migration_file *file, const char *name)
{
    (void)file;
    return remember(m, NULL, name, SVCD_VERSION);
}

static bool apply_version(struct migration *m)
{
    const char *version = applied_checksum(m, VERSION_ROW);
    bool is_older = !version || compare_versions(version, SVCD_VERSION) < 0;
    return !is_older || m->check_only || transact(m, NULL, VERSION_ROW, note_version);
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

static bool check_encoding(struct migration *m)
{
    PGresult *result = PQexec(m->pg, ENCODING_SQL);
    bool ok = succeeded(result) && *PQgetvalue(result, 0, 0) == 't';
    if (!succeeded(result))
        print_failure(m, NULL, result);
    else if (!ok)
        fprintf(stderr,
                "svcd migrate: database %s is encoded in %s, but names and texts are UTF-8; convert it:\n"
                "    createdb --encoding=UTF8 --template=template0 NEW && pg_dump %s | psql NEW\n",
                PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
    PQclear(result);
    return ok;
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
    return check_encoding(m) && read_ledger(m) && check_history(m) && check_version(m) &&
           apply_migrations(m) && apply_functions(m) && apply_version(m);
}

int migrate_run(const char *const *keywords, const char *const *values, const struct migrate_options *options,
                FILE *out)
{
    struct migration m = { .pg = PQconnectdbParams(keywords, values, 0),
                           .keywords = keywords,
                           .values = values,
                           .out = out,
                           .check_only = options->check_only,
                           .wait_s = options->wait_s,
                           .begun = time(NULL) };

    bool ok = migrate(&m);
    if (ok && m.files_done == 0)
        fprintf(out, "the database is up to date\n");
    PQclear(m.applied);
    PQfinish(m.pg);
    return ok && !(options->check_only && m.files_done > 0) ? MIGRATED : NOT_MIGRATED;
}
