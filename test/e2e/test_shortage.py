# SPDX-License-Identifier: MIT
"""What there is too little of: descriptors, and names that are looked up in time."""

import shutil
import socket
import subprocess
import time
import unittest

import account_pb2 as account
import grpc
import harness
import svcd_client
from harness import Daemon, demo_database, is_serving, psql, temporary_folder, value, wait_until

QUICK_S = 1  # ten times what is promised


class Wrapped(unittest.TestCase):
    def serve(self, script, *arguments, env=None):
        """A daemon that is started by a shell, after what the script does; svcd is the shell's process then."""
        wrapper = temporary_folder(self) / "svcd"
        wrapper.write_text(f"#!/bin/sh\n{script} exec '{harness.SVCD}' \"$@\"\n", encoding="utf-8")
        wrapper.chmod(0o755)
        binary, harness.SVCD = harness.SVCD, str(wrapper)
        try:
            daemon = Daemon(self.database, *arguments, env=env)
        finally:
            harness.SVCD = binary
        client = svcd_client.Client(daemon.address)
        self.addCleanup(client.channel.close)
        return daemon, client


class Descriptors(Wrapped):
    def test_clients_that_take_all_descriptors_do_not_keep_it_from_its_database(self):
        self.database = demo_database()
        daemon, client = self.serve("ulimit -n 100;")
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("limit of open files leaves fewer connections")
        wait_until(lambda: is_serving(client), "not serving")
        host, port = daemon.address.rsplit(":", 1)
        crowd = [socket.create_connection((host, int(port))) for _ in range(120)]
        self.addCleanup(lambda: [each.close() for each in crowd])
        daemon.wait_for_log("connection limit reached")
        ours = f"FROM pg_stat_activity WHERE datname = '{self.database}' AND application_name ~ ' svcd '"
        before = value(f"SELECT max(backend_start) {ours}", "postgres")
        psql(f"SELECT pg_terminate_backend(pid) {ours}", "postgres", "postgres")
        wait_until(lambda: int(value(f"SELECT count(*) {ours} AND backend_start > '{before}'", "postgres")) >= 8, "the database is not reached again")
        wait_until(lambda: is_serving(client), "not serving again")
        client.account.AccountProfiles(account.ProfilesRequest(userid=63), timeout=600)


def can_mount():
    return shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(can_mount(), "needs a mount namespace")
class SlowNames(Wrapped):
    """A name server on loopback that never answers, and a resolver that would ask it for a minute."""

    def setUp(self):
        self.database = demo_database()
        self.asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.asked.close)
        try:
            self.asked.bind(("127.0.0.53", 53))
        except OSError:
            self.skipTest("port 53 is not ours")
        self.asked.settimeout(600)
        folder = temporary_folder(self)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:30 attempts:2\n", encoding="utf-8")
        (folder / "nsswitch.conf").write_text("hosts: dns\n", encoding="utf-8")
        self.script = f"[ \"$1\" = inside ] || exec unshare -m --propagation private \"$0\" inside \"$@\"; shift;" \
                      f"mount --bind {folder}/resolv.conf /etc/resolv.conf || exit 9;" \
                      f"mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf || exit 9;"

    def test_calls_health_and_the_end_do_not_wait_for_a_name(self):
        daemon, client = self.serve(self.script, env={"POSTGRES_HOST": "db.example"})
        self.assertTrue(self.asked.recv(512))  # the name is being looked up
        for _ in range(5):
            begun = time.monotonic()
            self.assertFalse(is_serving(client))
            self.assertLess(time.monotonic() - begun, QUICK_S)
            begun = time.monotonic()
            with self.assertRaises(grpc.RpcError) as caught:
                client.account.AccountProfiles(account.ProfilesRequest(userid=63), timeout=50)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertLess(time.monotonic() - begun, QUICK_S)
        begun = time.monotonic()
        daemon.stop()
        self.assertLess(time.monotonic() - begun, 20)  # and not when the resolver gives up
