# SPDX-License-Identifier: MIT
"""The ways to measure what is our own edge's alone: TLS, JSON, idle connections, peers that come in masses or are hostile, and
what accounts of calls cost."""

import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attacks
from http2 import Connection, header_block
from load import Load, percentile
from measures import TURNS, WARM_UP_S, in_turns, medians
from servers import Svcd
from world import Wrong

STEADY_RATE = 1000        # calls a second of a good client
IDLE_CONNECTIONS = 5000
HANDSHAKES_PER_S = 200
ATTACKERS = 2             # of one kind at a time
ATTACKED_S = 2


def compared(bench, row):
    """The row's load in turn with another one: options["beside"] is its edge and RPC, options["name"] its name."""
    other_edge, other_rpc, name = row.options["edge"], row.options["rpc"], row.options["name"]
    svcd, other = bench.svcd(row.edge), bench.svcd(other_edge)
    row.rpcs[0].check(svcd)
    other_rpc.check(other)

    def one_round():
        bench.load.h2load(svcd, row.rpcs, seconds=WARM_UP_S)
        cpu_s = svcd.cpu_s()
        load = bench.load.h2load(svcd, row.rpcs, seconds=bench.seconds)
        found = {"rps": load.per_s, "cpu_us": (svcd.cpu_s() - cpu_s) / load.n * 1e6}
        return found | in_turns(TURNS, name, lambda: bench.load.h2load(svcd, row.rpcs, seconds=bench.seconds),
                                lambda: bench.load.h2load(other, (other_rpc,), seconds=bench.seconds))
    return medians(bench.calm.rounds(bench.runs, one_round))


def allow_descriptors(n):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[1] != resource.RLIM_INFINITY and limit[1] < n:
        raise Wrong(f"{n} descriptors are needed, and the limit is {limit[1]}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit[0], n), limit[1]))


def idle_growth_mb(bench, edge):
    """What so many connections add to resident memory that have made a call each and then do nothing."""
    check, request = header_block(attacks.CALL, "127.0.0.1"), b""
    with Svcd(bench.world, bench.folder / f"idle-{edge}.log", edge=edge) as svcd:
        time.sleep(1)
        before_mb = svcd.resident_mb()
        connections = [Connection(svcd.port, svcd.certificate) for _ in range(IDLE_CONNECTIONS)]
        for connection in connections:
            connection.wait_until_open()
            connection.call(check, request)
        time.sleep(1)
        grown_mb = svcd.resident_mb() - before_mb
        for connection in connections:
            connection.close()
    return grown_mb


def idle_connections(bench, _row):
    allow_descriptors(IDLE_CONNECTIONS + 1000)
    return {"plain_mb": idle_growth_mb(bench, "http"), "tls_mb": idle_growth_mb(bench, "https")}


def steady_p99_ms(bench, row, seconds):
    """Of a good client that calls at a steady rate; it has to be served, too."""
    load = bench.load.h2load(bench.svcd(row.edge), row.rpcs, seconds=seconds, logged=True, rate=STEADY_RATE)
    if load.per_s < 0.7 * STEADY_RATE:  # its connections come one after another
        raise Wrong(f"a good client made {load.per_s:.0f} of its {STEADY_RATE} calls a second")
    return percentile(load.latencies_us, 99) / 1000


def beside_handshakes(bench, row):
    """p99 of a good client beside others that make a new TLS connection for each call."""
    folder = bench.folder / "handshakes"
    folder.mkdir(exist_ok=True)
    seconds = max(2, bench.seconds)

    def one_round():
        alone_ms = steady_p99_ms(bench, row, seconds)
        n = int(HANDSHAKES_PER_S * (seconds + 1))
        with ThreadPoolExecutor(1) as threads:
            others = threads.submit(Load(folder).h2load, bench.svcd(row.edge), row.rpcs, n=n, connections=n, streams=1,
                                    connections_per_s=HANDSHAKES_PER_S)
            time.sleep(WARM_UP_S)
            beside_ms = steady_p99_ms(bench, row, seconds)
            made = others.result()
        return {"alone_ms": alone_ms, "p99_ms": beside_ms, "handshakes": made.per_s}
    return medians(bench.calm.rounds(bench.runs, one_round))


class Attack:
    """So many attackers of a kind. They are nice: on a machine of their own they would take nothing from the good client."""

    def __init__(self, kind, port):
        self.command = ["nice", "-n10", sys.executable, "-B", Path(attacks.__file__), kind, str(port)]

    def __enter__(self):
        self.processes = [subprocess.Popen(self.command) for _ in range(ATTACKERS)]
        time.sleep(WARM_UP_S)

    def __exit__(self, *_):
        ended = [process.poll() for process in self.processes]
        for process in self.processes:
            process.kill()
            process.wait()
        if any(code is not None for code in ended):
            raise Wrong(f"an attacker ended by itself: {self.command}")


def beside_attacks(bench, row):
    """p99 of a good client beside each kind of hostile peer; the worst counts."""
    def one_round():
        alone_ms = steady_p99_ms(bench, row, ATTACKED_S)
        p99 = {}
        for kind in attacks.KINDS:
            with Attack(kind, bench.svcd(row.edge).port):
                p99[kind] = steady_p99_ms(bench, row, ATTACKED_S)
        return {"alone_ms": alone_ms, **p99}
    found = medians(bench.calm.rounds(bench.runs, one_round))
    worst = max(attacks.KINDS, key=found.get)
    return {"p99_ms": found[worst], "worst": worst, **found}


def accounts(bench, row):
    """CPU time an RPC ÷ that of a svcd whose calls are not counted, timed or logged, in turn."""
    def used_us(svcd):
        before = svcd.cpu_s()
        n = bench.load.h2load(svcd, row.rpcs, seconds=bench.seconds).n
        return (svcd.cpu_s() - before) / n * 1e6

    def one_round():
        with Svcd(bench.world, bench.folder / "unaccounted.log", edge=row.edge, binary=bench.unaccounted_binary) as bare, \
                Svcd(bench.world, bench.folder / "accounted.log", "log.calls=failed", edge=row.edge) as svcd:
            for server in (bare, svcd):
                row.rpcs[0].check(server)
                bench.load.h2load(server, row.rpcs, seconds=WARM_UP_S)
            pairs = [(used_us(svcd), used_us(bare)) for _ in range(3 * TURNS)]
        return {"cpu_us": statistics.median(us for us, _ in pairs), "bare_us": statistics.median(us for _, us in pairs),
                "to_bare": statistics.median(us / bare_us for us, bare_us in pairs)}
    return medians(bench.calm.rounds(bench.runs, one_round))
