# SPDX-License-Identifier: MIT
"""etc/prometheus-alerts.yml and etc/grafana-dashboard.json: they are well-formed, ring when they should, and name only metrics that exist."""

import json
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALERTS, DASHBOARD = ROOT / "etc/prometheus-alerts.yml", ROOT / "etc/grafana-dashboard.json"
ROW = re.compile(r'X\((\w+), (\w+), \w+, "([^"]*)"')
NAME = re.compile(r"\b(?:grpc_server|svcd|process)_\w+\b")


def table():
    """Of src/observe/metrics.h: a metric's name to its type and labels."""
    text = (ROOT / "src/observe/metrics.h").read_text(encoding="utf-8")
    return {name: (kind, labels.split(",")) for name, kind, labels in ROW.findall(text)}


def names(expression):
    return {name for name in NAME.findall(re.sub(r'"[^"]*"', "", expression))}


def base(name):
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and table().get(name.removesuffix(suffix), ("",))[0] in ("HISTOGRAM", "SUMMARY"):
            return name.removesuffix(suffix)
    return name


class Monitoring(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=ROOT / "test/tools")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_table_is_read(self):
        self.assertEqual(table()["svcd_connections"], ("GAUGE", [""]))
        self.assertGreater(len(table()), 30)

    def test_the_alerts_are_well_formed(self):
        self.promtool("check", "rules", str(ALERTS))

    def test_each_alert_rings_for_what_it_is_for_and_is_silent_otherwise(self):
        self.promtool("test", "rules", "prometheus-alerts-test.yml")

    def test_alerts_name_only_metrics_that_exist(self):
        text = re.sub(r"(?m)^ *(#|summary:).*$", "", ALERTS.read_text(encoding="utf-8"))
        self.assertTrue(names(text))
        for name in names(text):
            self.assertIn(base(name), table())

    def test_the_dashboard_names_only_metrics_and_labels_that_exist(self):
        panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        self.assertGreater(len(panels), 15)
        for panel in panels:
            for target in panel["targets"]:
                found = names(target["expr"])
                self.assertTrue(found, panel["title"])
                labels = {"instance", "job", "le"}
                for name in found:
                    self.assertIn(base(name), table(), panel["title"])
                    labels.update(table()[base(name)][1])
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]) + re.findall(r"(\w+)[=!]~?\"", target["expr"]):
                    self.assertIn(label, labels, panel["title"])
