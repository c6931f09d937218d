# SPDX-License-Identifier: MIT
"""tools/sqlgen: what it makes of statements, and that it refuses what it does not understand, with file and line."""

import re
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

SQLGEN = Path(__file__).resolve().parents[2] / "tools/sqlgen"

PLANS = """\
    -- SPDX-License-Identifier: MIT

    -- name: open_plans
    -- The mentee's open plans.
    -- param: account_id bigint
    -- returns: many
    -- column: id bigint
    -- column: content text null
    -- lane: read
    SELECT p.id, p.content FROM plan p WHERE p.account = :account_id ORDER BY p.id;
    """


class Generator(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    def run_on(self, *files, options=()):
        return subprocess.run([SQLGEN, *options, "--out", self.folder, *files], capture_output=True, text=True)

    def made_of(self, text):
        done = self.run_on(self.write("some.sql", text))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / "statements.h").read_text(), (self.folder / "statements.c").read_text()

    def refused(self, line, words, text, *more):
        """The text is refused at this line of some.sql (or NAME:LINE), nothing is written, and there is no traceback."""
        files = [self.write("some.sql", text)] + [self.write(f"more{i}.sql", t) for i, t in enumerate(more)]
        done = self.run_on(*files)
        where = f"some.sql:{line}" if isinstance(line, int) else line
        self.assertNotEqual(done.returncode, 0, "it was taken")
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn(f"/{where}: ", done.stderr)
        self.assertRegex(done.stderr, words)
        self.assertFalse((self.folder / "statements.c").exists())

    def refused_instead(self, line, words, old, new):
        """PLANS with `old` replaced by `new`."""
        self.assertEqual(PLANS.count(old), 1)
        self.refused(line, words, PLANS.replace(old, new))


