# SPDX-License-Identifier: MIT
"""The edge of our own as careless, odd and hostile clients meet it: what is legal works, whatever its form; what is not costs its own
sender at most, and nobody else a moment."""

import contextlib
import gzip
import signal
import socket
import ssl
import struct
import subprocess
import time
import unittest
import urllib.parse
import zlib

import grpc
import hpack

import health_pb2
import svcd_client
from harness import PATIENCE_S, UNDER_SANITIZER, TestCase, Daemon, demo_database, is_serving, temporary_folder, value, wait_until

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, WHOLE, PADDED = 1, 4, 8
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SKILLS = "/account_package.AccountService/ListSkills"
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


class Legal(Edge):
    def test_odd_binary_metadata_is_no_reason_to_refuse(self):
        wire = self.wire()
        for stream, odd in enumerate(("AAEC,AAEC", "-_-_", "$$$", "AAEC "), 1):
            self.assert_served(wire, 2 * stream - 1, fields(x_trace_bin=odd))

    def test_te_and_authority_may_be_missing_or_odd(self):
        wire = self.wire()
        for stream, changed in enumerate(({"te": None}, {"te": "gzip, trailers"}, {":authority": None}), 1):
            all_fields = [(n, v) for n, v in fields() if changed.get(n, v) is not None]
            all_fields = [(n, changed.get(n, v)) for n, v in all_fields]
            self.assert_served(wire, 2 * stream - 1, all_fields)

    def test_padding_and_priority_are_taken_off_headers_in_pieces(self):
        wire = self.wire()
        block = wire.block(fields())
        wire.send(frame(HEADERS, PADDED | 0x20, 1, b"\x03" + b"\0\0\0\0\x10" + block[:5] + b"\0\0\0"),
                  frame(CONTINUATION, 0, 1, block[5:9]), frame(CONTINUATION, 0, 1), frame(CONTINUATION, WHOLE, 1, block[9:]),
                  frame(DATA, END | PADDED, 1, b"\x10" + message() + b"\0" * 16))
        self.assertEqual(wire.answer(1)["grpc-status"], "0")

    def test_one_byte_at_a_time_is_as_good_as_all_at_once(self):
        wire = self.wire(begin=False)
        for byte in MAGIC + frame(SETTINGS, 0, 0) + wire.request(1):
            wire.send(bytes([byte]))
        self.assertEqual(wire.answer(1)["grpc-status"], "0")

    def test_a_stream_may_say_that_it_depends_on_any_other_and_on_itself(self):
        wire = self.wire()
        for stream, on in enumerate((0, 99, 2**31 + 1, 1, 11, 2**31 + 13), 1):
            block = struct.pack(">IB", on, 16) + wire.block(fields())
            wire.send(frame(HEADERS, WHOLE | 0x20, 2 * stream - 1, block), frame(DATA, END, 2 * stream - 1, message()),
                      frame(PRIORITY, 0, 2 * stream - 1, struct.pack(">IB", 2 * stream - 1, 255)))
            self.assertEqual(wire.answer(2 * stream - 1).get("grpc-status"), "0")

    def test_a_host_is_as_good_as_an_authority_and_knows_its_own_pages(self):
        wire = self.wire()
        for stream, (origin, status) in enumerate((("http://svcd.example", "200"), ("http://other.example", "403")), 1):
            all_fields = [(":method", "POST"), (":scheme", "http"), (":path", CHECK), ("host", "svcd.example"),
                          ("content-type", "application/json"), ("origin", origin)]
            wire.send(wire.request(2 * stream - 1, body=b"{}", all_fields=all_fields))
            self.assertEqual(wire.answer(2 * stream - 1)[":status"], status)

    def test_a_field_that_is_too_long_fails_its_own_call_only(self):
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())))
        block = wire.block(fields(x_token="v" * 100000))
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        wire.send(*(frame(CONTINUATION if i else HEADERS, WHOLE if i == len(pieces) - 1 else 0, 3, piece)
                    for i, piece in enumerate(pieces)), frame(DATA, END, 3, message()))
        self.assertEqual(wire.answer(3)["grpc-status"], "8")
        wire.send(frame(DATA, END, 1, message()))
        self.assertEqual(wire.answer(1)["grpc-status"], "0")
        self.assert_served(wire, 5)  # the tables of both sides are still the same

    def test_a_peer_that_opens_its_window_by_one_byte_gets_its_answer(self):
        wire = self.wire(settings=struct.pack(">HI", 4, 1))
        wire.send(wire.request(1))
        got = b""
        for kind, flags, stream, payload in wire.frames():
            if kind == DATA:
                got += payload
                wire.send(frame(WINDOW, 0, 1, struct.pack(">I", 1)))
            if kind == HEADERS and flags & END:
                break
        self.assertEqual(got, message(b"\x08\x01"))

    def test_a_ping_beside_each_answer_is_answered_for_ever(self):
        wire = self.wire()
        for stream in range(1, 6001, 2):
            wire.send(frame(PING, 0, 0, b"bandwidt"), wire.request(stream), frame(WINDOW, 0, 0, struct.pack(">I", 7)))
            self.assertEqual(wire.answer(stream)["grpc-status"], "0")

    def test_a_quarter_of_an_hour_of_pings_is_answered(self):
        wire = self.wire()
        wire.send(*(frame(PING, 0, 0, b"%08d" % i) for i in range(1000)))
        answered = 0
        for kind, flags, _, _ in wire.frames():
            answered += kind == PING and flags & 1
            if answered == 1000:
                break
        self.assert_served(wire, 1)

    def test_an_answer_that_is_wanted_no_more_costs_no_patience(self):
        """A proxy resets calls when its own clients give up."""
        wire = self.wire()
        for stream in range(1, 801, 2):
            wire.send(frame(HEADERS, WHOLE, stream, wire.block(fields())))
        time.sleep(0.1)
        wire.send(*(frame(RESET, 0, stream, b"\0\0\0\x08") for stream in range(1, 801, 2)))
        self.assert_served(wire, 801)


