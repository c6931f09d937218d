# SPDX-License-Identifier: MIT
"""What there is too little of: descriptors, threads, places for connections, and names that are looked up in time."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import harness
import meeting_pb2 as meeting
import svcd_client
from harness import PATIENCE_S, Daemon, Held, demo_database, environment, is_serving, psql, temporary_folder, value, wait_until
from test_admin import get
from wire import CHECK, SKILLS, WATCH, Wire

QUICK_S = 5  # far more than is promised, for a machine that is slow or busy, and far less than the resolver takes


class Wrapped(unittest.TestCase):
    def wrapped(self, script):
        """svcd started by a shell, after what the script does; it is the shell's process then."""
        wrapper = temporary_folder(self) / "svcd"
        wrapper.write_text(f"#!/bin/sh\n{script} exec '{harness.SVCD}' \"$@\"\n", encoding="utf-8")
        wrapper.chmod(0o755)
        return str(wrapper)

    def serve(self, script, *arguments, env=None):
        binary, harness.SVCD = harness.SVCD, self.wrapped(script)
        try:
            daemon = Daemon(self.database, *arguments, env=env)
        finally:
            harness.SVCD = binary
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        return daemon, client


class Descriptors(Wrapped):
    def test_clients_that_take_all_descriptors_do_not_keep_it_from_its_database(self):
        self.database = demo_database()
        daemon, client = self.serve("ulimit -n 100;")
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("limit of open files leaves fewer connections")
        wait_until(lambda: is_serving(client), "not serving")
        host, port = daemon.address.rsplit(":", 1)
        crowd = [socket.create_connection((host, int(port))) for _ in range(120)]
        self.addCleanup(lambda: [each.close() for each in crowd])
        daemon.wait_for_log("connection limit reached")
        ours = f"FROM pg_stat_activity WHERE datname = '{self.database}' AND application_name ~ ' svcd '"
        before = value(f"SELECT max(backend_start) {ours}", "postgres")
        psql(f"SELECT pg_terminate_backend(pid) {ours}", "postgres", "postgres")
        wait_until(lambda: int(value(f"SELECT count(*) {ours} AND backend_start > '{before}'", "postgres")) >= 8, "the database is not reached again")
        wait_until(lambda: is_serving(client), "not serving again")
        client.account.AccountProfiles(account.ProfilesRequest(userid=63), timeout=600)


class OfNobody(Daemon):
    """Runs as a user whose number of threads can be limited, which root's cannot."""

    user = {"user": "nobody"} if os.geteuid() == 0 else {}

    def start_process(self, arguments, **options):
        return super().start_process(arguments, **options, **self.user)


class Threads(unittest.TestCase):
    def test_a_reload_needs_no_thread_that_was_not_there_from_the_start_on(self):
        daemon = OfNobody(demo_database(), listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        subprocess.run(["prlimit", f"--pid={daemon.process.pid}", "--nproc=1"], check=True, **daemon.user)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_log("configuration reloaded")


class Slots(unittest.TestCase):
    """The database server has room for fewer connections than are configured."""

    def test_each_kind_of_call_is_served_and_ended_by_few_connections(self):
        database = demo_database()
        psql("CREATE ROLE few LOGIN CONNECTION LIMIT 5 IN ROLE svcd", "postgres", "postgres")
        self.addCleanup(psql, "DROP ROLE few", "postgres", "postgres")
        daemon = Daemon(database, "--set", "database.statement_timeout_ms=86400000", env={"POSTGRES_USER": "few"})
        self.addCleanup(daemon.stop)
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        client.account.AccountProfiles(account.ProfilesRequest(userid=63), timeout=PATIENCE_S)
        client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="x"), timeout=PATIENCE_S)
        with Held("SELECT FROM milestone FOR UPDATE", database):
            toggle = client.meeting.TogglePlansOfActionCompletion.future(meeting.TogglePlansOfActionCompletionRequest(planid=1), timeout=PATIENCE_S)
            waiting = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
            wait_until(lambda: psql(waiting, "postgres", "postgres"), "it does not wait for the lock")
            toggle.cancel()
            wait_until(lambda: not psql(waiting, "postgres", "postgres"), "its backend waits on")


