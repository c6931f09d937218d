# SPDX-License-Identifier: MIT
"""Some sixty calls over every protocol, each answered within its time, OK or with an error that says so; and what they left in the database."""

import contextlib
import http.client
import json
import socket
import ssl
import time

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import health_pb2 as health
import matching_pb2 as matching
import meeting_pb2 as meeting
import svcd_client
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from surroundings import BEARER

MENTOR, MENTEE, BOTH, UNMATCHED, NOBODY = 1, 61, 60, 290, 2**31 - 1
# What a call may end with if something failed under it.
CLEAR = {StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.INTERNAL, StatusCode.ABORTED}
FRESH = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]  # a connection of its own
HANGS_S = 30  # a call that takes longer
NO_ANSWER = "the connection was closed"


class Script:
    def __init__(self, addresses, surroundings):
        self.at = addresses
        self.contexts = [surroundings.context(version) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
        self.acknowledged, self.unknown = [], []  # contents of AddDevFeedback

    def write(self, rpc):
        content = f"torture {time.time_ns()}"
        code = rpc(feedback.AddDevFeedbackRequest(content=content))
        (self.acknowledged if code == StatusCode.OK else self.unknown).append(content)
        return code

    def write_and_come_again(self, rpc):
        """With a key: the second does it if the first did not. The long id is there first, so that the key needs memory of its own."""
        key = [("idempotency-key", f"torture {time.time_ns()}"), ("x-request-id", "x" * 2000)]
        content = f"keyed {time.time_ns()}"
        codes = [status_of(rpc, feedback.AddDevFeedbackRequest(content=content), key) for _ in range(2)]
        (self.acknowledged if StatusCode.OK in codes else self.unknown).append(content)
        return next((code for code in codes if code != StatusCode.OK), StatusCode.OK)

    def grpc_calls(self, client):
        """(name, statuses without a failure, function) each; the function takes a request and returns a status."""
        def call(rpc, request, good=StatusCode.OK):
            return rpc._method.decode().rsplit("/")[-1], good, lambda: status_of(rpc, request)

        far = Timestamp(seconds=4_000_000_000)
        yield call(client.health.Check, health.HealthCheckRequest())
        yield call(client.account.TryLogin, account.AuthenticateRequest(username="demo-mentor@example.com", password="demo"))
        yield call(client.account.ListBusinessAreas, Empty())
        yield call(client.account.ListSkills, Empty())
        yield call(client.account.RegisterUser, account.RegistrationRequest(
            name="T", dateOfBirth=Timestamp(seconds=643_000_000), email=f"torture-{time.time_ns()}@example.com", password="secret", businessAreaId=2))
        yield call(client.account.AccountProfiles, account.ProfilesRequest(userid=MENTEE))
        yield call(client.account.GetNotifications, account.NotificationsRequest(userid=BOTH))
        yield call(client.account.RegisterMentor, account.ProfileSignupRequest(userid=NOBODY, desiredSkills=["Writing"]), StatusCode.NOT_FOUND)
        yield call(client.account.UpdateProfileDetails, account.UpdateProfileDetailsRequest(userid=MENTEE, skills=[1, 2]))
        yield call(client.matching.TryMatch, matching.MenteeToMentorMatchingRequest(menteeUserId=UNMATCHED))
        yield call(client.matching.GetMatchingMentor, matching.MenteeToMentorMatchingRequest(menteeUserId=MENTEE))
        yield call(client.matching.GetMenteesByMentorId, matching.GetMenteesRequest(mentorUserId=MENTOR))
        yield call(client.meeting.List5AppointmentsByUserID, meeting.ListAppointmentsRequest(userid=MENTEE))
        yield call(client.meeting.ListPlansOfActions, meeting.ListPlansOfActionsRequest(userid=MENTEE))
        yield call(client.meeting.TogglePlansOfActionCompletion, meeting.TogglePlansOfActionCompletionRequest(planid=1))
        yield call(client.meeting.ScheduleNewMeeting, meeting.ScheduleNewMeetingRequest(menteeUserId=MENTEE, start=far, duration=60))
        yield call(client.meeting.ScheduleNewWorkshop, meeting.ScheduleNewWorkshopRequest(start=far, duration=0, skill="Writing"),
                   StatusCode.INVALID_ARGUMENT)
        yield call(client.feedback.AddProgFeedback, feedback.AddProgFeedbackRequest(mentorUserId=MENTOR, menteeUserId=NOBODY, content="x"),
                   StatusCode.NOT_FOUND)
        yield "AddDevFeedback", StatusCode.OK, lambda: self.write(lambda request: status_of(client.feedback.AddDevFeedback, request))
        yield "AddDevFeedback with a key, twice", StatusCode.OK, lambda: self.write_and_come_again(client.feedback.AddDevFeedback)
        yield "Watch", StatusCode.OK, lambda: first_of(client.health.Watch, health.HealthCheckRequest())

    def json_calls(self):
        for path, body, good in (("/account_package.AccountService/AccountProfiles", {"userid": MENTEE}, 200),
                                 ("/account_package.AccountService/ListSkills", {}, 200),
                                 ("/meeting_package.MeetingService/ScheduleNewMeeting", {"menteeUserId": 0}, 400),
                                 ("/account_package.AccountService/ListSkills", {"x": 1}, 400)):
            yield path, good, lambda path=path, body=body: self.post(path, json.dumps(body))
        for path in ("/livez", "/openapi.json"):
            yield path, 200, lambda path=path: self.post(path)
        skills = "/account_package.AccountService/ListSkills"
        for context in self.contexts:
            yield f"{skills} over TLS", 200, lambda context=context: self.post(skills, "{}", http.client.HTTPSConnection(
                "localhost", int(self.at.https.rsplit(":")[-1]), timeout=HANGS_S, context=context))
        yield f"{skills} by a socket", 200, lambda: self.post(skills, "{}", UnixConnection(self.at.unix))
        for path in ("/", "/metrics", "/status", "/config"):
            yield f"{path} for operators", 200, lambda path=path: self.post(path, connection=http.client.HTTPConnection(self.at.admin, timeout=HANGS_S))

    def post(self, path, body=None, connection=None):
        connection = connection or http.client.HTTPConnection(self.at.http, timeout=HANGS_S)
        headers = {"content-type": "application/json", **dict(BEARER)}
        with contextlib.closing(connection):
            try:
                connection.request("POST" if body else "GET", path, body, headers if body else {})
                response = connection.getresponse()
                response.read()
                return response.status
            except (OSError, http.client.HTTPException) as error:
                assert not isinstance(error, TimeoutError), f"{path} hangs"
                return NO_ANSWER

    def run(self):
        """[(name, status it has without a failure, its status)]"""
        done = []
        for address in (self.at.core, self.at.http):
            with svcd_client.Client(address, options=FRESH) as client:
                done += [(name, good, function()) for name, good, function in self.grpc_calls(client)]
        return done + [(name, good, function()) for name, good, function in self.json_calls()]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=HANGS_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(HANGS_S)
        self.sock.connect(self.path)


def status_of(rpc, request, metadata=None):
    try:
        rpc(request, timeout=HANGS_S, metadata=[*BEARER, *(metadata or [])])
        return StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def first_of(rpc, request):
    call = rpc(request, timeout=HANGS_S, metadata=BEARER)
    try:
        next(call)
        call.cancel()
        return StatusCode.OK
    except (grpc.RpcError, StopIteration) as error:
        return error.code() if isinstance(error, grpc.RpcError) else StatusCode.OK


def is_clear(good, status):
    """Whether a call may have ended so although one thing failed."""
    if isinstance(good, int):
        return status in (good, NO_ANSWER, 429, 500, 503)
    return status == good or status in CLEAR
