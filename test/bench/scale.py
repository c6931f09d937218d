# SPDX-License-Identifier: MIT
"""Does an RPC's latency grow with the platform? Every RPC, one call at a time, on a small world and a big one in turn."""

import random
import statistics
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from http2 import Connection, header_block
from rpcs import ACCOUNT, FEEDBACK, MATCHING, MEETING, account_pb2, feedback_pb2, matching_pb2, meeting_pb2
from servers import Svcd
from world import PASSWORD, Wrong

CALLS, FEW_CALLS = 200, 30  # few: those that hash a password for some 20 ms
BUDGET_S = 15               # for an RPC: fewer calls, but no less than FEW_CALLS, if it is that slow
WARM_UP = 3                 # the first third, of FEW_CALLS at most, does not count
RARE_SKILL, TWO_SKILLS = "Skill number 25", ("Skill number 3", "Skill number 7")


def day(n):
    """A time not taken by fill.sql's meetings and workshops."""
    moment = Timestamp()
    moment.FromDatetime(datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) + timedelta(days=60 + n))
    return moment


def someone(world, n):
    return random.Random(n).randrange(world.accounts) + 1


def some_mentee(world, n):
    return world.mentors + 1 + random.Random(n).randrange(world.mentees)


def spread(n, of):
    """The nth of CALLS places, far apart, never the same twice."""
    return n * (of // CALLS)


def matched(world, n):
    return world.matched_mentee(spread(n, world.matched))


def feedback(world, n, **fields):
    place = spread(n, world.matched)
    return {"mentorUserId": world.mentor_of(place), "menteeUserId": world.matched_mentee(place), **fields}


def registration(world, n):
    return account_pb2.RegistrationRequest(name=f"New person {n}", dateOfBirth=Timestamp(seconds=631152000), email=f"new{n}@example.com",
                                           password="a new password", businessAreaId=1 + n % 6)


# (method, calls, reply, field that tells of success, request by world and number), in an order in which none undoes
# what a later one needs.
EVERY_RPC = (
    ("/grpc.health.v1.Health/Check", CALLS, None, None, lambda w, n: b""),
    (ACCOUNT + "TryLogin", FEW_CALLS, account_pb2.AuthenticateReply, "status",
     lambda w, n: account_pb2.AuthenticateRequest(username=f"person{someone(w, n)}@example.com", password=PASSWORD)),
    (ACCOUNT + "RegisterUser", FEW_CALLS, account_pb2.RegistrationReply, "status", registration),
    (ACCOUNT + "ListBusinessAreas", CALLS, account_pb2.ListBusinessAreasReply, "businessAreas", lambda w, n: b""),
    (ACCOUNT + "ListSkills", CALLS, account_pb2.ListSkillsReply, "skills", lambda w, n: b""),
    (ACCOUNT + "AccountProfiles", CALLS, None, None, lambda w, n: account_pb2.ProfilesRequest(userid=someone(w, n))),
    (ACCOUNT + "GetNotifications", CALLS, account_pb2.NotificationsReply, "desiredNotifications",
     lambda w, n: account_pb2.NotificationsRequest(userid=some_mentee(w, n))),
    (ACCOUNT + "RegisterMentee", CALLS // 2, account_pb2.ProfileSignupReply, "status",
     lambda w, n: account_pb2.ProfileSignupRequest(userid=w.without_profile(n), desiredSkills=TWO_SKILLS)),
    (ACCOUNT + "RegisterMentor", CALLS // 2, account_pb2.ProfileSignupReply, "status",
     lambda w, n: account_pb2.ProfileSignupRequest(userid=w.without_profile(n), desiredSkills=TWO_SKILLS)),
    (MATCHING + "GetMatchingMentor", CALLS, matching_pb2.MenteeToMentorMatchingReply, "status",
     lambda w, n: matching_pb2.MenteeToMentorMatchingRequest(menteeUserId=matched(w, n))),
    (MATCHING + "TryMatch", CALLS, matching_pb2.MenteeToMentorMatchingReply, "status",
     lambda w, n: matching_pb2.MenteeToMentorMatchingRequest(menteeUserId=w.unmatched_mentee(n))),
    (MATCHING + "GetMenteesByMentorId", CALLS, matching_pb2.GetMenteesReply, "mentees",
     lambda w, n: matching_pb2.GetMenteesRequest(mentorUserId=1 + random.Random(n).randrange(w.mentors))),
    (MEETING + "List5AppointmentsByUserID", CALLS, meeting_pb2.ListAppointmentsReply, "appointments",
     lambda w, n: meeting_pb2.ListAppointmentsRequest(userid=matched(w, n))),
    (MEETING + "ListPlansOfActions", CALLS, meeting_pb2.ListPlansOfActionsReply, "plansOfActions",
     lambda w, n: meeting_pb2.ListPlansOfActionsRequest(userid=some_mentee(w, n))),
    (MEETING + "CreatePlansOfActions", CALLS, meeting_pb2.CreatePlansOfActionsReply, "successful",
     lambda w, n: meeting_pb2.CreatePlansOfActionsRequest(menteeUserId=some_mentee(w, n), plansOfAction="Write it down")),
    (MEETING + "TogglePlansOfActionCompletion", CALLS, meeting_pb2.TogglePlansOfActionCompletionReply, "successful",
     lambda w, n: meeting_pb2.TogglePlansOfActionCompletionRequest(planid=1001 + spread(n, 3 * w.mentees))),
    (MEETING + "ScheduleNewMeeting", CALLS, meeting_pb2.ScheduleNewMeetingReply, "success",
     lambda w, n: meeting_pb2.ScheduleNewMeetingRequest(menteeUserId=matched(w, n), start=day(n), duration=30, link="x")),
    # Its work is one notification for each holder of the skill: a skill with as many in both worlds.
    (MEETING + "ScheduleNewWorkshop", CALLS, meeting_pb2.ScheduleNewWorkshopReply, "status",
     lambda w, n: meeting_pb2.ScheduleNewWorkshopRequest(start=day(n), duration=30, link="x", skill=RARE_SKILL)),
    (FEEDBACK + "AddFeedbackOnMentor", CALLS, feedback_pb2.AddFeedbackReply, "status",
     lambda w, n: feedback_pb2.AddFeedbackRequest(**feedback(w, n, rating=3.5))),
    (FEEDBACK + "AddFeedbackOnMentee", CALLS, feedback_pb2.AddFeedbackReply, "status",
     lambda w, n: feedback_pb2.AddFeedbackRequest(**feedback(w, n, rating=3.5))),
    (FEEDBACK + "AddDevFeedback", CALLS, feedback_pb2.AddFeedbackReply, "status",
     lambda w, n: feedback_pb2.AddDevFeedbackRequest(content="Dark mode, please!")),
    (FEEDBACK + "AddProgFeedback", CALLS, feedback_pb2.AddFeedbackReply, "status",
     lambda w, n: feedback_pb2.AddProgFeedbackRequest(**feedback(w, n, content="Getting on well"))),
    # To another area, which may end the mentorship and begin a new one.
    (ACCOUNT + "UpdateProfileDetails", CALLS, account_pb2.UpdateProfileDetailsResponse, "success",
     lambda w, n: account_pb2.UpdateProfileDetailsRequest(userid=matched(w, n), newBSId=1 + n % 6)),
)


def timed_call(connection, path, request):
    headers = header_block(path, connection.authority)
    begun = time.perf_counter()
    reply = connection.call(headers, request)
    return (time.perf_counter() - begun) * 1e6, reply


def p50_of(worlds, path, n, reply_type, success, make):
    """The median latency in each world, in us."""
    latencies = {world: [] for world in worlds}
    begun = time.monotonic()
    for i in range(n):
        if i >= FEW_CALLS and time.monotonic() - begun > BUDGET_S:
            break
        for world, connection in list(worlds.items())[:: 1 if i % 2 else -1]:  # neither always comes first
            request = make(world, i)
            request = request if isinstance(request, bytes) else request.SerializeToString()
            us, reply = timed_call(connection, path, request)
            if success and not getattr(reply_type.FromString(reply), success):
                raise Wrong(f"{path}: call {i} with {world.accounts} accounts: {success} expected, got {reply!r}")
            if i >= min(n, FEW_CALLS) // WARM_UP:
                latencies[world].append(us)
    return [statistics.median(latencies[world]) for world in worlds]


def growth(bench, _row, small=1_000, big=1_000_000):
    """The worst ratio of an RPC's p50 in the big world to that in the small one, and all of them."""
    p50 = {}
    with ExitStack() as stack:
        worlds = {world: Connection(stack.enter_context(Svcd(world, bench.folder / f"{world.database}.log")).port)
                  for world in (bench.filled(small), bench.filled(big))}
        for path, *how in EVERY_RPC:
            p50[path.rpartition("/")[2]] = p50_of(worlds, path, *how)
    ratios = {name: large / little for name, (little, large) in p50.items()}
    worst = max(ratios, key=ratios.get)
    return {"worst": worst, "worst_growth": ratios[worst], "small_us": p50[worst][0], "big_us": p50[worst][1],
            "each": {name: [*p50[name], ratios[name]] for name in p50}}
