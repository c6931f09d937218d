# SPDX-License-Identifier: MIT
"""Traces: what leaves for a collector, of which calls, and that a collector that is away or hangs delays nobody."""

import time
import unittest

import account_pb2 as account
import grpc
import svcd_client
from collector import Collector, attributes, spans_of
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, UNDER_SANITIZER, Held, demo_database, free_port, is_serving, run_svcd, temporary_folder, wait_until
from test_admin import Administered
from wire import make_certificate

GIVES_UP_S = 10  # after which svcd sends what is next
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SKILLS = "/account_package.AccountService/ListSkills"


class Traces(unittest.TestCase):
    def start(self, url, *arguments):
        self.database = demo_database()
        daemon = Administered(self.database, "--set", f"log.otlp={url}", *arguments)
        self.addCleanup(daemon.stop)
        self.client = svcd_client.Client(daemon.address)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving")
        return daemon

    def collector(self, **options):
        collector = Collector(**options)
        self.addCleanup(collector.stop)
        return collector

    def skills(self, *metadata):
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=metadata)

    def test_a_call_is_a_span_and_its_waits_are_spans_below_it(self):
        collector = self.collector()
        before_ns = time.time_ns()
        daemon = self.start(collector.url)
        self.skills(("x-request-id", "page 7/a"), ("traceparent", f"00-{TRACE}-{PARENT}-01"))
        (call, waits), = collector.wait_for("ListSkills")
        self.assertEqual(set(collector.paths), {"/v1/traces"})
        self.assertEqual((call.trace_id.hex(), call.parent_span_id.hex()), (TRACE, PARENT))
        self.assertEqual((call.name, call.kind), (SKILLS[1:], call.SPAN_KIND_SERVER))
        self.assertEqual(call.status.code, 0)
        self.assertEqual(attributes(call), {
            "rpc.system": "grpc", "rpc.service": "account_package.AccountService", "rpc.method": "ListSkills",
            "rpc.grpc.status_code": 0, "svcd.request_id": "page 7/a", "svcd.waits_left_out": 0, "client.address": "127.0.0.1"})
        self.assertEqual([wait.name for wait in waits], ["queue", "database"])
        self.assertEqual([wait.trace_id.hex() for wait in waits], [TRACE, TRACE])
        self.assertEqual(waits[1].kind, call.SPAN_KIND_CLIENT)
        self.assertEqual(attributes(waits[1]), {"db.system.name": "postgresql", "db.operation.name": "list_skills",
                                                "svcd.lane": "read"})
        times = [before_ns, call.start_time_unix_nano, waits[0].start_time_unix_nano, waits[0].end_time_unix_nano,
                 waits[1].end_time_unix_nano, call.end_time_unix_nano, time.time_ns()]
        self.assertEqual(times, sorted(times))
        self.assertEqual(waits[0].end_time_unix_nano, waits[1].start_time_unix_nano)
        self.assertEqual(len({span.span_id for span in collector.spans}), len(collector.spans))
        resource = collector.resources[0]
        self.assertEqual((resource["service.name"], resource["process.pid"]), ("svcd", daemon.process.pid))
        self.assertIn(resource["service.version"], run_svcd("--version").stdout)
        self.assertRegex(resource["service.instance.id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertTrue(resource["host.name"])
        self.assertEqual(daemon.metrics()['svcd_trace_spans_dropped_total{reason="buffer_full"}'], 0)

    def test_the_caller_decides_and_of_the_others_a_share_is_sampled(self):
        collector = self.collector()
        self.start(collector.url + "/own/path", "--set", "log.otlp_sample=0")
        self.skills()
        self.skills(("traceparent", f"00-{TRACE}-{PARENT}-00"))
        self.skills(("traceparent", f"00-{TRACE}-{PARENT}-1"))  # is none
        self.skills(("traceparent", f"00-{TRACE}-{PARENT}-03"))
        collector.wait_for("ListSkills")
        self.client.account.AccountProfiles(account.ProfilesRequest(userid=1001), timeout=PATIENCE_S,
                                            metadata=(("traceparent", f"cc-{TRACE}-{PARENT}-01-later"),))
        collector.wait_for("AccountProfiles")
        self.assertEqual(len(collector.calls("ListSkills")), 1)
        self.assertEqual(set(collector.paths), {"/own/path"})

    def test_a_trace_of_its_own_is_named_in_the_log_too(self):
        collector = self.collector()
        daemon = self.start(collector.url + "/", "--set", "log.calls=all")
        self.skills()
        self.skills()
        first, second = (call for call, _ in collector.wait_for("ListSkills", 2))
        self.assertEqual((first.parent_span_id, second.parent_span_id), (b"", b""))
        self.assertNotEqual(first.trace_id, second.trace_id)
        for call in (first, second):
            daemon.wait_for_log(f"method={SKILLS} .*trace_id={call.trace_id.hex()}")

    def test_a_call_that_is_not_sampled_keeps_its_callers_trace_in_the_log(self):
        collector = self.collector()
        daemon = self.start(collector.url, "--set", "log.calls=all")
        self.skills(("traceparent", f"00-{TRACE}-{PARENT}-00"))
        daemon.wait_for_log(f"method={SKILLS} .*trace_id={TRACE}")

    def test_a_login_has_a_span_of_its_hash(self):
        collector = self.collector()
        self.start(collector.url, "--set", "password.failure_floor_ms=0")
        self.client.account.TryLogin(account.AuthenticateRequest(username="demo-mentee@example.com", password="demo"),
                                     timeout=PATIENCE_S)
        (call, waits), = collector.wait_for("TryLogin")
        self.assertIn("hash", [wait.name for wait in waits])
        for wait in waits:
            self.assertGreaterEqual(wait.start_time_unix_nano, call.start_time_unix_nano)
            self.assertLessEqual(wait.end_time_unix_nano, call.end_time_unix_nano)

    def test_a_call_that_ends_while_it_waits_shows_for_what(self):
        collector = self.collector()
        self.start(collector.url)
        held = Held("LOCK TABLE skill IN ACCESS EXCLUSIVE MODE", self.database)
        self.addCleanup(held.let_go)
        with self.assertRaises(grpc.RpcError):
            self.client.account.ListSkills(Empty(), timeout=1.5)  # before the lock is given up
        (call, waits), = collector.wait_for("ListSkills")
        self.assertEqual([wait.name for wait in waits], ["queue", "database"])
        self.assertEqual(waits[1].status.code, waits[1].status.STATUS_CODE_ERROR)
        self.assertGreater(waits[1].end_time_unix_nano, waits[1].start_time_unix_nano)
        self.assertLessEqual(waits[1].start_time_unix_nano, call.end_time_unix_nano)

    def test_while_the_collector_is_away_calls_are_served_and_their_spans_kept(self):
        port = free_port()
        daemon = self.start(f"http://localhost:{port}")
        self.skills()
        daemon.wait_for_log('level=warn msg="traces cannot be sent" collector=http://localhost:')
        self.skills()
        collector = self.collector(port=port)
        self.assertEqual(len(collector.wait_for("ListSkills", 2)), 2)
        daemon.wait_for_log('level=info msg="traces are sent again"')
        self.assertEqual(sum("traces cannot be sent" in line for line in daemon.log), 1)

    def test_a_collector_that_hangs_delays_nobody_and_what_finds_no_room_is_counted(self):
        collector = self.collector(status=None)
        begun = time.monotonic()
        daemon = self.start(collector.url)
        rpc = self.client.account.ListSkills
        wait_until(lambda: [rpc.future(Empty(), timeout=PATIENCE_S) for _ in range(500)][-1].result() is not None and
                   daemon.metrics()['svcd_trace_spans_dropped_total{reason="buffer_full"}'] > 0, "all spans find room")
        self.assertLessEqual(collector.posts, 1 + (time.monotonic() - begun) // GIVES_UP_S)
        self.assertGreaterEqual(collector.posts, 1)
        self.assertLess(daemon.resident_bytes(), (1000 if UNDER_SANITIZER else 100) << 20)

    def test_what_is_refused_is_not_sent_again_and_what_comes_too_early_is(self):
        collector = self.collector(status=400)
        daemon = self.start(collector.url)
        self.skills()
        daemon.wait_for_log('msg="traces cannot be sent".* reason="HTTP status 400"')

        def all_are_dropped():  # those of the call among them
            names = [span.name for body in list(collector.bodies) for span in spans_of(body)]
            return SKILLS[1:] in names and daemon.metrics()['svcd_trace_spans_dropped_total{reason="refused"}'] == len(names)
        wait_until(all_are_dropped, "not all is dropped")
        collector.status = 503
        posts = collector.posts
        self.client.account.AccountProfiles(account.ProfilesRequest(userid=1001), timeout=PATIENCE_S)
        wait_until(lambda: collector.posts > posts, "nothing is sent")
        collector.status = 200
        collector.wait_for("AccountProfiles")
        self.assertEqual(collector.calls("ListSkills"), [])
        wait_until(lambda: daemon.metrics()["svcd_trace_spans_sent_total"] >= 3, "nothing is counted")

    def test_a_collector_of_a_private_authority_is_believed_by_its_file_and_no_other(self):
        folder = temporary_folder(self)
        make_certificate(folder, "localhost")
        collector = self.collector(certificate=folder / "localhost")
        daemon = self.start(collector.url)
        self.skills()
        daemon.wait_for_log('msg="traces cannot be sent" collector=https://localhost:.* reason=.*certificate')
        self.assertEqual(collector.posts, 0)
        daemon = self.start(collector.url, "--set", f"log.otlp_ca={folder}/localhost.pem")
        self.skills()
        collector.wait_for("ListSkills")
        self.assertNotIn("cannot be sent", "\n".join(daemon.log))

    def test_what_a_collector_takes_only_in_part_is_counted_and_told_once(self):
        why = b"no room for \x1b[31m\nthese"
        partly = b"\x08\x02\x12" + bytes([len(why)]) + why + b"\x18\x01"  # and a field that nobody knows
        collector = self.collector(answer=b"\x10\x05\x0a" + bytes([len(partly)]) + partly)
        daemon = self.start(collector.url)
        self.skills()
        collector.wait_for("ListSkills")
        daemon.wait_for_log('msg="the collector does not take traces as they are" .*rejected=2 reason="no room for .x1b.31m.nthese"')
        for n in range(2, 4):
            self.skills()
            collector.wait_for("ListSkills", n)
        wait_until(lambda: daemon.metrics()['svcd_trace_spans_dropped_total{reason="refused"}'] >= 4, "not counted")
        self.assertEqual(sum("as they are" in line for line in daemon.log), 1)
        sent = daemon.metrics()["svcd_trace_spans_sent_total"]
        for answer in (b"not protobuf at all", b"\x0a\xff", b"\x0a\x03\x08\xff\xff", b"\x0a\x02\x12\x40", b"{}", b"", b"x" * 5000,
                       b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x01", b"\x0a\x0b\x08" + b"\xff" * 8 + b"\x7f\x00"):
            collector.answer, posts = answer, len(collector.calls("ListSkills"))
            self.skills()
            collector.wait_for("ListSkills", posts + 1)
        wait_until(lambda: daemon.metrics()["svcd_trace_spans_sent_total"] > sent, "not counted")

    def test_a_stop_sends_what_waits(self):
        collector = self.collector()
        daemon = self.start(collector.url)
        collector.wait_for("Check")
        for _ in range(3):
            self.skills()
        self.client.channel.close()
        daemon.stop()
        self.assertEqual(len(collector.calls("ListSkills")), 3)

    def test_a_stop_does_not_wait_for_a_collector_that_hangs(self):
        collector = self.collector(status=None)
        daemon = self.start(collector.url)
        self.skills()
        wait_until(lambda: collector.posts > 0, "nothing is sent")
        self.client.channel.close()
        daemon.stop()

    def test_a_name_that_nobody_knows_is_told_like_a_collector_that_is_away(self):
        daemon = self.start("https://collector.invalid:4318")
        self.skills()
        daemon.wait_for_log('msg="traces cannot be sent" collector=https://collector.invalid:4318/v1/traces reason=')
        self.skills()

    def test_what_is_no_url_of_a_collector_is_told(self):
        for url in ("ftp://a", "collector:4317", "http://", "http://user:secret@host", "http://a b", "http://a:99999", "http://a:0",
                    "http://a:x", "http://:4318", "http://[::1", "http://[::1]4318"):
            checked = run_svcd("--set", f"log.otlp={url}", "check")
            self.assertEqual(checked.returncode, 2, url)
            self.assertIn("log.otlp", checked.stderr)
        for url in ("http://a:65535", "https://[::1]:4318/v1/traces", "http://[::1]", "http://a/x@y:z?k=v@w:x"):
            self.assertEqual(run_svcd("--set", f"log.otlp={url}", "check").returncode, 0, url)
        for share in ("1.1", "-1", "2", "", ".5", "1e-1", "0x1", "0,5", "1."):
            self.assertEqual(run_svcd("--set", f"log.otlp_sample={share}", "check").returncode, 2, share)
        for share in ("0", "1", "0.05", "1.0", "0.000001"):
            self.assertEqual(run_svcd("--set", f"log.otlp_sample={share}", "check").returncode, 0, share)
