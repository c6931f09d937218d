/* SPDX-License-Identifier: MIT
 *
 * Runs migrations: compares what the database remembers (svcd.migration) with the files in the binary, and
 * applies the missing ones. Each file is sent as one simple query, so that PostgreSQL's error positions are
 * positions in the file.
 */
#include "db/migrate.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/blockers.h"
#include "db/dial.h"
#include "db/history.h"
#include "db/migrate_failure.h"

#define PAUSE_MAX_MS 4000

struct migration {
    PGconn *pg;
    const char *const *keywords, *const *values;
    PGresult *applied; /* name, checksum of every file the database remembers; NULL: it remembers none */
    FILE *out;
    const char *command;
    bool check_only;
    int backend_pid; /* the real one, also behind a pooler */
    bool was_locked; /* the last error was that a lock could not be had */
    bool has_ledger;
    unsigned wait_s;
    time_t begun;
    size_t files_done; /* applied, or found pending */
};

enum { MIGRATED = 0, NOT_MIGRATED = 1 };

/* Overrides settings of the role or database that could end the session. Nothing else is set for the session,
 * because a pooler may give the connection to others afterwards. */
static const char *const limits_sql[] = {
    "SELECT pg_catalog.set_config('exit_on_error', 'off', false)"
    " WHERE pg_catalog.current_setting('exit_on_error') OPERATOR(pg_catalog.<>) 'off'",
    "SELECT pg_catalog.set_config('statement_timeout', '0', false)"
    " WHERE pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.<>) '0'",
    "SELECT pg_catalog.set_config('idle_session_timeout', '0', false)"
    " WHERE pg_catalog.current_setting('idle_session_timeout') OPERATOR(pg_catalog.<>) '0'",
};

/* Settings of each transaction, so that nothing is left on a connection that a pooler gives to others. A
 * migration that waits for a table longer than lock_timeout gives up for a while, for readers that queue
 * behind it. Without row_security, rows that a policy hides are an error instead of passed over. */
#define SETTINGS_SQL                                                                                         \
    "SET LOCAL search_path = svcd, public, pg_temp; SET LOCAL TIME ZONE 'UTC';"                              \
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;"                    \
    "SET LOCAL row_security = off; SET LOCAL lock_timeout = '2s'; SET LOCAL client_min_messages = warning;"  \
    "SET LOCAL check_function_bodies = on; SET LOCAL standard_conforming_strings = on;"                      \
    "SET LOCAL DateStyle = ISO; SET LOCAL IntervalStyle = postgres; SET LOCAL default_tablespace = '';"      \
    "SET LOCAL default_table_access_method = heap;" MIGRATE_ROLE_SQL

static const char LOOK_SQL[] = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;" SETTINGS_SQL;
/* Takes an advisory lock until the end of the transaction. Its class is "svcd" in ASCII;
 * sql/functions/locks.sql has the other locks of that class. */
static const char BEGIN_SQL[] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;" SETTINGS_SQL
                                ";SELECT pg_catalog.pg_advisory_xact_lock(1937138532, 0)";

static const char ENCODING_SQL[] =
    "SELECT pg_catalog.current_setting('server_encoding') = 'UTF8', pg_catalog.current_setting("
    "'server_encoding'), pg_catalog.current_database(), pg_catalog.pg_backend_pid()";

/* Finds the table even if the role may not read it. */
static const char HAS_LEDGER_SQL[] =
    "SELECT count(*) > 0 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'svcd' AND c.relname = 'migration'";
static const char MAKE_LEDGER_SQL[] =
    "CREATE SCHEMA IF NOT EXISTS svcd;"
    "CREATE TABLE IF NOT EXISTS svcd.migration (name text PRIMARY KEY, checksum text NOT NULL,"
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

static bool has_sqlstate(const PGresult *result, const char *sqlstate)
{
    const char *told = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return told && strcmp(told, sqlstate) == 0;
}

/* Prints the error; if a privilege is missing, with the statement that grants it. */
static void tell_failure(const struct migration *m, const struct migration_file *file, const PGresult *result)
{
    migrate_tell_failure(m->command, m->pg, file, result);
    if (has_sqlstate(result, "42501"))
        migrate_tell_grants(m->pg, m->check_only);
}

/* An error about a lock is not printed, because the transaction will be tried again. */
static bool is_good(struct migration *m, const struct migration_file *file, const PGresult *result)
{
    bool ok = succeeded(result);
    m->was_locked = has_sqlstate(result, "55P03") || has_sqlstate(result, "40P01");
    if (!ok && !m->was_locked)
        tell_failure(m, file, result);
    return ok;
}

