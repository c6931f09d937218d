# SPDX-License-Identifier: MIT
"""Servers under load, as processes: svcd and the no-op ceiling, and what they use."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc

from world import ROOT, Wrong

PATIENCE_S = 30
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def free_port():
    """A port nobody listens on, outside the range that connections take theirs from."""
    for port in range(21000 + os.getpid() % 8000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Wrong("no free port between 21000 and 32000")


class Server:
    """A process that serves on self.port. Its log is shown if it fails."""

    def __init__(self, name, command, port, env, log):
        self.name, self.port, self.log = name, port, Path(log)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen([str(part) for part in command], env=env, cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output)
        self.address = f"127.0.0.1:{port}"
        self.channel = grpc.insecure_channel(self.address)

    def call(self, path, request, metadata=()):
        """The reply's bytes. Raises grpc.RpcError unless the status is 0."""
        return self.channel.unary_unary(path)(request, timeout=PATIENCE_S, wait_for_ready=True, metadata=metadata)

    def cpu_s(self):
        """User and system time used so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS_PER_S

    def resident_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6

    def stop(self):
        self.channel.close()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):  # svcd drains after one, and hurries after two
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                continue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Svcd(Server):
    """svcd with etc/svcd.conf as it is shipped, on a world, serving by one edge; but for `settings`, "section.key=value" each."""

    def __init__(self, world, log, *settings, edge="grpc"):
        port = free_port()
        super().__init__("svcd", [world.svcd_binary, "--config", ROOT / "etc/svcd.conf",
                                  "--set", f"server.listen={edge}://127.0.0.1:{port}",
                                  *(word for setting in settings for word in ("--set", setting))], port, world.environment(), log)
        self.wait_until_serving()

    def wait_until_serving(self):
        begun = time.monotonic()
        while True:
            if self.process.poll() is not None or time.monotonic() - begun > PATIENCE_S:
                raise Wrong(f"svcd does not serve:\n{self.log.read_text()}")
            try:
                if self.call("/grpc.health.v1.Health/Check", b"") == b"\x08\x01":
                    return
            except grpc.RpcError:
                pass
            time.sleep(0.05)


class Noop(Server):
    """The ceiling: answers one method with fixed bytes."""

    def __init__(self, binary, path, reply, log):
        port = free_port()
        super().__init__("noop", [binary, port, path, reply.hex()], port, os.environ, log)
        self.call(path, b"")
