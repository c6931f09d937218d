# SPDX-License-Identifier: MIT
"""HTTP for operators: metrics, probes, status, who may look, and that nothing there can be worn out."""

import base64
import datetime
import http.client
import json
import re
import signal
import socket
import subprocess
import unittest

import account_pb2 as account
import grpc
import svcd_client
from google.protobuf.empty_pb2 import Empty
from harness import PATIENCE_S, ROOT, Daemon, cluster, demo_database, is_serving, psql, run_svcd, temporary_folder, wait_until

SECTIONS = re.compile(r'^(\w+?)(?:\{(.*)\})? (\S+)$')


def get(address, path, verb="GET", headers=None, body=None):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    connection.request(verb, path, body, headers or {})
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer


def samples(text):
    """Of the exposition: name and labels, as they stand, to the value."""
    found = (SECTIONS.match(line) for line in text.splitlines() if not line.startswith("#"))
    return {match[1] + (f"{{{match[2]}}}" if match[2] else ""): float(match[3]) for match in found}


class Administered(Daemon):
    def __init__(self, database, *arguments, **options):
        super().__init__(database, "--set", "admin.listen=127.0.0.1:0", *arguments, **options)
        self.wait_for_log('msg="status page" address=')
        self.admin = next(re.search(r'"status page" address=(\S+)', line)[1] for line in self.log if "status page" in line)

    def metrics(self):
        return samples(get(self.admin, "/metrics").text)


