# SPDX-License-Identifier: MIT
"""The roles of sql/roles.sql: each may do what it must, and nothing else. (All of test/rpc and test/e2e is served as the runtime role.)"""

import subprocess

from harness import PATIENCE_S, SVCD, Daemon, apply_roles, create_database, demo_database, environment, psql
from test_migrate import drop_role
from test_setups import Served

MAY_NOT = {
    "create": ("CREATE TABLE public.t (i integer)", "CREATE TABLE svcd.t (i integer)", "CREATE TEMPORARY TABLE t (i integer)", "CREATE SCHEMA s",
               "CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql RETURN 1", "CREATE FUNCTION svcd.f() RETURNS integer LANGUAGE sql RETURN 1",
               "CREATE VIEW public.v AS SELECT 1", "CREATE INDEX ON account (name)", "CREATE SEQUENCE public.s", "CREATE ROLE r", "CREATE EXTENSION citext",
               "CREATE TRIGGER t BEFORE INSERT ON skill FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", "SELECT 1 INTO public.t"),
    "alter": ("ALTER TABLE account ADD c integer", "ALTER TABLE skill DISABLE TRIGGER ALL", "ALTER FUNCTION svcd.try_match(bigint) VOLATILE",
              "ALTER SCHEMA svcd RENAME TO s", "ALTER SEQUENCE skill_skillid_seq RESTART",
              "UPDATE svcd.migration SET checksum = ''", "INSERT INTO svcd.migration VALUES ('9999_x', '')", "SET ROLE svcd_owner"),
    "drop": ("DROP TABLE skill", "DROP FUNCTION svcd.try_match(bigint)", "DROP SCHEMA svcd CASCADE", "DROP INDEX account_pkey"),
    "truncate": ("TRUNCATE websitefeedback", "TRUNCATE svcd.kept_answer"),
    "read hashes": ("SELECT passwordhash FROM account", "SELECT * FROM account", "SELECT account FROM account", "TABLE account",
                    "SELECT to_json(a) FROM account a", "COPY account TO STDOUT", "UPDATE account SET name = name RETURNING passwordhash",
                    "DELETE FROM account RETURNING *", "SELECT name FROM account WHERE passwordhash > ''",
                    "INSERT INTO websitefeedback (message) SELECT convert_from(passwordhash, 'UTF8') FROM account"),
}


