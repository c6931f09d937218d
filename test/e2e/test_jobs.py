# SPDX-License-Identifier: MIT
"""svcd job and svcd import-ratings as commands, and the scheduler in the daemon."""

import os
import signal
import subprocess
import unittest

from harness import (PATIENCE_S, ROOT, SVCD, Daemon, Held, create_database, demo_template, environment, psql, run_svcd, temporary_folder,
                     value, wait_until)

HEADER = "SkillOverlap,AgeDifference,Rating\n"
RATINGS = str(ROOT / "test/data/ratings")


def demo_database():
    return create_database(demo_template())


class Commands(unittest.TestCase):
    def setUp(self):
        self.database = demo_database()

    def svcd(self, *arguments):
        return run_svcd(*arguments, database=self.database)

    def ok(self, *arguments):
        done = self.svcd(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def value(self, statement):
        return value(statement, self.database)

    def state(self):
        return psql("SELECT * FROM pendingratingfeedback ORDER BY 1, 2, 3, 4, 5", self.database), \
            psql("SELECT * FROM svcd.rating_import ORDER BY 1, 2, 3", self.database)

    def test_job_lists_the_jobs_with_schedule_last_and_next_run(self):
        def listed(*options):
            return {line.split()[0]: line for line in self.ok(*options, "job").splitlines()}

        before = listed()
        self.assertIn("last run (UTC)", before["job"])
        self.assertIn("*/30 * * * *", before["update-models"])
        self.assertIn("never", before["update-models"])
        self.assertRegex(before["suggest-workshops"], r"0 0 \* \* 0 .* \d{4}-\d\d-\d\d 00:00:00$")
        self.ok("job", "update-models")
        after = listed("--set", "jobs.suggest_workshops_enabled=no")
        self.assertRegex(after["update-models"], r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  done")
        self.assertRegex(after["suggest-workshops"], "never .*disabled$")

    def test_a_failed_job_exits_with_1_and_the_list_says_why(self):
        psql("ALTER TABLE ratingmodel ADD CONSTRAINT wet CHECK (modeloffset > 5) NOT VALID", self.database)
        self.ok("import-ratings", RATINGS)
        done = self.svcd("job", "update-models")
        self.assertEqual(done.returncode, 1)
        self.assertIn("wet", done.stderr)
        listed = self.ok("job")
        self.assertIn("failed", listed)
        self.assertIn("wet", listed)
        self.assertEqual(self.value("SELECT count(*) FROM svcd.rating_history WHERE fitted_n <> n"), "2")
        psql("ALTER TABLE ratingmodel DROP CONSTRAINT wet", self.database)
        self.ok("job", "update-models")
        self.assertEqual(self.value("SELECT count(*) FROM svcd.rating_history WHERE fitted_n <> n"), "0")

    def test_an_unknown_job_exits_with_2_and_names_those_there_are(self):
        done = self.svcd("job", "make-coffee")
        self.assertEqual(done.returncode, 2)
        for word in ("make-coffee", "update-models", "suggest-workshops"):
            self.assertIn(word, done.stderr)

    def test_report_goes_with_update_models_only(self):
        for arguments in (["job", "--report"], ["job", "suggest-workshops", "--report"], ["migrate", "--report"]):
            done = self.svcd(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("--report", done.stderr)

    def test_without_a_database_commands_exit_with_1(self):
        for arguments in (["job"], ["job", "update-models"], ["import-ratings", RATINGS]):
            done = self.svcd("--set", "database.host=/nonexistent", "--set", "database.connect_timeout_ms=300", *arguments)
            # The environment sets the host, too, but --set is over it.
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("/nonexistent", done.stderr)
            self.assertIn("svcd: the database cannot be reached", done.stderr)

    def test_histories_are_imported_once(self):
        pending = int(self.value("SELECT count(*) FROM pendingratingfeedback"))
        self.assertIn("imported 11 ratings from 2 of 2 files", self.ok("import-ratings", RATINGS))
        self.assertEqual(int(self.value("SELECT count(*) FROM pendingratingfeedback")), pending + 11)
        state = self.state()
        self.assertIn("imported 0 ratings from 0 of 2 files", self.ok("import-ratings", RATINGS))
        self.assertEqual(self.state(), state)
        self.ok("job", "update-models")
        self.assertIn("imported 0 ratings from 0 of 2 files", self.ok("import-ratings", RATINGS))
        self.assertEqual(self.value("SELECT n FROM svcd.rating_history WHERE (area1_id, area2_id) = (1, 4)"), "9")

    def test_ratings_of_an_area_that_does_not_exist_are_not_imported(self):
        folder = temporary_folder(self)
        (folder / "1-2.csv").write_text(HEADER + "1,2,3\n", encoding="utf-8")
        (folder / "2-9999.csv").write_text(HEADER + "1,2,3\n", encoding="utf-8")
        state = self.state()
        done = self.svcd("import-ratings", str(folder))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no business area 9999", done.stderr)
        self.assertEqual(self.state(), state)

    def test_several_imports_at_once_count_once(self):
        runs = [subprocess.Popen([SVCD, "import-ratings", RATINGS], env=environment(self.database), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(6)]
        said = [run.communicate(timeout=PATIENCE_S) for run in runs]
        self.assertEqual([run.returncode for run in runs], [0] * 6, said)
        self.assertEqual(sum("imported 11 ratings" in out for out, _ in said), 1, said)

    def test_a_bad_row_imports_nothing_of_any_file(self):
        folder = temporary_folder(self)
        (folder / "1-2.csv").write_text(HEADER + "1,2,3\n", encoding="utf-8")
        (folder / "1-3.csv").write_text(HEADER + "1,2,3\n1,2,six\n", encoding="utf-8")
        state = self.state()
        done = self.svcd("import-ratings", str(folder))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{folder}/1-3.csv:3: ", done.stderr)
        self.assertEqual(self.state(), state)
        (folder / "1-3.csv").write_text(HEADER + "1,2,3\n1,2,4\n", encoding="utf-8")
        self.assertIn("imported 3 ratings from 2 of 2 files", self.ok("import-ratings", str(folder)))

    def test_the_report_shows_what_each_model_is_worth(self):
        psql("DELETE FROM pendingratingfeedback", self.database)
        self.ok("import-ratings", RATINGS)
        report = self.ok("job", "update-models", "--report")
        columns = next(line for line in report.splitlines() if line.strip().startswith("1 and 4")).split()
        samples, by_skill, by_age, offset, model, left_out, mean, mean_left_out = (float(text) for text in columns[3:11])
        self.assertEqual((samples, columns[11:]), (9, ["better"]))
        stored = psql("SELECT skilloverlapcoefficient, agedifferencecoefficient, modeloffset FROM ratingmodel "
                      "WHERE (businessarea1id, businessarea2id) = (1, 4)", self.database)[0]
        for shown, kept in zip((by_skill, by_age, offset), stored):
            self.assertAlmostEqual(shown, float(kept), places=5)
        self.assertLessEqual(model, 0.2279)
        errors = reference_errors((ROOT / "test/data/ratings/1-4.csv").read_text(encoding="utf-8"))
        for shown, right in zip((model, left_out, mean, mean_left_out), errors):
            self.assertAlmostEqual(shown, right, places=4)


def reference_errors(text):
    """In-sample and left-out errors of the plane and of the mean, by elimination, without a library."""
    rows = [[1.0, *map(float, line.split(","))] for line in text.splitlines()[1:]]

    def plane(samples):
        left = [[sum(r[i] * r[j] for r in samples) for j in range(3)] + [sum(r[i] * r[3] for r in samples)] for i in range(3)]
        for i in range(3):
            left[i] = [x / left[i][i] for x in left[i]]
            for k in range(3):
                if k != i:
                    left[k] = [x - left[k][i] * y for x, y in zip(left[k], left[i])]
        return lambda row: sum(left[i][3] * row[i] for i in range(3))

    def mean(samples):
        return lambda row: sum(r[3] for r in samples) / len(samples)

    def error(predictors):
        return (sum((row[3] - predict(row)) ** 2 for row, predict in zip(rows, predictors)) / len(rows)) ** 0.5

    return [error([kind(rows if whole else rows[:i] + rows[i + 1:]) for i in range(len(rows))])
            for kind in (plane, mean) for whole in (True, False)]


class Scheduler(unittest.TestCase):
    EVERY_MINUTE = ("--set", "jobs.update_models=* * * * *", "--set", "jobs.suggest_workshops_enabled=no")

    def test_daemons_that_share_a_database_run_what_was_missed_once(self):
        database = demo_database()
        psql("SELECT svcd.note_run('update-models', '2001-01-01', '1 s', 'done', 0, NULL)", database)
        daemons = [Daemon(database, *self.EVERY_MINUTE) for _ in range(3)]
        for daemon in daemons:
            self.addCleanup(daemon.stop)
        wait_until(lambda: int(value("SELECT count(*) FROM svcd.job_run", database)) >= 2, "no job runs")
        self.assertEqual(value("SELECT count(*) - count(DISTINCT (job, due)) FROM svcd.job_run", database), "0")

    def test_a_killed_daemon_is_made_up_for_by_the_next(self):
        database = demo_database()
        psql("SELECT svcd.note_run('update-models', '2001-01-01', '1 s', 'done', 0, NULL)", database)
        psql("INSERT INTO pendingratingfeedback VALUES (1, 9, 2, 3, 4)", database)
        # The daemon's statement waits for this lock when it is killed.
        held = Held("LOCK TABLE svcd.job_run IN SHARE MODE", database)
        self.addCleanup(held.let_go)
        daemon = Daemon(database, *self.EVERY_MINUTE)
        wait_until(lambda: value("SELECT count(*) FROM pg_locks WHERE relation = 'svcd.job_run'::regclass AND NOT granted",
                                 database) != "0", "the job does not run")
        os.kill(daemon.process.pid, signal.SIGKILL)
        daemon.wait()
        held.let_go()
        again = Daemon(database, *self.EVERY_MINUTE)
        self.addCleanup(again.stop)
        wait_until(lambda: value("SELECT count(*) FROM ratingmodel WHERE businessarea2id = 9", database) == "1", "no model")
        self.assertEqual(value("SELECT n FROM svcd.rating_history WHERE area2_id = 9", database), "1")
        self.assertEqual(value("SELECT count(*) - count(DISTINCT (job, due)) FROM svcd.job_run WHERE outcome = 'done'", database), "0")

    def test_a_schedule_that_is_none_exits_with_2_and_says_what_would_be_right(self):
        for schedule in ("hourly", "0 0 31 2 *", "61 * * * *"):
            done = run_svcd("--set", f"jobs.update_models={schedule}")
            self.assertEqual(done.returncode, 2, schedule)
            self.assertIn("jobs.update_models", done.stderr)
            self.assertIn("minute hour day month weekday", done.stderr)


if __name__ == "__main__":
    unittest.main()