class Statements(Generator):
    def test_a_statement_becomes_a_row_a_typed_call_and_a_table_entry(self):
        header, source = self.made_of(PLANS)
        self.assertIn("/* The mentee's open plans. */\nCALL_MUST_USE enum next sql_open_plans(struct call *call, "
                      "int64_t account_id,", header)
        self.assertIn("struct open_plans_row {\n    int64_t id;\n    char *content;", header)
        self.assertIn("enum next (*then)(struct call *call, const struct open_plans_row *rows, size_t n)", header)
        self.assertIn("WHERE p.account = $1 ORDER BY p.id\\n", source)
        self.assertIn('.name = "id", .type = SQL_BIGINT, .nullable = false', source)
        self.assertIn('.name = "content", .type = SQL_TEXT, .nullable = true', source)
        self.assertIn(".lane = LANE_READ, .returns = SQL_MANY", source)
        self.assertIn("sql_statements_n = 1;", source)

    def test_a_read_gets_a_merged_text_with_its_parameters_as_arrays(self):
        _, source = self.made_of(PLANS)
        self.assertIn("FROM unnest($1::bigint[]) WITH ORDINALITY AS caller(account_id, number)", source)
        self.assertIn("WHERE p.account = caller.account_id ORDER BY p.id", source)
        self.assertIn("LIMIT $2::bigint", source)

    def test_a_merged_read_ends_at_a_limit_only_where_a_caller_may_have_many_rows(self):
        for returns in ("one", "optional"):
            _, source = self.made_of(PLANS.replace("returns: many", f"returns: {returns}"))
            self.assertIn("WITH ORDINALITY", source)
            self.assertNotIn("LIMIT", source)

    def test_writes_and_reads_with_arrays_or_without_parameters_are_not_merged(self):
        for old, new in (("lane: read", "lane: write"), ("lane: read", "lane: insert"), ("account_id bigint", "account_id bigint[]")):
            _, source = self.made_of(PLANS.replace(old, new))
            self.assertNotIn("merged", source)
        _, source = self.made_of(PLANS.replace("    -- param: account_id bigint\n", "").replace(":account_id", "1"))
        self.assertNotIn("merged", source)

    def inserts_of_keys(self, sql, param="a text"):
        _, c = self.made_of(f"    -- name: it\n    -- param: {param}\n    -- returns: none\n    -- lane: insert\n    {sql}")
        found = re.search(r'"it\+key\*",\n *\.merged_text =\n(.*?)    \.params', c, re.S)
        return found and " ".join(" ".join(re.findall(r'"(.*?)\\n"', found[1])).split())

    def test_an_insert_of_one_row_is_merged_with_others_where_it_has_a_key(self):
        self.assertEqual(self.inserts_of_keys("INSERT INTO t (b, c) VALUES (now(), lower(:a));"),
                         "WITH caller AS ( SELECT * FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::bytea[], $5::bytea[]) "
                         "AS caller(a, once_id, once_step, once_digest, once_before) ), once_its AS ( INSERT INTO t (b, c) "
                         "SELECT now(), lower(caller.a) FROM caller ) INSERT INTO kept_answer (id, step, digest, before, rows) "
                         "SELECT caller.once_id, caller.once_step, caller.once_digest, caller.once_before, '' FROM caller")

    def test_what_means_something_else_in_an_insert_of_many_rows_is_not_merged(self):
        for sql in ("INSERT INTO t (b) VALUES (:a), (:a)", "INSERT INTO t (a, b) VALUES (:a, DEFAULT)", "INSERT INTO t VALUES (:a)",
                    "INSERT INTO t (b) VALUES (:a) ON CONFLICT DO NOTHING", "INSERT INTO t (b) VALUES ((SELECT max(c) FROM t WHERE d = :a))",
                    "INSERT INTO t (b) SELECT :a", "DELETE FROM t WHERE b = :a", "UPDATE t SET b = :a"):
            self.assertIsNone(self.inserts_of_keys(sql), sql)
        self.assertIsNone(self.inserts_of_keys("INSERT INTO t (b) VALUES (:a)", param="a text[]"))

    def keyed(self, sql, columns="    -- returns: none\n", more=""):
        _, c = self.made_of("    -- name: it\n    -- param: a bigint\n" + columns + more + "    -- lane: write\n" + textwrap.indent(sql, "    "))
        found = re.search(r'"it\+key".*?\.text =\n(.*?)    \.params', c, re.S)
        return found and " ".join(re.findall(r'"(.*?)\\n"', found[1])), c

    def test_a_write_gets_a_second_text_that_keeps_its_rows_under_a_key(self):
        one = "    -- returns: optional\n    -- column: id bigint\n"
        text, c = self.keyed("UPDATE t SET b = 1 WHERE a = :a RETURNING id;", one)
        self.assertTrue(text.startswith("WITH once_its AS (     UPDATE t SET b = 1 WHERE a = $1 RETURNING id ), once_kept AS ("), text)
        self.assertIn("VALUES ($2, $3, $4, $5, coalesce((SELECT string_agg(record_send(r), '') FROM once_its r), ''))", text)
        self.assertTrue(text.endswith("SELECT r.id FROM once_its r"), text)
        self.assertIn(".keyed = &it_keyed", c)

    def test_what_precedes_a_write_by_with_stays_in_front(self):
        one = "    -- returns: one\n    -- column: n bigint\n"
        text, _ = self.keyed("WITH x (s) AS (SELECT ')', (SELECT 1)), y AS (\n  INSERT INTO t VALUES (:a) -- ( DELETE\n)\nSELECT count(*) AS n FROM y;", one)
        self.assertRegex(text, r"^WITH x \(s\) AS \(SELECT '\)', \(SELECT 1\)\), y AS .* \), once_its AS MATERIALIZED \( +SELECT count")

    def test_a_write_without_rows_keeps_that_it_was_done(self):
        text, _ = self.keyed("INSERT INTO t VALUES (:a);")
        self.assertRegex(text, r"^WITH once_its AS \( +INSERT INTO t VALUES \(\$1\) \) INSERT INTO kept_answer .* VALUES \(\$2, \$3, \$4, \$5, ''\)$")

    def test_a_write_that_shall_not_and_a_read_keep_nothing(self):
        text, c = self.keyed("INSERT INTO t VALUES (:a);", more="    -- keyed: no\n")
        self.assertIsNone(text)
        self.assertNotIn(".keyed", c)
        self.assertNotIn(".keyed", self.made_of(PLANS)[1])

    def test_a_parameter_used_twice_is_one(self):
        _, source = self.made_of(PLANS.replace("ORDER BY", "AND p.x <> :account_id ORDER BY"))
        self.assertIn("p.account = $1 AND p.x <> $1", source)

    def test_casts_quoted_text_and_comments_are_no_parameters(self):
        _, source = self.made_of(PLANS.replace("ORDER BY", """AND x::text <> ':a' AND "b:c" = '''' || ':d' -- :e
    ORDER BY"""))
        self.assertIn("x::text <> ':a' AND \\\"b:c\\\" = '''' || ':d' -- :e", source)

    def test_nullable_values_of_fixed_size_have_a_flag_and_their_parameters_are_pointers(self):
        header, _ = self.made_of(PLANS.replace("id bigint\n    -- column", "id bigint null\n    -- column")
                                 .replace("account_id bigint", "account_id bigint null"))
        self.assertIn("    bool has_id;\n    int64_t id;", header)
        self.assertIn("const int64_t *account_id", header)

    def test_statements_may_share_a_row(self):
        header, _ = self.made_of(PLANS.replace("-- param", "-- row: plan\n    -- param", 1)
                                 + PLANS.replace("open_plans", "all_plans").replace("-- param", "-- row: plan\n    -- param", 1))
        self.assertEqual(header.count("struct plan_row {"), 1)
        self.assertEqual(header.count("const struct plan_row *rows"), 2)

    def test_a_statement_knows_where_it_stands(self):
        _, source = self.made_of(PLANS)
        self.assertRegex(source, r'\.file = "[^"]*/some\.sql", \.line = 3,')

    def test_words_of_a_column_become_a_c_enum_under_the_rows_name(self):
        header, source = self.made_of(PLANS.replace("content text null", "state enum(open, half_done,closed)"))
        self.assertIn("enum open_plans_state {\n    OPEN_PLANS_OPEN,\n    OPEN_PLANS_HALF_DONE,\n    OPEN_PLANS_CLOSED,\n};", header)
        self.assertIn("    enum open_plans_state state;", header)
        self.assertIn('{ "open", "half_done", "closed" }', source)
        self.assertRegex(source, r'"state", \.type = SQL_ENUM, \.nullable = false, .*\.values = \w+, \.values_n = 3')

    def test_an_enum_that_may_be_null_has_a_flag(self):
        header, _ = self.made_of(PLANS.replace("content text null", "state enum(open, closed) null"))
        self.assertIn("    bool has_state;\n    enum open_plans_state state;", header)

    def test_statements_of_one_row_share_its_enum(self):
        plans = PLANS.replace("-- param", "-- row: plan\n    -- param", 1).replace("content text null", "state enum(open, closed)")
        header, _ = self.made_of(plans + plans.replace("open_plans", "all_plans").replace("enum(open, closed)", "enum(open,closed)"))
        self.assertEqual(header.count("enum plan_state {"), 1)


