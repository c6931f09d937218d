# SPDX-License-Identifier: MIT
"""Five times what svcd can do, for 20 s, by calls that are due whatever becomes of those before (open_loop.c)."""

import json
import os
import re
import threading
import urllib.request

from servers import Svcd
from world import ROOT, Wrong, run

CONNECTIONS, STREAMS, FACTOR, SECONDS, PEAK_S = 16, 16, 5, 20, 5
BINARY = ROOT / os.environ.get("OPEN_LOOP", "build/release/open_loop")
WEIGHTS = (6, 2, 1)


def handled(port):
    """{(method, upper bound of a bucket): calls that took no longer}."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        text = reply.read().decode()
    return {(match[1], float(match[2])): float(match[3]) for match in re.finditer(
        r'^grpc_server_handling_seconds_bucket\{.*grpc_method="(\w+)",le="([^"]+)"\} (\S+)$', text, re.M)}


def percentile_99_s(before, after, method):
    """The upper bound of its bucket."""
    calls = {bound: n - before[name, bound] for (name, bound), n in after.items() if name == method}
    return min(bound for bound, n in calls.items() if n >= 0.99 * calls[float("inf")])


def load(svcd, rpcs, rate, streams, seconds, weights=WEIGHTS):
    """What open_loop prints, and the calls a second that were answered."""
    words = [word for rpc, weight in zip(rpcs, weights) for word in (rpc.path, rpc.request.hex(), weight)]
    found = json.loads(run(BINARY, svcd.port, CONNECTIONS, streams, rate, seconds, 0, *words))
    failed = [(path, of_it) for path, of_it in found["paths"].items()
              if of_it["refused_streams"] or of_it["resets"] or set(of_it["codes"]) != {"0"}]
    if failed or found["closed"]:
        raise Wrong(f"calls failed, or {found['closed']} connections were closed: {failed}")
    return found, sum(of_it["ok_per_s"] for of_it in found["paths"].values())


def beyond_capacity(bench, row):
    """Goodput ÷ the peak; 99th percentile from admission on, ÷ that at the peak, of the worst method; health meanwhile; a
    call right after; resident memory."""
    with Svcd(bench.world, bench.folder / "overload.log", "admin.listen=127.0.0.1:0", edge=row.edge) as svcd:
        admin = re.search(r'"status page" address=\S+:(\d+)', svcd.log.read_text(encoding="utf-8"))[1]
        for rpc in row.rpcs:
            rpc.check(svcd)
        at_first = handled(admin)
        nominal, peak = load(svcd, row.rpcs, 0, STREAMS, PEAK_S)
        at_peak = handled(admin)
        resident, over = [], threading.Event()

        def look():
            while not over.wait(0.2):
                resident.append(svcd.resident_mb())
        looker = threading.Thread(target=look)
        looker.start()
        flood, goodput = load(svcd, row.rpcs, peak * FACTOR, 0, SECONDS)
        over.set()
        looker.join()
        at_last = handled(admin)
        methods = [rpc.path.rpartition("/")[2] for rpc in row.rpcs]
        return {"rps": goodput, "to_peak": goodput / peak,
                "admitted": max(percentile_99_s(at_peak, at_last, method) / percentile_99_s(at_first, at_peak, method)
                                for method in methods),
                "health_ms": flood["health"]["p99_us"] / 1000, "echo_ms": flood["echo"]["p99_us"] / 1000, "resident_mb": max(resident),
                "after": flood["probe_after"]["p50_us"] / nominal["probe"]["p50_us"]}
