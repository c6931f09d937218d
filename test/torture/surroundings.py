# SPDX-License-Identifier: MIT
"""What a tortured daemon is given to do: listeners of each scheme, certificates, callers, a collector of traces, a service manager."""

import contextlib
import hashlib
import os
import socket
import ssl
import threading

from collector import Collector
from harness import free_port, temporary_folder
from wire import make_certificate

TOKEN = "torture"
BEARER = [("authorization", f"Bearer {TOKEN}")]
SECTIONS = {
    "tls": {"certificate": "{folder}/localhost.pem", "private_key": "{folder}/localhost.key", "client_auth": "optional",
            "client_ca": "{folder}/friend.pem", "client_names": "friend", "ticket_keys": "{folder}/keys"},
    "access": {"callers": "token", "tokens": "{folder}/callers"},
    "password": {"failure_floor_ms": "0"},
    "throttle": {"address_per_minute": "0", "email_per_minute": "0"},
    "drain": {"lame_ms": "0", "timeout_ms": "2000"},
}


class Surroundings:
    """For as long as the test (or, of a class, its tests)."""

    def __init__(self, test):
        self.folder = temporary_folder(test)
        for name in ("localhost", "friend"):
            make_certificate(self.folder, name)
        (self.folder / ".env").write_text("PGAPPNAME=torture\nPOSTGRES_PASSWORD='none is asked for'\n", encoding="ascii")
        (self.folder / "keys").write_bytes(bytes(range(80)))
        (self.folder / "callers").write_text(f"torture {hashlib.sha256(TOKEN.encode()).hexdigest()} *\n", encoding="ascii")
        self.collector = Collector()
        test.addCleanup(self.collector.stop)
        self.manager = Manager()
        test.addCleanup(self.manager.stop)

    def context(self, version):
        """Of a client that has a certificate."""
        context = ssl.create_default_context(cafile=self.folder / "localhost.pem")
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(self.folder / "friend.pem", self.folder / "friend.key")
        return context


class Addresses:
    """Where a daemon listens: known ports, since what it logs may be what fails."""

    def __init__(self, folder):
        self.core, self.http, self.https, self.admin, self.other = (f"127.0.0.1:{free_port()}" for _ in range(5))
        self.unix = f"{folder}/{self.core.rsplit(':')[-1]}.socket"

    def listeners(self, with_other):
        more = [f"http://{self.other}"] if with_other else []
        return ",".join([self.core, f"http://{self.http}", f"https://{self.https}", f"unix:{self.unix}", *more])


class Configuration:
    """A file that differs from what it was with every write(): a listener more or less, other limits, a new collector."""

    def __init__(self, surroundings, addresses):
        self.surroundings, self.addresses, self.n = surroundings, addresses, 0
        self.path = surroundings.folder / f"{addresses.core.rsplit(':')[-1]}.conf"
        self.write()

    def write(self):
        # The server as a standby of itself: what is read goes there first, and to the primary when that fails.
        odd = self.n % 2
        changing = {
            "server": {"listen": self.addresses.listeners(with_other=odd), "max_message_bytes": 100_000 + self.n},
            "database": {"read_host": os.environ["PGHOST"], "read_port": os.environ["PGPORT"]},
            "admin": {"listen": self.addresses.admin},
            "log": {"otlp": self.surroundings.collector.url + ("/v1/traces" if odd else ""), "calls": ("failed", "all")[odd]},
        }
        text = "".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                       for section, keys in {**SECTIONS, **changing}.items())
        self.path.write_text(text.replace("{folder}", str(self.surroundings.folder)), encoding="ascii")
        self.n += 1


class Manager:
    """Takes what services tell systemd."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")  # Linux chooses a name
        self.name = "@" + self.socket.getsockname()[1:].decode()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(4096) != b"end":
                pass

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(b"end", "\0" + self.name[1:])
