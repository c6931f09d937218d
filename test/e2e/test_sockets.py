# SPDX-License-Identifier: MIT
"""Sockets that somebody else opened and keeps, as systemd does: whose place they take, and that a restart loses no call."""

import fcntl
import http.client
import itertools
import json
import re
import shlex
import signal
import socket
import subprocess
import threading
import unittest

import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, SVCD, Daemon, demo_database, environment, free_port, is_listening, is_serving, temporary_folder, wait_until
from test_admin import get


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    """A socket that listens and is inherited."""
    opened = socket.socket(family)
    opened.bind(address)
    opened.listen(4096)
    return opened


class Handed(Daemon):
    """svcd with these sockets, by name, as its descriptors from 3 on."""

    def __init__(self, database, sockets, *arguments, names=None, **options):
        self.sockets = sockets
        self.names = ":".join(names or [name for name, _ in sockets])
        super().__init__(database, *arguments, **options)

    def command(self, arguments):
        """A shell moves them there and becomes svcd, so that LISTEN_PID is its own."""
        moves = " ".join(f"{3 + i}<&{opened.fileno()}" for i, (_, opened) in enumerate(self.sockets))
        closes = " ".join(f"{opened.fileno()}<&-" for _, opened in self.sockets if opened.fileno() >= 3 + len(self.sockets))
        return ["bash", "-c", f"exec {moves}; exec {closes}; export LISTEN_PID=$$ LISTEN_FDS={len(self.sockets)} "
                f"LISTEN_FDNAMES={self.names}; exec {shlex.join(arguments)}"]

    def start_process(self, arguments, **options):
        return subprocess.Popen(self.command(arguments), pass_fds=[opened.fileno() for _, opened in self.sockets], **options)


