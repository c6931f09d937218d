# SPDX-License-Identifier: MIT
"""The operators' status page in headless Chromium."""

import re
import subprocess
import unittest

import grpc
import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, ROOT, demo_database, run_svcd, services_of_proto, temporary_folder, wait_until
from test_admin import Administered, get


class Page(unittest.TestCase):
    """In a browser, without its window."""

    def test_its_figures_move_on_screens_of_each_size_and_theme_and_keys_reach_all_of_it(self):
        daemon = Administered(demo_database(), listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        wait_until(lambda: get(daemon.admin, "/readyz").status == 200, "not ready")
        done = subprocess.run(["node", "test/pages/browse.js", "status", f"http://{daemon.admin}", f"http://{daemon.address}"], cwd=ROOT,
                              capture_output=True, text=True, timeout=2 * PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def drawn(self, daemon):
        self.addCleanup(daemon.stop)
        wait_until(lambda: get(daemon.admin, "/readyz").status == 200, "not ready")
        folder = temporary_folder(self)
        done = subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                               "--virtual-time-budget=5000", "--dump-dom", f"http://{daemon.admin}/"],
                              capture_output=True, text=True, timeout=4 * PATIENCE_S)
        page = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", done.stdout, flags=re.DOTALL)
        self.assertRegex(page, r'id="state"[^>]*>ready<')
        return page

    def test_callers_are_shown_where_a_token_is_asked_for(self):
        folder = temporary_folder(self)
        (folder / "tokens").write_text(f"web {'0' * 64} * rate=20 concurrent=3\nfriend cert *\n", encoding="ascii")
        daemon = Administered(demo_database(), "--set", "access.callers=token", "--set", f"access.tokens={folder}/tokens")
        with svcd_client.Client(daemon.address) as client:
            with self.assertRaises(grpc.RpcError):
                client.account.ListSkills(Empty(), timeout=PATIENCE_S)
        page = self.drawn(daemon)
        self.assertRegex(page, r'<section id="callers-section" class="wide">')
        for word in ("<td>web<small>at most 20 a second, at most 3 at once</small></td>", "<td>friend<small>by certificate</small></td>",
                     "Refused: no token 1"):
            self.assertIn(word, page)
        self.assertNotIn("0" * 64, page)

    def test_it_draws_what_there_is(self):
        page = self.drawn(Administered(demo_database()))
        self.assertRegex(page, r'<section id="callers-section" class="wide" hidden')
        services_n = len(services_of_proto()) + 2  # and both versions of reflection
        for method in re.findall(r"call +/(\S+)/(\S+)", run_svcd("routes").stdout):
            self.assertEqual(page.count(f"<td>{method[1]}<small>{method[0]}</small></td>"), 1, method)
        for word in ("update-models", "idle", "passwords verified", "the database: ", f"all {services_n} are serving"):
            self.assertIn(word, page)
