# SPDX-License-Identifier: MIT
"""Sixteen clients write and read with idempotency-keys while the database is killed, restarted, frozen and cut off, and svcd itself is killed
and replaced. Afterwards the rows are held against what the clients were told.

HISTORY_S is how long at least (25 s; make check-history: 100), HISTORY_SEED makes the same dice roll again; which thread of which process is
how fast is beyond them. Faults wait for calls that were answered since the last one, not for time."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import matching_pb2 as matching
import meeting_pb2 as meeting
import svcd_client
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from harness import PATIENCE_S, ROOT, Daemon, free_port, migrate, wait_until
from replicas_kit import HOST, Server

SECONDS = float(os.environ.get("HISTORY_S", "25"))
SEED = int(os.environ.get("HISTORY_SEED", time.time_ns() % 1_000_000))
CLIENTS = 16
BETWEEN = 200  # answers between two faults
TRY_AGAIN = {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.ABORTED, StatusCode.RESOURCE_EXHAUSTED, StatusCode.CANCELLED}
MENTEES = range(61, 81)  # of demo-data, with mentors
SKILLS = ("Writing", "Leadership", "Networking")
SLOT_S, SLOTS, FIRST_S = 1800, 400, 4_102_444_800
# More mentees than there are places for.
UNMATCHED = range(10_001, 10_401)
WORLD = f"""
    INSERT INTO account (accountid, name, email, dob, businesssectorid)
        SELECT i, 'Person ' || i, i || '@example.com', '1990-01-01', 1 + i % 6 FROM generate_series({UNMATCHED.start}, {UNMATCHED.stop - 1}) i;
    INSERT INTO mentee (accountid) SELECT accountid FROM account WHERE accountid >= {UNMATCHED.start};"""

# A new svcd is met soon. (grpc.min_reconnect_backoff_ms is how long an attempt may take, and sixteen busy threads make it long.)
SOON = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]

Told = collections.namedtuple("Told", "kind key name request answer")  # answer None: nobody knows what became of it


class Writer(threading.Thread):
    """One client. What it was told is in `told`, what was wrong meanwhile in `wrong`."""

    def __init__(self, history, number):
        super().__init__(daemon=True)
        self.history, self.number = history, number
        self.dice = random.Random(SEED * 100 + number)
        self.client = svcd_client.Client(history.daemon.address, SOON)
        self.told, self.wrong, self.plans, self.n = [], [], [], 0

    def run(self):
        kinds = (self.dev_feedback, self.plan, self.toggle, self.meeting, self.workshop, self.match, self.profiles)
        try:
            while not self.history.over.is_set():
                self.dice.choice(kinds)()
        except Exception as error:  # pylint: disable=broad-except
            self.wrong.append(repr(error))
        finally:
            self.client.channel.close()

    def name(self):
        self.n += 1
        return f"{SEED}-{self.number}-{self.n}"

    def try_once(self, rpc, request, key):
        """Its status and answer."""
        metadata = [("idempotency-key", key)] if key else []
        try:
            return StatusCode.OK, rpc(request, timeout=self.dice.choice((0.2, 2, 20)), metadata=metadata)
        except grpc.RpcError as error:
            if error.code() not in TRY_AGAIN:
                self.wrong.append(f"{request}: {error.code()}: {error.details()}")
            time.sleep(0.02)
            return error.code(), None

    def write(self, kind, rpc, request, name):
        """With a key until it is answered, unless the client gives up; without one, once. Some come again although they were answered."""
        key = None if self.dice.random() < 0.2 else f"key {name}"
        gives_up = self.dice.random() < 0.1
        code, answer = self.try_once(rpc, request, key)
        while key and answer is None and code in TRY_AGAIN and not gives_up and not self.history.broken:
            code, answer = self.try_once(rpc, request, key)
        if answer is not None:
            self.history.answered()
        if key and answer is not None and self.dice.random() < 0.3:
            _, again = self.try_once(rpc, request, key)
            if again is not None and again != answer:
                self.wrong.append(f"{kind} {request}: first {answer}, then {again}")
        self.told.append(Told(kind, key, name, request, answer))
        return answer

    def dev_feedback(self):
        name = self.name()
        self.write("feedback", self.client.feedback.AddDevFeedback, feedback.AddDevFeedbackRequest(content=name), name)

    def plan(self):
        name, mentee = self.name(), self.dice.choice(MENTEES)
        answer = self.write("plan", self.client.meeting.CreatePlansOfActions,
                            meeting.CreatePlansOfActionsRequest(menteeUserId=mentee, plansOfAction=name), name)
        if answer is None:
            return
        self.plans.append(answer.plansOfAction.id)
        try:
            listed = self.client.meeting.ListPlansOfActions(meeting.ListPlansOfActionsRequest(userid=mentee), timeout=2)
        except grpc.RpcError:
            return
        if answer.plansOfAction.id not in [plan.id for plan in listed.plansOfActions]:
            self.wrong.append(f"plan {name} was acknowledged and is not listed")

    def toggle(self):
        """Each plan once, by who made it."""
        if not self.plans:
            return
        plan = self.plans.pop()
        self.write("toggle", self.client.meeting.TogglePlansOfActionCompletion,
                   meeting.TogglePlansOfActionCompletionRequest(planid=plan), self.name())

    def slot(self):
        return Timestamp(seconds=FIRST_S + self.dice.randrange(SLOTS) * SLOT_S)

    def meeting(self):
        name = self.name()
        self.write("meeting", self.client.meeting.ScheduleNewMeeting,
                   meeting.ScheduleNewMeetingRequest(menteeUserId=self.dice.choice(MENTEES), start=self.slot(), duration=45, link=name), name)

    def workshop(self):
        name = self.name()
        self.write("workshop", self.client.meeting.ScheduleNewWorkshop,
                   meeting.ScheduleNewWorkshopRequest(skill=self.dice.choice(SKILLS), start=self.slot(), duration=45, link=name), name)

    def match(self):
        self.write("match", self.client.matching.TryMatch,
                   matching.MenteeToMentorMatchingRequest(menteeUserId=self.dice.choice(UNMATCHED)), self.name())

    def profiles(self):
        with contextlib.suppress(grpc.RpcError):
            found = self.client.account.AccountProfiles(account.ProfilesRequest(userid=self.dice.choice(MENTEES)), timeout=2)
            if not found.isMentee:
                self.wrong.append("a mentee is none any more")


class History(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="svcd-history.", dir="/tmp")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        port, relay_port = free_port(), free_port()
        self.server = Server(Path(folder.name) / "pg", port)
        self.server.start()
        self.addCleanup(self.server.stop)
        to_server = {"POSTGRES_HOST": HOST, "POSTGRES_DATABASE": "svcd"}
        migrate("svcd", **to_server, POSTGRES_PORT=str(port))
        demo = subprocess.run([ROOT / "tools/demo-data"], check=True, capture_output=True, text=True).stdout
        subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(port), "-U", "svcd", "svcd"], input=demo + WORLD,
                       text=True, check=True, stdout=subprocess.DEVNULL)
        self.relay = subprocess.Popen([sys.executable, Path(__file__).with_name("relay.py"), str(relay_port), str(port)])
        self.addCleanup(self.relay.wait)
        self.addCleanup(self.relay.kill)
        self.env, self.listen = {**to_server, "POSTGRES_PORT": str(relay_port)}, f"127.0.0.1:{free_port()}"
        self.serve()
        self.addCleanup(lambda: self.daemon.stop())
        self.over, self.broken, self.lock, self.answers = threading.Event(), False, threading.Lock(), 0

    def answered(self):
        with self.lock:
            self.answers += 1

    def serve(self):
        self.daemon = Daemon("svcd", env=self.env, listen=self.listen)
        self.daemon.wait_for_log("database available")

    # ---- faults ----

    def again(self):
        """Until PostgreSQL runs; what was killed leaves memory that its last process has to let go."""
        def started():
            try:
                self.server.start()  # which takes one that was killed a moment ago for running
                self.server.psql("SELECT 1")
                return True
            except Exception:  # pylint: disable=broad-except
                return False
        wait_until(started, "PostgreSQL does not start")

    def kill_9(self):
        for pid in self.server.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.again()

    def restart_immediate(self):
        self.server.stop("immediate")
        self.again()

    def restart_fast(self):
        self.server.stop("fast")
        self.again()

    def end_backends(self):
        self.server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ ' svcd ' ORDER BY random() LIMIT 1")

    def kill_backend(self):
        pids = self.server.psql("SELECT pid FROM pg_stat_activity WHERE application_name ~ ' svcd ' ORDER BY random() LIMIT 1").split()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def freeze(self, seconds):
        self.server.freeze()
        self.over.wait(seconds)
        self.server.thaw()

    def freeze_3(self):
        self.freeze(3)

    def freeze_15(self):
        self.freeze(15)

    def silence(self):
        self.relay.send_signal(signal.SIGSTOP)
        self.over.wait(self.dice.choice((1, 4)))
        self.relay.send_signal(signal.SIGCONT)

    def kill_svcd(self):
        self.daemon.process.kill()
        self.daemon.wait()
        self.serve()

    def replace_svcd(self):
        self.daemon.stop()
        self.serve()

    FAULTS = (kill_9, restart_immediate, restart_fast, end_backends, kill_backend, freeze_3, freeze_15, silence, kill_svcd, replace_svcd)

    def faults(self, writers):
        """Each once in any order, and on until the time is over."""
        begun, to_come, done = time.monotonic(), [], collections.Counter()
        while time.monotonic() - begun < SECONDS or len(done) < len(self.FAULTS):
            to_come = to_come or self.dice.sample(self.FAULTS, len(self.FAULTS))
            enough = self.answers + BETWEEN
            wait_until(lambda: self.answers >= enough or not any(writer.is_alive() for writer in writers),
                       "no calls are answered any more: " + "\n".join(self.daemon.log[-20:]))
            if self.answers < enough:
                break  # what they saw is told at the end
            fault = to_come.pop()
            fault(self)
            done[fault.__name__] += 1
        return done

    # ---- the verdict ----

    def rows(self, statement):
        return [line.split("|") for line in self.server.psql(statement, user="svcd").splitlines()]

    def counted(self, statement):
        return {name: int(n) for name, n in self.rows(statement)}

    def judge(self, told):
        counts = {"feedback": self.counted("SELECT message, count(*) FROM websitefeedback GROUP BY 1"),
                  "plan": self.counted("SELECT content, count(*) FROM milestone GROUP BY 1"),
                  "meeting": self.counted("SELECT link, count(*) FROM meeting GROUP BY 1"),
                  "workshop": self.counted("SELECT link, count(*) FROM workshop GROUP BY 1")}
        plans = dict(self.rows("SELECT content, milestoneid FROM milestone"))
        completed = dict(self.rows("SELECT milestoneid, completed FROM milestone"))
        mentors = dict(self.rows("SELECT e.accountid, m.accountid FROM assignment JOIN mentee e USING (menteeid) JOIN mentor m USING (mentorid)"))
        for kind, _, name, request, answer in told:
            with self.subTest(kind=kind, name=name, seed=SEED):
                if kind in counts:
                    n, is_done = counts[kind].get(name, 0), answer is not None and getattr(answer, answer.DESCRIPTOR.fields[0].name)
                    self.assertIn(n, (0, 1) if answer is None else (1,) if is_done else (0,), f"{request} was answered {answer}")
                if kind == "plan" and answer is not None:
                    self.assertEqual(plans[name], str(answer.plansOfAction.id))
                if kind == "toggle" and answer is not None:
                    self.assertEqual(completed[str(request.planid)], "t")
                if kind == "match" and answer is not None and answer.status:
                    self.assertEqual(mentors[str(request.menteeUserId)], str(answer.mentorUserId))
        for what, statement in (
                ("a mentor has more than five mentees", "SELECT mentorid FROM assignment GROUP BY mentorid HAVING count(*) > 5"),
                ("a mentee has two mentors", "SELECT menteeid FROM assignment GROUP BY menteeid HAVING count(*) > 1"),
                ("meetings overlap", "SELECT a.meetingid FROM meeting a JOIN meeting b ON a.assignmentid = b.assignmentid AND a.meetingid < b.meetingid"
                 " AND (a.start, a.duration * interval '1 minute') OVERLAPS (b.start, b.duration * interval '1 minute')"),
                ("workshops overlap", "SELECT a.workshopid FROM workshop a JOIN workshop b ON a.skillid = b.skillid AND a.workshopid < b.workshopid"
                 " AND (a.start, a.duration * interval '1 minute') OVERLAPS (b.start, b.duration * interval '1 minute')"),
                ("somebody was notified of what is not", "SELECT x.n, y.n FROM (SELECT count(*) AS n FROM menteemessage WHERE message ~ '2100-') x,"
                 f" (SELECT count(*) AS n FROM meeting WHERE link ~ '^{SEED}-') y WHERE x.n < y.n")):
            self.assertEqual(self.rows(statement), [], f"{what}; seed {SEED}")

    def test_what_was_acknowledged_is_there_once_and_what_comes_again_is_answered_alike(self):
        print(f"       seed {SEED}", flush=True)
        self.dice = random.Random(SEED)
        writers = [Writer(self, number) for number in range(CLIENTS)]
        for writer in writers:
            writer.start()
        try:
            done = self.faults(writers)
        except BaseException:
            self.broken = True  # nobody may be there to answer
            raise
        finally:
            self.over.set()
            for writer in writers:
                writer.join(PATIENCE_S)
        told = [one for writer in writers for one in writer.told]
        self.assertEqual([wrong for writer in writers for wrong in writer.wrong], [], f"seed {SEED}")
        self.judge(told)
        unknown = sum(one.answer is None for one in told)
        print(f"       {len(told)} writes, {unknown} of them of unknown end, beside {dict(done)}")
        self.assertGreater(len(told) - unknown, 1000)
