# SPDX-License-Identifier: MIT
"""Under systemd, and under an operator's signals: a socket of ours stands for systemd's."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, ROOT, Daemon, cluster, demo_database, is_serving, run_svcd, temporary_folder, wait_until


class Notify(unittest.TestCase):
    def listen(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind(address)

    def start(self, database=None, **env):
        daemon = Daemon(database or demo_database(), env=env)
        self.addCleanup(daemon.stop)
        return daemon

    def told(self, wanted):
        """The next datagram that has this line."""
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            if wanted in lines:
                return lines

    def test_ready_is_said_when_it_listens_and_stopping_when_it_drains(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                name = f"@svcd-test-{os.getpid()}" if abstract else str(temporary_folder(self) / "notify")
                self.listen("\0" + name[1:] if abstract else name)
                daemon = self.start(NOTIFY_SOCKET=name)
                status = next(line for line in self.told("READY=1") if line.startswith("STATUS="))
                self.assertRegex(status, r"^STATUS=\d+ calls a second, \d+ connections, database (available|away)$")
                daemon.signal(signal.SIGTERM)
                lines = self.told("STOPPING=1")
                self.assertIn("EXTEND_TIMEOUT_USEC=15000000", lines)
                self.assertEqual(daemon.wait(), 0)

    def test_the_watchdog_is_fed_also_while_the_database_is_away(self):
        self.listen("\0svcd-watchdog-%d" % os.getpid())
        self.addCleanup(cluster, "start")
        daemon = self.start(NOTIFY_SOCKET="@svcd-watchdog-%d" % os.getpid(), WATCHDOG_USEC="200000")
        for _ in range(3):
            self.told("WATCHDOG=1")
        cluster("stop")
        daemon.wait_for_log("database away")
        for _ in range(3):
            self.told("WATCHDOG=1")

    def test_a_loop_that_stands_still_feeds_no_watchdog(self):
        self.listen("\0svcd-frozen-%d" % os.getpid())
        daemon = self.start(NOTIFY_SOCKET="@svcd-frozen-%d" % os.getpid(), WATCHDOG_USEC="100000")
        self.told("WATCHDOG=1")
        daemon.signal(signal.SIGSTOP)
        self.addCleanup(daemon.signal, signal.SIGCONT)
        wait_until(lambda: self.stands_still(daemon), "it goes on")
        self.socket.setblocking(False)
        wait_until(lambda: self.is_silent(), "it is fed for ever")
        time.sleep(0.5)
        self.assertTrue(self.is_silent())

    @staticmethod
    def stands_still(daemon):
        """Each of its threads."""
        states = [re.search(r"\) (\w)", (task / "stat").read_text(encoding="utf-8"))[1] for task in Path(f"/proc/{daemon.process.pid}/task").iterdir()]
        return set(states) == {"T"}

    def is_silent(self):
        try:
            self.socket.recv(4096)
            return False
        except BlockingIOError:
            return True

    def test_a_socket_that_nobody_reads_stops_nothing(self):
        self.listen("\0svcd-deaf-%d" % os.getpid())
        daemon = self.start(NOTIFY_SOCKET="@svcd-deaf-%d" % os.getpid(), WATCHDOG_USEC="2000")
        time.sleep(1)  # a datagram a millisecond: its queue is full
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")

    def test_a_watchdog_of_another_process_is_not_fed(self):
        self.listen("\0svcd-other-%d" % os.getpid())
        daemon = self.start(NOTIFY_SOCKET="@svcd-other-%d" % os.getpid(), WATCHDOG_USEC="2000", WATCHDOG_PID="1")
        self.told("READY=1")
        daemon.signal(signal.SIGTERM)
        said = []
        while "STOPPING=1" not in said:
            said = self.socket.recv(4096).decode().split("\n")
            self.assertNotIn("WATCHDOG=1", said)


class Signals(unittest.TestCase):
    def test_SIGUSR1_logs_a_snapshot(self):
        daemon = Daemon(demo_database())
        self.addCleanup(daemon.stop)
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
            daemon.signal(signal.SIGUSR1)
            daemon.wait_for_log("snapshot of a job", times=2)
            lanes = (rf'msg="snapshot of a lane" lane={lane} connections=\d+ up=\d+ busy=0 queued=0' for lane in ("read", "insert", "write"))
            for wanted in ("msg=snapshot connections=1 calls=0 streams=0 database=available draining=no ", *lanes):
                wait_until(lambda wanted=wanted: self.is_in_a_snapshot(daemon, wanted), f"no {wanted} in a snapshot")

    @staticmethod
    def is_in_a_snapshot(daemon, wanted):
        """In one of them: svcd may have something of its own to ask the database just when one is taken."""
        if any(re.search(wanted, line) for line in list(daemon.log)):
            return True
        time.sleep(2)  # the log leaves out lines of which there are many
        daemon.signal(signal.SIGUSR1)
        return False

    def test_SIGUSR2_and_SIGQUIT_are_ignored_with_a_line(self):
        daemon = Daemon(demo_database())
        self.addCleanup(daemon.stop)
        for number in (signal.SIGUSR2, signal.SIGQUIT):
            daemon.signal(number)
            daemon.wait_for_log(f"is ignored.*signal={number.name}")
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
            self.assertEqual(len(client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)


class Unit(unittest.TestCase):
    """etc/svcd.service and its sockets, as systemd itself judges them."""

    def analyze(self, *arguments, others=()):
        with tempfile.TemporaryDirectory(prefix="svcd-unit.") as folder:
            unit = os.path.join(folder, "svcd.service")
            units = [shutil.copy(other, folder) for other in others] + [unit]
            text = (ROOT / "etc/svcd.service").read_text(encoding="utf-8")
            with open(unit, "w", encoding="utf-8") as file:  # where the binary is, for it is looked for
                file.write(text.replace("/usr/local/bin/svcd", os.environ["SVCD"]).replace("User=svcd", "User=daemon").replace("Group=svcd", "Group=daemon"))
            return subprocess.run(["systemd-analyze", *arguments, *units], capture_output=True, text=True)

    def test_they_are_well_formed(self):
        sockets = sorted((ROOT / "etc").glob("*.socket"))
        self.assertEqual([re.search(r"(?m)^FileDescriptorName=(.*)$", path.read_text(encoding="utf-8"))[1] for path in sockets],
                         ["admin", "grpc", "http", "https"])
        done = self.analyze("verify", "--man=no", others=sockets)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "svcd" in line]
        self.assertEqual(ours, [])

    def test_what_another_start_does_not_mend_is_not_tried_again(self):
        unit = (ROOT / "etc/svcd.service").read_text(encoding="utf-8")
        never = re.search(r"(?m)^RestartPreventExitStatus=(\d+)$", unit)[1]
        for mistake in (["--set", "server.listen=nonsense"], ["--nonsense"], ["nonsense"], ["--config", "/nowhere"]):
            self.assertEqual(str(run_svcd(*mistake).returncode), never, mistake)
        self.assertNotEqual(str(run_svcd("--set", "server.listen=192.0.2.1:1").returncode), never)  # an address may come up

    def test_its_exposure_is_at_most_1_5(self):
        done = self.analyze("security", "--offline=true", "--threshold=15")
        self.assertEqual(done.returncode, 0, done.stdout[-400:] + done.stderr)
