# SPDX-License-Identifier: MIT
"""Commands for whoever operates svcd: check, config, routes, health."""

import os
import pty
import re
import select
import socket
import subprocess
import unittest

from harness import PATIENCE_S, ROOT, SVCD, Daemon, cluster, create_database, demo_database, environment, free_port, is_serving, psql, run_svcd, \
    temporary_folder, wait_until

import svcd_client


class Output(unittest.TestCase):
    """What a command prints and nobody gets."""

    commands = (("--help",), ("--version",), ("config",), ("routes",), ("check",), ("-t",), ("token", "web"), ("job",), ("migrate", "--check"),
                ("config", "--help"), ("hash-password",))

    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()

    def run_into(self, output, arguments):
        """With standard output being that; None: closed."""
        close = None if output else lambda: os.close(1)
        with open(output or "/dev/null", "wb") as out:
            return subprocess.run([SVCD, *arguments], env=environment(self.database), stdout=out, stderr=subprocess.PIPE, text=True,
                                  input="correct horse\n", timeout=PATIENCE_S, preexec_fn=close)

    def test_that_a_disk_is_full_or_output_closed_is_told_and_exit_status_1(self):
        for output in ("/dev/full", None):
            for arguments in self.commands:
                with self.subTest(output=output, arguments=arguments):
                    done = self.run_into(output, arguments)
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stderr, r"svcd: what was to be printed could not be written: .*\n$")

    def test_the_exit_status_of_health_is_its_answer_all_the_same(self):
        daemon = Daemon(demo_database())
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("database available")
        for output in ("/dev/full", None):
            self.assertEqual(self.run_into(output, ("health", "--address", daemon.address)).returncode, 0)
            self.assertEqual(self.run_into(output, ("health", "--address", daemon.address, "--service", "nobody")).returncode, 4)

    def test_a_mistake_keeps_its_exit_status(self):
        self.assertEqual(self.run_into("/dev/full", ("config", "--set", "log.calls=x")).returncode, 2)


