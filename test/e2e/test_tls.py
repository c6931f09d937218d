# SPDX-License-Identifier: MIT
"""TLS: versions, protocols, certificates of both sides, sessions that are taken up again."""

import concurrent.futures
import contextlib
import os
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

from harness import PATIENCE_S, TestCase, Daemon, demo_database, is_listening, run_svcd, temporary_folder, wait_until
from wire import P256, Wire, make_certificate


class Tls(TestCase):
    key = P256

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        make_certificate(cls.folder, "localhost", key=cls.key)
        for name in ("friend", "stranger"):
            make_certificate(cls.folder, name)
        trusted = (cls.folder / "friend.pem").read_text() + (cls.folder / "stranger.pem").read_text()
        (cls.folder / "ca.pem").write_text(trusted)
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, "--set", f"tls.certificate={cls.folder}/localhost.pem", "--set",
                            f"tls.private_key={cls.folder}/localhost.key", "--set", "tls.client_auth=optional", "--set",
                            f"tls.client_ca={cls.folder}/ca.pem", "--set", "tls.client_names=friend", "--set",
                            "log.calls=all", listen="https://127.0.0.1:0")
        cls.addClassCleanup(cls.daemon.stop)

    addCleanup = classmethod(lambda cls, *arguments: cls.addClassCleanup(*arguments))

    def context(self, name=None, protocols=("h2",)):
        context = ssl.create_default_context(cafile=self.folder / "localhost.pem")
        context.set_alpn_protocols(list(protocols))
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def connect(self, context):
        host, port = self.daemon.address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), PATIENCE_S)
        return context.wrap_socket(plain, server_hostname="localhost")

    def served_status(self, context):
        wire = Wire(self.daemon.address, connected=self.connect(context))
        wire.send(wire.request(1))
        answer = wire.answer(1)
        wire.socket.close()
        return answer.get("grpc-status")

    def test_a_call_is_served_over_tls_1_2_and_1_3(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.minimum_version = context.maximum_version = version
            self.assertEqual(self.served_status(context), "0")

    def test_h2_is_agreed_on(self):
        with self.connect(self.context()) as connected:
            self.assertEqual(connected.selected_alpn_protocol(), "h2")

    def test_a_client_is_known_by_its_certificate_s_name(self):
        self.assertEqual(self.served_status(self.context("friend")), "0")
        self.daemon.wait_for_log("msg=call .*certificate=friend")

    def test_a_verified_client_of_another_name_is_not_served(self):
        try:
            self.assertIsNone(self.served_status(self.context("stranger")))
        except OSError:
            pass  # it is told within the handshake

    def test_a_certificate_that_does_not_hold_is_refused_within_the_handshake(self):
        def signed(name, authority, *more):
            subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{self.folder}/{name}.key",
                            "-out", f"{self.folder}/{name}.csr", "-subj", f"/CN={name}"], check=True, capture_output=True)
            subprocess.run(["openssl", "x509", "-req", "-in", f"{self.folder}/{name}.csr", "-CA", f"{self.folder}/{authority}.pem", "-CAkey",
                            f"{self.folder}/{authority}.key", "-CAcreateserial", "-out", f"{self.folder}/{name}.pem", *more], check=True, capture_output=True)
        make_certificate(self.folder, "nobody")
        signed("expired", "friend", "-days", "-1")
        signed("forged", "nobody", "-days", "2")
        for name, alert in (("expired", "expired"), ("forged", "unknown ca"), ("nobody", "unknown ca")):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = self.context(name)
                context.minimum_version = context.maximum_version = version
                with self.subTest(name=name, version=version), self.assertRaisesRegex(ssl.SSLError, alert):
                    self.connect(context).recv(1)

    def test_who_agrees_on_no_protocol_is_told_so_and_who_asks_for_none_is_served(self):
        with self.assertRaisesRegex(ssl.SSLError, "no application protocol"):
            self.connect(self.context(protocols=("spdy/3", "h2c")))
        silent = ssl.create_default_context(cafile=self.folder / "localhost.pem")
        self.assertEqual(self.served_status(silent), "0")

    def test_a_name_that_is_not_the_servers_is_the_clients_matter(self):
        context = ssl._create_unverified_context()
        host, port = self.daemon.address.rsplit(":", 1)
        for name in ("elsewhere.example", "xn--bcher-kva.example", "a" * 63 + ".example", None):
            with context.wrap_socket(socket.create_connection((host, int(port)), PATIENCE_S), server_hostname=name) as connected:
                connected.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
                self.assertTrue(connected.recv(100).startswith(b"HTTP/1.1 200"))

    def test_plain_words_on_the_port_are_answered_with_help(self):
        host, port = self.daemon.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), PATIENCE_S) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            self.assertIn(b"https://", plain.recv(1000))

    def test_a_new_certificate_is_shown_without_a_restart_and_a_damaged_one_never(self):
        def shown():
            with self.connect(ssl._create_unverified_context()) as connected:
                return connected.getpeercert(binary_form=True)
        kept = Wire(self.daemon.address, connected=self.connect(self.context()))
        before = shown()
        original = [(self.folder / f"localhost.{kind}").read_text() for kind in ("pem", "key")]
        (self.folder / "localhost.pem").write_text("damaged")
        self.daemon.wait_for_log("stays in use")
        self.assertEqual(shown(), before)
        make_certificate(self.folder, "localhost")
        wait_until(lambda: shown() != before, "the new certificate is not shown")
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_log("configuration reloaded")
        kept.send(kept.request(1))
        self.assertEqual(kept.answer(1)["grpc-status"], "0")
        for kind, text in zip(("key", "pem"), reversed(original)):
            (self.folder / f"localhost.{kind}").write_text(text)
        wait_until(lambda: shown() == before, "the first certificate does not come back")
        kept.socket.close()

    def test_a_new_certificate_that_no_descriptor_was_left_for_is_read_later(self):
        def shown():
            with self.connect(ssl._create_unverified_context()) as connected:
                return connected.getpeercert(binary_form=True)
        before, told = shown(), sum("stays in use" in line for line in self.daemon.log)
        limit = resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
        try:
            make_certificate(self.folder, "localhost", key=self.key)
            self.daemon.wait_for_log("stays in use", told + 1)
        finally:
            resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE, limit)
        wait_until(lambda: shown() != before, "the new certificate is not shown")

    def test_many_that_come_at_once_are_all_served(self):
        come = threading.Barrier(60, timeout=PATIENCE_S)

        def status(_):
            come.wait()
            return self.served_status(self.context())
        with concurrent.futures.ThreadPoolExecutor(60) as threads:
            self.assertEqual(list(threads.map(status, range(120))), ["0"] * 120)

    def test_a_key_that_does_not_take_long_to_sign_with_is_not_warned_of(self):
        self.assertNotIn("takes long", "\n".join(self.daemon.log))


