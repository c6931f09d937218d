# SPDX-License-Identifier: MIT
"""What the tests of jams stand on: every RPC with right requests, a load of all of them, and what is known of the server meanwhile."""

import collections
import contextlib
import itertools
import threading
import time

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import matching_pb2 as matching
import meeting_pb2 as meeting
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from harness import psql, wait_until

MENTORS = range(1, 41)  # of demo-data
SKILLS = ("Technical", "Presentation", "Negotiation", "Leadership", "Writing", "Networking")
FIRST_S, SLOT_S = 4_102_444_800, 3600
NEWCOMERS = range(10_001, 14_001)

# What a call needs is tried with a few and holds for all: every pair is rated already, for a first rating reads skills, too.
WORLD = f"""
    INSERT INTO mentorfeedback (assignmentid, rating) SELECT assignmentid, 4 FROM assignment ON CONFLICT DO NOTHING;
    INSERT INTO menteefeedback (assignmentid, rating) SELECT assignmentid, 4 FROM assignment ON CONFLICT DO NOTHING;
    INSERT INTO account (accountid, name, email, dob, businesssectorid)
        SELECT i, 'Person ' || i, i || '@example.com', '1990-01-01', 1 + i % 6 FROM generate_series({NEWCOMERS.start}, {NEWCOMERS.stop - 1}) i;
    INSERT INTO milestone (menteeid, content, completed) SELECT menteeid, 'x', false FROM mentee, generate_series(1, 2);"""

Took = collections.namedtuple("Took", "seconds code details")