class Wrong(Edge):
    def reset_of(self, all_fields, body=message()):
        wire = self.wire()
        wire.send(wire.request(1, all_fields=all_fields, body=body))
        answer = wire.answer(1)
        self.assert_served(wire, 3)
        return answer.get("reset")

    def test_headers_against_the_rules_reset_their_stream_alone(self):
        for what, all_fields in (
                ("upper case", fields() + [("X-Token", "1")]), ("a blank in a name", fields() + [("x token", "1")]),
                ("a connection's", fields() + [("connection", "close")]), ("te chunked", fields() + [("transfer-encoding", "chunked")]),
                ("a line's end", fields() + [("x-token", "1\r\nx: 2")]), ("a NUL", fields() + [("x-token", "1\0")]),
                ("late pseudo-header", fields()[1:] + fields()[:1]), ("unknown pseudo-header", [(":token", "1")] + fields()),
                ("two paths", [(":path", CHECK)] + fields()), ("no path", [f for f in fields() if f[0] != ":path"]),
                ("no scheme", [f for f in fields() if f[0] != ":scheme"]), ("no method", fields()[1:]),
                ("empty path", [(":path", "") if f[0] == ":path" else f for f in fields()]),
                ("two lengths", fields() + [("content-length", "5"), ("content-length", "6")]),
                ("no length", fields() + [("content-length", "five")]), ("wrong length", fields() + [("content-length", "6")]),
                ("negative length", fields() + [("content-length", "-5")])):
            with self.subTest(what):
                self.assertEqual(self.reset_of(all_fields), PROTOCOL_ERROR)

    def test_a_path_that_is_none_is_quoted_by_whole_characters(self):
        wire = self.wire()
        for stream, character in enumerate("üö世😀", 1):
            for shift in range(4):
                number = 8 * stream + 2 * shift - 7
                wire.send(wire.request(number, "/" + "x" * shift + character * 100))
                quoted = urllib.parse.unquote(wire.answer(number)["grpc-message"], errors="strict")
                self.assertRegex(quoted, f"^no such method: /x*{character}+$")

    def test_headers_that_are_broken_off_end_the_connection_with_a_reason(self):
        for what, piece in (("another stream's", frame(CONTINUATION, WHOLE, 3)), ("a ping", frame(PING, 0, 0, b"12345678")),
                            ("data", frame(DATA, END, 1)), ("unknown", frame(99, 0, 1))):
            with self.subTest(what):
                wire = self.wire()
                wire.send(frame(HEADERS, 0, 1, wire.block(fields())), piece)
                self.assertEqual(wire.ends_with(), PROTOCOL_ERROR)
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE | PADDED | 0x20, 1, b"\xff\0\0\0\0\0" + wire.block(fields())))
        self.assertEqual(wire.ends_with(), PROTOCOL_ERROR)
        self.assert_others_served()

    def test_what_is_no_call_is_told_so_in_http(self):
        for what, all_fields, status in (("content type", fields(content_type="text/html"), "415"),
                                         ("verb", [(":method", "GET")] + fields()[1:], "405"),
                                         ("path", fields("/nowhere", content_type="text/html"), "404")):
            with self.subTest(what):
                wire = self.wire()
                wire.send(wire.request(1, all_fields=all_fields))
                self.assertEqual(wire.answer(1)[":status"], status)
                self.assert_served(wire, 3)

    def test_flags_and_encodings_that_are_not_known_are_refused(self):
        for what, body, changed, status in (("flag 2", message(flag=2), {}, "13"), ("no encoding", message(flag=1), {}, "13"),
                                            ("snappy", message(flag=1), {"grpc_encoding": "snappy"}, "12"),
                                            ("no gzip", message(b"abc", 1), {"grpc_encoding": "gzip"}, "13"),
                                            ("two", message() * 2, {}, "12"), ("none", b"", {}, "12"), ("half", message(b"abc")[:6], {}, "13")):
            with self.subTest(what):
                wire = self.wire()
                wire.send(wire.request(1, body=body, all_fields=fields(**changed)))
                self.assertEqual(wire.answer(1)["grpc-status"], status)
                self.assert_served(wire, 3)

    def test_an_encoding_that_is_not_known_is_answered_with_those_that_are(self):
        wire = self.wire()
        wire.send(wire.request(1, body=message(flag=1), all_fields=fields(grpc_encoding="snappy")))
        self.assertEqual(wire.answer(1)["grpc-accept-encoding"], "identity,deflate,gzip")

    def test_a_message_is_inflated_no_further_than_it_may_be_long(self):
        before = self.daemon.resident_bytes()
        bombs = {"gzip": gzip.compress(bytes(50 << 20)), "deflate": zlib.compress(bytes(50 << 20), 9)}
        wire = self.wire()
        for stream, (kind, encoding) in enumerate(((kind, encoding) for kind in ("application/grpc", "application/grpc-web") for encoding in bombs), 1):
            body = message(bombs[encoding], 1)
            block = wire.block(fields(content_type=kind, grpc_encoding=encoding))
            wire.send(frame(HEADERS, WHOLE, 2 * stream - 1, block),
                      *(frame(DATA, 0, 2 * stream - 1, body[at:at + 16384]) for at in range(0, len(body), 16384)), frame(DATA, END, 2 * stream - 1))
            answer = wire.answer(2 * stream - 1)
            self.assertTrue(answer.get("grpc-status") == "8" or b"grpc-status: 8" in answer["body"], answer)
        self.assertLess(self.daemon.resident_bytes() - before, 24 << 20)
        self.assert_served(wire, 2 * stream + 1)

    def test_metadata_over_64_kib_in_all_fails_its_own_call_only(self):
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())))
        block = wire.block(fields() + [(f"x-{i}", "v" * 4000) for i in range(20)])
        wire.send(frame(HEADERS, 0, 3, block[:16000]), *(frame(CONTINUATION, 0, 3, block[at:at + 16000]) for at in range(16000, len(block), 16000)),
                  frame(CONTINUATION, WHOLE, 3), frame(DATA, END, 3, message()))
        self.assertEqual(wire.answer(3)["grpc-status"], "8")
        wire.send(frame(DATA, END, 1, message()))
        self.assertEqual(wire.answer(1)["grpc-status"], "0")
        self.assert_served(wire, 5)

    def test_a_call_that_is_never_completed_ends_in_its_time_and_is_idle_meanwhile(self):
        daemon = Daemon(self.database, "--set", "server.request_timeout_ms=700", listen=self.listen)
        self.addCleanup(daemon.stop)
        wire = Wire(daemon.address)
        self.addCleanup(wire.socket.close)
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())), frame(DATA, 0, 1, message(b"abc")[:6]))
        self.assertEqual(wire.answer(1)["grpc-status"], "4")
        self.assert_served(wire, 3)

    def test_a_call_whose_message_does_not_come_ends_at_its_deadline(self):
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields(grpc_timeout="200m"))))
        self.assertEqual(wire.answer(1)["grpc-status"], "4")
        self.assert_served(wire, 3)

    def test_streams_over_the_limit_are_refused_before_it_is_acknowledged(self):
        wire = self.wire()
        wire.send(*(frame(HEADERS, WHOLE, stream, wire.block(fields())) for stream in range(1, 2 * 1100, 2)))
        refused = 0
        for kind, _, _, payload in wire.frames():
            refused += kind == RESET and int.from_bytes(payload, "big") == REFUSED_STREAM
            if refused == 76:
                break
        self.assertEqual(refused, 76)


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

    @contextlib.contextmanager
    def locked_accounts(self):
        blocker = subprocess.Popen(["psql", "-Xq", "-d", self.database, "-U", "svcd"], stdin=subprocess.PIPE, text=True)
        try:
            blocker.stdin.write("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE;\n")
            blocker.stdin.flush()
            locked = "SELECT count(*) FROM pg_locks WHERE relation = 'account'::regclass AND granted AND mode = 'AccessExclusiveLock'"
            wait_until(lambda: value(locked, self.database) == "1", "the table is not locked")
            yield
        finally:
            blocker.stdin.close()
            blocker.wait()

    @unittest.skipIf(UNDER_SANITIZER, "which keeps what was freed")
    def test_compressed_messages_of_calls_that_wait_are_bounded_in_all(self):
        """Each is 300 bytes on the wire and 250,000 for whoever holds its call back: 64 MB a connection, were they not counted."""
        packed = message(gzip.compress(b"\x08\x3d" + b"\xfa\x07" + b"\x90\xa1\x0f" + b"a" * 250_000), 1)
        with self.locked_accounts():
            wires = []
            for _ in range(12):
                wire = self.wire()
                wire.encoder.header_table_size = 0
                block = wire.block(fields(PROFILES, grpc_encoding="gzip"))
                wire.send(*(frame(HEADERS, WHOLE, stream, block) + frame(DATA, END, stream, packed) for stream in range(1, 1600, 2)))
                wires.append(wire)
            self.daemon.wait_for_log("connection closed.*reason=buffers")
            self.assert_others_served()
            self.assert_memory_kept()
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


