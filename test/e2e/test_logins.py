# SPDX-License-Identifier: MIT
"""Logins over the real wire: whom svcd takes a caller for, what a refusal carries, what stays of a password."""

import os
import pty
import re
import signal
import subprocess
import termios
import time
import unittest

import account_pb2 as account
import grpc
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import (PATIENCE_S, SVCD, UNDER_SANITIZER, Daemon, TestCase, demo_database, environment, is_serving, psql, run_svcd,
                     wait_until)
from test_admin import Administered

OWNER, PASSWORD = "demo-mentee@example.com", "demo"
OTHER, THIRD = "demo-mentor@example.com", "demo-legacy@example.com"
# Of PASSWORD, at costs that take a worker a millisecond, a tenth of a second, and more than a second.
QUICK = "$2b$04$abcdefghijklmnopqrstuukpT6/rAWFFcbBfEblfGqmNEecvFUNVy"
STEADY = "$2b$10$abcdefghijklmnopqrstuu3XEy7sAuqf0awFQrE8Rakk7J.cSBot2"
SLOW = "$2b$14$abcdefghijklmnopqrstuuiOyn5sCfEku6F4seDbKXB878tnN9VZi"
LOOPBACKS = "127.0.0.1:0,[::1]:0"


def outcome(client, username, password, forwarded_for=None):
    """True or False as the reply says, or the error."""
    metadata = [("x-forwarded-for", value) for value in forwarded_for or ()]
    try:
        return client.account.TryLogin(account.AuthenticateRequest(username=username, password=password),
                                       timeout=PATIENCE_S, metadata=metadata).status
    except grpc.RpcError as error:
        return error


class Throttled(unittest.TestCase):
    """A daemon of its own for each test, on both loopback addresses; two failures an e-mail or address, then hardly any."""

    limits = ("throttle.email_burst=2", "throttle.email_per_minute=1", "throttle.stranger_burst=1", "throttle.address_burst=3",
              "throttle.address_per_minute=1", "password.failure_floor_ms=0")

    def start(self, *settings):
        arguments = [word for setting in (*self.limits, *settings) for word in ("--set", setting)]
        daemon = Daemon(demo_database(), *arguments, listen=LOOPBACKS)
        self.addCleanup(daemon.stop)
        wait_until(lambda: len(daemon.addresses()) == 2, "not listening")
        clients = [svcd_client.Client(address) for address in sorted(daemon.addresses(), reverse=True)]
        for client in clients:
            self.addCleanup(client.channel.close)
            wait_until(lambda client=client: is_serving(client), "not serving")
        return clients  # ::1, then 127.0.0.1

    def assert_refused(self, error):
        self.assertIsInstance(error, grpc.RpcError)
        self.assertEqual(error.code(), StatusCode.RESOURCE_EXHAUSTED)
        pushback = dict(error.trailing_metadata())["grpc-retry-pushback-ms"]
        self.assertRegex(pushback, r"\A[1-9][0-9]*\Z")
        self.assertTrue(1000 < int(pushback) <= 60001, pushback)

    def test_a_refusal_carries_the_time_to_come_back_as_trailing_metadata(self):
        client, _ = self.start()
        for _ in range(3):
            self.assertIs(outcome(client, "nobody", "wrong"), False)
        self.assert_refused(outcome(client, "nobody", "wrong"))

    def test_failures_are_counted_by_the_address_at_the_other_end(self):
        six, four = self.start()
        for number in range(3):
            self.assertIs(outcome(six, f"nobody{number}", "wrong"), False)
        self.assert_refused(outcome(six, "nobody3", "wrong"))
        self.assertIs(outcome(four, "nobody3", "wrong"), False)

    def test_a_trusted_proxy_speaks_for_others_and_nobody_else_does(self):
        six, four = self.start("throttle.trusted_proxies=127.0.0.1")
        for number in range(3):
            self.assertIs(outcome(four, f"nobody{number}", "wrong", ["192.0.2.1", "198.51.100.7"]), False)
        self.assert_refused(outcome(four, "nobody3", "wrong", ["192.0.2.2, 198.51.100.7"]))
        self.assertIs(outcome(four, "nobody3", "wrong", ["198.51.100.7", "192.0.2.2"]), False)
        for number in range(4, 7):
            self.assertIs(outcome(six, f"nobody{number}", "wrong", [f"192.0.2.{number}"]), False)
        self.assert_refused(outcome(six, "nobody7", "wrong", ["192.0.2.7"]))

    def test_an_owner_who_was_there_before_gets_in_while_another_address_attacks(self):
        six, four = self.start()
        self.assertIs(outcome(four, OWNER, PASSWORD), True)
        for _ in range(3):
            self.assertIs(outcome(six, OWNER, "wrong"), False)
        self.assert_refused(outcome(six, OWNER, "wrong"))
        self.assertIs(outcome(four, OWNER, PASSWORD), True)


