# SPDX-License-Identifier: MIT
"""Every RPC through a real client: its answer held against what stands in the database, before and after."""

import time

import account_pb2 as account
import feedback_pb2 as feedback
import health_pb2 as health
import matching_pb2 as matching
import meeting_pb2 as meeting
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from harness import TestCase, services_of_proto

MENTOR, MENTEE, BOTH, LEGACY, UNMATCHED, NEW = 1, 61, 60, 63, 290, 300  # demo accounts
BARE = 299  # likewise without a profile
NOBODY = 2**31 - 1
FAR_FUTURE = 4_000_000_000  # seconds


def registration(**changes):
    fields = {"name": "Ada", "dateOfBirth": Timestamp(seconds=643_000_000), "email": f"{time.time_ns()}@example.com",
              "password": "secret", "businessAreaId": 2}
    return account.RegistrationRequest(**{**fields, **changes})


class Account(TestCase):
    def log_in(self, username, password):
        return self.client.account.TryLogin(account.AuthenticateRequest(username=username, password=password))

    def test_TryLogin_accepts_argon2id_and_bcrypt_accounts(self):
        self.assertEqual(self.log_in("demo-mentor@example.com", "demo"), account.AuthenticateReply(status=True, id=MENTOR))
        self.assertEqual(self.log_in("demo-legacy@example.com", "demo"), account.AuthenticateReply(status=True, id=LEGACY))

    def test_TryLogin_is_false_without_id_for_a_wrong_password_and_an_unknown_or_differently_cased_email(self):
        for username, password in (("demo-mentor@example.com", "Demo"), ("nobody@example.com", "demo"),
                                   ("Demo-Mentor@example.com", "demo"), ("", "")):
            reply = self.log_in(username, password)
            self.assertEqual((reply.status, reply.HasField("id")), (False, False))

    def test_ListBusinessAreas_and_ListSkills_list_all_by_id(self):
        areas = self.client.account.ListBusinessAreas(Empty()).businessAreas
        self.assertEqual([[str(a.id), a.name] for a in areas],
                         self.sql("SELECT businesssectorid, name FROM businesssector ORDER BY 1"))
        skills = self.client.account.ListSkills(Empty()).skills
        self.assertEqual([[str(s.id), s.name] for s in skills], self.sql("SELECT skillid, name FROM skill ORDER BY 1"))
        self.assertEqual((len(areas), len(skills)), (6, 10))

    def test_RegisterUser_stores_the_account_and_its_password_logs_in(self):
        request = registration(name="Zoë Ünal")
        reply = self.client.account.RegisterUser(request)
        self.assertTrue(reply.status)
        self.assertEqual(
            self.sql(f"SELECT name, email, dob, businesssectorid FROM account WHERE accountid = {reply.accountId}"),
            [["Zoë Ünal", request.email, "1990-05-18", "2"]])
        self.assertEqual(self.log_in(request.email, "secret").id, reply.accountId)

    def test_RegisterUser_is_false_and_stores_nothing_for_what_cannot_be_registered(self):
        before = self.sql_value("SELECT count(*) FROM account")
        for changes in ({"password": "äöüß!"}, {"dateOfBirth": Timestamp(seconds=FAR_FUTURE)}, {"businessAreaId": 0},
                        {"businessAreaId": -1}, {"businessAreaId": 77}, {"name": ""}, {"email": ""},
                        {"email": "demo-mentor@example.com"}):
            with self.subTest(changes):
                reply = self.client.account.RegisterUser(registration(**changes))
                self.assertEqual((reply.status, reply.HasField("accountId")), (False, False))
        self.assertEqual(self.sql_value("SELECT count(*) FROM account"), before)

    def test_AccountProfiles_tells_both_flags(self):
        for user, expected in ((MENTOR, (True, False)), (MENTEE, (False, True)), (BOTH, (True, True)),
                               (NEW, (False, False)), (NOBODY, (False, False))):
            reply = self.client.account.AccountProfiles(account.ProfilesRequest(userid=user))
            self.assertEqual((reply.isMentor, reply.isMentee), expected, user)

    def test_GetNotifications_lists_those_of_the_profile_oldest_first(self):
        for side, profile in (("mentor", account.MENTOR), ("mentee", account.MENTEE)):
            reply = self.client.account.GetNotifications(account.NotificationsRequest(userid=BOTH, targetProfileType=profile))
            self.assertEqual(
                [[text] for text in reply.desiredNotifications],
                self.sql(f"SELECT message FROM {side}message JOIN {side} p USING ({side}id) WHERE p.accountid = {BOTH} "
                         f"ORDER BY {side}messageid"))
            self.assertGreater(len(reply.desiredNotifications), 1)
        none = self.client.account.GetNotifications(account.NotificationsRequest(userid=NEW))
        self.assertEqual(list(none.desiredNotifications), [])

    def test_RegisterMentee_and_RegisterMentor_store_profile_and_skills_once(self):
        for side, rpc in (("mentee", self.client.account.RegisterMentee), ("mentor", self.client.account.RegisterMentor)):
            request = account.ProfileSignupRequest(userid=BARE, desiredSkills=["Writing", "Technical"])
            self.assertTrue(rpc(request).status)
            self.assertFalse(rpc(request).status)
            self.assertEqual(
                self.sql(f"SELECT s.name FROM {side} JOIN {side}skill USING ({side}id) JOIN skill s USING (skillid) "
                         f"WHERE accountid = {BARE} ORDER BY 1"), [["Technical"], ["Writing"]])

    def test_RegisterMentee_of_an_unknown_account_or_skill_is_NOT_FOUND_and_stores_nothing(self):
        before = self.sql_value("SELECT count(*) FROM mentor")
        rpc = self.client.account.RegisterMentor
        self.assert_fails(StatusCode.NOT_FOUND, rpc, account.ProfileSignupRequest(userid=NOBODY))
        self.assert_fails(StatusCode.NOT_FOUND, rpc,
                          account.ProfileSignupRequest(userid=MENTEE, desiredSkills=["Writing", "Alchemy"]), "Alchemy")
        self.assertEqual(self.sql_value("SELECT count(*) FROM mentor"), before)

    def update(self, **fields):
        return self.client.account.UpdateProfileDetails(account.UpdateProfileDetailsRequest(**fields)).success

    def test_UpdateProfileDetails_changes_email_and_skills_and_leaves_what_is_absent(self):
        user = 70
        skills = f"SELECT skillid FROM menteeskill JOIN mentee USING (menteeid) WHERE accountid = {user} ORDER BY 1"
        before = self.sql(skills)
        self.assertTrue(self.update(userid=user, profileType=account.MENTEE, newEmail="seventy@example.com"))
        self.assertEqual(self.sql(skills), before)
        self.assertTrue(self.update(userid=user, profileType=account.MENTEE, skills=[3, 9]))
        self.assertEqual(self.sql(skills), [["3"], ["9"]])
        self.assertEqual(self.sql_value(f"SELECT email FROM account WHERE accountid = {user}"), "seventy@example.com")

    def test_UpdateProfileDetails_is_all_or_nothing(self):
        before = self.sql("SELECT * FROM account ORDER BY 1")
        for wrong in ({"newEmail": "demo-mentee@example.com"}, {"newEmail": ""}, {"newEmail": "x@y", "newBSId": 99},
                      {"newEmail": "x@y", "skills": [1, 99]}, {"newEmail": "x@y", "profileType": account.MENTEE}):
            with self.subTest(wrong):
                self.assertFalse(self.update(**{"userid": MENTOR, "profileType": account.MENTOR, **wrong}))
        self.assertEqual(self.sql("SELECT * FROM account ORDER BY 1"), before)

    def test_UpdateProfileDetails_to_the_others_area_ends_the_assignment_and_tells_both(self):
        user = 80
        mentor, area = self.sql(
            "SELECT mentor.accountid, x.businesssectorid FROM mentee JOIN assignment USING (menteeid) "
            f"JOIN mentor USING (mentorid) JOIN account x ON x.accountid = mentor.accountid WHERE mentee.accountid = {user}")[0]
        self.assertTrue(self.update(userid=user, profileType=account.MENTEE, newBSId=int(area)))
        now = self.client.matching.GetMatchingMentor(matching.MenteeToMentorMatchingRequest(menteeUserId=user))
        self.assertNotEqual(str(now.mentorUserId), mentor)
        told = self.client.account.GetNotifications(account.NotificationsRequest(
            userid=user, targetProfileType=account.MENTEE)).desiredNotifications
        self.assertIn(now.mentorName if now.status else "No new mentor", told[-1])


