# SPDX-License-Identifier: MIT
"""Every RPC of every proto is sent every wrong request that wrong_requests makes from its descriptor, and JSON that is wrong likewise, over
real connections of both edges: each is answered with the status that the contract has for it, and no table changes."""

import collections
import concurrent.futures
import http.client
import json
import time

import grpc
import wrong_requests
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import MessageFactory
from grpc import StatusCode
from harness import PATIENCE_S, ROOT, TestCase
from wrong_json import wrong_json
from wrong_requests import BROKEN, MALFORMED, TOO_LARGE

DESCRIPTORS = ROOT / "build/descriptors.pb"
IN_FLIGHT = 32
CANNOT_DECODE = "the request cannot be decoded"
REFUSALS = {StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND, StatusCode.FAILED_PRECONDITION}
# Those that change nothing whatever they are asked; any other is judged as one that writes.
READS = ("List", "Get", "AccountProfiles", "TryLogin", "Check", "Watch", "ServerReflectionInfo")

# The requests' right values, by the names of their fields; those of one RPC go before those of all. A pair is of a mentor and a mentee who
# have not rated each other.
PAIR = """SELECT m.accountid, e.accountid FROM assignment a JOIN mentor m USING (mentorid) JOIN mentee e USING (menteeid)
    WHERE NOT EXISTS (SELECT FROM mentorfeedback f WHERE f.assignmentid = a.assignmentid)
    AND NOT EXISTS (SELECT FROM menteefeedback f WHERE f.assignmentid = a.assignmentid) ORDER BY a.assignmentid DESC LIMIT 1"""
MENTEE, UNMATCHED, NEW = 61, 290, 300  # demo accounts
RIGHT = {"userid": MENTEE, "username": "demo-mentor@example.com", "password": "sweeping", "businessAreaId": 2, "skill": "Writing",
         "desiredSkills": ["Writing", "Leadership"], "skills": [1, 2], "duration": 60, "planid": 1, "rating": 4.0}
RIGHT_IN = {"RegisterMentee": {"userid": NEW}, "RegisterMentor": {"userid": NEW}, "TryMatch": {"menteeUserId": UNMATCHED},
            "UpdateProfileDetails": {"newBSId": 3}, "Check": {"service": ""}, "Watch": {"service": ""}}

HTTP_CODES = {"invalid_argument": StatusCode.INVALID_ARGUMENT, "not_found": StatusCode.NOT_FOUND,
              "failed_precondition": StatusCode.FAILED_PRECONDITION, "resource_exhausted": StatusCode.RESOURCE_EXHAUSTED}

Answer = collections.namedtuple("Answer", "code says reply")


def methods():
    """(path, method's descriptor, request class, reply class) of every RPC."""
    files = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = MessageFactory(pool)
    for file in files.file:
        for service in pool.FindFileByName(file.name).services_by_name.values():
            for method in service.methods:
                yield (f"/{service.full_name}/{method.name}", method, factory.GetPrototype(method.input_type),
                       factory.GetPrototype(method.output_type))


def is_refusal(reply):
    """Its first field is how an RPC says no."""
    first = reply.DESCRIPTOR.fields[0] if reply.DESCRIPTOR.fields else None
    return first is not None and first.type == Field.TYPE_BOOL and not getattr(reply, first.name)


