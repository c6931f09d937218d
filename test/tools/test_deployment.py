# SPDX-License-Identifier: MIT
"""The container and Kubernetes files of etc/: the arguments they give svcd are ones it takes, and their ports and versions are its own.
And what the manuals show of a configuration is one."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SVCD = ROOT / f"build/{os.environ.get('FLAVOUR', 'release')}/svcd"
USAGE = 2
VERSION = re.search(r"^VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.M)[1]
CONTAINERFILE = (ROOT / "etc/container/Containerfile").read_text()


def instruction(name):
    return yaml.safe_load(re.search(rf"{name} (\[.*\])", CONTAINERFILE)[1])


def configurations(text):
    """What is shown between a line like [server] and the first that is neither key, comment nor section."""
    return re.findall(r"^ +\[[a-z]+\]\n(?: +(?:\[[a-z]+\]|#.*|[a-z_]+ = .*)\n)+", text, re.M)


def documents(path):
    return list(yaml.safe_load_all((ROOT / path).read_text()))


class Deployment(unittest.TestCase):
    def run_svcd(self, arguments):
        """Without a database: what is asked is only whether the arguments are taken."""
        with tempfile.NamedTemporaryFile() as token:
            token.write(b"secret\n")
            token.flush()
            given = [argument.replace("/etc/svcd/admin/token", token.name).replace("/etc/svcd/svcd.conf", str(ROOT / "etc/svcd.conf"))
                     for argument in arguments]
            done = subprocess.run([SVCD, *given], env={"POSTGRES_HOST": token.name, "POSTGRES_DATABASE": "none", "POSTGRES_USER": "none"},
                                  capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, USAGE, done.stderr)
        return done

    def assert_serves(self, arguments):
        self.assertEqual(self.run_svcd([*arguments, "check"]).returncode, 0, arguments)

    def test_what_the_manuals_show_of_a_configuration_is_taken_as_it_stands(self):
        shown = [(page.name, text) for page in sorted((ROOT / "docs").glob("*.md")) for text in configurations(page.read_text(encoding="utf-8"))]
        self.assertGreater(len(shown), 6)
        for page, text in shown:
            with self.subTest(page, text=text), tempfile.TemporaryDirectory() as folder:
                file, secret = Path(folder, "svcd.conf"), Path(folder, "database-password")
                file.write_text(text, encoding="utf-8")
                secret.write_text("x\n", encoding="ascii")
                done = subprocess.run([SVCD, "--config", file, "config"], env={"CREDENTIALS_DIRECTORY": folder}, cwd=folder, capture_output=True,
                                      text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                taken = dict(re.findall(rf"^(\S+) = (.*?) +# {file}:\d+$", done.stdout, re.M))
                self.assertFalse([value for value in taken.values() if "#" in value], taken)
                self.assertEqual(len(taken), len(re.findall(r"^ +[a-z_]+ = ", text, re.M)), taken)

    def test_the_image_starts_svcd_with_arguments_it_takes_and_asks_its_health(self):
        entry = instruction("ENTRYPOINT")
        self.assert_serves(entry[1:])
        health = instruction("HEALTHCHECK .* CMD")
        self.run_svcd(health[1:])
        for port in re.search(r"EXPOSE (.*)", CONTAINERFILE)[1].split():
            self.assertIn(f":{port}", " ".join(entry))

    def test_compose_gives_svcd_arguments_it_takes_under_the_old_names(self):
        services = documents("etc/container/compose.yaml")[0]["services"]
        self.assertEqual(services["svcd"]["networks"]["default"]["aliases"],
                         [f"{name}-server" for name in ("account", "matching", "meeting", "feedback")])
        for service in services.values():
            self.assertEqual(service["image"], f"svcd:{VERSION}")
            self.assertTrue(service["read_only"])
        self.run_svcd(services["migrate"]["command"])

    def test_kubernetes_gives_svcd_arguments_it_takes_and_probes_ports_that_are_there(self):
        deployment, service = documents("etc/kubernetes/svcd.yaml")
        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        self.assert_serves(container["args"])
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for port in ports.values():
            self.assertIn(f":{port}", " ".join(container["args"]))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertIn(container[probe]["httpGet"]["port"], ports)
        self.assertIn(service["spec"]["ports"][0]["targetPort"], ports)
        self.assertEqual(deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"], str(ports["admin"]))
        migrate = documents("etc/kubernetes/migrate.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
        self.run_svcd(migrate["args"])
        for each in (container, migrate):
            self.assertEqual((each["image"], each["command"]), (f"svcd:{VERSION}", ["/usr/bin/svcd"]))