class Refusals(Generator):
    def test_an_unknown_key(self):
        self.refused_instead(6, "unknown key `return`, known are .*returns", "returns: many", "return: many")
        self.refused_instead(8, "unknown key `colum`", "column: content", "colum: content")

    def test_a_key_that_is_nearly_one(self):
        for wrong in ("--lane: read", "-- lane:read", "-- Lane: read", "-- lane : read", "  -- lane: read", "--  lane: read"):
            with self.subTest(wrong):
                self.refused_instead(9, "expected `-- lane: read`, got `", "-- lane: read", wrong)
        for wrong in ("--name: open_plans", "-- Name: open_plans", "-- name:open_plans"):
            with self.subTest(wrong):
                self.refused_instead(3, "expected `-- name: open_plans`, got `", "-- name: open_plans", wrong)

    def test_a_key_below_the_sql(self):
        self.refused(11, "`-- lane:` belongs between `-- name:` and the SQL", PLANS + "-- lane: write\n")

    def test_a_file_without_a_statement(self):
        for text in ("", "-- SPDX-License-Identifier: MIT\n-- Nothing yet.\n"):
            with self.subTest(text):
                self.refused(1, "no statement; expected `-- name: NAME`", text)

    def test_names_that_mean_something_else_in_c(self):
        self.refused_instead(8, "column register: the name means something else in C", "column: content text", "column: register text")
        self.refused(5, "param call: the name means something else in C", PLANS.replace("account_id", "call"))
        self.refused(5, "param default: the name means", PLANS.replace("account_id", "default"))
        self.refused_instead(3, "name: sql_begin means something else in src/call/sql.h", "open_plans", "begin")

    def test_an_unknown_type(self):
        self.refused_instead(5, "param account_id: unknown type `int8`, known are .*bigint", "account_id bigint", "account_id int8")
        self.refused_instead(8, "column content: unknown type `varchar`", "content text null", "content varchar")

    def test_an_enum_that_is_none(self):
        for words, what in (("", "expected enum"), ("open,", "expected enum"), ("open, Closed", "expected enum.*got `Closed`"), ("'open'", "expected enum"),
                            ("open, open", "open is listed twice")):
            with self.subTest(words=words):
                self.refused_instead(8, f"column content: {what}", "content text null", f"content enum({words})")
        self.refused_instead(8, r"unknown type `enum`, known are .*enum\(WORD", "content text null", "content enum")

    def test_an_enum_parameter(self):
        self.refused_instead(5, r"param account_id: enum\(...\) is a type of columns only", "account_id bigint", "account_id enum(a, b)")

    def test_enums_that_would_become_one_in_c(self):
        self.refused_instead(3, "open_plans: column content makes OPEN_PLANS_A, as column id of row open_plans does",
                             "id bigint\n    -- column: content text null", "id enum(a, b)\n    -- column: content enum(c, a)")
        plans = PLANS.replace("content text null", "state enum(gone)")
        self.refused(13, "makes OPEN_PLANS_GONE, as", plans + plans.replace("open_plans", "open").replace("enum(gone)", "enum(plans_gone)"))

    def test_rows_whose_words_differ(self):
        plans = PLANS.replace("-- param", "-- row: plan\n    -- param", 1).replace("content text null", "state enum(open, closed)")
        self.refused(14, "row plan has other columns", plans + plans.replace("open_plans", "all_plans").replace("enum(open", "enum(ajar"))

    def test_an_array_column(self):
        self.refused_instead(7, r"column id: unknown type `bigint\[\]`", "id bigint\n    -- column", "id bigint[]\n    -- column")

    def test_a_value_without_type_or_with_an_odd_name(self):
        self.refused_instead(5, "expected `NAME TYPE", "account_id bigint", "account_id")
        self.refused_instead(5, "expected `NAME TYPE", "account_id bigint", "AccountId bigint")
        self.refused_instead(5, "unknown type `bigint nul`", "account_id bigint", "account_id bigint nul")

    def test_a_parameter_that_is_not_declared(self):
        self.refused_instead(3, "parameter :account is not declared", ":account_id ORDER", ":account ORDER")

    def test_a_parameter_that_is_not_used(self):
        self.refused_instead(3, "parameter account_id is declared but not used", "= :account_id", "= 1")
        self.refused_instead(3, "parameter account_id is declared but not used", "= :account_id", "= ':account_id'")

    def test_a_parameter_or_column_declared_twice(self):
        self.refused_instead(6, "param account_id is declared twice", "-- returns", "-- param: account_id text\n    -- returns")
        self.refused_instead(8, "column id is declared twice", "content text null", "id bigint")

    def test_a_missing_lane_or_cardinality(self):
        self.refused_instead(3, "open_plans: `-- lane:` is missing", "    -- lane: read\n", "")
        self.refused_instead(3, "open_plans: `-- returns:` is missing", "    -- returns: many\n", "")

    def test_a_lane_or_cardinality_that_is_none(self):
        self.refused_instead(9, r"lane: expected read \| insert \| write", "lane: read", "lane: fast")
        self.refused_instead(6, r"returns: expected none \| one \| optional \| many, got `some`", "returns: many", "returns: some")

    def test_a_key_given_twice(self):
        self.refused_instead(10, "lane is given twice", "-- lane: read\n", "-- lane: read\n    -- lane: write\n")
        self.refused_instead(7, "returns is given twice", "-- returns: many\n", "-- returns: many\n    -- returns: one\n")

    def test_columns_that_do_not_fit_the_cardinality(self):
        self.refused_instead(3, "returns none with 2 columns", "returns: many", "returns: none")
        self.refused(3, "returns many with 0 columns", PLANS.replace("    -- column: id bigint\n", "")
                     .replace("    -- column: content text null\n", ""))

    def test_a_statement_without_text(self):
        self.refused_instead(3, "the statement is empty",
                             "SELECT p.id, p.content FROM plan p WHERE p.account = :account_id ORDER BY p.id;", ";")

    def test_two_statements_under_one_name(self):
        self.refused_instead(3, "one statement .* in line 10;", "ORDER BY p.id;", "ORDER BY p.id; DELETE FROM plan;")

    def test_a_semicolon_in_quotes_or_a_comment_is_none(self):
        self.made_of(PLANS.replace("ORDER BY", "AND p.x <> ';' -- ; really\n    ORDER BY"))

    def test_two_statements_of_one_name(self):
        self.refused(13, "open_plans is already in .*some.sql:3", PLANS + PLANS)
        self.refused("more0.sql:3", "open_plans is already in .*some.sql:3", PLANS, PLANS)

    def test_a_name_that_is_none(self):
        for name in ("OpenPlans", "open plans", "9plans", "open-plans", ""):
            with self.subTest(name=name):
                self.refused_instead(3, "name: expected lower_case_words", "name: open_plans", f"name: {name}")

    def test_rows_that_are_not_the_same(self):
        shared = PLANS.replace("-- param", "-- row: plan\n    -- param", 1)
        self.refused(14, "row plan has other columns in .*some.sql:3",
                     shared + shared.replace("open_plans", "all_plans").replace("id bigint\n    -- column", "id integer\n    -- column"))
        self.refused_instead(5, "row: expected lower_case_words", "-- param", "-- row: A Row\n    -- param")

    def test_sql_before_the_first_name(self):
        self.refused(1, "SQL before the first", "SELECT 1;\n" + PLANS)

    def test_more_parameters_than_a_query_holds(self):
        params = "".join(f"    -- param: p{i} bigint\n" for i in range(8))
        uses = " AND ".join(f"x = :p{i}" for i in range(8))
        self.refused(3, "more than 8 parameters", PLANS.replace("    -- returns", params + "    -- returns")
                     .replace("ORDER BY", f"AND {uses} ORDER BY"))

    def test_a_parameter_that_the_merged_text_uses_itself(self):
        self.refused(5, "param number", PLANS.replace("account_id bigint", "number bigint").replace(":account_id", ":number"))


