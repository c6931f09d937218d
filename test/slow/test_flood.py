# SPDX-License-Identifier: MIT
"""Floods of requests that are only begun, or whose answers are not read yet, by more connections than the budget of buffered bytes is meant
for: a client that wants little is served as ever, and the flood's own calls wait, and are answered once their rest has come."""

import http.client
import socket
import ssl
import struct
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, demo_database, is_serving, wait_until
from test_access import make_token
from test_admin import Administered
from wire import DATA, END, GOAWAY, HEADERS, RESET, SETTINGS, SKILLS, WHOLE, WINDOW, Edge, Wire, fields, frame, make_certificate, message

BUFFERED = 32 << 20  # the default
STREAMS = 1024  # likewise, of a connection
WINDOW_MAX = struct.pack(">I", (1 << 31) - 1 - 65535)
PIECE = 16384  # bytes of a frame, at most
NO_WINDOWS, WINDOWS = struct.pack(">HI", 4, 0), struct.pack(">HI", 4, 1 << 20)


class Caller(Wire):
    """A client that makes many calls at once, and counts how they end."""

    def __init__(self, connected, **options):
        super().__init__("-:0", connected=connected, **options)
        next(kind for kind, *_ in self.frames() if kind == SETTINGS)  # and is acknowledged: windows are as wide as they get
        self.send(frame(WINDOW, 0, 0, WINDOW_MAX))
        self.codes = Counter()

    def begin(self, streams, **more):
        self.send(*(frame(HEADERS, WHOLE, stream, self.block(fields(SKILLS, **more))) for stream in streams))

    def send_body(self, streams, body, is_all):
        pieces = [body[at:at + PIECE] for at in range(0, len(body), PIECE)]
        for stream in streams:
            self.send(*(frame(DATA, 0, stream, piece) for piece in pieces[:-1]), frame(DATA, END if is_all else 0, stream, pieces[-1]))

    def read_answers(self, streams):
        waited_for, pushed_back = set(streams), set()
        for kind, flags, stream, payload in self.frames():
            if kind == HEADERS:
                answer = dict(self.decoder.decode(payload))
                pushed_back |= {stream} if "grpc-retry-pushback-ms" in answer else set()
                if "grpc-status" in answer:
                    self.codes[answer["grpc-status"]] += 1
            elif kind == GOAWAY or (kind == RESET and stream in waited_for):
                self.codes["reset" if kind == RESET else "goaway"] += 1
            if kind in (HEADERS, DATA, RESET) and (flags & END or kind == RESET):
                waited_for.discard(stream)
            if not waited_for:
                break
        self.codes["no answer"] += len(waited_for)
        self.codes["without advice"] += self.codes["8"] - len(pushed_back)
        self.codes = +self.codes