static bool is_done(struct migration *m, const struct migration_file *file, PGresult *result)
{
    bool ok = is_good(m, file, result);
    PQclear(result);
    return ok;
}

/* Returns the last result, or the first error; NULL without a connection. While the query waits for a lock, a
 * second connection tells who holds it. */
static PGresult *run(struct migration *m, const char *sql)
{
    if (PQsendQuery(m->pg, sql))
        blockers_tell_while_waiting(m->pg, m->backend_pid, m->keywords, m->values, m->out);
    PGresult *result = NULL, *next;
    while ((next = PQgetResult(m->pg))) {
        if (result && !succeeded(result)) {
            PQclear(next);
            continue;
        }
        PQclear(result);
        result = next;
    }
    return result;
}

static bool execute(struct migration *m, const struct migration_file *file, const char *sql)
{
    return is_done(m, file, run(m, sql));
}

/* Stores the answer of a one-row statement that returns a boolean. */
static bool ask(struct migration *m, const char *sql, bool *answer)
{
    PGresult *result = PQexec(m->pg, sql);
    bool ok = succeeded(result);
    if (ok)
        *answer = *PQgetvalue(result, 0, 0) == 't';
    else
        tell_failure(m, NULL, result);
    PQclear(result);
    return ok;
}

/* ---- again while somebody holds a lock ---- */

