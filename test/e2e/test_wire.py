# SPDX-License-Identifier: MIT
"""What a client may send that is no proper call, how deadlines end, and that neither hurts the calls after it."""

import contextlib
import random
import socket
import threading
import time

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import meeting_pb2 as meeting
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import PATIENCE_S, Daemon, Held, TestCase, wait_until
from wire import Wire as RawWire
from wire import DATA, HEADERS, MAGIC, SETTINGS, WHOLE, fields, frame, message

MENTOR, MENTEE, NOBODY = 1, 61, 2**31 - 1
IN_FLIGHT = 64


def raw(client, method):
    """A method that takes and gives bytes."""
    return client.channel.unary_unary(method, lambda sent: sent, lambda received: received)


def call_many(calls):
    """Runs (rpc, request) pairs, IN_FLIGHT at a time; the number of each status."""
    places = threading.Semaphore(IN_FLIGHT)
    counts, lock = {}, threading.Lock()

    def done(future):
        with lock:
            counts[future.code()] = counts.get(future.code(), 0) + 1
        places.release()

    for rpc, request in calls:
        places.acquire()
        rpc.future(request, timeout=PATIENCE_S).add_done_callback(done)
    for _ in range(IN_FLIGHT):
        assert places.acquire(timeout=PATIENCE_S), "a call was never answered"
    return counts


