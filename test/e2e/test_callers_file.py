# SPDX-License-Identifier: MIT
"""The file of callers, as whoever edits it meets it: the line that `svcd token` prints, and what is told of mistakes."""

import hashlib
import re
import signal
import subprocess
import unittest

from harness import PATIENCE_S, SVCD, Daemon, demo_database, environment, run_svcd, services_of_proto, temporary_folder

class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = temporary_folder(self)

    def check(self, text, *arguments):
        (self.folder / "tokens").write_text(text)
        return run_svcd("--set", "access.callers=token", "--set", f"access.tokens={self.folder}/tokens", *arguments, "check")

    def test_a_token_is_printed_with_the_line_that_makes_it_known(self):
        done = run_svcd("token", "web", "account_package.AccountService", "health")
        secret, line = done.stdout.splitlines()
        self.assertEqual(line.split(), ["web", hashlib.sha256(secret.encode()).hexdigest(), "account_package.AccountService,health"])
        self.assertEqual(len(secret), 43)
        self.assertEqual(self.check(line + "\n").returncode, 0)
        self.assertTrue(run_svcd("token", "web").stdout.splitlines()[1].endswith(" *"))
        self.assertNotEqual(run_svcd("token", "web").stdout, run_svcd("token", "web").stdout)

    def test_a_token_for_a_service_that_there_is_not_is_refused_with_the_nearest(self):
        done = run_svcd("token", "web", "AccountServic")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("did you mean account_package.AccountService?", done.stderr)
        self.assertEqual(run_svcd("token", "two words").returncode, 2)

    def test_no_line_is_printed_that_would_not_be_taken(self):
        account, meeting = "account_package.AccountService", "meeting_package.MeetingService"
        for services in ((account, "*"), ("*", account), ("*", "*"), ("",), (f"{account}, {meeting}",), (f"{account} {meeting}",), (f"{account},",)):
            done = run_svcd("token", "web", *services)
            self.assertEqual((done.returncode, done.stdout), (2, ""), services)
        for services in (("*",), (f"{account},{meeting}", "health")):
            self.assertEqual(self.check(run_svcd("token", "web", *services).stdout.splitlines()[1]).returncode, 0, services)

    def test_each_mistake_in_the_file_is_told_with_its_line_and_what_would_be_right(self):
        hash_ = "0" * 64
        done = self.check(f"# a comment\n\nweb {hash_} account_package.AccountService # another\nlonely\nshort {hash_}\n"
                          f"bad-hash {'x' * 64} *\nweb {'1' * 64} *\nsame {hash_} *\nlost {'2' * 64} AccountServices,*\n"
                          f"greedy {'3' * 64} * rate=0 speed=3\nw/b {'4' * 64} *\nfriend cert * concurrent=5 rate=10\n"
                          f"bad-too {'y' * 64} *\nzeros {'0' * 63} *\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        file = f"{self.folder}/tokens"
        for line, says in ((4, "lacks its hash and its services"), (5, "lacks its services"), (6, "expected the SHA-256"),
                           (7, "web stands in line 3 already"), (8, "has the hash of web in line 3"),
                           (9, "did you mean account_package.AccountService?"), (10, "expected a whole number from 1 to 1000000"),
                           (10, "expected rate=N or concurrent=N"), (11, "letters, digits")):
            self.assertRegex(done.stderr, rf"(?m)^{file}:{line}: .*{says.replace('?', '[?]').replace('*', '[*]')}")
        self.assertNotIn("x" * 64, done.stderr)
        for line in (6, 13, 14):
            self.assertEqual(len(re.findall(rf"(?m)^{file}:{line}: ", done.stderr)), 1, done.stderr)
        for line in (1, 2, 3, 12):
            self.assertNotIn(f"{file}:{line}:", done.stderr)

    def test_a_certificate_s_name_stands_once_in_whatever_case(self):
        done = self.check("friend.example cert *\nFriend.Example cert *\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tokens:2: Friend.Example stands in line 1 already", done.stderr)
        self.assertEqual(self.check(f"friend {'0' * 64} *\nFriend {'1' * 64} *\n").returncode, 0)

    def test_a_file_as_editors_of_windows_write_it_is_read(self):
        lines = f"web {'0' * 64} * rate=5\r\nfriend cert *\r\n"
        for text in ("\ufeff" + lines, "\ufeff# callers\r\n" + lines, "\ufeff"):
            done = self.check(text)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = self.check("# callers\n\ufeff" + lines)
        self.assertIn(f"{self.folder}/tokens:2: ", done.stderr)

    def test_files_may_be_credentials_of_systemd(self):
        def check(name, folder):
            env = environment("svcd", **({"CREDENTIALS_DIRECTORY": str(folder)} if folder else {}))
            return subprocess.run([SVCD, "--set", "access.callers=token", "--set", f"access.tokens={name}", "check"], env=env,
                                  capture_output=True, text=True, timeout=PATIENCE_S)
        (self.folder / "callers").write_text("web cert *\n")
        self.assertEqual(check("credential:callers", self.folder).returncode, 0)
        (self.folder / "callers").write_text("web\n")
        self.assertIn(f"{self.folder}/callers:1: web lacks", check("credential:callers", self.folder).stderr)
        for name, folder in (("credential:nothing", self.folder), ("credential:callers", None), ("credential:../x", self.folder),
                             ("credential:", self.folder)):
            done = check(name, folder)
            self.assertEqual(done.returncode, 2)
            self.assertIn("LoadCredential=NAME:PATH", done.stderr)
            self.assertEqual("is not among the credentials that systemd has passed" in done.stderr, name in ("credential:nothing", "credential:callers"))

    def test_a_file_that_is_missing_or_no_file_is_told(self):
        for name in ("nothing", "."):
            done = run_svcd("--set", "access.callers=token", "--set", f"access.tokens={self.folder}/{name}", "check")
            self.assertEqual(done.returncode, 2)
            self.assertIn("access.tokens: ", done.stderr)
        done = run_svcd("--set", "access.callers=token", "check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("token needs access.tokens", done.stderr)

    def test_open_services_that_there_are_not_are_told_with_the_near_one_or_with_all(self):
        for name, meant in (("helth", "health"), ("account", "account_package.AccountService"), ("MatchingServise", "matching_package.MatchingService")):
            done = self.check("", "--set", f"access.open={name}")
            self.assertEqual(done.returncode, 2)
            self.assertIn(f'access.open: there is no service "{name}"; did you mean {meant}?', done.stderr)
        done = self.check("", "--set", "access.open=foo")
        self.assertEqual(done.returncode, 2)
        self.assertIn('access.open: there is no service "foo"; there are health, reflection, ', done.stderr)
        for service in services_of_proto():
            self.assertIn(service, done.stderr)

    def test_a_daemon_does_not_start_with_a_file_that_is_wrong(self):
        (self.folder / "tokens").write_text("web\n")
        done = run_svcd("--set", "access.callers=token", "--set", f"access.tokens={self.folder}/tokens")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/tokens:1: web lacks", done.stderr)

    def test_an_address_that_anybody_reaches_is_warned_of_unless_a_token_is_asked_for(self):
        (self.folder / "tokens").write_text("")
        asked = ("--set", "access.callers=token", "--set", f"access.tokens={self.folder}/tokens")
        for arguments, is_warned in (((), True), (asked, False)):
            daemon = Daemon(demo_database(), *arguments, listen="grpc://0.0.0.0:0")
            daemon.signal(signal.SIGTERM)
            daemon.wait()
            self.assertEqual(any("without TLS and without a token" in line for line in daemon.log), is_warned)


if __name__ == "__main__":
    unittest.main()
