# SPDX-License-Identifier: MIT
"""What stuck calls cost the others: beside a locked table, a locked row, a slow statement, and at a start beside a lock."""

import subprocess
import threading
from contextlib import contextmanager

import grpc

import rpcs
from measures import medians
from overload import load
from servers import Svcd
from world import Wrong

RATE, STREAMS = 400, 16       # the others' calls a second, mixed; at once on a connection
STUCK_PER_S, STUCK_S = 50, 2  # calls that get stuck, a second; their deadline
LEAST_S = 4                   # of which open_loop does not count the first

SLOW = """CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON milestone FOR EACH ROW EXECUTE FUNCTION public.slow()"""
NO_LONGER_SLOW = "DROP TRIGGER slow ON milestone; DROP FUNCTION public.slow()"


@contextmanager
def held(world, lock):
    """Another session holds this lock."""
    with subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=world.client_environment()) as session:
        session.stdin.write(f"BEGIN; {lock};\n\\echo it is held\n")
        session.stdin.flush()
        while (line := session.stdout.readline()) != "it is held\n":
            if not line:
                raise Wrong(f"psql could not: {lock}")
        yield
        session.stdin.close()


@contextmanager
def slow_inserts(world):
    """A new plan of action takes a second."""
    world.psql("-c", SLOW)
    try:
        yield
    finally:
        world.psql("-c", NO_LONGER_SLOW)


@contextmanager
def stuck_calls(server, rpc):
    """So many a second. It is wrong if none gets stuck, for then nothing is measured."""
    over, under_way = threading.Event(), []

    def call():
        begin = server.channel.unary_unary(rpc.path).future
        while not over.wait(1 / STUCK_PER_S):
            under_way.append(begin(rpc.request, timeout=STUCK_S))
    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ended = {one.exception() and one.code() for one in under_way}  # exception() waits for its end
    if not ended & {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}:
        raise Wrong(f"{rpc.path}: none was stuck, but {ended}")


def jams(world, mentee):
    """By name: what holds the calls up, and the call that gets stuck by it."""
    notifications = rpcs.get_notifications(world, mentee)
    table = "LOCK TABLE menteemessage IN ACCESS EXCLUSIVE MODE"
    return {
        "table": (held(world, table), notifications),
        "row": (held(world, f"SELECT FROM account WHERE accountid = {mentee} FOR UPDATE"), rpcs.update_email(world, mentee)),
        "slow": (slow_inserts(world), rpcs.create_plan(world, mentee)),
        "start": (held(world, table), notifications)}


def beside_jams(bench, row):
    """p99 of the others, by the RPC that it is worst of, and of health; the worst jam counts."""
    world = bench.world

    def beside(server):
        found, _ = load(server, row.rpcs, RATE, STREAMS, max(LEAST_S, bench.seconds), (1,) * len(row.rpcs))
        return max(of_it["ok"]["p99_us"] for of_it in found["paths"].values()) / 1000, found["health"]["p99_us"] / 1000

    def one_round():
        alone_ms, health_ms = beside(bench.svcd(row.edge))
        found, healths = {}, []
        for name, (jam, rpc) in jams(world, row.options["mentee"]).items():
            with jam:
                if name == "start":
                    with Svcd(world, bench.folder / "started.log", edge=row.edge) as server, stuck_calls(server, rpc):
                        found[name], health_ms = beside(server)
                else:
                    with stuck_calls(bench.svcd(row.edge), rpc):
                        found[name], health_ms = beside(bench.svcd(row.edge))
            healths.append(health_ms)
        return {"alone_ms": alone_ms, "p99_ms": max(found.values()), "health_ms": max(healths), **found}
    return medians(bench.calm.rounds(bench.runs, one_round))