class Wire(TestCase):
    def assert_serves(self):
        self.assertEqual(len(self.client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)

    def test_an_unknown_method_or_service_is_UNIMPLEMENTED(self):
        for method in ("/account_package.AccountService/Frobnicate", "/no.Service/Method", "/", "/account_package.AccountService/"):
            self.assert_fails(StatusCode.UNIMPLEMENTED, raw(self.client, method), b"")
        self.assert_serves()

    def test_bytes_that_are_no_request_are_INTERNAL(self):
        for garbage in (b"\xff", b"\x0a\xff", b"\x0a\x05abc", b"\x08" + b"\xff" * 11, bytes(range(256))):
            self.assert_fails(StatusCode.INTERNAL, raw(self.client, "/account_package.AccountService/TryLogin"), garbage)
        self.assert_serves()

    def test_random_bytes_never_end_in_UNKNOWN_and_never_hurt(self):
        dice = random.Random(42)
        methods = ["/account_package.AccountService/UpdateProfileDetails", "/account_package.AccountService/RegisterMentee",
                   "/meeting_package.MeetingService/ScheduleNewMeeting", "/feedback_package.FeedbackService/AddProgFeedback"]
        counts = call_many((raw(self.client, dice.choice(methods)), dice.randbytes(dice.randrange(200))) for _ in range(2000))
        self.assertEqual(sum(counts.values()), 2000)
        self.assertLessEqual(set(counts), {StatusCode.INTERNAL, StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND, StatusCode.OK})
        self.assert_serves()

    def test_a_message_that_is_marked_as_compressed_and_is_not_is_never_run(self):
        path = "/feedback_package.FeedbackService/AddDevFeedback"
        for encoding in None, "identity", "gzip", "snappy", "zstd", "GZIP", "gzip, deflate", "x" * 100, "":
            wire = RawWire(self.daemon.address)
            with self.subTest(encoding=encoding), contextlib.closing(wire.socket):
                wire.send(wire.request(1, body=message(b"\x0a\x06marked", 1), all_fields=fields(path, grpc_encoding=encoding)))
                self.assertIn(wire.answer(1).get("grpc-status"), ("12", "13"))
        self.assertEqual(self.sql_value("SELECT count(*) FROM websitefeedback WHERE message = 'marked'"), "0")
        self.assert_serves()

    def test_a_message_whose_flag_is_none_is_never_run(self):
        before = self.sql_value("SELECT count(*) FROM websitefeedback")
        for flag in 2, 3, 0x7f, 0x80, 0xff:
            for text in b"\x0a\x06marked", b"":
                wire = RawWire(self.daemon.address)
                with self.subTest(flag=flag, text=text), contextlib.closing(wire.socket):
                    wire.send(wire.request(1, body=message(text, flag), all_fields=fields("/feedback_package.FeedbackService/AddDevFeedback")))
                    self.assertEqual(wire.answer(1).get("grpc-status"), "13")
        self.assertEqual(self.sql_value("SELECT count(*) FROM websitefeedback"), before)
        self.assert_serves()

    def test_a_call_whose_message_does_not_come_ends_at_its_deadline(self):
        for sent in b"", message(b"half")[:6]:
            wire = RawWire(self.daemon.address)
            with self.subTest(sent=sent), contextlib.closing(wire.socket):
                wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields(grpc_timeout="200m"))), frame(DATA, 0, 1, sent))
                self.assertEqual(wire.answer(1).get("grpc-status"), "4")
        self.assert_serves()

    def test_unknown_fields_are_ignored(self):
        reply = raw(self.client, "/account_package.AccountService/AccountProfiles")(b"\x08\x01" + b"\xfa\x07\x03new")
        self.assertTrue(account.ProfilesReply.FromString(reply).isMentor)

    def test_invalid_utf8_and_NUL_in_text_are_INVALID_ARGUMENT(self):
        rpc = raw(self.client, "/feedback_package.FeedbackService/AddDevFeedback")
        for text in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"a\0b"):
            self.assert_fails(StatusCode.INVALID_ARGUMENT, rpc, b"\x0a" + bytes([len(text)]) + text, "content")

    def test_what_a_message_quotes_is_cut_and_leaves_the_connection_to_others(self):
        """Percent-encoded each byte takes three: 120 KB of metadata ended the connection under every other call of its client."""
        for character in "x", "ü", "世", "😀":
            error = self.assert_fails(StatusCode.NOT_FOUND, self.client.account.RegisterMentee,
                                      account.ProfileSignupRequest(userid=299, desiredSkills=[character * 10_000]), character * 199)
            self.assertLessEqual(len(error.details().encode()), 1024)
            self.assertNotIn(character * 201, error.details())
            self.assert_serves()
        error = self.assert_fails(StatusCode.UNIMPLEMENTED, raw(self.client, "/no.Service/" + "x" * 5000), b"", "/no.Service/xxx")
        self.assertLessEqual(len(error.details()), 200)
        self.assert_serves()

    def test_a_message_over_the_limit_is_RESOURCE_EXHAUSTED_and_one_below_is_not(self):
        rpc = self.client.feedback.AddDevFeedback
        self.assert_fails(StatusCode.RESOURCE_EXHAUSTED, rpc, feedback.AddDevFeedbackRequest(content="x" * 300 * 1024))
        self.assert_fails(StatusCode.INVALID_ARGUMENT, rpc, feedback.AddDevFeedbackRequest(content="x" * 250 * 1024), "10000")
        self.assertTrue(rpc(feedback.AddDevFeedbackRequest(content="x" * 10_000)).status)
        self.assert_serves()

    def test_bytes_that_are_no_http2_close_only_their_own_connection(self):
        host, port = self.daemon.address.split(":")
        for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"\0" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
            with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
                connection.sendall(garbage)
                try:
                    while connection.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        self.assert_serves()

    def test_a_call_whose_deadline_passes_ends_with_it_and_its_late_result_goes_nowhere(self):
        held = Held("LOCK TABLE milestone", self.database)
        self.addCleanup(held.let_go)
        request = meeting.CreatePlansOfActionsRequest(menteeUserId=MENTEE, plansOfAction="late")
        begun = time.monotonic()
        with self.assertRaises(grpc.RpcError) as caught:
            self.client.meeting.CreatePlansOfActions(request, timeout=0.3)
        self.assertEqual(caught.exception.code(), StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - begun, 10)  # and not when the lock is given up
        cancelled = self.client.meeting.CreatePlansOfActions.future(request, timeout=PATIENCE_S)
        time.sleep(0.1)
        cancelled.cancel()
        self.assert_serves()
        held.let_go()
        self.assert_serves()

    def test_calls_that_are_cancelled_at_once_leave_nothing_behind(self):
        def cancel_some():
            for n in range(2000):
                future = self.client.account.ListSkills.future(Empty(), timeout=PATIENCE_S)
                if n % 2:
                    future.cancel()
                else:
                    future.result()
        cancel_some()
        descriptors = self.daemon.descriptors()
        cancel_some()
        wait_until(lambda: self.daemon.descriptors() <= descriptors, "descriptors are left behind")

    def test_a_connection_for_every_call_is_given_back(self):
        before = self.daemon.descriptors()
        for _ in range(200):
            with svcd_client.Client(self.daemon.address) as client:
                self.assertEqual(len(client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)
        wait_until(lambda: self.daemon.descriptors() <= before + 2, "connections stay open")


class Visitors(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("nowhere", listen="grpc://127.0.0.1:0")  # which asks the database for nothing
        cls.addClassCleanup(cls.daemon.stop)

    def say(self, *pieces):
        """What comes back until the other end closes."""
        host, port = self.daemon.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), PATIENCE_S) as visitor:
            for piece in pieces:
                visitor.sendall(piece)
            said = b""
            with contextlib.suppress(ConnectionResetError):  # it does not read what comes after its answer
                while got := visitor.recv(4096):
                    said += got
        return said

    def test_who_speaks_tls_or_http_1_where_grpc_is_spoken_is_told_so(self):
        for verb in b"GET", b"POST", b"PUT", b"OPTIONS":
            with self.subTest(verb=verb):
                said = self.say(verb + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
                self.assertTrue(said.startswith(b"HTTP/1.1 400 ") and b"speaks gRPC" in said, said)
        self.daemon.wait_for_log("connection closed.*reason=wrong_protocol.*HTTP/1.1.*peer=127.0.0.1")
        alert = self.say(b"\x16\x03\x01\x00\xc8\x01" + bytes(199))
        self.assertEqual(alert, b"\x15\x03\x01\x00\x02\x02\x46")
        self.daemon.wait_for_log("connection closed.*reason=wrong_protocol.*TLS")

    def test_who_speaks_http_2_late_or_byte_by_byte_is_served(self):
        for pause_s in 0, 0.001, 1.5:
            wire = RawWire(self.daemon.address, begin=False)
            with self.subTest(pause_s=pause_s), contextlib.closing(wire.socket):
                time.sleep(pause_s)
                wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in MAGIC:
                    wire.send(bytes([byte]))
                wire.send(frame(SETTINGS, 0, 0), wire.request(1, body=message(b"\x0a\x09svcd.live")))
                self.assertEqual(wire.answer(1).get("grpc-status"), "0")