class Matching(TestCase):
    def test_TryMatch_matches_once_across_areas_with_a_mentor_who_has_a_place(self):
        request = matching.MenteeToMentorMatchingRequest(menteeUserId=UNMATCHED)
        self.assertEqual(self.client.matching.GetMatchingMentor(request), matching.MenteeToMentorMatchingReply())
        reply = self.client.matching.TryMatch(request)
        self.assertTrue(reply.status)
        name, area, mentees = self.sql(
            "SELECT a.name, a.businesssectorid, count(*) FROM account a JOIN mentor USING (accountid) "
            f"JOIN assignment USING (mentorid) WHERE a.accountid = {reply.mentorUserId} GROUP BY a.accountid")[0]
        self.assertEqual(reply.mentorName, name)
        self.assertNotEqual(area, self.sql_value(f"SELECT businesssectorid FROM account WHERE accountid = {UNMATCHED}"))
        self.assertLessEqual(int(mentees), 5)
        self.assertFalse(self.client.matching.TryMatch(request).status)
        self.assertEqual(self.client.matching.GetMatchingMentor(request), reply)

    def test_TryMatch_and_GetMatchingMentor_without_a_mentee_profile_are_NOT_FOUND(self):
        for rpc in (self.client.matching.TryMatch, self.client.matching.GetMatchingMentor):
            for user in (MENTOR, NOBODY):
                self.assert_fails(StatusCode.NOT_FOUND, rpc, matching.MenteeToMentorMatchingRequest(menteeUserId=user))

    def test_GetMenteesByMentorId_lists_the_oldest_assignment_first(self):
        mentees = self.client.matching.GetMenteesByMentorId(matching.GetMenteesRequest(mentorUserId=MENTOR)).mentees
        self.assertEqual(
            [[str(m.userid), m.name] for m in mentees],
            self.sql("SELECT a.accountid, a.name FROM assignment JOIN mentor USING (mentorid) JOIN mentee USING (menteeid) "
                     f"JOIN account a ON a.accountid = mentee.accountid WHERE mentor.accountid = {MENTOR} ORDER BY assignmentid"))
        self.assertIn(MENTEE, [m.userid for m in mentees])
        none = self.client.matching.GetMenteesByMentorId(matching.GetMenteesRequest(mentorUserId=NOBODY))
        self.assertEqual(list(none.mentees), [])