class Flood(Edge):
    scheme = "http"

    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()
        cls.daemon = Administered(cls.database, *cls.arguments, listen=f"{cls.scheme}://127.0.0.1:0,http://127.0.0.1:0")
        cls.addClassCleanup(cls.daemon.stop)
        wait_until(lambda: len(cls.daemon.addresses()) == 2, "not both listen")
        cls.client = svcd_client.Client(cls.daemon.addresses()[1])
        cls.addClassCleanup(cls.client.channel.close)
        wait_until(lambda: is_serving(cls.client), "not serving")

    def setUp(self):
        self.assert_little_is_served()
        wait_until(lambda: self.buffered() == 0, "something is kept of the last test")
        self.addCleanup(self.assert_nothing_is_left, len(self.daemon.log))

    def assert_nothing_is_left(self, log_begin):
        wait_until(lambda: self.buffered() == 0, "something is kept for ever")
        self.assertEqual([line for line in self.daemon.log[log_begin:] if "connection closed" in line], [])

    def buffered(self):
        return self.daemon.metrics()["svcd_http_buffered_bytes"]

    def wait_until_settled(self):
        last = []
        while len(last) < 5 or len({*last[-5:]}) > 1:
            last.append(self.buffered())
            time.sleep(0.02)
        self.assertLess(max(last), BUFFERED * 3 // 2)
        return last[-1]

    def connected(self, alpn="h2"):
        return self.wire(begin=False).socket

    def callers(self, n, **options):
        return [Caller(self.connected(), **options) for _ in range(n)]

    def assert_little_is_served(self):
        """One call after the other, then some at once; none fails."""
        for _ in range(20):
            self.client.account.ListSkills(Empty(), timeout=PATIENCE_S)
        for call in [self.client.account.ListSkills.future(Empty(), timeout=PATIENCE_S) for _ in range(20)]:
            call.result()

    def assert_answered(self, callers, streams, codes=("0",)):
        with ThreadPoolExecutor(len(callers)) as threads:
            list(threads.map(lambda caller: caller.read_answers(streams), callers))
        total = sum((caller.codes for caller in callers), Counter())
        self.assertEqual((sum(total.values()), set(total) - {*codes}), (len(callers) * len(streams), set()), total)

    def hold_and_finish(self, connections, streams_n, body=message(), sent=0):
        """Calls are begun, of each as much of the body is sent, and the rest only when others have been served beside that."""
        streams = range(1, 2 * streams_n, 2)
        callers = self.callers(connections)
        for caller in callers:
            caller.begin(streams)
            if sent:
                caller.send_body(streams, body[:sent], False)
            self.assert_others_served()
        self.wait_until_settled()
        self.assert_little_is_served()
        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(lambda caller: caller.send_body(streams, body[sent:], True), callers))
        self.assert_answered(callers, streams)

    def test_headers_alone_of_all_calls_that_16_connections_may_make(self):
        self.hold_and_finish(16, STREAMS)

    def test_headers_alone_of_all_calls_that_64_connections_may_make(self):
        self.hold_and_finish(64, STREAMS)

    def test_headers_alone_of_a_few_calls_each_on_many_connections(self):
        self.hold_and_finish(600, 30)

    def test_half_of_large_requests_on_few_connections(self):
        unknown = b"\x7a\xc0\x9a\x0c" + bytes(200_000)
        self.hold_and_finish(8, 20, message(unknown), 150_000)

    def test_half_of_a_request_over_http_1_on_each_of_many_connections(self):
        head = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 150002\r\n\r\n{" % SKILLS.encode()
        peers = [self.connected("http/1.1") for _ in range(400)]
        for peer in peers:
            peer.sendall(head + b" " * 100_000)
        self.wait_until_settled()
        self.assert_little_is_served()
        for at, peer in enumerate(peers):
            peer.sendall(b" " * 50_000 + b"}")
            if at % 2 and self.scheme == "http":
                peer.shutdown(socket.SHUT_WR)
        for peer in peers:
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            self.assertEqual(answer.status, 200, answer.read())

    def test_answers_that_are_read_only_later(self):
        streams = range(1, 2 * 400, 2)
        callers = self.callers(16, settings=NO_WINDOWS)
        for caller in callers:
            caller.begin(streams)
            caller.send_body(streams, message(), True)
        self.wait_until_settled()
        self.assert_little_is_served()
        for caller in callers:
            caller.send(frame(SETTINGS, 0, 0, WINDOWS))
        self.assert_answered(callers, streams)

    def test_headers_alone_beside_answers_that_are_read_only_later(self):
        streams = range(1, 2 * 500, 2)
        readers, senders = self.callers(16, settings=NO_WINDOWS), self.callers(16)
        for caller in readers:
            caller.begin(streams)
            caller.send_body(streams, message(), True)
        for caller in senders:
            caller.begin(streams)
        self.wait_until_settled()
        self.assert_little_is_served()
        for caller in senders:
            caller.send_body(streams, message(), True)
        for caller in readers:
            caller.send(frame(SETTINGS, 0, 0, WINDOWS))
        self.assert_answered(readers + senders, streams)

    def test_calls_whose_rest_does_not_come_end_at_their_deadline(self):
        streams = range(1, 2 * STREAMS, 2)
        callers = self.callers(4)
        for caller in callers:
            caller.begin(streams, grpc_timeout="1S")
        self.assert_answered(callers, streams, ("4",))

    def test_callers_are_known_when_the_rest_of_their_calls_comes(self):
        secret, hashed = make_token()
        with tempfile.NamedTemporaryFile("w", prefix="svcd-e2e.") as tokens:
            tokens.write(f"flood {hashed} *\n")
            tokens.flush()
            daemon = Administered(self.database, "--set", "access.callers=token", "--set", f"access.tokens={tokens.name}",
                                  listen="http://127.0.0.1:0")
            self.addCleanup(daemon.stop)
            daemon.wait_for_log("database available")
            streams = range(1, 2 * STREAMS, 2)
            callers = [Caller(socket.create_connection(daemon.address.split(":"), PATIENCE_S)) for _ in range(4)]
            for caller in callers:
                self.addCleanup(caller.socket.close)
                caller.begin(streams, authorization=f"Bearer {secret}")
            for caller in callers:
                caller.send_body(streams, message(), True)
            self.assert_answered(callers, streams)
            called = daemon.metrics()
            self.assertEqual(sum(n for name, n in called.items() if 'caller="flood"' in name and 'code="OK"' in name), 4 * STREAMS)


class FloodOverTls(Flood):
    scheme = "https"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="svcd-e2e.")
        cls.addClassCleanup(folder.cleanup)
        make_certificate(folder.name, "localhost")
        cls.arguments = ("--set", f"tls.certificate={folder.name}/localhost.pem", "--set", f"tls.private_key={folder.name}/localhost.key")
        super().setUpClass()

    def connected(self, alpn="h2"):
        context = ssl._create_unverified_context()
        context.set_alpn_protocols([alpn])
        connected = context.wrap_socket(super().connected(alpn))
        self.addCleanup(connected.close)
        return connected
