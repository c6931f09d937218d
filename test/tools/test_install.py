# SPDX-License-Identifier: MIT
"""make install and make uninstall, into a folder of the test's: what is put there, and that just that goes again."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAVOUR = os.environ.get("FLAVOUR", "release")
BINARY = f"build/{FLAVOUR}/svcd"
ENVIRONMENT = {name: text for name, text in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.configuration = self.root / "etc/svcd/svcd.conf"

    def make(self, target, **variables):
        self.assertTrue((ROOT / BINARY).exists(), f"{BINARY} is not built; run `make test-programs`")
        settings = {"DESTDIR": self.root, "PREFIX": "/usr", "FLAVOUR": FLAVOUR, **variables}
        done = subprocess.run(["make", "--no-print-directory", "-o", BINARY, target,
                               *(f"{name}={text}" for name, text in settings.items())],
                              cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def files(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    def test_install_puts_the_binary_its_configuration_unit_user_manual_and_completion_there(self):
        self.make("install")
        self.assertEqual(self.files(), ["etc/svcd/svcd.conf", "usr/bin/svcd",
                                        *(f"usr/lib/systemd/system/svcd{unit}" for unit in
                                          ("-admin.socket", "-grpc.socket", "-http.socket", "-https.socket", ".service", "@.service")),
                                        "usr/lib/sysusers.d/svcd.conf", "usr/share/bash-completion/completions/svcd",
                                        "usr/share/man/man5/svcd.conf.5", "usr/share/man/man8/svcd.8",
                                        "usr/share/zsh/site-functions/_svcd"])
        unit = (self.root / "usr/lib/systemd/system/svcd.service").read_text()
        self.assertIn("\nExecStart=/usr/bin/svcd ", unit)
        self.assertIn("\nExecReload=/usr/bin/svcd ", unit)
        self.assertEqual(self.configuration.stat().st_mode & 0o777, 0o640)

    def test_uninstall_removes_just_what_install_put_there(self):
        others = ["etc/svcd/environment", "usr/bin/other", "usr/share/man/man8/other.8"]
        for name in others:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text("another's\n")
        for variables in {}, {"PREFIX": "/opt/svcd"}, {"SYSCONFDIR": "/opt/etc", "MANDIR": "/opt/man", "UNITDIR": "/opt/unit"}:
            with self.subTest(variables=variables):
                self.make("install", **variables)
                self.assertNotEqual(self.files(), others)
                self.make("uninstall", **variables)
                self.assertEqual(self.files(), others)

    def test_a_configuration_that_was_edited_survives_uninstall_and_install(self):
        self.make("install")
        self.configuration.write_text("[server]\nlisten = 127.0.0.1:7\n")
        self.assertIn(f"{self.configuration} was edited and stays", self.make("uninstall"))
        self.assertEqual(self.files(), ["etc/svcd/svcd.conf"])
        self.make("install")
        self.assertEqual(self.configuration.read_text(), "[server]\nlisten = 127.0.0.1:7\n")

    def test_uninstall_where_nothing_is_does_nothing(self):
        self.make("uninstall")
        self.assertEqual(list(self.root.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
