# SPDX-License-Identifier: MIT
"""Databases as they are: published, dumped, of other types, with settings of their own."""

import re
import subprocess
import unittest

import account_pb2 as account
import feedback_pb2 as feedback
import meeting_pb2 as meeting
import svcd_client
from harness import PATIENCE_S, SVCD, Daemon, Held, ask_password_of, create_database, demo_database, environment, free_port, is_serving, migrate, psql, wait_until
from test_migrate import HOSTILE_SETTINGS
from test_reload_keys import relay


class Served(unittest.TestCase):
    def served(self, database, **options):
        daemon = Daemon(database, **options)
        self.addCleanup(daemon.stop)
        client = self.client_of(daemon)
        wait_until(lambda: is_serving(client), "not serving")
        return client

    def client_of(self, daemon):
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        return client

    def uses(self, client, moves=True):
        """A call of each lane, and a login."""
        self.assertTrue(client.account.TryLogin(account.AuthenticateRequest(username="demo-legacy@example.com", password="demo")).status)
        self.assertTrue(client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="x")).status)
        plan = client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x"))
        self.assertTrue(plan.successful)
        self.assertTrue(client.meeting.TogglePlansOfActionCompletion(
            meeting.TogglePlansOfActionCompletionRequest(planid=plan.plansOfAction.id)).successful)
        self.assertTrue(not moves or client.account.UpdateProfileDetails(account.UpdateProfileDetailsRequest(
            userid=63, profileType=account.MENTEE, newEmail="demo-legacy@example.com")).success)


