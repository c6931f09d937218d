#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a front end does, one RPC after the other: examples/python/walk_through.py [ADDRESS]

Needs a running svcd with the demo data (`make run`), may be repeated, and exits with 1 if an answer is not as expected.
"""

import random
import sys
import time

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from svcd_client import DEFAULT_ADDRESS, Client
import account_pb2 as account
import feedback_pb2 as feedback
import health_pb2 as health
import matching_pb2 as matching
import meeting_pb2 as meeting

HOUR = 3600


def say(step, answer=""):
    print(f"{step:<32} {' '.join(str(answer).split())}")


def expect(condition, what):
    if not condition:
        raise SystemExit(f"unexpected: {what}")


def hours_from_now(hours):
    return Timestamp(seconds=int(time.time()) // HOUR * HOUR + hours * HOUR)


def register(client, name, email, area):
    """A new account's id."""
    reply = client.account.RegisterUser(account.RegistrationRequest(
        name=name, dateOfBirth=Timestamp(seconds=500_000_000), email=email, password="correct horse",
        businessAreaId=area))
    say("RegisterUser", f"{name}: {reply.accountId}")
    expect(reply.status and reply.accountId > 0, "RegisterUser failed")
    return reply.accountId


def log_in(client, email, password):
    """The account's id, or None."""
    reply = client.account.TryLogin(account.AuthenticateRequest(username=email, password=password))
    say("TryLogin", f"{email}: {reply.status}")
    return reply.id if reply.status else None


def sign_up(client, unique):
    """A mentee and a mentor of different business areas; their ids and the skill both have."""
    areas = client.account.ListBusinessAreas(Empty()).businessAreas
    say("ListBusinessAreas", [area.name for area in areas])
    skills = client.account.ListSkills(Empty()).skills
    say("ListSkills", [skill.name for skill in skills])

    mentee = register(client, "Ada Example", f"ada.{unique}@example.com", areas[0].id)
    mentor = register(client, "Grace Example", f"grace.{unique}@example.com", areas[1].id)
    taken = client.account.RegisterUser(account.RegistrationRequest(
        name="Ada Again", dateOfBirth=Timestamp(), email=f"ada.{unique}@example.com", password="correct horse",
        businessAreaId=areas[0].id))
    expect(not taken.status and not taken.HasField("accountId"), "an e-mail was registered twice")

    wanted = account.ProfileSignupRequest(userid=mentee, desiredSkills=[skills[0].name, skills[1].name])
    expect(client.account.RegisterMentee(wanted).status, "RegisterMentee failed")
    expect(not client.account.RegisterMentee(wanted).status, "a second mentee profile was accepted")
    offered = account.ProfileSignupRequest(userid=mentor, desiredSkills=[skills[0].name])
    expect(client.account.RegisterMentor(offered).status, "RegisterMentor failed")
    profiles = client.account.AccountProfiles(account.ProfilesRequest(userid=mentee))
    say("AccountProfiles", f"isMentee={profiles.isMentee} isMentor={profiles.isMentor}")
    expect(profiles.isMentee and not profiles.isMentor, "wrong profiles")
    return mentee, mentor, skills[0]


def match(client, mentee):
    """The mentor's id and name. (The best there is; not necessarily the one that just signed up.)"""
    request = matching.MenteeToMentorMatchingRequest(menteeUserId=mentee)
    expect(not client.matching.GetMatchingMentor(request).status, "matched before TryMatch")
    matched = client.matching.TryMatch(request)
    say("TryMatch", f"{matched.mentorName}: {matched.mentorUserId}")
    expect(matched.status, "TryMatch found nobody")
    expect(not client.matching.TryMatch(request).status, "matched twice")
    expect(client.matching.GetMatchingMentor(request) == matched, "GetMatchingMentor differs from TryMatch")
    mentees = client.matching.GetMenteesByMentorId(matching.GetMenteesRequest(mentorUserId=matched.mentorUserId)).mentees
    say("GetMenteesByMentorId", [m.name for m in mentees])
    expect(mentees[-1].userid == mentee, "the newest mentee is not the last")
    return matched.mentorUserId, matched.mentorName


