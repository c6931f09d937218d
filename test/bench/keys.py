# SPDX-License-Identifier: MIT
"""What an idempotency-key costs a write: the same calls with a key each and without, in turn.

h2load cannot send another header with each request, so a client of ours makes both loads. It costs some 20 us a call itself; so with
the machine to itself svcd is faster than shown here, with keys and without.
"""

import itertools
import selectors
import statistics
import time

from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, ACK, Connection, header_block, http2_frame, plain_header
from load import CONNECTIONS, STREAMS, frame
from measures import WARM_UP_S, counted, medians
from world import Wrong

CALLS = 500  # one after another, of each kind a round

keys = itertools.count(time.time_ns())


def headers(path, port, with_key):
    block = header_block(path, f"127.0.0.1:{port}")
    return block + plain_header("idempotency-key", f"{next(keys):032d}") if with_key else block


class Loader:
    """Keeps so many streams of some connections busy."""

    def __init__(self, port, rpc, with_key):
        self.port, self.rpc, self.with_key, self.n, self.refused = port, rpc, with_key, 0, 0
        self.data = frame(rpc.request)
        self.connections = [Connection(port) for _ in range(CONNECTIONS)]
        for connection in self.connections:
            connection.wait_until_open()

    def requests(self, connection, n):
        out = []
        for _ in range(n):
            out.append(http2_frame(HEADERS, END_HEADERS, connection.stream, headers(self.rpc.path, self.port, self.with_key))
                       + http2_frame(DATA, END_STREAM, connection.stream, self.data))
            connection.stream += 2
        connection.socket.sendall(b"".join(out))

    def take(self, connection):
        """How many answers have come. A call that fails has no message: its first frame is its last."""
        received, at, ended = connection.received + connection.socket.recv(262144), 0, 0
        while len(received) - at >= 9:
            end = at + 9 + int.from_bytes(received[at:at + 3], "big")
            if end > len(received):
                break
            kind, flags = received[at + 3], received[at + 4]
            self.n += kind == DATA
            ended += kind == HEADERS and flags & END_STREAM
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.socket.sendall(http2_frame(kind, ACK, 0, received[at + 9:end] if kind == PING else b""))
            at = end
        connection.received = received[at:]
        return ended

    def run(self, seconds):
        """Answers a second."""
        with selectors.DefaultSelector() as ready:
            for connection in self.connections:
                ready.register(connection.socket, selectors.EVENT_READ, connection)
                self.requests(connection, STREAMS)
            begun, self.n, ended = time.monotonic(), 0, 0
            while time.monotonic() - begun < seconds:
                for key, _ in ready.select(1):
                    n = self.take(key.data)
                    ended += n
                    self.requests(key.data, n)
            took = time.monotonic() - begun
        for connection in self.connections:
            connection.close()
        if self.n < ended:
            raise Wrong(f"{ended - self.n} of {ended} calls were answered with an error")
        return self.n / took


def p50s_us(port, rpc):
    """Without a key and with one, by turns."""
    connection, took = Connection(port), {False: [], True: []}
    connection.wait_until_open()
    for n in range(2 * CALLS):
        with_key = n % 2 == 1
        block, begun = headers(rpc.path, port, with_key), time.perf_counter_ns()
        connection.call(block, rpc.request)
        took[with_key].append((time.perf_counter_ns() - begun) / 1000)
    connection.close()
    return [statistics.median(took[with_key]) for with_key in (False, True)]


def idempotent_write(bench, row):
    rpc, port = row.rpcs[0], bench.svcd(row.edge).port

    def one_round():
        Loader(port, rpc, True).run(WARM_UP_S)
        before = counted(bench, row.rpcs)[0]
        plain_us, key_us = p50s_us(port, rpc)
        plain, keyed = Loader(port, rpc, False).run(bench.seconds), Loader(port, rpc, True).run(bench.seconds)
        if counted(bench, row.rpcs)[0] - before < 2 * CALLS + (plain + keyed) * bench.seconds * 0.99:
            raise Wrong("more calls were acknowledged than are stored")
        return {"rps": keyed, "p50_us": key_us, "plain_rps": plain, "plain_us": plain_us, "to_plain_us": key_us / plain_us,
                "to_plain_rps": keyed / plain}
    return medians(bench.calm.rounds(bench.runs, one_round))
