# SPDX-License-Identifier: MIT
"""What is spoken beside gRPC: HTTP/1.1, gRPC-Web, Connect, pages of other origins. Sockets for what no client sends; real clients: test/slow/test_clients.py."""

import base64
import contextlib
import email.utils
import gzip
import http.client
import json
import re
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE_S, Daemon, Held, demo_database, free_port, run_svcd, value, wait_until

PROFILES = "/account_package.AccountService/AccountProfiles"
SKILLS = "/account_package.AccountService/ListSkills"
MATCH = "/matching_package.MatchingService/TryMatch"
WATCH = "/grpc.health.v1.Health/Watch"
ADD = "/feedback_package.FeedbackService/AddDevFeedback"
JSON = {"content-type": "application/json"}


class WebCase(unittest.TestCase):
    arguments = ()
    origin = "https://app.example.org"

    @classmethod
    def setUpClass(cls):
        cls.page_port = free_port()
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, "--set", f"server.allowed_origins={cls.origin}, http://127.0.0.1:{cls.page_port}",
                            *cls.arguments, listen="http://127.0.0.1:0")
        cls.addClassCleanup(cls.daemon.stop)
        cls.host, port = cls.daemon.address.split(":")
        cls.port = int(port)
        cls.daemon.wait_for_log("database available")

    def request(self, path, body=b"", headers=None, verb="POST"):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(verb, path, body, headers=JSON if headers is None else headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def fails(self, path, body, headers=None):
        status, _, text = self.request(path, body, headers)
        return status, json.loads(text)

    def connect(self):
        connection = socket.create_connection((self.host, self.port), PATIENCE_S)
        self.addCleanup(connection.close)
        return connection

    def raw(self, text):
        """What comes back until the server closes."""
        connection = self.connect()
        connection.sendall(text)
        return read_all(connection)

    def assert_serves(self):
        status, _, body = self.request(PROFILES, b'{"userid":61}')
        self.assertEqual((status, json.loads(body)), (200, {"isMentee": True}))


def read_all(connection):
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            said += piece
    return said


def frames(body):
    found = []
    while body:
        flag, length = struct.unpack(">BI", body[:5])
        found.append((flag, body[5:5 + length]))
        body = body[5 + length:]
    return found


def frame(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


class Connect(WebCase):
    def test_a_unary_call_in_json_is_a_plain_post(self):
        status, headers, body = self.request(PROFILES, b'{"userid":"61"}')
        self.assertEqual((status, headers["content-type"], json.loads(body)), (200, "application/json", {"isMentee": True}))

    def test_the_same_call_in_protobuf(self):
        status, headers, body = self.request(PROFILES, b"\x08\x3d", {"content-type": "application/proto", "connect-protocol-version": "1"})
        self.assertEqual((status, headers["content-type"], body), (200, "application/proto", b"\x10\x01"))

    def test_errors_have_the_status_and_the_json_of_connect(self):
        cases = [
            (MATCH, b'{"menteeUserId":999999}', {}, 404, "not_found"),
            (MATCH, b'{"wrong":1}', {}, 400, "invalid_argument"),
            (MATCH, b"", {}, 400, "invalid_argument"),
            (MATCH, b"{}{}", {}, 400, "invalid_argument"),
            (ADD, json.dumps({"content": "x" * 10001}).encode(), {}, 400, "invalid_argument"),
            (ADD, json.dumps({"content": "x" * 300000}).encode(), {}, 429, "resource_exhausted"),
            (MATCH, b"{}", {"connect-protocol-version": "2"}, 400, "invalid_argument"),
            (MATCH, b"{}", {"connect-timeout-ms": "soon"}, 400, "invalid_argument"),
            (MATCH, b"{}", {"content-encoding": "br"}, 501, "unimplemented"),
            (MATCH, b"rubbish", {"content-encoding": "gzip"}, 400, "invalid_argument"),
            ("/no.Such/Method", b"{}", {}, 404, "unimplemented"),
        ]
        for path, body, headers, status, code in cases:
            with self.subTest(path=path, body=body[:30], headers=headers):
                seen, error = self.fails(path, body, {**JSON, **headers})
                self.assertEqual((seen, error["code"]), (status, code))
                self.assertTrue(error["message"])

    def test_a_compressed_request_is_inflated_no_further_than_a_message_may_be_long(self):
        headers = {**JSON, "content-encoding": "gzip"}
        self.assertEqual(self.request(PROFILES, gzip.compress(b'{"userid":61}'), headers)[0], 200)
        self.assertEqual(self.request(PROFILES, gzip.compress(b'{"userid":61}'), {**JSON, "content-encoding": "GZip"})[0], 200)
        status, error = self.fails(PROFILES, gzip.compress(b" " * 100_000_000), headers)
        self.assertEqual((status, error["code"]), (429, "resource_exhausted"))

    def test_a_stream_ends_with_a_message_that_tells_its_status(self):
        headers = {"content-type": "application/connect+json", "connect-timeout-ms": "300"}
        status, answered, body = self.request(WATCH, frame(b"{}"), headers)
        self.assertEqual((status, answered["content-type"]), (200, "application/connect+json"))
        first, last = frames(body)
        self.assertEqual((first[0], json.loads(first[1])), (0, {"status": "SERVING"}))
        self.assertEqual((last[0], json.loads(last[1])["error"]["code"]), (2, "deadline_exceeded"))

    def test_a_stream_takes_exactly_one_message(self):
        for body in (b"", frame(b"{}") * 2):
            _, _, answer = self.request(WATCH, body, {"content-type": "application/connect+json"})
            self.assertEqual(json.loads(frames(answer)[-1][1])["error"]["code"], "unimplemented")

    def test_the_wrong_content_type_verb_and_path_are_told_apart(self):
        self.assertEqual(self.request(PROFILES, b"{}", {"content-type": "text/plain"})[0], 415)
        self.assertEqual(self.request(PROFILES, b"{}", {"content-type": "application/connect+json"})[0], 415)
        self.assertEqual(self.request(WATCH, b"{}")[0], 415)
        status, headers, _ = self.request(PROFILES, verb="GET")
        self.assertEqual((status, headers["allow"]), (405, "POST, OPTIONS"))
        self.assertEqual(self.request("/nowhere", verb="GET")[0], 404)

    def test_who_asks_for_options_is_told_them(self):
        for path, allowed in ((PROFILES, "POST, OPTIONS"), ("/livez", "GET, HEAD, OPTIONS"), ("*", "GET, HEAD, POST, OPTIONS")):
            status, headers, body = self.request(path, verb="OPTIONS", headers={})
            self.assertEqual((status, headers["allow"], body), (204, allowed, b""))
        self.assertEqual(self.request("/nowhere", verb="OPTIONS", headers={})[0], 404)


class GrpcWeb(WebCase):
    def call(self, path, message, content_type="application/grpc-web+proto", **headers):
        status, answered, body = self.request(path, message, {"content-type": content_type, "x-grpc-web": "1", **headers})
        self.assertEqual((status, answered["content-type"].split("+")[0]), (200, content_type.split("+")[0]))
        return body

    def test_the_status_is_the_last_frame(self):
        message, trailers = frames(self.call(PROFILES, frame(b"\x08\x3d")))
        self.assertEqual((message, trailers), ((0, b"\x10\x01"), (0x80, b"grpc-status: 0\r\n")))
        (flag, trailers), = frames(self.call(MATCH, frame(b"\x08\xbf\x84\x3d")))
        self.assertEqual(flag, 0x80)
        self.assertRegex(trailers, rb"^grpc-status: 5\r\ngrpc-message: [^\r\n]+\r\n$")

    def test_text_may_be_padded_in_its_middle(self):
        whole = frame(b"\x08\x3d")
        for cut in range(len(whole) + 1):
            text = base64.b64encode(whole[:cut]) + base64.b64encode(whole[cut:])
            body = self.call(PROFILES, text, "application/grpc-web-text")
            first, last = body.replace(b"=g", b"= g").split(b" ") if b"=g" in body else (body[:12], body[12:])
            self.assertEqual(frames(base64.b64decode(first) + base64.b64decode(last)), [(0, b"\x10\x01"), (0x80, b"grpc-status: 0\r\n")])

    def test_a_message_of_the_greatest_length_comes_through_in_text_over_http_2(self):
        content = b"x" * 262000
        message = frame(b"\x0a" + b"\xf0\xfe\x0f" + content)
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-m", str(PATIENCE_S), "-H", "content-type: application/grpc-web-text",
                               "--data-binary", "@-", f"http://{self.daemon.address}{ADD}"],
                              input=base64.b64encode(message), capture_output=True, check=True)
        self.assertIn(b"grpc-status: 3", frames(base64.b64decode(done.stdout))[-1][1])

    def test_what_is_no_message_fails_and_is_not_run(self):
        for body, content_type, status in ((b"", "application/grpc-web", b"12"), (frame(b"\x08\x3d") * 2, "application/grpc-web", b"12"),
                                           (frame(b"\x08\x3d", 3), "application/grpc-web", b"13"), (b"\0\0\0", "application/grpc-web", b"13")):
            with self.subTest(body=body):
                (_, trailers), = frames(self.call(PROFILES, body, content_type))
                self.assertTrue(trailers.startswith(b"grpc-status: " + status + b"\r\n"), trailers)
        body = self.call(PROFILES, b"no base64!", "application/grpc-web-text")
        self.assertIn(b"grpc-status: 13", base64.b64decode(body))

    def test_a_stream_ends_at_its_deadline(self):
        first, last = frames(self.call(WATCH, frame(b""), **{"grpc-timeout": "300m"}))
        self.assertEqual(first, (0, b"\x08\x01"))
        self.assertIn(b"grpc-status: 4", last[1])


