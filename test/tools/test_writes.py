# SPDX-License-Identifier: MIT
"""tools/writes: whether a handler writes, whatever leads from it to the statement."""

import subprocess
import tempfile
import unittest
from pathlib import Path

WRITES = Path(__file__).resolve().parents[2] / "tools/writes"

SQL = """-- name: look
-- lane: read
SELECT 1;

-- name: put
-- lane: insert
INSERT INTO t VALUES (1);

-- name: change
-- lane: write
UPDATE t SET a = 1;
"""


class Writes(unittest.TestCase):
    def writes(self, *sources):
        """Of handler `it`."""
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "handlers.txt").write_text("proto/x.proto:1: It\tit\tenum next it(struct call *call, const x *req)\tsrc/services/x.c\n")
            (folder / "some.sql").write_text(SQL)
            paths = [folder / f"{i}.c" for i in range(len(sources))]
            for path, source in zip(paths, sources):
                path.write_text(source)
            subprocess.run([WRITES, "--out", folder / "writes.c", folder / "handlers.txt", folder / "some.sql", *paths], check=True)
            return "it_writes = true" in (folder / "writes.c").read_text()

    @staticmethod
    def handler(body, name="it", kind="enum next "):
        return f"{kind}{name}(struct call *call, const x *req)\n{{\n    {body}\n}}\n"

    def test_a_statement_in_the_handler_counts_by_its_lane(self):
        self.assertTrue(self.writes(self.handler("return sql_put(call, done);")))
        self.assertTrue(self.writes(self.handler("return x ? sql_look(call, done) : sql_change(call, done);")))
        self.assertFalse(self.writes(self.handler("return sql_look(call, done);")))

    def test_so_does_one_in_a_continuation_or_a_helper_of_any_file(self):
        looked = self.handler("return sql_change(call, done);", "looked", "static enum next ")
        self.assertTrue(self.writes(looked + self.handler("return sql_look(call, looked);")))
        self.assertTrue(self.writes(self.handler("return helper(call);"), self.handler("return sql_put(call, done);", "helper")))

    def test_what_another_handler_reaches_is_not_this_ones(self):
        self.assertFalse(self.writes(self.handler("return sql_put(call, done);", "other") + self.handler("return sql_look(call, done);")))

    def test_a_courtesy_a_comment_and_a_text_do_not_count(self):
        self.assertFalse(self.writes(self.handler("sql_may_fail(call, otherwise);\n    return sql_change(call, done);")))
        self.assertFalse(self.writes(self.handler('/* sql_put( */ log("sql_put(");')))

    def test_a_method_whose_handler_is_not_written_yet_does_not(self):
        self.assertFalse(self.writes(""))
