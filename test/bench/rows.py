# SPDX-License-Identifier: MIT
"""The table of rows: what is measured, how, against what, and the bounds it must keep. A new row is one entry here."""

from dataclasses import dataclass, field
from typing import Callable

import rpcs
from jams import beside_jams
from jobs import suggest_workshops, update_models
from keys import idempotent_write
from logins import hashed_per_s, reads_under_logins
from matching import contention, new_match
from own_edge import accounts, beside_attacks, beside_handshakes, compared, idle_connections
from measures import memory, new_connections, one_stream, under_load
from overload import beyond_capacity
from scale import growth
from world import LEGACY_HASH, PASSWORD_HASH

ALL = ("pgbench", "pipelined", "noop")


@dataclass(frozen=True)
class Target:
    what: str             # after the row's name
    number: str           # of what the row's measure returns
    floor: float
    aim: float
    at_most: bool = False  # floor and aim are upper bounds
    unit: str = ""

    def verdict(self, value):
        def within(bound):
            return value <= bound if self.at_most else value >= bound
        return "aim" if within(self.aim) else "held" if within(self.floor) else "MISSED"


@dataclass(frozen=True)
class Row:
    name: str              # for ROWS=
    title: str
    measure: Callable      # (bench, row) -> numbers by name
    rpcs: tuple = ()       # called in turn; all with the same request bytes
    baselines: tuple = ()
    edge: str = "grpc"     # by which svcd serves: grpc, http
    targets: tuple = ()
    options: dict = field(default_factory=dict)  # of the measure
    note: str = ""         # format string of the row's numbers, for what the table's columns do not show


def http(name, title, measure, rpcs=(), baselines=(), targets=(), note="", edge="http", options=None):
    """A row of our own edge, in a process that does not start the gRPC core."""
    return Row(f"http-{name}", f"{edge}://, {title}", measure, rpcs, baselines, edge, targets, options or {}, note)


