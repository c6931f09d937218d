# SPDX-License-Identifier: MIT
"""Every RPC that writes, found by its descriptor, is called again with the idempotency-key of its first call: by both edges and every
protocol it is answered as it was the first time, and acts once. On every other RPC the key is ignored."""

import http.client
import itertools
import json
import struct

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from grpc import StatusCode
from harness import PATIENCE_S
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
        n = 0
        for path, method, Request, Reply in methods():
            if method.client_streaming or method.server_streaming or path.startswith("/grpc.reflection"):
                continue
            is_read = method.name.startswith(READS)
            n += not is_read
            with self.subTest(path=path):
                (self.read if is_read else self.write)(path, method.name, Request, Reply)
        self.assertGreater(n, 10)

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
