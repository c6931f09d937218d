# SPDX-License-Identifier: MIT
"""Reload: SIGHUP takes over what may change while svcd runs, all of it or nothing."""

import contextlib
import http.client
import re
import signal
import socket
import ssl
import threading
import time
import unittest

import account_pb2 as account
import grpc
import health_pb2 as health
import svcd_client
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from harness import (PATIENCE_S, SERVER, UNDER_SANITIZER, Daemon, demo_database, free_port, is_listening, psql, run_svcd, temporary_folder,
                     wait_until)
from test_access import make_token
from wire import MAGIC, SETTINGS, Wire, frame, make_certificate

MENTEE = "demo-mentee@example.com"


def put(file, text):
    """At once: a reload under way reads the old text or the new one."""
    new = file.with_name(file.name + ".new")
    new.write_text(text)
    new.replace(file)


def ports(n):
    """Free ones."""
    return [free_port() for _ in range(n)]


class Case(unittest.TestCase):
    def start(self, listen="grpc://127.0.0.1:0,http://127.0.0.1:0", arguments=(), env=None, **sections):
        self.folder = temporary_folder(self)
        self.database = demo_database()
        self.reloads = 0
        self.write(**sections)
        self.daemon = Daemon(self.database, "--config", str(self.folder / "svcd.conf"), "--set", "admin.listen=127.0.0.1:0",
                             *arguments, listen=listen, env=env)
        self.addCleanup(self.daemon.stop)
        self.daemon.wait_for_log("database available")
        self.daemon.wait_for_log("status page")
        self.admin = next(re.search(r"status page.? address=(\S+)", line)[1] for line in self.daemon.log if "status page" in line)
        self.client = svcd_client.Client(self.daemon.address)
        self.addCleanup(self.client.channel.close)

    def write(self, text=None, **sections):
        lines = [text] if text is not None else []
        for section, keys in sections.items():
            lines += [f"[{section}]"] + [f"{name} = {value}" for name, value in keys.items()]
        put(self.folder / "svcd.conf", "\n".join(lines) + "\n")

    def reload(self, **sections):
        if sections:
            self.write(**sections)
        self.reloads += 1
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_log("msg=.configuration reloaded", self.reloads)

    def refuse(self, says, *arguments, **sections):
        self.write(*arguments, **sections)
        refused = sum("all stays as it was" in line for line in self.daemon.log)
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_log("all stays as it was", refused + 1)
        self.daemon.wait_for_log(says)

    def get(self, path, address=None):
        host, port = (address or self.admin).split(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def effective(self, key):
        return re.search(rf"(?m)^{key} = (.*?) *# (.*)$", self.get("/config")).groups()

    def metric(self, name):
        return float(re.search(rf"(?m)^{re.escape(name)} (\S+)$", self.get("/metrics"))[1])

    def list_skills(self):
        return self.client.account.ListSkills(Empty(), timeout=PATIENCE_S)

class Reload(Case):
    def test_the_log_changes_its_level_its_form_and_which_calls_it_tells(self):
        self.start(log={"calls": "none"})
        self.list_skills()
        self.reload(log={"calls": "all"})
        self.assertEqual(sum("msg=listening" in line for line in self.daemon.log), 2)
        self.list_skills()
        self.daemon.wait_for_log("msg=call method=/account_package.AccountService/ListSkills")
        self.assertEqual(sum("msg=call method=/account" in line for line in self.daemon.log), 1)
        self.write(log={"format": "json", "level": "debug"})
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_log('"msg":"configuration reloaded"')
        self.assertEqual(self.effective("log.level")[0], "debug")

    def test_a_mistake_keeps_everything_and_is_told_with_its_line(self):
        self.start(log={"calls": "none"}, throttle={"email_burst": "5"})
        file = self.folder / "svcd.conf"
        self.refuse(rf"{file}:2: .*log.calls = ..al.. is not valid; expected none, failed, slow or all",
                    log={"calls": "al"}, throttle={"email_burst": "7"})
        self.daemon.wait_for_log(f"{file}:2: ")
        self.assertEqual(self.effective("throttle.email_burst")[0], "5")
        self.assertEqual(self.metric("svcd_config_reload_success"), 0)
        file.unlink()
        self.daemon.signal(signal.SIGHUP)
        self.daemon.wait_for_log("all stays as it was", 2)
        self.list_skills()
        before = self.metric("svcd_config_reload_timestamp_seconds")
        self.reload(log={"calls": "none"})
        self.assertEqual(self.metric("svcd_config_reload_success"), 1)
        self.assertGreater(self.metric("svcd_config_reload_timestamp_seconds"), before)

    def test_what_was_set_on_the_command_line_and_in_the_environment_stays(self):
        self.start(arguments=("--set", "log.slow_ms=77"), env={"POSTGRES_USER": SERVER})
        self.reload(log={"slow_ms": "88", "calls": "slow"}, database={"user": "nobody"})
        self.assertEqual(self.effective("log.slow_ms"), ("77", "--set log.slow_ms"))
        self.assertEqual(self.effective("log.calls"), ("slow", f"{self.folder}/svcd.conf:3"))
        self.assertEqual(self.effective("database.user"), (SERVER, "POSTGRES_USER"))

    def test_a_key_that_needs_a_restart_is_named_and_stays(self):
        self.start(server={"grpc_idle_timeout_ms": "600000"})
        self.reload(server={"grpc_idle_timeout_ms": "700000", "max_connections": "50", "reuse_port": "yes"}, database={"target": "any"})
        for key in ("server.grpc_idle_timeout_ms", "server.reuse_port", "database.target"):
            self.daemon.wait_for_log(f'msg="configuration changed, which takes a restart" key={key}')
        self.assertEqual(self.effective("server.grpc_idle_timeout_ms")[0], "600000")
        self.assertEqual(self.effective("server.max_connections")[0], "50")
        self.assertEqual(self.metric("svcd_connections_max"), 50)

    def skills_of(self, client, filler_len):
        """Its answer to a request that is padded to this many bytes, by a field that nobody knows."""
        padded = Empty.FromString(b"\x0a" + bytes([filler_len & 0x7f | 0x80, filler_len >> 7]) + b"x" * filler_len)
        return client.account.ListSkills(padded, timeout=PATIENCE_S)

    def test_limits_of_messages_and_calls_hold_for_connections_made_from_then_on(self):
        self.start(server={"max_message_bytes": "5000", "max_concurrent_streams": "100"})
        old = svcd_client.Client(self.daemon.addresses()[1])
        self.skills_of(old, 4900)
        self.reload(server={"max_message_bytes": "2000", "max_concurrent_streams": "1"})
        for key in ("max_message_bytes", "max_concurrent_streams"):
            self.daemon.wait_for_log(f'msg="configuration changed, which takes a restart for grpc://" key=server.{key}')
        self.assertEqual(self.effective("server.max_message_bytes")[0], "2000")
        self.skills_of(old, 4900)
        options = [("grpc.use_local_subchannel_pool", 1)]
        with contextlib.closing(grpc.insecure_channel(self.daemon.addresses()[1], options)) as channel:
            rpc = channel.unary_unary("/account_package.AccountService/ListSkills")
            self.assertTrue(rpc(b"", timeout=PATIENCE_S))
            with self.assertRaises(grpc.RpcError) as caught:
                rpc(b"\x0a\xc4\x13" + b"x" * 2500, timeout=PATIENCE_S)
            self.assertEqual(caught.exception.code(), StatusCode.RESOURCE_EXHAUSTED)
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
            next(watch)
            waits = rpc.future(b"", timeout=PATIENCE_S)
            self.assertFalse(waits.done())
            watch.cancel()
            self.assertTrue(waits.result())
        self.reload(server={"max_message_bytes": "9000"})
        with contextlib.closing(grpc.insecure_channel(self.daemon.addresses()[1], options)) as channel:
            self.assertTrue(channel.unary_unary("/account_package.AccountService/ListSkills")(b"\x0a\xc4\x13" + b"x" * 2500, timeout=PATIENCE_S))
        old.channel.close()

    def test_new_hashes_are_made_as_configured_and_old_ones_renewed(self):
        self.start(password={"scheme": "bcrypt", "bcrypt_cost": "10", "failure_floor_ms": "0"})

        def register(name):
            request = account.RegistrationRequest(name=name, email=f"{name}@example.com", password="correct horse", businessAreaId=int(psql("SELECT min(businessSectorId) FROM BusinessSector", self.database)[0][0]))
            request.dateOfBirth.FromJsonString("1990-01-01T00:00:00Z")
            id_ = self.client.account.RegisterUser(request, timeout=PATIENCE_S).accountId
            return psql(f"SELECT convert_from(passwordHash, 'UTF8') FROM Account WHERE accountId = {id_}", self.database)[0][0]
        self.assertTrue(register("first").startswith("$2b$10$"))
        self.reload(password={"scheme": "argon2id", "argon2_passes": "3", "failure_floor_ms": "0"})
        self.assertRegex(register("second"), r"^\$argon2id\$.*t=3")
        self.assertTrue(self.client.account.TryLogin(account.AuthenticateRequest(username="first@example.com", password="correct horse"),
                                                     timeout=PATIENCE_S).status)
        wait_until(lambda: psql("SELECT convert_from(passwordHash, 'UTF8') FROM Account WHERE email = 'first@example.com'",
                                self.database)[0][0].startswith("$argon2id$"), "the old hash is not renewed")

    def test_the_throttle_has_its_new_limits_at_once(self):
        self.start(throttle={"email_burst": "100", "address_burst": "100"}, password={"failure_floor_ms": "0"})
        def fail():
            return self.client.account.TryLogin(account.AuthenticateRequest(username=MENTEE, password="wrong one"), timeout=PATIENCE_S)
        self.assertFalse(fail().status)
        self.assertFalse(fail().status)
        self.reload(throttle={"email_burst": "1", "address_burst": "1", "stranger_burst": "1", "email_per_minute": "1",
                              "address_per_minute": "1"}, password={"failure_floor_ms": "0"})
        with self.assertRaises(grpc.RpcError) as caught:
            fail()
        self.assertEqual(caught.exception.code(), StatusCode.RESOURCE_EXHAUSTED)
        self.reload(throttle={"email_burst": "100", "address_burst": "100"}, password={"failure_floor_ms": "0"})
        self.assertFalse(fail().status)

    def backends(self, lane):
        return int(psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                        f"application_name LIKE '{lane} svcd%'", self.database)[0][0])

    def test_pools_grow_and_shrink_and_grow_again_while_calls_run(self):
        self.start(database={"read_connections": "2"})
        stop, errors, done = threading.Event(), [], []

        def call():
            while not stop.is_set():
                try:
                    self.list_skills()
                    done.append(1)
                except grpc.RpcError as error:
                    errors.append(error)
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for n in (5, 1, 3, 64, 2):
                self.reload(database={"read_connections": str(n)})
                wait_until(lambda n=n: self.backends("read") == n, f"not {n} connections for reads")
                self.assertEqual(self.effective("database.read_connections")[0], str(n))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual((errors, len(done) > 0), ([], True))

    def test_jobs_are_enabled_and_disabled(self):
        self.start(jobs={"update_models_enabled": "no", "suggest_workshops_enabled": "no"})
        self.assertNotIn('svcd_job_running{job_name="update-models"}', self.get("/metrics"))
        self.reload(jobs={"suggest_workshops_enabled": "no"})
        wait_until(lambda: self.metric('svcd_job_last_run_timestamp_seconds{job_name="update-models"}') > 0,
                   "the job does not look what it has missed")
        self.reload(jobs={"update_models_enabled": "no", "suggest_workshops": "1 2 3 4 *"})
        self.assertNotIn('svcd_job_running{job_name="update-models"}', self.get("/metrics"))
        self.assertIn('svcd_job_running{job_name="suggest-workshops"}', self.get("/metrics"))

    def test_listeners_are_added_kept_and_removed(self):
        kept, gone, added = ports(3)
        self.start(listen=None, server={"listen": f"127.0.0.1:{kept}, http://127.0.0.1:{gone}"})
        self.daemon.wait_for_log("listening address=", 2)
        silent, later = socket.create_connection(("127.0.0.1", gone), PATIENCE_S), Wire(f"127.0.0.1:{gone}", begin=False)
        idle = Wire(f"127.0.0.1:{gone}")
        for connection in silent, later.socket, idle.socket:
            self.addCleanup(connection.close)
        left = socket.create_connection(("127.0.0.1", gone), PATIENCE_S)  # the last: it is answered, so all have been accepted
        left.settimeout(PATIENCE_S)
        self.addCleanup(left.close)
        left.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertIn(b"live", left.recv(1000))
        path = self.folder / "socket"
        self.reload(server={"listen": f"127.0.0.1:{kept}, http://127.0.0.1:{added}, unix:{path}"})
        self.assertEqual([is_listening(f"127.0.0.1:{port}") for port in (kept, gone, added)], [True, False, True])
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        self.daemon.wait_for_log(f"msg=.listening no more. address=127.0.0.1:{gone}")
        self.assertEqual(left.recv(1000), b"")
        self.assertEqual(idle.ends_with(), 0)
        silent.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")  # who has said nothing yet is told with the first answer
        self.assertRegex(b"".join(iter(lambda: silent.recv(1000), b"")), b"(?s)connection: close\r\n.*live")
        later.send(MAGIC, frame(SETTINGS, 0, 0), later.request(1))
        self.assertEqual(later.answer(1).get("grpc-status"), "0")
        self.assertIn(later.ends_with(), (0, None))  # None: it was told before the answer's end
        self.list_skills()
        self.assertEqual(self.get("/livez", f"127.0.0.1:{added}"), "live\n")
        self.reload(server={"listen": f"127.0.0.1:{kept}"})
        self.assertFalse(path.exists())

    def test_an_address_that_cannot_be_listened_on_keeps_everything(self):
        first, second, mine = ports(3)
        self.start(listen=None, server={"listen": f"127.0.0.1:{first}, http://127.0.0.1:{second}"})
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.refuse("cannot listen.*address already in use", log={"calls": "all"},
                        server={"listen": f"{self.daemon.address}, http://127.0.0.1:{mine}, http://127.0.0.1:{taken.getsockname()[1]}"})
        self.assertFalse(is_listening(f"127.0.0.1:{mine}"))
        self.assertEqual(self.effective("log.calls")[0], "failed")
        self.list_skills()
        self.refuse(f"cannot listen.*address=0.0.0.0:{second}.*svcd_listens_on=127.0.0.1:{second} do=.restart",
                    server={"listen": f"127.0.0.1:{first}, http://0.0.0.0:{second}"})
        self.list_skills()
        self.refuse("TLS cannot be set up.*file=x", server={"listen": f"https://127.0.0.1:{mine}"},
                    tls={"certificate": "x", "private_key": "x"})
        self.list_skills()

    def test_a_kind_of_listener_that_svcd_began_without_takes_a_restart(self):
        first, second = ports(2)
        for kind, other in (("grpc", "http"), ("http", "grpc")):
            with self.subTest(kind=kind):
                self.start(listen=None, server={"listen": f"{kind}://127.0.0.1:{first}"})
                self.refuse("takes a restart", server={"listen": f"{kind}://127.0.0.1:{first},{other}://127.0.0.1:{second}"},
                            log={"calls": "all"})
                self.assertFalse(is_listening(f"127.0.0.1:{second}"))
                self.assertEqual(self.effective("log.calls")[0], "failed")
                self.list_skills()
                self.daemon.stop()

    def test_no_call_is_lost_by_reloads_under_load(self):
        self.start(log={"calls": "none"})
        addresses = self.daemon.addresses()
        stop, errors, done = threading.Event(), [], []

        def call(address):
            with svcd_client.Client(address) as client:
                while not stop.is_set():
                    try:
                        client.account.ListSkills(Empty(), timeout=PATIENCE_S)
                        done.append(1)
                    except grpc.RpcError as error:
                        errors.append(error)
        threads = [threading.Thread(target=call, args=(address,)) for address in addresses[:2] * 2]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.reload(log={"slow_ms": str(100 + i)}, database={"write_connections": str(1 + i % 3)})
        for _ in range(10):
            self.daemon.signal(signal.SIGHUP)
        reached = len(done)
        wait_until(lambda: len(done) > reached + 10, "no calls after the reloads")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])

    def test_limits_of_our_own_edge_and_allowed_origins_change(self):
        self.start(listen="http://127.0.0.1:0")
        host, port = self.daemon.address.split(":")

        def preflight():
            with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)) as connection:
                connection.request("OPTIONS", "/account_package.AccountService/ListSkills",
                                   headers={"origin": "https://a.example.org", "access-control-request-method": "POST"})
                return connection.getresponse().status
        self.assertEqual(preflight(), 403)
        self.reload(server={"allowed_origins": "https://a.example.org", "explorer": "no"})
        self.assertEqual(preflight(), 204)
        self.assertNotIn("<html", self.get("/", self.daemon.address))