class Calls:
    """Each RPC by its name: make() gives the stub's function and the next request, so that no two want the same row soon after another."""

    def __init__(self, client, database):
        self.client, self.database = client, database
        plans = [int(row[0]) for row in psql("SELECT milestoneid FROM milestone ORDER BY 1", database)]
        pairs = [tuple(map(int, row)) for row in psql("SELECT m.accountid, e.accountid FROM assignment JOIN mentor m USING (mentorid) "
                                                      "JOIN mentee e USING (menteeid)", database)]
        matched = [mentee for _, mentee in pairs]  # one without a mentor would be told so before it needs anything
        self.plan, self.pair, self.mentee, self.mentor = map(itertools.cycle, (plans, pairs, matched, MENTORS))
        self.newcomer, self.n = iter(NEWCOMERS), itertools.count(time.time_ns() // 1000)
        self.skill = itertools.cycle(SKILLS)

    def slot(self):
        return Timestamp(seconds=FIRST_S + next(self.n) % 900_000 * SLOT_S)

    def all(self):
        c, on, nx = self.client, lambda rpc, make: (lambda: (rpc, make())), next
        return {
            "ListSkills": on(c.account.ListSkills, Empty),
            "ListBusinessAreas": on(c.account.ListBusinessAreas, Empty),
            "AccountProfiles": on(c.account.AccountProfiles, lambda: account.ProfilesRequest(userid=nx(self.mentee))),
            "GetNotifications": on(c.account.GetNotifications, lambda: account.NotificationsRequest(userid=nx(self.mentee))),
            "GetNotificationsOfMentor": on(c.account.GetNotifications, lambda: account.NotificationsRequest(userid=nx(self.mentor), targetProfileType=1)),
            "GetMatchingMentor": on(c.matching.GetMatchingMentor, lambda: matching.MenteeToMentorMatchingRequest(menteeUserId=nx(self.mentee))),
            "GetMenteesByMentorId": on(c.matching.GetMenteesByMentorId, lambda: matching.GetMenteesRequest(mentorUserId=nx(self.mentor))),
            "List5Appointments": on(c.meeting.List5AppointmentsByUserID, lambda: meeting.ListAppointmentsRequest(userid=nx(self.mentee))),
            "List5AppointmentsOfMentor": on(c.meeting.List5AppointmentsByUserID, lambda: meeting.ListAppointmentsRequest(userid=nx(self.mentor), profileType=1)),
            "ListPlansOfActions": on(c.meeting.ListPlansOfActions, lambda: meeting.ListPlansOfActionsRequest(userid=nx(self.mentee))),
            "AddDevFeedback": on(c.feedback.AddDevFeedback, lambda: feedback.AddDevFeedbackRequest(content=f"jam {nx(self.n)}")),
            "CreatePlansOfActions": on(c.meeting.CreatePlansOfActions,
                                       lambda: meeting.CreatePlansOfActionsRequest(menteeUserId=nx(self.mentee), plansOfAction="x")),
            "Toggle": on(c.meeting.TogglePlansOfActionCompletion, lambda: meeting.TogglePlansOfActionCompletionRequest(planid=nx(self.plan))),
            "ScheduleNewMeeting": on(c.meeting.ScheduleNewMeeting, lambda: meeting.ScheduleNewMeetingRequest(
                menteeUserId=nx(self.mentee), start=self.slot(), duration=30, link="x")),
            "ScheduleNewWorkshop": on(c.meeting.ScheduleNewWorkshop, lambda: meeting.ScheduleNewWorkshopRequest(
                skill=nx(self.skill), start=self.slot(), duration=30, link="x")),
            "AddProgFeedback": on(c.feedback.AddProgFeedback, lambda: self.on_pair(feedback.AddProgFeedbackRequest, content="x")),
            "AddFeedbackOnMentor": on(c.feedback.AddFeedbackOnMentor, lambda: self.on_pair(feedback.AddFeedbackRequest, rating=4)),
            "AddFeedbackOnMentee": on(c.feedback.AddFeedbackOnMentee, lambda: self.on_pair(feedback.AddFeedbackRequest, rating=4)),
            "RegisterMentee": on(c.account.RegisterMentee, lambda: account.ProfileSignupRequest(userid=nx(self.newcomer), desiredSkills=["Writing"])),
            "RegisterMentor": on(c.account.RegisterMentor, lambda: account.ProfileSignupRequest(userid=nx(self.newcomer), desiredSkills=["Writing"])),
            "UpdateProfileDetails": on(c.account.UpdateProfileDetails, lambda: account.UpdateProfileDetailsRequest(
                userid=nx(self.mentee), newEmail=f"{nx(self.n)}@example.com")),
            "TryMatch": on(c.matching.TryMatch, lambda: matching.MenteeToMentorMatchingRequest(menteeUserId=nx(self.mentee))),
        }

    def on_pair(self, Request, **fields):
        mentor, mentee = next(self.pair)
        return Request(mentorUserId=mentor, menteeUserId=mentee, **fields)


class Load(threading.Thread):
    """Each of the calls every so often, whatever became of those before; those that are stuck with a deadline. took: by name."""

    def __init__(self, calls, stuck=(), every_s=0.1, deadline_s=3.0, patience_s=60.0):
        super().__init__(daemon=True)
        self.calls, self.stuck, self.every_s, self.deadline_s, self.patience_s = calls.all(), stuck, every_s, deadline_s, patience_s
        self.names = list(self.calls)
        self.over, self.took, self.pending = threading.Event(), collections.defaultdict(list), []
        self.start()

    def run(self):
        step = self.every_s / max(1, len(self.names))
        begun, n = time.monotonic(), 0
        while not self.over.is_set():
            name = self.names[n % len(self.names)]
            rpc, request = self.calls[name]()
            self.begin(name, rpc, request)
            n += 1
            wait = begun + n * step - time.monotonic()
            if wait > 0:
                self.over.wait(wait)

    def begin(self, name, rpc, request):
        begun = time.monotonic()
        future = rpc.future(request, timeout=self.deadline_s if name in self.stuck else self.patience_s)
        self.pending.append(future)

        def done(future):
            self.took[name].append(Took(time.monotonic() - begun, future.code(), future.details()))
        future.add_done_callback(done)

    def end(self):
        """When all are answered, or their time is over."""
        self.over.set()
        self.join()
        for future in self.pending:
            with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
                future.result()
        wait_until(lambda: sum(map(len, list(self.took.values()))) == len(self.pending), "calls are not told of")
        return self.took


class Backends(threading.Thread):
    """The most backends of svcd that the server had at once."""

    def __init__(self, database):
        super().__init__(daemon=True)
        self.database, self.most, self.over = database, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.2):
            self.most = max(self.most, int(psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ ' svcd ' AND "
                                                f"datname = '{self.database}'", "svcd")[0][0]))

    def end(self):
        self.over.set()
        self.join()
        return self.most


def quantile(took, q):
    seconds = sorted(one.seconds for one in took)
    return seconds[min(len(seconds) - 1, int(len(seconds) * q))] if seconds else 0.0
