# SPDX-License-Identifier: MIT
"""The daemon's log on its way out: nobody waits for standard error, every form can be read by a machine."""

import array
import fcntl
import json
import os
import re
import signal
import subprocess
import termios
import threading
import time
import unittest

import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, SVCD, Daemon, demo_database, environment, free_port, is_listening, is_serving, run_svcd, wait_until


class FullPipe(unittest.TestCase):
    """Standard error is a pipe that nobody reads."""

    def setUp(self):
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.address = f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen([SVCD, "--set", f"server.listen={self.address}", "--set", "drain.lame_ms=0",
                                         "--set", "log.level=debug"], env=environment(demo_database()), stderr=writer)
        self.addCleanup(self.end)
        wait_until(lambda: is_listening(self.address), "not listening")
        self.client = svcd_client.Client(self.address)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving")
        self.fill(writer)

        os.close(writer)
        for _ in range(200):  # a line each
            self.process.send_signal(signal.SIGUSR2)
            time.sleep(0.001)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.reader)

    def fill(self, writer):
        """By a process of its own, for O_NONBLOCK would be svcd's as well; it is stuck, and is killed."""
        filler = subprocess.Popen(["sh", "-c", "while :; do echo filling; done"], stdout=writer)

        def is_full():
            held = array.array("i", [0])
            fcntl.ioctl(self.reader, termios.FIONREAD, held)
            return held[0] > 4096 - len("filling\n")
        wait_until(is_full, "the pipe is not full")
        filler.kill()
        filler.wait()

    def test_calls_are_answered_all_the_same(self):
        self.assertTrue(is_serving(self.client))
        self.assertEqual(len(self.client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)

    def test_it_ends_on_SIGTERM_all_the_same(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE_S), 0)
        self.assertLess(time.monotonic() - begun, 10)  # drain.timeout_ms is what it would take if a call hung

    def test_what_waited_is_written_when_somebody_reads_again(self):
        text = bytearray()

        def read():
            while part := os.read(self.reader, 65536):
                text.extend(part)
        thread = threading.Thread(target=read)
        thread.start()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE_S), 0)
        thread.join(PATIENCE_S)
        self.assertIn(b"msg=drained\n", text)


class Forms(unittest.TestCase):
    """log.format"""

    def lines(self, *arguments, env=None):
        """What a daemon logs that has started, served and stopped."""
        daemon = Daemon(demo_database(), "--set", "log.level=debug", *arguments, env=env)
        self.addCleanup(daemon.stop)
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
        daemon.stop()
        return daemon.log

    def test_text_is_pairs_and_nothing_else(self):
        pair = r'[a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+)'
        for line in self.lines():
            self.assertRegex(line, rf"^time=\S+Z level=(debug|info|warn|error) {pair}(?: {pair})*$")

    def test_json_is_an_object_a_line(self):
        daemon = subprocess.Popen([SVCD, "--set", "server.listen=127.0.0.1:0", "--set", "log.format=json", "--set", "drain.lame_ms=0"],
                                  env=environment(demo_database()), stderr=subprocess.PIPE, text=True)
        try:
            lines = []
            for line in daemon.stderr:
                lines.append(json.loads(line))
                if lines[-1]["msg"] == "listening":
                    daemon.send_signal(signal.SIGTERM)
        finally:
            daemon.terminate()
            self.assertEqual(daemon.wait(PATIENCE_S), 0)
            daemon.stderr.close()
        self.assertEqual(lines[0]["msg"], "starting")
        self.assertEqual(lines[-1]["msg"], "drained")
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("info", "warn"))
        address = next(line["address"] for line in lines if line["msg"] == "listening")
        self.assertTrue(re.match(r"127\.0\.0\.1:\d+$", address))

    def test_auto_is_the_journal_where_standard_error_is_the_one_systemd_named(self):
        for is_the_one, wanted in ((True, rb"<6>msg=starting version="), (False, rb"time=\S+ level=info msg=starting ")):
            reader, writer = os.pipe()
            stat = os.fstat(writer)
            stream = f"{stat.st_dev}:{stat.st_ino if is_the_one else stat.st_ino + 1}"
            daemon = subprocess.Popen([SVCD, "--set", "server.listen=127.0.0.1:0", "--set", "drain.lame_ms=0"], stderr=writer,
                                      env=environment(demo_database(), JOURNAL_STREAM=stream))
            os.close(writer)
            with open(reader, "rb") as log:
                self.assertRegex(log.readline(), rb"^" + wanted)
                daemon.terminate()
                daemon.wait(PATIENCE_S)

    def test_a_form_that_is_none_is_a_mistake_that_names_them(self):
        done = run_svcd("--set", "log.format=xml", "migrate", "--check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("auto, text, json or journal", done.stderr)