class Tls(Case):
    def certificate(self, name):
        make_certificate(self.folder, name)
        return {"certificate": f"{self.folder}/{name}.pem", "private_key": f"{self.folder}/{name}.key"}

    def shown(self, port, trusted="", client=None):
        """The name in the certificate that is shown there, once a call was answered."""
        context = ssl.create_default_context(cafile=f"{self.folder}/{trusted}.pem") if trusted else ssl._create_unverified_context()
        context.check_hostname = False
        if client:
            context.load_cert_chain(f"{self.folder}/{client}.pem", f"{self.folder}/{client}.key")
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            answer = tls.recv(1000)
            if b" 200 " not in answer:
                raise ConnectionError(answer)
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)) if not trusted else dict(tls.getpeercert()["subject"][0])["commonName"]

    def begin(self):
        self.start(listen=None, server={"listen": f"http://127.0.0.1:{free_port()}"})
        self.port = free_port()
        self.listen = {"listen": f"{self.daemon.addresses()[0]}".join(("http://", f",https://127.0.0.1:{self.port}"))}

    def test_another_certificate_is_shown_from_then_on_and_connections_go_on(self):
        self.begin()
        self.reload(server=self.listen, tls=self.certificate("first"))  # where there was no TLS before
        self.assertEqual(self.shown(self.port, "first"), "first")
        context = ssl.create_default_context(cafile=f"{self.folder}/first.pem")
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as plain, context.wrap_socket(plain) as kept:
            self.reload(server=self.listen, tls=self.certificate("second"))
            self.assertEqual(self.shown(self.port, "second"), "second")
            kept.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            self.assertIn(b" 200 ", kept.recv(1000))
        expiry = self.metric("svcd_tls_certificate_expiry_seconds")
        self.assertGreater(expiry, time.time())
        self.assertEqual(self.effective("tls.certificate")[0], f"{self.folder}/second.pem")

    def test_a_pair_that_does_not_fit_or_cannot_be_read_keeps_everything(self):
        self.begin()
        first, second = self.certificate("first"), self.certificate("second")
        self.reload(server=self.listen, tls=first)
        (self.folder / "junk").write_text("no certificate")
        for tls, says in ((first | {"private_key": second["private_key"]}, "private_key.*second.key"),
                          (second | {"certificate": f"{self.folder}/junk"}, "certificate.*junk"),
                          (second | {"private_key": "/nowhere"}, "private_key.*nowhere"),
                          (second | {"client_auth": "required", "client_ca": "/nowhere"}, "client_ca.*nowhere"),
                          (second | {"ticket_keys": f"{self.folder}/junk"}, "ticket_keys.*junk")):
            self.refuse(f"TLS cannot be set up.*{says}", server=self.listen, tls=tls, log={"calls": "all"})
            self.assertEqual(self.shown(self.port, "first"), "first")
            self.assertEqual((self.effective("log.calls")[0], self.effective("tls.certificate")[0]), ("failed", first["certificate"]))
        self.reload(server={"listen": f"http://{self.daemon.addresses()[0]}"}, tls={"certificate": "/nowhere"})
        self.assertFalse(is_listening(f"127.0.0.1:{self.port}"))
        self.reload(server=self.listen, tls=second)
        self.assertEqual(self.shown(self.port, "second"), "second")

    def test_clients_need_a_certificate_from_then_on(self):
        self.begin()
        mine, friend = self.certificate("first"), self.certificate("friend")
        self.certificate("stranger")
        self.reload(server=self.listen, tls=mine)
        self.shown(self.port, "first")
        asked = mine | {"client_auth": "required", "client_ca": friend["certificate"]}
        self.reload(server=self.listen, tls=asked)
        self.assertEqual(self.shown(self.port, "first", "friend"), "first")
        for client in (None, "stranger"):
            with self.assertRaises(OSError):
                self.shown(self.port, "first", client)
        self.reload(server=self.listen, tls=asked | {"client_names": "somebody"})
        with self.assertRaises(OSError):
            self.shown(self.port, "first", "friend")
        self.reload(server=self.listen, tls=mine)
        self.shown(self.port, "first")

    def test_check_reads_the_files_too(self):
        self.begin()
        first, second = self.certificate("first"), self.certificate("second")
        for tls, status in ((first, 0), (first | {"private_key": second["private_key"]}, 2), (first | {"certificate": "/nowhere"}, 2)):
            self.write(server={"listen": "https://127.0.0.1:0"}, tls=tls)
            done = run_svcd("--config", str(self.folder / "svcd.conf"), "check")
            self.assertEqual((done.returncode, "valid" in done.stdout), (status, status == 0), done.stderr)
            self.assertEqual("TLS cannot be set up" in done.stderr, status != 0)