class Setup(Served):
    def test_settings_of_the_role_change_nothing(self):
        database = demo_database()
        for setting in HOSTILE_SETTINGS:
            psql(f"ALTER DATABASE {database} SET {setting}", "postgres", "postgres")
        client = self.served(database)
        self.uses(client)
        with Held("SELECT FROM public.account WHERE accountid = 63 FOR UPDATE", database, options="-c default_transaction_read_only=off "
                  "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"):
            updated = client.account.UpdateProfileDetails.future(account.UpdateProfileDetailsRequest(
                userid=63, profileType=account.MENTEE, newEmail="demo-legacy@example.com"), timeout=PATIENCE_S)
            wait_until(lambda: psql("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                                    "clock_timestamp() - query_start > interval '1.5 s'", "postgres", "postgres"), "no statement outlives the setting")
        self.assertTrue(updated.result().success)

    def test_all_tables_can_be_published_and_still_be_written(self):
        database = demo_database()
        psql("CREATE PUBLICATION everything FOR ALL TABLES", database, "postgres")
        tables = psql("SELECT format('%I.%I', nspname, relname), (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT "
                      "attisdropped AND attgenerated = '' AND attidentity = '' ORDER BY attnum LIMIT 1) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                      "WHERE relkind = 'r' AND nspname IN ('svcd', 'public')", database)
        self.assertGreater(len(tables), 25)
        for table, column in tables:
            with self.subTest(table):
                psql(f"BEGIN; SET LOCAL session_replication_role = replica; UPDATE {table} SET {column} = {column}; DELETE FROM {table}; ROLLBACK",
                     database, "postgres")
        self.assertEqual(psql("SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND "
                              "nspname IN ('svcd', 'public') AND relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE "
                              "indrelid = c.oid AND indisprimary)", database), [])

    def test_names_and_e_mails_may_become_text_also_while_they_are_served(self):
        database = demo_database()
        before = self.served(database)
        for _ in range(8):
            self.uses(before)
        psql("ALTER TABLE account ALTER name TYPE text, ALTER email TYPE text", database)
        for _ in range(8):
            self.uses(before)
        self.uses(self.served(database))

    def test_functions_are_found_and_find_whatever_the_search_path(self):
        database = demo_database()
        self.assertEqual(psql("SET search_path = pg_catalog; SELECT svcd.update_is_refused(63, false, NULL, NULL, '{}')", database), [["f"]])
        self.assertEqual(psql("SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON "
                              "l.oid = prolang WHERE nspname = 'svcd' AND lanname = 'plpgsql' AND NOT coalesce(proconfig::text, '') ~ 'search_path'",
                              database), [])

    def test_a_dump_of_the_data_alone_loads_into_a_migrated_database(self):
        source, target = demo_database(), create_database()
        migrate(target)
        dump = subprocess.run(["pg_dump", "-U", "postgres", "--data-only", "--disable-triggers", "--exclude-table=svcd.migration", source],
                              capture_output=True, text=True, check=True).stdout
        psql(dump, target, "postgres")
        self.assertEqual(psql("SELECT count(*) FROM svcd.candidate", target), psql("SELECT count(*) FROM svcd.candidate", source))
        self.uses(self.served(target))

    def test_what_no_retry_mends_is_an_error_that_says_what_to_do_and_tried_seldom(self):
        database = demo_database()
        psql("DROP ROLE IF EXISTS keyholder, outsider; CREATE ROLE keyholder LOGIN PASSWORD 'right'; CREATE ROLE outsider NOLOGIN", "postgres",
             "postgres")
        self.addCleanup(psql, "DROP ROLE keyholder, outsider", "postgres", "postgres")
        ask_password_of(self, "keyholder")
        for name, env, reason, advice in (
            ("no_such_database", {}, r'"no_such_database\\?" does not exist', "create the database"),
            (database, {"POSTGRES_USER": "keyholder", "POSTGRES_PASSWORD": "wrong"}, "password authentication failed", "set database.user"),
            (database, {"POSTGRES_USER": "outsider"}, "not permitted to log in", "let the role log in"),
            (database, {"POSTGRES_USER": "nobody_at_all"}, 'role "?.*nobody_at_all.* does not exist', "let the role log in"),
            (database, {"PGOPTIONS": "-c no_such_setting=1"}, "unrecognized configuration parameter", "correct or remove the setting in PGOPTIONS"),
            (database, {"PGOPTIONS": "-c work_mem=much"}, "invalid value for parameter", "correct or remove the setting in PGOPTIONS"),
            (database, {"PGOPTIONS": "-c log_statement=all"}, "permission denied to set parameter", "correct or remove the setting in PGOPTIONS"),
            (database, {"PGOPTIONS": "--nonsense"}, "requires a value", "correct or remove the setting in PGOPTIONS"),
        ):
            with self.subTest(reason):
                daemon = Daemon(name, env=env)
                self.addCleanup(daemon.stop)
                daemon.wait_for_log(f'level=error.*{reason}.*do="{advice}')
                self.assertEqual(sum("level=error" in line for line in daemon.log), 1, "\n".join(daemon.log))
                checked = subprocess.run([SVCD, "check", "--db"], env=environment(name, **env), capture_output=True, text=True)
                self.assertEqual(checked.returncode, 1)
                self.assertRegex(checked.stderr, reason)

    def test_a_server_that_is_not_there_is_told_in_libpqs_words(self):
        port = free_port()
        daemon = Daemon("svcd", env={"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)})
        self.addCleanup(daemon.stop)
        daemon.wait_for_log(f'cannot connect to the database.*127.0.0.1.*port {port} failed: Connection refused')

    def test_the_address_of_libpqs_variable_is_used_for_the_host_by_daemon_and_commands(self):
        address, port = relay(self)
        database = demo_database()
        env = {"POSTGRES_HOST": "nobody.invalid", "POSTGRES_PORT": str(port), "PGHOSTADDR": address}
        self.uses(self.served(database, env=env))
        checked = subprocess.run([SVCD, "check", "--db"], env=environment(database, **env), capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_connection_that_an_operator_ends_is_told_once_in_the_servers_words(self):
        database = demo_database()
        daemon = Daemon(database)
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("database available")

        def has_come(lane):
            names = psql(f"SELECT application_name FROM pg_stat_activity WHERE datname = '{database}'", "postgres", "postgres")
            return any(re.fullmatch(rf"{lane} svcd {daemon.process.pid}@.+", name) for name, in names)
        for lane in ("read", "insert", "write", "job", "control"):
            wait_until(lambda lane=lane: has_come(lane), f"no connection is for {lane}")
        psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'", "postgres", "postgres")
        daemon.wait_for_log("database connection lost.*terminating connection due to administrator command")
        daemon.wait_for_log("database connection up")
        self.assertEqual(sum("administrator command" in line for line in daemon.log), 1)
