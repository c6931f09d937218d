# SPDX-License-Identifier: MIT
"""The Debian package in a fresh Debian: it installs, is upgraded, is removed, and leaves an edited configuration alone."""

import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="svcd-deb.")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.debian = cls.folder / "debian"
        cls.debian.mkdir()
        subprocess.run(["tar", "--extract", "--file", ROOT / "build/debian.tar", "--directory", cls.debian], check=True)
        cls.package = next((ROOT / "build/deb").glob("svcd_*.deb"))

    def inside(self, *command, status=0):
        done = subprocess.run(["chroot", self.debian, "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", *command],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, status, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def copy_in(self, package):
        (self.debian / "tmp/svcd.deb").write_bytes(package.read_bytes())

    def newer(self):
        """The same package with a higher version and a default configuration that changed."""
        tree = self.folder / "newer"
        subprocess.run(["dpkg-deb", "--raw-extract", self.package, tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+1", control.read_text(), flags=re.M))
        with (tree / "etc/svcd/svcd.conf").open("a") as shipped:
            shipped.write("\n# A later version says more.\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, self.folder / "newer.deb"], check=True,
                       stdout=subprocess.DEVNULL)
        return self.folder / "newer.deb"

    def assert_serves(self):
        """As its user, with a database that is not there: it starts, is alive, says that it is not serving, and stops."""
        daemon = subprocess.Popen(["chroot", "--userspec=svcd", self.debian, "/usr/bin/svcd", "--config", "/etc/svcd/svcd.conf",
                                   "--set", "server.listen=127.0.0.1:29151", "--set", "drain.lame_ms=0"], stderr=subprocess.PIPE, text=True)
        try:
            health = ["chroot", self.debian, "/usr/bin/svcd", "health", "--address", "127.0.0.1:29151"]
            begun = time.monotonic()
            while subprocess.run([*health, "--service", "svcd.live"], capture_output=True).returncode == 3:
                self.assertIsNone(daemon.poll(), "svcd ended")
                self.assertLess(time.monotonic() - begun, PATIENCE_S)
                time.sleep(0.1)
            self.assertEqual(subprocess.run([*health, "--service", "svcd.live"], capture_output=True).returncode, 0)
            self.assertEqual(subprocess.run(health, capture_output=True).returncode, 1)
        finally:
            daemon.terminate()
            log = daemon.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(daemon.returncode, 0, log)

    def test_it_installs_upgrades_and_goes_and_an_edited_configuration_stays(self):
        self.copy_in(self.package)
        self.inside("apt-get", "update", "-qq")
        self.inside("apt-get", "install", "-y", "-qq", "--no-install-recommends", "systemd-standalone-sysusers", "/tmp/svcd.deb")
        version = self.package.name.split("_")[1]
        self.assertEqual(self.inside("svcd", "--version"), f"svcd {version}\n")
        configuration = self.debian / "etc/svcd/svcd.conf"
        owner = self.inside("stat", "-c", "%U:%G %a", "/etc/svcd/svcd.conf").strip()
        self.assertEqual(owner, "root:svcd 640")
        for path in ("lib/systemd/system/svcd.service", "usr/share/man/man8/svcd.8.gz", "usr/share/bash-completion/completions/svcd",
                     "usr/share/doc/svcd/README.md.gz", "usr/share/doc/svcd/examples/haproxy.cfg"):
            # A minimal Debian may leave documents out; the package has them all the same.
            self.assertIn(f"/{path}", self.inside("dpkg", "-L", "svcd"))
        self.assertIn("/etc/svcd/svcd.conf", self.inside("dpkg-query", "-W", "-f", "${Conffiles}", "svcd"))
        self.assertIn("ExecStart=/usr/bin/svcd ", (self.debian / "lib/systemd/system/svcd.service").read_text())
        self.inside("svcd", "--config", "/etc/svcd/svcd.conf", "check")
        self.assert_serves()

        edited = configuration.read_text().replace("#lame_ms = 1000", "lame_ms = 1500")
        self.assertIn("\nlame_ms = 1500", edited)
        configuration.write_text(edited)
        self.copy_in(self.newer())
        self.inside("apt-get", "install", "-y", "-qq", "-o", "Dpkg::Options::=--force-confold", "/tmp/svcd.deb")
        self.assertEqual(self.inside("dpkg-query", "-W", "-f", "${Version}", "svcd"), f"{version}+1")
        self.assertEqual(configuration.read_text(), edited)
        self.assertEqual(self.inside("stat", "-c", "%U:%G %a", "/etc/svcd/svcd.conf").strip(), owner)
        self.assert_serves()

        self.inside("apt-get", "remove", "-y", "-qq", "svcd")
        self.assertFalse((self.debian / "usr/bin/svcd").exists())
        self.assertEqual(configuration.read_text(), edited)
        self.inside("apt-get", "purge", "-y", "-qq", "svcd")
        self.assertFalse((self.debian / "etc/svcd").exists())
