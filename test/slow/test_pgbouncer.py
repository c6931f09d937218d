# SPDX-License-Identifier: MIT
"""Debian's PgBouncer between svcd and the database: session pooling works untouched, transaction pooling is refused."""

import os
import pwd
import subprocess
import unittest
from pathlib import Path

import account_pb2 as account
import feedback_pb2 as feedback
import grpc
import svcd_client
from google.protobuf import empty_pb2
from harness import CLUSTER, OWNER, PATIENCE_S, SERVER, SVCD, Daemon, demo_database, environment, free_port, is_listening, is_serving, psql, temporary_folder, value, wait_until

ADVISORY = ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE "
            "datname = current_database())")


class Pooled(unittest.TestCase):
    def bounce(self, mode):
        """PgBouncer in front of the cluster, configured with nothing but how it pools; what reaches it."""
        folder, port = temporary_folder(self), free_port()
        folder.chmod(0o755)
        (folder / "users").write_text(f'"{OWNER}" ""\n"{SERVER}" ""\n', encoding="ascii")
        (folder / "ini").write_text(f"""[databases]
* = host={os.environ["PGHOST"]} port={os.environ["PGPORT"]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 12
""", encoding="ascii")
        as_user = {}
        if os.geteuid() == 0:
            user = pwd.getpwuid(Path(CLUSTER, "data").stat().st_uid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        bouncer = subprocess.Popen(["pgbouncer", str(folder / "ini")], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **as_user)
        self.addCleanup(bouncer.wait, PATIENCE_S)
        self.addCleanup(bouncer.terminate)
        wait_until(lambda: is_listening(f"127.0.0.1:{port}"), "pgbouncer does not listen")
        return {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(port)}

    def client_of(self, database, env):
        daemon = Daemon(database, env=env)
        self.addCleanup(daemon.stop)
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        return daemon, client

    def all_work(self, client, n=60):
        for i in range(n):
            self.assertTrue(client.account.ListSkills(empty_pb2.Empty(), timeout=PATIENCE_S).skills)
            self.assertTrue(client.feedback.AddDevFeedback(feedback.AddDevFeedbackRequest(content=f"{i}"), timeout=PATIENCE_S).status)

    @staticmethod
    def backends(database):
        """By lane."""
        rows = psql("SELECT split_part(application_name, ' ', 1), pid FROM pg_stat_activity "
                    f"WHERE datname = '{database}' AND application_name ~ ' svcd '", "postgres", "postgres")
        return {lane: {pid for of, pid in rows if of == lane} for lane in ("read", "insert", "write")}

    def test_session_pooling_works_with_pgbouncer_as_it_comes(self):
        database, env = demo_database(), self.bounce("session")
        _, client = self.client_of(database, env)
        wait_until(lambda: is_serving(client), "not serving")
        self.all_work(client)
        self.assertTrue(client.account.TryLogin(account.AuthenticateRequest(username="demo-legacy@example.com", password="demo"),
                                                timeout=PATIENCE_S).status)

    def test_transaction_pooling_is_refused_by_one_line_that_names_it(self):
        database, env = demo_database(), self.bounce("transaction")
        daemon, client = self.client_of(database, env)
        daemon.wait_for_log("PgBouncer.*pool_mode = session")
        self.assertFalse(is_serving(client))
        with self.assertRaises(grpc.RpcError) as refused:
            client.account.ListSkills(empty_pb2.Empty(), timeout=PATIENCE_S)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(sum("pool_mode" in line for line in daemon.log), 1)

    def test_backends_that_end_behind_the_pooler_are_made_up_for(self):
        database, env = demo_database(), self.bounce("session")
        daemon, client = self.client_of(database, env)
        wait_until(lambda: is_serving(client), "not serving")
        before = self.backends(database)
        psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()", "postgres",
             "postgres")
        daemon.wait_for_log("database connection lost")
        daemon.wait_for_log("database connection up")
        wait_until(lambda: all(now - before[lane] and not now & before[lane] for lane, now in self.backends(database).items()),
                   "not each lane has another connection")
        wait_until(lambda: is_serving(client), "it does not come back")
        self.all_work(client)

    def test_migrations_leave_no_lock_on_a_pooled_backend(self):
        database, env = demo_database(), self.bounce("session")
        for _ in range(3):
            migrated = subprocess.run([SVCD, "migrate"], env=environment(database, **env, POSTGRES_USER=OWNER), capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(migrated.returncode, 0, migrated.stderr)
            self.assertEqual(value(ADVISORY, database), "0")
