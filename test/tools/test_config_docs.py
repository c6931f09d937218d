# SPDX-License-Identifier: MIT
"""tools/config-docs: etc/svcd.conf and svcd.conf(5) say what the table of keys says, and a key that differs is named."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/config-docs"
KEYS = ROOT / "build" / os.environ.get("FLAVOUR", "release") / "config-keys"
CONF, MANUAL = "etc/svcd.conf", "man/svcd.conf.5"


class Docs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in (CONF, MANUAL):
            (self.root / name).parent.mkdir()
            shutil.copy(ROOT / name, self.root / name)
        self.run_tool()  # a key that the project's lack is told by one test, not by each
        self.sound = {name: (self.root / name).read_text() for name in (CONF, MANUAL)}

    def run_tool(self, *options, root=None):
        self.assertTrue(KEYS.exists(), f"{KEYS} is not built; run `make test-programs`")
        done = subprocess.run([TOOL, *options, KEYS, root or self.root], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done

    def change(self, name, old, new):
        text = (self.root / name).read_text()
        self.assertEqual(text.count(old), 1, f"{name}: {old}")
        (self.root / name).write_text(text.replace(old, new))

    def told(self, *abouts):
        """Exactly these are told, each in one line that ends with what to run."""
        lines = [f"{about} is missing, or not what src/config/config_keys.c says; run `make docs`" for about in abouts]
        self.assertEqual(self.run_tool("--check").stdout.splitlines(), lines)

    def test_the_shipped_file_and_manual_are_what_the_table_says(self):
        told = self.run_tool("--check", root=ROOT).stdout
        self.assertFalse(told, f"\n{told}")

    def test_a_key_that_is_missing_is_named(self):
        self.change(CONF, "#max_message_bytes = 262144\n", "")
        self.change(MANUAL, ".It Cm idle_timeout_ms = 300000\n", "")
        self.told(f"{CONF}: server.max_message_bytes", f"{MANUAL}: server.idle_timeout_ms")

    def test_a_default_a_bound_or_a_sentence_that_differs_is_told_by_its_key(self):
        self.change(CONF, "#bcrypt_cost = 12\n", "#bcrypt_cost = 13\n")
        self.change(CONF, "doublings from 10 to 14", "doublings from 9 to 14")
        self.change(CONF, "Port of the server.", "The server's port.")
        self.told(f"{CONF}: database.port", f"{CONF}: password.bcrypt_cost")

    def test_a_key_of_another_section_with_the_same_name_does_not_hide_it(self):
        page = (self.root / CONF).read_text()
        start = page.index("# Logins and registrations that may wait")
        (self.root / CONF).write_text(page[:start] + page[page.index("#queue_limit = 256\n"):])
        self.told(f"{CONF}: password.queue_limit")

    def test_what_the_table_does_not_have_is_told(self):
        with open(self.root / CONF, "a", encoding="utf-8") as file:
            file.write("\n# Once there was a key.\n#key = 1\n")
        self.told(f"{CONF}: what follows the last key")

    def test_an_environment_variable_that_differs_is_told(self):
        self.change(MANUAL, ".It Ev POSTGRES_PORT\n", ".It Ev PGPORT\n")
        self.told(f"{MANUAL}: database.port")

    def test_writing_repairs_what_check_tells_and_keeps_the_rest_of_the_manual(self):
        self.change(CONF, "#bcrypt_cost = 12\n", "")
        self.change(MANUAL, ".It Cm bcrypt_cost = 12\n", "")
        self.run_tool()
        for name in (CONF, MANUAL):
            self.assertEqual((self.root / name).read_text(), self.sound[name])

    def test_a_manual_without_the_marks_is_refused_with_what_is_expected(self):
        self.change(MANUAL, '.\\" end of keys\n', "")
        done = subprocess.run([TOOL, KEYS, self.root], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{MANUAL}: the marks around keys are gone; expected", done.stderr)


if __name__ == "__main__":
    unittest.main()