def plan_ahead(client, mentee, mentor_name, skill):
    meet = meeting.ScheduleNewMeetingRequest(
        menteeUserId=mentee, start=hours_from_now(2), duration=45, link="https://meet.example.com/ada")
    expect(client.meeting.ScheduleNewMeeting(meet).success, "ScheduleNewMeeting failed")
    expect(not client.meeting.ScheduleNewMeeting(meet).success, "overlapping meetings were accepted")
    workshop = meeting.ScheduleNewWorkshopRequest(
        start=hours_from_now(2000 + random.randrange(50_000)), duration=60, link="https://meet.example.com/workshop",
        skill=skill.name)
    expect(client.meeting.ScheduleNewWorkshop(workshop).status, "ScheduleNewWorkshop failed")
    expect(not client.meeting.ScheduleNewWorkshop(workshop).status, "overlapping workshops were accepted")

    appointments = client.meeting.List5AppointmentsByUserID(
        meeting.ListAppointmentsRequest(userid=mentee, profileType=meeting.MENTEE)).appointments
    for a in appointments:
        say("List5AppointmentsByUserID", f"{a.start_time.ToJsonString()} {a.duration_minutes} min {a.name or a.skill}")
    mine = [a for a in appointments if a.type == meeting.MEETING]
    expect(len(mine) == 1 and mine[0].name == mentor_name and mine[0].start_time == meet.start
           and mine[0].duration_minutes == 45 and mine[0].link == meet.link, "the meeting is not listed as scheduled")

    told = client.account.GetNotifications(account.NotificationsRequest(
        userid=mentee, targetProfileType=account.MENTEE)).desiredNotifications
    say("GetNotifications", told)
    expect(any(mentor_name in text and "45 minutes" in text for text in told), "no notification of the meeting")


def plans_of_action(client, mentee):
    created = client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(
        menteeUserId=mentee, plansOfAction="Read the examples"))
    say("CreatePlansOfActions", created.plansOfAction)
    expect(created.successful and created.plansOfAction.content == "Read the examples", "no plan was created")
    open_plans = meeting.ListPlansOfActionsRequest(userid=mentee)
    expect(list(client.meeting.ListPlansOfActions(open_plans).plansOfActions) == [created.plansOfAction],
           "the plan is not listed")
    toggle = meeting.TogglePlansOfActionCompletionRequest(planid=created.plansOfAction.id)
    expect(client.meeting.TogglePlansOfActionCompletion(toggle).successful, "the plan could not be completed")
    expect(not client.meeting.ListPlansOfActions(open_plans).plansOfActions, "a completed plan is listed")


def give_feedback(client, mentee, mentor):
    rating = feedback.AddFeedbackRequest(mentorUserId=mentor, menteeUserId=mentee, rating=4.5)
    for rpc in (client.feedback.AddFeedbackOnMentor, client.feedback.AddFeedbackOnMentee):
        expect(rpc(rating).status, "a rating was refused")
        expect(not rpc(rating).status, "a second rating was accepted")
    expect(client.feedback.AddProgFeedback(feedback.AddProgFeedbackRequest(
        mentorUserId=mentor, menteeUserId=mentee, content="Coming along nicely")).status, "AddProgFeedback failed")
    expect(client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="Nice site")).status,
           "AddDevFeedback failed")
    say("feedback", "given")


def update(client, mentee, unique):
    new = f"ada.new.{unique}@example.com"
    reply = client.account.UpdateProfileDetails(account.UpdateProfileDetailsRequest(
        userid=mentee, profileType=account.MENTEE, newEmail=new))
    expect(reply.success, "UpdateProfileDetails failed")
    expect(log_in(client, new, "correct horse") == mentee, "cannot log in with the new e-mail")


def errors(client):
    """What is not answered by a reply's own boolean is a status with a message that says what was wrong."""
    for expected, rpc, request in (
        (grpc.StatusCode.NOT_FOUND, client.matching.TryMatch, matching.MenteeToMentorMatchingRequest(menteeUserId=2**31 - 1)),
        (grpc.StatusCode.INVALID_ARGUMENT, client.feedback.AddFeedbackOnMentor,
         feedback.AddFeedbackRequest(mentorUserId=1, menteeUserId=61, rating=7)),
    ):
        try:
            rpc(request)
            expect(False, f"a call succeeded that should fail with {expected.name}")
        except grpc.RpcError as error:
            say(error.code().name, error.details())
            expect(error.code() == expected and error.details(), f"{expected.name} expected")


def main():
    unique = f"{time.time_ns():x}"
    with Client(*sys.argv[1:2] or [DEFAULT_ADDRESS]) as client:
        status = client.health.Check(health.HealthCheckRequest()).status
        say("Health.Check", health.HealthCheckResponse.ServingStatus.Name(status))
        expect(status == health.HealthCheckResponse.SERVING, "not serving")
        expect(log_in(client, "demo-mentee@example.com", "demo") == 61, "the demo mentee cannot log in")
        expect(log_in(client, "demo-legacy@example.com", "demo") == 63, "a bcrypt account cannot log in")
        expect(log_in(client, "demo-mentee@example.com", "wrong") is None, "a wrong password was accepted")

        mentee, _, skill = sign_up(client, unique)
        mentor, mentor_name = match(client, mentee)
        plan_ahead(client, mentee, mentor_name, skill)
        plans_of_action(client, mentee)
        give_feedback(client, mentee, mentor)
        update(client, mentee, unique)
        errors(client)
    print("done: every answer was as expected")


if __name__ == "__main__":
    main()
