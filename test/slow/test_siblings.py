# SPDX-License-Identifier: MIT
"""Some calls of a kind are stuck, or take long for what their callers have; the others of that kind, which need nothing of it, keep their
pace."""

import itertools
import threading
import time
import unittest

import account_pb2 as account
import feedback_pb2 as feedback
import meeting_pb2 as meeting
import svcd_client
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from harness import Daemon, Held, demo_database, is_serving, psql, wait_until
from jams_kit import FIRST_S, SLOT_S, Took, quantile

LATE_S = 1  # ten times what is promised of the 99th percentile
TIMES = 10  # that, or so many times what the same calls take when nothing is stuck
STUCK_S = 3  # the deadline of calls that are
STUCK_EVERY_S, EVERY_S, SECONDS = 0.15, 0.02, 3
STUCK = range(61, 81)  # accounts of mentees of demo-data whose calls are
FREE = range(81, 241)
ACCOUNTS = f"accountid BETWEEN {STUCK.start} AND {STUCK.stop - 1}"
MENTEES = f"menteeid IN (SELECT menteeid FROM mentee WHERE {ACCOUNTS})"
NEWCOMERS = """INSERT INTO account (accountid, name, email, dob, businesssectorid)
    SELECT i, 'Person ' || i, i || '@example.com', '1990-01-01', 1 + i % 6 FROM generate_series(10001, 14000) i;"""


def slow_rows(table, which):
    """Whoever stores such a row sleeps."""
    return ("CREATE FUNCTION public.jam() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF " + which + " THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$;"
            f"CREATE TRIGGER jam BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION public.jam();")