class Places(unittest.TestCase):
    """Each of server.max_connections is taken, on the edge of our own."""

    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()

    def setUp(self):
        self.daemon = Daemon(self.database, "--set", "server.max_connections=3", listen="http://127.0.0.1:0")
        self.addCleanup(self.daemon.stop)
        wait_until(lambda: get(self.daemon.address, "/readyz").status == 200, "not ready")
        self.wires = [self.wire() for _ in range(3)]
        for wire in self.wires:
            wait_until(lambda wire=wire: self.says(wire, SKILLS)["grpc-status"] == "0", "not served")

    def wire(self):
        wire = Wire(self.daemon.address)
        wire.next = 1
        self.addCleanup(wire.socket.close)
        return wire

    def says(self, wire, path):
        stream, wire.next = wire.next, wire.next + 2
        wire.send(wire.request(stream, path))
        return wire.answer(stream)

    def post(self, path):
        return get(self.daemon.address, path, verb="POST", headers={"Content-Type": "application/json"}, body="{}")

    def is_healthy(self):
        """On a connection of its own."""
        wire = self.wire()
        answer = self.says(wire, CHECK)
        wire.socket.close()
        return answer.get("grpc-status") == "0"

    def assert_refused(self, answer):
        self.assertEqual(answer.get("grpc-status"), "14", answer)
        self.assertIn("the server is full", answer["grpc-message"])
        self.assertGreater(int(answer["grpc-retry-pushback-ms"]), 0)

    def test_a_full_server_answers_health_on_a_fresh_connection_and_refuses_all_else(self):
        wire = self.wire()
        self.assertEqual(self.says(wire, CHECK)["grpc-status"], "0")
        self.assert_refused(self.says(wire, WATCH))
        self.assert_refused(self.says(wire, SKILLS))
        self.assertEqual(self.says(wire, CHECK)["grpc-status"], "0")
        for path in ("/livez", "/readyz"):
            self.assertEqual(get(self.daemon.address, path).status, 200, path)
        self.assertEqual(get(self.daemon.address, "/").status, 503)
        self.assertEqual(self.post(CHECK).status, 200)
        refused = self.post(SKILLS)
        self.assertEqual(refused.status, 503)
        self.assertEqual(json.loads(refused.text)["code"], "unavailable")
        self.assertGreater(int(refused.headers["Retry-After"]), 0)
        self.daemon.wait_for_log("connection limit reached")
        self.assertEqual(sum("connection limit reached" in line for line in self.daemon.log), 1)
        for wire in self.wires:
            self.assertEqual(self.says(wire, SKILLS)["grpc-status"], "0")

    def test_one_too_many_becomes_one_of_all_when_another_leaves(self):
        wire = self.wire()
        self.assert_refused(self.says(wire, SKILLS))
        self.wires[0].socket.close()
        wait_until(lambda: self.says(wire, SKILLS)["grpc-status"] == "0", "still refused")
        self.assert_refused(self.says(self.wire(), SKILLS))

    def test_one_too_many_that_asks_for_nothing_is_closed_soon_and_without_an_error(self):
        silent = socket.create_connection(self.wires[0].socket.getpeername(), PATIENCE_S)
        self.addCleanup(silent.close)
        wire = self.wire()
        self.assertEqual(self.says(wire, CHECK)["grpc-status"], "0")
        self.assertEqual(wire.ends_with(), 0)
        self.assertEqual(silent.recv(1), b"")
        for wire in self.wires:
            self.assertEqual(self.says(wire, SKILLS)["grpc-status"], "0")

    def test_a_crowd_of_connections_keeps_nobody_from_asking_for_health(self):
        is_over = threading.Event()
        silent, address = [], self.wires[0].socket.getpeername()

        def talk():
            """Always one that has been answered, and asks again."""
            while not is_over.is_set():
                wire = self.wire()
                while not is_over.wait(0.05) and "closed" not in self.says(wire, SKILLS):
                    pass
                wire.socket.close()

        crowd = [threading.Thread(target=talk) for _ in range(20)]
        for each in crowd:
            each.start()
        try:
            for _ in range(5):
                silent += [socket.create_connection(address, PATIENCE_S) for _ in range(100)]
                wait_until(self.is_healthy, "health is not answered")
        finally:
            is_over.set()
            for each in crowd:
                each.join()
        for each in silent:
            each.close()
        for wire in self.wires:
            self.assertEqual(self.says(wire, SKILLS)["grpc-status"], "0")
        wait_until(self.is_healthy, "health is not answered")


