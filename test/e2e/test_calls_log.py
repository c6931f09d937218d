# SPDX-License-Identifier: MIT
"""Lines of calls: log.calls, log.slow_ms, failed logins for fail2ban, and that no secret is ever among them."""

import contextlib
import hashlib
import http.client
import json
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import account_pb2 as account
import grpc
import matching_pb2 as matching
import svcd_client
from collector import Collector
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from harness import PATIENCE_S, ROOT, Daemon, Held, demo_database, is_serving, psql, run_svcd, temporary_folder, wait_until


def pairs(line):
    """A line of logfmt as a dictionary; words without = have no place in it."""
    return dict(word.split("=", 1) for word in shlex.split(line))


class AnyForm(Daemon):
    """Its first lines are found in each form of the log."""

    def wait_for_log(self, pattern, times=1, patience_s=PATIENCE_S):
        return super().wait_for_log(pattern.replace("listening address=", r'listening"?,?[ "]*address"?[:=]'), times, patience_s)

    def addresses(self):
        found = (re.search(r'listening"?,?[ "]*address"?[:=]"?([0-9.:]+)', line) for line in list(self.log))
        return [match[1] for match in found if match]


class Lines(unittest.TestCase):
    def start(self, *arguments):
        self.database = demo_database()
        daemon = Daemon(self.database, *arguments)
        self.addCleanup(daemon.stop)
        self.client = svcd_client.Client(daemon.address)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving")
        return daemon

    def stop_and_read(self, daemon):
        """Lines of calls, the harness's health checks aside."""
        self.client.channel.close()
        daemon.stop()
        lines = [pairs(line) for line in daemon.log]
        return [line for line in lines if line["msg"] == "call" and "Health" not in line["method"]]

    def call_some(self):
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S)
        with self.assertRaises(grpc.RpcError):
            self.client.matching.TryMatch(matching.MenteeToMentorMatchingRequest(menteeUserId=2147483647), timeout=PATIENCE_S)

    def test_by_default_those_that_failed(self):
        daemon = self.start()
        self.call_some()
        lines = self.stop_and_read(daemon)
        self.assertEqual([(line["method"], line["code"]) for line in lines],
                         [("/matching_package.MatchingService/TryMatch", "NOT_FOUND")])

    def test_none(self):
        daemon = self.start("--set", "log.calls=none")
        self.call_some()
        self.assertEqual(self.stop_and_read(daemon), [])

    def test_all_with_what_each_cost_and_whose_it_was(self):
        daemon = self.start("--set", "log.calls=all")
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=(
            ("x-request-id", "page 7/a"), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")))
        self.client.account.AccountProfiles(account.ProfilesRequest(userid=1001), timeout=PATIENCE_S)
        skills, profiles = self.stop_and_read(daemon)
        self.assertEqual(skills["method"], "/account_package.AccountService/ListSkills")
        self.assertEqual(skills["code"], "OK")
        self.assertEqual(skills["request_id"], "page 7/a")
        self.assertEqual(skills["trace_id"], trace)
        self.assertEqual(skills["peer"], "127.0.0.1")
        self.assertEqual(skills["received_bytes"], "0")
        self.assertGreater(int(skills["sent_bytes"]), 50)
        waits = sum(float(skills[wait]) for wait in ("queue_ms", "database_ms", "hash_ms"))
        self.assertGreater(float(skills["database_ms"]), 0)
        self.assertGreaterEqual(float(skills["duration_ms"]), round(waits, 3))
        self.assertRegex(profiles["request_id"], r"^[0-9a-f]{16}$")
        self.assertNotIn("trace_id", profiles)

    def test_what_is_no_request_id_is_replaced_and_what_is_no_trace_is_left_out(self):
        daemon = self.start("--set", "log.calls=all")
        for request_id, trace in (("x" * 129, "00-0-0-0"), ("", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"),
                                  ("caf\x7f", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")):
            try:
                self.client.account.ListSkills(Empty(), timeout=PATIENCE_S,
                                               metadata=(("x-request-id", request_id), ("traceparent", trace)))
            except (grpc.RpcError, ValueError, TypeError):  # a client that refuses it itself
                continue
        for line in self.stop_and_read(daemon):
            self.assertRegex(line["request_id"], r"^[0-9a-f]{16}$")
            self.assertNotIn("trace_id", line)

    def test_slow_ones_and_their_statements(self):
        daemon = self.start("--set", "log.calls=slow", "--set", "log.slow_ms=200")
        waiting = f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.database}' AND wait_event_type = 'Lock'"
        with Held("LOCK skill", self.database):
            running = self.client.account.ListSkills.future(Empty(), timeout=PATIENCE_S)
            wait_until(lambda: psql(waiting, "postgres", "postgres"), "it does not wait for the lock")
            time.sleep(0.3)
        running.result()
        line = next(line for line in self.stop_and_read(daemon) if line["code"] == "OK")
        self.assertGreaterEqual(float(line["duration_ms"]), 200)
        slow = next(pairs(line) for line in daemon.log if "slow statement" in line and "statement=list_skills" in line)
        self.assertEqual(slow["method"], line["method"])
        self.assertEqual(slow["request_id"], line["request_id"])

    def test_failed_logins_are_lines_that_fail2ban_takes_in_every_form(self):
        for form in ("text", "json", "journal"):
            with self.subTest(form), tempfile.NamedTemporaryFile("w", suffix=".log") as file:
                daemon = AnyForm(demo_database(), "--set", "throttle.trusted_proxies=127.0.0.1", "--set", f"log.format={form}",
                                 "--set", "password.failure_floor_ms=0")
                with svcd_client.Client(daemon.address) as client:
                    wait_until(lambda: is_serving(client), "not serving")
                    for address in ("192.0.2.7", "2001:db8::1"):
                        request = account.AuthenticateRequest(username="who", password="msg=\"login failed\" client=9.9.9.9")
                        reply = client.account.TryLogin(request, timeout=PATIENCE_S, metadata=(("x-forwarded-for", address),))
                        self.assertFalse(reply.status)
                daemon.stop()
                as_journalctl_shows_it = "Nov 26 21:00:00 host svcd[1]: " if form == "journal" else ""
                file.write("".join(f"{as_journalctl_shows_it}{line.removeprefix('<6>')}\n" for line in daemon.log))
                file.flush()
                done = subprocess.run(["fail2ban-regex", "--print-all-matched", file.name,
                                       str(ROOT / "etc/fail2ban/filter.d/svcd.conf")], capture_output=True, text=True)
                self.assertRegex(done.stdout, r"Lines: \d+ lines, 0 ignored, 2 matched")
                self.assertNotIn("9.9.9.9", "\n".join(daemon.log))


class Canary(unittest.TestCase):
    """A password, a stored hash and a token that are sent in every way, and found in no line of any form, nor in a trace."""

    PASSWORD = "cAnaryPassw0rd"
    TOKEN = "cAnaryT0ken"
    CALLER = "cAnaryCa11er" + 31 * "x"  # as long as svcd token makes them: who is known, and may call one service only, now and then
    HASH = hashlib.sha256(CALLER.encode()).hexdigest()

    def call_known(self, client, address):
        """Everything that is judged of a caller who is known, and of those who are nearly it."""
        for token in (f"Bearer {self.CALLER}", f"Bearer {self.CALLER}x", f"Basic {self.CALLER}", self.CALLER, f"Bearer {self.HASH}"):
            for path in ("/account_package.AccountService/ListSkills", "/matching_package.MatchingService/TryMatch", "/none/Nothing",
                         f"/{self.CALLER}/{self.CALLER}"):
                for _ in range(3):
                    try:
                        client.channel.unary_unary(path)(b"", timeout=PATIENCE_S, metadata=(("authorization", token),))
                    except grpc.RpcError as error:
                        self.assertNotIn(self.CALLER, error.details().replace(path, ""))
                    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
                    with contextlib.closing(connection):
                        connection.request("POST", path, "{}", {"content-type": "application/json", "authorization": token})
                        self.assertNotIn(self.CALLER, connection.getresponse().read().decode().replace(path, ""))

    def pages(self, daemon):
        """All that operators see."""
        admin = next(re.search(r'status page"?,?[ "]*address"?[:=]"?([0-9.:]+)', line)[1] for line in daemon.log if "status page" in line)
        for path in ("/", "/status", "/metrics", "/config"):
            connection = http.client.HTTPConnection(admin, timeout=PATIENCE_S)
            with contextlib.closing(connection):
                connection.request("GET", path)
                yield connection.getresponse().read().decode()

    def test_a_caller_s_token_and_its_hash_are_on_no_page_and_in_no_line_of_any_form(self):
        for form in ("text", "json", "journal"):
            with self.subTest(form):
                folder = temporary_folder(self)
                line = f"known {self.HASH} account_package.AccountService rate=2"
                (folder / "tokens").write_text(line + "\n", encoding="ascii")
                arguments = ("--set", "access.callers=token", "--set", f"access.tokens={folder}/tokens", "--set", f"log.format={form}",
                             "--set", "log.calls=all", "--set", "log.level=debug", "--set", "admin.listen=127.0.0.1:0")
                daemon = AnyForm(demo_database(), *arguments, listen="grpc://127.0.0.1:0,http://127.0.0.1:0")
                self.addCleanup(daemon.stop)
                daemon.wait_for_log("database available")
                daemon.wait_for_log("status page")
                wait_until(lambda: len(daemon.addresses()) >= 2, "not listening")
                with svcd_client.Client(daemon.addresses()[0]) as client:
                    self.call_known(client, daemon.addresses()[1])
                seen = "".join(self.pages(daemon)) + run_svcd(*arguments, "config").stdout
                (folder / "tokens").write_text(f"{line}\nagain {self.HASH} *\n{self.HASH}\n{self.CALLER}\n{self.CALLER} {self.HASH}\n"
                                               f"two {self.CALLER} *\n{self.CALLER} three *\nfour cert {self.CALLER},{self.HASH}\n", encoding="ascii")
                checked = run_svcd(*arguments, "check")
                self.assertEqual(checked.returncode, 2)
                seen += checked.stdout + checked.stderr
                daemon.signal(signal.SIGHUP)
                daemon.wait_for_log("is not taken")
                (folder / "tokens").write_text("", encoding="ascii")
                daemon.signal(signal.SIGHUP)
                daemon.wait_for_log("configuration reloaded")
                daemon.signal(signal.SIGUSR1)
                daemon.wait_for_log("snapshot of a job")
                seen += "".join(self.pages(daemon))
                daemon.stop()
                self.assertIn('caller="known"', seen)
                self.assertRegex("\n".join(daemon.log), 'caller"?[:=]"?known')
                self.assertRegex("\n".join(daemon.log), "token refused")
                for text in (seen, "\n".join(daemon.log)):
                    for secret in (self.CALLER, self.HASH):
                        self.assertNotIn(secret, text)

    def attack(self, client, database):
        hash_text = psql("SELECT convert_from(passwordhash, 'UTF8') FROM account ORDER BY accountid LIMIT 1", database)[0][0]
        metadata = (("authorization", f"Bearer {self.TOKEN}"), ("cookie", self.TOKEN), ("x-canary-bin", self.TOKEN.encode()))
        requests = (
            (client.account.TryLogin, account.AuthenticateRequest(username="nobody@example.com", password=self.PASSWORD)),
            (client.account.TryLogin, account.AuthenticateRequest(username="x\0", password=self.PASSWORD)),
            (client.account.TryLogin, account.AuthenticateRequest(username="a", password=self.PASSWORD + "\0")),
            (client.account.RegisterUser, account.RegistrationRequest(
                name="Canary", email="canary@example.com", password=self.PASSWORD, businessAreaId=1001,
                dateOfBirth=Timestamp(seconds=0))),
            (client.account.RegisterUser, account.RegistrationRequest(
                name="Canary", email="canary@example.com", password=self.PASSWORD * 1000, businessAreaId=1001,
                dateOfBirth=Timestamp(seconds=10**15))),
            (client.account.ListSkills, Empty()),
        )
        for rpc, request in requests:
            try:
                rpc(request, timeout=PATIENCE_S, metadata=metadata)
            except grpc.RpcError:
                pass
        truncated = b"\x0a\x01a\x12\x7f" + self.PASSWORD.encode()
        for path in ("/account_package.AccountService/TryLogin", "/none/Nothing"):
            call = client.channel.unary_unary(path, lambda x: x, lambda x: x)
            try:
                call(truncated, timeout=PATIENCE_S, metadata=metadata)
            except grpc.RpcError:
                pass
        psql("ALTER TABLE account RENAME COLUMN passwordhash TO gone", database)  # statements that fail
        try:
            client.account.TryLogin(requests[0][1], timeout=PATIENCE_S, metadata=metadata)
        except grpc.RpcError:
            pass
        psql("ALTER TABLE account RENAME COLUMN gone TO passwordhash", database)
        return hash_text

    def test_no_secret_is_in_any_line_of_any_form(self):
        for form in ("text", "json", "journal"):
            with self.subTest(form):
                database = demo_database()
                collector = Collector()
                self.addCleanup(collector.stop)
                daemon = AnyForm(database, "--set", f"log.format={form}", "--set", f"log.otlp={collector.url}", "--set", "log.calls=all", "--set", "log.level=debug",
                                 env={"POSTGRES_PASSWORD": self.PASSWORD})
                self.addCleanup(daemon.stop)
                with svcd_client.Client(daemon.address) as client:
                    wait_until(lambda: is_serving(client), "not serving")
                    hash_text = self.attack(client, database)
                wait_until(lambda: any(b"TryLogin" in body for body in collector.bodies), "no login is traced")
                daemon.stop()
                log = "\n".join(daemon.log)
                self.assertRegex(log, "TryLogin")
                traces = b"".join(collector.bodies)
                self.assertIn(b"TryLogin", traces)
                for secret in (self.PASSWORD, self.TOKEN, hash_text, "$argon2", "$2b$"):
                    self.assertNotIn(secret, log)
                    self.assertNotIn(secret.encode(), traces)
                if form == "json":
                    for line in daemon.log:
                        json.loads(line)


class Hostile(unittest.TestCase):
    """Whatever a peer sends, a line stays a line of its form, and what it keeps to itself is in none."""

    EVIL = (b"a\tb", b"\x1b[31m", b'a" level=error msg="fake', b"\xff\xfe", "caf\u00e9".encode(), b"x" * 5000, b"a\\nb", b"a\x7fb", "a\u2028b".encode())
    CANARY = "canary-" + "x" * 36

    def send(self, port, *parts):
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as peer:
            with contextlib.suppress(OSError):  # svcd may have closed it by then
                peer.sendall(b"".join(parts))
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass

    def post(self, port, path, headers, body=b"{}"):
        self.send(port, b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
            path, headers, len(body), body))

    def attack(self, port):
        login, token = b"/account_package.AccountService/TryLogin", b"authorization: Bearer " + self.CANARY.encode() + b"\r\n"
        for evil in self.EVIL:
            names = (b"x-request-id", b"user-agent", b"traceparent", b"x-forwarded-for", b"idempotency-key")
            self.post(port, login, token + b"".join(b"%b: %b\r\n" % (name, evil) for name in names), b'{"username":"q","password":"canary"}')
            self.post(port, b"/" + evil.replace(b" ", b"") + b"/x", token)
        for body in (b'{"password":"canary"', b'{"password":canary}', b'{"passwort":"canary"}', b'{"password":"canary\\ud800"}', b'{"password":["canary"]}',
                     b"canary", b'{"username":"canary\x00"}'):
            self.post(port, login, token, body)
        for authorization in (b"Basic canary", b"canary", b"Bearer canary"):
            self.post(port, login, b"authorization: " + authorization + b"\r\n")
        self.send(port, b"POST %b HTTP/1.1\r\nhost: x\r\n%bcontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"password\":\"canary" % (login, token))
        self.send(port, b"POST %b HTTP/1.1\r\nhost: x\r\n%bno field canary\r\n\r\n" % (login, token))
        self.send(port, b"GET /?token=canary HTTP/1.1\r\nhost: x\r\n\r\n")
        self.send(port, b"canary\r\n\r\n")

    def test_no_peer_forges_a_line_and_no_secret_is_in_one(self):
        for form in ("text", "json", "journal"):
            with self.subTest(form):
                tokens = temporary_folder(self) / "tokens"
                line = f"web {hashlib.sha256(self.CANARY.encode()).hexdigest()} *\n"
                tokens.write_text(line)
                daemon = AnyForm(demo_database(), "--set", f"log.format={form}", "--set", "log.calls=all", "--set", "log.level=debug",
                                 "--set", "access.callers=token", "--set", f"access.tokens={tokens}", listen="http://127.0.0.1:0")
                self.addCleanup(daemon.stop)
                daemon.wait_for_log("database available")
                self.attack(int(daemon.address.split(":")[1]))
                tokens.write_text(f"{self.CANARY} x y\nweb {self.CANARY} *\nweb * {self.CANARY}\n{line.strip()} {self.CANARY}\n")
                daemon.signal(signal.SIGHUP)
                daemon.wait_for_log("all stays as it was")
                daemon.stop()
                for line in daemon.log:
                    self.assertNotIn("canary", line)
                    self.assertNotRegex(line, "[\x00-\x1f\x7f]")
                    self.assertLess(len(line.encode()), 2100)
                    told = json.loads(line) if form == "json" else pairs(line.partition(">")[2] if form == "journal" else line)
                    self.assertNotEqual(told["msg"], "fake")
