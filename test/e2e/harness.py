# SPDX-License-Identifier: MIT
"""What the end-to-end tests stand on: the cluster, databases made from one migrated template, and svcd as a process."""

import contextlib
import ctypes
import functools
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import grpc
import svcd_client

ROOT = Path(__file__).resolve().parents[2]
SVCD = os.environ["SVCD"]
CLUSTER = os.environ["SVCD_CLUSTER"]
UNDER_SANITIZER = "asan" in SVCD
EDGE = os.environ.get("EDGE", "grpc")  # which edge the daemons serve through: "http" for our own
PATIENCE_S = 600  # for what must happen, however slow the machine

# Whose the database is, for what tests do to it themselves and for migrations; and whom svcd serves as, who may do that and no more.
OWNER, SERVER = "svcd", "svcd_serve"
MAKE_ROLES = f"""DO $$ BEGIN
    CREATE ROLE svcd_owner ROLE {OWNER}; CREATE ROLE svcd_runtime; CREATE ROLE {SERVER} LOGIN IN ROLE svcd_runtime ROLE {OWNER};
    EXCEPTION WHEN duplicate_object THEN NULL;
END $$;"""

count = iter(range(1, 1_000_000))


def look_for_the_clock():
    """The first time that a lock of grpcio's has to be waited for, its library looks for a file that says how fast the clock is, which
    virtual machines do not have; and should this be while it connects, it takes the errno for that of connect() and the call fails by "No
    such file or directory". So the file is looked for before anything connects."""
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines() if "/libabsl_base.so" in line}
    for library in mapped:
        for name in set(re.findall(rb"_ZN4absl\w*13base_internal19NominalCPUFrequencyEv", Path(library).read_bytes())):
            getattr(ctypes.CDLL(library), name.decode())()


look_for_the_clock()


def cluster(verb):
    subprocess.run([ROOT / "tools/cluster", verb, CLUSTER], check=True)