class Meeting(TestCase):
    def appointments(self, user, profile):
        return list(self.client.meeting.List5AppointmentsByUserID(
            meeting.ListAppointmentsRequest(userid=user, profileType=profile)).appointments)

    def test_List5AppointmentsByUserID_lists_the_five_earliest_that_have_not_ended(self):
        ends = "start + duration * interval '1 minute' > now() AT TIME ZONE 'UTC'"
        for side, other, profile in (("mentor", "mentee", meeting.MENTOR), ("mentee", "mentor", meeting.MENTEE)):
            for user in (BOTH, 45, 50):
                listed = (
                    f"SELECT 0, a.name, extract(epoch FROM start)::bigint AS start, duration, '', link FROM meeting "
                    f"JOIN assignment USING (assignmentid) JOIN {side} p USING ({side}id) JOIN {other} o USING ({other}id) "
                    f"JOIN account a ON a.accountid = o.accountid WHERE p.accountid = {user} AND {ends} UNION ALL "
                    f"SELECT 1, '', extract(epoch FROM start)::bigint, duration, s.name, link FROM workshop "
                    f"JOIN skill s USING (skillid) JOIN {side}skill USING (skillid) JOIN {side} p USING ({side}id) "
                    f"WHERE p.accountid = {user} AND {ends} ORDER BY start LIMIT 5")
                expected, got = None, None
                while expected is None or expected != self.sql(listed):  # one has ended meanwhile
                    expected = self.sql(listed)
                    got = [[str(field) for field in (a.type, a.name, a.start_time.seconds, a.duration_minutes, a.skill, a.link)]
                           for a in self.appointments(user, profile)]
                self.assertEqual([row[2] for row in got], [row[2] for row in expected])
                latest = got[-1][2]  # of several that start then, any may be the fifth
                self.assertEqual(sorted(row for row in got if row[2] != latest),
                                 sorted(row for row in expected if row[2] != latest))
                self.assertEqual(len(got), 5)
        self.assertEqual(self.appointments(NEW, meeting.MENTEE), [])

    def test_plans_of_action_are_created_listed_and_completed(self):
        listed = meeting.ListPlansOfActionsRequest(userid=MENTEE)
        before = list(self.client.meeting.ListPlansOfActions(listed).plansOfActions)
        self.assertEqual([[str(p.id), p.content] for p in before],
                         self.sql("SELECT milestoneid, content FROM milestone JOIN mentee USING (menteeid) "
                                  f"WHERE accountid = {MENTEE} AND NOT completed ORDER BY 1"))
        reply = self.client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(
            menteeUserId=MENTEE, plansOfAction="Learn ✎ drawing"))
        self.assertEqual((reply.successful, reply.plansOfAction.content), (True, "Learn ✎ drawing"))
        self.assertEqual(list(self.client.meeting.ListPlansOfActions(listed).plansOfActions), before + [reply.plansOfAction])
        toggle = meeting.TogglePlansOfActionCompletionRequest(planid=reply.plansOfAction.id)
        self.assertTrue(self.client.meeting.TogglePlansOfActionCompletion(toggle).successful)
        self.assertEqual(list(self.client.meeting.ListPlansOfActions(listed).plansOfActions), before)
        self.assertTrue(self.client.meeting.TogglePlansOfActionCompletion(toggle).successful)
        self.assertEqual(len(self.client.meeting.ListPlansOfActions(listed).plansOfActions), len(before) + 1)

    def test_no_plan_is_toggled_or_created_where_there_is_none(self):
        for plan in (-1, 0, NOBODY, 2**62):
            reply = self.client.meeting.TogglePlansOfActionCompletion(meeting.TogglePlansOfActionCompletionRequest(planid=plan))
            self.assertFalse(reply.successful)
        reply = self.client.meeting.CreatePlansOfActions(meeting.CreatePlansOfActionsRequest(
            menteeUserId=MENTOR, plansOfAction="x"))
        self.assertEqual((reply.successful, reply.HasField("plansOfAction")), (False, False))

    def test_ScheduleNewMeeting_stores_it_tells_both_and_refuses_what_overlaps(self):
        def schedule(start, duration):
            return self.client.meeting.ScheduleNewMeeting(meeting.ScheduleNewMeetingRequest(
                menteeUserId=MENTEE, start=Timestamp(seconds=start), duration=duration, link="https://x")).success
        start = 2_000_000_040
        self.assertTrue(schedule(start, 60))
        self.assertFalse(schedule(start + 59 * 60, 10))
        self.assertFalse(schedule(start - 9 * 60, 10))
        self.assertTrue(schedule(start + 60 * 60, 10))
        self.assertEqual(
            self.sql("SELECT start, duration, link FROM meeting WHERE start >= '2033-05-18' ORDER BY start"),
            [["2033-05-18 03:34:00", "60", "https://x"], ["2033-05-18 04:34:00", "10", "https://x"]])
        for side, user in (("mentor", MENTOR), ("mentee", MENTEE)):
            other = "Mel Mentee" if side == "mentor" else "Mona Mentor"
            told = self.sql(f"SELECT message FROM {side}message JOIN {side} USING ({side}id) WHERE accountid = {user} "
                            f"ORDER BY {side}messageid DESC LIMIT 2")
            self.assertIn("2033-05-18 03:34", told[1][0])
            self.assertIn(other, told[1][0])
            self.assertIn("60", told[1][0])
            self.assertIn("2033-05-18 04:34", told[0][0])

    def test_ScheduleNewMeeting_without_a_mentor_is_FAILED_PRECONDITION(self):
        request = meeting.ScheduleNewMeetingRequest(menteeUserId=UNMATCHED, start=Timestamp(seconds=FAR_FUTURE), duration=30)
        self.assert_fails(StatusCode.FAILED_PRECONDITION, self.client.meeting.ScheduleNewMeeting, request)

    def test_ScheduleNewMeeting_refuses_what_is_out_of_range(self):
        for fields in ({"duration": 0}, {"duration": -5}, {"duration": 7 * 24 * 60 + 1}, {"start": None},
                       {"start": Timestamp(seconds=2**60)}, {"menteeUserId": 0}, {"link": "x" * 10_001}, {"link": "a\0b"}):
            with self.subTest(fields):
                request = {"menteeUserId": MENTEE, "start": Timestamp(seconds=FAR_FUTURE), "duration": 30, **fields}
                self.assert_fails(StatusCode.INVALID_ARGUMENT, self.client.meeting.ScheduleNewMeeting,
                                  meeting.ScheduleNewMeetingRequest(**request))

    def test_ScheduleNewWorkshop_stores_it_tells_everyone_with_the_skill_and_refuses_what_overlaps(self):
        def schedule(start, skill="Writing"):
            return self.client.meeting.ScheduleNewWorkshop(meeting.ScheduleNewWorkshopRequest(
                start=Timestamp(seconds=start), duration=90, link="https://w", skill=skill)).status
        told = {side: int(self.sql_value(f"SELECT count(*) FROM {side}message")) for side in ("mentor", "mentee")}
        self.assertTrue(schedule(2_000_000_040))
        self.assertFalse(schedule(2_000_000_040 + 89 * 60))
        for side, before in told.items():
            self.assertEqual(self.sql_value(f"SELECT count(*) - {before} FROM {side}message"),
                             self.sql_value(f"SELECT count(*) FROM {side}skill WHERE skillid = 7"))
        self.assertTrue(schedule(2_000_000_040, "Networking"))
        request = meeting.ScheduleNewWorkshopRequest(start=Timestamp(seconds=FAR_FUTURE), duration=90, skill="Alchemy")
        self.assert_fails(StatusCode.NOT_FOUND, self.client.meeting.ScheduleNewWorkshop, request, "skill")


