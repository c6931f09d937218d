# SPDX-License-Identifier: MIT
"""`svcd migrate` on databases as they are: locked, owned by somebody else, in another encoding, migrated by others at the same time."""

import re
import socket
import subprocess
import time
import unittest

from harness import OWNER, PATIENCE_S, ROOT, SVCD, Held, create_database, demo_database, environment, psql, run_svcd, value


# What a role or a database may be set to.
HOSTILE_SETTINGS = (
    "lock_timeout = 1", "statement_timeout = 1000", "idle_session_timeout = 1500", "idle_in_transaction_session_timeout = 1",
    "search_path = pg_catalog", "default_transaction_read_only = on", "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on", "TimeZone = 'Asia/Tokyo'", "DateStyle = 'SQL, DMY'", "IntervalStyle = sql_standard",
    "bytea_output = escape", "extra_float_digits = -15", "standard_conforming_strings = off", "row_security = off",
    "client_encoding = LATIN1", "client_min_messages = debug5", "check_function_bodies = off", "array_nulls = off",
    "transform_null_equals = on", "quote_all_identifiers = on", "xmlbinary = hex", "xmloption = document", "synchronize_seqscans = off",
    "enable_indexscan = off", "jit = on", "jit_above_cost = 0", "plan_cache_mode = force_custom_plan", "gin_fuzzy_search_limit = 1",
    "default_statistics_target = 1", "constraint_exclusion = on", "backslash_quote = on")


SCHEMA = """
    SELECT 'column', attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
           WHERE relnamespace IN ('public'::regnamespace, 'svcd'::regnamespace) AND attnum > 0
    UNION ALL SELECT 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid), contype::text FROM pg_constraint
              WHERE connamespace IN ('public'::regnamespace, 'svcd'::regnamespace)
    UNION ALL SELECT 'index', indrelid::regclass::text, pg_get_indexdef(indexrelid), '' FROM pg_index i JOIN pg_class c ON c.oid = indrelid
              WHERE relnamespace IN ('public'::regnamespace, 'svcd'::regnamespace)
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text, '' FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid)), '' FROM pg_proc p WHERE pronamespace = 'svcd'::regnamespace
              AND prokind <> 'a'
    UNION ALL SELECT 'applied', name, checksum, '' FROM svcd.migration
    ORDER BY 1, 2, 3, 4"""


def schema_of(database):
    return [row for row in psql(SCHEMA, database) if row[0] != "index" or "account_email_key" not in row[2]]


def drop_role(name):
    psql(f"DROP ROLE IF EXISTS {name}", "postgres", "postgres")


