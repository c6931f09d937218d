# SPDX-License-Identifier: MIT
"""Servers under load, as processes: svcd and the no-op ceiling, and what they use."""

import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import grpc

from world import ROOT, Wrong, run

PATIENCE_S = 30


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


def make_certificate(folder):
    """(certificate, private key) of 127.0.0.1, made once in this folder."""
    certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
    if not certificate.exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    return certificate, key


class Server:
    """A process that serves on self.port. Its log is shown if it fails."""

    def __init__(self, name, command, port, env, log, certificate=None):
        self.name, self.port, self.log = name, port, Path(log)
        self.scheme, self.certificate = "https" if certificate else "http", certificate
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen([str(part) for part in command], env=env, cwd="/", stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output)
        self.address = f"127.0.0.1:{port}"
        self.url = f"{self.scheme}://{self.address}"
        self.channel = grpc.secure_channel(self.address, grpc.ssl_channel_credentials(certificate.read_bytes())) if certificate \
            else grpc.insecure_channel(self.address)

    def call(self, path, request, metadata=()):
        """The reply's bytes. Raises grpc.RpcError unless the status is 0."""
        return self.channel.unary_unary(path)(request, timeout=PATIENCE_S, wait_for_ready=True, metadata=metadata)

    def post(self, path, content_type, body):
        """The body of the answer to a POST over HTTP/1.1."""
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        request = urllib.request.Request(self.url + path, body, {"content-type": content_type})
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as answer:
            return answer.read()

    def cpu_s(self):
        """User and system time used so far by the threads that there are."""
        return sum(int(Path(task, "schedstat").read_text(encoding="ascii").split()[0])
                   for task in Path(f"/proc/{self.process.pid}/task").iterdir()) / 1e9

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
    """svcd with etc/svcd.conf as it is shipped, on a world, serving by one edge (grpc, http, https); but for `settings`,
    "section.key=value" each. binary: another one than the world's."""

    def __init__(self, world, log, *settings, edge="grpc", binary=None):
        port, certificate = free_port(), None
        if edge == "https":
            certificate, key = make_certificate(Path(log).parent)
            settings += (f"tls.certificate={certificate}", f"tls.private_key={key}")
        super().__init__("svcd", [binary or world.svcd_binary, "--config", ROOT / "etc/svcd.conf",
                                  "--set", f"server.listen={edge}://127.0.0.1:{port}",
                                  *(word for setting in settings for word in ("--set", setting))], port, world.environment(), log,
                         certificate)
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


class BareHttp2(Server):
    """What a new connection costs any server: answers whatever comes first with the same bytes."""

    def __init__(self, binary, answer, log):
        port = free_port()
        super().__init__("bare_http2", [binary, port, answer.hex()], port, os.environ, log)
        begun = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() - begun > PATIENCE_S:
                    raise Wrong(f"bare_http2 does not serve:\n{self.log.read_text()}") from None
                time.sleep(0.05)


class Noop(Server):
    """The ceiling: answers one method with fixed bytes."""

    def __init__(self, binary, path, reply, log):
        port = free_port()
        super().__init__("noop", [binary, port, path, reply.hex()], port, os.environ, log)
        self.call(path, b"")
