# SPDX-License-Identifier: MIT
"""One call of svcd's own to the system, to libpq, libuv or for memory fails, each in its turn, and nothing more comes of it than an error."""

import fnmatch
import re
import signal
import subprocess
import threading
import unittest
from pathlib import Path

import svcd_client
from control import SEED, Control, chosen
from harness import SVCD, UNDER_SANITIZER, Daemon, demo_database, environment, is_serving, psql, wait_until
from script import FRESH, HANGS_S, Script, is_clear
from surroundings import Addresses, Configuration, Surroundings

DAMAGE = re.compile(r"Sanitizer|runtime error|msg=crash|Assertion|aborting")
RELOADED = re.compile("configuration reloaded|all stays as it was")
PER_DAEMON = 200  # then it ends, and a sanitizer looks for what was lost


class Tortured(Daemon):
    """It may end by itself, and may log nothing."""

    def __init__(self, database, control, surroundings, **env):
        self.at = Addresses(surroundings.folder)
        self.configuration = Configuration(surroundings, self.at)
        self.process = subprocess.Popen([SVCD, "--config", str(self.configuration.path)], cwd=surroundings.folder, text=True, stderr=subprocess.PIPE,
                                        env=environment(database, **control.environment(), NOTIFY_SOCKET=surroundings.manager.name, **env))
        self.log = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.script = Script(self.at, surroundings)

    def serves_at(self, address):
        with svcd_client.Client(address, options=FRESH) as client:
            return is_serving(client)

    def wait_until_serving(self):
        """False: it has ended."""
        wait_until(lambda: self.process.poll() is not None or self.serves_at(self.at.core) and self.serves_at(self.at.http), "neither serves nor ends", HANGS_S)
        return self.process.poll() is None

    def damage(self):
        return [line for line in self.log if DAMAGE.search(line)]

    def story(self):
        return "\n".join(["", *self.log[-40:]])


def started(database, control, surroundings):
    daemon = Tortured(database, control, surroundings)
    assert daemon.wait_until_serving(), daemon.story()
    return daemon


class ClassWide:
    """A class of tests, as what has a use of a test's clean-up takes it."""

    def __init__(self, tests):
        self.addCleanup = tests.addClassCleanup


class TortureCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()
        cls.surroundings = Surroundings(ClassWide(cls))
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
        daemon = started(self.database, control, self.surroundings)
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
                daemon = started(self.database, control, self.surroundings)
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
        daemon = started(self.database, control, self.surroundings)
        n = control.calls()
        self.stop(daemon, "untouched")
        n_ended = n_tried = 0
        for nth in chosen(n):
            control.fail(nth)
            # What has begun when the start fails is not taken apart: the system takes it back.
            daemon = Tortured(self.database, control, self.surroundings, ASAN_OPTIONS="detect_leaks=0")
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
        daemon = started(self.database, control, self.surroundings)
        daemon.script.run()
        control.fail(0)
        self.stop(daemon, "untouched")
        n, n_tried = control.calls(), 0
        for nth in chosen(n):
            control.fail(0)
            daemon = started(self.database, control, self.surroundings)
            daemon.script.run()
            control.fail(nth)
            n_tried += 1
            with self.subTest(nth=nth):
                self.stop(daemon, f"the {nth}th call of the end")
                self.assertEqual(daemon.damage(), [], f"{control.what_failed()} failed" + daemon.story())
                control.fail(0)
        psql("DELETE FROM websitefeedback", self.database)
        print(f"       {n_tried} of {n} calls of the end failed")


class AtReload(TortureCase):
    def reload(self, daemon):
        """Waits for what comes of it."""
        def told():
            return sum(bool(RELOADED.search(line)) for line in list(daemon.log))
        before = told()
        daemon.configuration.write()
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: told() > before, "nothing comes of a reload", HANGS_S)

    def test_a_call_that_fails_within_a_reload_keeps_the_old_configuration_or_nothing(self):
        control = Control()
        daemon = started(self.database, control, self.surroundings)
        self.assert_serves(daemon.script, "untouched")
        control.fail(0)
        for _ in range(2):
            self.reload(daemon)
        n, n_tried = control.calls(), 0
        for nth in chosen(n):
            if daemon is None:
                daemon = started(self.database, control, self.surroundings)
                self.assert_serves(daemon.script, "at first")
            control.fail(nth)
            told = True
            try:
                for _ in range(2):
                    self.reload(daemon)
            except AssertionError:
                told = False
            what = f"{control.what_failed()} failed, the {nth}th call of {n}"
            control.fail(0)
            n_tried += 1
            with self.subTest(what):
                self.assert_well(daemon, what)
                self.assertTrue(told or "log_writer" in what, f"{what}: nothing comes of a reload" + daemon.story())
                self.assert_serves(daemon.script, what)
            if daemon.process.poll() is not None or n_tried % PER_DAEMON == 0:
                self.end(daemon, f"up to {what}")
                daemon = None
        if daemon:
            self.end(daemon, "at last")
        print(f"       {n_tried} of {n} calls of two reloads failed")


class List(unittest.TestCase):
    def test_each_call_is_made_to_fail_or_spared_for_a_reason(self):
        here = Path(__file__).parent
        failing = set(re.findall(r"^(?:CALL|OWN_STUB)\((\w+)", (here / "calls.h").read_text(encoding="ascii"), re.M))
        spared = [name for line in (here / "spared.txt").read_text(encoding="ascii").splitlines() if not line.startswith("#") for name in line.split()]
        objects = Path(SVCD).parent / "torture/ours.o"
        called = {line.split()[-1] for line in subprocess.run(["nm", "-u", objects], check=True, capture_output=True, text=True).stdout.splitlines()}
        others = {name for name in called if not name.startswith(("torture_", "__asan_", "__ubsan_", "__odr_"))}
        self.assertEqual([name for name in sorted(others) if not is_spared(re.sub(r"^__(\w+)_chk$", r"\1", name), spared)], [])
        if UNDER_SANITIZER:  # the headers of others call some by other names
            self.assertEqual([name for name in sorted(failing) if f"torture_{name}" not in called and not name.startswith("__")], [])


def is_spared(name, spared):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in spared)
