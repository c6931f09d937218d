# SPDX-License-Identifier: MIT
"""The image that etc/container/Containerfile makes, built by buildah without a registry, and run as a container engine would."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 3600
LISTEN = "127.0.0.1:29161"


def descendants(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            yield from descendants(child)


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="svcd-image.")
        cls.addClassCleanup(folder.cleanup)
        cls.storage = ["--root", f"{folder.name}/root", "--runroot", f"{folder.name}/run", "--storage-driver", "vfs"]
        base = cls.buildah("from", "scratch").strip()
        cls.buildah("add", base, ROOT / "build/debian.tar", "/")
        cls.buildah("commit", "--rm", base, "localhost/debian")
        cls.buildah("build", "--isolation", "chroot", "--pull-never", "--build-arg", "BASE=localhost/debian", "--format", "docker",
                    "-t", "localhost/svcd", "-f", ROOT / "etc/container/Containerfile", ROOT)
        cls.container = cls.buildah("from", "--pull-never", "localhost/svcd").strip()
        cls.config = json.loads(cls.buildah("inspect", "--type", "image", "localhost/svcd"))["Docker"]["config"]

    @classmethod
    def buildah(cls, *arguments):
        done = subprocess.run(["buildah", *cls.storage, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode:
            raise AssertionError(f"buildah {arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def command(self, *arguments, env=()):
        return ["buildah", *self.storage, "run", "--isolation", "chroot", *(f"--env={each}" for each in env), self.container, "--", *arguments]

    def test_it_runs_as_a_user_of_its_own_and_says_how_its_health_is_asked(self):
        self.assertEqual(self.config["User"], "999:999")
        self.assertEqual(self.config["Healthcheck"]["Test"][:3], ["CMD", "/usr/bin/svcd", "health"])
        self.assertEqual(sorted(self.config["ExposedPorts"]), ["50051/tcp", "50080/tcp"])
        done = subprocess.run(self.command("id", "-u"), capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), "999", done.stderr)

    def test_it_migrates_serves_and_stops(self):
        database = ["POSTGRES_HOST=127.0.0.1", f"POSTGRES_PORT={os.environ['PGPORT']}", "POSTGRES_DATABASE=svcd", "POSTGRES_USER=svcd"]
        entry = [argument.replace("0.0.0.0:50051", LISTEN).replace("127.0.0.1:50080", "") for argument in self.config["Entrypoint"]]
        migrated = subprocess.run(self.command(*entry, "migrate", env=database), capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        daemon = subprocess.Popen(self.command(*entry, env=database), stderr=subprocess.PIPE, text=True)
        try:
            health = self.command("/usr/bin/svcd", "health", "--address", LISTEN)
            begun = time.monotonic()
            while subprocess.run(health, capture_output=True).returncode != 0:
                self.assertIsNone(daemon.poll(), "svcd ended")
                self.assertLess(time.monotonic() - begun, PATIENCE_S)
                time.sleep(0.1)
            # Nothing was written: what a read-only root would refuse.
            changed = subprocess.run(self.command("find", "/etc", "/var", "/usr", "/run", "/tmp", "-xdev", "-user", "svcd"), capture_output=True, text=True)
            self.assertEqual(changed.stdout, "")
        finally:
            # An engine sends the signal to svcd itself; buildah, told to end, would kill it.
            for pid in list(descendants(daemon.pid)):
                if Path(f"/proc/{pid}/comm").read_text() == "svcd\n":
                    os.kill(pid, signal.SIGTERM)
            log = daemon.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(daemon.returncode, 0, log)