class Check(unittest.TestCase):
    def test_a_valid_configuration_is_said_to_be_with_check_and_with_t(self):
        for arguments in (("check",), ("-t",), ("-t", "--set", "server.max_connections=7")):
            done = run_svcd(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "the configuration is valid\n", ""))

    def test_a_mistake_is_a_line_and_exit_status_2(self):
        done = run_svcd("-t", "--set", "log.format=xml", "--set", "server.max_connections=no")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 2)

    def test_a_file_that_is_not_there_is_exit_status_2_and_so_it_is_when_svcd_starts(self):
        https = ("server.listen=https://127.0.0.1:0", "tls.private_key=/nowhere")
        for key, others in (("tls.certificate", https), ("access.tokens", ()), ("admin.token_file", ()), ("database.password_file", ()),
                            ("log.otlp_ca", ("log.otlp=https://127.0.0.1:1",)), ("database.tls_ca", ("database.tls=verify-full",))):
            settings = [word for pair in (f"{key}=/nowhere", *others) for word in ("--set", pair)]
            for command in "check", "serve":
                done = run_svcd(*settings, command)
                self.assertEqual(done.returncode, 2, (key, command, done.stderr))
                self.assertRegex(done.stderr, f"{key}.*/nowhere.*(?i:no such file)")

    def test_a_folder_in_the_place_of_a_file_is_exit_status_2(self):
        folder, https = str(temporary_folder(self)), ("server.listen=https://127.0.0.1:0", "tls.private_key=/nowhere")
        for key, others in (("tls.certificate", https), ("access.tokens", ()), ("admin.token_file", ()), ("database.password_file", ()),
                            ("log.otlp_ca", ("log.otlp=https://127.0.0.1:1",)), ("database.tls_ca", ("database.tls=verify-full",))):
            settings = [word for pair in (f"{key}={folder}", *others) for word in ("--set", pair)]
            done = run_svcd(*settings, "check")
            self.assertEqual(done.returncode, 2, (key, done.stderr))
            self.assertRegex(done.stderr, f"{key}.*{folder}.*(?i:is a directory|on a directory|expected a file|no certificate in it)")
        done = run_svcd("--config", folder, "check")
        self.assertEqual((done.returncode, done.stderr), (2, f"{folder}: cannot be read; is it a file?\n"))

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

    def test_with_db_errors_begin_with_the_command_that_was_run(self):
        database = demo_database()
        psql("UPDATE svcd.migration SET checksum = 'other' WHERE name LIKE '0001%'", database)
        hidden = demo_database()
        psql("ALTER TABLE skill ENABLE ROW LEVEL SECURITY", hidden)
        dropped = demo_database()
        psql("ALTER TABLE skill RENAME TO skills", dropped)
        for name in ("there_is_none", database, hidden, dropped):
            for command in (["check", "--db"], ["migrate", "--check"]):
                done = run_svcd(*command, database=name)
                self.assertRegex(done.stderr, rf"\A(svcd {command[0]}: .*\n(  .*\n)*)*\Z")
            self.assertIn("svcd check: ", run_svcd("check", "--db", database=name).stderr, name)


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
        told = self.config("--set", "log.otlp=https://c/v1/traces?key=sesame")
        self.assertEqual(told["log.otlp"], ("https://c/v1/traces?********", "--set log.otlp"))
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
        self.assertEqual(self.complete("token", "web", "meet"), ["meeting_package.MeetingService"])
        self.assertEqual(self.complete("token", "mi"), [])  # a name of the caller's own
        for option, typed, whole in (("--config", "README", "README.md"), ("--set", "log.f", "log.format="), ("--service", "meet", "meeting_package.MeetingService")):
            self.assertEqual(self.complete(option, "=", typed), [whole])  # as bash parts --config=README
            self.assertIn(whole, self.complete(option, "="))
        for value in (("=",), ("=", ""), ("=", "h")):
            self.assertEqual(self.complete("--set", "log.level", *value), [])
        helped = run_svcd("--help").stdout
        for word in re.findall(r"(?m)^(?:Usage:| {6}) svcd \[OPTION\]\.\.\. ([a-z-]+)|(--[a-z-]+)", helped):
            self.assertIn(word[0] or word[1], self.complete(""))


