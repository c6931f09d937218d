# SPDX-License-Identifier: MIT
"""Who may call: tokens and certificates of callers, by every protocol, over both edges."""

import contextlib
import hashlib
import http.client
import json
import secrets
import ssl
import unittest

import grpc
import health_pb2 as health
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import PATIENCE_S, Daemon, demo_database, temporary_folder, wait_until
from wire import make_certificate

SKILLS = "/account_package.AccountService/ListSkills"
MATCH = "/matching_package.MatchingService/TryMatch"
JSON = {"content-type": "application/json"}


def make_token():
    """A secret and its hash, as svcd token makes them."""
    secret = secrets.token_urlsafe(32)
    return secret, hashlib.sha256(secret.encode()).hexdigest()


class Access(unittest.TestCase):
    listen = "grpc://127.0.0.1:0,http://127.0.0.1:0"
    arguments = ()
    callers = "web {web} account_package.AccountService,meeting_package.MeetingService\nall {all} *\n"

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        cls.tokens = {}
        cls.write(cls.callers)
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, "--set", "access.callers=token", "--set", f"access.tokens={cls.folder}/tokens",
                            *cls.arguments, listen=cls.listen)
        cls.addClassCleanup(cls.daemon.stop)
        wait_until(lambda: len(cls.daemon.addresses()) == cls.listen.count(",") + 1, "not listening")
        cls.daemon.wait_for_log("database available")
        cls.addresses = cls.daemon.addresses()
        cls.clients = [svcd_client.Client(address) for address in cls.addresses]
        for client in cls.clients:
            cls.addClassCleanup(client.channel.close)

    addCleanup = classmethod(lambda cls, *arguments: cls.addClassCleanup(*arguments))

    @classmethod
    def write(cls, callers):
        """Each name in braces is the hash of a token, made when it is first spoken of."""
        hashes = {}
        for name in [part.split("}")[0] for part in callers.split("{")[1:]]:
            if name not in cls.tokens:
                cls.tokens[name] = make_token()
            hashes[name] = cls.tokens[name][1]
        (cls.folder / "tokens").write_text("# callers\n" + callers.format(**hashes))

    @classmethod
    def bearer(cls, name):
        return (("authorization", f"Bearer {cls.tokens[name][0]}"),)

    def each(self):
        for client in self.clients:
            with self.subTest(edge="grpc" if client is self.clients[0] else "http"):
                yield client

    def fails(self, rpc, metadata=(), request=Empty()):
        with self.assertRaises(grpc.RpcError) as caught:
            rpc(request, timeout=PATIENCE_S, metadata=metadata)
        return caught.exception

    def assert_fails(self, code, says, rpc, metadata=(), request=Empty()):
        error = self.fails(rpc, metadata, request)
        self.assertEqual((error.code(), says in error.details()), (code, True), error.details())
        return error

    def post(self, path, headers, body=b"{}", verb="POST", address=None):
        host, port = (address or self.addresses[-1]).split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(verb, path, body, headers=headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()


class Tokens(Access):
    arguments = ("--set", "log.calls=all", "--set", "server.allowed_origins=https://app.example.org")

    def test_a_call_with_its_token_is_served(self):
        for client in self.each():
            for name in ("web", "all"):
                self.assertTrue(client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer(name)).skills)

    def test_a_call_without_a_token_or_with_none_that_is_known_is_unauthenticated(self):
        for client in self.each():
            self.assert_fails(StatusCode.UNAUTHENTICATED, "authorization: Bearer TOKEN", client.account.ListSkills)
            wrong = secrets.token_urlsafe(32)
            for sent, says in ((f"Bearer {wrong}", "not, or no longer"), (f"Basic {wrong}", "another form"), ("Bearer ", "not, or"),
                               (f"Bearer {self.tokens['web'][1]}", "not, or"), ("", "another form"),
                               (f"Bearer {self.tokens['web'][0]}x", "not, or")):
                error = self.assert_fails(StatusCode.UNAUTHENTICATED, says, client.account.ListSkills,
                                          (("authorization", sent),))
                self.assertNotIn(wrong, error.details())

    def test_a_call_that_is_refused_has_its_own_names_and_not_those_of_the_one_before(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        for client in self.clients:
            name = client.channel.unary_unary(SKILLS)
            for i in range(200):  # so that each place for a call has been used
                name(b"", timeout=PATIENCE_S, metadata=self.bearer("web") + (
                    ("x-request-id", f"first-{i}"), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")))
            for path, compression in ((SKILLS, grpc.Compression.Gzip), (SKILLS.replace("List", "Lose"), None)):
                id_ = f"second-{secrets.token_hex(4)}"
                if client is self.clients[1] and compression:
                    continue  # which takes it
                error = self.fails(lambda *_, path=path, compression=compression, id_=id_, **__: client.channel.unary_unary(path)(
                    b"\x12\x64" + b"a" * 100, timeout=PATIENCE_S, metadata=self.bearer("web") + (("x-request-id", id_),), compression=compression))
                answered = dict(error.initial_metadata() or ())
                self.assertEqual((error.code(), answered["x-request-id"]), (StatusCode.UNIMPLEMENTED, id_))
                self.daemon.wait_for_log(f"msg=call .*code=UNIMPLEMENTED .*request_id={id_}")
                self.assertNotIn("trace_id", next(line for line in self.daemon.log if f"request_id={id_}" in line))

    def test_two_tokens_are_none(self):
        for client in self.each():
            self.assert_fails(StatusCode.UNAUTHENTICATED, "not, or", client.account.ListSkills,
                              self.bearer("web") + self.bearer("all"))

    def test_a_service_that_the_caller_may_not_call_is_denied(self):
        for client in self.each():
            self.assert_fails(StatusCode.PERMISSION_DENIED, "this service", client.matching.TryMatch, self.bearer("web"),
                              svcd_client.matching_pb2_grpc.matching__pb2.MenteeToMentorMatchingRequest(menteeUserId=1))

    def test_open_services_need_none(self):
        for client in self.each():
            client.health.Check(health.HealthCheckRequest(), timeout=PATIENCE_S)
            reflect = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
            self.assertTrue(next(reflect(iter([b"\x3a\x00"]), timeout=PATIENCE_S)))

    def test_who_may_not_call_does_not_learn_what_there_is(self):
        for client in self.each():
            def call(path, metadata=(), body=b""):
                rpc = client.channel.unary_unary(path)
                error = self.fails(rpc, metadata, body)
                return error.code(), error.details(), sorted(key for key, _ in error.initial_metadata() or ())
            known = call(SKILLS)
            for path in ("/account_package.AccountService/Nothing", "/nobody.Nothing/At/All", "/x"):
                self.assertEqual(call(path), known)
            denied = call(MATCH, self.bearer("web"))
            self.assertEqual(denied[0], StatusCode.PERMISSION_DENIED)
            self.assertEqual(call("/nobody.Nothing/AtAll", self.bearer("web")), denied)
            for path in ("/account_package.AccountService/Nothing", "/nobody.Nothing/AtAll"):
                self.assertEqual(call(path, self.bearer("all"))[0], StatusCode.UNIMPLEMENTED)
        for verb, headers in (("GET", {}), ("POST", {}), ("POST", {"content-type": "application/connect+json"})):
            answers = [self.post(path, headers, verb=verb) for path in (SKILLS, "/account_package.AccountService/Nothing")]
            self.assertEqual(answers[0][0], answers[1][0])
            self.assertEqual(answers[0][2], answers[1][2])

    def test_what_is_wrong_with_a_request_is_not_told_to_who_may_not_call(self):
        status, headers, body = self.post(SKILLS, JSON, b"{no json")
        self.assertEqual((status, headers["www-authenticate"], json.loads(body)["code"]), (401, "Bearer", "unauthenticated"))
        status, _, body = self.post(SKILLS, JSON | dict(self.bearer("web")), b"{no json")
        self.assertEqual((status, json.loads(body)["code"]), (400, "invalid_argument"))
        compressed = self.clients[0].channel.unary_unary(SKILLS)
        with self.assertRaises(grpc.RpcError) as caught:
            compressed(b"", timeout=PATIENCE_S, compression=grpc.Compression.Gzip)
        self.assertEqual(caught.exception.code(), StatusCode.UNAUTHENTICATED)

    def test_a_call_in_json_is_served_or_refused_by_the_protocol_s_status(self):
        self.assertEqual(self.post(SKILLS, JSON | dict(self.bearer("web")))[0], 200)
        self.assertEqual(self.post(MATCH, JSON | dict(self.bearer("web")))[0], 403)
        self.assertEqual(self.post(SKILLS, JSON)[0], 401)
        for path in ("/", "/openapi.json"):
            self.assertEqual(self.post(path, {}, verb="GET")[0], 200)

    def test_a_page_of_an_allowed_origin_may_send_a_token_and_read_that_it_was_wrong(self):
        origin = {"origin": "https://app.example.org"}
        status, headers, _ = self.post(SKILLS, origin | {"access-control-request-method": "POST",
                                                         "access-control-request-headers": "authorization,content-type"},
                                       verb="OPTIONS")
        self.assertEqual(status, 204)
        self.assertIn("authorization", headers["access-control-allow-headers"])
        status, headers, _ = self.post(SKILLS, origin | JSON | {"authorization": "Bearer x"})
        self.assertEqual((status, headers["access-control-allow-origin"]), (401, "https://app.example.org"))

    def test_the_log_tells_who_calls_and_of_wrong_tokens_the_client_but_no_token(self):
        wrong = secrets.token_urlsafe(32)
        for client in self.each():
            client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("web") + (("x-request-id", "whose"),))
            self.fails(client.account.ListSkills, (("authorization", f"Bearer {wrong}"),))
        self.daemon.wait_for_log(r"msg=call method=/account_package.AccountService/ListSkills code=OK .* caller=web request_id=whose", 2)
        self.daemon.wait_for_log(r'msg="token refused" client=127.0.0.1 reason=wrong_token', 2)
        for line in list(self.daemon.log):
            for secret in [wrong] + [secret for secret, _ in self.tokens.values()]:
                self.assertNotIn(secret, line)


class Limits(Access):
    callers = "slow {slow} * rate=2\nfew {few} * concurrent=2\nfree {free} *\nnever {never} *\n"
    arguments = ("--set", "access.open=", "--set", "admin.listen=127.0.0.1:0")

    def test_metrics_tell_of_each_caller_and_of_refusals(self):
        with self.assertRaises(grpc.RpcError):
            self.clients[0].account.ListSkills(Empty(), timeout=PATIENCE_S)
        self.clients[0].account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("free"))
        self.daemon.wait_for_log("status page")
        admin = next(line.split("address=")[1].split()[0] for line in self.daemon.log if "status page" in line)
        metrics = self.post("/metrics", {}, verb="GET", address=admin)[2].decode()
        self.assertRegex(metrics, r'(?m)^svcd_caller_calls_total\{caller="free",code="OK"\} [1-9]')
        self.assertRegex(metrics, r'(?m)^svcd_caller_calls_total\{caller="never",code="OK"\} 0$')
        self.assertRegex(metrics, r'(?m)^svcd_caller_calls_running\{caller="free"\} \d')
        self.assertRegex(metrics, r'(?m)^svcd_caller_refused_total\{reason="no_token"\} [1-9]')

    def status(self):
        self.daemon.wait_for_log("status page")
        admin = next(line.split("address=")[1].split()[0] for line in self.daemon.log if "status page" in line)
        return json.loads(self.post("/status", {}, verb="GET", address=admin)[2])

    def test_the_status_tells_of_each_caller_what_it_calls_and_of_refusals_why(self):
        def caller(name):
            return next(caller for caller in self.status()["callers"] if caller["name"] == name)
        self.assertTrue(self.status()["asks_for_token"])
        self.assertEqual(sorted(caller["name"] for caller in self.status()["callers"]), ["few", "free", "never", "slow"])
        self.assertEqual(caller("never"), {"name": "never", "certificate": False, "rate": 0, "concurrent": 0, "running": 0, "limited": 0,
                                           "handled": {}})
        self.assertEqual((caller("slow")["rate"], caller("few")["concurrent"]), (2, 2))
        before, refused = caller("free"), self.status()["callers_refused"]
        for client in self.clients:
            client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("free"))
            self.assert_fails(StatusCode.INTERNAL, "decoded", client.channel.unary_unary(SKILLS.replace("ListSkills", "AccountProfiles")),
                              self.bearer("free"), b"\x0a")
            self.fails(client.account.ListSkills)
            self.fails(client.account.ListSkills, (("authorization", "Bearer nobody's"),))
        for code in ("OK", "INTERNAL"):
            self.assertEqual(caller("free")["handled"][code], before["handled"].get(code, 0) + 2)
        now = self.status()["callers_refused"]
        self.assertEqual([now[why] - refused[why] for why in ("no_token", "wrong_token", "service")], [2, 2, 0])
        watch = self.clients[1].health.Watch(health.HealthCheckRequest(), metadata=self.bearer("free"))
        next(watch)
        self.assertEqual(caller("free")["running"], 1)
        watch.cancel()
        wait_until(lambda: caller("free")["running"] == 0, "a stream that was left runs on")

    def test_calls_of_unknown_methods_and_of_what_no_edge_takes_are_counted_with_their_caller_too(self):
        def handled(code):
            return next(caller for caller in self.status()["callers"] if caller["name"] == "free")["handled"].get(code, 0)
        before = handled("UNIMPLEMENTED")
        for client in self.clients:
            for path in ("/account_package.AccountService/Nothing", "/nobody.Nothing/AtAll"):
                self.assert_fails(StatusCode.UNIMPLEMENTED, "no such method", client.channel.unary_unary(path), self.bearer("free"), b"")
        self.assertEqual(handled("UNIMPLEMENTED"), before + 4)
        self.assertEqual(self.post("/nobody.Nothing/AtAll", JSON | dict(self.bearer("free")))[0], 404)
        wrong = handled("INVALID_ARGUMENT")
        self.assertEqual(self.post(SKILLS, JSON | dict(self.bearer("free")), b"{no json")[0], 400)
        self.assertEqual((handled("UNIMPLEMENTED"), handled("INVALID_ARGUMENT")), (before + 5, wrong + 1))
        self.daemon.wait_for_log("msg=call method=unknown code=UNIMPLEMENTED .*caller=free", 5)

    def test_who_calls_more_often_than_a_rate_allows_is_told_when_to_come_back(self):
        for client in self.each():
            def exhaust():
                for _ in range(1000):
                    client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("slow"))
            with self.assertRaises(grpc.RpcError) as caught:
                exhaust()
            self.assertEqual(caught.exception.code(), StatusCode.RESOURCE_EXHAUSTED)
            self.assertIn("a second", caught.exception.details())
            pushback = int(dict(caught.exception.trailing_metadata())["grpc-retry-pushback-ms"])
            self.assertTrue(0 < pushback <= 500, pushback)
        for _ in range(1000):
            status, headers, _ = self.post(SKILLS, JSON | dict(self.bearer("slow")))
            if status != 200:
                break
        self.assertEqual((status, headers["retry-after"]), (429, "1"))

    def test_one_caller_s_limit_is_no_other_s(self):
        client = self.clients[1]
        with self.assertRaises(grpc.RpcError):
            for _ in range(1000):
                client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("slow"))
        for _ in range(20):
            client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("free"))

    def test_who_has_as_many_calls_at_once_as_it_may_gets_no_more_until_one_is_over(self):
        for client in self.each():
            watches = []

            def has_another():  # those of the edge before may not be over yet
                watch = client.health.Watch(health.HealthCheckRequest(), metadata=self.bearer("few"))
                with contextlib.suppress(grpc.RpcError):
                    next(watch)
                    watches.append(watch)
                return len(watches) == 2
            wait_until(has_another, "no two streams at once")
            self.assert_fails(StatusCode.RESOURCE_EXHAUSTED, "at once", client.account.ListSkills, self.bearer("few"))
            watches[0].cancel()

            def is_served():
                with contextlib.suppress(grpc.RpcError):
                    return client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer("few"))
            wait_until(is_served, "the place of the stream that was left is not given back")
            watches[1].cancel()

    def test_nothing_is_open_if_so_configured(self):
        for client in self.each():
            self.assert_fails(StatusCode.UNAUTHENTICATED, "", client.health.Check, (), health.HealthCheckRequest())
            reflect = client.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
            with self.assertRaises(grpc.RpcError) as caught:
                next(reflect(iter([b"\x3a\x00"]), timeout=PATIENCE_S))
            self.assertEqual(caught.exception.code(), StatusCode.UNAUTHENTICATED)
            watch = client.health.Watch(health.HealthCheckRequest(), timeout=PATIENCE_S)
            with self.assertRaises(grpc.RpcError) as caught:
                next(watch)
            self.assertEqual(caught.exception.code(), StatusCode.UNAUTHENTICATED)