class Admin(unittest.TestCase):
    def start(self, *arguments, **options):
        daemon = Administered(demo_database(), *arguments, **options)
        self.addCleanup(daemon.stop)
        self.client = svcd_client.Client(daemon.address)
        self.addCleanup(self.client.channel.close)
        wait_until(lambda: is_serving(self.client), "not serving")
        return daemon

    def test_the_metrics_are_what_promtool_wants_from_the_first_scrape_on(self):
        daemon = self.start()
        answer = get(daemon.admin, "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        checked = subprocess.run(["promtool", "check", "metrics"], input=answer.text, text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        figures = samples(answer.text)
        for method in re.findall(r"call +/(\S+)/(\S+)", run_svcd("routes").stdout):
            labels = f'grpc_service="{method[0]}",grpc_method="{method[1]}"'
            self.assertTrue(any(name.startswith("grpc_server_started_total") and labels in name for name in figures), method)
        self.assertTrue(any("grpc_server_started_total" in name and 'grpc_method="unknown"' in name for name in figures))
        for prefix in ("svcd_database_", "svcd_loop_lag_seconds", "svcd_hash_", "svcd_throttle_", "svcd_connections", "svcd_job_",
                       "svcd_build_info", "process_"):
            self.assertTrue(any(name.startswith(prefix) for name in figures), prefix)

    def test_calls_are_counted_by_method_and_code(self):
        daemon = self.start()
        before = daemon.metrics()
        for _ in range(3):
            self.client.account.ListSkills(Empty(), timeout=PATIENCE_S)
        with self.assertRaises(grpc.RpcError):
            self.client.channel.unary_unary("/no.Such/Method")(b"", timeout=PATIENCE_S)
        self.assertFalse(self.client.account.TryLogin(account.AuthenticateRequest(username="a", password="b"), timeout=PATIENCE_S).status)
        after = daemon.metrics()
        skills = 'grpc_type="unary",grpc_service="account_package.AccountService",grpc_method="ListSkills"'
        login = skills.replace("ListSkills", "TryLogin")
        unknown = 'grpc_type="unary",grpc_service="unknown",grpc_method="unknown"'

        def grown(name):
            return after[name] - before[name]
        self.assertEqual(grown(f"grpc_server_started_total{{{skills}}}"), 3)
        self.assertEqual(grown(f'grpc_server_handled_total{{{skills},grpc_code="OK"}}'), 3)
        self.assertEqual(grown(f"grpc_server_handling_seconds_count{{{skills}}}"), 3)
        self.assertEqual(grown(f'grpc_server_handling_seconds_bucket{{{skills},le="+Inf"}}'), 3)
        self.assertEqual(grown(f'grpc_server_handled_total{{{unknown},grpc_code="Unimplemented"}}'), 1)
        self.assertEqual(grown('svcd_hash_total{kind="verify"}'), 1)
        self.assertEqual(grown("svcd_throttle_admitted_total"), 1)
        self.assertGreater(grown('svcd_database_statement_seconds_count{statement="list_skills",lane="read"}'), 0)
        self.assertGreater(grown(f'svcd_call_wait_seconds_total{{{login.split(",", 1)[1]},wait="hash"}}'), 0)
        self.assertGreaterEqual(after["svcd_connections"], 1)
        wait_until(lambda: daemon.metrics()['svcd_database_connections{lane="read",state="idle"}'] == 2, "not both are there and idle")

    def test_probes_say_what_health_says(self):
        daemon = self.start()
        self.addCleanup(cluster, "start")
        self.assertEqual((get(daemon.admin, "/livez").status, get(daemon.admin, "/readyz").status), (200, 200))
        cluster("stop")
        wait_until(lambda: get(daemon.admin, "/readyz").status == 503, "the loss is not noticed")
        self.assertEqual(get(daemon.admin, "/livez").status, 200)
        self.assertFalse(json.loads(get(daemon.admin, "/status").text)["ready"])

    def test_the_status_is_json_that_moves(self):
        daemon = self.start()

        def skills():
            status = json.loads(get(daemon.admin, "/status").text)
            return next(method for method in status["methods"] if method["method"] == "ListSkills")
        self.assertEqual(skills()["started"], 0)
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S)
        self.assertEqual((skills()["started"], skills()["ok"], len(skills()["calls"])), (1, 1, 90))
        self.assertGreater(skills()["p50_ms"], 0)
        status = json.loads(get(daemon.admin, "/status").text)
        self.assertTrue(status["ready"])
        jobs = re.findall(r'\{ \.name = "(.*?)"', (ROOT / "src/jobs/table.c").read_text())
        self.assertIn("update-models", jobs)
        self.assertEqual([job["name"] for job in status["jobs"]], jobs)
        self.assertEqual(status["warnings"], [])
        self.assertEqual((status["asks_for_token"], status["callers"], status["callers_refused"]), (False, [], {}))

    def test_the_status_tells_what_became_of_a_job(self):
        database = demo_database()

        def outcome():
            daemon = Administered(database, "--set", "jobs.update_models=0 0 1 1 *")
            self.addCleanup(daemon.stop)

            def known():
                return next(job for job in json.loads(get(daemon.admin, "/status").text)["jobs"] if job["name"] == "update-models")
            wait_until(lambda: known()["outcome"], "it was not run")
            told = known()
            daemon.stop()  # or it would try again
            return told["outcome"], told["failed"] > 0, told["last_ms"] > 0
        psql("SELECT svcd.note_run('update-models', '2001-01-01', '1 s', 'done', 0, NULL); "
             "ALTER TABLE pendingratingfeedback RENAME TO gone", database)
        self.assertEqual(outcome(), ("failed", True, False))
        psql("ALTER TABLE gone RENAME TO pendingratingfeedback", database)
        self.assertEqual(outcome(), ("done", False, True))
        self.assertEqual(outcome(), ("already", False, True))

    def test_a_listener_that_others_reach_without_tls_and_a_token_is_warned_of(self):
        daemon = Administered(demo_database(), listen="http://0.0.0.0:0")
        self.addCleanup(daemon.stop)
        warnings = json.loads(get(daemon.admin, "/status").text)["warnings"]
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], r"^http://0.0.0.0:\d+ can be reached from elsewhere, without TLS and without a token$")

    def test_less_room_for_requests_than_one_of_them_may_take_is_warned_of(self):
        longest = "--set", "server.max_message_bytes=67108864"
        for listen, arguments, n in (("http://127.0.0.1:0", longest, 1), ("grpc://127.0.0.1:0", longest, 0),
                                     ("http://127.0.0.1:0", (*longest, "--set", "server.max_buffered_bytes=268435456"), 0)):
            daemon = Administered(demo_database(), *arguments, listen=listen)
            self.addCleanup(daemon.stop)
            warnings = json.loads(get(daemon.admin, "/status").text)["warnings"]
            self.assertEqual(len(warnings), n, warnings)
            self.assertTrue(all("server.max_buffered_bytes is less than" in warning for warning in warnings), warnings)

    def test_the_page_needs_nothing_from_elsewhere_and_forbids_it(self):
        daemon = self.start()
        answer = get(daemon.admin, "/")
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertNotRegex(answer.text, r"(?:src|href)=.?(?:https?:)?//")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
            self.assertIn(name, answer.headers)

    def test_the_configuration_is_shown_without_its_secrets(self):
        daemon = self.start(env={"POSTGRES_PASSWORD": "sesame"})
        answer = get(daemon.admin, "/config")
        self.assertRegex(answer.text, r"(?m)^database.password = \*+ +# POSTGRES_PASSWORD$")
        self.assertNotIn("sesame", answer.text + get(daemon.admin, "/status").text)

    def test_other_paths_and_verbs_are_refused(self):
        daemon = self.start()
        self.assertEqual(get(daemon.admin, "/nothing").status, 404)
        self.assertEqual(get(daemon.admin, "/../../etc/passwd").status, 404)
        self.assertEqual(get(daemon.admin, "/livez", verb="POST").status, 405)
        self.assertEqual(get(daemon.admin, "/livez?full=1").status, 200)
        head = get(daemon.admin, "/livez", verb="HEAD")
        self.assertEqual((head.status, head.text, head.headers["Content-Length"]), (200, "", "5"))

    def test_a_name_that_leads_here_by_a_trick_shows_nothing(self):
        daemon = self.start()
        self.assertEqual(get(daemon.admin, "/status", headers={"Host": "evil.example:80"}).status, 403)
        self.assertEqual(get(daemon.admin, "/status", headers={"Host": "localhost:80"}).status, 200)

    def test_what_is_no_request_or_too_long_is_refused(self):
        daemon = self.start()
        host, port = daemon.admin.split(":")
        for request, status in ((b"\x16\x03\x01 TLS\r\n\r\n", b""), (b"GET nothing HTTP/1.1\r\n\r\n", b"400"), (b"GET /\r\n\r\n", b"400"),
                                (b"PRI * HTTP/1.1\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nhost: a\r\nX: " + b"y" * 70000, b"431"),
                                (b" \r\n\r\n", b"400")):
            with socket.create_connection((host, int(port)), PATIENCE_S) as peer:
                peer.sendall(request)
                answer = peer.recv(5000)
                self.assertEqual(answer[9:12], status, request[:20])
                if status:
                    self.assert_is_safe({name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): (.*?)\r$", answer.decode())})

    def assert_is_safe(self, headers):
        """Nothing of it may be run, framed or told on; the status page may run what stands in it."""
        found = [headers.get(name) for name in ("x-content-type-options", "x-frame-options", "referrer-policy")]
        self.assertEqual(found, ["nosniff", "DENY", "no-referrer"])
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        self.assertIn("frame-ancestors 'none'", headers["content-security-policy"])

    def test_every_answer_is_safe_in_a_browser_whatever_was_asked(self):
        daemon = self.start()
        host, port = daemon.admin.split(":")
        line = b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n%b\r\n"
        asked = [(line % (path, b"127.0.0.1", b""), status) for path, status in (
            (b"/", 200), (b"/livez", 200), (b"/status?x=1", 200), (b"/../../etc/passwd", 404), (b"/%2e%2e/etc/passwd", 404),
            (b"//status", 404), (b"/status/", 404), (b"/./status", 404), (b"/status%00", 404), (b"/metrics/../config", 404), (b"*", 400),
            (b"/\xff\xfe", 404), (b"/a" * 4000, 404), (b"/src/admin/page.html", 404), (b"/account_package.AccountService/ListSkills", 404))]
        asked += [(line.replace(b"GET", verb) % (b"/status", b"127.0.0.1", b"content-length: 0\r\n"), 405)
                  for verb in (b"POST", b"PUT", b"DELETE", b"TRACE", b"PATCH", b"BREW")]
        asked += [(line % (b"/", b"evil.example", b""), 403), (line.replace(b"host: %b\r\n", b"") % (b"/", b""), 400),
                  (line % (b"/", b"a", b"content-length: 5\r\ntransfer-encoding: chunked\r\n"), 400),
                  (line % (b"/", b"127.0.0.1", b"x: " + b"y" * 70000 + b"\r\n"), 431), (line.replace(b"1.1", b"3.0") % (b"/", b"a", b""), 505)]
        for request, status in asked:
            with self.subTest(request[:60]), socket.create_connection((host, int(port)), PATIENCE_S) as peer:
                peer.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer and (more := peer.recv(65536)):
                    answer += more
                self.assertEqual(answer[9:12], b"%d" % status)
                self.assertNotIn(b"root:x:", answer)
                self.assert_is_safe({name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): (.*?)\r$", answer.decode())})

    def test_a_connection_carries_several_requests_and_http_2_is_spoken_too(self):
        daemon = self.start()
        connection = http.client.HTTPConnection(daemon.admin, timeout=PATIENCE_S)
        for path in ("/status", "/metrics", "/livez", "/nothing"):
            connection.request("GET", path)
            answer = connection.getresponse()
            self.assertTrue(answer.read())
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff", path)
        connection.close()
        done = subprocess.run(["curl", "--silent", "--http2-prior-knowledge", "--write-out", " %{http_code} %{http_version}",
                               f"http://{daemon.admin}/livez"], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.stdout, "live\n 200 2")

    def test_pages_of_other_origins_read_nothing_though_they_may_call(self):
        daemon = self.start("--set", "server.allowed_origins=https://front.example")
        for path in ("/status", "/config", "/metrics"):
            answer = get(daemon.admin, path, headers={"Origin": "https://front.example"})
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        call = get(daemon.admin, "/account_package.AccountService/ListSkills", verb="POST", headers={"Content-Type": "application/json"})
        self.assertEqual(call.status, 404)

    def test_it_answers_while_the_server_is_full_and_while_others_hold_its_own_connections(self):
        daemon = self.start("--set", "server.max_connections=1")
        host, port = daemon.admin.split(":")
        held = [socket.create_connection((host, int(port))) for _ in range(100)]
        self.assertEqual(get(daemon.admin, "/readyz").status, 200)
        for each in held:
            each.close()

    def test_it_answers_while_draining(self):
        daemon = self.start("--set", f"drain.lame_ms={PATIENCE_S * 1000}")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: get(daemon.admin, "/readyz").status == 503, "it says that it is ready")
        self.assertTrue(json.loads(get(daemon.admin, "/status").text)["draining"])
        daemon.signal(signal.SIGTERM)


class ClientsListener(unittest.TestCase):
    """http://, where load balancers may see nothing else."""

    def probe(self, address, path):
        """By HTTP/2 with prior knowledge; the status, and the text."""
        done = subprocess.run(["curl", "--silent", "--http2-prior-knowledge", "--write-out", " %{http_code}", f"http://{address}{path}"],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        return done.stdout.replace("\n", "")

    def test_probes_are_there_and_nothing_else_of_the_operators(self):
        daemon = Daemon(demo_database(), listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        self.addCleanup(cluster, "start")
        wait_until(lambda: self.probe(daemon.address, "/readyz") == "ready 200", "not ready")
        self.assertEqual(self.probe(daemon.address, "/livez"), "live 200")
        for path in ("/metrics", "/status", "/config"):
            self.assertTrue(self.probe(daemon.address, path).endswith(" 404"), path)
        cluster("stop")
        wait_until(lambda: self.probe(daemon.address, "/readyz") == "not ready 503", "the loss is not noticed")
        self.assertEqual(self.probe(daemon.address, "/livez"), "live 200")

    def test_calls_by_it_are_counted_like_all_others_and_its_connections_by_their_end(self):
        daemon = Administered(demo_database(), listen="http://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
            client.account.ListSkills(Empty(), timeout=PATIENCE_S)
            with self.assertRaises(grpc.RpcError):
                client.channel.unary_unary("/no.Such/Method")(b"", timeout=PATIENCE_S)
            figures = daemon.metrics()
        self.assertEqual(figures['grpc_server_handled_total{grpc_type="unary",grpc_service="account_package.AccountService",'
                                 'grpc_method="ListSkills",grpc_code="OK"}'], 1)
        self.assertEqual(figures['grpc_server_handled_total{grpc_type="unary",grpc_service="unknown",grpc_method="unknown",'
                                 'grpc_code="Unimplemented"}'], 1)
        self.assertEqual(figures["svcd_http_connections"], 1)
        wait_until(lambda: daemon.metrics()['svcd_http_closed_total{reason="peer"}'] == 1, "its end is not counted")


class Certificate(unittest.TestCase):
    def test_when_it_expires_is_told_and_what_is_named_in_metrics_is_there_from_the_first_scrape_on(self):
        folder = temporary_folder(self)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        (folder / "tokens").write_text(f"web {'0' * 64} *\n")
        daemon = Administered(demo_database(), "--set", f"tls.certificate={folder}/cert.pem", "--set",
                              f"tls.private_key={folder}/key.pem", "--set", "access.callers=token", "--set",
                              f"access.tokens={folder}/tokens", listen="https://127.0.0.1:0")
        self.addCleanup(daemon.stop)
        text = get(daemon.admin, "/metrics").text
        end = subprocess.run(["openssl", "x509", "-in", f"{folder}/cert.pem", "-noout", "-enddate", "-dateopt", "iso_8601"], check=True,
                             capture_output=True, text=True).stdout.strip().removeprefix("notAfter=")
        expiry = datetime.datetime.strptime(end, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        self.assertEqual(samples(text)["svcd_tls_certificate_expiry_seconds"], expiry.timestamp())
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        table = re.findall(r'X\((\w+), \w+, \w+, "(?!standby)', (ROOT / "src/observe/metrics.h").read_text(encoding="utf-8"))  # there are none
        self.assertEqual([name for name in table if not re.search(rf"(?m)^{name}(_count)?[{{ ]", text)], [])


class Token(unittest.TestCase):
    """admin.token_file"""

    def setUp(self):
        self.file = temporary_folder(self) / "token"
        self.file.write_text("open sesame\n", encoding="ascii")

    def test_pages_need_it_and_probes_do_not(self):
        daemon = Administered(demo_database(), "--set", f"admin.token_file={self.file}")
        self.addCleanup(daemon.stop)

        def basic(text):
            return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
        for path in ("/", "/metrics", "/status", "/config", "/nothing"):
            self.assertEqual(get(daemon.admin, path).status, 401, path)
        self.assertEqual(get(daemon.admin, "/livez").status, 200)
        for headers, status in (({"Authorization": "Bearer open sesame"}, 200), (basic("me:open sesame"), 200),
                                ({"Authorization": "Bearer open"}, 401), ({"Authorization": "Bearer "}, 401),
                                ({"Authorization": "open sesame"}, 401), (basic("open sesame"), 401), (basic("me:open"), 401),
                                (basic("open sesame:"), 401), ({"Authorization": "Basic !"}, 401)):
            self.assertEqual(get(daemon.admin, "/status", headers=headers).status, status, headers)
        self.assertEqual(get(daemon.admin, "/status", headers={"Authorization": "Bearer open sesame", "Host": "svcd.example"}).status, 200)
        self.assertNotIn("sesame", "\n".join(daemon.log))

    def test_an_address_that_others_reach_is_refused_without_it(self):
        done = run_svcd("-t", "--set", "admin.listen=0.0.0.0:50080")
        self.assertEqual(done.returncode, 2)
        self.assertIn("admin.token_file", done.stderr)
        self.assertEqual(run_svcd("-t", "--set", "admin.listen=0.0.0.0:50080", "--set", f"admin.token_file={self.file}").returncode, 0)

    def test_a_file_that_cannot_be_read_or_is_empty_stops_the_start(self):
        self.file.write_text("\n", encoding="ascii")
        for file in (self.file, "/nowhere"):
            done = run_svcd("--set", "server.listen=127.0.0.1:0", "--set", "admin.listen=127.0.0.1:0", "--set", f"admin.token_file={file}")
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"admin.token_file: {file}: ", done.stderr)
            self.assertEqual(run_svcd("--set", "admin.listen=127.0.0.1:0", "--set", f"admin.token_file={file}", "check").returncode, 2)