class SweepCase(TestCase):
    """By gRPC, until a subclass says else."""

    listen = "grpc://127.0.0.1:0"
    settings = ("--set", "password.failure_floor_ms=0", "--set", "password.queue_limit=1000", "--set", "throttle.email_per_minute=0",
                 "--set", "throttle.address_per_minute=0", "--set", "jobs.update_models_enabled=no", "--set", "jobs.suggest_workshops_enabled=no",
                 "--set", "jobs.forget_answers_enabled=no")

    @classmethod
    def setUpClass(cls):
        cls.arguments = (*cls.settings, "--set", f"server.listen={cls.listen}")
        super().setUpClass()
        tables = [row[0] for row in cls.sql(cls, """SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n
            ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'""")]
        cls.all_rows = " UNION ALL ".join(f"SELECT '{table}', md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {table} t"
                                          for table in tables)

    def rows(self):
        return dict(self.sql(self.all_rows))

    def right_request(self, name, Request):
        mentor, mentee = self.sql(PAIR)[0]
        values = {**RIGHT, "mentorUserId": int(mentor), "menteeUserId": int(mentee), "email": f"{time.time_ns()}@example.com",
                  "newEmail": f"new-{time.time_ns()}@example.com", **RIGHT_IN.get(name, {})}
        request = Request()
        for field in Request.DESCRIPTOR.fields:
            value = values.get(field.name)
            if field.label == Field.LABEL_REPEATED:
                getattr(request, field.name).extend(value or [])
            elif field.type == Field.TYPE_MESSAGE:
                if field.message_type.full_name == "google.protobuf.Timestamp":
                    getattr(request, field.name).seconds = 643_000_000 if "Birth" in field.name else 4_000_000_000
            elif field.type == Field.TYPE_STRING:
                setattr(request, field.name, "some text" if value is None else value)
            elif field.type != Field.TYPE_ENUM:
                setattr(request, field.name, 1 if value is None else value)
        return request

    def carries(self, method):
        return True

    def wrongs(self, right):
        return wrong_requests.wrong_requests(right)

    def right_bytes(self, right):
        return wrong_requests.with_unknown_fields(right)

    def sender(self, path, method, Reply):
        """A function that sends bytes and waits for the Answer."""
        kind = {(False, False): self.client.channel.unary_unary, (False, True): self.client.channel.unary_stream,
                (True, True): self.client.channel.stream_stream}[self.streams(method)]
        rpc = kind(path)

        def send(sent):
            try:
                if self.streams(method) == (False, False):
                    return Answer(StatusCode.OK, "", Reply.FromString(rpc(sent, timeout=PATIENCE_S)))
                call = rpc(iter([sent]) if method.client_streaming else sent, timeout=PATIENCE_S)
                reply = Reply.FromString(next(call))
                call.cancel()
                return Answer(StatusCode.OK, "", reply)
            except grpc.RpcError as error:
                return Answer(error.code(), error.details(), None)
        return send

    @staticmethod
    def streams(method):
        return method.client_streaming, method.server_streaming

    def verdict_holds(self, verdict, answer, is_read):
        if verdict == MALFORMED:
            return answer.code == StatusCode.INVALID_ARGUMENT
        if verdict == TOO_LARGE:
            return answer.code == StatusCode.RESOURCE_EXHAUSTED
        if verdict == BROKEN and answer.code == StatusCode.INTERNAL:
            return answer.says.startswith(CANNOT_DECODE)
        if answer.code == StatusCode.OK:
            return is_read or is_refusal(answer.reply)
        return answer.code in REFUSALS

    def sweep_method(self, threads, path, method, Request, Reply):
        is_read = method.name.startswith(READS)
        right, send, before = self.right_request(method.name, Request), self.sender(path, method, Reply), self.rows()
        wrongs = list(self.wrongs(right))
        for wrong, answer in zip(wrongs, threads.map(send, (wrong.bytes for wrong in wrongs))):
            if not self.verdict_holds(wrong.verdict, answer, is_read):
                with self.subTest(path=path, what=wrong.what):
                    self.fail(f"{wrong.verdict}, and answered {answer}: {wrong.bytes[:200]}")
        with self.subTest(path=path):
            after = self.rows()
            self.assertEqual({table for table in after if after[table] != before[table]}, set(), "tables were changed")
            answer = send(self.right_bytes(right))
            self.assertEqual(answer.code, StatusCode.OK, answer)
            self.assertEqual(self.rows() == before, is_read, "the right request writes, or does not: see RIGHT and READS")
        return len(wrongs)

    def sweep(self):
        n_sent = 0
        with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as threads:
            for path, method, Request, Reply in methods():
                if self.carries(method):
                    n_sent += self.sweep_method(threads, path, method, Request, Reply)
        self.assertGreater(n_sent, 1000)
        print(f"       {n_sent} wrong requests")


class Sweep(SweepCase):
    def test_no_RPC_takes_a_wrong_request_for_a_right_one(self):
        self.sweep()


class SweepOfOwnEdge(SweepCase):
    listen = "http://127.0.0.1:0"

    def test_no_RPC_takes_a_wrong_request_for_a_right_one_over_HTTP(self):
        self.sweep()


class SweepOfJson(SweepCase):
    """By Connect with JSON, which has each unary RPC."""

    listen = "http://127.0.0.1:0"

    def carries(self, method):
        return self.streams(method) == (False, False)

    def wrongs(self, right):
        return wrong_json(right)

    def right_bytes(self, right):
        return json_format.MessageToJson(right).encode()

    def sender(self, path, method, Reply):
        def send(sent):
            connection = http.client.HTTPConnection(self.daemon.address, timeout=PATIENCE_S)
            connection.request("POST", path, sent, {"content-type": "application/json"})
            response = connection.getresponse()
            body = json.loads(response.read())
            connection.close()
            if response.status == 200:
                return Answer(StatusCode.OK, "", json_format.ParseDict(body, Reply()))
            return Answer(HTTP_CODES.get(body["code"], body["code"]), body.get("message"), None)
        return send

    def test_no_RPC_takes_wrong_JSON_for_a_right_request(self):
        self.sweep()
