# SPDX-License-Identifier: MIT
"""Many things are stuck at once, by locks or because they are slow, and the calls that need none of them keep their pace, also of a daemon
that starts meanwhile. Which calls need what is found by trying: one that is answered alone is to be answered beside all others, too.

JAMS_SEED makes the same dice roll again."""

import itertools
import os
import random
import time
import unittest

import grpc
import svcd_client
from grpc import StatusCode
from harness import Daemon, demo_database, is_serving, psql, value, wait_until
from jams_kit import WORLD, Backends, Calls, Load, quantile
from test_migrate import Held

SEED = int(os.environ.get("JAMS_SEED", time.time_ns() % 1_000_000))
LATE_S = 1  # ten times what is promised of the 99th percentile, for a machine that is slow or busy
ALONE_S = 0.5  # what is not answered alone in so long is stuck
TABLES = """SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('public', 'svcd') ORDER BY 1"""


def on_rows(tables, does):
    """SQL that has whatever writes to the tables do this, and what undoes it."""
    tables = tables.split()
    return ("CREATE FUNCTION public.jam() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + does + "; RETURN NEW; END $$;"
            + "".join(f"CREATE TRIGGER jam BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION public.jam();" for table in tables),
            "".join(f"DROP TRIGGER jam ON {table};" for table in tables) + "DROP FUNCTION public.jam();")


def slow_to_read(tables):
    tables = tables.split()
    return ("CREATE FUNCTION public.jam() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN true; END $$;"
            + "".join(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY jam ON {table} USING (public.jam());"
                      for table in tables),
            "".join(f"DROP POLICY jam ON {table}; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;"
                    for table in tables) + "DROP FUNCTION public.jam();")


NOTHING = ("SELECT", "SELECT")
# Name: (SQL that jams, SQL that undoes it), what a transaction holds meanwhile.
JAMS = {
    "more kinds of reads than connections are slow": (slow_to_read("skill menteemessage mentormessage businesssector"), None),
    "more kinds of writes than connections are slow": (
        on_rows("websitefeedback workshop developmentfeedback mentee mentor account", "PERFORM pg_sleep(30)"), None),
    "an advisory lock is waited for": (
        on_rows("websitefeedback milestone meeting workshop", "PERFORM pg_advisory_xact_lock(1)"), "SELECT pg_advisory_lock(1)"),
    "rows are locked": (NOTHING, "SELECT FROM account WHERE accountid BETWEEN 61 AND 240 FOR UPDATE; SELECT FROM mentor FOR UPDATE"),
}


class Jams(unittest.TestCase):
    def setUp(self):
        print(f"       seed {SEED}", flush=True)
        self.dice = random.Random(SEED)
        self.database = demo_database()
        psql(WORLD, self.database)
        self.daemon = None
        self.addCleanup(lambda: self.daemon.stop())
        self.calls = Calls(None, self.database)
        self.serve()

    def serve(self):
        """A daemon that starts now."""
        if self.daemon:
            self.calls.client.channel.close()
            self.daemon.stop()
        self.daemon = Daemon(self.database)
        self.calls.client = client = svcd_client.Client(self.daemon.address)
        wait_until(lambda: is_serving(client), "not serving")

    def is_answered(self, name, seconds=ALONE_S):
        rpc, request = self.calls.all()[name]()
        try:
            rpc(request, timeout=seconds)
            return True
        except grpc.RpcError:
            return False

    def judge(self, what):
        """With whatever is stuck now."""
        names = list(self.calls.all())
        free = [name for name in names if all(self.is_answered(name) for _ in range(3))]
        backends, load = Backends(self.database), Load(self.calls, names, deadline_s=3)
        time.sleep(3)
        took = load.end()
        for name in free:
            with self.subTest(name, beside=what, seed=SEED):
                self.assertEqual({one.code for one in took[name]}, {StatusCode.OK})
                self.assertLess(quantile(took[name], 0.95), LATE_S)
        for name in names:
            late = max(one.seconds for one in took[name])
            self.assertLess(late, 3 + 10 * LATE_S, f"{name} ended long after its deadline beside {what}")
        wait_until(lambda: value(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND application_name ~ '^(read|insert|write) ' "
                                 "AND state = 'active'", "svcd") == "0", f"beside {what} statements are under way that nobody waits for", 10)
        self.assertLessEqual(backends.end(), 2 + 2 + 4 + 2)
        slowest = max(free, key=lambda name: quantile(took[name], 0.95), default=None)
        slow_ms = quantile(took[slowest], 0.95) * 1000 if slowest else 0
        print(f"       {what}: {len(names) - len(free)} of {len(names)} stuck; the slowest of the others {slowest}, 95 % within {slow_ms:.0f} ms",
              flush=True)

    def all_is_as_before(self, what):
        for name in self.calls.all():
            self.assertLess(wait_until(lambda name=name: self.is_answered(name, 5), f"{name} is not served after {what}"), 30)

    def groups_of_tables(self):
        """Every table in one of them, which are of one to five."""
        tables = [row[0] for row in psql(TABLES, self.database)]
        self.dice.shuffle(tables)
        left = iter(tables)
        while group := list(itertools.islice(left, self.dice.randint(1, 5))):
            yield group

    def test_with_any_tables_locked_calls_that_need_none_of_them_keep_their_pace_before_and_after_a_restart(self):
        for n, group in enumerate(self.groups_of_tables()):
            what = ", ".join(group) + " locked" + (" at the start" if n % 2 else "")
            held = Held(f"LOCK TABLE {', '.join(group)} IN ACCESS EXCLUSIVE MODE", self.database)
            if n % 2:
                self.serve()
            self.judge(what)
            held.let_go()
            self.all_is_as_before(what)

    def test_with_more_kinds_stuck_than_there_are_connections_the_others_keep_their_pace_before_and_after_a_restart(self):
        for what, ((jam, undo), hold) in JAMS.items():
            psql(jam, self.database)
            held = Held(hold, self.database) if hold else None
            self.judge(what)
            self.serve()
            self.judge(what + " at the start")
            if held:
                held.let_go()
            psql(undo, self.database)
            self.all_is_as_before(what)
