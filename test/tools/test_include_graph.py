# SPDX-License-Identifier: MIT
"""tools/include-graph: arrows up, arrows sideways, circles, unknown rooms and strayed libraries are each one line."""

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/include-graph"

# A little house in which every arrow points down.
SOUND = {
    "main.c": '#include "daemon.h"\n#include "commands/job.h"\n',
    "daemon.h": "",
    "daemon.c": '#include "daemon.h"\n#include "edge/core/server.h"\n#include "edge/listener.h"\n',
    "commands/job.h": "",
    "services/plan.c": '#include <stdint.h>\n#include "call/call.h"\n#include "methods.h"\n#include "statements.h"\n',
    "edge/core/server.h": '#include "call/call.h"\n',
    "edge/core/server.c": '#include <grpc/grpc.h>\n#include "edge/core/server.h"\n#include "edge/listener.h"\n',
    "edge/listener.h": '#include "call/call.h"\n',
    "call/call.h": '#include "base/text.h"\n#include "db/pool.h"\n',
    "call/check.c": '#include "google/protobuf/timestamp.pb.h"\n#include "grpc/health.pb.h"\n#include "call/call.h"\n',
    "db/pool.h": "#include <libpq-fe.h>\n",
    "login/password.c": "#include <sodium.h>\n#include <crypt.h>\n",
    "base/text.h": "",
}


class IncludeGraph(unittest.TestCase):
    def lines_of(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**SOUND, **changes}.items():
                path = Path(folder, "src", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([TOOL, folder], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout.splitlines()

    def refused(self, changes, line):
        self.assertEqual(self.lines_of(changes), [line])

    def test_a_house_in_which_every_arrow_points_down_is_sound(self):
        self.assertEqual(self.lines_of({}), [])

    def test_an_arrow_up_is_told_with_file_and_line(self):
        self.refused({"db/batch.c": '\n#include "call/sql.h"\n', "call/sql.h": ""},
                     'src/db/batch.c:2: db includes "call/sql.h" of call, which is above it')
        self.refused({"edge/peers.c": '#include "edge/core/server.h"\n'},
                     'src/edge/peers.c:1: edge includes "edge/core/server.h" of edge/core, which is above it')
        self.refused({"commands/migrate.c": '#include "daemon.h"\n'},
                     'src/commands/migrate.c:1: commands includes "daemon.h" of daemon, which stands beside it')

    def test_rooms_side_by_side_do_not_know_each_other(self):
        self.refused({"jobs/job.c": '#include "services/plan.h"\n', "services/plan.h": ""},
                     'src/jobs/job.c:1: jobs includes "services/plan.h" of services, which stands beside it')
        self.refused({"edge/http/session.c": '#include "edge/core/server.h"\n'},
                     'src/edge/http/session.c:1: edge/http includes "edge/core/server.h" of edge/core, '
                     'which stands beside it')

    def test_services_and_jobs_do_not_know_the_edges_below_them(self):
        self.refused({"services/user.c": '#include "edge/listener.h"\n'},
                     'src/services/user.c:1: services includes "edge/listener.h" of edge, which it does not know')
        self.refused({"jobs/job.c": '#include "edge/core/server.h"\n'},
                     'src/jobs/job.c:1: jobs includes "edge/core/server.h" of edge/core, which it does not know')

    def test_call_and_what_is_below_do_not_know_the_generated_tables_but_messages(self):
        self.refused({"call/request.c": '#include "methods.h"\n'},
                     'src/call/request.c:1: call includes "methods.h" of methods, which is above it')
        self.refused({"edge/peers.c": '#include "statements.h"\n'},
                     'src/edge/peers.c:1: edge includes "statements.h" of methods, which is above it')

    def test_a_circle_of_files_of_one_room_is_told_whole(self):
        self.refused({"db/pool.h": '#include "db/conn.h"\n', "db/conn.h": "", "db/conn.c": '#include "db/batch.h"\n',
                      "db/batch.h": '#include "db/pool.h"\n'},
                     "src: a circle of files: db/batch -> db/pool -> db/conn -> db/batch")

    def test_a_header_and_its_source_are_one_file_so_their_circle_is_found(self):
        self.refused({"db/pool.c": '#include "db/conn.h"\n', "db/conn.h": "", "db/conn.c": '#include "db/pool.h"\n'},
                     "src: a circle of files: db/conn -> db/pool -> db/conn")

    def test_a_path_from_the_files_own_folder_or_in_angles_is_an_arrow_all_the_same(self):
        self.refused({"db/batch.c": '#include "../call/call.h"\n'},
                     'src/db/batch.c:1: db includes "../call/call.h" of call, which is above it')
        self.refused({"db/batch.c": "#  include <call/call.h>\n"},
                     'src/db/batch.c:1: db includes "call/call.h" of call, which is above it')
        self.refused({"db/pool.h": '#include "conn.h"\n', "db/conn.h": '#include "pool.h"\n'},
                     "src: a circle of files: db/conn -> db/pool -> db/conn")

    def test_circles_that_share_a_file_are_each_told(self):
        self.assertEqual(self.lines_of({"db/a.h": '#include "db/b.h"\n#include "db/c.h"\n', "db/b.h": '#include "db/a.h"\n',
                                        "db/c.h": '#include "db/a.h"\n'}),
                         ["src: a circle of files: db/a -> db/b -> db/a", "src: a circle of files: db/c -> db/a -> db/c"])

    def test_a_library_outside_its_rooms_is_told_with_where_it_belongs(self):
        for name, library, belongs in (("services/user.c", "grpc/grpc.h", "edge/core"),
                                       ("call/sql.c", "postgresql/libpq-fe.h", "db"),
                                       ("edge/http/tls.c", "libpq-fe.h", "db"),
                                       ("base/text.c", "sodium.h", "login/password, base/digest, base/keyed_hash"),
                                       ("login/hash_pool.c", "crypt.h", "login/password"),
                                       ("edge/core/tls.c", "openssl/ssl.h", "edge/http"),
                                       ("admin/page.c", "nghttp2/nghttp2.h", "edge/http")):
            with self.subTest(library=library):
                unit = name.removesuffix(".c")
                self.refused({name: f"#include <{library}>\n"},
                             f"src/{name}:1: {unit} includes <{library}>, which belongs to {belongs}")

    def test_a_room_that_is_not_in_the_plan_is_told(self):
        self.refused({"helpers/any.c": ""},
                     "src/helpers/any: helpers is no room of the plan; draw it in tools/include-graph and the README")

    def test_each_arrow_is_a_line_of_its_own(self):
        self.assertEqual(len(self.lines_of({"db/a.c": '#include "call/call.h"\n#include "edge/listener.h"\n',
                                            "base/b.c": "#include <grpc/grpc.h>\n"})), 3)

    def test_this_project_keeps_to_its_plan(self):
        done = subprocess.run([TOOL, ROOT], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
