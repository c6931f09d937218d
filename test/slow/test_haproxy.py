# SPDX-License-Identifier: MIT
"""The shipped etc/haproxy.cfg in front of svcd: calls pass, and a server that is not serving is taken out."""

import os
import subprocess

import account_pb2 as account
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import ROOT, TestCase, cluster, free_port, is_listening, is_serving, wait_until

CONFIG = ROOT / "etc/haproxy.cfg"


class HAProxy(TestCase):
    def setUp(self):
        front = f"127.0.0.1:{free_port()}"
        self.log = []
        proxy = subprocess.Popen(["haproxy", "-db", "-f", CONFIG], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 env={**os.environ, "SVCD_FRONT": front, "SVCD_BACK": self.daemon.address,
                                      "SVCD_BACK2": f"127.0.0.1:{free_port()}"})
        self.addCleanup(lambda: (proxy.terminate(), proxy.communicate()))
        wait_until(lambda: is_listening(front), "the proxy does not listen")
        self.proxied = svcd_client.Client(front)
        self.addCleanup(self.proxied.channel.close)
        wait_until(lambda: is_serving(self.proxied), "not serving through the proxy")

    def test_calls_pass_in_both_directions(self):
        self.assertEqual(self.proxied.account.ListSkills(Empty()), self.client.account.ListSkills(Empty()))
        reply = self.proxied.account.TryLogin(account.AuthenticateRequest(username="demo-mentee@example.com", password="demo"))
        self.assertEqual((reply.status, reply.id), (True, 61))
        for _ in range(500):
            self.assertEqual(len(self.proxied.account.ListSkills(Empty()).skills), 10)

    def test_a_server_whose_database_is_away_is_taken_out_until_it_is_back(self):
        self.addCleanup(cluster, "start")
        cluster("stop")

        def taken_out():
            # svcd answers UNAVAILABLE itself; without a server the proxy does.
            error = self.assert_fails(StatusCode.UNAVAILABLE, self.proxied.account.ListSkills, Empty())
            return error.details() == "no svcd is serving"
        wait_until(taken_out, "the proxy still passes calls to a server that is not serving")
        cluster("start")
        wait_until(lambda: is_serving(self.proxied), "the proxy does not take the server back")
