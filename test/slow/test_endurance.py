# SPDX-License-Identifier: MIT
"""Many calls, good and bad: none hurts those after it, and nothing grows."""

import random

import account_pb2 as account
import feedback_pb2 as feedback
import matching_pb2 as matching
import meeting_pb2 as meeting
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from harness import PATIENCE_S, SERVER, UNDER_SANITIZER, TestCase, value
from test_wire import MENTEE, MENTOR, NOBODY, call_many, raw


class Endurance(TestCase):
    def test_10000_failing_calls_in_a_row_leave_the_next_good_one_answered_as_before(self):
        good = self.client.account.GetNotifications(account.NotificationsRequest(userid=MENTEE), timeout=PATIENCE_S)
        sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND usename = '{SERVER}'"
        before = value(sessions, "postgres")
        failing = [
            (self.client.matching.TryMatch, matching.MenteeToMentorMatchingRequest(menteeUserId=NOBODY), StatusCode.NOT_FOUND),
            (self.client.account.RegisterMentor, account.ProfileSignupRequest(userid=5000, desiredSkills=["Alchemy"]),
             StatusCode.NOT_FOUND),
            (self.client.meeting.ScheduleNewWorkshop,
             meeting.ScheduleNewWorkshopRequest(start=Timestamp(seconds=4_000_000_000), duration=60, skill="Alchemy"),
             StatusCode.NOT_FOUND),
            (self.client.feedback.AddProgFeedback,
             feedback.AddProgFeedbackRequest(mentorUserId=MENTOR, menteeUserId=290, content="x"), StatusCode.NOT_FOUND),
            (self.client.meeting.ScheduleNewMeeting,
             meeting.ScheduleNewMeetingRequest(menteeUserId=290, start=Timestamp(seconds=4_000_000_000), duration=60),
             StatusCode.FAILED_PRECONDITION),
        ]
        for rpc, request, code in failing:
            self.assertEqual(call_many([(rpc, request)] * 2000), {code: 2000})
        self.assertEqual(self.client.account.GetNotifications(account.NotificationsRequest(userid=MENTEE), timeout=PATIENCE_S), good)
        self.assertEqual(value(sessions, "postgres"), before)

    def mixed(self, n):
        dice = random.Random(7)
        kinds = [
            lambda: (self.client.account.AccountProfiles, account.ProfilesRequest(userid=dice.randrange(1, 400))),
            lambda: (self.client.account.ListSkills, Empty()),
            lambda: (self.client.account.GetNotifications, account.NotificationsRequest(userid=dice.randrange(41, 291))),
            lambda: (self.client.matching.TryMatch, matching.MenteeToMentorMatchingRequest(menteeUserId=dice.randrange(1, 300))),
            lambda: (self.client.meeting.List5AppointmentsByUserID,
                     meeting.ListAppointmentsRequest(userid=dice.randrange(1, 300), profileType=dice.randrange(2))),
            lambda: (self.client.meeting.TogglePlansOfActionCompletion,
                     meeting.TogglePlansOfActionCompletionRequest(planid=dice.randrange(1, 600))),
            lambda: (self.client.feedback.AddDevFeedback, feedback.AddDevFeedbackRequest(content="x" * dice.randrange(2000))),
            lambda: (self.client.feedback.AddFeedbackOnMentor,
                     feedback.AddFeedbackRequest(mentorUserId=MENTOR, menteeUserId=dice.randrange(41, 291), rating=9)),
            lambda: (raw(self.client, "/account_package.AccountService/RegisterMentee"), dice.randbytes(50)),
        ]
        return call_many(dice.choice(kinds)() for _ in range(n))

    def test_resident_memory_stops_growing_under_mixed_calls(self):
        counts = self.mixed(10_000)
        self.assertEqual(sum(counts.values()), 10_000)
        self.assertNotIn(StatusCode.UNKNOWN, counts)
        settled = self.daemon.resident_bytes()
        for _ in range(3):
            self.mixed(5_000)
        grown = self.daemon.resident_bytes() - settled
        # A leak of 100 bytes a call would be 1.5 MB. A sanitizer's quarantine grows by design; there its leak check tells.
        if not UNDER_SANITIZER:
            self.assertLess(grown, 1_000_000)
        self.assertLess(self.daemon.resident_bytes(), (1000 if UNDER_SANITIZER else 64) * 2**20)
