# SPDX-License-Identifier: MIT
"""A locked table, a locked row and a slow statement delay only the calls that need what is stuck, also right after a start."""

import itertools
import time
import unittest
from collections import defaultdict
from pathlib import Path

import account_pb2 as account
import feedback_pb2 as feedback
import google.protobuf.empty_pb2 as empty
import grpc
import meeting_pb2 as meeting
import svcd_client
from google.protobuf.timestamp_pb2 import Timestamp
from harness import CLUSTER, PATIENCE_S, Daemon, Held, demo_database, is_serving, psql, value, wait_until

LATE_S = 1  # ten times what is promised of the 99th percentile, for a machine that is slow or busy


def calls(client, plans):
    """Each with the tables that it needs."""
    turn = iter(range(10**9))
    return {
        "ListSkills": (lambda: (client.account.ListSkills, empty.Empty()), {"skill"}),
        "ListBusinessAreas": (lambda: (client.account.ListBusinessAreas, empty.Empty()), {"businesssector"}),
        "AccountProfiles": (lambda: (client.account.AccountProfiles, account.ProfilesRequest(userid=63)), {"mentor", "mentee"}),
        "GetNotifications": (lambda: (client.account.GetNotifications, account.NotificationsRequest(userid=63)),
                             {"mentee", "menteemessage"}),
        "ListPlansOfActions": (lambda: (client.meeting.ListPlansOfActions, meeting.ListPlansOfActionsRequest(userid=63)),
                               {"mentee", "milestone"}),
        "TogglePlansOfActionCompletion": (lambda: (client.meeting.TogglePlansOfActionCompletion,
                                                   meeting.TogglePlansOfActionCompletionRequest(planid=plans[next(turn) % len(plans)])),
                                          {"milestone"}),
        "AddDevFeedback": (lambda: (client.feedback.AddDevFeedback, feedback.AddDevFeedbackRequest(content="x")), {"websitefeedback"}),
        "CreatePlansOfActions": (lambda: (client.meeting.CreatePlansOfActions,
                                          meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x")), {"mentee", "milestone"}),
    }


class Stuck(unittest.TestCase):
    def setUp(self):
        self.database = demo_database()
        psql("INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'x', false FROM mentee, generate_series(1, 20) "
             "WHERE accountid = 63", self.database)
        self.plans = [int(row[0]) for row in psql("SELECT milestoneid FROM milestone ORDER BY 1 DESC LIMIT 20", self.database)]

    def serve(self, *arguments):
        daemon = Daemon(self.database, *arguments)
        self.addCleanup(daemon.stop)
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        return client

    def test_a_read_gives_a_lock_up_when_its_time_is_over_though_nobody_else_waits(self):
        client = self.serve("--set", "database.lock_wait_ms=200")
        with Held("LOCK TABLE skill IN ACCESS EXCLUSIVE MODE", self.database):
            for _ in range(3):
                with self.assertRaises(grpc.RpcError) as caught:
                    client.account.ListSkills(empty.Empty(), timeout=PATIENCE_S)
                self.assertEqual((caught.exception.code(), "locked by somebody else" in caught.exception.details()), (grpc.StatusCode.UNAVAILABLE, True))
        self.assertTrue(client.account.ListSkills(empty.Empty(), timeout=PATIENCE_S).skills)

    def mixed_load(self, client, table, seconds=3):
        """Seconds each of the calls took that do not need the table, while those that do come, too."""
        took, pending, end = defaultdict(list), [], time.monotonic() + seconds
        while time.monotonic() < end:
            for name, (make, needs) in calls(client, self.plans).items():
                rpc, request = make()
                begun, future = time.monotonic(), rpc.future(request, timeout=5)
                if table not in needs:
                    future.add_done_callback(lambda done, name=name, begun=begun: took[name].append((time.monotonic() - begun, done.code())))
                pending.append((future, table in needs))
            time.sleep(0.03)
        for future, needs in pending:
            if not needs:
                wait_until(future.done, "a call that does not need the table hangs")
            else:
                future.cancel()
        return took

    def nobody_is_late(self, client, table):
        for name, all_of_it in self.mixed_load(client, table).items():
            self.assertEqual({code for _, code in all_of_it}, {grpc.StatusCode.OK}, name)
            late = sorted(seconds for seconds, _ in all_of_it)[len(all_of_it) * 99 // 100 - 1]
            self.assertLess(late, LATE_S, f"{name} while {table} is locked")

    def test_a_locked_table_delays_only_who_needs_it(self):
        client = self.serve()
        for table in ("mentee", "milestone", "websitefeedback", "skill"):
            with self.subTest(table):
                held = Held(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", self.database)
                self.nobody_is_late(client, table)
                held.let_go()
                wait_until(lambda: self.all_answered(client), "not all calls are served again")

    def all_answered(self, client):
        try:
            for make, _ in calls(client, self.plans).values():
                rpc, request = make()
                rpc(request, timeout=1)
            return True
        except grpc.RpcError:
            return False

    def test_a_daemon_that_starts_beside_a_locked_table_serves_who_does_not_need_it(self):
        held = Held("LOCK TABLE milestone, svcd.migration, svcd.timeline IN ACCESS EXCLUSIVE MODE", self.database)
        self.addCleanup(held.let_go)
        self.nobody_is_late(self.serve(), "milestone")

    def test_a_locked_row_delays_only_who_wants_that_row(self):
        client = self.serve()
        held = Held(f"SELECT FROM milestone WHERE milestoneid = {self.plans[0]} FOR UPDATE", self.database)
        self.addCleanup(held.let_go)
        blocked = [client.meeting.TogglePlansOfActionCompletion.future(
            meeting.TogglePlansOfActionCompletionRequest(planid=self.plans[0]), timeout=20) for _ in range(20)]
        for plan in self.plans[1:]:
            begun = time.monotonic()
            client.meeting.TogglePlansOfActionCompletion(meeting.TogglePlansOfActionCompletionRequest(planid=plan), timeout=5)
            self.assertLess(time.monotonic() - begun, LATE_S)
        self.assertFalse(any(call.done() for call in blocked))
        held.let_go()
        self.assertTrue(all(call.result().successful for call in blocked))

    def test_a_call_that_ends_ends_its_statement(self):
        client = self.serve()
        held = Held("LOCK TABLE milestone IN ACCESS EXCLUSIVE MODE", self.database)
        self.addCleanup(held.let_go)
        waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND wait_event_type = 'Lock'"
        write = client.meeting.TogglePlansOfActionCompletion.future(
            meeting.TogglePlansOfActionCompletionRequest(planid=self.plans[0]), timeout=20)
        wait_until(lambda: value(waiting, "svcd") != "0", "it does not wait for the lock")
        write.cancel()
        self.assertLess(wait_until(lambda: value(waiting, "svcd") == "0", "its backend waits on"), 10)

    def test_a_slow_statement_delays_nobody_else(self):
        psql("CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.message = 'slow' THEN PERFORM pg_sleep(6);"
             " END IF; RETURN NEW; END $$; CREATE TRIGGER dawdle BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION dawdle()",
             self.database)
        client = self.serve()
        slow = [client.feedback.AddDevFeedback.future(feedback.AddDevFeedbackRequest(content="slow"), timeout=60) for _ in range(4)]
        time.sleep(0.5)
        for _ in range(20):
            begun = time.monotonic()
            client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x"), timeout=30)
            self.assertLess(time.monotonic() - begun, LATE_S * 2)
        for call in slow:
            call.cancel()

    def test_a_slow_write_is_done_while_another_waits_for_a_lock_in_the_only_place_apart(self):
        psql("CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;"
             "CREATE TRIGGER dawdle BEFORE INSERT ON workshop FOR EACH ROW EXECUTE FUNCTION dawdle()", self.database)
        client = self.serve("--set", "database.write_connections=2", "--set", "database.statement_timeout_ms=600000")
        held = Held(f"SELECT FROM milestone WHERE milestoneid = {self.plans[0]} FOR UPDATE", self.database)
        self.addCleanup(held.let_go)
        locked = client.meeting.TogglePlansOfActionCompletion.future(
            meeting.TogglePlansOfActionCompletionRequest(planid=self.plans[0]), timeout=PATIENCE_S)
        waits = (f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND wait_event_type = 'Lock' "
                 "AND xact_start < clock_timestamp() - interval '0.1 s'")
        wait_until(lambda: value(waits, "svcd") != "0", "it does not wait apart")
        slow = client.meeting.ScheduleNewWorkshop.future(meeting.ScheduleNewWorkshopRequest(
            skill="Writing", start=Timestamp(seconds=4_102_444_800), duration=30, link="x"), timeout=PATIENCE_S)
        for n in itertools.count():  # others that wait for its connection
            if slow.done():
                break
            client.account.UpdateProfileDetails(account.UpdateProfileDetailsRequest(userid=63, newEmail=f"{n}@example.com"), timeout=PATIENCE_S)
        self.assertEqual(slow.code(), grpc.StatusCode.OK)
        self.assertFalse(locked.done())

    def test_connections_are_no_more_than_configured_and_two(self):
        client = self.serve()
        held = Held("LOCK TABLE milestone IN ACCESS EXCLUSIVE MODE", self.database)
        self.addCleanup(held.let_go)
        most = 0
        for _ in range(40):
            client.meeting.ListPlansOfActions.future(meeting.ListPlansOfActionsRequest(userid=63), timeout=0.2)
            most = max(most, int(value(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND "
                                       "application_name ~ ' svcd '", "svcd")))
            time.sleep(0.05)
        self.assertLessEqual(most, 2 + 2 + 4 + 2)

    def test_four_rows_and_four_tables_stuck_at_once_delay_nobody_else(self):
        client = self.serve()
        held = Held(f"SELECT FROM milestone WHERE milestoneid IN ({', '.join(map(str, self.plans[:4]))}) FOR UPDATE; "
                    "LOCK TABLE websitefeedback, workshop, menteemessage, skill IN ACCESS EXCLUSIVE MODE", self.database)
        self.addCleanup(held.let_go)
        wait_until(lambda: int(value("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IN "
                                     "('websitefeedback'::regclass, 'workshop'::regclass, 'menteemessage'::regclass, 'skill'::regclass)",
                                     self.database)) >= 4, "not all is held")
        stuck = []
        for n in range(40):
            stuck += [client.meeting.TogglePlansOfActionCompletion.future(
                          meeting.TogglePlansOfActionCompletionRequest(planid=self.plans[n % 4]), timeout=60),
                      client.feedback.AddDevFeedback.future(feedback.AddDevFeedbackRequest(content="x"), timeout=60),
                      client.account.ListSkills.future(empty.Empty(), timeout=60),
                      client.account.GetNotifications.future(account.NotificationsRequest(userid=63), timeout=60)]
        took = []
        for n in range(40):
            for rpc, request in ((client.account.AccountProfiles, account.ProfilesRequest(userid=63)),
                                 (client.meeting.ListPlansOfActions, meeting.ListPlansOfActionsRequest(userid=63)),
                                 (client.meeting.CreatePlansOfActions,
                                  meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="x")),
                                 (client.meeting.TogglePlansOfActionCompletion,
                                  meeting.TogglePlansOfActionCompletionRequest(planid=self.plans[4 + n % 16]))):
                begun = time.monotonic()
                rpc(request, timeout=30)
                took.append(time.monotonic() - begun)
        self.assertLess(sorted(took)[len(took) * 95 // 100], LATE_S)
        for call in stuck:
            call.cancel()


def served(test):
    """A database of a test's own, and a client of the daemon on it."""
    database = demo_database()
    daemon = Daemon(database)
    test.addCleanup(daemon.stop)
    client = svcd_client.Client(daemon.address)
    test.addCleanup(client.channel.close)
    wait_until(lambda: is_serving(client), "not serving")
    return database, client


class SlowCommits(unittest.TestCase):
    """Each commit takes a while, as on a slow disk."""

    def set(self, delay_us, siblings):
        psql(f"ALTER SYSTEM SET commit_delay = {delay_us}", "postgres", "postgres")
        psql(f"ALTER SYSTEM SET commit_siblings = {siblings}", "postgres", "postgres")
        psql("SELECT pg_reload_conf()", "postgres", "postgres")
        wait_until(lambda: value("SELECT current_setting('commit_delay')", "svcd") == str(delay_us), "not reloaded")

    def test_commits_that_are_slow_are_not_taken_for_statements_that_are_stuck(self):
        _, client = served(self)
        self.addCleanup(self.set, 0, 5)
        self.set(80_000, 0)
        log = Path(CLUSTER, "log")
        before, pending = log.stat().st_size, []
        for n in range(300):
            pending.append(client.feedback.AddDevFeedback.future(feedback.AddDevFeedbackRequest(content=f"slow commit {n}"), timeout=PATIENCE_S,
                                                                 metadata=[("idempotency-key", str(n))] if n % 2 else None))
            time.sleep(0.005)
        self.assertEqual({call.code() for call in pending}, {grpc.StatusCode.OK})
        cancelled = log.read_bytes()[before:].count(b"canceling statement due to user request")
        self.assertLess(cancelled, len(pending) / 30)


class Unconfirmed(unittest.TestCase):
    """A commit is to be confirmed by a standby that there is not."""

    def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_unknown_and_never_a_success(self):
        database, client = served(self)
        plan = int(value("SELECT min(milestoneid) FROM milestone", database))
        self.addCleanup(self.wait_for_standbys, "''", database)
        self.wait_for_standbys("'nobody'", database)
        for rpc, request in (
                (client.meeting.CreatePlansOfActions, meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="waits")),
                (client.meeting.TogglePlansOfActionCompletion, meeting.TogglePlansOfActionCompletionRequest(planid=plan))):
            future = rpc.future(request, timeout=60)
            waiting = f"FROM pg_stat_activity WHERE datname = '{database}' AND wait_event = 'SyncRep'"
            wait_until(lambda: value(f"SELECT count(*) {waiting}", "postgres") != "0", "it does not wait for a standby")
            psql(f"SELECT pg_cancel_backend(pid) {waiting}", "postgres", "postgres")
            self.assertEqual(future.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("unknown", future.details())
        self.assertTrue(is_serving(client))
        self.assertEqual(value("SELECT count(*) FROM milestone WHERE content = 'waits'", database), "1")  # as it happens

    @staticmethod
    def wait_for_standbys(names, database):
        psql(f"ALTER SYSTEM SET synchronous_standby_names = {names}", "postgres", "postgres")
        psql("SELECT pg_reload_conf()", "postgres", "postgres")
        wait_until(lambda: value(f"SELECT current_setting('synchronous_standby_names') = {names}", database) == "t", "not reloaded")
        psql("CHECKPOINT", "postgres", "postgres")  # by the process that tells all others to wait, once it has reloaded
