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
from harness import Daemon, Held, demo_database, is_serving, psql, value, wait_until
from jams_kit import WORLD, Backends, Calls, Load, quantile

SEED = int(os.environ.get("JAMS_SEED", time.time_ns() % 1_000_000))
LATE_S = 1  # ten times what is promised of the 99th percentile
TIMES = 10  # that, or so many times what the same calls take when nothing is stuck: the machine may be slow or busy
ALONE_S = 0.5  # what is not answered alone in so long is stuck
STUCK_S = 3  # the deadline of calls that are
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

    def seen(self, what):
        """With whatever is stuck now: (what, those that are, all that was seen), to be judged by what is seen without."""
        names = list(self.calls.all())
        stuck = {name for name in names if not all(self.is_answered(name) for _ in range(3))}
        backends, load = Backends(self.database), Load(self.calls, stuck, deadline_s=STUCK_S)
        time.sleep(3)
        took = load.end()
        wait_until(lambda: value(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}' AND application_name ~ '^(read|insert|write) ' "
                                 "AND state = 'active'", "svcd") == "0", f"beside {what} statements are under way that nobody waits for")
        self.assertLessEqual(backends.end(), 2 + 2 + 4 + 2)
        return what, stuck, took

    def pace(self):
        """The 95th percentile of whatever is slowest, with nothing stuck."""
        load = Load(self.calls)
        time.sleep(1.5)
        took = load.end()
        return max(quantile(took[name], 0.95) for name in took)

    def judge(self, before, *all_seen):
        after = self.pace()
        for what, stuck, took in all_seen:
            limit, free = max(LATE_S, TIMES * before, TIMES * after), [name for name in took if name not in stuck]
            for name in free:
                with self.subTest(name, beside=what, seed=SEED):
                    self.assertEqual({one.code for one in took[name]}, {StatusCode.OK})
                    self.assertLess(quantile(took[name], 0.95), limit)
            for name in stuck:
                self.assertLess(max(one.seconds for one in took[name]), STUCK_S + TIMES * limit, f"{name} ended long after its deadline beside {what}")
            slowest = max(free, key=lambda name, took=took: quantile(took[name], 0.95), default=None)
            print(f"       {what}: {len(stuck)} of {len(took)} stuck; the slowest of the others {slowest}, "
                  f"95 % within {quantile(took[slowest], 0.95) * 1000:.0f} ms (before {before * 1000:.0f}, after {after * 1000:.0f})", flush=True)
        return after

    def all_is_as_before(self, what):
        for name in self.calls.all():
            wait_until(lambda name=name: self.is_answered(name, 5), f"{name} is not served after {what}")

    def groups_of_tables(self):
        """Every table in one of them, which are of one to five."""
        tables = [row[0] for row in psql(TABLES, self.database)]
        self.dice.shuffle(tables)
        left = iter(tables)
        while group := list(itertools.islice(left, self.dice.randint(1, 5))):
            yield group

    def test_with_any_tables_locked_calls_that_need_none_of_them_keep_their_pace_before_and_after_a_restart(self):
        pace = self.pace()
        for n, group in enumerate(self.groups_of_tables()):
            what = ", ".join(group) + " locked" + (" at the start" if n % 2 else "")
            held = Held(f"LOCK TABLE {', '.join(group)} IN ACCESS EXCLUSIVE MODE", self.database)
            if n % 2:
                self.serve()
            seen = self.seen(what)
            held.let_go()
            self.all_is_as_before(what)
            pace = self.judge(pace, seen)

    def test_with_more_kinds_stuck_than_there_are_connections_the_others_keep_their_pace_before_and_after_a_restart(self):
        pace = self.pace()
        for what, ((jam, undo), hold) in JAMS.items():
            psql(jam, self.database)
            held = Held(hold, self.database) if hold else None
            seen = [self.seen(what)]
            self.serve()
            seen += [self.seen(what + " at the start")]
            if held:
                held.let_go()
            psql(undo, self.database)
            self.all_is_as_before(what)
            pace = self.judge(pace, *seen)
