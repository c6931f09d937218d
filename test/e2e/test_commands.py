# SPDX-License-Identifier: MIT
"""Commands for whoever operates svcd: check, config, routes, health."""

import re
import socket
import subprocess
import unittest

from harness import PATIENCE_S, SVCD, Daemon, cluster, create_database, demo_database, environment, is_serving, run_svcd, \
    temporary_folder, wait_until

import svcd_client


class Check(unittest.TestCase):
    def test_a_valid_configuration_is_said_to_be_with_check_and_with_t(self):
        for arguments in (("check",), ("-t",), ("-t", "--set", "server.max_connections=7")):
            done = run_svcd(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "the configuration is valid\n", ""))

    def test_a_mistake_is_a_line_and_exit_status_2(self):
        done = run_svcd("-t", "--set", "log.format=xml", "--set", "server.max_connections=no")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 2)

    def test_t_does_not_go_with_a_command(self):
        self.assertEqual(run_svcd("-t", "migrate").returncode, 2)

    def test_with_db_it_says_whether_the_database_is_ready(self):
        done = run_svcd("check", "--db", database=demo_database())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("every statement can be prepared", done.stdout)

    def test_with_db_a_database_that_is_not_migrated_or_not_there_is_exit_status_1(self):
        self.assertEqual(run_svcd("check", "--db", database=create_database()).returncode, 1)
        done = run_svcd("check", "--db", database="there_is_none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there_is_none", done.stderr)


class Config(unittest.TestCase):
    def config(self, *arguments, cwd=None, **extra):
        done = subprocess.run([SVCD, *arguments, "config"], cwd=cwd, env=environment("svcd", **extra), capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = (re.fullmatch(r"(\w+\.\w+) = (.*?) +# (.+)", line) for line in done.stdout.splitlines())
        return {match[1]: (match[2], match[3]) for match in lines}

    def test_every_value_has_its_origin(self):
        folder = temporary_folder(self)
        (folder / "svcd.conf").write_text("[server]\nmax_connections = 7\n\n[log]\nlevel = warn\n", encoding="ascii")
        (folder / ".env").write_text("# theirs\nPOSTGRES_PORT=5433\n", encoding="ascii")
        told = self.config("--config", "svcd.conf", "--set", "log.level=debug", cwd=folder, POSTGRES_PORT="", POSTGRES_HOST="db")
        self.assertEqual(told["server.max_connections"], ("7", "svcd.conf:2"))
        self.assertEqual(told["log.level"], ("debug", "--set log.level"))
        self.assertEqual(told["database.port"], ("5433", ".env:2"))
        self.assertEqual(told["database.host"], ("db", "POSTGRES_HOST"))
        self.assertEqual(told["drain.lame_ms"], ("1000", "default"))

    def test_listeners_of_the_old_environment_add_up(self):
        told = self.config(ACCOUNT_SERVICE_PORT="1234", MEETING_SERVICE_PORT="1235")
        self.assertEqual(told["server.listen"], ("127.0.0.1:1234, 127.0.0.1:1235", "ACCOUNT_SERVICE_PORT, MEETING_SERVICE_PORT"))

    def test_every_key_is_there(self):
        listed = re.findall(r"(?m)^\[(\w+)\]|^#(\w+) =", open("etc/svcd.conf", encoding="ascii").read())
        section, keys = "", []
        for new_section, key in listed:
            section = new_section or section
            keys += [f"{section}.{key}"] if key else []
        self.assertEqual(sorted(self.config()), sorted(keys))

    def test_secrets_are_masked(self):
        told = self.config("--set", "database.password=sesame")
        self.assertEqual(told["database.password"], ("********", "--set database.password"))
        told = self.config(POSTGRES_PASSWORD="sesame")
        self.assertNotIn("sesame", str(told))


class Routes(unittest.TestCase):
    def test_listeners_and_every_method_are_listed(self):
        done = run_svcd("--set", "server.listen=0.0.0.0:1, http://127.0.0.1:2, unix:/tmp/svcd.sock", "routes")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[:3], ["listen  grpc://0.0.0.0:1", "listen  http://127.0.0.1:2", "listen  unix:/tmp/svcd.sock"])
        self.assertTrue(any(re.fullmatch(r"call +/grpc.health.v1.Health/Watch +server stream", line) for line in lines))
        self.assertTrue(any(re.fullmatch(r"call +/account_package.AccountService/TryLogin +unary", line) for line in lines))


class Completion(unittest.TestCase):
    """etc/completion/svcd.bash"""

    def complete(self, *words):
        script = (f"source etc/completion/svcd.bash; COMP_WORDS=({SVCD} {' '.join(repr(word) for word in words)}); "
                  f"COMP_CWORD={len(words)}; _svcd; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "-c", script], env=environment("svcd"), capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_options_keys_and_services_are_completed(self):
        self.assertEqual(self.complete("mig"), ["migrate"])
        self.assertEqual(self.complete("--conf"), ["--config"])
        self.assertEqual(self.complete("--set", "log.f"), ["log.format="])
        self.assertEqual(self.complete("health", "--service", "meet"), ["meeting_package.MeetingService"])
        self.assertEqual(self.complete("job", "up"), ["update-models"])
        self.assertEqual(self.complete("--config", "README"), ["README.md"])
        helped = run_svcd("--help").stdout
        for word in re.findall(r"(?m)^(?:Usage:| {6}) svcd \[OPTION\]\.\.\. ([a-z-]+)|(--[a-z-]+)", helped):
            self.assertIn(word[0] or word[1], self.complete(""))


class Health(unittest.TestCase):
    def test_its_exit_status_tells_the_answer(self):
        daemon = Daemon(demo_database())
        self.addCleanup(daemon.stop)
        self.addCleanup(cluster, "start")
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
            at = ("health", "--address", daemon.address)
            self.assertEqual(run_svcd(*at).returncode, 0)
            self.assertEqual(run_svcd(*at).stdout, "SERVING\n")
            self.assertEqual(run_svcd("health", "--address", f"grpc://{daemon.address}").returncode, 0)
            self.assertEqual(run_svcd("--set", f"server.listen={daemon.address}", "health").returncode, 0)
            self.assertEqual(run_svcd(*at, "--service", "account_package.AccountService").returncode, 0)
            self.assertEqual(run_svcd(*at, "--service", "no.Such").returncode, 4)
            cluster("stop")
            wait_until(lambda: not is_serving(client), "the loss is not noticed")
            self.assertEqual(run_svcd(*at).returncode, 1)

    def test_who_is_not_there_or_says_nothing_is_unreachable(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            self.assertEqual(run_svcd("health", "--address", address).returncode, 3)
        done = run_svcd("health", "--address", address)
        self.assertEqual(done.returncode, 3)
        self.assertIn("unreachable", done.stderr)

    def test_wrong_arguments_are_exit_status_2(self):
        for arguments in (("--address", ""), ("--address", "https://127.0.0.1:1"), ("x",), ("--nothing",)):
            self.assertEqual(run_svcd("health", *arguments).returncode, 2, arguments)
