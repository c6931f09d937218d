# SPDX-License-Identifier: MIT
"""Streams: Health.Watch and server reflection, by grpcio."""

import queue
import re
import signal
import threading
import time
from pathlib import Path

import grpc
import health_pb2 as health
from google.protobuf import descriptor_pb2
from grpc import StatusCode
from harness import PATIENCE_S, Daemon, TestCase, cluster, demo_database, wait_until

SERVING, NOT_SERVING, SERVICE_UNKNOWN = (health.HealthCheckResponse.ServingStatus.Value(name)
                                         for name in ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"))
WATCHERS_MAX = 1000
REFLECTION = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"


class Watch:
    """One stream of Health.Watch; what comes is queued: statuses, then the RpcError that ended it."""

    def __init__(self, channel, service=""):
        rpc = channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=health.HealthCheckRequest.SerializeToString,
                                   response_deserializer=health.HealthCheckResponse.FromString)
        self.call, self.came = rpc(health.HealthCheckRequest(service=service)), queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for reply in self.call:
                self.came.put(reply.status)
        except grpc.RpcError as error:
            self.came.put(error.code())

    def next(self):
        return self.came.get(timeout=PATIENCE_S)

    def is_quiet(self):
        time.sleep(0.1)
        return self.came.empty()


def channels_to(address, n):
    """Each a connection of its own."""
    return [grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(n)]


class Watching(TestCase):
    def test_the_first_message_comes_at_once_and_then_none_without_a_change(self):
        for service, status in (("", SERVING), ("meeting_package.MeetingService", SERVING), ("svcd.live", SERVING),
                                ("nobody", SERVICE_UNKNOWN)):
            with self.subTest(service=service):
                watch = Watch(self.client.channel, service)
                self.assertEqual(watch.next(), status)
                self.assertTrue(watch.is_quiet() and not watch.call.done())
                watch.call.cancel()

    def test_more_than_a_thousand_are_refused_and_those_that_leave_make_room(self):
        channels = channels_to(self.daemon.address, 12)
        try:
            watches = [Watch(channels[i % 12]) for i in range(WATCHERS_MAX + 5)]
            came = [watch.next() for watch in watches]
            self.assertEqual((came.count(SERVING), came.count(StatusCode.RESOURCE_EXHAUSTED)), (WATCHERS_MAX, 5))
            for watch in watches:
                watch.call.cancel()
            wait_until(lambda: Watch(channels[0]).next() == SERVING, "there is no room for a new one")
        finally:
            for channel in channels:
                channel.close()


class Changing(TestCase):
    def test_a_database_that_goes_and_comes_back_is_told(self):
        watch, live = Watch(self.client.channel), Watch(self.client.channel, "svcd.live")
        self.assertEqual((watch.next(), live.next()), (SERVING, SERVING))
        cluster("stop")
        try:
            self.assertEqual(watch.next(), NOT_SERVING)
        finally:
            cluster("start")
        self.assertEqual(watch.next(), SERVING)
        self.assertTrue(live.is_quiet())

    def test_a_drain_is_told_at_its_start_and_ends_every_stream_unavailable(self):
        daemon = Daemon(demo_database(), "--set", "drain.lame_ms=300")
        channel, = channels_to(daemon.address, 1)
        watches = [Watch(channel, service) for service in ("", "nobody", "svcd.live")]
        self.assertEqual([watch.next() for watch in watches[1:]], [SERVICE_UNKNOWN, SERVING])
        wait_until(lambda: watches[0].next() == SERVING, "not serving")
        daemon.signal(signal.SIGTERM)
        self.assertEqual([watches[0].next(), watches[0].next()], [NOT_SERVING, StatusCode.UNAVAILABLE])
        self.assertEqual([watch.next() for watch in watches[1:]], [StatusCode.UNAVAILABLE] * 2)
        daemon.stop()
        self.assertFalse(any("drain.timeout_ms" in line for line in daemon.log), daemon.log)
        channel.close()


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(tag, data):
    return varint(tag << 3 | 2) + varint(len(data)) + data


