# SPDX-License-Identifier: MIT
"""The edge of our own as hostile clients meet it: it costs them their connection, and nobody else a moment."""

import gzip
import struct
import time
import unittest

from harness import UNDER_SANITIZER, Held
from wire import (CHECK, CONTINUATION, DATA, END, HEADERS, MAGIC, PING, PRIORITY, PROFILES, RESET, SETTINGS, SKILLS, WHOLE, WINDOW, Edge,
                  fields, frame, message)


class Hostile(Edge):
    def flood(self, wire, piece, times):
        for _ in range(times):
            if not wire.send(piece):
                return

    def assert_memory_kept(self):
        self.assertLess(self.daemon.resident_bytes() - self.before, 64 << 20)

    def setUp(self):
        self.before = self.daemon.resident_bytes()
        self.addCleanup(self.assert_memory_kept)

    def test_calls_that_are_reset_at_once_end_the_connection(self):
        for path, with_body in ((CHECK, True), (CHECK, False), (SKILLS, True)):
            with self.subTest(path=path, with_body=with_body):
                wire = self.wire()
                wire.encoder.header_table_size = 0
                block, stream = wire.block(fields(path)), 1
                for _ in range(1200):
                    piece = b""
                    for _ in range(100):
                        body = frame(DATA, END, stream, message()) if with_body else b""
                        piece += frame(HEADERS, WHOLE, stream, block) + body + frame(RESET, 0, stream, b"\0\0\0\x08")
                        stream += 2
                    if not wire.send(piece):
                        break
                self.assert_closed(wire, "resets")

    @unittest.skipIf(UNDER_SANITIZER, "which keeps what was freed")
    def test_compressed_messages_of_calls_that_wait_are_bounded_in_all(self):
        """Each is 300 bytes on the wire and 250,000 for whoever holds its call back: 64 MB a connection, were they not counted."""
        packed = message(gzip.compress(b"\x08\x3d" + b"\xfa\x07" + b"\x90\xa1\x0f" + b"a" * 250_000), 1)
        with Held("LOCK TABLE account IN ACCESS EXCLUSIVE MODE", self.database):
            wires = []
            for _ in range(12):
                wire = self.wire()
                wire.encoder.header_table_size = 0
                block = wire.block(fields(PROFILES, grpc_encoding="gzip"))
                wire.send(*(frame(HEADERS, WHOLE, stream, block) + frame(DATA, END, stream, packed) for stream in range(1, 1600, 2)))
                wires.append(wire)
            for _ in range(50):
                self.assert_others_served()
                self.assert_memory_kept()
                time.sleep(0.1)
            self.assertFalse(any("reason=buffers" in line for line in self.daemon.log))  # they are read no further
        self.assert_others_served()

    def test_frames_that_ask_for_nothing_end_the_connection(self):
        for what, piece in (("pings", frame(PING, 0, 0, b"12345678")), ("settings", frame(SETTINGS, 0, 0)),
                            ("priorities", frame(PRIORITY, 0, 3, b"\0\0\0\0\x10")), ("windows", frame(WINDOW, 0, 0, struct.pack(">I", 1))),
                            ("unknown", frame(99, 0, 0))):
            with self.subTest(what):
                wire = self.wire()
                self.flood(wire, piece * 500, 100)
                self.assert_closed(wire, "flood")

    def test_empty_data_ends_the_connection(self):
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())))
        self.flood(wire, frame(DATA, 0, 1) * 500, 100)
        self.assert_closed(wire, "flood")

    def test_headers_that_do_not_end_end_the_connection(self):
        for what, first, more in (("a text of a gigabyte", b"\x40\x01x\x7f\x81\xff\xff\xff\x03", b"a" * 16384),
                                  ("fields", b"\0\x01x\x01y", b"\0\x01x\x01y" * 3000), ("nothing", b"\0\x01x\x01y", b"")):
            with self.subTest(what):
                wire = self.wire()
                wire.send(frame(HEADERS, 0, 1, first))
                self.flood(wire, frame(CONTINUATION, 0, 1, more), 2000)
                self.assert_closed(wire, "headers")

    def test_one_entry_of_the_table_repeated_makes_no_memory(self):
        wire = self.wire()
        block = wire.block(fields(x_token="v" * 3900)) + b"\xbe" * 12000
        wire.send(frame(HEADERS, WHOLE, 1, block), frame(DATA, END, 1, message()))
        self.assertEqual(wire.answer(1)["grpc-status"], "8")
        self.assert_others_served()

    def test_a_window_that_overflows_is_an_error(self):
        wire = self.wire()
        wire.send(frame(WINDOW, 0, 0, struct.pack(">I", 0x7fffffff)))
        self.assertEqual(wire.ends_with(), 3)
        self.assert_others_served()

    def test_who_never_reads_is_held_back_and_then_closed(self):
        wire = self.wire(settings=struct.pack(">HI", 4, 0))
        for stream in range(1, 2 * 20000, 2):
            if not wire.send(wire.request(stream, SKILLS)):
                break
        self.assert_others_served()

    def test_half_a_preface_is_not_waited_for_without_end(self):
        wire = self.wire(begin=False)
        wire.send(MAGIC[:10])
        self.assertIsNone(wire.ends_with())
        self.daemon.wait_for_log("connection closed.*reason=opening")

    def test_another_protocol_is_told_so(self):
        for said, expected in ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 20, b"\x15\x03"),):
            wire = self.wire(begin=False)
            wire.send(said)
            self.assertEqual(wire.socket.recv(100)[:len(expected)], expected)
