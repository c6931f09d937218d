# SPDX-License-Identifier: MIT
"""Databases to measure on: filled platforms of any size in the cluster of the run, and the statements of sql/queries."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What svcd sets on its own connections, so that the baselines' plans are the same.
SESSION = ("-c search_path=svcd,public,pg_temp -c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c jit=off "
           "-c enable_memoize=off -c max_parallel_workers_per_gather=0")


# All of the world into the server's buffers, as after a day of service; the extension leaves no trace.
PREWARM = ("CREATE SCHEMA warm", "CREATE EXTENSION pg_prewarm SCHEMA warm",
           "SELECT sum(warm.pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace IN ('public'::regnamespace, "
           "'svcd'::regnamespace)", "DROP EXTENSION pg_prewarm", "DROP SCHEMA warm")


class Wrong(Exception):
    """An answer that is not what it should be, or a program that failed: the numbers would mean nothing."""


def load_tool(name):
    """A program of tools/ as a module."""
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


STATEMENTS = {s.name: s for path in sorted((ROOT / "sql/queries").glob("*.sql")) for s in load_tool("sqlgen").parse(path)}
PASSWORD, PASSWORD_HASH, LEGACY_HASH = "demo", load_tool("demo-data").ARGON2ID[0], load_tool("demo-data").BCRYPT[0]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(str(part) for part in command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class World:
    """A filled database. Who is who is told in fill.sql; accounts 1.. are mentors, then come mentees, matched ones first."""

    def __init__(self, svcd_binary, accounts, mentors=None, mentees=None):
        self.accounts = accounts
        self.mentors = mentors or accounts // 10
        self.mentees = mentees or accounts * 8 // 10
        self.matched = min(self.mentees * 3 // 10, self.mentors * 5 // 2)
        self.database = f"bench_{self.accounts}_{self.mentors}_{self.mentees}"
        self.svcd_binary = svcd_binary
        begun = time.monotonic()
        self.fill()
        print(f"filled {accounts:,} accounts in {time.monotonic() - begun:.0f} s", file=sys.stderr)

    def matched_mentee(self, n):
        """Account id of the nth mentee that has a mentor, n from 0 on."""
        return self.mentors + 1 + n

    def unmatched_mentee(self, n):
        return self.mentors + self.matched + 1 + n

    def without_profile(self, n):
        return self.mentors + self.mentees + 1 + n

    def mentor_of(self, n):
        """Account id of the mentor of matched_mentee(n)."""
        return n % self.mentors + 1

    def environment(self):
        """svcd's, with its own names for what tools/cluster says."""
        plain = {name: text for name, text in os.environ.items() if not name.startswith("POSTGRES_")}
        return {**plain, "POSTGRES_HOST": os.environ["PGHOST"], "POSTGRES_PORT": os.environ["PGPORT"],
                "POSTGRES_USER": "svcd", "POSTGRES_DATABASE": self.database}

    def client_environment(self):
        return {**os.environ, "PGUSER": "svcd", "PGDATABASE": self.database, "PGOPTIONS": SESSION}

    def psql(self, *arguments, user="svcd", database=None):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database or self.database, *arguments,
                   env=self.client_environment() if user == "svcd" else os.environ)

    def value(self, query):
        return self.psql("-c", query).strip()

    def fill(self):
        self.psql("-c", f"CREATE DATABASE {self.database} OWNER svcd", user="postgres", database="postgres")
        run("psql", "-Xq", "-1", "-v", "ON_ERROR_STOP=1", "-U", "svcd", "-d", self.database,
            "-f", ROOT / "sql/migrations/0001_platform.sql")
        self.psql("-v", f"accounts={self.accounts}", "-v", f"mentors={self.mentors}", "-v", f"mentees={self.mentees}",
                  "-v", f"password_hash={PASSWORD_HASH}", "-f", ROOT / "test/bench/fill.sql", user="postgres")
        run(self.svcd_binary, "migrate", env=self.environment(), cwd="/")
        self.psql(*(part for command in ("VACUUM ANALYZE", "CHECKPOINT", *PREWARM) for part in ("-c", command)), user="postgres")

    def rows(self, statement, parameters):
        """What SQL says: the statement's rows as dicts."""
        statement = STATEMENTS[statement]
        types = {p.name: p.type for p in statement.params}
        sql = statement.substituted(lambda name: f"{literal(parameters[name])}::{types[name]}")
        return json.loads(self.value(f"SELECT coalesce(json_agg(r), '[]') FROM ({sql}) r"))


def literal(value):
    return "'" + str(value).replace("'", "''") + "'"


def pgbench_sql(statement):
    """The statement for pgbench, its parameters with the types that svcd prepares it with."""
    statement = STATEMENTS[statement]
    types = {p.name: p.type for p in statement.params}
    return statement.substituted(lambda name: f":{name}::{types[name]}") + ";\n"
