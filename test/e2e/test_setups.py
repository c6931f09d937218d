# SPDX-License-Identifier: MIT
"""Databases as they are: published, dumped, of other types, with settings of their own."""

import re
import subprocess
import unittest

import account_pb2 as account
import feedback_pb2 as feedback
import meeting_pb2 as meeting
import svcd_client
from harness import ROOT, Daemon, create_database, demo_database, is_serving, psql, run_svcd, value, wait_until
from test_migrate import HOSTILE_SETTINGS


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
        self.uses(self.served(database))

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