class Certificates(Access):
    listen = "https://127.0.0.1:0"
    callers = "friend cert account_package.AccountService\nweb {web} *\n"

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        for name in ("localhost", "friend", "stranger"):
            make_certificate(cls.folder, name)
        (cls.folder / "ca.pem").write_text((cls.folder / "friend.pem").read_text() + (cls.folder / "stranger.pem").read_text())
        cls.arguments = ("--set", f"tls.certificate={cls.folder}/localhost.pem", "--set",
                         f"tls.private_key={cls.folder}/localhost.key", "--set", "tls.client_auth=optional", "--set",
                         f"tls.client_ca={cls.folder}/ca.pem", "--set", "log.calls=all")
        cls.tokens = {}
        cls.write(cls.callers)
        cls.daemon = Daemon(demo_database(), "--set", "access.callers=token", "--set", f"access.tokens={cls.folder}/tokens",
                            *cls.arguments, listen=cls.listen)
        cls.addClassCleanup(cls.daemon.stop)
        cls.daemon.wait_for_log("database available")

    def post_as(self, name, path, headers=None):
        context = ssl.create_default_context(cafile=self.folder / "localhost.pem")
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        port = self.daemon.address.rsplit(":", 1)[1]
        connection = http.client.HTTPSConnection("localhost", int(port), timeout=PATIENCE_S, context=context)
        with contextlib.closing(connection):
            connection.request("POST", path, b"{}", headers=JSON | (headers or {}))
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def test_a_certificate_whose_name_is_a_caller_s_serves_as_a_token(self):
        self.assertEqual(self.post_as("friend", SKILLS)[0], 200)
        self.daemon.wait_for_log("msg=call .*caller=friend")
        self.assertEqual(self.post_as("friend", MATCH)[0], 403)

    def test_one_of_another_name_and_none_at_all_do_not(self):
        status, told = self.post_as("stranger", SKILLS)
        self.assertEqual((status, told["message"]), (401, "the client's certificate has no name that is known here"))
        self.assertEqual(self.post_as(None, SKILLS)[0], 401)

    def test_a_token_goes_before_a_certificate(self):
        self.assertEqual(self.post_as("stranger", MATCH, dict(self.bearer("web")))[0], 400)
        self.assertEqual(self.post_as("friend", MATCH, dict(self.bearer("web")))[0], 400)