class Closing(Edge):
    arguments = ("--set", "server.idle_timeout_ms=300")

    def test_an_idle_connection_is_closed_in_two_steps_without_an_error(self):
        wire = self.wire()
        self.assert_served(wire, 1)
        said = [(int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"))
                for kind, _, _, payload in wire.frames() if kind == GOAWAY]
        self.assertEqual(said, [(2**31 - 1, 0), (1, 0)])

    def test_a_call_between_the_two_steps_is_served(self):
        wire = self.wire()
        self.assert_served(wire, 1)
        for kind, _, _, _ in wire.frames():
            if kind == GOAWAY:
                break
        self.assert_served(wire, 3)

    def test_no_call_is_lost_at_the_moment_of_an_idle_close(self):
        request = health_pb2.HealthCheckRequest()
        for pause_s in (0.28, 0.29, 0.295, 0.3, 0.301, 0.305, 0.31, 0.32) * 3:
            self.client.health.Check(request, timeout=PATIENCE_S)
            time.sleep(pause_s)


class Age(Edge):
    arguments = ("--set", "server.max_connection_age_ms=500")

    def test_a_stream_ends_unavailable_when_its_connection_is_old(self):
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in self.client.health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S):
                pass
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_a_connection_without_calls_ends_without_an_error(self):
        wire = self.wire()
        self.assertEqual(wire.ends_with(), 0)