class Origins(WebCase):
    def test_a_preflight_is_answered_for_listed_origins_only(self):
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        status, headers, body = self.request(ADD, verb="OPTIONS", headers={"origin": self.origin, **asked})
        self.assertEqual((status, body, headers["access-control-allow-origin"], headers["vary"]), (204, b"", self.origin, "Origin"))
        self.assertEqual(headers["access-control-allow-methods"], "POST")
        self.assertGreater(int(headers["access-control-max-age"]), 0)
        for name in ("authorization", "connect-protocol-version", "connect-timeout-ms", "content-type", "grpc-timeout", "idempotency-key",
                     "x-grpc-web", "x-request-id", "x-user-agent"):
            self.assertIn(name, headers["access-control-allow-headers"].split(", "))
        status, headers, _ = self.request(ADD, verb="OPTIONS", headers={"origin": "https://evil.example", **asked})
        self.assertEqual((status, headers.get("access-control-allow-origin")), (403, None))

    def test_a_call_from_another_origin_is_refused_and_not_run(self):
        for origin in ("https://evil.example", "null", self.origin + ".evil.example", "http://app.example.org", f"https://{self.daemon.address}"):
            status, headers, _ = self.request(ADD, b'{"content":"from elsewhere"}', {**JSON, "origin": origin})
            self.assertEqual((status, headers.get("access-control-allow-origin")), (403, None), origin)
        self.assertEqual(value("SELECT count(*) FROM websitefeedback WHERE message = 'from elsewhere'", self.database), "0")

    def test_a_listed_origin_may_read_what_clients_need(self):
        status, headers, _ = self.request(SKILLS, b"{}", {**JSON, "origin": self.origin})
        self.assertEqual((status, headers["access-control-allow-origin"], headers["vary"]), (200, self.origin, "Origin"))
        for name in ("grpc-status", "grpc-message", "grpc-status-details-bin", "svcd-position", "x-request-id"):
            self.assertIn(name, headers["access-control-expose-headers"].split(", "))

    def test_pages_of_svcds_own_and_what_is_no_browser_need_not_be_listed(self):
        for headers in ({}, {"origin": f"http://{self.daemon.address}"}):
            status, answered, _ = self.request(SKILLS, b"{}", {**JSON, **headers})
            self.assertEqual((status, answered.get("access-control-allow-origin")), (200, None))


