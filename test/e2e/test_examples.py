# SPDX-License-Identifier: MIT
"""The examples that front-end developers start from: each walks through all RPCs and checks every answer itself."""

import json
import subprocess

from harness import PATIENCE_S, ROOT, TestCase


class Examples(TestCase):
    def run_example(self, *command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_python_walks_through_every_rpc_twice(self):
        for _ in range(2):
            told = self.run_example("examples/python/walk_through.py", self.daemon.address)
            self.assertIn("done: every answer was as expected", told)

    def test_node_walks_through_every_rpc_twice(self):
        for _ in range(2):
            told = self.run_example("node", "examples/node/walk_through.js", self.daemon.address)
            self.assertIn("done: every answer was as expected", told)

    def test_the_line_that_make_run_gives_logs_the_demo_mentee_in(self):
        line = next(line for line in (ROOT / "tools/run").read_text().splitlines() if "examples/python/call" in line)
        command = line.replace("call ", f"call --address {self.daemon.address} ", 1)
        self.assertEqual(json.loads(self.run_example("bash", "-c", command)), {"status": True, "id": "61"})
