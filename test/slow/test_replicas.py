# SPDX-License-Identifier: MIT
"""More than one PostgreSQL server: which of them is the primary, and what becomes of calls when that changes."""

import subprocess
import time
import unittest

import feedback_pb2 as feedback
import grpc
import svcd_client
from harness import PATIENCE_S, SVCD, Daemon, environment, is_serving, wait_until
from replicas_kit import Servers

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
