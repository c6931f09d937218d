# SPDX-License-Identifier: MIT
"""The edge of our own as careless and odd clients meet it: what is legal works, whatever its form; what is not costs its own sender
at most. What is done on purpose: slow/test_hostile.py; TLS: test_tls.py."""

import gzip
import struct
import socket
import subprocess
import time
import unittest
import urllib.parse
import zlib

import grpc

import health_pb2
import svcd_client
from harness import PATIENCE_S, SVCD, UNDER_SANITIZER, TestCase, Daemon, demo_database, environment, is_serving, run_svcd, temporary_folder, wait_until
from wire import (CHECK, CONTINUATION, DATA, END, GOAWAY, HEADERS, MAGIC, NOTIFICATIONS, PADDED, PING, PRIORITY, PROTOCOL_ERROR, REFUSED_STREAM, RESET, SETTINGS, SKILLS, WATCH, WHOLE,
                  WINDOW, Edge, Wire, fields, frame, message)


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

    @staticmethod
    def in_pieces(stream, block):
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        return b"".join(frame(CONTINUATION if i else HEADERS, WHOLE if i == len(pieces) - 1 else 0, stream, piece)
                        for i, piece in enumerate(pieces))

    def test_who_expects_to_be_asked_for_the_body_is_asked(self):
        for expected in ("100-continue", "100-Continue"):
            wire = self.wire()
            wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields(expect=expected))))
            asked = next(payload for kind, _, stream, payload in wire.frames() if (kind, stream) == (HEADERS, 1))
            self.assertEqual(wire.decoder.decode(asked), [(":status", "100")])
            wire.send(frame(DATA, END, 1, message()))
            self.assertEqual(wire.answer(1).get("grpc-status"), "0")

    def test_who_names_a_codec_is_answered_by_it(self):
        wire = self.wire()
        for stream, kind, body, answered in ((1, "application/grpc", message(), message(b"\x08\x01")), (3, "application/grpc+json", message(b"{}"), message(b'{"status":"SERVING"}'))):
            wire.send(wire.request(stream, body=body, all_fields=fields(content_type=kind)))
            answer = wire.answer(stream)
            self.assertEqual((answer["content-type"], answer["body"], answer["grpc-status"]), (kind, answered, "0"))

    def test_a_field_may_be_as_long_as_all_metadata(self):
        for huffman in (False, True):
            for length in (30000, 40000, 65000):
                with self.subTest(length=length, huffman=huffman):
                    wire = self.wire()
                    block = wire.encoder.encode(fields(x_token="v" * length), huffman=huffman)
                    wire.send(self.in_pieces(1, block), frame(DATA, END, 1, message()))
                    self.assertEqual(wire.answer(1).get("grpc-status"), "0")

    def test_a_field_that_is_too_long_fails_its_own_call_only(self):
        wire = self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())))
        wire.send(self.in_pieces(3, wire.block(fields(x_token="v" * 100000))), frame(DATA, END, 3, message()))
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

    def test_who_breaks_the_protocol_is_told_how_and_closed_and_the_log_says_so(self):
        for what, code, *broken in (("settings of a stream", 1, frame(SETTINGS, 0, 1)), ("a frame too long", 6, b"\0\x80\0\0\0\0\0\0\1"),
                                    ("a window that overflows", 3, frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff")),
                                    ("headers that are none", 9, frame(HEADERS, WHOLE | END, 3, b"\xff" * 8)),
                                    ("data of no stream", 1, frame(DATA, END, 3)), ("a short ping", 6, frame(PING, 0, 0, b"short"))):
            with self.subTest(what):
                wire = self.wire()
                self.assert_served(wire, 1)
                told = sum("reason=protocol_error" in line for line in self.daemon.log)
                wire.send(*broken)
                self.assertEqual(wire.ends_with(), code)
                self.daemon.wait_for_log("connection closed.*reason=protocol_error", told + 1)

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

    def test_streams_over_the_limit_are_refused_before_it_is_acknowledged(self):
        wire = self.wire()
        wire.send(*(frame(HEADERS, WHOLE, stream, wire.block(fields())) for stream in range(1, 2 * 1100, 2)))
        refused = 0
        for kind, _, _, payload in wire.frames():
            refused += kind == RESET and int.from_bytes(payload, "big") == REFUSED_STREAM
            if refused == 76:
                break
        self.assertEqual(refused, 76)


class Leaving(Edge):
    def test_a_peer_that_says_that_it_goes_is_closed_whether_it_closes_or_not(self):
        for closes in (False, True):
            wire = self.wire()
            self.assert_served(wire, 1)
            wire.send(frame(GOAWAY, 0, 0, bytes(8)))
            if closes:
                wire.socket.shutdown(socket.SHUT_WR)
            self.assertIsNone(wire.ends_with())

    def test_a_call_is_answered_to_a_peer_that_says_in_the_same_breath_that_it_goes(self):
        wire = self.wire()
        wire.send(wire.request(1), frame(GOAWAY, 0, 0, bytes(8)))
        self.assertEqual(wire.answer(1)["grpc-status"], "0")
        self.assertIsNone(wire.ends_with())

    def test_it_is_closed_after_the_last_of_its_calls(self):
        wire = self.wire()
        wire.send(wire.request(1, WATCH, all_fields=fields(WATCH, grpc_timeout="200m")), frame(GOAWAY, 0, 0, bytes(8)))
        self.assertEqual(wire.answer(1)["grpc-status"], "4")
        self.assertIsNone(wire.ends_with())


def begin_head(test, head="GET /livez HTTP/1.1\r\nhost: x\r\n"):
    """A connection on which the head of a request of HTTP/1.1 has begun."""
    host, port = test.daemon.address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), PATIENCE_S)
    test.addCleanup(connection.close)
    time.sleep(0.1)  # most likely it is accepted before its first byte comes
    connection.sendall(head.encode())
    return connection


