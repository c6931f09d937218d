# SPDX-License-Identifier: MIT
"""The ways to measure a row. Each takes the bench and the row and returns numbers by name: see README.md.

What is compared is measured in turn, round after round, so that a drift of the machine strikes all alike; numbers are
medians of the rounds, and so are ratios, of each round's own.
"""

import resource
import statistics
import time
from contextlib import ExitStack

from http2 import Connection, header_block
from load import percentile
from servers import BareHttp2, Svcd
from world import Wrong

WARM_UP_S, LOGGED_S, SWEEP_S, SLICE_S = 0.3, 1, 1, 0.25
TURNS = 3  # of svcd and pgbench, in a round
# (clients, threads) among which pgbench's best is sought.
PLAIN_CLIENTS = ((2, 1), (4, 1), (8, 1), (16, 1), (16, 2), (32, 1))
PIPELINE_CLIENTS = ((1, 1), (2, 1), (4, 1))
IDLE_CONNECTIONS = 2000


def medians(rounds):
    return {name: statistics.median(numbers[name] for numbers in rounds) for name in rounds[0]}


def best_clients(bench, row, choices, pipelined):
    """Sought once for the same statements."""
    sought = (tuple(rpc.statement for rpc in row.rpcs), pipelined)
    if sought not in bench.best_clients:
        speeds = bench.calm.rounds(1, lambda: [
            bench.load.pgbench(bench.world, row.rpcs, SWEEP_S, *choice, pipelined=pipelined).per_s for choice in choices])[0]
        bench.best_clients[sought] = choices[speeds.index(max(speeds))]
    return bench.best_clients[sought]


def counted(bench, rpcs):
    return [int(bench.world.value(rpc.counted)) for rpc in rpcs if rpc.counted]


def svcd_load(bench, row, **options):
    """Load on the row's svcd: what each call was to change has changed, whatever the replies say."""
    rpcs = row.rpcs
    before = counted(bench, rpcs)
    result = bench.load.h2load(bench.svcd(row.edge), rpcs, **options)
    for was, now in zip(before, counted(bench, rpcs)):
        if now - was < result.n:  # more are those still under way when time is up
            raise Wrong(f"{rpcs[0].path}: {result.n} calls acknowledged, {now - was} stored")
    return result


def under_load(bench, row):
    """Throughput at 4 connections of 64 streams beside the row's baselines, latency, CPU and system calls."""
    for rpc in row.rpcs:
        rpc.check(bench.svcd(row.edge))
    clients = {pipelined: best_clients(bench, row, PIPELINE_CLIENTS if pipelined else PLAIN_CLIENTS, pipelined)
               for name, pipelined in (("pgbench", False), ("pipelined", True)) if name in row.baselines}
    with ExitStack() as stack:
        noop = stack.enter_context(bench.noop(row.rpcs[0])) if "noop" in row.baselines else None
        found = medians(bench.calm.rounds(bench.runs, lambda: load_round(bench, row, clients, noop)))
    if False in clients:
        found["pgbench_clients"] = clients[False][0]
    found["syscalls"] = system_calls(bench, row, n=int(found["rps"]))
    for rpc in row.rpcs:
        rpc.check(bench.svcd(row.edge))
    return found


def load_round(bench, row, clients, noop):
    seconds = bench.seconds
    svcd_load(bench, row, seconds=WARM_UP_S)
    cpu_s = bench.svcd(row.edge).cpu_s()
    load = svcd_load(bench, row, seconds=seconds)
    found = {"rps": load.per_s, "cpu_us": (bench.svcd(row.edge).cpu_s() - cpu_s) / load.n * 1e6}
    # Apart, because h2load writes its log a line a system call.
    logged = svcd_load(bench, row, seconds=LOGGED_S, logged=True).latencies_us
    found |= {"p50_us": percentile(logged, 50), "p99_us": percentile(logged, 99)}
    for pipelined, choice in clients.items():
        found |= beside_pgbench(bench, row, choice, pipelined)
    if noop:
        found |= beside_noop(bench, row, noop)
    if "grpc" in row.baselines:
        found |= beside_grpc(bench, row)
    return found


def in_turns(n, name, svcd, baseline):
    """RPC/s of the baseline, and svcd's ÷ it: a single second of either swings by a tenth and more on a machine whose host
    has others to serve."""
    turns = []
    for _ in range(n):
        per_s, base = svcd().per_s, baseline().per_s
        turns.append({f"{name}_rps": base, f"to_{name}": per_s / base})
    return medians(turns)


def beside_pgbench(bench, row, choice, pipelined):
    return in_turns(1 if pipelined else TURNS, "pipelined" if pipelined else "pgbench",  # the former has no target
                    lambda: svcd_load(bench, row, seconds=bench.seconds),
                    lambda: bench.load.pgbench(bench.world, row.rpcs, bench.seconds, *choice, pipelined=pipelined))