class StatusPage(Case):
    def status(self, address, headers=None):
        with contextlib.closing(http.client.HTTPConnection(*address.split(":"), timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/status", headers=headers or {})
            return connection.getresponse().status

    def test_it_moves_and_its_token_changes(self):
        token = temporary_folder(self) / "token"
        token.write_text("first one\n")
        first, second = (f"127.0.0.1:{port}" for port in ports(2))
        self.folder = temporary_folder(self)
        self.reloads = 0
        served = {"listen": f"127.0.0.1:{free_port()}"}
        self.write(server=served)
        self.daemon = Daemon(demo_database(), "--config", str(self.folder / "svcd.conf"), listen=None)
        self.addCleanup(self.daemon.stop)
        self.reload(server=served, admin={"listen": first})
        self.assertEqual(self.status(first), 200)
        self.reload(server=served, admin={"listen": second, "token_file": token})
        self.assertFalse(is_listening(first))
        self.assertEqual([self.status(second, headers) for headers in ({}, {"authorization": "Bearer first one"})], [401, 200])
        token.write_text("second one\n")
        self.reload()
        self.assertEqual([self.status(second, {"authorization": f"Bearer {text}"}) for text in ("first one", "second one")], [401, 200])
        token.write_text("\n")
        self.refuse("admin.token_file: .*the first line is empty", server=served, admin={"listen": first, "token_file": token})
        self.assertEqual(self.status(second, {"authorization": "Bearer second one"}), 200)
        token.write_text("third one\n")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refuse("cannot listen", server=served, admin={"listen": f"127.0.0.1:{port}", "token_file": token})
            self.refuse("cannot listen", admin={"listen": first}, server={"listen": f"127.0.0.1:{port}"})
        self.assertEqual((is_listening(first), self.status(second, {"authorization": "Bearer second one"})), (False, 200))
        self.reload(server=served, admin={"listen": ""})
        self.assertFalse(is_listening(second))


class UnderLoad(Case):
    def test_a_hundred_reloads_lose_no_call_and_leave_nothing(self):
        callers = temporary_folder(self) / "callers"
        (secret, hash_), kept, page = make_token(), *ports(2)
        added = ports(3)

        def sections(i):
            put(callers, "".join(f"other-{n} {make_token()[1]} *\n" for n in range(i % 7)) +
                f"web {hash_} {'*' if i % 2 else 'account_package.AccountService,grpc.health.v1.Health'} rate=1000000\n")
            listen = [f"http://127.0.0.1:{kept}"] + [f"http://127.0.0.1:{port}" for port in added[:i % 4]]
            return {"server": {"listen": ", ".join(listen), "max_message_bytes": str(20000 + i), "max_concurrent_streams": str(100 + i % 5),
                               "idle_timeout_ms": str(60000 + i), "max_connections": str(200 + i)},
                    "access": {"callers": "token", "tokens": str(callers)}, "log": {"calls": "none" if i % 3 else "failed"},
                    "throttle": {"email_burst": str(5 + i % 9)}, "database": {"read_connections": str(1 + i % 4)},
                    "jobs": {"update_models": f"{i % 60} * * * *"}, "admin": {"listen": f"127.0.0.1:{page}"}}
        self.folder = temporary_folder(self)
        self.database = demo_database()
        self.reloads = 0
        self.write(**sections(0))
        self.daemon = Daemon(self.database, "--config", str(self.folder / "svcd.conf"), listen=None)
        self.addCleanup(self.daemon.stop)
        self.admin = f"127.0.0.1:{page}"
        self.daemon.wait_for_log("database available")
        stop, errors, done = threading.Event(), [], []
        bearer = (("authorization", f"Bearer {secret}"),)

        def call(index):
            while not stop.is_set():
                with contextlib.closing(grpc.insecure_channel(f"127.0.0.1:{kept}", [("grpc.use_local_subchannel_pool", 1)])) as channel:
                    rpc = channel.unary_unary("/account_package.AccountService/ListSkills")
                    for _ in range(20 if index else 1_000_000):  # one keeps its connection
                        if stop.is_set():
                            return
                        try:
                            rpc(b"", timeout=PATIENCE_S, metadata=bearer)
                            done.append(1)
                        except grpc.RpcError as error:
                            errors.append(error)

        def one(i):  # by what shows: the log leaves out lines of which there are many
            bad = i % 10 == 9
            self.write(**(sections(i) | {"log": {"calls": "al"}} if bad else sections(i)))
            self.daemon.signal(signal.SIGHUP)
            wait_until(lambda: self.metric("svcd_config_reload_success") == (not bad) and
                       self.effective("server.max_message_bytes")[0] == str(20000 + i - bad), "the reload does not show")

        def settled():
            """Descriptors and memory once nothing but the connections of callers is there."""
            one(0)
            wait_until(lambda: self.backends() == 1, "connections are not given back")
            return self.daemon.descriptors(), self.daemon.resident_bytes()
        threads = [threading.Thread(target=call, args=(index,)) for index in range(3)]
        for thread in threads:
            thread.start()
        try:
            for i in range(20):
                one(i)
            before = settled()
            for i in range(20, 100):
                one(i)
            for _ in range(20):  # while one runs another is only noted
                self.daemon.signal(signal.SIGHUP)
            reached = len(done)
            wait_until(lambda: len(done) > reached + 50, "no calls after the reloads")
            after = settled()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        self.assertLess(after[0] - before[0], 8, (before, after))
        if not UNDER_SANITIZER:
            self.assertLess(after[1] - before[1], 3_000_000, (before, after))

    def backends(self):
        return int(psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'read svcd%'",
                        self.database)[0][0])


class Callers(Case):
    def set_callers(self, text):
        (self.folder / "tokens").write_text(text)

    def begin(self, listen="grpc://127.0.0.1:0,http://127.0.0.1:0"):
        self.start(listen=listen)
        self.secret, self.hash = make_token()
        self.set_callers(f"web {self.hash} *\nother {make_token()[1]} *\n")
        self.bearer = (("authorization", f"Bearer {self.secret}"),)
        self.closed = {"callers": "token", "tokens": f"{self.folder}/tokens", "open": "reflection"}

    def watch(self, client, metadata=()):
        call = client.health.Watch(health.HealthCheckRequest(), metadata=metadata)
        next(call)
        return call

    def ends_within_a_second(self, call, code, says):
        begun = time.monotonic()
        with self.assertRaises(grpc.RpcError) as caught:
            while True:
                next(call)
        self.assertEqual((caught.exception.code(), says in caught.exception.details()), (code, True))
        return time.monotonic() - begun

    def test_whoever_is_revoked_calls_no_more_and_its_streams_end(self):
        self.begin()
        clients = [svcd_client.Client(address) for address in self.daemon.addresses()[:2]]
        nameless = [self.watch(client) for client in clients]
        self.reload(access=self.closed)
        for call in nameless:
            self.ends_within_a_second(call, StatusCode.UNAUTHENTICATED, "needs a token")
        watches = [self.watch(client, self.bearer) for client in clients]
        self.reload()
        for client in clients:
            client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer)
        self.assertFalse(any(watch.done() for watch in watches))
        self.set_callers(f"web {self.hash} account_package.AccountService\n")
        self.reload()
        for call in watches:
            self.ends_within_a_second(call, StatusCode.PERMISSION_DENIED, "this service")
        self.set_callers(f"web {self.hash} *\n")
        self.reload()
        watches = [self.watch(client, self.bearer) for client in clients]
        self.set_callers(f"web {make_token()[1]} *\n")
        self.reload()
        for call in watches:
            self.ends_within_a_second(call, StatusCode.UNAUTHENTICATED, "no longer")
        for client in clients:
            with self.assertRaises(grpc.RpcError) as caught:
                client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer)
            self.assertEqual(caught.exception.code(), StatusCode.UNAUTHENTICATED)
            client.channel.close()

    def test_whoever_is_removed_while_it_calls_is_forgotten_when_its_calls_are_over(self):
        self.begin()
        self.reload(access=self.closed)
        client = svcd_client.Client(self.daemon.addresses()[1])
        holder = self.watch(client, self.bearer)
        self.set_callers("")
        self.reload()
        self.ends_within_a_second(holder, StatusCode.UNAUTHENTICATED, "no longer")
        self.reload(access={})
        self.assertTrue(client.account.ListSkills(Empty(), timeout=PATIENCE_S).skills)
        client.channel.close()

    def test_a_file_of_callers_that_is_wrong_keeps_the_one_before(self):
        self.begin()
        self.reload(access=self.closed)
        self.set_callers("web nonsense *\n")
        self.refuse(rf"{self.folder}/tokens:1: the hash of web is not valid", access=self.closed, log={"calls": "all"})
        self.client.account.ListSkills(Empty(), timeout=PATIENCE_S, metadata=self.bearer)
        self.assertEqual(self.effective("log.calls")[0], "failed")


class Notified(unittest.TestCase):
    def test_systemd_is_told_when_a_reload_begins_and_when_it_is_over(self):
        folder = temporary_folder(self)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(folder / "notify"))
            listener.settimeout(PATIENCE_S)

            def told():
                return listener.recv(4096).decode()
            daemon = Daemon(demo_database(), env={"NOTIFY_SOCKET": str(folder / "notify")})
            self.addCleanup(daemon.stop)
            while "READY=1" not in told():
                pass
            daemon.signal(signal.SIGHUP)
            while "RELOADING=1" not in (text := told()):
                pass
            usec = int(re.search(r"MONOTONIC_USEC=(\d+)", text)[1])
            self.assertTrue(0 < usec <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            while "READY=1" not in told():
                pass


if __name__ == "__main__":
    unittest.main()
