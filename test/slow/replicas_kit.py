# SPDX-License-Identifier: MIT
"""PostgreSQL servers that replicate each other, on loopback, each a cluster of tools/cluster's."""

import importlib.machinery
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import types
from pathlib import Path

from harness import ROOT, free_port, migrate

loader = importlib.machinery.SourceFileLoader("cluster", str(ROOT / "tools/cluster"))
cluster = importlib.util.module_from_spec(importlib.util.spec_from_loader("cluster", loader))
loader.exec_module(cluster)

HOST = "127.0.0.1"
SETTINGS = ["wal_keep_size=256", "max_wal_senders=10", "hot_standby=on", "wal_log_hints=on"]


class Server:
    def __init__(self, folder, port):
        self.folder, self.port, self.frozen = Path(folder), port, []

    def start(self, **options):
        cluster.start(self.folder, types.SimpleNamespace(tcp=self.port, no_fsync=False, set=[*SETTINGS, "fsync=off"], **options))

    def stop(self, mode="immediate"):
        self.thaw()
        if cluster.running(self.folder):
            cluster.call(cluster.program("pg_ctl"), "-D", str(self.folder / "data"), "-m", mode, "-w", "-t", cluster.PATIENCE_S, "-s", "stop")

    def promote(self):
        cluster.call(cluster.program("pg_ctl"), "-D", str(self.folder / "data"), "-w", "-t", cluster.PATIENCE_S, "-s", "promote")

    def follow(self, primary):
        """Becomes a standby of another, from a copy of it."""
        self.stop()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        user = cluster.server_user()
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        cluster.call(cluster.program("pg_basebackup"), "-h", HOST, "-p", str(primary.port), "-U", "postgres", "-c", "fast", "-R",
                     "-D", str(self.folder / "data"))
        with open(self.folder / "data/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
        self.start()

    def processes(self):
        first = int((self.folder / "data/postmaster.pid").read_text(encoding="ascii").split()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True).stdout.split()
        return [first, *map(int, children)]

    def freeze(self):
        """As a machine that gives no sign any more."""
        self.frozen = self.processes()
        for pid in self.frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.frozen = []

    def psql(self, statement, database="svcd", user="postgres"):
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(self.port), "-U", user, "-d", database,
                               "-c", statement], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def has_caught_up_with(self, primary):
        return self.psql("SELECT pg_last_wal_replay_lsn() >= '" + primary.psql("SELECT pg_current_wal_lsn()") + "'") == "t"


class Servers:
    """A primary with the demo data, and standbys of it."""

    def __init__(self, n):
        self.folder = Path(tempfile.mkdtemp(prefix="svcd-replicas.", dir="/tmp"))
        self.folder.chmod(0o755)
        self.all = [Server(self.folder / str(i), free_port()) for i in range(n)]
        try:
            self.all[0].start()
            migrate("svcd", **self.environment())
            demo = subprocess.run([ROOT / "tools/demo-data"], check=True, capture_output=True, text=True).stdout
            subprocess.run(["psql", "-Xq", "-h", HOST, "-p", str(self.all[0].port), "-U", "svcd", "svcd"], input=demo, text=True, check=True,
                           stdout=subprocess.DEVNULL)
            for server in self.all[1:]:
                server.follow(self.all[0])
        except BaseException:
            self.drop()
            raise

    def environment(self, **more):
        return {"POSTGRES_HOST": ",".join(HOST for _ in self.all), "POSTGRES_PORT": ",".join(str(server.port) for server in self.all),
                **more}

    def drop(self):
        for server in self.all:
            server.stop()
        shutil.rmtree(self.folder)