static bool may_wait(const struct migration *m, unsigned *pause_ms)
{
    if (!m->was_locked)
        return false;
    time_t waited_s = time(NULL) - m->begun;
    if (waited_s >= (time_t)m->wait_s) {
        fprintf(stderr,
                "svcd %s: gave up after %lld s: what it needs is locked by others; nothing of this step "
                "was done."
                " Try again, or wait longer (--wait SECONDS)\n",
                m->command, (long long)waited_s);
        return false;
    }
    struct timespec pause = { .tv_sec = *pause_ms / 1000, .tv_nsec = *pause_ms % 1000 * 1000000L };
    fprintf(m->out, "locked by others; trying again in %.1f s\n", *pause_ms / 1000.0);
    fflush(m->out);
    nanosleep(&pause, NULL);
    *pause_ms = *pause_ms * 2 < PAUSE_MAX_MS ? *pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

/* Runs the transaction of a migration, and repeats it while it fails for others' locks and there is time
 * left. */
static bool transact(struct migration *m, const char *begin_sql, const struct migration_file *file,
                     const char *name,
                     bool (*work)(struct migration *m, const struct migration_file *file, const char *name))
{
    unsigned pause_ms = 500;
    for (;;) {
        m->was_locked = false;
        if (execute(m, file, begin_sql) && work(m, file, name) && execute(m, file, "COMMIT"))
            return true;
        if (PQtransactionStatus(m->pg) != PQTRANS_IDLE)
            PQclear(PQexec(m->pg, "ROLLBACK"));
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

/* Also checks that all applied migrations are this binary's. */
static bool read_ledger(struct migration *m)
{
    PQclear(m->applied);
    m->applied = run(m, READ_LEDGER_SQL);
    return is_good(m, NULL, m->applied) && history_check(m->applied, m->command) &&
           history_check_version(m->applied, m->command);
}

static bool look_for_ledger(struct migration *m, const struct migration_file *file, const char *name)
{
    (void)file;
    (void)name;
    return ask(m, HAS_LEDGER_SQL, &m->has_ledger) && (!m->has_ledger || read_ledger(m));
}

static bool find_ledger(struct migration *m)
{
    return transact(m, LOOK_SQL, NULL, NULL, look_for_ledger) &&
           (m->has_ledger || m->check_only || transact(m, BEGIN_SQL, NULL, NULL, make_ledger));
}

/* The name of a function file in svcd.migration, which has a folder unlike those of migrations. NULL: out of
 * memory. */
static char *function_name(const struct migration_file *file)
{
    char *name;
    return asprintf(&name, "functions/%s", file->name) < 0 ? NULL : name;
}

static bool remember(struct migration *m, const struct migration_file *file, const char *name,
                     const char *checksum)
{
    const char *const params[] = { name, checksum };
    return is_done(m, file, PQexecParams(m->pg, WRITE_LEDGER_SQL, 2, NULL, params, NULL, NULL, 0));
}

static bool is_applied(const struct migration *m, const struct migration_file *file, const char *name)
{
    const char *checksum = history_checksum(m->applied, name);
    return checksum && strcmp(checksum, file->checksum) == 0;
}

static bool is_version_noted(const struct migration *m)
{
    const char *version = history_checksum(m->applied, HISTORY_VERSION);
    return version && history_compare_versions(version, SVCD_VERSION) >= 0;
}

static bool note_version(struct migration *m, const struct migration_file *file, const char *name)
{
    (void)file;
    (void)name;
    return is_version_noted(m) || remember(m, NULL, HISTORY_VERSION, SVCD_VERSION);
}

/* Another svcd, perhaps a newer one, may have migrated since the history was read, so it is checked again
 * under the lock. With the first function file, the database counts as this version's. */
static bool run_file(struct migration *m, const struct migration_file *file, const char *name)
{
    if (!read_ledger(m))
        return false;
    if (is_applied(m, file, name))
        return true;
    if (!execute(m, file, file->text))
        return false;
    if (PQtransactionStatus(m->pg) != PQTRANS_INTRANS) {
        fprintf(stderr, "svcd %s: %s: ends its transaction; leave BEGIN, COMMIT and ROLLBACK out\n",
                m->command, file->path);
        return false;
    }
    if (!remember(m, file, name, file->checksum) || !note_version(m, NULL, NULL))
        return false;
    m->files_done++;
    fprintf(m->out, "applied %s\n", file->name);
    fflush(m->out);
    return true;
}

static bool apply(struct migration *m, const struct migration_file *file, const char *name)
{
    if (!m->check_only)
        return transact(m, BEGIN_SQL, file, name, run_file);
    m->files_done++;
    fprintf(m->out, "pending %s\n", file->name);
    fflush(m->out);
    return true;
}

static bool apply_version(struct migration *m)
{
    return is_version_noted(m) || m->check_only || transact(m, BEGIN_SQL, NULL, NULL, note_version);
}

static bool apply_migrations(struct migration *m)
{
    for (size_t i = 0; i < migration_files_n; i++) {
        const struct migration_file *file = &migration_files[i];
        if (!is_applied(m, file, file->name) && !apply(m, file, file->name))
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
            fprintf(stderr, "svcd %s: out of memory\n", m->command);
            return false;
        }
        bool ok = is_applied(m, file, name) || apply(m, file, name);
        free(name);
        if (!ok)
            return false;
    }
    return true;
}

/* A statement_timeout of a few milliseconds may end the very statement that lifts it. */
static bool lift_limit(struct migration *m, const char *sql)
{
    for (int attempt = 1;; attempt++) {
        PGresult *result = PQexec(m->pg, sql);
        bool ok = succeeded(result), is_last = attempt == 10 || !has_sqlstate(result, "57014");
        if (!ok && is_last)
            tell_failure(m, NULL, result);
        PQclear(result);
        if (ok || is_last)
            return ok;
        sql = "SET statement_timeout = 0"; /* quicker than set_config(): it needs no plan */
    }
}

static bool lift_limits(struct migration *m)
{
    for (size_t i = 0; i < sizeof limits_sql / sizeof *limits_sql; i++)
        if (!lift_limit(m, limits_sql[i]))
            return false;
    return true;
}

static bool look_at_database(struct migration *m)
{
    PGresult *result = PQexec(m->pg, ENCODING_SQL);
    bool ok = succeeded(result) && *PQgetvalue(result, 0, 0) == 't';
    if (!succeeded(result))
        tell_failure(m, NULL, result);
    else if (!ok)
        fprintf(stderr,
                "svcd %s: database %s is encoded in %s, but names and texts are UTF-8; convert it:\n"
                "    createdb --encoding=UTF8 --template=template0 NEW && pg_dump %s | psql NEW\n",
                m->command, PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
    else
        m->backend_pid = atoi(PQgetvalue(result, 0, 3));
    PQclear(result);
    return ok;
}

static bool migrate(struct migration *m)
{
    if (PQsetClientEncoding(m->pg, "UTF8") != 0) {
        fprintf(stderr, "svcd %s: %s", m->command, PQerrorMessage(m->pg));
        return false;
    }
    return lift_limits(m) && look_at_database(m) && find_ledger(m) && apply_migrations(m) &&
           apply_functions(m) && apply_version(m);
}

int migrate_run(const char *const *keywords, const char *const *values, const struct migrate_options *options,
                FILE *out)
{
    struct dial server;
    if (!dial(&server, keywords, values, options->connect_timeout_ms)) {
        migrate_tell_no_connection(options->command, &server, options->connect_timeout_ms);
        return NOT_MIGRATED;
    }
    struct migration m = { .pg = server.pg,
                           .keywords = server.keywords,
                           .values = server.values,
                           .out = out,
                           .command = options->command,
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