class Stormed(TestCase):
    """A queue of two, and failures that are answered late."""

    arguments = ("--set", "password.queue_limit=2", "--set", "password.failure_floor_ms=300", "--set", "throttle.email_per_minute=0",
                 "--set", "throttle.address_per_minute=0")

    def test_what_does_not_fit_the_queue_is_told_when_to_come_back_and_others_are_served(self):
        self.sql(f"UPDATE account SET passwordhash = '{STEADY}' WHERE email = '{OWNER}'")  # dear: a hundred fit no queue while one is made
        request = account.AuthenticateRequest(username=OWNER, password="wrong")
        futures = [self.client.account.TryLogin.future(request, timeout=PATIENCE_S) for _ in range(300)]
        self.assertEqual(len(self.client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)
        codes = {}
        for future in futures:
            codes.setdefault(future.code(), []).append(future)
        self.assertLessEqual(codes.keys(), {StatusCode.OK, StatusCode.RESOURCE_EXHAUSTED})
        self.assertIn(StatusCode.OK, codes)
        for refused in codes[StatusCode.RESOURCE_EXHAUSTED]:
            self.assertGreater(int(dict(refused.trailing_metadata())["grpc-retry-pushback-ms"]), 0)

    def test_a_failure_is_answered_no_earlier_than_the_floor(self):
        for username in (OWNER, "nobody"):
            begun = time.monotonic()
            self.assertIs(outcome(self.client, username, "wrong"), False)
            self.assertGreaterEqual(time.monotonic() - begun, 0.3)

    def test_an_outdated_hash_is_renewed_and_still_logs_in(self):
        legacy = self.sql_value("SELECT email FROM account WHERE passwordhash LIKE convert_to('$2b$12$%', 'UTF8') LIMIT 1")
        for _ in range(2):
            self.assertIs(outcome(self.client, legacy, PASSWORD), True)
            self.assertRegex(self.sql_value(f"SELECT convert_from(passwordhash, 'UTF8') FROM account WHERE email = '{legacy}'"),
                             r"\A\$argon2id\$v=19\$m=19456,t=2,p=1\$")

    def test_the_log_names_neither_password_nor_email(self):
        self.sql(f"UPDATE account SET passwordhash = 'unusable' WHERE email = '{OTHER}'")
        self.assertIs(outcome(self.client, OTHER, "sesame-7391"), False)
        self.daemon.wait_for_log(r"unusable\"? account=\d+$")
        log = "\n".join(self.daemon.log)
        self.assertNotIn("sesame", log)
        self.assertNotIn(OTHER.partition("@")[0], log)

    @unittest.skipIf(UNDER_SANITIZER, "a sanitizer keeps what was freed")
    def test_no_password_stays_in_memory(self):
        secret, marker = b"c0rrect-h0rse-%d" % os.getpid(), b"marker-%d@example.com" % os.getpid()
        for username in (OWNER, marker.decode()):
            self.assertIs(outcome(self.client, username, "x" * 500 + secret.decode()), False)  # long: freed memory keeps the end
        found = {secret: 0, marker: 0}
        for piece in memory_of(self.daemon.process.pid):
            for needle in found:
                found[needle] += piece.count(needle)
        self.assertEqual(found[secret], 0)
        self.assertGreater(found[marker], 0)  # or this test would look in the wrong place


def memory_of(pid):
    """The writable memory of a process, mapping by mapping."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not match:
                continue
            begin, end = (int(number, 16) for number in match.groups())
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except OSError:
                continue


class Flooded(TestCase):
    """A client with many accounts of its own, whose right passwords nobody counts."""

    arguments = ("--set", "password.queue_limit=20", "--set", "throttle.trusted_proxies=127.0.0.1,::1", "--set", "password.scheme=bcrypt",
                 "--set", "password.bcrypt_cost=10")
    kind = Administered

    def test_one_client_leaves_room_for_others(self):
        request = account.AuthenticateRequest(username=OWNER, password=PASSWORD)
        metadata = [("x-forwarded-for", "192.0.2.1")]
        self.sql(f"UPDATE account SET passwordhash = '{STEADY}' WHERE email IN ('{OWNER}', '{OTHER}');"
                 f"UPDATE account SET passwordhash = '{SLOW}' WHERE email = '{THIRD}'")
        self.assertIs(outcome(self.client, OWNER, PASSWORD, ["192.0.2.1"]), True)
        slow = self.client.account.TryLogin.future(account.AuthenticateRequest(username=THIRD, password=PASSWORD), timeout=PATIENCE_S,
                                                   metadata=[("x-forwarded-for", "192.0.2.3")])
        wait_until(lambda: self.daemon.metrics()["svcd_hash_running"] == 1, "it is not hashed")  # and keeps the only worker while the flood comes in
        codes = []  # as they came
        flood = [self.client.account.TryLogin.future(request, timeout=PATIENCE_S, metadata=metadata) for _ in range(300)]
        for future in flood:
            future.add_done_callback(lambda future: codes.append(future.code()))
        self.assertIs(outcome(self.client, OTHER, PASSWORD, ["192.0.2.2"]), True)
        wait_until(lambda: len(codes) == len(flood), "not all are answered")
        self.assertEqual(set(codes), {StatusCode.OK, StatusCode.RESOURCE_EXHAUSTED})
        last_refused = len(codes) - codes[::-1].index(StatusCode.RESOURCE_EXHAUSTED)
        self.assertLessEqual(len(codes) - last_refused, 10 + 3)  # were let in then: its half, one at work, and answers on their way
        self.assertTrue(slow.result().status)


class Draining(unittest.TestCase):
    def test_a_failed_login_that_is_held_back_is_answered_before_the_daemon_ends(self):
        daemon = Daemon(demo_database(), "--set", "password.failure_floor_ms=1000")
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        future = client.account.TryLogin.future(account.AuthenticateRequest(username="nobody", password="wrong"), timeout=PATIENCE_S)
        self.assertTrue(is_serving(client))  # asked later, on the same connection: the login has come in
        daemon.signal(signal.SIGTERM)
        self.assertIs(future.result().status, False)
        self.assertEqual(daemon.wait(), 0)

    def test_a_second_signal_ends_logins_that_are_held_back_hashed_or_queued(self):
        settings = ("password.failure_floor_ms=10000", "password.queue_limit=4000", "throttle.email_per_minute=0", "throttle.address_per_minute=0")
        database = demo_database()
        psql(f"UPDATE account SET passwordhash = '{QUICK}' WHERE email = '{OWNER}';"
             f"UPDATE account SET passwordhash = '{SLOW}' WHERE email = '{OTHER}'", database)
        daemon = Daemon(database, *(word for setting in settings for word in ("--set", setting)))
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        futures = [client.account.TryLogin.future(account.AuthenticateRequest(username=email, password="wrong"), timeout=PATIENCE_S)
                   for email, n in ((OWNER, 500), (OTHER, 1), (OWNER, 100)) for _ in range(n)]
        time.sleep(1)  # some are hashed by now, and all of those held back
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("stopping")
        daemon.signal(signal.SIGTERM)
        codes = [future.code() for future in futures]
        self.assertEqual(daemon.wait(), 0)
        self.assertLessEqual(set(codes), {StatusCode.OK, StatusCode.UNAVAILABLE, StatusCode.CANCELLED})
        self.assertNotEqual(codes[-1], StatusCode.OK)


class HashPassword(unittest.TestCase):
    def hash(self, password, *settings):
        arguments = [word for setting in settings for word in ("--set", setting)]
        return run_svcd("hash-password", *arguments, input=password)

    def test_what_it_prints_logs_in(self):
        database = demo_database()
        for password, scheme, form in (("correct horse", "argon2id", r"\A\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n\Z"),
                                       ("päßwörd", "bcrypt", r"\A\$2b\$12\$\S{53}\n\Z")):
            done = self.hash(password + "\n", f"password.scheme={scheme}")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, form)
            psql(f"UPDATE account SET passwordhash = '{done.stdout.strip()}' WHERE email = '{OWNER}'", database)
            daemon = Daemon(database)
            client = svcd_client.Client(daemon.address)
            wait_until(lambda client=client: is_serving(client), "not serving")
            self.assertIs(outcome(client, OWNER, password), True)
            client.channel.close()
            daemon.stop()

    def test_one_newline_at_the_end_is_not_part_of_the_password(self):
        for text, accepted in (("x" * 1024 + "\n", True), ("x" * 1024, True), ("x" * 1024 + "\n\n", False), ("x" * 1025, False),
                               ("x" * 100000, False), ("\n", False), ("", False), ("a\0b\n", False), ("x" * 1024 + "\r\n", True),
                               ("\r\n", False)):
            done = self.hash(text)
            self.assertEqual(done.returncode == 0, accepted, (len(text), done.stderr))
            self.assertEqual(bool(done.stderr), not accepted)
            self.assertEqual(bool(done.stdout), accepted)

    def test_what_no_login_can_send_is_refused(self):
        done = subprocess.run([SVCD, "hash-password"], env=environment("svcd"), input=b"caf\xe9\n", capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"not UTF-8", done.stderr)

    def test_bcrypt_is_not_silently_cut(self):
        done = self.hash("x" * 73, "password.scheme=bcrypt")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("72 bytes", done.stderr)

    def at_terminal(self, keys, expected_status):
        """What stands on the terminal when it has ended; and the terminal must echo again."""
        controller, terminal = pty.openpty()

        def as_at_login():
            os.login_tty(terminal)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it

        process = subprocess.Popen([SVCD, "hash-password"], env=environment("svcd"), preexec_fn=as_at_login)
        shown = b""
        while b"Password: " not in shown:
            shown += os.read(controller, 1024)
        os.write(controller, keys)
        self.assertEqual(process.wait(PATIENCE_S), expected_status)
        self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.write(terminal, b"end")
        while b"end" not in shown:
            shown += os.read(controller, 1024)
        os.close(terminal)
        os.close(controller)
        return shown

    def test_a_terminal_does_not_show_the_password(self):
        shown = self.at_terminal(b"correct horse\n", 0)
        self.assertNotIn(b"correct", shown)
        self.assertIn(b"$argon2id$", shown)

    def test_a_terminal_that_is_left_with_ctrl_c_shows_again_what_is_typed(self):
        self.assertNotIn(b"corr", self.at_terminal(b"corr\x03", -signal.SIGINT))
