# SPDX-License-Identifier: MIT
"""Two svcd behind a proxy as etc/ configures it, restarted in turn under a steady load of clients that do not retry: no call fails."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import grpc
import svcd_client
from harness import PATIENCE_S, ROOT, Daemon, demo_database, free_port, is_listening, is_serving, temporary_folder, wait_until

RESTARTS = 10
CALLS_PER_SECOND = 200  # of each client


class Steady(threading.Thread):
    """ListSkills at a steady rate by grpcio, whatever becomes of the calls before."""

    def __init__(self, address):
        super().__init__()
        self.channel = grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)])
        self.ended = threading.Event()
        self.calls = []

    def run(self):
        list_skills = self.channel.unary_unary("/account_package.AccountService/ListSkills")
        begun = time.monotonic()
        while not self.ended.wait(max(0, begun + len(self.calls) / CALLS_PER_SECOND - time.monotonic())):
            self.calls.append(list_skills.future(b"", timeout=PATIENCE_S))

    def stop(self):
        """What failed."""
        self.ended.set()
        self.join()
        errors = [call.exception() for call in self.calls]
        self.channel.close()
        return [str(error.details()) for error in errors if error]


class Rolling:
    """Mixed into a class for each edge: scheme is that of the listeners."""

    scheme = None

    def setUp(self):
        self.database = demo_database()
        self.backs = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self.daemons = [self.start(back) for back in self.backs]
        self.addCleanup(lambda: [daemon.stop() for daemon in self.daemons])
        self.front = f"127.0.0.1:{free_port()}"

    def start(self, back):
        # The shipped time for balancers to notice, not the none of other tests.
        daemon = Daemon(self.database, "--set", "drain.lame_ms=1000", listen=f"{self.scheme}://{back}")
        with svcd_client.Client(back) as client:
            wait_until(lambda: is_serving(client), "not serving")
        return daemon

    def begin_proxy(self, *command, **env):
        self.proxy_log = temporary_folder(self) / "log"
        with self.proxy_log.open("w") as log:
            proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **env})
        self.addCleanup(lambda: (proxy.terminate(), proxy.wait()))
        wait_until(lambda: is_listening(self.front), "the proxy does not listen")
        with svcd_client.Client(self.front) as client:
            wait_until(lambda: is_serving(client), "not serving through the proxy")

    def restart(self, i, is_back):
        daemon = self.daemons[i]
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.daemons[i] = self.start(self.backs[i])
        is_back(i)

    def roll(self, is_back):
        node = subprocess.Popen(["node", ROOT / "test/slow/steady.js", self.front, str(CALLS_PER_SECOND)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        python = Steady(self.front)
        python.start()
        try:
            for restart in range(RESTARTS):
                self.restart(restart % 2, is_back)
        finally:
            failures = python.stop()
            told = json.loads(node.communicate()[0])
        print(f"{self.scheme}: grpcio {len(python.calls)} calls, grpc-js {told['calls']} calls, slowest {told['slowest_ms']} ms", flush=True)
        self.assertEqual((failures, told["failures"]), ([], []), self.proxy_log.read_text()[-3000:])
        self.assertGreater(min(len(python.calls), told["calls"]), 1000)

    def test_behind_haproxy(self):
        folder = temporary_folder(self)
        shipped = (ROOT / "etc/haproxy.cfg").read_text()
        (folder / "haproxy.cfg").write_text(f"global\n    stats socket {folder}/control\n\n{shipped}")
        self.begin_proxy("haproxy", "-db", "-f", folder / "haproxy.cfg", SVCD_FRONT=self.front, SVCD_BACK=self.backs[0],
                         SVCD_BACK2=self.backs[1])

        def is_up(i):
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(f"{folder}/control")
                control.sendall(b"show stat\n")
                rows = control.makefile().read().splitlines()
            return any(row.startswith(f"svcd,svcd{i + 1},") and ",UP," in row for row in rows)
        self.roll(lambda i: wait_until(lambda: is_up(i), "the proxy does not take the server back"))


class RollingOnTheCore(Rolling, unittest.TestCase):
    scheme = "grpc"


class RollingOnOurs(Rolling, unittest.TestCase):
    scheme = "http"

    # Not on the core: a call that arrives between its two GOAWAYs is CANCELLED, and nginx has no check by which to leave before.
    def test_behind_nginx(self):
        folder = temporary_folder(self)
        folder.chmod(0o777)  # for nginx's workers, which are not root
        config = (ROOT / "etc/nginx.conf").read_text()
        for shipped, ours in zip(("127.0.0.1:50050", "127.0.0.1:50051", "127.0.0.1:50052"), (self.front, *self.backs)):
            self.assertIn(shipped, config)
            config = config.replace(shipped, ours)
        (folder / "nginx.conf").write_text(config)
        self.begin_proxy("nginx", "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;")
        # It tries a server again a second after the last failure; until then the other serves.
        self.roll(lambda i: time.sleep(2))
