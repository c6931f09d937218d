# SPDX-License-Identifier: MIT
"""Peers that send and do not read, or do not send on, over each carrier: they are slowed, then closed with a line that says why, in
bounded memory, and a good client beside them is served all the while."""

import socket
import ssl
import struct
import threading
import time
import unittest.mock

import svcd_client
from harness import PATIENCE_S, Daemon, demo_database, is_serving, temporary_folder, wait_until
from test_admin import Administered
from wire import DATA, END, GOAWAY, HEADERS, PING, SETTINGS, SKILLS, WATCH, WHOLE, Edge, Wire, fields, frame, make_certificate, message

BUFFERED = 8 << 20
SENT_MAX = 1 << 30  # bytes; by far more than svcd may be made to take


class NeverReads(threading.Thread):
    """Sends what `pieces` are until the other end closes."""

    def __init__(self, connected, pieces):
        super().__init__(daemon=True)
        self.connected, self.pieces = connected, pieces
        self.sent, self.is_closed = 0, False
        self.connected.settimeout(0.5)
        self.start()

    def run(self):
        for piece in self.pieces:
            while piece and self.sent < SENT_MAX:
                try:
                    n = self.connected.send(piece)
                    piece, self.sent = piece[n:], self.sent + n
                except TimeoutError:  # slowed: svcd reads no further
                    pass
                except OSError:
                    self.is_closed = True
                    return


def calls_over_h2(connected, settings=b"", acknowledges=False):
    """Endlessly many, or as many at once as the acknowledged settings allow, and then signs of life."""
    wire = Wire("-:0", connected=connected, settings=settings)
    wire.encoder.header_table_size = 0
    block = wire.block(fields(SKILLS))
    yield frame(SETTINGS, 1, 0) if acknowledges else b""
    for first in range(1, 2001 if acknowledges else 1 << 31, 200):
        yield b"".join(frame(HEADERS, WHOLE, stream, block) + frame(DATA, END, stream, message()) for stream in range(first, first + 200, 2))
    while True:
        time.sleep(0.1)
        yield frame(PING, 0, 0, b"12345678")


def calls_over_h1(_):
    request = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}" % SKILLS.encode()
    while True:
        yield request * 500


class Unread(Edge):
    arguments = ("--set", f"server.max_buffered_bytes={BUFFERED}", "--set", "server.idle_timeout_ms=2000")

    def connected(self, alpn):
        host, port = self.daemon.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), PATIENCE_S)

    def test_who_never_reads_is_slowed_then_closed_with_a_reason_and_nobody_else_notices(self):
        before = self.daemon.resident_bytes()
        attackers = []
        for alpn, calls, more in (("h2", calls_over_h2, {"settings": struct.pack(">HI", 4, 0)}),
                                  ("h2", calls_over_h2, {"settings": struct.pack(">HI", 4, 0), "acknowledges": True}),
                                  ("h2", calls_over_h2, {}), ("http/1.1", calls_over_h1, {})):
            connected = self.connected(alpn)
            self.addCleanup(connected.close)
            attackers.append(NeverReads(connected, calls(connected, **more)))

        def all_closed():
            self.assert_others_served()
            self.assertLess(self.daemon.resident_bytes() - before, BUFFERED + (32 << 20))
            self.assertLess(max(attacker.sent for attacker in attackers), SENT_MAX)
            return all(attacker.is_closed for attacker in attackers)
        wait_until(all_closed, "somebody who does not read is still there")
        self.daemon.wait_for_log("connection closed.*reason=(unread|buffers)", times=len(attackers))
        self.assertEqual(sum("connection closed" in line for line in self.daemon.log), len(attackers))


class UnreadOverTls(Unread):
    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        make_certificate(cls.folder, "localhost")
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, *cls.arguments, "--set", f"tls.certificate={cls.folder}/localhost.pem", "--set",
                            f"tls.private_key={cls.folder}/localhost.key", listen="https://127.0.0.1:0,http://127.0.0.1:0")
        cls.addClassCleanup(cls.daemon.stop)
        wait_until(lambda: len(cls.daemon.addresses()) == 2, "not both listen")
        cls.client = svcd_client.Client(cls.daemon.addresses()[1])
        cls.addClassCleanup(cls.client.channel.close)
        wait_until(lambda: is_serving(cls.client), "not serving")

    addCleanup = classmethod(lambda cls, *arguments: cls.addClassCleanup(*arguments))

    def connected(self, alpn):
        context = ssl._create_unverified_context()
        context.set_alpn_protocols([alpn])
        return context.wrap_socket(super().connected(alpn))


