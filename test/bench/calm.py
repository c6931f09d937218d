#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Is the machine the benchmark's own? The host of a virtual one may take its cores away for some milliseconds, many times
a second, for minutes; what is measured meanwhile tells of the host.

As a program: spins for a moment on one core and prints which part of the time was taken from it: calm.py CORE
"""

import os
import subprocess
import sys
import time

SPIN_S = 0.1
GAP_S = 0.0002     # between two looks at the clock; longer, and somebody else had the core
CALM = 0.03        # part of the time that may be taken
PATIENCE_S = 600   # in all of a run; after it everything counts, calm or not


def spin():
    taken, begun = 0, time.perf_counter()
    last = begun
    while last - begun < SPIN_S:
        now = time.perf_counter()
        if now - last > GAP_S:
            taken += now - last
        last = now
    return taken / (last - begun)


class Calm:
    """Asked before and after each measurement."""

    def __init__(self, patience_s=PATIENCE_S):
        """0: everything counts from the beginning."""
        self.patience_s, self.waited_s = patience_s, 0

    def taken(self):
        """The part of the time that was taken from the core that lost most, all of them looked at at once."""
        spins = [subprocess.Popen([sys.executable, __file__, str(core)], stdout=subprocess.PIPE, text=True)
                 for core in sorted(os.sched_getaffinity(0))]
        return max(float(process.communicate()[0]) for process in spins)

    def wait(self):
        begun = time.monotonic()
        while self.has_patience() and self.taken() > CALM:
            time.sleep(0.5)
            self.waited_s += time.monotonic() - begun
            begun = time.monotonic()

    def has_patience(self):
        return self.waited_s < self.patience_s

    def rounds(self, n, measure):
        """What n measurements found; one that did not end in calm is made again."""
        found = []
        while len(found) < n:
            self.wait()
            begun = time.monotonic()
            numbers = measure()
            if not self.has_patience() or self.taken() <= CALM:
                found.append(numbers)
            else:
                self.waited_s += time.monotonic() - begun
        return found


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    print(spin())