def beside_noop(bench, row, noop):
    """The two are so close to each other that their turns are short."""
    bench.load.h2load(noop, row.rpcs, seconds=WARM_UP_S)
    return in_turns(int(bench.seconds / SLICE_S), "noop", lambda: svcd_load(bench, row, seconds=SLICE_S),
                    lambda: bench.load.h2load(noop, row.rpcs, seconds=SLICE_S))


def beside_grpc(bench, row):
    """The same load on a svcd that serves by the gRPC core."""
    return in_turns(TURNS, "grpc", lambda: svcd_load(bench, row, seconds=bench.seconds),
                    lambda: bench.load.h2load(bench.svcd("grpc"), row.rpcs, seconds=bench.seconds))


def system_calls(bench, row, n):
    """System calls of svcd an RPC, counted by the kernel: strace would slow it down so much that they batch better."""
    n = max(n // 16, 64) * 16
    counts = bench.folder / "perf"
    svcd_load(bench, row, n=n, under=(
        "perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", bench.svcd(row.edge).process.pid, "-o", counts, "--"))
    line = next(line for line in counts.read_text().splitlines() if "raw_syscalls" in line)
    return int(line.split(",")[0]) / n


def one_stream(bench, row):
    """Latency with nothing else going on, beside the statement's own and a call's that asks for nothing: on the no-op server,
    or by our own edge Check."""
    def p50(result):
        return percentile(result.latencies_us, 50)

    nothing = row.options.get("nothing", row.rpcs[0])

    def one_round(noop):
        single = {"seconds": LOGGED_S, "connections": 1, "streams": 1, "logged": True}
        load = svcd_load(bench, row, **single)
        statement = p50(bench.load.pgbench(bench.world, row.rpcs, 1, 1, logged=True))
        ceiling = p50(bench.load.h2load(noop, (nothing,), **single))
        return {"rps": load.per_s, "p50_us": p50(load), "p99_us": percentile(load.latencies_us, 99),
                "pgbench_p50_us": statement, "noop_p50_us": ceiling, "to_sum": p50(load) / (statement + ceiling)}
    if row.edge != "grpc":
        return medians(bench.calm.rounds(bench.runs, lambda: one_round(bench.svcd(row.edge))))
    with bench.noop(row.rpcs[0]) as noop:
        return medians(bench.calm.rounds(bench.runs, lambda: one_round(noop)))


def new_connections(bench, row, at_once=1000, times=10):
    """A connection for each RPC, all opened at once, beside the same on the no-op server, or on svcd's grpc:// and a bare server."""
    def per_s(server):
        return bench.load.h2load(server, row.rpcs, n=at_once, connections=at_once, streams=1).per_s

    def one_round(name, *others):
        servers = bench.svcd(row.edge), *others
        for server in servers:
            per_s(server)
        before = [server.cpu_s() for server in servers]
        turns = [tuple(map(per_s, servers)) for _ in range(times)]  # in turn, for each is over in a moment
        svcd, base = list(map(statistics.harmonic_mean, zip(*turns)))[:2]
        used_us = [(server.cpu_s() - was) / (at_once * times) * 1e6 for server, was in zip(servers, before)]
        found = {"rps": svcd, "cpu_us": used_us[0], f"{name}_rps": base, f"to_{name}": svcd / base, "base_us": used_us[1],
                 "cpu_times": used_us[1] / used_us[0]}
        if len(others) > 1:
            own_us, base_us, bare_us = used_us
            found |= {"bare_us": bare_us, "bare_times": base_us / bare_us, "to_bare": own_us / bare_us,
                      "beyond_bare": (base_us - bare_us) / max(own_us - bare_us, 1)}
        return found
    if row.edge != "grpc":
        with bare_http2(bench, row) as bare:
            return medians(bench.calm.rounds(bench.runs, lambda: one_round("grpc", bench.svcd("grpc"), bare)))
    with bench.noop(row.rpcs[0]) as noop:
        return medians(bench.calm.rounds(bench.runs, lambda: one_round("noop", noop)))


def bare_http2(bench, row):
    """A bare server that answers with svcd's own bytes."""
    rpc, connection = row.rpcs[0], Connection(bench.svcd(row.edge).port)
    answer = connection.first_answer(header_block(rpc.path, connection.authority), rpc.request)
    connection.close()
    return BareHttp2(bench.bare_http2_binary, answer, bench.folder / "bare_http2.log")


def memory(bench, row):
    """Resident memory of a svcd that has just started, then with so many idle HTTP/2 connections."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], 2 * IDLE_CONNECTIONS), limit[1]))
    with Svcd(bench.world, bench.folder / "memory.log", edge=row.edge) as svcd:
        time.sleep(1)
        idle_mb = svcd.resident_mb()
        connections = [Connection(svcd.port) for _ in range(IDLE_CONNECTIONS)]
        for connection in connections:
            connection.wait_until_open()
        time.sleep(1)
        connected_mb = svcd.resident_mb()
        for connection in connections:
            connection.close()
    return {"idle_mb": idle_mb, "connected_mb": connected_mb}
