# SPDX-License-Identifier: MIT
"""Reload, key by key: what a value changes is seen on the daemon that runs, and no call fails by it."""

import contextlib
import os
import socket
import threading
import unittest
from pathlib import Path

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
from collector import Collector
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import PATIENCE_S, Daemon, Held, ask_password_of, free_port, psql, temporary_folder, wait_until
from test_reload import MENTEE, Case

LOOSE = {"email_per_minute": "0", "address_per_minute": "0"}
LANES = {"read": 2, "insert": 2, "write": 4, "job": 1, "control": 1}


class Load:
    """Calls from several threads until it is left; then none has failed, and there were some."""

    def __init__(self, test, *calls):
        self.test, self.calls, self.errors, self.done, self.stop = test, calls, [], 0, threading.Event()

    def run(self, call):
        while not self.stop.is_set():
            try:
                call()
                self.done += 1
            except (grpc.RpcError, AssertionError) as error:
                self.errors.append(error)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, args=(call,)) for call in self.calls]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.done > 0 or self.errors, "no call has come back")
        return self

    def __exit__(self, *_):
        before = self.done
        wait_until(lambda: self.done > before or self.errors, "no call comes back any more")
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.test.assertEqual(self.errors, [])


def relay(test):
    """Where the cluster, which has a unix socket only, is reached by TCP; it ends with the test."""
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve():
        while True:
            try:
                near = server.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
            for ends in ((near, far), (far, near)):
                threading.Thread(target=copy, args=ends, daemon=True).start()
    server = socket.create_server(("127.0.0.1", 0))
    test.addCleanup(server.close)
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()


