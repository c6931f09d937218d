# SPDX-License-Identifier: MIT
"""What people see of svcd in a browser: the explorer, openapi.json, examples/web, and the probes beside them."""

import functools
import http.server
import json
import os
import subprocess
import threading
import unittest
import urllib.error
import urllib.request

from harness import PATIENCE_S, ROOT, Daemon, demo_database, temporary_folder, value, wait_until


def get(url, method="GET"):
    """Status, headers, text."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=PATIENCE_S) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=ROOT / "examples/web"))
        threading.Thread(target=cls.elsewhere.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.elsewhere.server_close)
        cls.addClassCleanup(cls.elsewhere.shutdown)
        cls.origin = f"http://127.0.0.1:{cls.elsewhere.server_port}"
        cls.database = demo_database()
        cls.daemon = Daemon(cls.database, "--set", f"server.allowed_origins={cls.origin}", listen="http://127.0.0.1:0")
        cls.addClassCleanup(cls.daemon.stop)
        cls.url = f"http://{cls.daemon.address}"
        wait_until(lambda: get(f"{cls.url}/readyz")[0] == 200, "not ready")

    def browse(self, scenario, url=None):
        done = subprocess.run(["node", "test/pages/browse.js", scenario, url or self.url], cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_description_is_valid_openapi_3_1(self):
        file = temporary_folder(self) / "openapi.json"
        status, headers, text = get(f"{self.url}/openapi.json")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        file.write_text(text)
        done = subprocess.run(["node", "test/pages/validate.js", file], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "OpenAPI 3.1"), done.stderr)

    def test_every_path_of_the_description_answers_a_post(self):
        paths = json.loads(get(f"{self.url}/openapi.json")[2])["paths"]
        self.assertGreater(len(paths), 20)
        for path in paths:
            request = urllib.request.Request(self.url + path, data=b'{"nothing of this name": 1}', headers={"content-type": "application/json"})
            with self.assertRaises(urllib.error.HTTPError, msg=path) as refused:
                urllib.request.urlopen(request, timeout=PATIENCE_S)
            with refused.exception as answer:
                self.assertEqual((answer.code, json.load(answer)["code"]), (400, "invalid_argument"), path)

    def test_the_page_is_sent_under_a_policy_of_its_own_and_cannot_be_framed(self):
        status, headers, text = get(f"{self.url}/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertRegex(headers["content-security-policy"], "default-src 'none'.*frame-ancestors 'none'.*script-src 'sha256-")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertLess(len(text), 100_000)

    def test_the_head_of_a_page_is_told_without_its_body(self):
        status, headers, text = get(f"{self.url}/", "HEAD")
        self.assertEqual((status, headers["content-type"], text), (200, "text/html; charset=utf-8", ""))

    def test_probes_say_live_and_ready(self):
        self.assertEqual([get(f"{self.url}/{probe}")[::2] for probe in ("livez", "readyz")], [(200, "live\n"), (200, "ready\n")])

    def test_without_the_explorer_there_are_probes_and_calls_and_no_pages(self):
        daemon = Daemon(demo_database(), "--set", "server.explorer=no", listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        found = [get(f"http://{daemon.address}/{path}")[0] for path in ("", "openapi.json", "livez")]
        self.assertEqual(found, [404, 404, 200])

    def test_the_explorer_lists_every_rpc_with_what_the_proto_files_say(self):
        listed = json.loads(self.browse("lists").splitlines()[0])
        described = json.loads(get(f"{self.url}/openapi.json")[2])["paths"]
        self.assertLessEqual({path[1:] for path in described}, set(listed))
        self.assertIn("grpc.health.v1.Health/Watch", listed)

    def test_the_explorer_calls_and_its_curl_line_does_the_same(self):
        line = self.browse("calls")
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(json.loads(done.stdout), {"status": True, "id": "61"}, line + done.stderr)

    def test_every_rpcs_line_can_be_run_as_it_is_shown(self):
        lines = json.loads(self.browse("lines"))
        self.assertGreater(len(lines), 25)
        tools = {**os.environ, "PATH": f"{ROOT}/test/clients/node_modules/.bin:{os.environ['PATH']}"}
        for name, line in lines:
            if name.endswith("/Watch"):
                with subprocess.Popen(["bash", "-c", f"exec {line}"], env=tools, stdout=subprocess.PIPE, text=True) as endless:
                    self.assertTrue(any("SERVING" in told for told in endless.stdout), line)
                    endless.terminate()
                continue
            with self.subTest(name):
                done = subprocess.run(["bash", "-c", line], env=tools, capture_output=True, text=True, timeout=PATIENCE_S)
                answer = json.loads(done.stdout or done.stderr)
                self.assertIn(answer.get("code"), (None, "invalid_argument", "not_found", "failed_precondition"), line)
                self.assertNotIn("expected", answer.get("message", ""), line)
        quoted = value("SELECT message FROM websitefeedback ORDER BY websitefeedbackid DESC LIMIT 1", self.database)
        self.assertEqual(quoted, "it's \"$HOME\" \\ `id` !! ü世\n%s")

    def test_the_explorer_shows_why_a_call_was_refused(self):
        self.browse("refusal")

    def test_the_explorer_sends_numbers_as_they_were_typed(self):
        self.browse("large")

    def test_the_explorer_shows_a_stream_as_it_comes_until_it_is_stopped(self):
        self.browse("stream")

    def test_the_explorer_can_be_used_by_keyboard_alone(self):
        self.browse("keyboard")

    def test_the_explorer_fits_a_phone_in_light_and_dark(self):
        self.browse("sizes")

    def test_no_script_runs_in_the_explorer_but_its_own(self):
        self.browse("policy")

    def test_the_example_logs_in_from_another_origin_and_shows_the_dashboard(self):
        self.browse("dashboard", f"{self.origin}/?server={self.url}")

    def test_the_example_says_so_where_its_origin_is_not_allowed(self):
        self.browse("disallowed", f"http://localhost:{self.elsewhere.server_port}/?server={self.url}")
