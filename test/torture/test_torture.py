# SPDX-License-Identifier: MIT
"""One call of svcd's own to the system, to libpq, libuv or for memory fails, each in its turn, and nothing more comes of it than an error."""

import os
import re
import subprocess
import threading
import unittest

import svcd_client
from control import SEED, Control, chosen
from harness import SVCD, ROOT, Daemon, demo_database, environment, free_port, is_serving, psql, wait_until
from script import FRESH, HANGS_S, Script, is_clear

SETTINGS = ("password.failure_floor_ms=0", "throttle.address_per_minute=0", "throttle.email_per_minute=0", "admin.listen=127.0.0.1:0",
            "drain.lame_ms=0", "drain.timeout_ms=2000")
DAMAGE = re.compile(r"Sanitizer|runtime error|msg=crash|Assertion|aborting")
PER_DAEMON = 200  # then it ends, and a sanitizer looks for what was lost


class Tortured(Daemon):
    """On known ports, since what it logs may be what fails; it may end by itself."""

    def __init__(self, database, control, **env):
        self.core, self.http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        # The server as a standby of itself: what is read goes there first, and to the primary when that fails.
        reads = (f"database.read_host={os.environ['PGHOST']}", f"database.read_port={os.environ['PGPORT']}")
        settings = (f"server.listen={self.core},http://{self.http}", *SETTINGS, *reads)
        self.process = subprocess.Popen([SVCD, *(word for setting in settings for word in ("--set", setting))], cwd=ROOT, text=True,
                                        env=environment(database, **control.environment(), **env), stderr=subprocess.PIPE)
        self.log = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.script = Script(self.core, self.http)

    def serves_at(self, address):
        with svcd_client.Client(address, options=FRESH) as client:
            return is_serving(client)

    def wait_until_serving(self):
        """False: it has ended."""
        wait_until(lambda: self.process.poll() is not None or self.serves_at(self.core) and self.serves_at(self.http), "neither serves nor ends", HANGS_S)
        return self.process.poll() is None

    def damage(self):
        return [line for line in self.log if DAMAGE.search(line)]

    def story(self):
        return "\n".join(["", *self.log[-60:]])


def started(database, control, **env):
    daemon = Tortured(database, control, **env)
    assert daemon.wait_until_serving(), daemon.story()
    return daemon


class TortureCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()
        print(f"       TORTURE_SEED={SEED}")

    def assert_well(self, daemon, what):
        self.assertEqual(daemon.damage(), [], what + daemon.story())
        self.assertIsNone(daemon.process.poll(), f"{what}: it ended" + daemon.story())

    def assert_serves(self, script, what):
        """As if nothing had been; it may have lost its connections."""
        def all_good():
            self.last = [(name, good, status) for name, good, status in script.run() if status != good]
            return not self.last
        try:
            wait_until(all_good, f"{what}: not served afterwards", HANGS_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.last}") from None

    def assert_stored_once(self, script, what):
        stored = {content: int(n) for content, n in psql("SELECT message, count(*) FROM websitefeedback GROUP BY 1", self.database)}
        self.assertEqual([c for c in script.acknowledged if stored.get(c, 0) != 1], [], f"{what}: acknowledged, and not stored once")
        self.assertEqual([c for c in script.unknown if stored.get(c, 0) > 1], [], f"{what}: stored twice")
        psql("DELETE FROM websitefeedback", self.database)

    def stop(self, daemon, what):
        try:
            daemon.stop()
        except AssertionError as error:
            self.fail(f"{what}: {error}")

    def end(self, daemon, what):
        with self.subTest(what):
            self.stop(daemon, what)
            self.assert_stored_once(daemon.script, what)


class UnderCalls(TortureCase):
    def calls_of_a_script(self):
        control = Control()
        daemon = started(self.database, control)
        self.assert_serves(daemon.script, "untouched")
        control.fail(0)
        daemon.script.run()
        n = control.calls()
        self.stop(daemon, "untouched")
        psql("DELETE FROM websitefeedback", self.database)
        return n

    def test_a_call_that_fails_under_RPCs_costs_an_error_at_most(self):
        n, control, daemon, tried = self.calls_of_a_script(), Control(), None, 0
        for nth in chosen(n):
            if daemon is None:
                daemon = started(self.database, control)
                script = daemon.script
                self.assert_serves(script, "at first")
            control.fail(nth)
            done = script.run()
            what = f"{control.what_failed()} failed, the {nth}th call of {n}"
            control.fail(0)
            with self.subTest(what):
                self.assert_well(daemon, what)
                self.assertEqual([ended for ended in done if not is_clear(*ended[1:])], [], what)
                self.assert_serves(script, what)
            tried += 1
            if daemon.process.poll() is not None or tried % PER_DAEMON == 0:
                self.end(daemon, f"up to {what}")
                daemon = None
        if daemon:
            self.end(daemon, "at last")
        print(f"       {tried} of {n} calls under RPCs failed")


class AtTheStart(TortureCase):
    def test_a_call_that_fails_at_the_start_ends_it_with_a_reason_or_does_not_matter(self):
        control = Control()
        daemon = started(self.database, control)
        n = control.calls()
        self.stop(daemon, "untouched")
        n_ended = n_tried = 0
        for nth in chosen(n):
            control.fail(nth)
            # What has begun when the start fails is not taken apart: the system takes it back.
            daemon = Tortured(self.database, control, ASAN_OPTIONS="detect_leaks=0")
            try:
                serves = daemon.wait_until_serving()
            except AssertionError as error:
                with self.subTest(nth=nth):
                    self.fail(f"{control.what_failed()}: {error}{daemon.story()}")
                daemon.process.kill()
                continue
            what = f"{control.what_failed()} failed, the {nth}th call of the start"
            control.fail(0)
            n_tried += 1
            with self.subTest(what):
                if serves:
                    self.assert_serves(daemon.script, what)
                    self.stop(daemon, what)
                    self.assert_stored_once(daemon.script, what)
                else:
                    n_ended += 1
                    self.assertGreater(daemon.wait(), 0, what + daemon.story())
                    self.assertTrue(daemon.log and "listening" not in daemon.log[-1], f"{what}: no reason is given" + daemon.story())
                self.assertEqual(daemon.damage(), [], what + daemon.story())
        print(f"       {n_tried} of {n} calls of the start failed; {n_ended} of them ended it")


class AtTheEnd(TortureCase):
    def test_a_call_that_fails_at_the_end_does_not_keep_it_from_ending(self):
        control = Control()
        daemon = started(self.database, control)
        daemon.script.run()
        control.fail(0)
        self.stop(daemon, "untouched")
        n, n_tried = control.calls(), 0
        for nth in chosen(n):
            control.fail(0)
            daemon = started(self.database, control)
            daemon.script.run()
            control.fail(nth)
            n_tried += 1
            with self.subTest(nth=nth):
                self.stop(daemon, f"the {nth}th call of the end")
                self.assertEqual(daemon.damage(), [], f"{control.what_failed()} failed" + daemon.story())
                control.fail(0)
        psql("DELETE FROM websitefeedback", self.database)
        print(f"       {n_tried} of {n} calls of the end failed")
