# SPDX-License-Identifier: MIT
"""Databases that svcd did not make, the old backend that shares one, and matching held against a naive reference."""

import os
import subprocess
import unittest

import account_pb2 as account
import matching_pb2 as matching
import meeting_pb2 as meeting
import svcd_client
from harness import ROOT, Daemon, create_database, demo_database, is_serving, migrate, psql, run_svcd, value, wait_until

WORLDS = int(os.environ.get("WORLDS", "200"))  # of the property test; WORLDS=5000 test/e2e/run build/svcd test_database

SCHEMA = """
    SELECT 'column', table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid), contype::text FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, regexp_replace(indexdef, 'INDEX \\w+', 'INDEX'), '' FROM pg_indexes
              WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, '' FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2, 3, 4"""

ROWS = " UNION ALL ".join(f"SELECT '{table}', t::text FROM public.{table} t" for table in (
    "account", "mentor", "mentee", "assignment", "meeting", "workshop", "ratingmodel")) + " ORDER BY 1, 2"


def python_database():
    """As the Python backend leaves one: its schema, rows with ids of its sequences, nothing else."""
    database = create_database()
    psql((ROOT / "test/e2e/python_backend.sql").read_text(encoding="utf-8"), database)
    psql(subprocess.run([ROOT / "tools/demo-data"], check=True, capture_output=True, text=True).stdout, database)
    return database


class PythonBackend(unittest.TestCase):
    def test_its_database_is_migrated_to_the_same_schema_as_an_empty_one(self):
        database = python_database()
        rows = psql("SELECT * FROM account ORDER BY 1", database)
        migrated = run_svcd("migrate", database=database)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.assertEqual(psql(SCHEMA, database), psql(SCHEMA, demo_database()))
        self.assertEqual(psql("SELECT * FROM account ORDER BY 1", database), rows)

    def test_its_database_is_served_once_migrated(self):
        database = python_database()
        migrate(database)
        daemon = Daemon(database)
        self.addCleanup(daemon.stop)
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
            login = client.account.TryLogin(account.AuthenticateRequest(username="demo-legacy@example.com", password="demo"))
            self.assertEqual((login.status, login.id), (True, 63))
            matched = client.matching.GetMatchingMentor(matching.MenteeToMentorMatchingRequest(menteeUserId=63))
            self.assertTrue(matched.status)
            listed = client.meeting.List5AppointmentsByUserID(meeting.ListAppointmentsRequest(userid=63))
            self.assertEqual(len(listed.appointments), 5)
            created = client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x"))
            self.assertGreater(created.plansOfAction.id, int(value("SELECT max(milestoneid) - 1 FROM milestone", database)))

    def test_its_statements_go_on_working_beside_svcd(self):
        database = demo_database()
        psql("""
            INSERT INTO Account VALUES (DEFAULT, 'Old', 'old@example.com', 'x', '1990-01-01', 1);
            INSERT INTO Mentee VALUES (DEFAULT, (SELECT accountId FROM Account WHERE email = 'old@example.com'));
            INSERT INTO MenteeSkill VALUES (DEFAULT, (SELECT menteeId FROM Account NATURAL JOIN Mentee WHERE name = 'Old'), 1);
            INSERT INTO Mentor VALUES (DEFAULT, 300);
            INSERT INTO Assignment VALUES (DEFAULT, (SELECT mentorId FROM Mentor WHERE accountId = 300),
                                           (SELECT menteeId FROM Account NATURAL JOIN Mentee WHERE name = 'Old'));
            INSERT INTO Milestone VALUES (DEFAULT, 1, 'plan', false);
            DELETE FROM Account WHERE email = 'old@example.com';""", database)
        self.assertEqual(psql("SELECT count(*) FROM Account NATURAL JOIN Mentee NATURAL JOIN MenteeSkill WHERE name = 'Old'", database),
                         [["0"]])
        self.assertEqual(value("SELECT mentees FROM svcd.candidate JOIN mentor ON mentorid = mentor_id WHERE accountid = 300",
                               database), "0")

    def test_rows_that_break_a_rule_are_named_and_left_alone_and_the_migration_is_not_applied(self):
        for statement, names in (
            ("INSERT INTO assignment (mentorid, menteeid) VALUES (1, 5)", ["mentee 5", "1001"]),
            ("UPDATE assignment SET mentorid = 1 WHERE assignmentid IN (2, 4, 6, 8, 10)", ["mentor 1"]),
            ("INSERT INTO meeting (assignmentid, start, duration) SELECT assignmentid, start + interval '1 minute', 5 "
             "FROM meeting WHERE meetingid = 9", ["meeting"]),
            ("INSERT INTO mentee (accountid) VALUES (61)", ["account 61"]),
            ("INSERT INTO ratingmodel SELECT * FROM ratingmodel LIMIT 1", ["areas 1 and 2"]),
        ):
            with self.subTest(statement):
                database = python_database()
                for table in ("assignment", "meeting", "mentee"):
                    psql(f"SELECT setval('{table}_{table}id_seq', 1000)", database)
                psql(statement, database)
                before = psql(ROWS, database)
                migrated = run_svcd("migrate", database=database)
                self.assertEqual(migrated.returncode, 1)
                for name in names:
                    self.assertIn(name, migrated.stderr)
                self.assertEqual(psql(ROWS, database), before)
                self.assertEqual(run_svcd("migrate", "--check", database=database).returncode, 1)


class Matching(unittest.TestCase):
    def setUp(self):
        self.database = create_database()
        self.assertEqual(run_svcd("migrate", database=self.database).returncode, 0)
        psql((ROOT / "test/sql/matching_property.sql").read_text(encoding="utf-8"), self.database)

    def test_it_chooses_as_a_naive_reference_does_in_random_worlds(self):
        psql(f"SELECT svcd_test.check_match_worlds({WORLDS}, 0.25)", self.database)

    def test_a_choice_without_model_favours_nobody(self):
        psql("SELECT svcd_test.check_match_uniform(20)", self.database)