class Migration(unittest.TestCase):
    def half_migrated(self):
        """The platform's tables only."""
        database = create_database()
        psql((ROOT / "test/e2e/python_backend.sql").read_text(encoding="utf-8"), database)
        return database

    def test_it_names_who_holds_a_lock_and_is_done_once_that_is_gone(self):
        database = self.half_migrated()
        held = Held("SELECT count(*) FROM mentor", database)
        self.addCleanup(held.let_go)
        with subprocess.Popen([SVCD, "migrate"], env=environment(database, POSTGRES_USER=OWNER), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as migrate:
            for line in migrate.stdout:
                if line.startswith("waiting for process"):
                    break
            self.assertIn("(hold)", line)
            self.assertIn("SELECT count(*) FROM mentor", line)
            self.assertEqual(value("SELECT count(*) FROM mentor", database), "0", "readers are held up")
            held.let_go()
            self.assertEqual(migrate.wait(PATIENCE_S), 0)
        self.assertEqual(run_svcd("migrate", "--check", database=database).returncode, 0)

    def test_each_who_holds_a_lock_is_named_once(self):
        database = self.half_migrated()
        for statement in ("SELECT count(*) FROM mentor", "SELECT count(*) FROM mentee, mentor"):
            self.addCleanup(Held(statement, database).let_go)
        migrated = run_svcd("migrate", "--wait", "5", database=database)
        self.assertEqual(migrated.returncode, 1)
        named = re.findall(r"^waiting for process \d+ \(hold\) of role svcd.*last statement: (.*);$", migrated.stdout, re.M)
        self.assertEqual(sorted(set(named)), ["SELECT count(*) FROM mentee, mentor", "SELECT count(*) FROM mentor"], migrated.stdout)
        self.assertLessEqual(len(named), 4, migrated.stdout)

    def test_what_was_migrated_may_be_locked_too(self):
        database = demo_database()
        with Held("LOCK TABLE svcd.migration", database):
            for command in ("migrate", "--wait", "1"), ("migrate", "--check", "--wait", "1"), ("check", "--db"):
                with self.subTest(command):
                    done = run_svcd(*command, database=database)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("(hold)", done.stdout)
                    self.assertIn("locked by others", done.stderr)
        self.assertEqual(run_svcd("check", "--db", database=database).returncode, 0)

    def test_told_not_to_wait_it_still_names_who_is_in_the_way(self):
        database = self.half_migrated()
        self.addCleanup(Held("LOCK TABLE mentor", database).let_go)
        migrated = run_svcd("migrate", "--wait", "0", database=database)
        self.assertEqual(migrated.returncode, 1)
        self.assertIn("(hold)", migrated.stdout)
        self.assertNotIn("trying again", migrated.stdout)

    def test_killed_at_any_step_it_leaves_nothing_half_done_and_the_next_one_finishes(self):
        expected = schema_of(demo_database())
        files = len([*(ROOT / "sql/migrations").glob("*.sql"), *(ROOT / "sql/functions").glob("*.sql")])
        steps = 0
        while steps < 2:  # or one was quicker than the kill, and did all of it
            database, steps = create_database(), 0
            while run_svcd("migrate", "--check", database=database).returncode:
                with subprocess.Popen([SVCD, "migrate"], env=environment(database, POSTGRES_USER=OWNER), text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE) as migrate:
                    if migrate.stdout.readline().startswith("applied"):
                        steps += 1
                        time.sleep(steps % 4 * 0.004)  # into the next step
                    migrate.kill()
                    self.assertEqual(migrate.stderr.read(), "")
                self.assertLessEqual(steps, files)
            self.assertEqual(schema_of(database), expected)

    def test_killed_while_it_waits_it_is_in_nobodys_way(self):
        database = self.half_migrated()
        held = Held("LOCK TABLE mentor", database)
        self.addCleanup(held.let_go)
        with subprocess.Popen([SVCD, "migrate"], env=environment(database, POSTGRES_USER=OWNER), text=True, stdout=subprocess.PIPE) as migrate:
            for line in migrate.stdout:
                if line.startswith("waiting for process"):
                    break
            migrate.kill()
        held.let_go()
        self.assertEqual(run_svcd("migrate", database=database).returncode, 0)
        self.assertEqual(schema_of(database), schema_of(demo_database()))

    def test_any_number_at_once_end_well_and_each_file_is_applied_once(self):
        database = create_database()
        runs = [subprocess.Popen([SVCD, "migrate"], env=environment(database, POSTGRES_USER=OWNER), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for _ in range(4)]
        told = []
        for run in runs:
            out, errors = run.communicate(timeout=PATIENCE_S)
            self.assertEqual((run.returncode, errors), (0, ""))
            told += re.findall(r"^applied .*", out, re.M)
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual(schema_of(database), schema_of(demo_database()))

    def test_settings_of_role_and_database_change_nothing(self):
        database = self.half_migrated()
        for setting in HOSTILE_SETTINGS:
            psql(f"ALTER DATABASE {database} SET {setting}", "postgres", "postgres")
        self.addCleanup(Held("SELECT count(*) FROM public.mentor", database, options="-c statement_timeout=0 -c idle_in_transaction_session_timeout=0").let_go)
        with subprocess.Popen([SVCD, "migrate"], env=environment(database, POSTGRES_USER=OWNER), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as migrate:
            is_told = any("(hold)" in line for line in migrate.stdout)
            migrate.kill()
            self.assertTrue(is_told, migrate.stderr.read())
        self.doCleanups()
        migrated = run_svcd("migrate", database=database)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        psql(f"ALTER DATABASE {database} RESET ALL", "postgres", "postgres")
        self.assertEqual(schema_of(database), schema_of(demo_database()))

    def test_it_gives_up_when_told_to_with_nothing_half_done(self):
        database = self.half_migrated()
        held = Held("LOCK TABLE mentor", database)
        self.addCleanup(held.let_go)
        migrated = run_svcd("migrate", "--wait", "1", database=database)
        self.assertEqual(migrated.returncode, 1)
        self.assertIn("locked by others", migrated.stderr)
        self.assertEqual(psql("SELECT conname FROM pg_constraint WHERE conname ~ '^svcd_'", database), [])
        self.assertEqual(psql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1937138532 AND database = "
                              "(SELECT oid FROM pg_database WHERE datname = current_database())", database), [])

    def test_a_database_in_another_encoding_is_refused_with_the_way_out(self):
        database = "test_latin1"
        psql(f"DROP DATABASE IF EXISTS {database}", "postgres", "postgres")
        psql(f"CREATE DATABASE {database} OWNER svcd ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
             "postgres", "postgres")
        self.addCleanup(psql, f"DROP DATABASE {database}", "postgres", "postgres")
        migrated = run_svcd("migrate", database=database)
        self.assertEqual(migrated.returncode, 1)
        self.assertIn("createdb --encoding=UTF8", migrated.stderr)
        self.assertEqual(psql("SELECT nspname FROM pg_namespace WHERE nspname = 'svcd'", database), [])

    def test_a_role_that_may_not_is_told_which_grants_it_lacks_and_they_suffice(self):
        database = self.half_migrated()
        drop_role("newcomer")
        psql("CREATE ROLE newcomer LOGIN PASSWORD 'x'", "postgres", "postgres")
        self.addCleanup(drop_role, "newcomer")
        self.addCleanup(psql, "DROP OWNED BY newcomer CASCADE; GRANT ALL ON SCHEMA public TO svcd", database, "postgres")
        env = {**environment(database), "POSTGRES_USER": "newcomer", "POSTGRES_PASSWORD": "x"}
        for attempt in range(4):
            done = subprocess.run([SVCD, "migrate"], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
            if done.returncode == 0:
                break
            statements = re.findall(r"^    ((?:GRANT|ALTER) .*;)$", done.stderr, re.M)
            self.assertTrue(statements, done.stderr)
            psql("\n".join(statements), database, "postgres")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_each_right_that_a_role_lacks_is_named_and_helps(self):
        drop_role("newcomer")
        psql("CREATE ROLE newcomer LOGIN PASSWORD 'x'", "postgres", "postgres")
        self.addCleanup(drop_role, "newcomer")
        again = "DELETE FROM svcd.migration WHERE name = 'functions/meetings'"
        for make, lack in (
            (create_database, "REVOKE CREATE ON DATABASE {} FROM newcomer"),
            (create_database, "REVOKE TEMPORARY ON DATABASE {} FROM newcomer"),
            (create_database, "REVOKE USAGE ON SCHEMA public FROM newcomer, PUBLIC"),
            (create_database, "REVOKE CREATE ON SCHEMA public FROM newcomer, PUBLIC"),
            (self.half_migrated, "ALTER TABLE assignment OWNER TO postgres"),
            (demo_database, f"ALTER TABLE svcd.migration OWNER TO postgres; {again}"),
            (demo_database, f"ALTER SCHEMA svcd OWNER TO postgres; {again}"),
            (demo_database, f"ALTER FUNCTION svcd.next_meetings(integer) OWNER TO postgres; {again}"),
        ):
            with self.subTest(lack):
                database = make()
                self.addCleanup(psql, "REASSIGN OWNED BY newcomer TO svcd; DROP OWNED BY newcomer CASCADE", database, "postgres")
                psql(f"REASSIGN OWNED BY svcd, svcd_owner TO newcomer; ALTER DATABASE {database} OWNER TO postgres; REVOKE ALL ON DATABASE {database} FROM PUBLIC; "
                     f"GRANT ALL ON DATABASE {database} TO newcomer; GRANT ALL ON SCHEMA public TO newcomer", database, "postgres")
                psql(lack.format(database), database, "postgres")
                refused = self.migrate_as("newcomer", database)
                self.assertEqual(refused.returncode, 1)
                statements = re.findall(r"^    ((?:GRANT|ALTER) .*;)$", refused.stderr, re.M)
                self.assertEqual(len(statements), 1, refused.stderr)
                psql(statements[0], database, "postgres")
                helped = self.migrate_as("newcomer", database)
                self.assertEqual(helped.returncode, 0, helped.stderr)

    def test_who_may_not_look_at_what_was_migrated_is_told_which_grants_it_lacks_and_they_suffice(self):
        database = demo_database()
        drop_role("newcomer")
        psql("CREATE ROLE newcomer LOGIN PASSWORD 'x'", "postgres", "postgres")
        self.addCleanup(drop_role, "newcomer")
        self.addCleanup(psql, "DROP OWNED BY newcomer CASCADE", database, "postgres")
        refused = self.migrate_as("newcomer", database, "--check")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("permission denied for schema svcd", refused.stderr)
        statements = re.findall(r"^    (GRANT .*;)$", refused.stderr, re.M)
        self.assertEqual(len(statements), 2, refused.stderr)
        psql("\n".join(statements), database, "postgres")
        helped = self.migrate_as("newcomer", database, "--check")
        self.assertEqual(helped.returncode, 0, helped.stderr)

    def test_who_may_not_connect_is_told_which_grant_it_lacks_and_it_suffices(self):
        database = create_database()
        drop_role("newcomer")
        psql(f"CREATE ROLE newcomer LOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "postgres", "postgres")
        self.addCleanup(drop_role, "newcomer")
        self.addCleanup(psql, "DROP OWNED BY newcomer CASCADE", database, "postgres")
        refused = self.migrate_as("newcomer", database, "--check")
        statement, = re.findall(r"^    (GRANT .*;)$", refused.stderr, re.M)
        psql(statement, "postgres", "postgres")
        self.assertIn("pending", self.migrate_as("newcomer", database, "--check").stdout)

    def migrate_as(self, role, database, *arguments):
        return subprocess.run([SVCD, "migrate", *arguments], env=environment(database, POSTGRES_USER=role, POSTGRES_PASSWORD="x"),
                              capture_output=True, text=True, timeout=PATIENCE_S)

    def test_a_server_that_gives_no_sign_is_given_up_with_where_it_is_and_how_long_it_was_waited_for(self):
        silent = socket.create_server(("127.0.0.1", 0))  # the system accepts for it, and nobody answers
        self.addCleanup(silent.close)
        for name, port in (("silent", silent.getsockname()[1]), ("black hole", self.black_hole())):
            for command in ("migrate",), ("check", "--db"):
                with self.subTest(name, command=command):
                    env = environment("svcd", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT=str(port))
                    done = subprocess.run([SVCD, "--set", "database.connect_timeout_ms=500", *command], env=env, capture_output=True, text=True,
                                          timeout=PATIENCE_S)
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr, f"^svcd {command[0]}: the server 127.0.0.1, port {port} timed out while connecting\n")
                    self.assertRegex(done.stderr, r"gave up connecting after 0.5 s \(database.connect_timeout_ms\)\n$")

    def black_hole(self):
        """The port of a listener with a full queue: the system drops whoever else would connect."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(listener.close)
        for _ in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
            self.addCleanup(waiting.close)
        return listener.getsockname()[1]

    def test_an_older_svcd_does_not_undo_a_newer_ones_functions(self):
        database = demo_database()
        psql("UPDATE svcd.migration SET checksum = '99.0' WHERE name = 'functions/(version)'", database)
        psql("UPDATE svcd.migration SET checksum = 'newer' WHERE name = 'functions/meetings'", database)
        migrated = run_svcd("migrate", database=database)
        self.assertEqual(migrated.returncode, 1)
        self.assertIn("svcd 99.0 has migrated the database", migrated.stderr)
        self.assertEqual(value("SELECT checksum FROM svcd.migration WHERE name = 'functions/meetings'", database), "newer")
