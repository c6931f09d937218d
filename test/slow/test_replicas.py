# SPDX-License-Identifier: MIT
"""More than one PostgreSQL server: which of them is the primary, and what becomes of calls when that changes."""

import signal
import subprocess
import threading
import time
import unittest

import feedback_pb2 as feedback
import grpc
import meeting_pb2 as meeting
import svcd_client
from google.protobuf import empty_pb2
from harness import PATIENCE_S, SVCD, Daemon, environment, is_serving, temporary_folder, wait_until
from replicas_kit import HOST, Servers

CALL_S = 5  # that one attempt of a call may take


class TestCase(unittest.TestCase):
    """Fresh servers for each test, the first of them the primary, and daemons that are told of all."""

    standbys = 1

    def setUp(self):
        self.servers = Servers(1 + self.standbys)
        self.addCleanup(self.servers.drop)
        self.first, *self.others = self.servers.all

    def served(self, *arguments, **env):
        daemon = Daemon("svcd", *arguments, env=self.servers.environment(**env))
        self.addCleanup(daemon.stop)
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        return daemon, client

    def write(self, client, content):
        """Whether it was acknowledged."""
        try:
            return client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content=content), timeout=CALL_S).status
        except grpc.RpcError:
            return False

    def written(self, server):
        return server.psql("SELECT string_agg(message, ',' ORDER BY websitefeedbackid) FROM websitefeedback WHERE message ~ '^w'")

    def seconds_without_writes(self, client):
        return wait_until(lambda: self.write(client, "w-again"), "no write is taken")


