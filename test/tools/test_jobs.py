# SPDX-License-Identifier: MIT
"""tools/jobs: what a job lacks is told in a line each, with what to write and where."""

import subprocess
import tempfile
import unittest
from pathlib import Path

JOBS = Path(__file__).resolve().parents[2] / "tools/jobs"

PROJECT = {
    "src/jobs/table.c": 'const struct job jobs[] = {\n    { .name = "drop-goals", .begin = commit_only, NAMED(drop_goals) },\n};\n',
    "sql/queries/jobs.sql": "-- name: run_drop_goals\n",
    "sql/functions/jobs.sql": "CREATE OR REPLACE FUNCTION svcd.job_drop_goals(input json)\n",
    "src/config/config_keys.c": 'KEY(jobs, drop_goals, schedule, struct cron)\nCHOICE(jobs, drop_goals_enabled, int, no_yes, "yes")\n',
    "src/config/config.h": "struct cron drop_goals;\nint drop_goals_enabled;\n",
}


class Jobs(unittest.TestCase):
    def told(self, path=None, old="", new=""):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in PROJECT.items():
                file = Path(folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.replace(old, new) if name == path else text)
            done = subprocess.run([JOBS, folder], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1 if done.stderr else 0)
            return done.stderr.splitlines()

    def test_a_job_with_all_that_belongs_to_it_is_sound(self):
        self.assertEqual(self.told(), [])

    def test_what_a_job_lacks_is_told_with_its_place_and_what_to_write(self):
        for path, old, what in (
                ("sql/queries/jobs.sql", "run_drop_goals", "has no statement; write `-- name: run_drop_goals` in sql/queries/jobs.sql"),
                ("sql/functions/jobs.sql", "job_drop_goals", "has no function; write job_drop_goals(json) in sql/functions"),
                ("src/config/config_keys.c", "jobs, drop_goals,", "has no key jobs.drop_goals; write its row in src/config/config_keys.c"),
                ("src/config/config_keys.c", "drop_goals_enabled", "has no key jobs.drop_goals_enabled; write its row in src/config/config_keys.c"),
                ("src/config/config.h", "drop_goals_enabled", "has no member jobs.drop_goals_enabled; write it in src/config/config.h")):
            with self.subTest(what):
                self.assertEqual(self.told(path, old, "other"), [f"src/jobs/table.c:2: job drop-goals {what}"])

    def test_a_name_that_is_not_the_one_of_its_statement_and_keys(self):
        self.assertEqual(self.told("src/jobs/table.c", '"drop-goals"', '"drop-goal"'),
                         ["src/jobs/table.c:2: job drop-goal is NAMED(drop_goals); give both one name: drop-goals, or NAMED(drop_goal)"])

    def test_this_projects_jobs_are_whole(self):
        done = subprocess.run([JOBS], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
