# SPDX-License-Identifier: MIT
"""What the tests of our own edge stand on: frames of HTTP/2, a connection on which everything can be said, right or wrong, certificates."""

import socket
import struct
import subprocess
import time

import hpack

import svcd_client
from harness import PATIENCE_S, TestCase, Daemon, demo_database, is_serving, wait_until

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, WHOLE, PADDED = 1, 4, 8
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SKILLS = "/account_package.AccountService/ListSkills"
NOTIFICATIONS = "/account_package.AccountService/GetNotifications"
PROFILES = "/account_package.AccountService/AccountProfiles"
ENHANCE_YOUR_CALM, REFUSED_STREAM, PROTOCOL_ERROR = 11, 7, 1
MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message(body=b"", flag=0):
    return struct.pack(">BI", flag, len(body)) + body


def fields(path=CHECK, **changed):
    base = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", "te": "trailers",
            "content-type": "application/grpc"}
    base.update({name.replace("_", "-"): value for name, value in changed.items()})
    return [(name, value) for name, value in base.items() if value is not None]


class Wire:
    """A connection on which everything can be said, right or wrong."""

    def __init__(self, address, settings=b"", begin=True, connected=None):
        host, port = address.rsplit(":", 1)
        self.socket = connected or socket.create_connection((host, int(port)), PATIENCE_S)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.unread = b""
        self.closed = False
        if begin:
            self.send(MAGIC, frame(SETTINGS, 0, 0, settings))

    def send(self, *frames):
        """False: the other end has closed."""
        try:
            self.socket.sendall(b"".join(frames))
            return True
        except OSError:
            return False

    def block(self, all_fields):
        return self.encoder.encode(all_fields, huffman=False)

    def request(self, stream, path=CHECK, body=message(), all_fields=None):
        return frame(HEADERS, WHOLE, stream, self.block(all_fields or fields(path))) + frame(DATA, END, stream, body)

    def frames(self, patience_s=PATIENCE_S):
        """(type, flags, stream, payload) as they come, until the other end closes; PING and SETTINGS are answered."""
        until = time.monotonic() + patience_s
        while True:
            while len(self.unread) >= 9 and len(self.unread) >= 9 + int.from_bytes(self.unread[:3], "big"):
                length = int.from_bytes(self.unread[:3], "big")
                kind, flags = self.unread[3], self.unread[4]
                stream = int.from_bytes(self.unread[5:9], "big")
                payload, self.unread = self.unread[9:9 + length], self.unread[9 + length:]
                if kind in (PING, SETTINGS) and not flags & 1:
                    self.send(frame(kind, 1, 0, payload if kind == PING else b""))
                yield kind, flags, stream, payload
            self.socket.settimeout(max(0.01, until - time.monotonic()))
            try:
                got = self.socket.recv(65536)
            except ConnectionError:
                got = b""
            if not got:
                self.closed = True
                return
            self.unread += got

    def answer(self, stream):
        """Headers and trailers in one dictionary; reset or goaway in place of what did not come."""
        answer = {"body": b""}
        for kind, flags, of, payload in self.frames():
            if kind == HEADERS:
                decoded = dict(self.decoder.decode(payload))
                answer.update(decoded if of == stream else {})
            if kind == DATA and of == stream:
                answer["body"] += payload
            if kind == RESET and of == stream:
                return answer | {"reset": int.from_bytes(payload, "big")}
            if kind == GOAWAY:
                answer["goaway"] = int.from_bytes(payload[4:8], "big")
            if of == stream and kind in (DATA, HEADERS) and flags & END:
                return answer
        return answer | {"closed": True}

    def ends_with(self):
        """The code of the last GOAWAY when the other end closes, None without one."""
        code = None
        for kind, _, _, payload in self.frames():
            if kind == GOAWAY:
                code = int.from_bytes(payload[4:8], "big")
        return code


class Edge(TestCase):
    listen = "http://127.0.0.1:0"
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, *cls.arguments, listen=cls.listen)
        cls.addClassCleanup(cls.daemon.stop)
        cls.client = svcd_client.Client(cls.daemon.address)
        cls.addClassCleanup(cls.client.channel.close)
        wait_until(lambda: is_serving(cls.client), "not serving")

    def wire(self, **options):
        wire = Wire(self.daemon.address, **options)
        self.addCleanup(wire.socket.close)
        return wire

    def assert_served(self, wire, stream, all_fields=None, body=message(), path=CHECK):
        wire.send(wire.request(stream, path, body, all_fields))
        self.assertEqual(wire.answer(stream).get("grpc-status"), "0")

    def assert_others_served(self):
        self.assertTrue(is_serving(self.client))

    def assert_closed(self, wire, reason, code=ENHANCE_YOUR_CALM):
        ended = wire.ends_with()
        self.assertIn(ended, (code, None))  # None: it was on its way when the sender's own bytes cut it off
        self.daemon.wait_for_log(f"connection closed.*reason={reason}")
        self.assert_others_served()


P256 = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"


def make_certificate(folder, name, *more, key=P256):
    subprocess.run(["openssl", "req", "-x509", *key, "-nodes", "-days", "2",
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", *more], check=True, capture_output=True)
