#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Carries bytes between whoever connects to 127.0.0.1:PORT and 127.0.0.1:TO, in a process of its own: stopped, it is a network that is
silent. relay.py PORT TO"""

import contextlib
import socket
import sys
import threading


def carry(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve(client, to):
    with client:
        try:
            server = socket.create_connection(("127.0.0.1", to))
        except OSError:
            return  # as if nobody listened
        with server:
            back = threading.Thread(target=carry, args=(server, client), daemon=True)
            back.start()
            carry(client, server)
            back.join()


def main():
    port, to = map(int, sys.argv[1:])
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, to), daemon=True).start()


main()
