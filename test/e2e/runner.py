# SPDX-License-Identifier: MIT
"""What the runners of e2e and slow share: each test a line, the classes dealt among processes, `N passed, N failed`."""


import os
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Result(unittest.TextTestResult):
    """A line a test: its name as a sentence, and how long it took."""

    passed = 0

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self.started = time.monotonic()

    def report(self, test, outcome):
        name = getattr(test, "_testMethodName", str(test)).removeprefix("test_").replace("_", " ")
        self.stream.writeln(f"{outcome:6} {time.monotonic() - self.started:6.2f}s  {type(test).__name__}: {name}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        self.report(test, "ok")

    def addFailure(self, test, error):
        unittest.TestResult.addFailure(self, test, error)
        self.report(test, "FAILED")

    def addError(self, test, error):
        self.started = getattr(self, "started", time.monotonic())
        unittest.TestResult.addError(self, test, error)
        self.report(test, "ERROR")

    def addSubTest(self, test, subtest, error):
        unittest.TestResult.addSubTest(self, test, subtest, error)
        if error:
            self.report(test, f"FAILED with {subtest._subDescription()}:")


class Shared(unittest.TestSuite):
    """Its parts, the tests of a class each, go to whichever process comes first, of those that see the same SVCD_SHARE."""

    def run(self, result, debug=False):
        for name, tests in self.classes().items():
            if self.is_mine(name):
                unittest.TestSuite(tests).run(result)
        return result

    def classes(self):
        found, suites = {}, [*self]
        for suite in suites:  # grows as it is walked
            if isinstance(suite, unittest.TestSuite):
                suites.extend(suite)
            else:
                found.setdefault(f"{type(suite).__module__}.{type(suite).__qualname__}", []).append(suite)
        return found

    @staticmethod
    def is_mine(name):
        if "SVCD_SHARE" not in os.environ:
            return True
        try:
            Path(os.environ["SVCD_SHARE"], name).touch(exist_ok=False)
            return True
        except FileExistsError:
            return False


def main(script, folder, usage):
    if len(sys.argv) < 2:
        sys.exit(usage)
    if "SVCD_CLUSTER" not in os.environ:
        with_cluster = [str(ROOT / "tools/cluster"), "with", "--", script, os.path.abspath(sys.argv[1]), *sys.argv[2:]]
        os.execv(with_cluster[0], with_cluster)
    os.environ["SVCD"] = os.path.abspath(sys.argv[1])
    os.chdir(ROOT)
    sys.path[:0] = [str(folder), str(ROOT / "test/e2e"), str(ROOT / "examples/python"), str(ROOT / "build/python")]
    loader = unittest.TestLoader()
    if sys.argv[2:]:
        tests = loader.loadTestsFromNames(sys.argv[2:])
    else:
        tests = loader.discover(str(folder), pattern="test_*.py", top_level_dir=str(folder))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(Shared([tests]))
    failed = len({str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors})
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed or not result.passed and "SVCD_SHARE" not in os.environ else 0

