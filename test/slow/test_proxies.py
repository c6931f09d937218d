# SPDX-License-Identifier: MIT
"""The proxies of etc/ in front of our own edge: each kind of call passes, and what their clients do is not held against them."""

import concurrent.futures
import contextlib
import os
import subprocess
import time
import unittest

import account_pb2 as account
import grpc
import health_pb2 as health
import matching_pb2 as matching
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import PATIENCE_S, ROOT, Daemon, demo_database, free_port, is_listening, is_serving, temporary_folder, wait_until
from test_streams import SERVING, Watch


class Proxied:
    """Mixed into a class for each proxy, which begins it."""

    def setUp(self):
        self.database = demo_database()
        self.daemon = Daemon(self.database, "--set", "server.idle_timeout_ms=1000", "--set", "log.calls=all",
                             listen="http://127.0.0.1:0")
        self.addCleanup(self.daemon.stop)
        self.front = f"127.0.0.1:{free_port()}"
        self.folder = temporary_folder(self)
        process = self.begin()
        self.addCleanup(lambda: (process.terminate(), process.wait()))
        wait_until(lambda: is_listening(self.front), "the proxy does not listen")
        self.client = svcd_client.Client(self.front)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving through the proxy")

    def test_unary_calls_errors_and_metadata_pass(self):
        for _ in range(300):
            self.assertEqual(len(self.client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills), 10)
        with self.assertRaises(grpc.RpcError) as caught:
            self.client.matching.TryMatch(matching.MenteeToMentorMatchingRequest(menteeUserId=999999), timeout=PATIENCE_S)
        self.assertEqual(caught.exception.code(), StatusCode.NOT_FOUND)
        self.assertIn("999999", caught.exception.details())
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=[("x-request-id", "through-the-proxy")])
        self.daemon.wait_for_log("msg=call .*request_id=through-the-proxy")

    def test_a_stream_passes_message_by_message_and_ends_with_its_client(self):
        watch = Watch(self.client.channel)
        self.assertEqual(watch.next(), SERVING)
        watch.call.cancel()
        self.daemon.wait_for_log("msg=call method=/grpc.health.v1.Health/Watch code=CANCELLED")

    def test_calls_that_clients_give_up_are_not_held_against_the_proxy(self):
        def give_up(_):
            with contextlib.suppress(grpc.RpcError):  # in whose words does not matter
                self.client.account.ListSkills(Empty(), timeout=0.002)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(give_up, range(2000)))
        wait_until(lambda: is_serving(self.client), "not serving")  # the proxy may have closed the connection to its client
        self.assertEqual([line for line in self.daemon.log if "connection closed" in line], [])

    def test_no_call_fails_when_svcd_closes_idle_connections_to_the_proxy(self):
        def call(i):
            for _ in range(5):
                self.client.health.Check(health.HealthCheckRequest(), timeout=PATIENCE_S)
                time.sleep(0.95 + i / 100)
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(call, range(10)))

    def test_a_drain_lets_what_runs_come_to_its_end(self):
        watch = Watch(self.client.channel)
        self.assertEqual(watch.next(), SERVING)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            logins = [pool.submit(self.client.account.TryLogin, account.AuthenticateRequest(username="demo-mentee@example.com", password="demo"),
                                  timeout=PATIENCE_S) for _ in range(8)]
            self.daemon.wait_for_log("method=/account_package.AccountService/TryLogin code=OK")
            self.daemon.stop()
            codes = {login.exception().code() if login.exception() else StatusCode.OK for login in logins}
        self.assertLessEqual(codes, {StatusCode.OK, StatusCode.UNAVAILABLE})
        self.assertEqual(sum("TryLogin code=OK" in line for line in self.daemon.log),
                         sum(not login.exception() for login in logins))  # what ran was answered


class HAProxyBeforeOurs(Proxied, unittest.TestCase):
    def begin(self):
        return subprocess.Popen(["haproxy", "-db", "-f", ROOT / "etc/haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, "SVCD_FRONT": self.front, "SVCD_BACK": self.daemon.address,
                                     "SVCD_BACK2": f"127.0.0.1:{free_port()}"})


class NginxBeforeOurs(Proxied, unittest.TestCase):
    def begin(self):
        self.folder.chmod(0o777)  # for nginx's workers, which are not root
        config = (ROOT / "etc/nginx.conf").read_text()
        for shipped, ours in (("127.0.0.1:50050", self.front), ("127.0.0.1:50051", self.daemon.address),
                              ("server 127.0.0.1:50052 max_fails=1 fail_timeout=1s;", "")):
            self.assertIn(shipped, config)
            config = config.replace(shipped, ours)
        (self.folder / "nginx.conf").write_text(config)
        return subprocess.Popen(["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf", "-g", "daemon off;"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