def fields_of(message):
    """Length-delimited fields and varints of an encoded message, by tag."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        found.setdefault(key >> 3, []).append(value)
    return found


class Reflecting(TestCase):
    """Questions and answers as bytes: tags of reflection.proto."""

    BY_NAME, BY_SYMBOL, BY_EXTENSION, NUMBERS, SERVICES = 3, 4, 5, 6, 7
    FILES, ALL_NUMBERS, LIST, ERROR = 4, 5, 6, 7

    def ask(self, *questions, version="v1"):
        rpc = self.client.channel.stream_stream(REFLECTION.format(version))
        return [fields_of(answer) for answer in rpc(iter(questions), timeout=PATIENCE_S)]

    def files_of(self, answer):
        protos = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in fields_of(answer[self.FILES][0])[1]]
        return [proto.name for proto in protos]

    def error_of(self, answer):
        return fields_of(answer[self.ERROR][0])[1]

    def test_the_services_are_listed_by_both_versions(self):
        ours = [f"{re.search('^package (.*);', text, re.M)[1]}.{service}"
                for text in (path.read_text() for path in Path("proto").glob("*.proto"))
                for service in re.findall(r"^service (\w+)", text, re.M)]
        self.assertLessEqual({"account_package.AccountService", "other_package.OtherService", "grpc.health.v1.Health"}, set(ours))
        for version in ("v1", "v1alpha"):
            answer, = self.ask(field(self.SERVICES, b""), version=version)
            names = [fields_of(service)[1][0].decode() for service in fields_of(answer[self.LIST][0])[1]]
            self.assertEqual(sorted(names), sorted([*ours, "grpc.reflection.v1.ServerReflection",
                                                    "grpc.reflection.v1alpha.ServerReflection"]))

    def test_files_are_found_by_name_and_by_whatever_they_define_and_come_with_their_imports(self):
        for question in (field(self.BY_NAME, b"account.proto"), field(self.BY_SYMBOL, b"account_package.AccountService"),
                         field(self.BY_SYMBOL, b"account_package.AccountService.TryLogin"),
                         field(self.BY_SYMBOL, b"account_package.RegistrationRequest"),
                         field(self.BY_SYMBOL, b"account_package.RegistrationRequest.dateOfBirth")):
            answer, = self.ask(question)
            self.assertEqual(self.files_of(answer)[0], "account.proto")
            self.assertIn("google/protobuf/timestamp.proto", self.files_of(answer))
            self.assertEqual(answer[2], [question])  # original_request

    def test_many_questions_are_answered_one_by_one_on_one_stream(self):
        answers = self.ask(field(self.BY_NAME, b"meeting.proto"), field(self.BY_SYMBOL, b"nobody"), field(self.SERVICES, b""),
                           field(self.BY_NAME, b"nothing.proto"))
        self.assertEqual([min(set(answer) & {4, 5, 6, 7}) for answer in answers], [self.FILES, self.ERROR, self.LIST, self.ERROR])
        self.assertEqual(self.error_of(answers[1]), [StatusCode.NOT_FOUND.value[0]])

    def test_extensions_that_are_not_there_are_an_error_and_a_type_without_any_has_an_empty_list(self):
        by_extension, of_type, of_none = self.ask(
            field(self.BY_EXTENSION, field(1, b"account_package.RegistrationRequest") + b"\x10\x05"),
            field(self.NUMBERS, b"account_package.RegistrationRequest"), field(self.NUMBERS, b"no.Such"))
        self.assertEqual(self.error_of(by_extension), [StatusCode.NOT_FOUND.value[0]])
        self.assertEqual(fields_of(of_type[self.ALL_NUMBERS][0]), {1: [b"account_package.RegistrationRequest"]})
        self.assertEqual(self.error_of(of_none), [StatusCode.NOT_FOUND.value[0]])

    def test_a_question_that_is_none_ends_the_stream(self):
        for question, says in ((b"", "message_request"), (field(self.BY_SYMBOL, b"a\0b"), "file_containing_symbol"),
                               (field(self.BY_EXTENSION, field(1, b"\xff")), "file_containing_extension.containing_type")):
            with self.assertRaises(grpc.RpcError) as caught:
                self.ask(question)
            self.assertEqual(caught.exception.code(), StatusCode.INVALID_ARGUMENT)
            self.assertIn(says, caught.exception.details())