class UnreadOverUnix(Unread):
    @classmethod
    def setUpClass(cls):
        cls.path = temporary_folder(cls) / "svcd"
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, *cls.arguments, listen=f"unix:{cls.path}")
        cls.addClassCleanup(cls.daemon.stop)
        cls.client = svcd_client.Client(f"unix:{cls.path}")
        cls.addClassCleanup(cls.client.channel.close)
        wait_until(lambda: is_serving(cls.client), "not serving")

    addCleanup = classmethod(lambda cls, *arguments: cls.addClassCleanup(*arguments))

    def connected(self, alpn):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(str(self.path))
        return connected


class Unsent(Edge):
    """Requests that are begun and not sent on."""
    arguments = ("--set", f"server.max_buffered_bytes={BUFFERED}", "--set", "server.idle_timeout_ms=0", "--set", "server.request_timeout_ms=600000")
    STREAMS = range(1, 9, 2)
    WHOLE_LEN, FIRST_LEN = 200_000, 150_000

    def begin(self, streams=STREAMS):
        """Calls of which three quarters are sent; what is missing of each."""
        wire = self.wire()
        next(kind for kind, *_ in wire.frames() if kind == SETTINGS)  # and is acknowledged: windows are as wide as they get
        unknown = b"\x7a" + bytes((self.WHOLE_LEN & 0x7f | 0x80, self.WHOLE_LEN >> 7 & 0x7f | 0x80, self.WHOLE_LEN >> 14)) + bytes(self.WHOLE_LEN)
        body = message(unknown)
        for stream in streams:
            wire.send(frame(HEADERS, WHOLE, stream, wire.block(fields(SKILLS))))
            for at in range(0, self.FIRST_LEN, 15_000):
                wire.send(frame(DATA, 0, stream, body[at:at + 15_000]))
        return wire, body[self.FIRST_LEN:]

    def test_who_does_not_send_on_is_closed_where_room_is_scarce_and_who_does_is_not(self):
        slow, missing = self.begin()
        stuck = [NeverReads(self.begin()[0].socket, self.pings()) for _ in range(7)]
        sent = 0
        while sum(peer.is_closed for peer in stuck) < 3:
            for stream in self.STREAMS:
                self.assertTrue(slow.send(frame(DATA, 0, stream, missing[sent:sent + 500])))
            sent += 500
            self.assertLess(sent, len(missing))
            self.assert_others_served()
            time.sleep(0.5)
        for stream in self.STREAMS:
            for at in range(sent, len(missing), 15_000):
                slow.send(frame(DATA, END if at + 15_000 >= len(missing) else 0, stream, missing[at:at + 15_000]))
            self.assertEqual(slow.answer(stream).get("grpc-status"), "0")
        self.daemon.wait_for_log("connection closed.*reason=buffers.*does not send on", times=3)

    def test_who_only_listens_to_streams_is_not_closed_where_room_is_scarce(self):
        listener = self.wire()
        for stream in range(1, 601, 2):
            listener.send(listener.request(stream, WATCH))
        stuck = [NeverReads(self.begin()[0].socket, self.pings()) for _ in range(7)]
        wait_until(lambda: sum(peer.is_closed for peer in stuck) >= 3, "those who do not send on are still there")
        listener.send(frame(PING, 0, 0, b"listener"))
        seen = []
        for kind, _, _, payload in listener.frames():
            seen.append(kind)
            if (kind, payload) == (PING, b"listener"):
                break
        self.assertEqual((listener.closed, GOAWAY in seen, seen.count(DATA)), (False, False, 300))

    @staticmethod
    def pings():
        while True:
            time.sleep(0.1)
            yield frame(PING, 0, 0, b"12345678")

    def test_who_does_not_send_on_is_closed_also_when_a_little_less_than_too_much_is_left(self):
        daemon = Administered(self.database, *self.arguments, listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)

        def buffered():
            return daemon.metrics()["svcd_http_buffered_bytes"]
        with unittest.mock.patch.object(type(self), "daemon", daemon):
            stuck = NeverReads(self.begin(range(1, 25, 2))[0].socket, self.pings())
            others = []
            while buffered() < BUFFERED / 2:
                others.append(self.begin((1,))[0].socket)
            while (kept := buffered()) >= BUFFERED / 2:
                others.pop().close()
                wait_until(lambda: buffered() < kept, "what it began is kept")
            self.assertGreater(kept, BUFFERED / 2 - BUFFERED / 16)
        wait_until(lambda: stuck.is_closed, "it is still there")