class ZshCompletion(unittest.TestCase):
    """etc/completion/_svcd, in a zsh at a terminal of its own"""

    def setUp(self):
        folder = temporary_folder(self)
        (folder / "svcd").symlink_to(SVCD)
        self.shell, terminal = pty.openpty()
        self.addCleanup(os.close, self.shell)
        env = {**environment("svcd"), "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(folder), "ZDOTDIR": str(folder)}
        zsh = subprocess.Popen(["zsh", "-f", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, env=env, cwd=ROOT, start_new_session=True)
        os.close(terminal)
        self.addCleanup(zsh.wait, PATIENCE_S)
        self.addCleanup(zsh.kill)
        self.seen = ""
        self.type("unsetopt zle_bracketed_paste 2>/dev/null; PROMPT='> '; fpath=($PWD/etc/completion $fpath); autoload -U compinit; "
                  "compinit -u -D; bindkey '^I' complete-word; print completion-is-$((1+1))\n", "completion-is-2")

    def type(self, keys, until):
        """What is on the screen once this is there."""
        os.write(self.shell, keys.encode())
        self.seen = ""
        while until not in self.seen:
            ready, _, _ = select.select([self.shell], [], [], PATIENCE_S)
            self.assertTrue(ready, f"no {until!r} in {self.seen!r}")
            self.seen += os.read(self.shell, 4096).decode(errors="replace")
        return self.seen

    def test_commands_options_keys_and_services_are_completed(self):
        for typed, whole in (("svcd mig", "svcd migrate"), ("svcd --conf", "svcd --config"), ("svcd --set log.f", "svcd --set log.format="),
                             ("svcd health --service meet", "meeting_package.MeetingService"), ("svcd job up", "svcd job update-models"),
                             ("svcd --config README", "README.md"), ("svcd token web meet", "meeting_package.MeetingService")):
            with self.subTest(typed=typed):
                self.type(typed + "\t", whole.removeprefix(typed))
                self.type("\x15", "")  # forget the line


class Manual(unittest.TestCase):
    """svcd.8 beside what --help says"""

    page = (ROOT / "man/svcd.8").read_text(encoding="utf-8")
    helped = run_svcd("--help").stdout

    def test_every_option_is_in_both(self):
        told = {option for pair in re.findall(r"(?m)^ +(?:(-[a-zA-Z]), )?(--?[a-zA-Z][a-z-]*)", self.helped) for option in pair if option}
        self.assertEqual({"-" + flag for flag in re.findall(r"\bFl (-?[a-zA-Z][a-z-]*)", self.page)}, told)

    def test_every_command_has_the_same_arguments_in_the_synopsis(self):
        synopsis = self.page[self.page.index(".Sh SYNOPSIS"):self.page.index(".Sh DESCRIPTION")]
        shown = {}
        for form in synopsis.split("\n.Nm\n")[1:]:
            for command in (re.search(r"(?m)^\.Cm (.+)$", form) or ["", "serve"])[1].split(" | "):
                shown[command] = {"-" + flag for flag in re.findall(r"Fl (-[a-z-]+)", form)}
        told = {}
        for command, arguments in re.findall(r"(?m)^(?:Usage:| {6}) svcd \[OPTION\]\.\.\. +([a-z-]+)((?: \S+)*)", self.helped):
            told[command] = set(re.findall(r"--[a-z-]+", arguments))
        for option, command in re.findall(r"(?m)^ +(--[a-z-]+)(?: [A-Z:]+)? +([a-z-]+):", self.helped):
            told[command].add(option)
        self.assertEqual(shown, told)

    def test_every_exit_status_of_health_is_told(self):
        described = self.page[self.page.index(".It Cm health"):self.page.index(".It Cm migrate")]
        self.assertEqual(re.findall(r"\b(\d) if", described), ["0", "1", "3", "4"])


class Health(unittest.TestCase):
    def test_every_listener_but_https_can_be_asked(self):
        path = temporary_folder(self) / "with %20? #é.socket"  # nothing of which means anything in a path
        daemon = Daemon(demo_database(), listen=f"grpc://127.0.0.1:0,http://127.0.0.1:0,unix:{path}")
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("database available")
        addresses = [*daemon.addresses()[:2], f"unix:{path}"]
        for address in addresses:
            for service in ([], ["--service", "svcd.live"]):
                self.assertEqual(run_svcd("health", "--address", address, *service).returncode, 0, address)

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

    def test_no_proxy_for_the_web_is_asked(self):
        daemon = Daemon(demo_database())
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("database available")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
            env = environment("svcd", http_proxy=proxy, https_proxy=proxy, grpc_proxy=proxy, no_proxy="")
            done = subprocess.run([SVCD, "health", "--address", daemon.address], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout), (0, "SERVING\n"), done.stderr)

    def test_who_is_not_there_or_says_nothing_is_unreachable(self):
        port = free_port()  # which nobody else takes when it is given back
        with socket.create_server(("127.0.0.1", port)):
            address = f"127.0.0.1:{port}"
            self.assertEqual(run_svcd("health", "--address", address).returncode, 3)
        done = run_svcd("health", "--address", address)
        self.assertEqual(done.returncode, 3)
        self.assertIn("unreachable", done.stderr)

    def test_wrong_arguments_are_exit_status_2(self):
        for arguments in (("--address", ""), ("--address", "https://127.0.0.1:1"), ("x",), ("--nothing",), ("--address", "localhost"),
                          ("--address", "127.0.0.1:99999"), ("--address", "127.0.0.1:0"), ("--address", "127.0.0.1:http"), ("--address", ":50051"),
                          ("--address", "unix:"), ("--address", "127.0.0.1:")):
            self.assertEqual(run_svcd("health", *arguments).returncode, 2, arguments)