class Proxied(Edge):
    arguments = ("--set", "server.proxy_protocol_from=127.0.0.2/32")

    def from_proxy(self, head):
        host, port = self.daemon.address.rsplit(":", 1)
        connected = socket.create_connection((host, int(port)), PATIENCE_S, source_address=("127.0.0.2", 0))
        connected.sendall(head)
        wire = Wire(self.daemon.address, connected=connected)
        self.addCleanup(wire.socket.close)
        return wire

    def test_a_proxy_says_whom_it_speaks_for_in_both_versions(self):
        v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 80])
        for head in (b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n", b"PROXY UNKNOWN\r\n", v2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"):
            with self.subTest(head):
                self.assert_served(self.from_proxy(head), 1)

    def test_a_proxy_that_does_not_say_is_closed(self):
        self.from_proxy(b"").ends_with()
        self.daemon.wait_for_log("connection closed.*reason=proxy")

    def test_nobody_else_says_it(self):
        wire = self.wire(begin=False)
        wire.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + MAGIC)
        wire.ends_with()
        self.daemon.wait_for_log("connection closed.*reason=(wrong_protocol|protocol_error)")


def make_certificate(folder, name, *more):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", *more], check=True, capture_output=True)


class Tls(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        for name in ("localhost", "friend", "stranger"):
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


class Unix(Edge):
    def test_a_unix_socket_is_for_its_group(self):
        folder = temporary_folder(self)
        daemon = Daemon(self.database, listen=f"unix:{folder}/svcd")
        self.addCleanup(daemon.stop)
        self.assertEqual((folder / "svcd").stat().st_mode & 0o777, 0o660)
        client = svcd_client.Client(f"unix:{folder}/svcd")
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")


REFUSE_ONE_SIZE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
void *realloc(void *old, size_t size)
{
    static void *(*real)(void *, size_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "realloc");
    return size == REFUSED && access(WHILE, F_OK) == 0 ? NULL : real(old, size);
}
"""


@unittest.skipIf(UNDER_SANITIZER, "which has an allocator of its own")
class ShortOfMemory(TestCase):
    """A daemon that finds no memory of one size while a file is there: what the answer of one question to reflection needs."""

    REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    LARGE, SMALL = b"\x22\x1eaccount_package.AccountService", b"\x1a\x0chealth.proto"

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        cls.database = demo_database()
        size = 256
        with_memory = Daemon(cls.database, listen="http://127.0.0.1:0")
        try:
            with grpc.insecure_channel(with_memory.address) as channel:
                answer = next(channel.stream_stream(cls.REFLECT)(iter([cls.LARGE]), timeout=PATIENCE_S))
        finally:
            with_memory.stop()
        while size < len(answer) + 5:
            size *= 2
        (cls.folder / "refuse.c").write_text(REFUSE_ONE_SIZE)
        subprocess.run(["cc", "-shared", "-fPIC", f"-DREFUSED={size}", f'-DWHILE="{cls.folder}/short"', "-o", cls.folder / "refuse.so",
                        cls.folder / "refuse.c", "-ldl"], check=True)
        cls.daemon = Daemon(cls.database, listen="http://127.0.0.1:0", env={"LD_PRELOAD": str(cls.folder / "refuse.so")})
        cls.addClassCleanup(cls.daemon.stop)

    addCleanup = classmethod(lambda cls, *arguments: cls.addClassCleanup(*arguments))

    def test_a_message_for_which_there_is_no_memory_fails_its_stream(self):
        with grpc.insecure_channel(self.daemon.address) as channel:
            reflect = channel.stream_stream(self.REFLECT)
            (self.folder / "short").touch()
            answers = reflect(iter([self.SMALL, self.LARGE, self.SMALL]), timeout=PATIENCE_S)
            self.assertIn(b"health.proto", next(answers))
            with self.assertRaises(grpc.RpcError) as caught:
                next(answers)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, caught.exception.details())
            (self.folder / "short").unlink()
            self.assertEqual(len(list(reflect(iter([self.SMALL, self.LARGE]), timeout=PATIENCE_S))), 2)
