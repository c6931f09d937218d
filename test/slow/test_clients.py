# SPDX-License-Identifier: MIT
"""The clients that people have for gRPC, gRPC-Web and Connect, in Node, in a browser and on a command line, against our own edge."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import PATIENCE_S, ROOT, value
from test_web import PROFILES, WebCase

CLIENTS = ROOT / "test/clients"
BUF = CLIENTS / "node_modules/.bin/buf"


class Clients(WebCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="svcd-e2e.")
        cls.addClassCleanup(folder.cleanup)
        cls.descriptors = Path(folder.name) / "descriptors"
        subprocess.run(["protoc", "--include_imports", f"--descriptor_set_out={cls.descriptors}", "-Iproto", "-I/usr/include",
                        *(str(path) for path in sorted(Path("proto").glob("*.proto")))], cwd=ROOT, check=True)

    def run_client(self, *command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_every_client_of_connect_for_node_is_served_over_both_versions_of_http(self):
        told = self.run_client("node", str(CLIENTS / "node.mjs"), f"http://{self.daemon.address}", str(self.descriptors))
        self.assertEqual(told.count("ok: "), 15, told)

    @unittest.skipUnless(shutil.which("chromium"), "no chromium")
    def test_a_page_of_an_allowed_origin_calls_and_one_of_another_origin_does_not(self):
        told = self.run_client("node", str(CLIENTS / "browser.mjs"), f"http://{self.daemon.address}", str(self.descriptors), str(self.page_port))
        everything, allowed, refused = told.split("-- ")
        self.assertEqual(everything.count("ok: "), 6, told)
        self.assertNotIn("failed", everything + allowed)
        self.assertIn("failed: write", refused)
        self.assertEqual(value("SELECT string_agg(message, ';') FROM websitefeedback WHERE message LIKE 'from the%'", self.database),
                         "from the allowed page")

    def test_buf_curl_speaks_each_protocol_with_and_without_reflection(self):
        url = f"http://{self.daemon.address}{PROFILES}"
        for protocol in ("connect", "grpcweb", "grpc"):
            for schema in ((), ("--schema", "proto")):
                for version in ((), ("--http2-prior-knowledge",)):
                    with self.subTest(protocol=protocol, schema=schema, version=version):
                        told = self.run_client(str(BUF), "curl", "--protocol", protocol, *schema, *version, "-d", '{"userid":61}', url)
                        self.assertEqual(json.loads(told), {"isMentee": True})
