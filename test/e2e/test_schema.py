# SPDX-License-Identifier: MIT
"""Served from a database whose schema is not this svcd's: said in the log and by check, and each call is answered or clearly refused."""

import grpc
import matching_pb2 as matching
import meeting_pb2 as meeting
from google.protobuf import empty_pb2
from harness import PATIENCE_S, ROOT, Daemon, Held, create_database, demo_database, is_serving, migrate, psql, run_svcd, wait_until
from test_setups import Served


class Schema(Served):
    def daemon_on(self, database, **options):
        daemon = Daemon(database, **options)
        self.addCleanup(daemon.stop)
        return daemon, self.client_of(daemon)

    def refused(self, rpc, request, words):
        with self.assertRaises(grpc.RpcError) as caught:
            rpc(request, timeout=PATIENCE_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE, caught.exception.details())
        self.assertIn(words, caught.exception.details())

    def test_what_is_missing_or_newer_is_told_at_start_with_health_and_by_check(self):
        database = demo_database()
        psql("UPDATE svcd.migration SET name = '9999_later' WHERE name = '0007_keys'", database)
        daemon, _ = self.daemon_on(database)
        daemon.wait_for_log("level=error.*lacks migrations.*missing=0007_keys .*svcd migrate")
        daemon.wait_for_log("newer schema than this svcd.*unknown=9999_later")
        daemon.wait_for_log('level=warn msg="database available, with another schema.*missing=0007_keys unknown=9999_later')
        checked = run_svcd("check", "--db", database=database)
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn("9999_later", checked.stderr)

    def test_that_the_database_is_available_is_told_though_the_migrations_are_locked(self):
        database = demo_database()
        held = Held("LOCK TABLE svcd.migration", database)
        self.addCleanup(held.let_go)
        daemon, client = self.daemon_on(database)
        daemon.wait_for_log("database available")
        wait_until(lambda: is_serving(client), "not serving")
        self.uses(client)

    def test_functions_of_another_svcd_are_told_too(self):
        for change, words in (("UPDATE svcd.migration SET checksum = '99.0' WHERE name = 'functions/(version)'", 'unknown="svcd 99.0"'),
                              ("UPDATE svcd.migration SET checksum = '' WHERE name = 'functions/meetings'", "missing=functions/meetings")):
            with self.subTest(words):
                database = demo_database()
                psql(change, database)
                daemon, client = self.daemon_on(database)
                daemon.wait_for_log(f"database available, with another schema.*{words}")
                self.uses(client)
                self.assertNotEqual(run_svcd("check", "--db", database=database).returncode, 0)

    def test_calls_that_need_what_is_missing_are_refused_until_it_is_there_and_all_others_served(self):
        database = demo_database()
        psql("DELETE FROM assignment WHERE menteeid = (SELECT menteeid FROM mentee WHERE accountid = 63); DROP FUNCTION svcd.try_match(bigint); DELETE FROM svcd.migration WHERE name = 'functions/matching'", database)
        daemon, client = self.daemon_on(database)
        wait_until(lambda: is_serving(client), "not serving")
        daemon.wait_for_log("level=error.*lacks what some calls need.*try_match.*svcd migrate")
        mentee = matching.MenteeToMentorMatchingRequest(menteeUserId=63)
        for _ in range(3):
            self.refused(client.matching.TryMatch, mentee, "svcd migrate")
        self.uses(client, moves=False)
        self.assertEqual(run_svcd("migrate", database=database).returncode, 0)
        client.matching.TryMatch(mentee, timeout=PATIENCE_S)
        self.assertEqual(sum("lacks what some calls need" in line and "try_match:" in line for line in daemon.log), 1, "\n".join(daemon.log))

    def test_what_goes_while_svcd_serves_is_refused_as_clearly(self):
        database = demo_database()
        _, client = self.daemon_on(database)
        wait_until(lambda: is_serving(client), "not serving")
        psql("DROP FUNCTION svcd.next_meetings(integer) CASCADE", database)
        self.refused(client.meeting.List5AppointmentsByUserID, meeting.ListAppointmentsRequest(userid=63), "svcd migrate")
        self.assertTrue(client.account.ListSkills(empty_pb2.Empty(), timeout=PATIENCE_S).skills)
        checked = run_svcd("check", "--db", database=database)
        self.assertEqual(checked.returncode, 1)
        self.assertRegex(checked.stderr, "mentee_appointments: function next_meetings.*svcd migrate")

    def test_a_database_that_was_never_migrated_is_not_served(self):
        for tables in ("", (ROOT / "test/e2e/python_backend.sql").read_text(encoding="utf-8")):
            with self.subTest(tables=bool(tables)):
                database = create_database()
                psql(tables, database)
                daemon, client = self.daemon_on(database)
                daemon.wait_for_log("level=error.*the database cannot be used.*svcd migrate")
                self.assertFalse(is_serving(client))
                self.refused(client.account.ListSkills, empty_pb2.Empty(), "the database is not ready for svcd")
                migrate(database)
                wait_until(lambda: is_serving(client), "not serving")

    def test_a_schema_that_svcds_role_may_not_use_is_told_from_one_that_is_not_there(self):
        database = demo_database()
        psql("REVOKE USAGE ON SCHEMA svcd FROM svcd_runtime", database, "postgres")
        daemon, client = self.daemon_on(database)
        daemon.wait_for_log("level=error.*the database cannot be used.*permission denied for schema svcd.*sql/roles.sql")
        self.assertFalse(is_serving(client))
        psql("GRANT USAGE ON SCHEMA svcd TO svcd_runtime", database, "postgres")
        wait_until(lambda: is_serving(client), "not serving")

    def test_what_svcds_role_may_not_is_refused_with_what_to_do_in_the_log(self):
        database = demo_database()
        psql("REVOKE SELECT ON skill FROM svcd_runtime", database, "postgres")
        daemon, client = self.daemon_on(database)
        wait_until(lambda: is_serving(client), "not serving")
        self.refused(client.account.ListSkills, empty_pb2.Empty(), "does not let svcd")
        daemon.wait_for_log("permission denied for table skill.*sql/roles.sql")
        self.assertTrue(client.account.ListBusinessAreas(empty_pb2.Empty(), timeout=PATIENCE_S).businessAreas)