class Logins(Case):
    def log_in(self, password="demo", username=MENTEE):
        return self.client.account.TryLogin(account.AuthenticateRequest(username=username, password=password), timeout=PATIENCE_S)

    def must_log_in(self):
        self.assertTrue(self.log_in().status)

    def storm(self, n):
        """So many logins at once; what each has come to."""
        request = account.AuthenticateRequest(username=MENTEE, password="demo")
        calls = [self.client.account.TryLogin.future(request, timeout=PATIENCE_S) for _ in range(n)]
        return [call.exception().details() if call.exception() else call.result().status for call in calls]

    def threads(self):
        n = 0
        for comm in Path(f"/proc/{self.daemon.process.pid}/task").glob("*/comm"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                n += comm.read_text(encoding="utf-8") == "svcd hash\n"
        return n

    def test_the_tables_of_the_throttle_grow_and_shrink_and_forget_neither_friend_nor_foe(self):
        tight = {"email_burst": "3", "email_per_minute": "1", "stranger_burst": "1", "stranger_per_minute": "1", "address_per_minute": "0"}
        known = 'svcd_throttle_charged_total{table="known"}'
        self.start(throttle=tight | {"entries": "1024"}, password={"failure_floor_ms": "0"})
        self.must_log_in()
        guessed = "demo-mentor@example.com"
        for _ in range(4):
            self.log_in("wrong one", guessed)
        for entries in (1 << 20, 4096, 1024, 65536):
            self.reload(throttle=tight | {"entries": str(entries)}, password={"failure_floor_ms": "0"})
            self.assertEqual(self.metric("svcd_throttle_entries"), entries)
            before = self.metric(known)
            self.must_log_in()
            self.assertEqual(self.metric(known), before + 1)
            if entries == 1 << 20:
                with self.assertRaises(grpc.RpcError) as caught:
                    self.log_in("wrong one", guessed)
                self.assertEqual(caught.exception.code(), StatusCode.RESOURCE_EXHAUSTED)

    def test_more_passwords_may_wait_and_more_threads_hash_them(self):
        few = {"workers": "1", "queue_limit": "1", "scheme": "bcrypt", "bcrypt_cost": "12", "failure_floor_ms": "0"}
        self.start(throttle=LOOSE, password=few)
        self.must_log_in()  # whose hash may be of the other scheme: what follows is of bcrypt
        psql("UPDATE Account SET passwordHash = convert_to(crypt_of.hash, 'UTF8') FROM (VALUES "
             "('$2b$12$abcdefghijklmnopqrstuuFDJRuYeKkCzo3Wy7h8SxhBSHBAHiPK2')) AS crypt_of (hash) "
             f"WHERE email = '{MENTEE}'", self.database)  # of "correct horse", 0.2 s
        self.assertIn("too many passwords wait to be hashed", self.storm(8))
        self.reload(throttle=LOOSE, password=few | {"workers": "3", "queue_limit": "100"})
        self.assertEqual([self.metric(f"svcd_hash_{name}") for name in ("workers", "queue_limit")], [3, 100])
        self.assertEqual(self.storm(8), [False] * 8)
        wait_until(lambda: self.threads() == 3, "not three threads")
        self.reload(throttle=LOOSE, password=few)
        wait_until(lambda: self.threads() == 1, "threads that are too many go on")
        self.assertIn("too many passwords wait to be hashed", self.storm(8))

    def test_no_login_is_lost_while_threads_come_and_go(self):
        self.start(throttle=LOOSE)
        with Load(self, *[self.must_log_in] * 6):
            for workers in (3, 1, 8, 2, 1, 5, 1):
                self.reload(throttle=LOOSE, password={"workers": str(workers), "queue_limit": str(100 + workers)})
                wait_until(lambda n=workers: self.threads() == n, f"not {workers} threads")

    def test_a_size_that_cannot_be_had_keeps_everything(self):
        listen = f"127.0.0.1:{free_port()}"
        self.start(listen=None, server={"listen": listen}, throttle=LOOSE)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.refuse("cannot listen", server={"listen": f"{listen}, 127.0.0.1:{taken.getsockname()[1]}"}, throttle={"entries": "1048576"},
                        password={"workers": "7", "queue_limit": "9"}, log={"otlp": "http://127.0.0.1:9"})
        self.assertEqual(self.metric("svcd_throttle_entries"), 65536)
        self.assertEqual([self.metric(f"svcd_hash_{name}") for name in ("workers", "queue_limit")], [1, 256])
        wait_until(lambda: self.threads() == 1, "threads of what was not taken go on")
        self.list_skills()
        self.assertEqual([self.metric("svcd_trace_spans_sent_total")], [0])
        self.must_log_in()


class Collectors(Case):
    def collector(self, **options):
        collector = Collector(**options)
        self.addCleanup(collector.stop)
        return collector

    def dropped(self):
        return sum(self.metric(f'svcd_trace_spans_dropped_total{{reason="{reason}"}}') for reason in ("buffer_full", "refused", "stopped"))

    def test_traces_go_to_another_collector_and_none_is_lost(self):
        self.start()
        first, second = self.collector(), self.collector()
        self.list_skills()
        self.reload(log={"otlp": first.url})
        for _ in range(5):
            self.list_skills()
        self.reload(log={"otlp": second.url})  # at once: what the first has not had is sent to it all the same
        for _ in range(3):
            self.list_skills()
        self.reload(log={})
        self.list_skills()
        first.wait_for("ListSkills", 5)
        second.wait_for("ListSkills", 3)
        self.reload(log={"otlp": first.url + "/v1/other"})
        self.list_skills()
        first.wait_for("ListSkills", 6)
        self.assertEqual((len(first.calls("ListSkills")), len(second.calls("ListSkills")), self.dropped()), (6, 3, 0))
        self.assertEqual(set(first.paths), {"/v1/traces", "/v1/other"})

    def test_what_a_collector_that_is_away_would_have_had_is_counted(self):
        self.start(log={"otlp": f"http://127.0.0.1:{free_port()}"})
        self.list_skills()
        self.daemon.wait_for_log("traces cannot be sent")
        second = self.collector()
        self.reload(log={"otlp": second.url})
        wait_until(lambda: self.dropped() > 0, "what was dropped is not counted")
        self.list_skills()
        second.wait_for("ListSkills")

    def test_what_may_be_a_secret_in_a_url_is_not_told(self):
        self.start(log={"level": "debug"})
        self.refuse(r"http://\*+@127.0.0.1:1", log={"otlp": "http://user:canary@127.0.0.1:1"})
        self.reload(log={"level": "debug", "otlp": f"http://127.0.0.1:{free_port()}/v1/traces?token=canary"})
        self.list_skills()
        self.daemon.wait_for_log(r"traces cannot be sent.*collector=http://127.0.0.1:\d+/v1/traces ")
        for token in ("canary", "another-canary"):
            changes = sum("key=log.otlp" in line for line in self.daemon.log)
            self.reload(log={"level": "debug", "otlp": f"http://127.0.0.1:1/v1/traces?token={token}"})
            self.daemon.wait_for_log('msg="configuration changed" key=log.otlp', changes + 1)
            self.assertEqual(self.effective("log.otlp")[0], "http://127.0.0.1:1/v1/traces?********")
        self.assertFalse([line for line in self.daemon.log if "canary" in line])

    def test_a_file_of_authorities_that_is_not_there_or_has_none_keeps_everything(self):
        collector = self.collector()
        self.start(log={"otlp": collector.url})
        (self.folder / "none").write_text("no certificate")
        for file, why in (("/nowhere", "no such file or directory"), (self.folder / "none", "no certificate in it"),
                          (self.folder, "no certificate in it|directory")):
            self.refuse(f"log.otlp_ca: {file}: .*({why})", log={"otlp": "https://127.0.0.1:1", "otlp_ca": file, "calls": "all"})
            self.refuse(f"database.tls_ca: {file}: .*({why})", log={"otlp": collector.url}, database={"tls": "verify-ca", "tls_ca": file})
        self.assertEqual((self.effective("log.calls")[0], self.effective("log.otlp")[0]), ("failed", collector.url))
        self.list_skills()
        collector.wait_for("ListSkills")

    def test_svcd_ends_while_a_collector_that_was_replaced_hangs(self):
        hanging, second = self.collector(status=None), self.collector()
        self.start(log={"otlp": hanging.url})
        self.list_skills()
        wait_until(lambda: hanging.posts > 0, "nothing is sent")
        self.reload(log={"otlp": second.url})
        self.list_skills()
        second.wait_for("ListSkills")
        self.daemon.stop()

    def test_no_call_fails_while_collectors_come_and_go(self):
        collectors = [self.collector() for _ in range(3)]
        self.start(log={"calls": "none"})
        with Load(self, *[self.list_skills] * 3):
            for i in range(12):
                self.reload(log={"calls": "none", "otlp": collectors[i % 3].url} if i % 4 else {"calls": "none"})
        for collector in collectors:
            collector.wait_for("ListSkills")


class Database(Case):
    def add(self):
        self.assertTrue(self.client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content="x"), timeout=PATIENCE_S).status)

    def backends(self):
        """Of svcd, by lane: who each is, and its login."""
        rows = psql("SELECT split_part(application_name, ' ', 1), pid, backend_start, usename FROM pg_stat_activity "
                    f"WHERE datname = '{self.database}' AND application_name LIKE '% svcd {self.daemon.process.pid}@%'", "postgres", "postgres")
        return {lane: {tuple(row[1:]) for row in rows if row[0] == lane} for lane in LANES}

    def renewed(self, before, lanes):
        """None of those before, and as many as there should be."""
        now = self.backends()
        return all(not now[lane] & before[lane] and len(now[lane]) == LANES[lane] for lane in lanes)

    def fails(self, rpc, request, code):
        with self.assertRaises(grpc.RpcError) as caught:
            rpc(request, timeout=PATIENCE_S)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())

    def test_a_statement_has_its_new_time(self):
        self.start(database={"statement_timeout_ms": "0"})
        before = self.backends()
        psql("CREATE FUNCTION public.sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1e6); RETURN NEW; END';"
             "CREATE TRIGGER sleep BEFORE INSERT ON WebsiteFeedback FOR EACH ROW EXECUTE FUNCTION public.sleep()", self.database)
        self.reload(database={"statement_timeout_ms": "300"})
        wait_until(lambda: self.renewed(before, ("read", "insert", "write", "control")), "connections have the time from before")
        self.fails(self.client.feedback.AddDevFeedback, feedback.AddDevFeedbackRequest(content="x"), StatusCode.DEADLINE_EXCEEDED)

    def test_a_read_has_its_new_patience_with_locks(self):
        self.start(database={"lock_wait_ms": "86400000"})
        with Held("LOCK TABLE Skill IN ACCESS EXCLUSIVE MODE", self.database):
            waits = self.client.account.ListSkills.future(Empty(), timeout=PATIENCE_S)
            self.reload(database={"lock_wait_ms": "100"})
            self.fails(self.client.account.ListSkills, Empty(), StatusCode.UNAVAILABLE)
            self.assertEqual(waits.exception().code(), StatusCode.UNAVAILABLE)
        self.list_skills()

    def test_connections_are_renewed_one_by_one_and_no_call_notices(self):
        self.start(throttle=LOOSE)
        with Load(self, *[self.list_skills] * 2, *[self.add] * 2):
            for i in range(5):
                before = self.backends()
                self.reload(throttle=LOOSE, database={"statement_timeout_ms": str(20000 + i)})
                wait_until(lambda before=before: self.renewed(before, ("read", "insert", "write", "control")), "connections are not renewed")
        for lane in LANES:
            self.assertEqual(self.metric(f'svcd_database_lost_total{{lane="{lane}"}}'), 0)
        self.assertFalse([line for line in self.daemon.log if "database away" in line])

    def test_numbers_of_connections_change_while_they_are_renewed(self):
        self.start()
        with Load(self, *[self.list_skills] * 2, *[self.add] * 2):
            for i, n in enumerate((1, 64, 3, 1, *[2, 1] * 8, 2)):
                self.reload(database={"statement_timeout_ms": str(20000 + i), "read_connections": str(n), "insert_connections": str(n)})
            wait_until(lambda: {lane: len(found) for lane, found in self.backends().items()} == LANES, "not as many as there should be")

    def begin_as(self, role, **database):
        self.addCleanup(psql, f"DROP ROLE {role}", "postgres", "postgres")  # after svcd has gone
        psql(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'first-secret' IN ROLE svcd", "postgres", "postgres")
        self.start(env={"POSTGRES_USER": ""}, database=database)

    def logins(self):
        return {login for found in self.backends().values() for *_, login in found}

    def test_another_role_logs_in_and_no_call_notices(self):
        self.begin_as("successor", user="svcd")
        with Load(self, *[self.list_skills] * 2, *[self.add] * 2):
            before = self.backends()
            self.reload(database={"user": "successor"})
            wait_until(lambda: self.renewed(before, LANES), "connections are not renewed")
            self.assertEqual(self.logins(), {"successor"})
        before = self.backends()
        self.refuse("svcd cannot log in so: .*nobody_at_all.* does not exist; let the role log in", database={"user": "nobody_at_all"}, log={"calls": "all"})
        self.assertEqual((self.effective("database.user")[0], self.effective("log.calls")[0], self.backends()), ("successor", "failed", before))

    def test_a_password_is_rotated_in_its_file_and_no_call_notices(self):
        ask_password_of(self, "keyholder")
        file = temporary_folder(self) / "password"
        file.write_text("first-secret\n")
        self.begin_as("keyholder", user="keyholder", password_file=str(file))
        with Load(self, *[self.list_skills] * 2, *[self.add] * 2):
            psql("ALTER ROLE keyholder PASSWORD 'second-secret'", "postgres", "postgres")
            file.write_text("a-wrong-secret\n")
            self.daemon.signal(1)
            self.daemon.wait_for_log("svcd cannot log in so: .*password authentication failed.*; set database.user and database.password")
            self.daemon.wait_for_log("all stays as it was")
            file.write_text("second-secret\n")
            before = self.backends()
            self.reload()
            wait_until(lambda: self.renewed(before, LANES), "connections are not renewed")
        self.assertFalse([line for line in self.daemon.log if "-secret" in line])
        self.assertNotIn("-secret", self.get("/config") + self.get("/status") + self.get("/metrics"))

    def test_tls_that_the_server_does_not_have_is_refused(self):
        address, port = relay(self)
        self.start(env={"POSTGRES_HOST": address, "POSTGRES_PORT": str(port)}, database={"tls": "disable"})
        self.reload(database={"tls": "prefer"})
        self.refuse("svcd cannot log in so: .*does not support SSL", database={"tls": "verify-full"}, log={"calls": "all"})
        self.assertEqual((self.effective("database.tls")[0], self.effective("log.calls")[0]), ("prefer", "failed"))
        self.list_skills()

    def test_where_the_database_is_takes_a_restart_and_is_named(self):
        self.start()
        changes = {"target": "any", "read_host": "192.0.2.2", "read_port": "2"}  # name, host and port are the environment's here
        self.reload(database=changes)
        for key in changes:
            self.daemon.wait_for_log(f'msg="configuration changed, which takes a restart" key=database.{key}')
        self.list_skills()


class Away(Case):
    """The server is a socket of the test's own."""

    def begin(self, **database):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.server.settimeout(PATIENCE_S / 4)
        self.folder, self.reloads = temporary_folder(self), 0
        self.write(database=database)
        address, port = self.server.getsockname()
        self.daemon = Daemon("nowhere", "--config", str(self.folder / "svcd.conf"), env={"POSTGRES_HOST": address, "POSTGRES_PORT": str(port)})
        self.addCleanup(self.daemon.stop)

    def come(self):
        return self.server.accept()[0]

    def test_an_attempt_has_its_new_patience(self):
        self.begin(connect_timeout_ms="600000")
        silent = [self.come()]
        self.reload(database={"connect_timeout_ms": "200"})
        self.daemon.wait_for_log(r'reason="the server 127\.0\.0\.1, port \d+ timed out while connecting"')
        for connection in silent:
            connection.close()

    def test_the_next_attempt_comes_after_the_new_pause(self):
        self.begin(reconnect_min_ms="60000", reconnect_max_ms="600000")
        for _ in range(2):  # jobs have their own
            self.server.settimeout(1)
            with contextlib.suppress(TimeoutError):
                self.come().close()
        self.server.settimeout(PATIENCE_S / 4)
        self.reload(database={"reconnect_min_ms": "10", "reconnect_max_ms": "100"})
        for _ in range(10):
            self.come().close()


if __name__ == "__main__":
    unittest.main()