class Primary(TestCase):
    def test_writes_go_on_at_whichever_server_was_promoted_without_a_restart(self):
        _, client = self.served()
        self.assertTrue(self.write(client, "w-1"))
        second, = self.others
        wait_until(lambda: second.has_caught_up_with(self.first), "the standby does not follow")
        self.first.stop()
        second.promote()
        took_s = self.seconds_without_writes(client)
        print(f"writes go on {took_s:.2f} s after a promotion")
        self.assertLess(took_s, 30)
        self.assertIn("w-1", self.written(second))

    def test_an_old_primary_that_comes_back_as_a_standby_is_left_alone(self):
        daemon, client = self.served()
        second, = self.others
        self.first.stop()
        second.promote()
        self.seconds_without_writes(client)
        backends = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name ~ '^(read|insert|write|job) svcd'"
        before = second.psql(backends).split()
        self.first.follow(second)
        wait_until(lambda: self.first.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^control svcd'") == "1",
                   "nobody looks at it")
        self.assertTrue(self.write(client, "w-2"))
        self.assertEqual(set(before) - set(second.psql(backends).split()), set())
        self.assertEqual(self.first.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^(read|insert|write|job) svcd'"),
                         "0")
        self.assertIsNone(daemon.process.poll())

    def test_of_two_servers_that_take_writes_the_one_promoted_later_gets_them(self):
        _, running = self.served()
        second, = self.others
        self.first.stop()
        second.promote()
        self.seconds_without_writes(running)
        self.first.start()  # nobody has told it
        self.assertEqual(self.first.psql("SELECT pg_is_in_recovery()"), "f")
        _, fresh = self.served()  # which is told of that one first
        for client in (running, fresh):
            self.assertTrue(self.write(client, "w-both"))
        self.assertEqual(self.written(second).count("w-both"), 2)
        self.assertNotIn("w-both", self.written(self.first))

    def test_a_primary_that_only_gives_no_sign_any_more_is_left_when_another_is_promoted(self):
        _, client = self.served()
        second, = self.others
        self.first.freeze()
        second.promote()
        took_s = self.seconds_without_writes(client)
        print(f"writes go on {took_s:.2f} s after a promotion beside a silent server")
        self.first.thaw()
        time.sleep(0.5)
        self.assertTrue(self.write(client, "w-after"))
        self.assertIn("w-after", self.written(second))
        self.assertNotIn("w-after", self.written(self.first))

    def test_a_standby_alone_is_no_primary_unless_any_server_will_do(self):
        second, = self.others
        only = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(second.port)}
        daemon = Daemon("svcd", env=self.servers.environment(**only))
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("cannot connect to the database.*hot standby")
        _, client = self.served("--set", "database.target=any", **only)
        self.assertFalse(self.write(client, "w"))
        second.promote()
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "what was promoted is not found")

    def test_commands_find_the_primary_too(self):
        second, = self.others
        env = self.servers.environment(POSTGRES_PORT=f"{second.port},{self.first.port}")
        for command in (["migrate"], ["check", "--db"], ["job"]):
            done = subprocess.run([SVCD, *command], env=environment("svcd", **env), capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Counted(TestCase):
    """docs/deployment.md, Number of connections."""

    standbys = 2

    def counts(self):
        return [int(server.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ ' svcd '")) for server in self.servers.all]

    def test_each_server_has_as_many_connections_as_the_manual_counts(self):
        lanes, reads = 2 + 2 + 4, 2
        first, everywhere = {"POSTGRES_HOST": HOST, "POSTGRES_PORT": str(self.first.port)}, self.servers.environment()
        from_all = ["--set", f"database.read_host={everywhere['POSTGRES_HOST']}", "--set", f"database.read_port={everywhere['POSTGRES_PORT']}"]
        for arguments, env, expected in (
            ([], first, [lanes + 2, 0, 0]),
            ([], everywhere, [lanes + 2 + 1, 1, 1]),
            (["--set", f"database.read_host={HOST}", "--set", f"database.read_port={self.others[0].port}"], first, [lanes + 2, reads + 1, 0]),
            (from_all, everywhere, [lanes + 2 + 1 + reads + 1, reads + 1 + 1, reads + 1 + 1]),
        ):
            with self.subTest(expected):
                daemon, _ = self.served(*arguments, **env)
                wait_until(lambda expected=expected: self.counts() == expected, f"{self.counts()} in place of {expected}", 60)
                daemon.stop()


class Reads(TestCase):
    """Reads from a standby, and what becomes of them when it is late or away, or the primary is."""

    arguments = ("--set", "database.read_max_lag_ms=400")

    def setUp(self):
        super().setUp()
        self.second, = self.others
        self.daemon, self.client = self.read_from(self.second)

    def read_from(self, standby, *arguments):
        daemon, client = self.served("--set", "database.read_host=127.0.0.1", "--set", f"database.read_port={standby.port}",
                                     *self.arguments, *arguments)
        wait_until(lambda: self.answered_by(client) == standby, "the standby answers no read")
        return daemon, client

    def answered_by(self, client):
        """The server whose statistics tell that it ran a read just now."""
        seen = "SELECT coalesce(max(query_start), '-infinity') FROM pg_stat_activity WHERE application_name ~ '^read svcd' AND query ~ 'skillid'"
        before = [server.psql(seen) for server in self.servers.all]
        self.skills(client)
        after = [server.psql(seen) for server in self.servers.all]
        found = [server for server, was, now in zip(self.servers.all, before, after) if was != now]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def skills(self, client, **metadata):
        """Names, and what stood in the trailing metadata."""
        reply, call = client.account.ListSkills.with_call(empty_pb2.Empty(), timeout=PATIENCE_S,
                                                          metadata=[(key.replace("_", "-"), value) for key, value in metadata.items()])
        return [skill.name for skill in reply.skills], dict(call.trailing_metadata())

    def plans(self, client, **metadata):
        reply, call = client.meeting.ListPlansOfActions.with_call(
            meeting.ListPlansOfActionsRequest(userid=63), timeout=PATIENCE_S,
            metadata=[(key.replace("_", "-"), value) for key, value in metadata.items()])
        return [plan.content for plan in reply.plansOfActions], dict(call.trailing_metadata())

    def plan(self, client, content):
        """Writes one; the position after it."""
        reply, call = client.meeting.CreatePlansOfActions.with_call(
            meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction=content), timeout=PATIENCE_S)
        self.assertTrue(reply.successful)
        return dict(call.trailing_metadata())["svcd-position"]

    def test_a_read_after_a_write_sees_it_whoever_answers(self):
        for i in range(30):
            position = self.plan(self.client, f"plan {i}")
            self.assertRegex(position, r"^[0-9]+:[0-9A-F]+/[0-9A-F]+$")
            self.assertIn(f"plan {i}", self.plans(self.client, svcd_after=position)[0])
        self.second.psql("SELECT pg_wal_replay_pause()")
        position = self.plan(self.client, "while paused")
        contents, trailers = self.plans(self.client, svcd_after=position)
        self.assertIn("while paused", contents)
        self.assertNotIn("svcd-stale", trailers)
        _, other = self.served()  # that has no standbys
        self.assertIn("while paused", self.plans(other, svcd_after=position)[0])

    def test_a_write_that_comes_again_tells_where_it_can_be_read_too(self):
        for _ in range(2):
            _, call = self.client.meeting.CreatePlansOfActions.with_call(
                meeting.CreatePlansOfActionsRequest(menteeUserId=63, plansOfAction="once"), timeout=PATIENCE_S,
                metadata=[("idempotency-key", "k")])
            position = dict(call.trailing_metadata())["svcd-position"]
            self.assertEqual(self.plans(self.client, svcd_after=position)[0].count("once"), 1)

    def test_a_standby_that_is_late_is_passed_over_until_it_has_caught_up(self):
        self.second.psql("SELECT pg_wal_replay_pause()")
        self.plan(self.client, "late")
        time.sleep(0.5)  # more than it may be behind
        self.assertIn("late", self.plans(self.client)[0])
        self.assertEqual(self.answered_by(self.client), self.first)
        self.second.psql("SELECT pg_wal_replay_resume()")
        wait_until(lambda: self.answered_by(self.client) == self.second, "it is passed over for ever")
        self.assertIn("late", self.plans(self.client)[0])

    def test_what_a_reload_changes_reaches_the_standby(self):
        file = temporary_folder(self) / "svcd.conf"

        def put(**keys):
            file.write_text("\n".join(["[database]", *(f"{key} = {value}" for key, value in keys.items())]) + "\n")

        def backends():
            return set((self.second.psql("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE "
                                         f"application_name ~ '^read svcd {daemon.process.pid}@'") or "").split())
        put(read_max_lag_ms=400, read_connections=1, statement_timeout_ms=20000)
        daemon, client = self.served("--config", str(file), "--set", "database.read_host=127.0.0.1",
                                     "--set", f"database.read_port={self.second.port}")
        wait_until(lambda: self.answered_by(client) == self.second, "the standby answers no read")
        before = backends()
        self.assertEqual(len(before), 1)
        put(read_max_lag_ms=3600000, read_connections=3, statement_timeout_ms=30000)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: len(backends()) == 3 and not backends() & before, "its connections are as before")
        self.second.psql("SELECT pg_wal_replay_pause()")
        self.plan(client, "late")
        time.sleep(0.5)  # more than it might be behind before
        self.assertNotIn("late", self.plans(client)[0])
        self.second.psql("SELECT pg_wal_replay_resume()")

    def test_a_standby_that_is_away_or_ends_a_read_is_made_up_for_by_the_primary(self):
        stop = threading.Event()
        failed = []

        def read():
            while not stop.is_set():
                try:
                    self.skills(self.client)
                except grpc.RpcError as error:
                    failed.append(error)
        reader = threading.Thread(target=read, daemon=True)
        self.addCleanup(stop.set)
        reader.start()
        for _ in range(5):
            self.second.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^read svcd'")
            time.sleep(0.2)
        self.second.stop()
        time.sleep(1)
        self.second.start()
        time.sleep(1)
        stop.set()
        reader.join()
        self.assertEqual(failed, [])
        wait_until(lambda: self.answered_by(self.client) == self.second, "it is not used again")

    def test_without_a_primary_standbys_go_on_and_say_that_they_may_be_stale(self):
        position = self.plan(self.client, "last")
        wait_until(lambda: self.second.has_caught_up_with(self.first), "the standby does not follow")
        self.first.stop()
        wait_until(lambda: "svcd-stale" in self.skills(self.client)[1], "no answer is marked")
        self.assertEqual(self.skills(self.client)[1]["svcd-stale"], "true")
        wait_until(lambda: not is_serving(self.client), "health says that writes are served")
        self.assertFalse(is_serving(self.client, "account_package.AccountService"))
        self.assertTrue(is_serving(self.client, "svcd.live"))
        self.assertIn("last", self.plans(self.client, svcd_after=position)[0])
        timeline, _, lsn = position.partition(":")
        beyond = f"{timeline}:F/{lsn.partition('/')[2]}"
        with self.assertRaises(grpc.RpcError) as refused:
            self.plans(self.client, svcd_after=beyond)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_positions_outlive_a_promotion_but_what_it_lost_is_not_there(self):
        kept = self.plan(self.client, "kept")
        self.assertIn("kept", self.plans(self.client, svcd_after=kept)[0])
        wait_until(lambda: self.second.has_caught_up_with(self.first), "the standby does not follow")
        self.second.stop("fast")
        lost = self.plan(self.client, "lost")  # only the first has it
        self.first.stop()
        self.second.start()
        self.second.promote()
        self.seconds_without_writes(self.client)
        wait_until(lambda: self.second.psql("SELECT count(*) FROM svcd.timeline") == "2", "the timeline is not noted")
        self.assertIn("kept", self.plans(self.client, svcd_after=kept)[0])
        with self.assertRaises(grpc.RpcError) as refused:
            self.plans(self.client, svcd_after=lost)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_what_is_no_position_is_told(self):
        for text in ("", "x", "1", "1:", "1:0", "1:0/", "0:0/1", "-1:0/1", "1:0/1 ", "1:0x1/1", "1:0/100000000", "99999999999:0/1", "1:0/1,1:0/1"):
            with self.subTest(text), self.assertRaises(grpc.RpcError) as refused:
                self.plans(self.client, svcd_after=text)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        with self.assertRaises(grpc.RpcError) as refused:
            self.plans(self.client, svcd_after="77:0/1")
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