class Sockets(unittest.TestCase):
    maxDiff = None

    def sockets(self, *names):
        opened = []
        for name in names:
            one = listener()
            self.addCleanup(one.close)
            opened.append((name, self.high(one)))
        return opened

    def high(self, one):
        """Away from where they will be moved to."""
        moved = socket.socket(fileno=fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100))
        self.addCleanup(moved.close)
        return moved

    def start(self, sockets, *arguments, **options):
        daemon = Handed(demo_database(), sockets, *arguments, **options)
        self.addCleanup(daemon.stop)
        return daemon

    @staticmethod
    def listens_on(admin):
        """The addresses that the configuration in force has, and where they come from."""
        found = re.findall(r"(?m)^(\w+\.listen) = (.*?) *# (.*)$", get(admin, "/config").text)
        return {key: (value, origin) for key, value, origin in found}

    @staticmethod
    def address(opened):
        return "{}:{}".format(*opened.getsockname())

    def test_they_take_the_place_of_configured_addresses_of_their_scheme_and_others_stay(self):
        path = temporary_folder(self) / "svcd.socket"
        unix = self.high(listener(socket.AF_UNIX, str(path)))
        sockets = [*self.sockets("grpc", "admin"), ("whatever", unix)]
        daemon = self.start(sockets, "--set", "server.listen=127.0.0.1:0,http://127.0.0.1:0,grpc://[::1]:0", listen=None)
        daemon.wait_for_log("status page")
        told = [line for line in daemon.log if "listening" in line]
        self.assertEqual(len(told), 2, told)
        self.assertTrue(all('socket="handed over"' in line for line in told), told)
        with svcd_client.Client(self.address(sockets[0][1])) as client:
            wait_until(lambda: is_serving(client), "not serving")
        self.assertEqual(get(self.address(sockets[1][1]), "/livez").status, 200)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
            self.assertIn(b"200", peer.recv(100))
        told = self.listens_on(self.address(sockets[1][1]))
        self.assertEqual(told, {"server.listen": (f"{self.address(sockets[0][1])}, unix:{path}", "LISTEN_FDS"),
                                "admin.listen": (self.address(sockets[1][1]), "LISTEN_FDS")})
        daemon.stop()
        self.assertTrue(path.exists())

    def test_configured_addresses_of_other_schemes_are_listened_on_beside_them(self):
        (name, opened), = self.sockets("http")
        daemon = self.start([(name, opened)], "--set", "server.listen=127.0.0.1:0,http://127.0.0.1:9", "--set", "admin.listen=127.0.0.1:0", listen=None)
        with svcd_client.Client(daemon.addresses()[0]) as client:
            wait_until(lambda: is_serving(client), "not serving")
        self.assertEqual(get(self.address(opened), "/livez").status, 200)
        daemon.wait_for_log("listening address=", times=2)
        self.assertEqual(len(daemon.addresses()), 2)
        daemon.wait_for_log("status page")
        admin = re.search(r"status page.*address=(\S+)", "\n".join(daemon.log))[1]
        self.assertEqual(self.listens_on(admin), {"server.listen": (f"127.0.0.1:0, http://{self.address(opened)}", "LISTEN_FDS, --set server.listen"),
                                                  "admin.listen": ("127.0.0.1:0", "--set admin.listen")})

    def test_what_is_no_socket_to_listen_on_ends_the_start_with_2(self):
        sockets = self.sockets("grpc")
        plain = socket.socket()
        self.addCleanup(plain.close)
        for given, names, says in ((sockets, ["gprc"], "expected FileDescriptorName= grpc, http, https or admin"),
                                   ([("grpc", plain)], None, "no stream socket that listens"),
                                   (sockets, ["https"], "tls.certificate")):
            unstarted = Handed.__new__(Handed)
            unstarted.sockets, unstarted.names = given, ":".join(names or [name for name, _ in given])
            done = subprocess.run(unstarted.command([SVCD]), pass_fds=[opened.fileno() for _, opened in given], text=True,
                                  env=environment("svcd"), capture_output=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)

    def test_those_of_another_process_are_none_of_ours(self):
        daemon = Daemon(demo_database(), env={"LISTEN_FDS": "5", "LISTEN_PID": "1", "LISTEN_FDNAMES": "http"})
        self.addCleanup(daemon.stop)
        self.assertTrue(is_listening(daemon.address))

    def test_systemd_itself_hands_one_over(self):
        port = free_port()
        activate = subprocess.Popen(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=http", SVCD, "--set",
                                     "server.listen=http://127.0.0.1:1"],  # whose place it takes
                                    env=environment(demo_database()), stderr=subprocess.PIPE, text=True)
        self.addCleanup(activate.communicate)
        self.addCleanup(activate.terminate)
        wait_until(lambda: is_listening(f"127.0.0.1:{port}"), "systemd does not listen")
        self.assertEqual(get(f"127.0.0.1:{port}", "/livez").text, "live\n")

    def test_whoever_waits_there_waits_for_the_database_too_but_not_for_ever(self):
        (name, opened), = self.sockets("http")
        daemon = self.start([(name, opened)], "--set", "database.host=/nowhere", "--set", "database.connect_timeout_ms=700",
                            env={"POSTGRES_HOST": ""})
        answer = get(self.address(opened), "/readyz")
        self.assertEqual(answer.status, 503)
        self.assertTrue(any("reason=" in line for line in daemon.log), daemon.log)

    def test_a_restart_loses_no_call(self):
        sockets = self.sockets("http")
        address = self.address(sockets[0][1])
        database = demo_database()
        first = Handed(database, sockets)
        with svcd_client.Client(address) as client:
            wait_until(lambda: is_serving(client), "not serving")
        callers = [Caller(call, address) for call in (keep_calling, keep_calling, call_anew, post_anew)]
        for _ in range(3):
            for caller in callers:
                caller.wait_for_more(20)
            first.signal(signal.SIGTERM)
            self.assertEqual(first.wait(), 0)
            first = Handed(database, sockets)
        self.addCleanup(first.stop)
        for caller in callers:
            caller.wait_for_more(20)
        for caller in callers:
            caller.stop()
        self.assertEqual([caller.failed for caller in callers], [[], [], [], []])

    def test_two_that_share_one_are_restarted_in_turn_and_no_call_is_lost(self):
        sockets = self.sockets("http")
        address = self.address(sockets[0][1])
        database = demo_database()
        both = [Handed(database, sockets), Handed(database, sockets)]
        with svcd_client.Client(address) as client:
            wait_until(lambda: is_serving(client), "not serving")
        callers = [Caller(call, address) for call in (keep_calling, keep_calling, call_anew, post_anew)]
        for i in (0, 1, 0, 1):
            for caller in callers:
                caller.wait_for_more(20)
            both[i].signal(signal.SIGTERM)
            self.assertEqual(both[i].wait(), 0)
            both[i] = Handed(database, sockets)
        for daemon in both:
            self.addCleanup(daemon.stop)
        for caller in callers:
            caller.wait_for_more(20)
        for caller in callers:
            caller.stop()
        self.assertEqual([caller.failed for caller in callers], [[], [], [], []])


class Caller:
    """Calls one after another, on a thread, until told to stop or one fails."""

    def __init__(self, make, address):
        self.n, self.failed, self.stopping = 0, [], False
        self.thread = threading.Thread(target=self.run, args=(make, address), daemon=True)
        self.thread.start()

    def run(self, make, address):
        try:
            for _ in make(address):
                self.n += 1
                if self.stopping:
                    return
        except Exception as error:  # whatever it is, the call is lost
            self.failed.append(error)

    def wait_for_more(self, n):
        least = self.n + n
        wait_until(lambda: self.n >= least or self.failed, f"no {n} more calls")

    def stop(self):
        self.stopping = True
        self.thread.join(PATIENCE_S)


def keep_calling(address):
    with svcd_client.Client(address) as client:
        for _ in itertools.count():
            yield client.account.ListSkills(Empty(), timeout=PATIENCE_S, wait_for_ready=True)


def call_anew(address):
    for _ in itertools.count():
        with svcd_client.Client(address) as client:
            yield client.account.ListSkills(Empty(), timeout=PATIENCE_S, wait_for_ready=True)


def post_anew(address):
    for _ in itertools.count():
        connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
        connection.request("POST", "/account_package.AccountService/ListSkills", body="{}",
                           headers={"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        yield json.loads(answer.read())
        connection.close()