def psql(statement, database="svcd", user=OWNER):
    """Rows as lists of text."""
    done = subprocess.run(["psql", "-XAtq", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-d", database, "-U", user],
                          input=statement, text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"psql: {done.stderr}")
    text = done.stdout.removesuffix("\n").removesuffix("\x1e")
    return [row.split("\x1f") for row in text.split("\x1e")] if text else []


def value(statement, database):
    return psql(statement, database)[0][0]


def environment(database, **extra):
    """That of a shell in which nothing of svcd's is set but the way to this database."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("POSTGRES_")}
    return {**clean, "POSTGRES_HOST": os.environ["PGHOST"], "POSTGRES_PORT": os.environ["PGPORT"],
            "POSTGRES_USER": SERVER, "POSTGRES_DATABASE": database, **extra}


def services_of_proto():
    """Full names of the services that proto/ declares."""
    found = []
    for path in sorted((ROOT / "proto").glob("*.proto")):
        text = path.read_text(encoding="utf-8")
        package = re.search(r"^package ([\w.]+);", text, re.M)[1]
        found += [f"{package}.{name}" for name in re.findall(r"^service (\w+)", text, re.M)]
    return found


def run_svcd(*arguments, database="svcd", **options):
    user = OWNER if "migrate" in arguments else SERVER
    return subprocess.run([SVCD, *arguments], env=environment(database, POSTGRES_USER=user), capture_output=True, text=True,
                          timeout=PATIENCE_S, **options)


def apply_roles(database, user="postgres", **server):
    done = subprocess.run(["psql", "-Xq", "-d", database, "-U", user, "-c", MAKE_ROLES, "-f", str(ROOT / "sql/roles.sql")],
                          env={**os.environ, **server}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def migrate(database, **env):
    """As who sets svcd up does: by the owner, and with the roles; of another server if env names it."""
    env = environment(database, **env, POSTGRES_USER=OWNER)
    done = subprocess.run([SVCD, "migrate"], env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    apply_roles(database, PGHOST=env["POSTGRES_HOST"], PGPORT=env["POSTGRES_PORT"])


def create_database(template=None):
    """Its owner is OWNER; SERVER may do in it what it may in the template."""
    name = f"test_{next(count)}"
    psql(f"{MAKE_ROLES} CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template or 'template0'}; "
         f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC; GRANT ALL ON DATABASE {name} TO svcd_owner", "postgres", "postgres")
    return name


@functools.cache
def demo_template():
    name = create_database()
    migrate(name)
    psql(subprocess.run([ROOT / "tools/demo-data"], check=True, capture_output=True, text=True).stdout, name)
    return name


def demo_database():
    """A fresh database with schema and demo data."""
    return create_database(demo_template())


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Seconds it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < patience_s, f"after {patience_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - begun


def ask_password_of(test, role):
    """Of who logs in to the cluster as this role, while the test runs; others are let in as ever."""
    hba = Path(CLUSTER, "data/pg_hba.conf")
    rules = hba.read_text(encoding="utf-8")

    def put(text):
        hba.write_text(text, encoding="utf-8")
        psql("SELECT pg_reload_conf()", "postgres", "postgres")
    test.addCleanup(put, rules)
    put(f"local all {role} scram-sha-256\n{rules}")


class Held:
    """A transaction that keeps what its statement locks, until let go. What it locks it has when this returns."""

    def __init__(self, statement, database, options=""):
        self.client = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-U", OWNER], stdin=subprocess.PIPE,
                                       text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env={**os.environ, "PGAPPNAME": "hold", "PGOPTIONS": options})
        self.client.stdin.write(f"BEGIN; {statement};\n\\warn it is held\n")
        self.client.stdin.flush()
        patience, said = threading.Timer(PATIENCE_S, self.client.kill), []
        patience.start()
        while (line := self.client.stderr.readline()) not in ("it is held\n", ""):
            said.append(line)
        patience.cancel()
        assert line, f"nothing is held: {''.join(said)}"

    def let_go(self):
        if not self.client.stdin.closed:
            self.client.communicate(timeout=PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_go()


given_ports = {}


def free_port():
    """A port nobody listens on, outside the range that connections take theirs from, and given to none of the tests that run beside each
    other: each is a socket's name until the process ends."""
    while True:
        port = random.randrange(15000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as probe, contextlib.suppress(OSError):
            claim.bind(f"\0svcd-test-port-{port}")
            probe.bind(("127.0.0.1", port))
            given_ports[port] = claim
            return port
        claim.close()


def is_listening(address):
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
            return connection.getsockname() != (host, int(port))  # or it has met itself
    except (ConnectionRefusedError, ConnectionResetError):
        return False


class Daemon:
    """svcd as a process. Its log is collected, and shown if it does not stop as it should."""

    def __init__(self, database, *arguments, env=None, listen="127.0.0.1:0", cwd=ROOT):
        if listen and EDGE != "grpc" and "://" not in listen and not listen.startswith("unix:"):
            listen = ",".join(f"{EDGE}://{address}" for address in listen.split(","))
        listen_arguments = ["--set", f"server.listen={listen}"] if listen else []
        self.process = self.start_process([SVCD, *listen_arguments, "--set", "drain.lame_ms=0", *arguments], cwd=cwd,
                                          env=environment(database, **(env or {})), stderr=subprocess.PIPE, text=True)
        self.log = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.wait_for_log(r"listening address=")
        except AssertionError:
            self.process.kill()
            raise
        self.address = self.addresses()[0]

    def start_process(self, arguments, **options):
        return subprocess.Popen(arguments, **options)

    def read(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def addresses(self):
        found = (re.search(r"listening address=(?:[a-z]+://)?(\S+)", line) for line in list(self.log))
        return [match[1] for match in found if match]

    def wait_for_log(self, pattern, times=1, patience_s=PATIENCE_S):
        def seen():
            assert self.process.poll() is None or self.reader.is_alive() or \
                sum(bool(re.search(pattern, line)) for line in self.log) >= times, "\n".join(["svcd ended:", *self.log])
            return sum(bool(re.search(pattern, line)) for line in list(self.log)) >= times
        try:
            return wait_until(seen, f"no line like {pattern!r} in the log", patience_s)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.log])) from None

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        status = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        self.process.stderr.close()
        return status

    def stop(self):
        """Ends it, and fails if it does not drain and exit with 0 (a sanitizer that found something does not)."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("\n".join(["svcd does not stop:", *self.log])) from None
        assert status == 0, "\n".join([f"svcd exited with {status}:", *self.log])


class TestCase(unittest.TestCase):
    """A fresh demo database and a daemon on it for each class."""

    kind, arguments = Daemon, ()

    @classmethod
    def setUpClass(cls):
        cls.database = demo_database()
        cls.daemon = cls.kind(cls.database, *cls.arguments)
        cls.addClassCleanup(cls.daemon.stop)
        cls.client = svcd_client.Client(cls.daemon.address)
        cls.addClassCleanup(cls.client.channel.close)
        wait_until(lambda: is_serving(cls.client), "not serving")

    def sql(self, statement):
        return psql(statement, self.database)

    def sql_value(self, statement):
        return value(statement, self.database)

    def assert_fails(self, code, rpc, request, says=""):
        """The call ends with this status and a message that says what is wrong."""
        with self.assertRaises(grpc.RpcError) as caught:
            rpc(request, timeout=PATIENCE_S)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        self.assertIn(says, caught.exception.details())
        return caught.exception


def is_serving(client, service=""):
    import health_pb2
    try:
        reply = client.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S)
        return reply.status == health_pb2.HealthCheckResponse.SERVING
    except grpc.RpcError:
        return False


def temporary_folder(test):
    folder = tempfile.TemporaryDirectory(prefix="svcd-e2e.")
    test.addCleanup(folder.cleanup)
    return Path(folder.name)
