# SPDX-License-Identifier: MIT
"""Every RPC that writes, found by its descriptor, is called again with the idempotency-key of its first call: by both edges and every
protocol it is answered as it was the first time, and acts once. On every other RPC the key is ignored."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import struct

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from grpc import StatusCode
from harness import PATIENCE_S, Held, wait_until
from test_sweep import READS, SweepCase, methods

TOO_LONG = "k" * 129
SECRETS = ("password",)


def another(request):
    """The same but for one field."""
    changed = type(request)()
    changed.CopyFrom(request)
    field = next(f for f in request.DESCRIPTOR.fields if f.name not in SECRETS and f.label != Field.LABEL_REPEATED
                 and f.type not in (Field.TYPE_MESSAGE, Field.TYPE_ENUM))
    value = getattr(request, field.name)
    setattr(changed, field.name, value + "?" if field.type == Field.TYPE_STRING else value + 1)
    return changed


class Once(SweepCase):
    listen = "grpc://127.0.0.1:0,http://127.0.0.1:0"
    keys = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.web = cls.daemon.addresses()[1]
        cls.own = grpc.insecure_channel(cls.web)
        cls.addClassCleanup(cls.own.close)

    @staticmethod
    def unary_methods():
        return [(path, method.name, Request, Reply) for path, method, Request, Reply in methods()
                if not (method.client_streaming or method.server_streaming or path.startswith("/grpc.reflection"))]

    def writers(self):
        return [method for method in self.unary_methods() if not method[1].startswith(READS)]

    def by_grpc(self, channel, path, request, Reply, key):
        try:
            answer = channel.unary_unary(path)(request.SerializeToString(), timeout=PATIENCE_S, metadata=[("idempotency-key", key)])
            return StatusCode.OK, Reply.FromString(answer)
        except grpc.RpcError as error:
            return error.code(), error.details()

    def post(self, path, content_type, body, key):
        connection = http.client.HTTPConnection(self.web, timeout=PATIENCE_S)
        connection.request("POST", path, body, {"content-type": content_type, "Idempotency-Key": key})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def by_every_way(self, path, request, Reply, key):
        """What each says."""
        yield "grpc", self.by_grpc(self.client.channel, path, request, Reply, key)
        yield "grpc by http", self.by_grpc(self.own, path, request, Reply, key)
        for defaults in (False, True):  # what is at its default said, or not
            said = json_format.MessageToJson(request, including_default_value_fields=defaults)
            answer = json.loads(self.post(path, "application/json", said.encode(), key))
            if "code" in answer:
                yield "json", (StatusCode[answer["code"].upper()], answer["message"])
            else:
                yield "json", (StatusCode.OK, json_format.ParseDict(answer, Reply()))
        framed = struct.pack(">BI", 0, request.ByteSize()) + request.SerializeToString()
        answer = self.post(path, "application/grpc-web+proto", framed, key)
        if answer[:1] == b"\0":
            yield "grpc-web", (StatusCode.OK, Reply.FromString(answer[5:5 + struct.unpack(">I", answer[1:5])[0]]))
        else:
            yield "grpc-web", (StatusCode.INVALID_ARGUMENT if b"grpc-status:3" in answer.replace(b" ", b"") else None, answer)

    def write(self, path, name, Request, Reply):
        key, request, before = f"key {next(self.keys)}", self.right_request(name, Request), self.rows()
        first = self.by_grpc(self.client.channel, path, request, Reply, key)
        self.assertEqual(first[0], StatusCode.OK, first)
        after = self.rows()
        self.assertNotEqual(after, before, "the right request does not write: see RIGHT and READS")
        for way, answer in self.by_every_way(path, request, Reply, key):
            self.assertEqual(answer, first, way)
        for way, (code, says) in self.by_every_way(path, another(request), Reply, key):
            self.assertEqual(code, StatusCode.INVALID_ARGUMENT, (way, says))
            self.assertIn("idempotency-key", str(says), way)
        for way, (code, says) in self.by_every_way(path, request, Reply, TOO_LONG):
            self.assertEqual(code, StatusCode.INVALID_ARGUMENT, (way, says))
        self.assertEqual(self.rows(), after, "a call that came again wrote")

    def read(self, path, name, Request, Reply):
        request = self.right_request(name, Request)
        for way, (code, says) in self.by_every_way(path, request, Reply, TOO_LONG):
            self.assertEqual(code, StatusCode.OK, (way, says))

    def test_whichever_RPC_writes_acts_once_by_whichever_protocol_it_comes_again(self):
        for path, name, Request, Reply in self.unary_methods():
            with self.subTest(path=path):
                (self.read if name.startswith(READS) else self.write)(path, name, Request, Reply)
        self.assertGreater(len(self.writers()), 10)

    def test_of_calls_that_come_at_once_by_every_protocol_one_acts(self):
        for path, name, Request, Reply in self.writers():
            with self.subTest(path=path), concurrent.futures.ThreadPoolExecutor(16) as pool:
                key, request, before = f"at once {name}", self.right_request(name, Request), self.rows()
                answers = [answer for answers in pool.map(lambda _: [*self.by_every_way(path, request, Reply, key)], range(16)) for _, answer in answers]
                self.assertEqual(answers[0][0], StatusCode.OK)
                self.assertEqual([answer for answer in answers if answer != answers[0]], [])
                after = self.rows()
                self.assertNotEqual(after, before)
                self.assertEqual(self.by_grpc(self.own, path, request, Reply, key), answers[0])
                self.assertEqual(self.rows(), after)

    def test_a_call_that_was_given_up_midway_is_acted_on_once(self):
        """It waited for a lock when its client went away or its deadline passed; who comes again finds it done, or does it."""
        for path, name, Request, Reply in self.writers():
            for seconds, table in ((0.3, "svcd.kept_answer"), (None, "account")):
                with self.subTest(path=path, seconds=seconds, table=table):
                    key, request = f"midway {next(self.keys)}", self.right_request(name, Request)
                    with Held(f"LOCK TABLE {table} IN EXCLUSIVE MODE", self.database):
                        call = self.client.channel.unary_unary(path).future(request.SerializeToString(), timeout=seconds, metadata=[("idempotency-key", key)])
                        if not seconds:
                            wait_until(lambda: call.done() or self.sql("SELECT 1 FROM pg_locks WHERE NOT granted"), "it does not wait")
                            call.cancel()
                        with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
                            call.result()
                    first = self.by_grpc(self.own, path, request, Reply, key)
                    self.assertEqual(first[0], StatusCode.OK)
                    after = self.rows()
                    for way, answer in self.by_every_way(path, request, Reply, key):
                        self.assertEqual(answer, first, way)
                    self.assertEqual(self.rows(), after)

    def test_what_is_kept_counts_for_another_daemon_too(self):
        name, path = "AddDevFeedback", "/feedback_package.FeedbackService/AddDevFeedback"
        Request, Reply = next((q, p) for at, _, q, p in methods() if at == path)
        request = self.right_request(name, Request)
        self.by_grpc(self.client.channel, path, request, Reply, "two daemons")
        other = type(self.daemon)(self.database, listen="http://127.0.0.1:0")
        self.addCleanup(other.stop)
        other.wait_for_log("database available")
        before = self.rows()
        channel = grpc.insecure_channel(other.address)
        self.addCleanup(channel.close)
        self.assertEqual(self.by_grpc(channel, path, request, Reply, "two daemons")[0], StatusCode.OK)
        self.assertEqual(self.rows(), before)