def can_mount():
    return shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(can_mount(), "needs a mount namespace")
class SlowNames(Wrapped):
    """A name server on loopback that never answers, and a resolver that would ask it for a minute."""

    def setUp(self):
        self.database = demo_database()
        self.asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.asked.close)
        try:
            self.asked.bind(("127.0.0.53", 53))
        except OSError:
            self.skipTest("port 53 is not ours")
        self.asked.settimeout(600)
        folder = temporary_folder(self)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:30 attempts:2\n", encoding="utf-8")
        (folder / "nsswitch.conf").write_text("hosts: dns\n", encoding="utf-8")
        self.script = f"[ \"$1\" = inside ] || exec unshare -m --propagation private \"$0\" inside \"$@\"; shift;" \
                      f"mount --bind {folder}/resolv.conf /etc/resolv.conf || exit 9;" \
                      f"mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf || exit 9;"

    def test_calls_health_and_the_end_do_not_wait_for_a_name(self):
        daemon, client = self.serve(self.script, env={"POSTGRES_HOST": "db.example"})
        self.assertTrue(self.asked.recv(512))  # the name is being looked up
        for _ in range(5):
            begun = time.monotonic()
            self.assertFalse(is_serving(client))
            self.assertLess(time.monotonic() - begun, QUICK_S)
            begun = time.monotonic()
            with self.assertRaises(grpc.RpcError) as caught:
                client.account.AccountProfiles(account.ProfilesRequest(userid=63), timeout=50)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertLess(time.monotonic() - begun, QUICK_S)
        daemon.wait_for_log(r'level=warn msg="not connected to the database yet" reason="db\.example is still being looked up by the resolver"')
        self.assertEqual(sum("still being looked up" in line for line in daemon.log), 1)
        begun = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - begun, 20)  # and not when the resolver gives up

    def test_commands_give_a_name_up_when_the_time_to_connect_is_over(self):
        svcd = self.wrapped(self.script)
        for command in (["migrate"], ["check", "--db"]):
            done = subprocess.run([svcd, "--set", "database.connect_timeout_ms=700", *command], capture_output=True, text=True, timeout=600,
                                  env=environment(self.database, POSTGRES_HOST="db.example"))
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, f"svcd {command[0]}: db.example: still being looked up by the resolver\n"  # it has not given up
                             f"svcd {command[0]}: gave up connecting after 0.7 s (database.connect_timeout_ms)\n")

    def test_a_name_that_takes_long_holds_up_no_other_host(self):
        here = os.environ["PGHOST"]
        for hosts, target in ((f"db.example,{here}", "primary"), (f"{here},db.example", "primary"), (f"db.example,{here}", "any")):
            with self.subTest(hosts=hosts, target=target):
                begun = time.monotonic()
                daemon, client = self.serve(self.script, "--set", f"database.target={target}", env={"POSTGRES_HOST": hosts})
                wait_until(lambda: is_serving(client), "not serving")
                psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% svcd %'", "postgres", "postgres")
                daemon.wait_for_log("database connection up")
                wait_until(lambda: is_serving(client), "not serving again")
                self.assertLess(time.monotonic() - begun, 30)  # and not when the resolver gives up, after a minute
                daemon.stop()
