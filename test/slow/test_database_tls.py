# SPDX-License-Identifier: MIT
"""TLS to the database, by database.tls and by libpq's own variables, on a PostgreSQL that has a certificate."""

import os
import pwd
import subprocess
import unittest

import svcd_client
from harness import PATIENCE_S, ROOT, SVCD, Daemon, environment, free_port, is_serving, migrate, temporary_folder, wait_until


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class DatabaseTls(unittest.TestCase):
    """The server's certificate is for the name localhost."""

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder(cls)
        cls.folder.chmod(0o755)
        for name in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", f"/CN={name}",
                    "-keyout", str(cls.folder / f"{name}.key"), "-out", str(cls.folder / f"{name}.pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout",
                str(cls.folder / "key.pem"), "-out", str(cls.folder / "request.pem"))
        openssl("x509", "-req", "-in", str(cls.folder / "request.pem"), "-CA", str(cls.folder / "ca.pem"), "-CAkey", str(cls.folder / "ca.key"),
                "-CAcreateserial", "-days", "9", "-out", str(cls.folder / "certificate.pem"))
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(cls.folder / "key.pem", user.pw_uid, user.pw_gid)
        cls.port, cluster = free_port(), str(cls.folder / "cluster")
        subprocess.run([ROOT / "tools/cluster", "start", "--no-fsync", "--tcp", str(cls.port), "--set", "ssl=on", "--set",
                        f"ssl_cert_file='{cls.folder}/certificate.pem'", "--set", f"ssl_key_file='{cls.folder}/key.pem'", cluster], check=True,
                       capture_output=True)
        cls.addClassCleanup(subprocess.run, [ROOT / "tools/cluster", "drop", cluster], check=True, capture_output=True)
        cls.env = {"POSTGRES_HOST": "localhost", "POSTGRES_PORT": str(cls.port)}
        migrate("svcd", **cls.env)

    @classmethod
    def addCleanup(cls, function, *arguments):
        """So that temporary_folder() serves the class."""
        cls.addClassCleanup(function, *arguments)

    def check(self, *arguments, dotenv="", **env):
        folder = self.folder / "cwd"
        folder.mkdir(exist_ok=True)
        (folder / ".env").write_text(dotenv, encoding="ascii")
        return subprocess.run([SVCD, *arguments, "check", "--db"], env=environment("svcd", **{**self.env, **env}), cwd=folder, capture_output=True,
                              text=True, timeout=PATIENCE_S)

    def trusting(self, authority):
        """The ways to ask for verify-full by this authority."""
        file = self.folder / f"{authority}.pem"
        return (("keys", ("--set", "database.tls=verify-full", "--set", f"database.tls_ca={file}"), {}),
                (".env", (), {"dotenv": f"PGSSLMODE=verify-full\nexport PGSSLROOTCERT='{file}'\n"}),
                ("environment", (), {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(file)}))

    def test_verify_full_takes_the_right_server_however_it_is_asked_for(self):
        for way, arguments, options in self.trusting("ca"):
            with self.subTest(way):
                checked = self.check(*arguments, **options)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_verify_full_refuses_another_authority_however_it_is_asked_for(self):
        for way, arguments, options in self.trusting("other"):
            with self.subTest(way):
                checked = self.check(*arguments, **options)
                self.assertEqual(checked.returncode, 1)
                self.assertIn("certificate verify failed", checked.stderr)

    def test_verify_full_refuses_another_name_however_it_is_asked_for(self):
        for way, arguments, options in self.trusting("ca"):
            with self.subTest(way):
                checked = self.check(*arguments, POSTGRES_HOST="127.0.0.1", **options)
                self.assertEqual(checked.returncode, 1)
                self.assertIn('does not match host name "127.0.0.1"', checked.stderr)

    def test_a_daemon_serves_over_tls_and_says_why_it_cannot(self):
        arguments = ("--set", "database.tls=verify-full", "--set", f"database.tls_ca={self.folder}/ca.pem")
        daemon = Daemon("svcd", *arguments, env=self.env)
        self.addCleanup(daemon.stop)
        with svcd_client.Client(daemon.address) as client:
            wait_until(lambda: is_serving(client), "not serving")
        session = subprocess.run(["psql", "-XAtq", "-h", "localhost", "-p", str(self.port), "-U", "postgres", "-d", "svcd", "-c",
                                  "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name ~ ' svcd '"],
                                 capture_output=True, text=True)
        self.assertEqual(session.stdout.strip(), "t", session.stderr)
        stranger = Daemon("svcd", *arguments, env={**self.env, "POSTGRES_HOST": "127.0.0.1"})
        self.addCleanup(stranger.stop)
        stranger.wait_for_log("cannot connect to the database.*does not match host name")

    def test_options_of_libpq_in_env_reach_the_server(self):
        checked = self.check(dotenv="PGOPTIONS='-c no.such=1 -c nonsense_setting=1'\n")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("nonsense_setting", checked.stderr)