def slow_to_read(table, which):
    """Whoever reads such a row sleeps."""
    return ("CREATE FUNCTION public.jam(integer) RETURNS boolean LANGUAGE plpgsql COST 100000 AS $$ BEGIN IF "
            f"$1 IN ({which}) THEN PERFORM pg_sleep(30); END IF; RETURN true; END $$;"
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY jam ON {table} USING (public.jam(menteeid));")


class Load(threading.Thread):
    """A call every so often."""

    def __init__(self, make, every_s, deadline_s, has_keys=False):
        super().__init__(daemon=True)
        self.make, self.every_s, self.deadline_s, self.has_keys = make, every_s, deadline_s, has_keys
        self.over, self.took, self.pending = threading.Event(), [], []
        self.start()

    def run(self):
        begun, n = time.monotonic(), 0
        while not self.over.is_set():
            self.begin(*self.make())
            n += 1
            self.over.wait(max(0, begun + n * self.every_s - time.monotonic()))

    def begin(self, rpc, request):
        begun = time.monotonic()
        future = rpc.future(request, timeout=self.deadline_s, metadata=[("idempotency-key", f"key {begun}")] if self.has_keys else None)
        self.pending.append(future)
        future.add_done_callback(lambda done: self.took.append(Took(time.monotonic() - begun, done.code(), done.details())))

    def end(self):
        self.over.set()
        self.join()
        for future in self.pending:
            future.code()
        wait_until(lambda: len(self.took) == len(self.pending), "calls are not told of")
        return self.took


class Siblings(unittest.TestCase):
    def serve(self, prepare):
        self.database = demo_database()
        psql(prepare, self.database)
        psql("ANALYZE", self.database)
        self.daemon = Daemon(self.database)
        self.addCleanup(self.daemon.stop)
        self.client = svcd_client.Client(self.daemon.address)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving")
        self.stuck, self.free, self.n = itertools.cycle(STUCK), itertools.cycle(FREE), itertools.count(time.time_ns() // 1000)

    def slot(self):
        return Timestamp(seconds=FIRST_S + next(self.n) % 900_000 * SLOT_S)

    def pace(self, make, stuck=None, has_keys=False):
        """What the calls take, beside others that are stuck."""
        jam = Load(stuck, STUCK_EVERY_S, STUCK_S, has_keys) if stuck else None
        time.sleep(1 if jam else 0)
        load = Load(make, EVERY_S, 60, has_keys)
        time.sleep(SECONDS)
        took = load.end()
        jammed = jam.end() if jam else []
        self.assertEqual({one.code for one in took}, {StatusCode.OK}, {one.details for one in took})
        return took, jammed

    def keeps_its_pace(self, what, make, stuck, hold=None, is_stuck=True, has_keys=False):
        before, _ = self.pace(make, has_keys=has_keys)
        held = Held(hold, self.database) if hold else None
        beside, jammed = self.pace(make, stuck, has_keys)
        if held:
            held.let_go()
        after, _ = self.pace(make, has_keys=has_keys)
        p99, calm = quantile(beside, 0.99), max(quantile(before, 0.99), quantile(after, 0.99))
        longest = max(one.seconds for one in jammed)
        codes = {code.name: sum(one.code == code for one in jammed) for code in {one.code for one in jammed}}
        print(f"       {what}: beside {codes} of {longest:.1f} s at most: median {quantile(beside, 0.5) * 1000:.0f}, "
              f"99 % {p99 * 1000:.0f} ms (with nothing stuck {calm * 1000:.0f})", flush=True)
        if is_stuck:
            self.assertNotIn(StatusCode.OK.name, codes)
        self.assertLess(p99, max(LATE_S, TIMES * calm))

    def test_reads_beside_profiles_with_very_many_messages(self):
        self.serve("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, 'message ' || i FROM mentee, generate_series(1, 40000) i "
                   "WHERE accountid IN (61, 62, 63)")
        heavy = itertools.cycle((61, 62, 63))
        read = self.client.account.GetNotifications
        self.keeps_its_pace("many messages", lambda: (read, account.NotificationsRequest(userid=next(self.free))),
                            lambda: (read, account.NotificationsRequest(userid=next(heavy))), is_stuck=False)

    def test_reads_beside_profiles_that_are_slow_to_read(self):
        self.serve("INSERT INTO menteemessage (menteeid, message) SELECT menteeid, 'x' FROM mentee")
        psql(slow_to_read("menteemessage", f"SELECT menteeid FROM mentee WHERE {ACCOUNTS}"), self.database)
        read = self.client.account.GetNotifications
        self.keeps_its_pace("slow reads", lambda: (read, account.NotificationsRequest(userid=next(self.free))),
                            lambda: (read, account.NotificationsRequest(userid=next(self.stuck))))

    def test_workshops_beside_a_skill_of_very_many_mentees(self):
        self.serve(slow_rows("workshop", "NEW.skillid IN (SELECT skillid FROM skill WHERE name IN ('Technical', 'Presentation', 'Negotiation'))"))
        stuck, free = itertools.cycle(("Technical", "Presentation", "Negotiation")), itertools.cycle(("Leadership", "Writing", "Networking"))
        rpc = self.client.meeting.ScheduleNewWorkshop
        self.keeps_its_pace("workshops", lambda: (rpc, meeting.ScheduleNewWorkshopRequest(skill=next(free), start=self.slot(), duration=30, link="x")),
                            lambda: (rpc, meeting.ScheduleNewWorkshopRequest(skill=next(stuck), start=self.slot(), duration=30, link="x")))

    def meetings(self, who):
        return lambda: (self.client.meeting.ScheduleNewMeeting, meeting.ScheduleNewMeetingRequest(
            menteeUserId=next(who), start=self.slot(), duration=30, link="x"))

    def matched(self, accounts, n):
        return itertools.cycle([int(row[0]) for row in psql(
            f"SELECT accountid FROM mentee JOIN assignment USING (menteeid) WHERE accountid BETWEEN {accounts.start} AND {accounts.stop - 1} "
            f"ORDER BY 1 LIMIT {n}", self.database)])

    def test_meetings_beside_assignments_that_are_locked(self):
        self.serve("SELECT")
        self.keeps_its_pace("locked assignments", self.meetings(self.matched(FREE, 1000)), self.meetings(self.matched(STUCK, 1000)),
                            hold=f"SELECT FROM assignment WHERE {MENTEES} FOR UPDATE")

    def test_meetings_beside_some_that_are_slow(self):
        self.serve(slow_rows("meeting", f"NEW.assignmentid IN (SELECT assignmentid FROM assignment WHERE {MENTEES})"))
        self.keeps_its_pace("slow meetings", self.meetings(self.matched(FREE, 1000)), self.meetings(self.matched(STUCK, 1000)))

    def plans(self, who, text):
        return lambda: (self.client.meeting.CreatePlansOfActions, meeting.CreatePlansOfActionsRequest(menteeUserId=next(who), plansOfAction=text))

    def test_short_writes_beside_some_that_are_slow(self):
        self.serve(slow_rows("milestone", "NEW.content = 'slow'"))
        self.keeps_its_pace("slow plans", self.plans(self.free, "x"), self.plans(self.stuck, "slow"))

    def test_short_writes_beside_profiles_that_are_locked(self):
        self.serve("SELECT")
        self.keeps_its_pace("plans of locked profiles", self.plans(self.free, "x"), self.plans(self.stuck, "y"),
                            hold=f"SELECT FROM mentee WHERE {ACCOUNTS} FOR UPDATE")

    def feedback(self, text):
        """Each another one, so that none is known to be stuck by those before it."""
        return lambda: (self.client.feedback.AddDevFeedback, feedback.AddDevFeedbackRequest(content=f"{text} {next(self.n)}"))

    def test_short_writes_without_a_key_beside_some_that_are_slow(self):
        self.serve(slow_rows("websitefeedback", "NEW.message LIKE 'slow%'"))
        self.keeps_its_pace("slow feedback", self.feedback("x"), self.feedback("slow"))
        self.keeps_its_pace("slow feedback with keys", self.feedback("x"), self.feedback("slow"), has_keys=True)

    def test_short_writes_without_a_key_beside_some_that_wait_for_a_lock(self):
        self.serve("CREATE FUNCTION public.jam() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.message LIKE 'slow%' THEN "
                   "PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END $$;"
                   "CREATE TRIGGER jam BEFORE INSERT ON websitefeedback FOR EACH ROW EXECUTE FUNCTION public.jam();")
        self.keeps_its_pace("locked feedback", self.feedback("x"), self.feedback("slow"), hold="SELECT pg_advisory_lock(1)")
        self.keeps_its_pace("locked feedback with keys", self.feedback("x"), self.feedback("slow"), hold="SELECT pg_advisory_lock(1)", has_keys=True)

    def test_sign_ups_beside_accounts_that_are_locked(self):
        self.serve(NEWCOMERS)
        stuck, free = itertools.cycle(range(13900, 13920)), iter(range(10001, 13900))
        rpc = self.client.account.RegisterMentee
        self.keeps_its_pace("sign-ups", lambda: (rpc, account.ProfileSignupRequest(userid=next(free), desiredSkills=["Writing"])),
                            lambda: (rpc, account.ProfileSignupRequest(userid=next(stuck), desiredSkills=["Writing"])),
                            hold="SELECT FROM account WHERE accountid BETWEEN 13900 AND 13920 FOR UPDATE")

    def test_updates_beside_accounts_that_are_locked(self):
        self.serve("SELECT")
        rpc = self.client.account.UpdateProfileDetails
        self.keeps_its_pace("updates", lambda: (rpc, account.UpdateProfileDetailsRequest(userid=next(self.free), newEmail=f"{next(self.n)}@example.com")),
                            lambda: (rpc, account.UpdateProfileDetailsRequest(userid=next(self.stuck), newEmail=f"{next(self.n)}@example.com")),
                            hold=f"SELECT FROM account WHERE {ACCOUNTS} FOR UPDATE")
