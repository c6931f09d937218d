# SPDX-License-Identifier: MIT
"""tools/protoc-gen-pages: what it makes of comments, and that nothing in them becomes part of the page's code."""

import json
import re
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

GREETER = """\
    // SPDX-License-Identifier: MIT
    // Greeting people,
    // one at a time.
    syntax = "proto3";

    package greet_package;

    import "google/protobuf/timestamp.proto";

    service Greeter {
      // Says "hello" to </script><script>alert(1)</script> and <!-- others. Then it waits.
      rpc SayHello(HelloRequest) returns (HelloReply);
      rpc Watch(HelloRequest) returns (stream HelloReply);
    }

    enum Tone {
      POLITE = 0;
      RUDE = 1;  // not meant so
    }

    message HelloRequest {
      string password = 1;
      Tone tone = 2;  // how it is said
      repeated int64 ids = 3;
      float share = 4;
      bytes picture = 5;
    }

    message HelloReply {
      optional bool status = 1;
      google.protobuf.Timestamp said_at = 2;
    }

    message NotUsed {
      string text = 1;
    }
    """


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        (cls.folder / "greet.proto").write_text(textwrap.dedent(GREETER), encoding="utf-8")
        subprocess.run(["/usr/bin/protoc", f"--plugin=protoc-gen-pages={ROOT / 'tools/protoc-gen-pages'}",
                        f"--pages_out=version=1.2.3,page={ROOT / 'src/edge/http/explorer.html'}:.", "-I.", "-I/usr/include", "greet.proto"],
                       cwd=cls.folder, check=True)
        cls.openapi = json.loads((cls.folder / "openapi.json").read_text())
        cls.page = (cls.folder / "explorer.html").read_text()
        cls.api = json.loads(re.search(r'id="api">(.*?)</script>', cls.page, re.S).group(1))
        cls.source = (cls.folder / "documents.c").read_text()

    def test_unary_methods_are_paths_with_their_comments_and_streams_are_not(self):
        self.assertEqual(list(self.openapi["paths"]), ["/greet_package.Greeter/SayHello"])
        post = self.openapi["paths"]["/greet_package.Greeter/SayHello"]["post"]
        self.assertTrue(post["summary"].startswith('Says "hello"'))
        self.assertTrue(post["description"].endswith("Then it waits."))
        self.assertEqual(self.openapi["tags"], [{"name": "greet_package.Greeter", "description": "Greeting people, one at a time."}])
        self.assertEqual(self.openapi["info"]["version"], "1.2.3")

    def test_a_schema_has_the_forms_that_json_has(self):
        fields = self.openapi["components"]["schemas"]["greet_package.HelloRequest"]["properties"]
        self.assertEqual(fields["ids"]["items"]["type"], ["string", "integer"])
        self.assertEqual(fields["tone"], {"$ref": "#/components/schemas/greet_package.Tone", "description": "how it is said"})
        self.assertEqual(fields["password"]["format"], "password")
        self.assertEqual(fields["picture"]["contentEncoding"], "base64")
        self.assertEqual(fields["share"]["oneOf"][1]["enum"], ["NaN", "Infinity", "-Infinity"])
        self.assertIn("saidAt", self.openapi["components"]["schemas"]["greet_package.HelloReply"]["properties"])
        self.assertEqual(self.openapi["components"]["schemas"]["google.protobuf.Timestamp"]["format"], "date-time")
        self.assertNotIn("greet_package.NotUsed", self.openapi["components"]["schemas"])

    def test_the_page_has_every_method_stream_or_not(self):
        methods = {m["name"]: m["kind"] for s in self.api["services"] for m in s["methods"]}
        self.assertEqual(methods, {"SayHello": "unary", "Watch": "stream"})
        self.assertEqual(self.api["enums"]["greet_package.Tone"]["values"][1], {"name": "RUDE", "number": 1, "doc": "not meant so"})

    def test_a_comment_cannot_end_the_pages_data_and_begin_a_script(self):
        self.assertIn("</script><script>alert(1)</script>", self.api["services"][0]["methods"][0]["doc"])
        self.assertEqual(self.page.count("</script>"), 2)
        self.assertNotIn("alert(1)</script>", self.page)

    def test_the_policy_lets_only_the_pages_own_script_and_style_run(self):
        policy = re.search(r'\.policy = "(.*?)" }', self.source).group(1)
        self.assertIn("default-src 'none'", policy)
        self.assertEqual(len(re.findall(r"'sha256-[^']{44}'", policy)), 2)
        self.assertNotIn("unsafe", policy)
        self.assertNotRegex(self.page, r"\sstyle=|\son[a-z]+=\"|https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)")

    def test_what_is_embedded_is_the_page_byte_for_byte(self):
        program = '#include <stdio.h>\nint main(void) { for (size_t i = 0; i < DOCUMENTS_N; i++) fwrite(documents[i].text, 1, documents[i].len, stdout); }\n'
        (self.folder / "show.c").write_text(self.source + program)
        subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'src'}", "-o", "show", "show.c"], cwd=self.folder, check=True)
        shown = subprocess.run(["./show"], cwd=self.folder, capture_output=True, check=True).stdout.decode()
        self.assertEqual(shown, self.page + (self.folder / "openapi.json").read_text())