def read_all(connection):
    read = b""
    while got := connection.recv(65536):
        read += got
    return read


class Closing(Edge):
    arguments = ("--set", "server.idle_timeout_ms=300")

    def test_a_first_request_that_only_begins_does_not_keep_it_longer(self):
        connection = begin_head(self)
        time.sleep(2)
        connection.sendall(b"\r\n")
        self.assertRegex(read_all(connection), b"(?s)HTTP/1.1 200 OK\r\n.*connection: close\r\n.*live")

    def test_an_idle_connection_is_closed_in_two_steps_without_an_error(self):
        wire = self.wire()
        wire.send(wire.request(1))
        came = list(wire.frames())  # the first step may come before the answer where the machine is slow
        self.assertIn((DATA, 1), [(kind, stream) for kind, _, stream, _ in came])
        said = [(int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")) for kind, _, _, payload in came if kind == GOAWAY]
        self.assertEqual(said, [(2**31 - 1, 0), (1, 0)])

    def test_a_call_between_the_two_steps_is_served(self):
        wire = self.wire()
        wire.send(wire.request(1))
        for kind, _, _, payload in wire.frames():
            if kind == HEADERS:  # of the answer, for the table that those of the next are told by
                wire.decoder.decode(payload)
            if kind == GOAWAY:
                break
        self.assert_served(wire, 3)

    def test_an_answer_that_is_read_slowly_is_whole_although_its_connection_is_closed_meanwhile(self):
        self.sql("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, repeat('x', 10000) FROM mentee, generate_series(1, 800) WHERE accountid = 61")
        host, port = self.daemon.address.rsplit(":", 1)
        connected = socket.socket()
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that most of it waits in the daemon
        connected.connect((host, int(port)))
        wire = self.wire(connected=connected, settings=struct.pack(">HI", 4, 2**31 - 1))
        wire.send(frame(WINDOW, 0, 0, struct.pack(">I", 2**30)), wire.request(1, NOTIFICATIONS, message(b"\x08\x3d")))
        time.sleep(1)  # it is idle, and closed, unless the machine is very busy
        answer = wire.answer(1)
        self.assertEqual((answer.get("grpc-status"), len(answer["body"]) > 8_000_000), ("0", True))
        self.assertIn(wire.ends_with(), (0, None))  # None: it was told before the answer's end

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

    def test_a_first_request_that_only_begins_does_not_keep_it_longer(self):
        connection = begin_head(self)
        time.sleep(2)
        connection.sendall(b"\r\n")
        self.assertRegex(read_all(connection), b"(?s)HTTP/1.1 200 OK\r\n.*connection: close\r\n.*live")

    def test_whoever_stops_within_a_request_is_told_as_that(self):
        half = begin_head(self, f"POST {SKILLS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{{")
        head, wire = begin_head(self), self.wire()
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields(CHECK))), frame(DATA, 0, 1, message()[:3]))
        for connection in half, head:
            read_all(connection)
        wire.ends_with()
        self.daemon.wait_for_log('connection closed.*reason=unfinished because="the peer does not send the rest of its request"', 3)
        self.assertFalse([line for line in self.daemon.log if "does not read" in line])


class Alive(Edge):
    arguments = ("--set", "server.keepalive_ms=100")

    def test_a_peer_that_is_silent_is_asked_again_and_again_for_a_sign_of_life(self):
        begun = time.monotonic()
        pings = (kind for kind, _, _, _ in self.wire().frames() if kind == PING)
        self.assertEqual([next(pings) for _ in range(4)], [PING] * 4)
        self.assertLess(time.monotonic() - begun, 20)