class SlowKey(Tls):
    """All of that, and the rest, where threads sign."""

    # Twice as long as one of 4096 bits and two primes, so on a fast machine, too; and sooner made.
    key = "-newkey", "rsa:8192", "-pkeyopt", "rsa_keygen_primes:4"

    def test_a_key_that_does_not_take_long_to_sign_with_is_not_warned_of(self):
        self.daemon.wait_for_log("level=warn msg=\"a signature by tls.private_key takes long")

    def another_daemon(self, *arguments):
        for kind in ("pem", "key"):
            (self.folder / f"own.{kind}").write_bytes((self.folder / f"localhost.{kind}").read_bytes())
        daemon = Daemon(self.database, *(word for key, kind in (("certificate", "pem"), ("private_key", "key"))
                                         for word in ("--set", f"tls.{key}={self.folder}/own.{kind}")), *arguments, listen="https://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        return daemon

    def begin(self, daemon, context=None):
        """A connection that has said hello, and the client behind it with both of its ends."""
        host, port = daemon.address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), PATIENCE_S)
        self.addCleanup(plain.close)
        ends = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = (context or self.context()).wrap_bio(*ends, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        plain.sendall(ends[1].read())
        return plain, client, ends

    def finish(self, plain, client, ends):
        """The handshake as far as it takes the server; what the client says last is yet to be sent."""
        while True:
            try:
                return client.do_handshake()
            except ssl.SSLWantReadError:
                ends[0].write(plain.recv(65536))

    def cpu_us(self, of_loop):
        ns = 0
        for task in Path(f"/proc/{self.daemon.process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                ns += int((task / "schedstat").read_text().split()[0]) if (int(task.name) == self.daemon.process.pid) == of_loop else 0
        return ns / 1000

    def test_the_loop_signs_nothing(self):
        self.daemon.wait_for_log("takes long.* us=")
        signature_us = int(re.search(r"takes long.* us=(\d+)", "\n".join(self.daemon.log))[1])
        here = Wire(self.daemon.address, connected=self.connect(self.context()))
        loop_us, others_us = self.cpu_us(True), self.cpu_us(False)
        with concurrent.futures.ThreadPoolExecutor(10) as threads:
            statuses = threads.map(lambda _: self.served_status(self.context()), range(60))
            for stream in range(1, 60, 2):
                here.send(here.request(stream))
                self.assertEqual(here.answer(stream).get("grpc-status"), "0")
            self.assertEqual(list(statuses), ["0"] * 60)
        here.socket.close()
        self.assertGreater(self.cpu_us(False) - others_us, 60 * signature_us / 2)
        self.assertLess(self.cpu_us(True) - loop_us, 60 * signature_us / 2)

    def test_who_leaves_within_a_handshake_is_let_go(self):
        self.assertEqual(self.served_status(self.context()), "0")
        before = self.daemon.descriptors()
        for n in range(60):
            plain, client, ends = self.begin(self.daemon)
            if n % 3 == 0:
                self.finish(plain, client, ends)
            elif n % 3 == 1:  # by a reset
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.close()
        self.assertEqual(self.served_status(self.context()), "0")
        wait_until(lambda: self.daemon.descriptors() <= before, "who has left is kept")

    def test_who_has_said_all_and_ends_is_answered_though_others_wait(self):
        plain, client, ends = self.begin(self.daemon, self.context(protocols=("http/1.1",)))
        self.finish(plain, client, ends)
        client.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        for _ in range(20):
            self.begin(self.daemon)
        plain.sendall(ends[1].read())  # the last of the handshake, too
        plain.shutdown(socket.SHUT_WR)
        while (came := plain.recv(65536)):
            ends[0].write(came)
        self.assertTrue(client.read(100).startswith(b"HTTP/1.1 200"))

    def test_a_reload_within_handshakes_loses_none_of_them(self):
        daemon, context = self.another_daemon(), ssl._create_unverified_context()
        begun = [self.begin(daemon, context) for _ in range(40)]
        make_certificate(self.folder, "own")
        daemon.signal(signal.SIGHUP)
        begun += [self.begin(daemon, context) for _ in range(40)]
        daemon.wait_for_log("configuration reloaded")
        begun += [self.begin(daemon, context) for _ in range(40)]
        shown = set()
        for plain, client, ends in begun:
            self.finish(plain, client, ends)
            shown.add(client.getpeercert(binary_form=True))
            client.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            plain.sendall(ends[1].read())
            self.assertTrue(plain.recv(1))
        self.assertEqual(len(shown), 2)

    def test_the_end_comes_in_its_time_within_handshakes_too(self):
        for timeout_ms in (0, 3000):
            daemon = self.another_daemon("--set", f"drain.timeout_ms={timeout_ms}")
            begun = [self.begin(daemon) for _ in range(60)]
            daemon.stop()
            for plain, _, _ in begun:
                plain.close()


class Tickets(TestCase):
    """Two daemons, or one after a reload, and what a session of one is worth to the other."""

    def setUp(self):
        self.folder = temporary_folder(self)
        for name in ("localhost", "friend", "other"):
            make_certificate(self.folder, name)
        (self.folder / "keys").write_bytes(bytes(range(80)))
        (self.folder / "other-keys").write_bytes(bytes(range(1, 81)))
        self.database = demo_database()

    @classmethod
    def setUpClass(cls):
        pass

    def daemon(self, keys="keys", ca="friend", names="friend"):
        daemon = Daemon(self.database, *(word for key, text in (("certificate", "localhost.pem"), ("private_key", "localhost.key"),
                        ("client_ca", f"{ca}.pem"), ("ticket_keys", keys)) for word in ("--set", f"tls.{key}={self.folder}/{text}")),
                        "--set", "tls.client_auth=optional", "--set", f"tls.client_names={names}", listen="https://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        return daemon

    def context(self, version):
        context = ssl.create_default_context(cafile=self.folder / "localhost.pem")
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.folder / "friend.pem", self.folder / "friend.key")
        return context

    def call(self, daemon, context, session=None):
        """The status of a call, whether the session was resumed, and the session."""
        host, port = daemon.address.rsplit(":", 1)
        connected = context.wrap_socket(socket.create_connection((host, int(port)), PATIENCE_S), server_hostname="localhost", session=session)
        wire = Wire(daemon.address, connected=connected)
        wire.send(wire.request(1))
        status = wire.answer(1).get("grpc-status")
        resumed, session = connected.session_reused, connected.session
        connected.close()
        return status, resumed, session

    def test_daemons_that_share_keys_resume_each_others_sessions(self):
        first, second, stranger = self.daemon(), self.daemon(), self.daemon(keys="other-keys")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                context = self.context(version)
                session = self.call(first, context)[2]
                self.assertEqual(self.call(second, context, session)[:2], ("0", True))
                self.assertEqual(self.call(stranger, context, session)[:2], ("0", False))

    def test_who_may_come_is_looked_at_again_when_a_session_resumes(self):
        first, strict = self.daemon(), self.daemon(names="somebody-else")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context(version)
            session = self.call(first, context)[2]
            with self.subTest(version=version), contextlib.suppress(OSError):
                self.assertIsNone(self.call(strict, context, session)[0])

    def test_a_session_that_other_authorities_let_in_is_not_resumed(self):
        first, other = self.daemon(), self.daemon(ca="other")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context(version)
            session = self.call(first, context)[2]
            with self.subTest(version=version), contextlib.suppress(OSError):
                self.assertIsNone(self.call(other, context, session)[0])

    def test_a_pair_that_is_half_written_leaves_the_old_one_and_says_so(self):
        daemon, context = self.daemon(), self.context(ssl.TLSVersion.TLSv1_3)
        make_certificate(self.folder, "next")
        (self.folder / "localhost.pem").write_bytes((self.folder / "next.pem").read_bytes())  # its key is still to come
        daemon.wait_for_log("TLS cannot be set up.*private_key")
        daemon.wait_for_log("stays in use")
        self.assertEqual(self.call(daemon, context)[0], "0")

    def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(self):
        daemon, context = self.daemon(), self.context(ssl.TLSVersion.TLSv1_3)
        locked = subprocess.run(["openssl", "pkey", "-in", self.folder / "localhost.key", "-aes256", "-passout", "pass:secret"],
                                check=True, capture_output=True).stdout
        (self.folder / "localhost.key").write_bytes(locked)
        daemon.wait_for_log("TLS cannot be set up.*tls.private_key has a password")
        daemon.wait_for_log("stays in use")
        self.assertEqual(self.call(daemon, context)[0], "0")
        asking, word = os.pipe()  # whoever reads from it waits for ever
        self.addCleanup(os.close, asking)
        self.addCleanup(os.close, word)
        done = run_svcd("check", "--set", "server.listen=https://127.0.0.1:0", "--set", f"tls.certificate={self.folder}/localhost.pem",
                        "--set", f"tls.private_key={self.folder}/localhost.key", stdin=asking)
        self.assertEqual(done.returncode, 2)
        self.assertIn("has a password", done.stderr)

    def test_a_certificate_whose_time_is_over_is_warned_of(self):
        subprocess.run(["openssl", "req", "-new", "-key", self.folder / "localhost.key", "-subj", "/CN=localhost", "-out", self.folder / "old.csr"], check=True)
        subprocess.run(["openssl", "x509", "-req", "-in", self.folder / "old.csr", "-signkey", self.folder / "localhost.key", "-days", "-1",
                        "-out", self.folder / "localhost.pem"], check=True, capture_output=True)
        self.daemon().wait_for_log("level=warn msg=\"tls.certificate has expired.* file=.*localhost.pem")

    def test_a_file_of_ticket_keys_that_cannot_be_used_is_told_as_what_it_is(self):
        (self.folder / "short").write_bytes(bytes(79))
        for name, because in (("short", "tls.ticket_keys needs 80 random bytes"), ("none", "tls.ticket_keys cannot be read.*No such file")):
            done = run_svcd("check", *(word for key, text in (("certificate", "localhost.pem"), ("private_key", "localhost.key"), ("ticket_keys", name))
                                       for word in ("--set", f"tls.{key}={self.folder}/{text}")), "--set", "server.listen=https://127.0.0.1:0")
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, because)
            self.assertNotIn("reason(0)", done.stderr)

    def test_who_has_shaken_hands_before_the_end_begins_is_still_answered(self):
        for protocol in ("http/1.1", "h2"):
            daemon, context = self.daemon(), self.context(ssl.TLSVersion.TLSv1_3)
            context.set_alpn_protocols([protocol])
            host, port = daemon.address.rsplit(":", 1)
            with context.wrap_socket(socket.create_connection((host, int(port)), PATIENCE_S), server_hostname="localhost") as connected:
                daemon.signal(signal.SIGTERM)
                wait_until(lambda address=daemon.address: not is_listening(address), "it listens on")
                with self.subTest(protocol):
                    if protocol == "h2":
                        wire = Wire(daemon.address, connected=connected)
                        wire.send(wire.request(1))
                        self.assertIn("grpc-status", wire.answer(1))
                    else:
                        connected.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
                        self.assertEqual(connected.recv(100)[:12], b"HTTP/1.1 200")
            daemon.stop()
