# SPDX-License-Identifier: MIT
"""Databases as they are: locked, owned by somebody else, in another encoding, published, dumped, of other types, with settings of their own."""

import os
import re
import subprocess
import unittest

import account_pb2 as account
import feedback_pb2 as feedback
import meeting_pb2 as meeting
import svcd_client
from harness import PATIENCE_S, ROOT, Daemon, create_database, demo_database, environment, is_serving, psql, run_svcd, value, wait_until


class Held:
    """A transaction that keeps what its statement locks, until let go."""

    def __init__(self, statement, database):
        self.client = subprocess.Popen(["psql", "-XAtq", "-d", database, "-U", "svcd"], stdin=subprocess.PIPE, text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PGAPPNAME": "hold"})
        self.client.stdin.write(f"BEGIN; {statement};\n")
        self.client.stdin.flush()
        wait_until(lambda: psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'hold' AND state = 'idle in transaction' "
                                f"AND datname = '{database}'", database), "nothing is held")

    def let_go(self):
        if self.client.poll() is None:
            self.client.stdin.close()
            self.client.wait(PATIENCE_S)


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
        with subprocess.Popen([os.environ["SVCD"], "migrate"], env=environment(database), text=True,
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
            done = subprocess.run([os.environ["SVCD"], "migrate"], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
            if done.returncode == 0:
                break
            statements = re.findall(r"^    ((?:GRANT|ALTER) .*;)$", done.stderr, re.M)
            self.assertTrue(statements, done.stderr)
            psql("\n".join(statements), database, "postgres")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_serving_without_a_migration_or_with_a_newer_one_is_told(self):
        database = demo_database()
        psql("UPDATE svcd.migration SET name = '9999_later' WHERE name = '0007_keys'", database)
        daemon = Daemon(database)
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("level=error.*lacks migrations.*missing=0007_keys .*svcd migrate")
        daemon.wait_for_log("newer schema than this svcd.*unknown=9999_later")
        self.assertNotEqual(run_svcd("check", "--db", database=database).returncode, 0)

    def test_an_older_svcd_does_not_undo_a_newer_ones_functions(self):
        database = demo_database()
        psql("UPDATE svcd.migration SET checksum = '99.0' WHERE name = 'functions/(version)'", database)
        psql("UPDATE svcd.migration SET checksum = 'newer' WHERE name = 'functions/meetings'", database)
        migrated = run_svcd("migrate", database=database)
        self.assertEqual(migrated.returncode, 1)
        self.assertIn("svcd 99.0 has migrated the database", migrated.stderr)
        self.assertEqual(value("SELECT checksum FROM svcd.migration WHERE name = 'functions/meetings'", database), "newer")


class Setup(unittest.TestCase):
    def served(self, database, **options):
        daemon = Daemon(database, **options)
        self.addCleanup(daemon.stop)
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        return client

    def uses(self, client):
        """A call of each lane, and a login."""
        self.assertTrue(client.account.TryLogin(account.AuthenticateRequest(username="demo-legacy@example.com", password="demo")).status)
        self.assertTrue(client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="x")).status)
        plan = client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x"))
        self.assertTrue(plan.successful)
        self.assertTrue(client.meeting.TogglePlansOfActionCompletion(
            meeting.TogglePlansOfActionCompletionRequest(planid=plan.plansOfAction.id)).successful)
        self.assertTrue(client.account.UpdateProfileDetails(account.UpdateProfileDetailsRequest(
            userid=63, profileType=account.MENTEE, newEmail="demo-legacy@example.com")).success)

    def test_settings_of_the_role_change_nothing(self):
        database = demo_database()
        for setting in ("lock_timeout = 1", "statement_timeout = 1", "idle_session_timeout = 300", "search_path = pg_catalog",
                        "default_transaction_read_only = on", "default_transaction_isolation = 'serializable'",
                        "TimeZone = 'Asia/Tokyo'"):
            psql(f"ALTER DATABASE {database} SET {setting}", "postgres", "postgres")
        self.uses(self.served(database))

    def test_as_the_runtime_role_of_roles_sql_everything_is_served_and_nothing_else_allowed(self):
        database = demo_database()
        done = subprocess.run(["psql", "-Xq", "-d", database, "-U", "postgres", "-f", str(ROOT / "sql/roles.sql")],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        drop_role("server")
        psql("CREATE ROLE server LOGIN PASSWORD 'x' IN ROLE svcd_runtime", "postgres", "postgres")
        self.addCleanup(drop_role, "server")
        self.uses(self.served(database, env={"POSTGRES_USER": "server", "POSTGRES_PASSWORD": "x"}))
        for statement in ("CREATE TABLE public.t (i integer)", "ALTER TABLE account ADD c integer", "DROP TABLE skill",
                          "TRUNCATE websitefeedback", "SELECT passwordhash FROM account", "CREATE TABLE svcd.t (i integer)"):
            with self.subTest(statement), self.assertRaises(AssertionError) as refused:
                psql(statement, database, "server")
            self.assertRegex(str(refused.exception), "permission denied|must be owner")

    def test_all_tables_can_be_published_and_still_be_written(self):
        database = demo_database()
        psql("CREATE PUBLICATION everything FOR ALL TABLES", database, "postgres")
        psql("UPDATE ratingmodel SET modeloffset = modeloffset; DELETE FROM pendingratingfeedback; DELETE FROM svcd.offer", database)
        self.assertEqual(psql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND "
                              "nspname IN ('svcd', 'public') AND relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE "
                              "indrelid = c.oid AND indisprimary)", database), [])

    def test_names_and_e_mails_may_become_text(self):
        database = demo_database()
        psql("ALTER TABLE account ALTER name TYPE text, ALTER email TYPE text", database)
        self.uses(self.served(database))

    def test_functions_are_found_and_find_whatever_the_search_path(self):
        database = demo_database()
        self.assertEqual(psql("SET search_path = pg_catalog; SELECT svcd.update_is_refused(63, false, NULL, NULL, '{}')", database), [["f"]])
        self.assertEqual(psql("SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON "
                              "l.oid = prolang WHERE nspname = 'svcd' AND lanname = 'plpgsql' AND NOT coalesce(proconfig::text, '') ~ 'search_path'",
                              database), [])

    def test_a_dump_of_the_data_alone_loads_into_a_migrated_database(self):
        source, target = demo_database(), create_database()
        self.assertEqual(run_svcd("migrate", database=target).returncode, 0)
        dump = subprocess.run(["pg_dump", "-U", "postgres", "--data-only", "--disable-triggers", "--exclude-table=svcd.migration", source],
                              capture_output=True, text=True, check=True).stdout
        psql(dump, target, "postgres")
        self.assertEqual(psql("SELECT count(*) FROM svcd.candidate", target), psql("SELECT count(*) FROM svcd.candidate", source))
        self.uses(self.served(target))

    def test_what_no_retry_mends_is_an_error_that_says_what_to_do_and_tried_seldom(self):
        daemon = Daemon("no_such_database")
        self.addCleanup(daemon.stop)
        daemon.wait_for_log(r'level=error.*"no_such_database\\?" does not exist.*do="create the database')
        self.assertEqual(sum("does not exist" in line for line in daemon.log), 1)

    def test_a_connection_that_an_operator_ends_is_told_once_in_the_servers_words(self):
        database = demo_database()
        daemon = Daemon(database)
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("database available")
        names = psql(f"SELECT application_name FROM pg_stat_activity WHERE datname = '{database}'", "postgres", "postgres")
        for lane in ("read", "insert", "write", "job", "control"):
            self.assertTrue(any(re.fullmatch(rf"{lane} svcd {daemon.process.pid}@.+", name) for name, in names), names)
        psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'", "postgres", "postgres")
        daemon.wait_for_log("database connection lost.*terminating connection due to administrator command")
        daemon.wait_for_log("database connection up")
        self.assertEqual(sum("administrator command" in line for line in daemon.log), 1)
