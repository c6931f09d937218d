# SPDX-License-Identifier: MIT
"""Files and sockets that hang: what svcd reads besides serving never keeps a call, a reload's neighbours or the end waiting."""

import contextlib
import os
import re
import signal
import socket
import ssl
import struct
import threading
import time
import unittest

import svcd_client
from harness import PATIENCE_S, Daemon, free_port, is_listening, is_serving, temporary_folder, wait_until
from test_reload import Case
from wire import make_certificate


def open_for_writing(fifo):
    """Once somebody reads it, who then waits until this is closed."""
    opened = []

    def is_read():
        try:
            opened.append(open(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb"))
        except OSError:  # ENXIO: nobody does yet
            return False
        return True
    wait_until(is_read, f"{fifo} is not read")
    return opened[0]


class HangingCertificate(Case):
    """A FIFO instead of the certificate, which is like a file on a network file system whose server is away."""

    def setUp(self):
        self.start(listen=None, server={"listen": f"http://127.0.0.1:{free_port()}"}, drain={"timeout_ms": "500"})
        make_certificate(self.folder, "first")
        make_certificate(self.folder, "second")
        self.port = free_port()
        self.sections = {"server": {"listen": f"http://{self.daemon.address},https://127.0.0.1:{self.port}"},
                         "tls": {"certificate": f"{self.folder}/used.pem", "private_key": f"{self.folder}/used.key"},
                         "drain": {"timeout_ms": "500"}}
        self.use("first")
        self.reload(**self.sections)

    def use(self, name):
        for kind in ("key", "pem"):
            os.link(self.folder / f"{name}.{kind}", self.folder / f"{name}.{kind}.new")
            os.replace(self.folder / f"{name}.{kind}.new", self.folder / f"used.{kind}")

    def hang(self):
        """What svcd waits for until it is closed."""
        os.mkfifo(self.folder / "fifo")
        os.replace(self.folder / "fifo", self.folder / "used.pem")
        writer = open_for_writing(self.folder / "used.pem")
        self.addCleanup(writer.close)
        return writer

    def shown(self):
        context = ssl.create_default_context(cafile=f"{self.folder}/both.pem")
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as plain, context.wrap_socket(plain) as tls:
            return dict(tls.getpeercert()["subject"][0])["commonName"]

    def assert_serves(self, certificate):
        (self.folder / "both.pem").write_text("".join((self.folder / f"{name}.pem").read_text() for name in ("first", "second")))
        self.assertTrue(is_serving(self.client))
        self.assertEqual(len(self.list_skills().skills), 10)
        self.assertEqual(self.shown(), certificate)

    def test_one_that_is_noticed_delays_nothing_and_the_next_good_one_is_shown(self):
        writer = self.hang()
        self.assert_serves("first")
        writer.close()
        self.daemon.wait_for_log("stays in use")
        self.use("second")
        wait_until(lambda: self.shown() == "second", "the new certificate is not shown")

    def test_one_that_a_reload_reads_delays_nothing_and_the_reload_is_refused(self):
        os.mkfifo(self.folder / "fifo")
        self.sections["tls"]["certificate"] = f"{self.folder}/fifo"
        self.write(**self.sections)
        self.daemon.signal(signal.SIGHUP)
        writer = open_for_writing(self.folder / "fifo")
        self.addCleanup(writer.close)
        self.assert_serves("first")
        writer.close()
        self.daemon.wait_for_log("all stays as it was")
        self.assert_serves("first")

    def test_the_end_does_not_wait_for_one(self):
        self.hang()
        begun = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        self.assertLess(time.monotonic() - begun, 10)


class Impostor:
    """A server for one thing: how it takes part in setting up a connection."""

    def __init__(self, test, take_part):
        self.take_part = take_part
        self.listener = socket.create_server(("127.0.0.1", 0))
        test.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                with self.listener.accept()[0] as connection:
                    self.take_part(connection)
                    connection.recv(10000)  # until svcd leaves


def ask_for_a_password(iterations):
    """By SCRAM; the more iterations, the longer it takes to prove that one knows it."""
    def put(connection, number, text):
        connection.sendall(b"R" + struct.pack(">II", 8 + len(text), number) + text)

    def take_part(connection):
        if len(connection.recv(10000)) == 8:  # asks for TLS
            connection.sendall(b"N")
            connection.recv(10000)
        put(connection, 10, b"SCRAM-SHA-256\0\0")
        nonce = re.search(rb"r=([^,]+)", connection.recv(10000))[1]
        put(connection, 11, b"r=" + nonce + b"x,s=QSXCR+Q6sek8bf92,i=%d" % iterations)
    return take_part


class HangingDatabase(unittest.TestCase):
    def start(self, take_part, *arguments):
        port = Impostor(self, take_part).port
        server = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port), "POSTGRES_PASSWORD": "secret"}
        self.daemon = Daemon("nowhere", "--set", "drain.timeout_ms=500", *arguments, env=server, listen="http://127.0.0.1:0")
        self.addCleanup(self.daemon.stop)
        self.client = svcd_client.Client(self.daemon.address)
        self.addCleanup(self.client.channel.close)

    def assert_is_alive_and_ends(self):
        self.assertTrue(is_serving(self.client, "svcd.live"))
        begun = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        self.assertLess(time.monotonic() - begun, 10)

    def test_a_password_that_takes_minutes_to_prove_delays_nothing(self):
        asked = threading.Event()

        def take_part(connection):
            ask_for_a_password(200_000_000)(connection)
            asked.set()
        self.start(take_part)
        self.assertTrue(asked.wait(PATIENCE_S))
        self.assert_is_alive_and_ends()

    def test_a_file_of_authorities_that_hangs_delays_nothing(self):
        folder = temporary_folder(self)
        make_certificate(folder, "ca")
        hangs = threading.Event()

        def take_part(connection):
            connection.recv(10000)
            connection.sendall(b"S" if hangs.is_set() else b"N")
        self.start(take_part, "--set", "database.tls=verify-ca", "--set", f"database.tls_ca={folder}/ca.pem")
        self.daemon.wait_for_log("does not support SSL")
        os.mkfifo(folder / "fifo")
        os.replace(folder / "fifo", folder / "ca.pem")
        hangs.set()
        self.addCleanup(open_for_writing(folder / "ca.pem").close)
        self.assert_is_alive_and_ends()


class FullBacklog(Case):
    def test_a_socket_whose_owner_accepts_nobody_delays_nothing_and_is_left_to_its_owner(self):
        self.start(listen=None, server={"listen": f"http://127.0.0.1:{free_port()}"})
        path = str(self.folder / "socket")
        clients = []
        with socket.socket(socket.AF_UNIX) as owner:
            owner.bind(path)
            owner.listen(0)
            for _ in range(2):  # with a backlog of 0 one finds room
                client = socket.socket(socket.AF_UNIX)
                self.addCleanup(client.close)
                client.setblocking(False)
                clients.append(client.connect_ex(path))
            self.assertNotEqual(clients[-1], 0)
            self.refuse("address already in use", server={"listen": f"http://{self.daemon.address},unix:{path}"})
            self.assertTrue(is_listening(self.daemon.address))
            self.assertTrue(is_serving(self.client))