class Dialogue(Edge):
    REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

    def ask(self, *questions):
        """A peer that asks for these symbols at once and says that it asks nothing more, but has no room for answers."""
        wire = self.wire(settings=struct.pack(">HI", 4, 0))
        wire.send(wire.request(1, self.REFLECT, b"".join(message(b"\x22" + bytes([len(name)]) + name) for name in questions)))
        self.assertEqual(next(kind for kind, _, stream, _ in wire.frames() if stream == 1), HEADERS)
        return wire

    def test_questions_that_have_to_wait_stay_those_that_were_asked(self):
        mine, others = (b"first.of.mine", b"second.of.mine"), (b"other.of.them",) + (b"secret.of.them",) * 50
        first, second = self.ask(*mine), self.ask(*others)  # who comes later, and says more, would be read over all of the other's
        for wire, asked, not_asked in ((first, mine, others), (second, others, mine)):
            wire.send(frame(WINDOW, 0, 1, struct.pack(">I", 65535)))
            answer = wire.answer(1)
            for name in asked:
                self.assertIn(name, answer["body"])
            for name in not_asked:
                self.assertNotIn(name, answer["body"])


class Proxied(Edge):
    arguments = ("--set", "server.proxy_protocol_from=127.0.0.2/32", "--set", "server.max_connections_per_address=5")

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

    def test_connections_are_counted_by_whom_they_are_from(self):
        def of(client):
            return self.from_proxy(b"PROXY TCP4 %s 192.0.2.2 1234 80\r\n" % client)
        kept = [of(client) for client in (b"192.0.2.11", b"192.0.2.12", *[b"192.0.2.10"] * 5)]
        for wire in kept:
            self.assert_served(wire, 1)
        of(b"192.0.2.10").ends_with()
        self.assert_served(of(b"192.0.2.11"), 1)

    def test_a_proxy_that_does_not_say_is_closed(self):
        self.from_proxy(b"").ends_with()
        self.daemon.wait_for_log("connection closed.*reason=proxy")

    def test_nobody_else_says_it(self):
        wire = self.wire(begin=False)
        wire.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + MAGIC)
        wire.ends_with()
        self.daemon.wait_for_log("connection closed.*reason=(wrong_protocol|protocol_error)")


class Unix(Edge):
    def test_a_file_that_is_no_socket_is_left_alone(self):
        folder = temporary_folder(self)
        (folder / "notes").write_text("mine")
        done = run_svcd("--set", f"server.listen=unix:{folder}/notes", database=self.database)
        self.assertEqual((done.returncode, (folder / "notes").read_text()), (1, "mine"), done.stderr)
        self.assertRegex(done.stderr, 'cannot listen" address=unix:.*/notes error="socket operation on non-socket"')

    def test_a_unix_socket_is_for_its_group(self):
        folder = temporary_folder(self)
        daemon = Daemon(self.database, listen=f"unix:{folder}/svcd")
        self.addCleanup(daemon.stop)
        self.assertEqual((folder / "svcd").stat().st_mode & 0o777, 0o660)
        client = svcd_client.Client(f"unix:{folder}/svcd")
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")


SLOW_UNLINK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
int unlink(const char *path)
{
    static int (*real)(const char *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "unlink");
    usleep(300000);
    return real(path);
}
"""


@unittest.skipIf(UNDER_SANITIZER, "which wants to be loaded first")
class Stale(TestCase):
    def test_of_two_that_start_at_once_on_a_dead_ones_socket_one_gets_it_and_the_other_says_so(self):
        folder = temporary_folder(self)
        (folder / "slow.c").write_text(SLOW_UNLINK, encoding="ascii")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c", "-ldl"], check=True)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{folder}/svcd")
        env = environment(self.database, LD_PRELOAD=f"{folder}/slow.so")
        both = [subprocess.Popen([SVCD, "--set", f"server.listen=unix:{folder}/svcd", "--set", "drain.lame_ms=0"], env=env, stderr=subprocess.PIPE,
                                 text=True) for _ in range(2)]
        for process in both:
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.wait, PATIENCE_S)
            self.addCleanup(process.terminate)
        wait_until(lambda: any(process.poll() is not None for process in both), "both listen")
        loser, winner = both if both[0].poll() is not None else both[::-1]
        self.assertEqual(loser.returncode, 1)
        self.assertRegex(loser.stderr.read(), r'cannot listen" address=unix:.*/svcd error="(address already in use|resource busy or locked)"')
        client = svcd_client.Client(f"unix:{folder}/svcd")
        self.addCleanup(client.channel.close)
        wait_until(lambda: is_serving(client), "not serving")
        self.assertIsNone(winner.poll())


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
