# SPDX-License-Identifier: MIT
"""RPCs as bytes, each with the statement that svcd runs for it and the reply that SQL says is right."""

import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from load import frame
from world import PASSWORD, ROOT, Wrong

sys.path.insert(0, str(ROOT / "build/python"))
import account_pb2  # noqa: E402
import feedback_pb2  # noqa: E402
import health_pb2  # noqa: E402
import matching_pb2  # noqa: E402
import meeting_pb2  # noqa: E402

ACCOUNT = "/account_package.AccountService/"
MATCHING = "/matching_package.MatchingService/"
MEETING = "/meeting_package.MeetingService/"
FEEDBACK = "/feedback_package.FeedbackService/"


@dataclass(frozen=True)
class Rpc:
    path: str
    request: bytes
    reply: bytes              # the expected one
    statement: str = ""       # name in sql/queries, for the baselines; none: there is no database behind it
    parameters: dict = field(default_factory=dict)
    counted: str = ""         # SQL for a number that grows by one a call; none: nothing changes
    metadata: tuple = ()      # (name, value) each
    content_type: str = "application/grpc"  # or Connect's application/json, with texts for request and reply

    def framed(self, message):
        """A message as it stands in a body."""
        return frame(message) if self.content_type == "application/grpc" else message

    def check(self, server):
        """One call is answered with status 0 and the expected bytes."""
        if self.content_type == "application/grpc":
            reply = server.call(self.path, self.request, self.metadata)
        else:
            reply = server.post(self.path, self.content_type, self.request)
        if reply != self.reply:
            raise Wrong(f"{self.path}: expected {self.reply!r}, got {reply!r}")


def read(world, path, request, statement, parameters, reply):
    """An RPC whose reply is made from the statement's rows."""
    expected = reply(world.rows(statement, parameters))
    return Rpc(path, request.SerializeToString(), expected.SerializeToString(), statement, parameters)


def health_check(_world):
    return Rpc("/grpc.health.v1.Health/Check", b"",
               health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING).SerializeToString())


def try_login(_world, account, *metadata):
    """Of an account of fill.sql, with its password."""
    request = account_pb2.AuthenticateRequest(username=f"person{account}@example.com", password=PASSWORD)
    return Rpc(ACCOUNT + "TryLogin", request.SerializeToString(),
               account_pb2.AuthenticateReply(status=True, id=account).SerializeToString(), metadata=metadata)


def account_profiles(world, account):
    return read(world, ACCOUNT + "AccountProfiles", account_pb2.ProfilesRequest(userid=account),
                "account_profiles", {"account_id": account},
                lambda rows: account_pb2.ProfilesReply(isMentor=rows[0]["is_mentor"], isMentee=rows[0]["is_mentee"]))


def account_profiles_as_json(world, account):
    """The same by Connect."""
    rpc = account_profiles(world, account)

    def text(message, fields):
        words = json_format.MessageToJson(message.FromString(fields), indent=None, preserving_proto_field_name=False)
        return words.replace(": ", ":").replace(", ", ",").encode()
    return replace(rpc, request=text(account_pb2.ProfilesRequest, rpc.request), reply=text(account_pb2.ProfilesReply, rpc.reply),
                   content_type="application/json")


def list_skills(world):
    return read(world, ACCOUNT + "ListSkills", Empty(), "list_skills", {},
                lambda rows: account_pb2.ListSkillsReply(skills=[account_pb2.Skill(**row) for row in rows]))


def get_notifications(world, mentee):
    return read(world, ACCOUNT + "GetNotifications", account_pb2.NotificationsRequest(userid=mentee),
                "mentee_notifications", {"account_id": mentee},
                lambda rows: account_pb2.NotificationsReply(desiredNotifications=[row["message"] for row in rows]))


def get_matching_mentor(world, mentee):
    return read(world, MATCHING + "GetMatchingMentor", matching_pb2.MenteeToMentorMatchingRequest(menteeUserId=mentee),
                "matching_mentor", {"account_id": mentee},
                lambda rows: matching_pb2.MenteeToMentorMatchingReply(
                    status=True, mentorUserId=rows[0]["mentor_account_id"], mentorName=rows[0]["mentor_name"]))


def try_match_when_matched(world, mentee):
    return read(world, MATCHING + "TryMatch", matching_pb2.MenteeToMentorMatchingRequest(menteeUserId=mentee),
                "match_state", {"account_id": mentee},
                lambda rows: matching_pb2.MenteeToMentorMatchingReply(status=not rows[0]["matched"]))


def appointment(row):
    start = datetime.fromisoformat(row["start"]).replace(tzinfo=timezone.utc)
    message = meeting_pb2.Appointment(type=int(row["is_workshop"]), name=row["name"], duration_minutes=row["duration"],
                                      skill=row["skill"], link=row["link"])
    message.start_time.FromDatetime(start)
    return message


def list_appointments(world, mentee):
    return read(world, MEETING + "List5AppointmentsByUserID", meeting_pb2.ListAppointmentsRequest(userid=mentee),
                "mentee_appointments", {"account_id": mentee},
                lambda rows: meeting_pb2.ListAppointmentsReply(appointments=[appointment(row) for row in rows]))


def update_email(_world, account):
    return Rpc(ACCOUNT + "UpdateProfileDetails",
               account_pb2.UpdateProfileDetailsRequest(userid=account, newEmail=f"person{account}@example.com").SerializeToString(),
               account_pb2.UpdateProfileDetailsResponse(success=True).SerializeToString())


def create_plan(_world, mentee):
    """Its reply has an id that nobody knows before."""
    request = meeting_pb2.CreatePlansOfActionsRequest(menteeUserId=mentee, plansOfAction="Practise in front of a few colleagues")
    return Rpc(MEETING + "CreatePlansOfActions", request.SerializeToString(), b"")


def add_dev_feedback(_world):
    content = "The calendar is easy to use, but the page of notifications takes a while to load on my phone."
    return Rpc(FEEDBACK + "AddDevFeedback", feedback_pb2.AddDevFeedbackRequest(content=content).SerializeToString(),
               feedback_pb2.AddFeedbackReply(status=True).SerializeToString(), "add_dev_feedback", {"content": content},
               "SELECT count(*) FROM websitefeedback")
