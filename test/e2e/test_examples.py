# SPDX-License-Identifier: MIT
"""The examples that front-end developers start from: each walks through all RPCs and checks every answer itself."""

import json
import re
import signal
import subprocess

from harness import PATIENCE_S, ROOT, TestCase, run_svcd


def heed_sigint():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell's background jobs ignore


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

    def test_call_knows_every_rpc_of_proto_without_a_list(self):
        listed = re.findall(r"^(\w+\.\w+)\(", self.run_example(ROOT / "examples/python/call"), re.M)
        routes = re.findall(r"^call +/\S*?(\w+)/(\w+)", run_svcd("routes").stdout, re.M)
        self.assertEqual(sorted(listed), sorted(f"{service}.{method}" for service, method in routes if service != "ServerReflection"))

    def test_call_prints_each_message_of_a_stream_as_it_comes(self):
        watch = subprocess.Popen([ROOT / "examples/python/call", "--address", self.daemon.address, "Health.Watch",
                                  '{"service": "svcd.live"}'], stdout=subprocess.PIPE, text=True,
                                 preexec_fn=heed_sigint)
        with watch:
            self.assertEqual([watch.stdout.readline().strip() for _ in range(3)], ["{", '"status": "SERVING"', "}"])
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(timeout=PATIENCE_S), 0)