class Http1(WebCase):
    arguments = ("--set", "server.request_timeout_ms=700")

    def post(self, body=b'{"userid":61}', more=b"", path=PROFILES):
        return (b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s"
                % (path.encode(), more, len(body), body))

    def test_requests_sent_ahead_are_answered_in_their_order(self):
        many = 500
        said = self.raw(b"".join(self.post(b'{"userid":%d}' % (61 if i % 2 else 999999)) for i in range(many)) + self.post(more=b"connection: close\r\n"))
        bodies = [answer.split(b"\r\n\r\n")[1] for answer in said.split(b"HTTP/1.1 200 OK\r\n")[1:]]
        self.assertEqual(bodies, [b'{"isMentee":true}' if i % 2 else b"{}" for i in range(many)] + [b'{"isMentee":true}'])

    def test_the_questions_of_a_stream_that_was_sent_ahead_are_those_that_were_asked(self):
        path, names = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", [f"no.such.{i}" for i in range(30)]
        body = b"".join(frame(json.dumps({"fileContainingSymbol": name}).encode()) for name in names)
        ahead = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+json\r\ncontent-length: %d\r\n\r\n" % (path, len(body)) + body
        said = self.raw(self.post() + ahead + self.post() * 50 + self.post(more=b"connection: close\r\n"))
        self.assertEqual(re.findall(rb'"originalRequest":{"fileContainingSymbol":"([^"]*)"}', said), [name.encode() for name in names])
        self.assertEqual(said.count(b'{"isMentee":true}'), 52)

    def test_a_request_may_come_byte_by_byte_and_in_chunks(self):
        connection = self.connect()
        chunked = (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                   b"5;ext=1\r\n{\"use\r\n8\r\nrid\":61}\r\n0\r\ntrailer: x\r\n\r\n" % PROFILES.encode())
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in chunked:
            connection.send(bytes([byte]))
        self.assertTrue(connection.recv(4096).endswith(b'{"isMentee":true}'))

    def test_what_a_proxy_could_read_otherwise_is_refused(self):
        head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % ADD.encode()
        smuggled = self.post(b'{"content":"smuggled"}', path=ADD)
        for fields, status in ((b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"), (b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", b"400"),
                               (b"Content-Length : 2\r\n\r\n{}", b"400"), (b"X: y\r\n Content-Length: 2\r\n\r\n{}", b"400"),
                               (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n", b"400"), (b"Transfer-Encoding: chunked, identity\r\n\r\n", b"501"),
                               (b"X: y\nContent-Length: 2\r\n\r\n{}", b"400"), (b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n", b"400")):
            with self.subTest(fields=fields):
                said = self.raw(head + fields + smuggled)
                self.assertTrue(said.startswith(b"HTTP/1.1 " + status), said)
                self.assertEqual(said.count(b"content-type: "), 1, said)
        self.assertEqual(value("SELECT count(*) FROM websitefeedback WHERE message IN ('smuggled', '')", self.database), "0")
        self.assert_serves()

    def test_heads_have_a_greatest_length(self):
        self.assertTrue(self.raw(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n").startswith(b"HTTP/1.1 414"))
        self.assertTrue(self.raw(b"GET /" + b"x" * 100000).startswith(b"HTTP/1.1 414"))
        self.assertTrue(self.raw(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20000).startswith(b"HTTP/1.1 431"))
        self.assertTrue(self.raw(b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 70000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431"))

    def test_a_body_is_sent_when_it_is_asked_for(self):
        connection = self.connect()
        head, body = self.post(more=b"expect: 100-continue\r\n").split(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        self.assertEqual(connection.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(body)
        self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 OK"))
        said = self.raw(self.post(b"", b"expect: 100-continue\r\n", "/nowhere").replace(b"length: 0", b"length: 9"))
        self.assertTrue(said.startswith(b"HTTP/1.1 404") and b"connection: close" in said, said)

    def test_half_a_request_is_ended_in_its_time(self):
        self.assertTrue(self.raw(b"POST / HTTP/1.1\r\nhost:").startswith(b"HTTP/1.1 408"))
        said = self.raw(self.post()[:-1])
        self.assertTrue(said.startswith(b"HTTP/1.1 504") and b"deadline_exceeded" in said, said)

    def test_head_has_the_head_of_get_and_old_clients_are_served(self):
        said = self.raw(b"HEAD /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        self.assertTrue(said.startswith(b"HTTP/1.1 200") and said.endswith(b"\r\n\r\n") and b"content-length: " in said, said)
        said = self.raw(b"POST %s HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}" % PROFILES.encode())
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK") and said.endswith(b"\r\n\r\n{}"), said)

    def test_who_speaks_something_else_is_told_what_is_spoken(self):
        self.assertIn(b"HTTP/1.1", self.raw(b"SSH-2.0-OpenSSH_9.2\r\n"))
        self.assertIn(b"HTTP/1.1", self.raw(b"\x80\x80hello there, whoever you are"))
        self.assertEqual(self.raw(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\0" * 40)[:1], b"\x15")

    def locked_table(self):
        return Held("LOCK TABLE websitefeedback IN ACCESS EXCLUSIVE MODE", self.database)

    def wait_for_waiting(self, many):
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: value(waits, self.database) == str(many), f"not {many} calls wait")

    def test_a_client_that_leaves_while_its_call_waits_is_noticed_at_once(self):
        for more in (b"", b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", b"POST / HT"):
            with self.subTest(ahead=more), self.locked_table():
                connection = self.connect()
                connection.sendall(self.post(b'{"content":"leaves"}', path=ADD) + more)
                self.wait_for_waiting(1)
                connection.close()
                self.wait_for_waiting(0)

    def ended(self, text):
        """What comes back to who says that it sends nothing more."""
        connection = self.connect()
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    def test_a_client_that_sends_nothing_more_is_still_answered(self):
        said = self.ended(self.post())
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK") and said.endswith(b'{"isMentee":true}'), said)
        said = self.ended(self.post() * 300 + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertEqual((said.count(b"HTTP/1.1 200 OK"), said.count(b'{"isMentee":true}')), (301, 300))
        said = self.ended(b"POST %s HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}" % PROFILES.encode())
        self.assertTrue(said.endswith(b"\r\n\r\n{}"), said)
        self.assertEqual(self.ended(b"GET / HTTP/1.1\r\nho"), b"")

    def test_it_is_answered_when_its_call_has_waited_too(self):
        with self.locked_table():
            connection = self.connect()
            connection.sendall(self.post(b'{"content":"waits"}', path=ADD))
            connection.shutdown(socket.SHUT_WR)
            self.wait_for_waiting(1)
            connection.settimeout(PATIENCE_S)
            self.assertEqual(connection.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")  # is it still there?
        answer = read_all(connection)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK") and b"connection: close" in answer, answer)

    def test_answers_tell_the_date(self):
        for said in (self.raw(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), self.raw(b"BAD\r\n\r\n"),
                     self.raw(self.post(more=b"connection: close\r\n"))):
            date = email.utils.parsedate_to_datetime(re.search(rb"\r\ndate: ([^\r]*)\r\n", said)[1].decode())
            self.assertLess(abs(time.time() - date.timestamp()), PATIENCE_S)

    def test_a_stream_of_grpc_ends_with_its_status(self):
        head = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\ngrpc-timeout: 500m\r\nconnection: close\r\ncontent-length: 5\r\n\r\n"
        body, _, trailers = self.raw(head % WATCH.encode() + frame(b"")).partition(b"\r\n0\r\n")
        self.assertIn(frame(b"\x08\x01"), body)
        self.assertRegex(trailers, rb"^grpc-status: 4\r\n(?s:.*)\r\n\r\n$")

    def test_a_stream_is_heard_while_it_goes_on(self):
        connection = self.connect()
        connection.sendall(b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+json\r\ncontent-length: 7\r\n\r\n" % WATCH.encode() + frame(b"{}"))
        said = b""
        while b"SERVING" not in said:
            said += connection.recv(4096)
        self.assertIn(b"transfer-encoding: chunked\r\n", said)
        self.assertNotIn(b"\r\n0\r\n", said)


class Sockets(unittest.TestCase):
    def test_a_unix_socket_speaks_both_versions_of_http(self):
        with tempfile.TemporaryDirectory(prefix="svcd-e2e.") as folder:
            path = f"{folder}/svcd"
            daemon = Daemon(demo_database(), listen=f"unix:{path}")
            self.addCleanup(daemon.stop)
            daemon.wait_for_log("database available")
            for version in ("--http1.1", "--http2-prior-knowledge"):
                done = subprocess.run(["curl", "-sS", version, "--unix-socket", path, "-H", "content-type: application/json", "-d", '{"userid":61}',
                                       f"http://localhost{PROFILES}"], capture_output=True, check=True, timeout=PATIENCE_S)
                self.assertEqual(json.loads(done.stdout), {"isMentee": True})
            daemon.stop()

    def test_an_origin_that_no_browser_sends_is_refused_at_start(self):
        for wrong in ("https://a.example/", "a.example", "https://a.example:443", "https://a,,https://b"):
            done = run_svcd("--set", f"server.allowed_origins={wrong}")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("server.allowed_origins", done.stderr)
            self.assertIn("no slash at the end", done.stderr)
