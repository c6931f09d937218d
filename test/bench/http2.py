# SPDX-License-Identifier: MIT
"""The least of an HTTP/2 client: connections that idle, and calls one after another with whatever request.

Unlike h2load it can vary the request; unlike grpcio it costs some 30 us a call. It does not decode header blocks:
only a call with status 0 is answered with a message.
"""

import functools
import socket
import ssl
import struct

from load import frame
from world import Wrong

DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 2**31 - 1


@functools.cache
def client_context(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["h2"])
    return context


def http2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload


def plain_header(name, value):
    """HPACK: a literal without indexing, not Huffman-coded."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def header_block(path, authority):
    return b"".join(plain_header(*pair) for pair in (
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority),
        ("content-type", "application/grpc"), ("te", "trailers")))


class Connection:
    def __init__(self, port, certificate=None):
        """With the server's certificate it is one by TLS."""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if certificate:
            self.socket = client_context(certificate).wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.authority = f"127.0.0.1:{port}"
        self.received, self.stream = b"", 1
        window_setting = struct.pack(">HI", 4, WINDOW)
        self.socket.sendall(PREFACE + http2_frame(SETTINGS, 0, 0, window_setting)
                            + http2_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW - 65535)))

    def close(self):
        self.socket.close()

    def next_frame(self):
        """(kind, flags, payload) of the next frame, after answering what has to be answered."""
        while True:
            while len(self.received) < 9 or len(self.received) < 9 + int.from_bytes(self.received[:3], "big"):
                chunk = self.socket.recv(65536)
                if not chunk:
                    raise Wrong("the server closed the connection")
                self.received += chunk
            end = 9 + int.from_bytes(self.received[:3], "big")
            kind, flags, payload = self.received[3], self.received[4], self.received[9:end]
            self.received = self.received[end:]
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.socket.sendall(http2_frame(kind, ACK, 0, payload if kind == PING else b""))
            if kind == GOAWAY:
                raise Wrong("the server sent GOAWAY")
            return kind, flags, payload

    def wait_until_open(self):
        """Until both sides have acknowledged the other's settings."""
        acknowledged = got = False
        while not (acknowledged and got):
            kind, flags, _ = self.next_frame()
            if kind == SETTINGS:
                acknowledged, got = acknowledged or bool(flags & ACK), got or not flags & ACK

    def first_answer(self, headers, request):
        """All bytes of the server up to the end of its answer to a first call."""
        self.socket.sendall(http2_frame(HEADERS, END_HEADERS, 1, headers) + http2_frame(DATA, END_STREAM, 1, frame(request)))
        answer, at, is_over = b"", 0, False
        while not is_over:
            answer += self.socket.recv(65536)
            while len(answer) >= at + 9 and len(answer) >= at + 9 + int.from_bytes(answer[at:at + 3], "big"):
                is_over = answer[at + 3] in (HEADERS, DATA) and bool(answer[at + 4] & END_STREAM)
                at += 9 + int.from_bytes(answer[at:at + 3], "big")
        return answer

    def call(self, headers, request):
        """The reply's bytes; `headers` come from header_block()."""
        self.socket.sendall(http2_frame(HEADERS, END_HEADERS, self.stream, headers)
                            + http2_frame(DATA, END_STREAM, self.stream, frame(request)))
        self.stream += 2
        message = b""
        while True:
            kind, flags, payload = self.next_frame()
            if kind == DATA:
                message += payload
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                break
        if not message:
            raise Wrong("a call was answered with an error")
        return message[5:]