class Feedback(TestCase):
    arguments = ("--set", "jobs.update_models_enabled=no")  # which takes what is queued, on the half hour

    def test_ratings_are_rounded_stored_once_a_side_and_queued_as_samples(self):
        pair = {"mentorUserId": MENTOR, "menteeUserId": MENTEE}
        self.sql("DELETE FROM mentorfeedback; DELETE FROM menteefeedback")
        for side, rpc in (("mentor", self.client.feedback.AddFeedbackOnMentor),
                          ("mentee", self.client.feedback.AddFeedbackOnMentee)):
            self.assertTrue(rpc(feedback.AddFeedbackRequest(**pair, rating=3.26)).status)
            self.assertFalse(rpc(feedback.AddFeedbackRequest(**pair, rating=1)).status)
            self.assertEqual(self.sql(f"SELECT rating FROM {side}feedback"), [["3.3"]])
        self.assertEqual(self.sql("SELECT businessarea1id, businessarea2id, rating FROM pendingratingfeedback"),
                         [["1", "4", "3.3"]] * 2)

    def test_feedback_on_who_is_not_assigned_is_NOT_FOUND(self):
        stranger = {"mentorUserId": MENTOR, "menteeUserId": UNMATCHED}
        for rpc in (self.client.feedback.AddFeedbackOnMentor, self.client.feedback.AddFeedbackOnMentee):
            self.assert_fails(StatusCode.NOT_FOUND, rpc, feedback.AddFeedbackRequest(**stranger, rating=3))
        self.assert_fails(StatusCode.NOT_FOUND, self.client.feedback.AddProgFeedback,
                          feedback.AddProgFeedbackRequest(**stranger, content="x"))

    def test_ratings_outside_0_to_5_are_INVALID_ARGUMENT(self):
        self.sql("DELETE FROM mentorfeedback")  # a second rating would be false, whatever it is
        for rating in (-0.1, 5.1, float("nan"), float("inf")):
            self.assert_fails(StatusCode.INVALID_ARGUMENT, self.client.feedback.AddFeedbackOnMentor,
                              feedback.AddFeedbackRequest(mentorUserId=MENTOR, menteeUserId=MENTEE, rating=rating))

    def test_texts_are_stored(self):
        self.assertTrue(self.client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="it's \"good\" 🙂")).status)
        self.assertEqual(self.sql("SELECT message FROM websitefeedback ORDER BY websitefeedbackid DESC LIMIT 1"),
                         [["it's \"good\" 🙂"]])
        self.assertTrue(self.client.feedback.AddProgFeedback(feedback.AddProgFeedbackRequest(
            mentorUserId=MENTOR, menteeUserId=MENTEE, content="well done")).status)
        self.assertEqual(
            self.sql("SELECT content, accountid FROM developmentfeedback JOIN assignment USING (assignmentid) "
                     "JOIN mentee USING (menteeid)"), [["well done", str(MENTEE)]])


class Health(TestCase):
    def test_Check_serves_the_whole_and_each_service_and_knows_no_other(self):
        self.assertIn("meeting_package.MeetingService", services_of_proto())
        for service in ("", *services_of_proto()):
            reply = self.client.health.Check(health.HealthCheckRequest(service=service))
            self.assertEqual(reply.status, health.HealthCheckResponse.SERVING, service)
        self.assert_fails(StatusCode.NOT_FOUND, self.client.health.Check, health.HealthCheckRequest(service="account"))
