# SPDX-License-Identifier: MIT
"""The load: h2load against servers, pgbench against PostgreSQL. Both end by failing if a single answer was wrong."""

import re
import statistics
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from world import Wrong, pgbench_sql, run

PIPELINE = 64  # statements between \startpipeline and \endpipeline
CONNECTIONS, STREAMS = 4, 64
# h2load keeps a rate by one burst every 10 ms on each connection; opened 11 ms apart, the ten of them take turns.
STEADY_CONNECTIONS, STEADY = 10, ("-r1", "--rate-period=11ms")


@dataclass
class Result:
    n: int           # RPCs, or statements
    per_s: float
    latencies_us: list = field(default_factory=list)
    starts_us: list = field(default_factory=list)

    def calm_percentile(self, percent, window_us=100_000):
        """The median of the percentiles of each tenth of a second: what the machine's host takes away for some
        milliseconds now and then spoils a few of them only."""
        windows = defaultdict(list)
        for start, latency in zip(self.starts_us, self.latencies_us):
            windows[start // window_us].append(latency)
        whole = sorted(windows)[1:-1]  # the first and the last one are cut off
        return statistics.median(percentile(windows[window], percent) for window in whole)


def frame(message):
    """A message as gRPC sends it: not compressed, its length, itself."""
    return b"\0" + struct.pack(">I", len(message)) + message


def told(pattern, out):
    """Where a program's output says what it should."""
    match = re.search(pattern, out)
    if not match:
        raise Wrong(f"expected {pattern} in:\n{out}")
    return match


def percentile(latencies_us, percent):
    ordered = sorted(latencies_us)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def log_columns(path, column):
    with open(path, encoding="ascii") as lines:
        return [int(line.split()[column]) for line in lines]


class Load:
    """Loads with what lies in one folder of temporary files."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def h2load(self, server, rpcs, seconds=None, n=None, connections=CONNECTIONS, streams=STREAMS, logged=False, rate=None, connections_per_s=None, under=()):
        """For so many seconds, or n calls; as fast as answers come, or `rate` a second. All connections are opened at once, or
        some a second. Several RPCs, of equal request bytes, are called in turn.

        h2load takes every HTTP status 200 for a success, also a gRPC error; but an error carries no message, so the bytes
        of the bodies tell whether all replies were the expected ones.
        """
        requests = {rpc.request for rpc in rpcs}
        if len(requests) != 1:
            raise Wrong("h2load sends the same bytes to all its URIs")
        data, log = self.folder / "request", self.folder / "h2load.log"
        data.write_bytes(rpcs[0].framed(requests.pop()))
        log.unlink(missing_ok=True)
        pace = ()
        if rate:  # which goes with a number only
            connections = STEADY_CONNECTIONS
            n = int(rate * seconds) // connections * connections
            pace = (f"--rps={rate / connections:.0f}", *STEADY)
        if connections_per_s:
            pace = (f"-r{connections_per_s // 100}", "--rate-period=10ms")
        how = f"-n{n}" if n else f"-D{seconds * 1000:.0f}ms"
        out = run(*under, "h2load", "-t1", f"-c{connections}", f"-m{streams}", how, "-d", data, *pace,
                  *([f"--log-file={log}"] if logged else []),
                  "-H", f"content-type: {rpcs[0].content_type}", "-H", "te: trailers",
                  *(word for name, value in rpcs[0].metadata for word in ("-H", f"{name}: {value}")),
                  *(server.url + rpc.path for rpc in rpcs))
        done, failed, errored, timeout = map(int, told(
            r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out).groups())
        body_bytes = int(told(r"\((\d+)\) data", out)[1])
        expected = [len(rpc.framed(rpc.reply)) for rpc in rpcs]
        # Streams end out of turn, so with several RPCs only a whole number of turns is certain: within what is under way.
        slack = 0 if len(rpcs) == 1 or n else connections * streams * max(expected)
        if done == 0 or failed or errored or timeout or abs(body_bytes - done * sum(expected) / len(rpcs)) > slack:
            raise Wrong(f"{server.name}: {rpcs[0].path}: expected {done} replies of {expected} bytes, got {body_bytes} "
                        f"bytes; {failed} failed, {errored} errored, {timeout} timeout\n{out}")
        return Result(done, float(told(r"finished in .*, ([\d.]+) req/s", out)[1]),
                      log_columns(log, 2) if logged else [], log_columns(log, 0) if logged else [])

    def pgbench(self, world, rpcs, seconds, clients, threads=1, pipelined=False, logged=False):
        """The statements of these RPCs, over and over."""
        sql = "".join(pgbench_sql(rpc.statement) for rpc in rpcs)
        turns = PIPELINE // len(rpcs) if pipelined else 1
        script = self.folder / "script.sql"
        script.write_text("\\startpipeline\n" + sql * turns + "\\endpipeline\n" if pipelined else sql, encoding="utf-8")
        for old in self.folder.glob("pgbench_log*"):
            old.unlink()
        parameters = {name: value for rpc in rpcs for name, value in rpc.parameters.items()}
        out = run("pgbench", "-n", "-M", "prepared", "-f", script, "-T", seconds, "-c", clients, "-j", threads,
                  *(f"--define={name}={value}" for name, value in parameters.items()), *(["-l"] if logged else []),
                  cwd=self.folder, env=world.client_environment())
        if "number of failed transactions: 0 " not in out:
            raise Wrong(f"pgbench: {out}")
        transactions = int(told(r"transactions actually processed: (\d+)", out)[1])
        per_s = float(told(r"tps = ([\d.]+) \(without", out)[1])
        latencies = [us for log in self.folder.glob("pgbench_log*") for us in log_columns(log, 2)]
        return Result(transactions * len(rpcs) * turns, per_s * len(rpcs) * turns, latencies)
