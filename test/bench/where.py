# SPDX-License-Identifier: MIT
"""Where a call's CPU time goes: perf looks at svcd under load some thousand times a second, and what it sees is told by layer."""

import re
import signal
import subprocess
import time
from collections import Counter

from measures import WARM_UP_S
from world import run

LOOKS_PER_S = 4999
SECONDS = 4

# The first that matches counts. Of the kernel's samples the whole stack is looked at, of others where the processor was.
KERNEL = (("kernel: writing to sockets", r"sys_sendto|sys_sendmsg|sys_write"), ("kernel: reading from sockets", r"sys_recvfrom|sys_recvmsg|sys_read"),
          ("kernel: waiting (epoll)", r"sys_epoll|ep_poll"), ("kernel: else", r""))
LIBRARIES = (("nghttp2: frames, HPACK, streams", r"libnghttp2"), ("libpq", r"libpq"), ("libuv", r"libuv"), ("OpenSSL", r"libssl|libcrypto"),
             ("the clock", r"\[vdso\]"), ("libc: copying, comparing", r"libc\.so|ld-linux"))
SOURCES = (("nghttp2's memory (slabs.c, h2_memory.c)", r"base/slabs|h2_memory"), ("edge: HTTP/2 (h2*.c)", r"edge/http/h(2|pack)"),
           ("edge: sockets, turns (connection*.c, server.c)", r"edge/http/(connection|server|tls)"),
           ("edge: requests, answers, gRPC", r"edge/http/"), ("edge: the C core's", r"edge/core"),
           ("call: checks, access, deadlines, accounts", r"src/call"), ("handlers", r"src/services"),
           ("database: batches, rows", r"src/db"), ("messages (nanopb)", r"generated/|nanopb|pb_|/pb"), ("base: text, timers, arena", r"src/base|src/observe|src/config"))


def first(layers, text):
    return next((name for name, pattern in layers if re.search(pattern, text)), None)


def samples(script):
    """[(address, symbol, binary), ...] of each sample, the innermost first."""
    frame = re.compile(r"^\s+([0-9a-f]+) (.*) \((.*)\)$")
    for part in script.split("\n\n"):
        stack = [match.groups() for match in map(frame.match, part.splitlines()) if match]
        if stack:
            yield stack


def source_files(binary, addresses):
    """Function and file of each address in it, as far as the binary knows."""
    addresses = sorted(addresses)
    asked = "\n".join(addresses)
    told = subprocess.run(["addr2line", "-f", "-e", str(binary)], input=asked, text=True, capture_output=True, check=True).stdout.splitlines()
    return {address: f"{told[2 * i]} {told[2 * i + 1]}" for i, address in enumerate(addresses)}


def layers_of(bench, svcd, rpc):
    """(CPU us an RPC, {layer: part of it})."""
    data = bench.folder / "where.data"
    rpc.check(svcd)
    bench.load.h2load(svcd, (rpc,), seconds=WARM_UP_S)
    with subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(LOOKS_PER_S), "-g", "-p", str(svcd.process.pid), "-o", str(data)],
                          stderr=subprocess.DEVNULL) as perf:
        time.sleep(WARM_UP_S)
        cpu_s = svcd.cpu_s()
        load = bench.load.h2load(svcd, (rpc,), seconds=SECONDS)
        cpu_us = (svcd.cpu_s() - cpu_s) / load.n * 1e6
        perf.send_signal(signal.SIGINT)
    stacks = list(samples(run("perf", "script", "-i", data, "-F", "ip,sym,dso")))
    own = {stack[0][0] for stack in stacks if stack[0][2].endswith(bench.svcd_binary.name)}
    files = source_files(bench.svcd_binary, own)
    seen = Counter()
    for stack in stacks:
        address, _, binary = stack[0]
        if address in files:
            seen[first(SOURCES, files[address]) or "the rest"] += 1
        elif "kernel" in binary or "[k" in binary:
            seen[first(KERNEL, " ".join(symbol for _, symbol, _ in stack))] += 1
        else:
            seen[first(LIBRARIES, binary) or "the rest"] += 1
    return cpu_us, {layer: n / seen.total() for layer, n in seen.items()}


def table(bench, edge, rpcs):
    """A table in Markdown: a column an RPC, {name: Rpc}."""
    found = {name: layers_of(bench, bench.svcd(edge), rpc) for name, rpc in rpcs.items()}
    layers = sorted({layer for _, parts in found.values() for layer in parts}, key=lambda layer: -max(
        cpu_us * parts.get(layer, 0) for cpu_us, parts in found.values()))
    lines = [["µs of CPU an RPC", *found], [":--", *["--:"] * len(found)],
             ["all", *(f"{cpu_us:.2f}" for cpu_us, _ in found.values())]]
    lines += [[layer, *(f"{cpu_us * parts.get(layer, 0):.2f}" for cpu_us, parts in found.values())] for layer in layers]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
