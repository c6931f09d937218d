# SPDX-License-Identifier: MIT
"""The other side of torture.c: which call is to fail, and which it was."""

import mmap
import os
import random
import struct
import subprocess
import tempfile

from harness import SVCD

LAYOUT = "QQQ40s"
SAMPLE = int(os.environ.get("TORTURE_SAMPLE", "0"))
SEED = int(os.environ.get("TORTURE_SEED", random.randrange(1_000_000)))


class Control:
    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="svcd-torture.")
        self.file.truncate(mmap.PAGESIZE)
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)

    def environment(self):
        return {"TORTURE": self.file.name}

    def read(self):
        n, fail_at, origin, name = struct.unpack_from(LAYOUT, self.memory)
        return n, fail_at, origin, name.rstrip(b"\0").decode()

    def calls(self):
        return self.read()[0]

    def fail(self, nth):
        """The nth call from now on; 0: none."""
        struct.pack_into("Q", self.memory, 8, 0)
        struct.pack_into(LAYOUT, self.memory, 0, 0, nth, 0, b"")

    def what_failed(self):
        """As `connection.c:12 (malloc)`; None: it did not come to that."""
        _, _, origin, name = self.read()
        if not origin:
            return None
        found = subprocess.run(["addr2line", "-e", SVCD, hex(origin - 1)], capture_output=True, text=True).stdout.strip()
        return f"{name} at {found.rsplit('/svcd/')[-1].rsplit('/src/')[-1]}"


def chosen(n):
    """Numbers from 1 to n: all, or a sample, or one."""
    if "TORTURE_ONLY" in os.environ:
        return [int(os.environ["TORTURE_ONLY"])]
    if not SAMPLE or SAMPLE >= n:
        return range(1, n + 1)
    return sorted(random.Random(SEED).sample(range(1, n + 1), SAMPLE))