class Embedding(Generator):
    def embedded(self, *files):
        done = self.run_on(*files, options=["--embed"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / "migrations.c").read_text()

    def test_files_are_embedded_in_the_order_of_their_names_with_a_checksum(self):
        made = self.embedded(self.write("migrations/0002_b.sql", "SELECT 'b\\n\"?';\n"),
                             self.write("migrations/0001_a.sql", "SELECT 1;\n"), self.write("functions/f.sql", "SELECT 3;\n"))
        self.assertEqual(re.findall(r'\.name = "(\w+)"', made), ["0001_a", "0002_b", "f"])
        self.assertIn("migration_files_n = 2;", made)
        self.assertIn("function_files_n = 1;", made)
        self.assertEqual(len(set(re.findall(r'"[0-9a-f]{64}"', made))), 3)
        self.assertIn(r'''SELECT 'b\\n\"?';''', made)

    def test_a_checksum_tells_every_byte(self):
        one = self.embedded(self.write("migrations/0001_a.sql", "SELECT 1;\n"))
        other = self.embedded(self.write("migrations/0001_a.sql", "SELECT 1; \n"))
        self.assertNotEqual(re.findall("[0-9a-f]{64}", one), re.findall("[0-9a-f]{64}", other))

    def refused_embedding(self, words, *files):
        done = self.run_on(*files, options=["--embed"])
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn(words, done.stderr)

    def test_a_migration_has_a_number_of_its_own(self):
        one = self.write("migrations/0001_a.sql", "SELECT 1;\n")
        self.refused_embedding("goals.sql:1: a migration is called NUMBER_NAME.sql", one, self.write("migrations/goals.sql", ""))
        self.refused_embedding("0001_b.sql:1: its number is taken by ", one, self.write("migrations/0001_b.sql", ""))

    def test_a_table_is_added_in_schema_svcd(self):
        one = self.write("migrations/0001_a.sql", "CREATE TABLE public.account ();\n")
        for name in ("goal", "public.goal"):
            with self.subTest(name):
                self.refused_embedding(f"0002_b.sql:2: table {name}: tables are added in schema svcd: write `svcd.goal`", one,
                                       self.write("migrations/0002_b.sql", f"\nCREATE TABLE IF NOT EXISTS {name} (\n"))
        self.embedded(one, self.write("migrations/0002_b.sql", "CREATE TABLE svcd.goal (\nCREATE TEMP TABLE goal (\n"))

    def test_a_file_from_elsewhere_is_refused(self):
        done = self.run_on(self.write("others/0001_a.sql", "SELECT 1;\n"), options=["--embed"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("0001_a.sql:1: expected a file in sql/migrations or sql/functions", done.stderr)
