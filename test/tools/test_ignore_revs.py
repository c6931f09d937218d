# SPDX-License-Identifier: MIT
""".git-blame-ignore-revs: what it lists are commits of this history, each under its subject."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / ".git-blame-ignore-revs"


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)


def is_whole_history():
    return git("rev-parse", "--is-shallow-repository").stdout.strip() == "false"


class IgnoredRevisions(unittest.TestCase):
    @unittest.skipUnless(is_whole_history(), "there is no history here, or only its end")
    def test_each_is_a_commit_of_this_history_under_its_subject(self):
        commits = dict(line.split(" ", 1) for line in git("log", "--format=%H %s").stdout.splitlines())
        lines = LIST.read_text(encoding="utf-8").splitlines()
        listed = [(number, line) for number, line in enumerate(lines, 1) if re.fullmatch("[0-9a-f]{40}", line)]
        self.assertGreater(len(listed), 5)
        if not any(revision in commits for _, revision in listed):
            self.skipTest("the files are here, but by another history")
        for number, revision in listed:
            subject = lines[number - 2].removeprefix("# ")
            with self.subTest(revision):
                named = [other for other, its in commits.items() if its == subject]
                self.assertEqual(commits.get(revision), subject,
                                 f"{LIST.name}:{number}: not a commit of this history, or not of that subject; that is {' or '.join(named) or 'none'}")
