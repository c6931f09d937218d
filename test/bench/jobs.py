# SPDX-License-Identifier: MIT
"""How jobs are measured: by the time that svcd itself notes of a run, in worlds of their own, for they change them."""

import statistics

from world import run

RATINGS = 1_000_000


def took_ms(world, job):
    """Runs it by hand."""
    run(world.svcd_binary, "job", job, env=world.environment(), cwd="/")
    return float(world.value("SELECT extract(epoch FROM finished - started) * 1000 FROM svcd.job_run ORDER BY run_id DESC LIMIT 1"))


def queue_ratings(world, n):
    """Of all pairs of areas, as people rate: one to five skills in common, ages 60 years apart at most."""
    world.psql("-c", f"INSERT INTO pendingratingfeedback SELECT p.area1, p.area2, n % 6, n * 7 % 121 - 60, n * 11 % 51 / 10.0 "
                     f"FROM generate_series(1, {n}) n, LATERAL (SELECT 1 + n % 5 AS area1, 6 AS area2) p")


def update_models(bench, _row):
    """Ten new ratings, beside ten others and beside a million: the median of a few runs each, and moving the million."""
    world = bench.filled(1_001)

    def ten_more():
        times = []
        for _ in range(5):
            queue_ratings(world, 10)
            times.append(took_ms(world, "update-models"))
        return statistics.median(times)

    ten_more()
    small = ten_more()
    queue_ratings(world, RATINGS)
    moved = took_ms(world, "update-models")
    world.psql("-c", "VACUUM ANALYZE", user="postgres")
    big = ten_more()
    return {"small_ms": small, "big_ms": big, "moved_ms": moved, "growth": big / small}


def suggest_workshops(bench, _row):
    world = bench.filled(120_000, 10_000, 100_000)
    times = [took_ms(world, "suggest-workshops") for _ in range(bench.runs)]
    sent = int(world.value("SELECT rows FROM svcd.job_run ORDER BY run_id DESC LIMIT 1"))
    return {"took_ms": statistics.median(times), "sent": sent}
