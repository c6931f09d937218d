# SPDX-License-Identifier: MIT
"""How matching is measured: does a new match cost more where there are more mentors, and what if all want the same few places?"""

import time
from contextlib import ExitStack

from http2 import Connection
from measures import medians
from rpcs import MATCHING, matching_pb2
from scale import CALLS, p50_of
from servers import PATIENCE_S, Svcd
from world import Wrong

TRY_MATCH = MATCHING + "TryMatch"
MENTEES = 10_000
AT_ONCE = 200


def request(world, n):
    return matching_pb2.MenteeToMentorMatchingRequest(menteeUserId=world.unmatched_mentee(n))


def new_match(bench, _row):
    """p50 of a match of an unmatched mentee, one at a time, with 1,000, 100,000 and 1,000,000 mentors in turn."""
    with ExitStack() as stack:
        worlds = {}
        for mentors in (1_000, 100_000, 1_000_000):
            world = bench.filled(mentors + MENTEES, mentors, MENTEES)
            worlds[world] = Connection(stack.enter_context(Svcd(world, bench.folder / f"{world.database}.log")).port)
        small, middle, big = p50_of(worlds, TRY_MATCH, CALLS, matching_pb2.MenteeToMentorMatchingReply, "status", request)
    return {"small_us": small, "middle_us": middle, "big_us": big, "growth": middle / small}


def contention(bench, _row):
    """Matches a second of so many mentees at once for a tenth as many places ÷ those of the same one after another."""
    world = bench.filled(2_000, AT_ONCE // 25, 2 * AT_ONCE)
    places = 5 * world.mentors - world.matched
    requests = [request(world, n).SerializeToString() for n in range(AT_ONCE)]

    def per_s(call_all):
        world.psql("-c", f"DELETE FROM assignment WHERE assignmentid > {world.matched}")
        begun = time.perf_counter()
        replies = call_all()
        per_s = AT_ONCE / (time.perf_counter() - begun)
        matched = sum(matching_pb2.MenteeToMentorMatchingReply.FromString(reply).status for reply in replies)
        stored = int(world.value("SELECT count(*) FROM assignment")) - world.matched
        most = int(world.value("SELECT max(n) FROM (SELECT count(*) AS n FROM assignment GROUP BY mentorid) a"))
        if not 0 < matched == stored <= places or most > 5:
            raise Wrong(f"{AT_ONCE} mentees for {places} places: {matched} matched, {stored} stored, {most} with one mentor")
        return per_s

    with Svcd(world, bench.folder / "contention.log") as svcd:
        method = svcd.channel.unary_unary(TRY_MATCH)
        one_by_one = lambda: [method(message, timeout=PATIENCE_S) for message in requests]  # noqa: E731
        at_once = lambda: [future.result() for future in [method.future(message, timeout=PATIENCE_S) for message in requests]]  # noqa: E731
        per_s(one_by_one)

        def one_round():
            alone, together = per_s(one_by_one), per_s(at_once)
            return {"rps": together, "alone_rps": alone, "to_alone": together / alone}
        return medians(bench.calm.rounds(bench.runs, one_round))
