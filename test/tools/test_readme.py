# SPDX-License-Identifier: MIT
"""README, CONTRIBUTING and SECURITY: what they show builds and is laid out as `make fmt` does, what they name is there."""

import re
import runpy
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "sql/queries/README.md", "test/bench/README.md")] + sorted((ROOT / "docs").glob("*.md"))
PROTO_PATHS = ["-I/usr/include", "-I/usr/share/grpc-proto"]

# What the README's stream is part of.
GOAL_PROTO = """\
syntax = "proto3";
package goal_package;
service GoalService { rpc ListGoals(ListGoalsRequest) returns (stream Goal); }
message Goal { int64 id = 1; string title = 2; }
message ListGoalsRequest { int64 userid = 1; }
"""
GOAL_SQL = """\
-- name: list_goals
-- param: account_id bigint
-- returns: many
-- column: id bigint
-- column: title text
-- lane: read
SELECT g.goal_id AS id, g.title FROM goal g WHERE g.account_id = :account_id ORDER BY g.goal_id;
"""
GOAL_C = """\
#include "call/stream.h"
#include "methods.h"
#include "statements.h"

%s
enum next goal_list_goals(struct call *call, const goal_package_ListGoalsRequest *req)
{
    return sql_list_goals(call, req->userid, goals_found);
}
"""


def snippets(language):
    anatomy = README[README.index("## Anatomy of an RPC"):]
    return [textwrap.dedent(text) for text in re.findall(rf"^ *```{language}\n(.*?)^ *```", anatomy, re.M | re.S)]


class Anatomy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("proto", "sql/queries", "src/services", "test/rpc"):
            shutil.copytree(ROOT / name, self.folder / name)
        (self.folder / "generated").mkdir()
        self.proto, = snippets("proto")
        self.sql, = snippets("sql")
        self.handler, self.test, self.stream = snippets("c")

    def append(self, path, text):
        with open(self.folder / path, "a", encoding="utf-8") as file:
            file.write("\n" + text)

    def run_tool(self, *command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def generate(self):
        protos = [path.name for path in (self.folder / "proto").glob("*.proto")]
        self.run_tool("/usr/bin/protoc", "--plugin=protoc-gen-nanopb=/usr/bin/protoc-gen-nanopb",
                      "--nanopb_out=-q -fproto/nanopb.options:generated", "-Iproto", *PROTO_PATHS, *protos)
        self.run_tool("/usr/bin/protoc", f"--plugin=protoc-gen-svcd={ROOT}/tools/protoc-gen-svcd", "--svcd_out=generated",
                      "--svcd_opt=grpc.reflection.v1alpha.ServerReflection=grpc.reflection.v1.ServerReflection", "-Iproto", *PROTO_PATHS,
                      *protos, "grpc/reflection/v1/reflection.proto", "grpc/reflection/v1alpha/reflection.proto")
        self.run_tool(ROOT / "tools/sqlgen", "--out", "generated", *(str(path) for path in sorted((self.folder / "sql/queries").glob("*.sql"))))

    def compile(self, path, *more):
        flags = subprocess.run(["pkg-config", "--cflags", "libuv", "libpq"], capture_output=True, text=True, check=True).stdout.split()
        self.run_tool("gcc", "-std=gnu17", "-D_GNU_SOURCE", "-DPB_ENABLE_MALLOC=1", "-Wall", "-Wextra", "-Werror",
                      "-Wno-missing-field-initializers", "-Wmissing-prototypes", "-c", "-O1", "-o", "/dev/null", "-Igenerated", f"-I{ROOT}/generated",
                      f"-I{ROOT}/src", f"-I{ROOT}/test", *more, *flags, path)

    def test_its_four_texts_build(self):
        method, messages = self.proto.split("...\n")
        proto = self.folder / "proto/meeting.proto"
        text = proto.read_text(encoding="utf-8")
        end = text.index("\n}\n", text.index("service ")) + 1
        proto.write_text(text[:end] + method + text[end:] + messages, encoding="utf-8")
        self.append("sql/queries/meeting.sql", self.sql)
        self.append("src/services/meeting.c", self.handler)
        self.generate()
        self.run_tool(ROOT / "tools/handlers", "generated/handlers.txt", *(self.folder / "src/services").glob("*.c"))
        self.compile("src/services/meeting.c")
        plan = self.folder / "test/rpc/test_plan.c"
        text = plan.read_text(encoding="utf-8").replace("Suite *plan_suite", self.test + "\nSuite *plan_suite")
        plan.write_text(text.replace("    return suite;", "    tcase_add_test(tcase, completed_plans_are_counted);\n    return suite;"), encoding="utf-8")
        self.compile("test/rpc/test_plan.c", "-include", ROOT / "build/rpc/suites.h")

    def build_stream(self, stream):
        (self.folder / "proto/goal.proto").write_text(GOAL_PROTO, encoding="utf-8")
        (self.folder / "sql/queries/goal.sql").write_text(GOAL_SQL, encoding="utf-8")
        (self.folder / "src/services/goal.c").write_text(GOAL_C % stream, encoding="utf-8")
        self.generate()
        self.compile("src/services/goal.c")

    def test_its_stream_builds(self):
        self.build_stream(self.stream)

    def test_what_a_continuation_returns_cannot_be_dropped(self):
        self.assertEqual(self.stream.count("    return goal_sent(call);\n"), 1)
        with self.assertRaisesRegex(AssertionError, "src/services/goal.c:.* ignoring return value of type"):
            self.build_stream(self.stream.replace("    return goal_sent(call);\n", "    goal_sent(call);\n    return goal_sent(call);\n"))

    @unittest.skipUnless(shutil.which("clang-format"), "lint installs clang-format")
    def test_what_it_shows_of_c_is_laid_out_as_fmt_does(self):
        for text in (self.handler, self.test, self.stream):
            done = subprocess.run(["clang-format", f"--style=file:{ROOT}/.clang-format", "--assume-filename=it.c"], input=text,
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, text)


class Names(unittest.TestCase):
    def test_its_rooms_are_those_of_the_floor_plan_in_its_order(self):
        plan_ranks = runpy.run_path(str(ROOT / "tools/include-graph"))["RANKS"]
        drawn = [re.findall(r"([\w/]+?)(?:/|\.c)(?=\s)", line[:30]) for line in
                 README[README.index("## Rooms"):README.index("Services and jobs know")].splitlines() if line.startswith("    ")]
        ranks = [plan_ranks[room] for rooms in drawn for room in rooms]
        self.assertEqual(ranks, sorted(ranks, reverse=True))
        self.assertEqual({room for rooms in drawn for room in rooms}, set(plan_ranks) - {"methods", "messages"})

    def test_every_link_leads_to_a_file(self):
        for page in PAGES:
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
                with self.subTest(page=page.name, target=target):
                    self.assertTrue((page.parent / target).exists())

    def test_every_target_of_make_that_is_named_is_one(self):
        made = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\.PHONY: (.*)$", made, re.M))))
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            for target in re.findall(r"(?:`|^    )make ([a-z][a-z-]*)(?![\w./=-])", text, re.M):
                with self.subTest(page=page.name, target=target):
                    self.assertIn(target, targets)
