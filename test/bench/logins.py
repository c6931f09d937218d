# SPDX-License-Identifier: MIT
"""How logins are measured: beside a bare loop of their hash, and by what they cost others.

Each account logs in once before, so that its address is known there and its load is not taken for an attack.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import rpcs
from load import Load, percentile
from measures import WARM_UP_S, medians, svcd_load
from servers import Svcd
from world import PASSWORD, Wrong, run

IN_FLIGHT = 32       # logins, where only their number a second counts
KNOWN_BURST = 100    # etc/svcd.conf: more at once of one client at one e-mail are refused
STORM_S = 8          # so long that even the last of a full queue has its turn
QUEUE = 256 + 1      # etc/svcd.conf: waiting, and on the one worker


def hashed_per_s(bench, row):
    """Logins a second on a server that makes what is stored, so that nothing is renewed, ÷ the bare loop's."""
    crypt, settings = row.options["crypt"], row.options["settings"]
    account = bench.world.accounts
    bench.world.psql("-c", f"UPDATE account SET passwordhash = '{crypt}' WHERE accountid = {account}")
    login = rpcs.try_login(bench.world, account)

    def one_round():
        n = max(int(bench.seconds * bare(1)), 8)  # a rough number of logins of so many seconds
        cpu_s = svcd.cpu_s()
        load = bench.load.h2load(svcd, (login,), n=n, connections=4, streams=IN_FLIGHT // 4)
        cpu_us = (svcd.cpu_s() - cpu_s) / load.n * 1e6
        loop = bare(n / load.per_s)
        return {"rps": load.per_s, "cpu_us": cpu_us, "bare_rps": loop, "to_bare": load.per_s / loop}

    def bare(seconds):
        return float(run(bench.bare_hash_binary, crypt, PASSWORD, 1, seconds))

    with Svcd(bench.world, bench.folder / "logins.log", *settings) as svcd:
        login.check(svcd)
        return medians(bench.calm.rounds(bench.runs, one_round))


class Storm:
    """As many logins as the queue holds, of several accounts from several addresses, for one address may fill half of it;
    each followed by another."""

    def __init__(self, bench):
        self.bench = bench
        self.logins = [rpcs.try_login(bench.world, bench.world.accounts - n, ("x-forwarded-for", f"192.0.2.{n + 1}"))
                       for n in range(-(-QUEUE // KNOWN_BURST))]
        for login in self.logins:
            login.check(bench.svcd())

    def send(self, number, login):
        folder = self.bench.folder / f"storm.{number}"
        folder.mkdir(exist_ok=True)
        streams = len(range(number, QUEUE, len(self.logins)))
        return Load(folder).h2load(self.bench.svcd(), (login,), seconds=max(STORM_S, 2 * self.bench.seconds), connections=1,
                                   streams=streams, logged=True)

    def __enter__(self):
        self.threads = ThreadPoolExecutor(len(self.logins))
        self.loads = [self.threads.submit(self.send, number, login) for number, login in enumerate(self.logins)]
        time.sleep(WARM_UP_S)
        self.begun = time.time()
        return self

    def __exit__(self, *_):
        ended = time.time()
        self.threads.shutdown()
        within = sum(self.begun < (start + latency) / 1e6 < ended for load in self.loads
                     for start, latency in zip(load.result().starts_us, load.result().latencies_us))
        self.per_s = within / (ended - self.begun)


def reads_under_logins(bench, row):
    """p99 of point reads at half of what svcd can do, without logins and with the hash queue full of them."""
    for rpc in row.rpcs:
        rpc.check(bench.svcd())
    most = statistics.median(bench.calm.rounds(bench.runs, lambda: svcd_load(bench, row, seconds=1).per_s))

    def p99():
        load = svcd_load(bench, row, seconds=bench.seconds, logged=True, rate=most / 2)
        if load.per_s < 0.8 * most / 2:
            raise Wrong(f"of {most / 2:.0f} reads a second only {load.per_s:.0f} were made")
        return load.per_s, percentile(load.latencies_us, 50), load.calm_percentile(99)

    def one_round():
        _, _, without = p99()
        with Storm(bench) as storm:
            per_s, median, within = p99()
        return {"rps": per_s, "p50_us": median, "p99_us": within, "without_us": without, "to_without": within / without,
                "logins": storm.per_s}

    return medians(bench.calm.rounds(bench.runs, one_round))