def table(world):
    mentee = world.matched_mentee(0)
    profiles = rpcs.account_profiles(world, mentee)
    health = rpcs.health_check(world)
    page = (rpcs.get_notifications(world, mentee), rpcs.get_matching_mentor(world, mentee),
            rpcs.list_appointments(world, mentee), rpcs.try_match_when_matched(world, mentee))
    return (
        Row("point", "point read: AccountProfiles", under_load, (profiles,), ALL, targets=(
            Target("÷ pgbench", "to_pgbench", 0.95, 1.3),
            Target("÷ no-op", "to_noop", 0.60, 0.85),
            Target("system calls an RPC", "syscalls", 4, 1.5, at_most=True))),
        Row("skills", "small list: ListSkills", under_load, (rpcs.list_skills(world),), ALL, targets=(
            Target("÷ pgbench", "to_pgbench", 0.90, 1.15),)),
        Row("notifications", "small list: GetNotifications", under_load, (page[0],), ALL, targets=(
            Target("÷ pgbench", "to_pgbench", 0.90, 1.15),)),
        Row("appointments", "joined list: List5AppointmentsByUserID", under_load, (page[2],), ALL),
        Row("write", "durable write: AddDevFeedback", under_load, (rpcs.add_dev_feedback(world),), ALL, targets=(
            Target("÷ pgbench", "to_pgbench", 0.90, 2.0),)),
        Row("page", "the front end's page, 4 RPCs", under_load, page, ("pgbench", "pipelined")),
        Row("health", "health Check", under_load, (health,), ("noop",), targets=(
            Target("÷ no-op", "to_noop", 0.85, 0.97),)),
        Row("connections", "a new connection for every RPC: Check", new_connections, (health,), targets=(
            Target("÷ no-op", "to_noop", 0.90, 1.0),)),
        Row("latency", "one connection, one stream: AccountProfiles", one_stream, (profiles,), targets=(
            Target("p50 ÷ (pgbench -c1 + no-op)", "to_sum", 1.4, 1.15, at_most=True),),
            note="pgbench -c1 p50 {pgbench_p50_us:.0f} us, no-op p50 {noop_p50_us:.0f} us"),
        Row("logins", "logins, argon2id", hashed_per_s, targets=(
            Target("÷ bare loop", "to_bare", 0.9, 1.4),),
            options={"crypt": PASSWORD_HASH, "settings": ()}, note="bare loop {bare_rps:.1f}/s on one thread"),
        Row("legacy", "logins, bcrypt of cost 12", hashed_per_s, targets=(
            Target("÷ bare loop", "to_bare", 0.9, 0.97),),
            options={"crypt": LEGACY_HASH, "settings": ("password.scheme=bcrypt",)},
            note="bare loop {bare_rps:.1f}/s on one thread"),
        Row("storm", "point read at half load, hash queue full", reads_under_logins, (profiles,), targets=(
            Target("p99 ÷ without logins", "to_without", 2, 1.25, at_most=True),),
            note="p99 without logins {without_us:.0f} us; {logins:.0f} logins a second beside"),
        Row("matched", "TryMatch of a mentee who has a mentor", under_load, (page[3],), ("pgbench", "pipelined"), targets=(
            Target("÷ pgbench", "to_pgbench", 0.90, 1.15),)),
        Row("match", "TryMatch, a new match, p50", new_match, targets=(
            Target("100,000 mentors", "middle_us", 5000, 2500, at_most=True, unit="µs"),
            Target("1,000,000 mentors", "big_us", 10000, 5000, at_most=True, unit="µs"),
            Target("100,000 mentors ÷ 1,000", "growth", 3, 1.5, at_most=True)),
            note="{small_us:.0f} us with 1,000 mentors"),
        Row("contention", "200 TryMatch at once for 20 places", contention, targets=(
            Target("÷ one after another", "to_alone", 1, 2),), note="{alone_rps:.0f}/s one after another"),
        Row("models", "update-models, 10 new ratings", update_models, targets=(
            Target("beside 1,000,000 others ÷ beside 10", "growth", 2, 1.2, at_most=True),),
            note="{small_ms:.1f} ms beside 10 others, {big_ms:.1f} ms beside 1,000,000; "
                 "taking these in took {moved_ms:,.0f} ms"),
        Row("workshops", "suggest-workshops, 100,000 mentees", suggest_workshops, targets=(
            Target("10,000 mentors", "took_ms", 10000, 2000, at_most=True, unit="ms"),), note="{sent:,} notifications"),
        Row("memory", "resident memory", memory, targets=(
            Target("idle", "idle_mb", 40, 20, at_most=True, unit="MB"),
            Target("with 2,000 idle connections", "connected_mb", 150, 80, at_most=True, unit="MB"))),
        http("health", "health Check", under_load, (health,), ("grpc",), (
            Target("CPU µs an RPC", "cpu_us", 5, 3.5, at_most=True),)),
        http("point", "point read: AccountProfiles", under_load, (profiles,), ("pgbench", "grpc"), (
            Target("÷ pgbench", "to_pgbench", 1.7, 2.2),
            Target("CPU µs an RPC", "cpu_us", 10, 7, at_most=True))),
        http("write", "durable write: AddDevFeedback", under_load, (rpcs.add_dev_feedback(world),), ("pgbench", "grpc"), (
            Target("÷ pgbench", "to_pgbench", 2.2, 3),)),
        http("idempotent-write", "durable write with an idempotency-key: AddDevFeedback", idempotent_write, (rpcs.add_dev_feedback(world),), (), (
            Target("p50 of one stream ÷ without", "to_plain_us", 1.2, 1.1, at_most=True),
            Target("saturated ÷ without", "to_plain_rps", 0.6, 0.7)),
            note="without {plain_us:.0f} us and {plain_rps:,.0f}/s, with {p50_us:.0f} us; by a client in Python"),
        *(Row(name, f"{edge}://, 5 times the load that can be done, mixed", beyond_capacity,
              (profiles, page[0], rpcs.add_dev_feedback(world)), edge=edge, targets=(
                  Target("goodput ÷ peak", "to_peak", 0.9, 0.97),
                  Target("p99 from admission on ÷ at the peak", "admitted", 3, 1.5, at_most=True),
                  Target("health, p99", "health_ms", 50, 20, at_most=True, unit="ms"),
                  Target("a call a second later ÷ at the peak", "after", 1, 0.5, at_most=True),
                  Target("resident memory", "resident_mb", memory_mb, memory_mb / 2, at_most=True, unit="MB")),
              note="a byte that a process gives back at once took {echo_ms:.1f} ms meanwhile (p99)")
          for name, edge, memory_mb in (("overload", "grpc", 300), ("http-overload", "http", 80))),
        http("latency", "one connection, one stream: AccountProfiles", one_stream, (profiles,), targets=(
            Target("p50 ÷ (pgbench -c1 + Check)", "to_sum", 1.15, 1.05, at_most=True),),
             options={"nothing": health}, note="pgbench -c1 p50 {pgbench_p50_us:.0f} us, Check's p50 {noop_p50_us:.0f} us"),
        http("connections", "a new connection for every RPC: Check", new_connections, (health,), targets=(
            Target("CPU time beyond a bare server's: of grpc:// ÷ its own", "beyond_bare", 3, 5),
            Target("CPU time ÷ a bare server's", "to_bare", 1.7, 1.3, at_most=True)),
             note="grpc:// {base_us:.0f} us, {cpu_times:.2f} times its own, which a bare server's {bare_us:.0f} us would be {bare_times:.2f} "
             "times; {to_grpc:.2f} as many a second, for the client takes longer than svcd"),
        http("memory", "resident memory", memory, (), targets=(
            Target("idle", "idle_mb", 14, 11, at_most=True, unit="MB"),
            Target("with 2,000 idle connections", "connected_mb", 45, 36, at_most=True, unit="MB"))),
        http("tls", "point read: AccountProfiles", compared, (profiles,), (), (
            Target("÷ http://", "to_http", 0.75, 0.85),),
             edge="https", options={"edge": "http", "rpc": profiles, "name": "http"}, note="http:// {http_rps:,.0f} a second"),
        http("json", "the same by Connect, as JSON", compared, (rpcs.account_profiles_as_json(world, mentee),), (), (
            Target("÷ gRPC", "to_http", 0.7, 0.85),),
             options={"edge": "http", "rpc": profiles, "name": "http"}, note="gRPC {http_rps:,.0f} a second"),
        http("idle", "5,000 idle connections", idle_connections, targets=(
            Target("resident memory more", "plain_mb", 100, 60, at_most=True, unit="MB"),
            Target("resident memory more, by https://", "tls_mb", 200, 150, at_most=True, unit="MB"))),
        http("handshakes", "200 new connections a second beside a good client", beside_handshakes, (health,), (), (
            Target("its p99", "p99_ms", 20, 5, at_most=True, unit="ms"),),
             edge="https", note="{alone_ms:.1f} ms alone; {handshakes:.0f} connections a second"),
        http("attack", "hostile peers beside a good client", beside_attacks, (health,), (), (
            Target("its p99", "p99_ms", 50, 10, at_most=True, unit="ms"),),
             note="{alone_ms:.1f} ms alone; resets {resets:.1f}, unread answers {unread:.1f}, pings {pings:.1f}, settings {settings:.1f}, "
                  "priorities {priorities:.1f}, empty data {empty:.1f}, continuations {continuations:.1f}, half prefaces {halves:.1f}"),
        http("jams", "calls beside stuck ones: locked table or row, slow statement, start beside a lock", beside_jams,
             (profiles, rpcs.list_skills(world), page[1], rpcs.add_dev_feedback(world), rpcs.update_email(world, world.matched_mentee(1))), (), (
                 Target("their p99, of the slowest RPC", "p99_ms", 100, 20, at_most=True, unit="ms"),
                 Target("health, p99", "health_ms", 50, 10, at_most=True, unit="ms")), options={"mentee": mentee},
             note="{alone_ms:.1f} ms with none stuck; table {table:.1f}, row {row:.1f}, slow {slow:.1f}, start {start:.1f}"),
        http("accounts", "metrics and log.calls = failed", accounts, (profiles,), (), (
            Target("CPU time an RPC ÷ without", "to_bare", 1.03, 1.02, at_most=True),), note="{cpu_us:.2f} and {bare_us:.2f} us"),
        Row("scale", "p50 at 1,000,000 accounts ÷ at 1,000", growth, targets=(
            Target("worst of all RPCs", "worst_growth", 2, 1.3, at_most=True),),
            note="{worst}: {small_us:.0f} us at 1,000 accounts, {big_us:.0f} us at 1,000,000"),
    )
