# SPDX-License-Identifier: MIT
"""A client of svcd: one channel, one stub a service.

The stubs are made from proto/ by `make examples-python`. In your own project, make them with
    python3 -m grpc_tools.protoc --python_out=. --grpc_python_out=. -Iproto proto/*.proto
"""

import sys
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build/python"))
try:
    import account_pb2_grpc
    import feedback_pb2_grpc
    import health_pb2_grpc
    import matching_pb2_grpc
    import meeting_pb2_grpc
except ImportError as missing:
    sys.exit(f"{missing}: run `make examples-python` first")

DEFAULT_ADDRESS = "127.0.0.1:50051"


class Client:
    """client.account.TryLogin(request, timeout=seconds) and so on. A failed call raises grpc.RpcError."""

    def __init__(self, address=DEFAULT_ADDRESS, options=None):
        self.channel = grpc.insecure_channel(address, options)
        self.account = account_pb2_grpc.AccountServiceStub(self.channel)
        self.matching = matching_pb2_grpc.MatchingServiceStub(self.channel)
        self.meeting = meeting_pb2_grpc.MeetingServiceStub(self.channel)
        self.feedback = feedback_pb2_grpc.FeedbackServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
