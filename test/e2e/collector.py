# SPDX-License-Identifier: MIT
"""A collector of traces: takes OTLP over HTTP and decodes it with OpenTelemetry's own .proto files (test/otlp)."""

import functools
import http.server
import importlib
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness import wait_until

OTLP = Path(__file__).resolve().parents[1] / "otlp"


@functools.cache
def trace_service():
    """The module that protoc makes of them."""
    folder = tempfile.mkdtemp(prefix="svcd-otlp.")
    protos = [str(path.relative_to(OTLP)) for path in OTLP.rglob("*.proto")]
    subprocess.run(["/usr/bin/protoc", f"-I{OTLP}", f"--python_out={folder}", *protos], check=True)
    sys.path.insert(0, folder)
    return importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


def attributes(of):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


def spans_of(body):
    """Those in the body of a post."""
    request = trace_service().ExportTraceServiceRequest.FromString(body)
    return [span for of_resource in request.resource_spans for scope in of_resource.scope_spans for span in scope.spans]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Collector:
    """Listens until stop(). `status` is what it answers, or None: nothing, ever; `answer` what it says with it. With
    `certificate` (a path without .pem and .key) it is reached by https."""

    def __init__(self, port=0, status=200, answer=b"", certificate=None):
        self.status, self.posts, self.spans, self.resources, self.paths = status, 0, [], [], []
        self.bodies, self.answer, self.scheme = [], answer, "https" if certificate else "http"
        self.hold = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                collector.take(self)

            def log_message(self, *arguments):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.port}" if self.scheme == "https" else f"http://127.0.0.1:{self.port}"

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["content-length"]))
        assert handler.headers["content-type"] == "application/x-protobuf", handler.headers
        self.posts += 1
        self.paths.append(handler.path)
        self.bodies.append(body)
        if self.status is None:
            self.hold.wait()
            return
        if self.status == 200:
            self.decode(body)
        handler.send_response(self.status)
        handler.send_header("content-length", str(len(self.answer)))
        handler.end_headers()
        handler.wfile.write(self.answer)

    def decode(self, body):
        request = trace_service().ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            self.resources.append(attributes(of_resource.resource))
            for scope in of_resource.scope_spans:
                assert scope.scope.name == "svcd", scope.scope
        self.spans.extend(spans_of(body))  # all at once, for whoever looks meanwhile

    def calls(self, method):
        """The spans of its calls, each with those below it."""
        spans = list(self.spans)
        return [(span, sorted((other for other in spans if other.parent_span_id == span.span_id),
                              key=lambda other: (other.start_time_unix_nano, other.end_time_unix_nano)))
                for span in spans if span.name.endswith("/" + method)]

    def wait_for(self, method, n=1):
        """As calls(); all spans of a call leave together."""
        wait_until(lambda: len(self.calls(method)) >= n, f"no {n} spans of {method}")
        return self.calls(method)

    def stop(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