class Roles(Served):
    def role(self, database, name, attributes):
        drop_role(name)
        psql(f"CREATE ROLE {name} LOGIN PASSWORD 'x' {attributes}", "postgres", "postgres")
        self.addCleanup(drop_role, name)
        self.addCleanup(psql, f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name} CASCADE", database, "postgres")
        return {"POSTGRES_USER": name, "POSTGRES_PASSWORD": "x"}

    def migrate_as(self, env, database):
        return subprocess.run([SVCD, "migrate"], env=environment(database, **env), capture_output=True, text=True, timeout=PATIENCE_S)

    def may_not(self, database, role, statements):
        for statement in statements:
            with self.subTest(statement), self.assertRaises(AssertionError) as refused:
                psql(statement, database, role)
            self.assertRegex(str(refused.exception), "permission denied|must be owner")

    def test_who_serves_serves_everything_and_may_do_nothing_else(self):
        database = demo_database()
        apply_roles(database)
        env = self.role(database, "server", "IN ROLE svcd_runtime")
        self.uses(self.served(database, env=env))
        for statements in MAY_NOT.values():
            self.may_not(database, "server", statements)

    def test_who_reads_reads_all_but_hashes_and_changes_nothing(self):
        database = demo_database()
        apply_roles(database)
        self.role(database, "reporter", "IN ROLE svcd_readonly")
        self.assertEqual(psql("SELECT count(name) FROM account", database, "reporter"), psql("SELECT count(*) FROM account", database, "postgres"))
        for statements in MAY_NOT.values():
            self.may_not(database, "reporter", statements)
        self.may_not(database, "reporter", ("UPDATE skill SET name = name", "DELETE FROM milestone", "INSERT INTO skill (name) VALUES ('x')",
                                            "SELECT svcd.try_match(63)", "SELECT nextval('skill_skillid_seq')"))

    def test_who_may_create_roles_and_owns_the_database_needs_no_superuser(self):
        database = create_database()
        env = self.role(database, "landlord", "CREATEROLE")
        psql(f"ALTER DATABASE {database} OWNER TO landlord", "postgres", "postgres")
        self.assertEqual(self.migrate_as(env, database).returncode, 0)
        apply_roles(database, "landlord")
        apply_roles(database, "landlord")
        server = self.role(database, "server", "IN ROLE svcd_runtime")
        self.served(database, env=server)

    def test_what_a_member_of_the_owner_migrates_is_the_owners_and_served_at_once(self):
        database = demo_database()
        apply_roles(database)
        server, member = self.role(database, "server", "IN ROLE svcd_runtime"), self.role(database, "member", "IN ROLE svcd_owner")
        psql("DROP FUNCTION svcd.try_match(bigint); DELETE FROM svcd.migration WHERE name = 'functions/matching'", database, "postgres")
        migrated = self.migrate_as(member, database)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.assertEqual(psql("SELECT DISTINCT proowner::regrole FROM pg_proc p LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' "
                              "WHERE pronamespace = 'svcd'::regnamespace AND d.objid IS NULL", database), [["svcd_owner"]])
        self.uses(self.served(database, env=server))

    def test_roles_that_were_there_before_the_first_migration_are_completed_after_it(self):
        database = create_database()
        apply_roles(database)
        server, member = self.role(database, "server", "IN ROLE svcd_runtime"), self.role(database, "member", "IN ROLE svcd_owner")
        migrated = self.migrate_as(member, database)
        self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.assertEqual(psql("SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace", database, "postgres"),
                         [["svcd_owner"]])
        lacking = run_as(server, database, "check", "--db")
        self.assertEqual(lacking.returncode, 1)
        self.assertRegex(lacking.stderr, "list_skills: permission denied.*sql/roles.sql")
        apply_roles(database)
        self.served(database, env=server)
        self.assertEqual(run_as(server, database, "check", "--db").returncode, 0)

    def test_rows_that_a_policy_hides_from_svcd_are_told_by_check_and_at_start(self):
        database = demo_database()
        apply_roles(database)
        server = self.role(database, "server", "IN ROLE svcd_runtime")
        psql("ALTER TABLE account ENABLE ROW LEVEL SECURITY; ALTER TABLE mentee ENABLE ROW LEVEL SECURITY;"
             "CREATE POLICY p ON mentee TO svcd_runtime USING (true)", database, "postgres")
        for policies, is_told in (("", True), ("CREATE POLICY own ON account TO public USING (name = 'x')", True),
                                  ("CREATE POLICY reads ON account FOR SELECT TO svcd_runtime USING (true)", True),
                                  ("CREATE POLICY others ON account TO svcd_readonly USING (true)", True),
                                  ("CREATE POLICY svcd ON account TO server USING (true)", False),
                                  ("CREATE POLICY less ON account AS RESTRICTIVE USING (name <> 'x')", True)):
            with self.subTest(policies):
                psql(policies, database, "postgres")
                checked = run_as(server, database, "check", "--db")
                self.assertEqual(checked.returncode, 1 if is_told else 0, checked.stderr)
                self.assertEqual("table account may hide rows from role server; ALTER TABLE" in checked.stderr, is_told, checked.stderr)
                self.assertNotIn("mentee", checked.stderr)
        daemon = Daemon(database, env=server)
        self.addCleanup(daemon.stop)
        daemon.wait_for_log("level=error.*may hide rows from svcd.*tables=account do=.*CREATE POLICY")

    def test_rows_that_a_policy_hides_from_who_migrates_are_refused_and_not_passed_over(self):
        database = create_database()
        psql("CREATE TABLE assignment (assignmentid serial PRIMARY KEY, mentorid integer, menteeid integer);"
             "INSERT INTO assignment (mentorid, menteeid) VALUES (1, 3), (2, 3);"
             "ALTER TABLE assignment ENABLE ROW LEVEL SECURITY; ALTER TABLE assignment FORCE ROW LEVEL SECURITY", database)
        migrated = self.migrate_as({"POSTGRES_USER": "svcd"}, database)
        self.assertNotEqual(migrated.returncode, 0)
        self.assertRegex(migrated.stderr, 'row-level security policy for table "assignment"(.|\n)*NO FORCE ROW LEVEL SECURITY')
        psql("ALTER TABLE assignment NO FORCE ROW LEVEL SECURITY", database)
        self.assertIn("mentee 3: assignments 1, 2", self.migrate_as({"POSTGRES_USER": "svcd"}, database).stderr)


def run_as(env, database, *arguments):
    return subprocess.run([SVCD, *arguments], env=environment(database, **env), capture_output=True, text=True, timeout=PATIENCE_S)
