# SPDX-License-Identifier: MIT
"""Connections that svcd closes, because they are idle, old, or it stops: clients as they are lose no call by it."""

import json
import random
import select
import subprocess
import threading
import time

import grpc
from harness import PATIENCE_S, ROOT, Daemon, free_port
from wire import CHECK, DATA, END, HEADERS, WHOLE, Edge, Wire, fields, frame, message

# A call that waits to be sent when its client is told of the end is refused by that client's own library, and begun anew, once: so a
# connection has to last far longer than a client may be busy with others, and few of the calls be at one moment.
CLIENTS, CALLS, PAUSE_MS = 400, 5, 5000
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


def pause(pause_ms):
    time.sleep((pause_ms + random.uniform(-8, 8)) / 1000 if pause_ms else 0)


def in_threads(run):
    """What failed in any of them."""
    failures = []
    threads = [threading.Thread(target=run, args=(failures,)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def by_grpcio(target, pause_ms):
    def run(failures):
        with grpc.insecure_channel(target, options=OPTIONS) as channel:
            check = channel.unary_unary(CHECK)
            for _ in range(CALLS):
                try:
                    check(b"", timeout=PATIENCE_S)
                except grpc.RpcError as error:
                    failures.append(f"{error.code()}: {error.details()}")
                pause(pause_ms)
    return in_threads(run)


def by_grpc_js(target, pause_ms):
    done = subprocess.run(["node", ROOT / "test/slow/pausing.js", target, str(CLIENTS), str(CALLS), str(pause_ms)],
                          capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    told = json.loads(done.stdout)
    assert told["calls"] == CLIENTS * CALLS
    return told["failures"]


def by_socket(address, pause_ms):
    """Reads what has come before it calls, and calls on the connection unless it was told of its end. One who stands still between the two
    for nearly as long as svcd waits for its sign of life, among hundreds of threads, may be late by itself."""
    def run(failures):
        wire, stream = None, 1
        for _ in range(CALLS):
            looked = time.monotonic()
            if wire and (stream > 1 and select.select([wire.socket], [], [], 0)[0]):
                wire.socket.close()
                wire = None
            if not wire:
                wire, stream = Wire(address), 1
            wire.send(wire.request(stream))
            is_late = time.monotonic() - looked > 0.8
            answer = wire.answer(stream)
            if answer.get("grpc-status") != "0":
                wire.socket.close()
                wire = None
                if not is_late:
                    failures.append(str(answer))
            stream += 2
            pause(pause_ms)
    return in_threads(run)


class Idle(Edge):
    arguments = ("--set", f"server.idle_timeout_ms={PAUSE_MS}")

    def test_no_call_is_lost_at_the_moment_of_an_idle_close(self):
        for calls in (by_grpc_js, by_grpcio, by_socket):
            with self.subTest(calls.__name__):
                self.assertEqual(calls(self.daemon.address, PAUSE_MS), [])


class Old(Edge):
    arguments = ("--set", f"server.max_connection_age_ms={2 * PAUSE_MS}")

    def test_no_call_is_lost_at_the_end_of_a_connections_age(self):
        for calls in (by_grpc_js, by_grpcio):
            for pause_ms in (0, PAUSE_MS):
                with self.subTest(calls=calls.__name__, pause_ms=pause_ms):
                    self.assertEqual(calls(self.daemon.address, pause_ms), [])


class Young(Edge):
    arguments = ("--set", "server.max_connection_age_ms=500")

    def test_a_request_that_comes_slowly_is_served_although_its_connection_is_closed_meanwhile(self):
        wire, question = self.wire(), b"\x0a\x00" * 24  # the service whose name is empty, many times over
        wire.send(frame(HEADERS, WHOLE, 1, wire.block(fields())), frame(DATA, 0, 1, message(question)[:5]))
        for at in range(0, len(question), 2):  # for longer than a peer may be that does nothing
            wire.send(frame(DATA, END if at + 2 == len(question) else 0, 1, question[at:at + 2]))
            time.sleep(0.5)
        self.assertEqual(wire.answer(1).get("grpc-status"), "0")
        self.assertIn(wire.ends_with(), (0, None))


class Stopping(Edge):
    def test_no_call_is_lost_while_daemons_stop_in_turn(self):
        ports = [free_port() for _ in range(2)]
        daemons = [Daemon(self.database, listen=f"http://127.0.0.1:{port}") for port in ports]
        self.addCleanup(lambda: [daemon.stop() for daemon in daemons])
        for calls in (by_grpc_js, by_grpcio):
            with self.subTest(calls.__name__):
                is_over = threading.Event()

                def restart():
                    while not is_over.wait(0.2):
                        for i, port in enumerate(ports):
                            daemons[i].stop()
                            daemons[i] = Daemon(self.database, listen=f"http://127.0.0.1:{port}")
                            time.sleep(3)  # longer than clients wait before they try an address again
                restarting = threading.Thread(target=restart)
                restarting.start()
                try:
                    self.assertEqual(calls("ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports), PAUSE_MS), [])
                finally:
                    is_over.set()
                    restarting.join()


class Silent(Edge):
    arguments = ("--set", "server.keepalive_ms=300")

    def test_a_peer_that_gives_no_sign_of_life_is_closed_and_one_that_does_is_not(self):
        alive, dead, closed = self.wire(), self.wire(), threading.Event()

        def wait_for_end():
            while dead.socket.recv(65536):
                pass
            closed.set()
        threading.Thread(target=wait_for_end, daemon=True).start()
        for _ in alive.frames():  # it answers what it is asked
            if closed.is_set():
                break
        self.assert_served(alive, 1)
