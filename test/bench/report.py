# SPDX-License-Identifier: MIT
"""What a run found, as text, Markdown and JSON. All are made from the one document that `document` returns."""

import json
import os
import platform
import re
from datetime import date
from pathlib import Path

from world import run

MARKS = ("<!-- bench -->", "<!-- /bench -->")
COLUMNS = (
    ("RPC/s", "rps", "{:,.0f}"), ("p50 µs", "p50_us", "{:,.0f}"), ("p99 µs", "p99_us", "{:,.0f}"),
    ("CPU µs", "cpu_us", "{:.1f}"), ("system calls", "syscalls", "{:.2f}"),
    ("÷ pgbench", "to_pgbench", "{:.2f}"), ("÷ pipelined", "to_pipelined", "{:.2f}"), ("÷ no-op", "to_noop", "{:.2f}"), ("÷ grpc://", "to_grpc", "{:.2f}"),
)


MEMORY = (("idle, MB", "idle_mb", "{:.0f}"), ("with 2,000 idle connections, MB", "connected_mb", "{:.0f}"))


def installed(package):
    return run("dpkg-query", "-W", "-f", "${Version}", package).split("-")[0]


def machine(world):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory_kb = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))[1])
    return {
        "cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "memory_gb": round(memory_kb / 1048576),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"], "kernel": re.match(r"[\d.]+", platform.release())[0],
        "postgresql": world.value("SHOW server_version").split()[0], "grpc": installed("libgrpc-dev"),
        "synchronous_commit": world.value("SHOW synchronous_commit"), "fsync": world.value("SHOW fsync"),
    }


def judged(row, numbers):
    return [{"what": target.what, "value": numbers[target.number], "unit": target.unit,
             "bound": "≤" if target.at_most else "≥", "floor": target.floor, "aim": target.aim,
             "verdict": target.verdict(numbers[target.number])} for target in row.targets]


def document(bench, where, found, failed):
    """found: (row, numbers) of each row that was measured; failed: (row, why) of each that was not."""
    return {
        "failed": [{"name": row.name, "title": row.title, "why": why} for row, why in failed],
        "calm": bench.calm.has_patience(),
        "machine": where, "date": date.today().isoformat(),
        "accounts": bench.world.accounts, "runs": bench.runs, "seconds": bench.seconds,
        "rows": [{"name": row.name, "title": row.title, "numbers": numbers, "note": row.note.format(**numbers),
                  "targets": judged(row, numbers)} for row, numbers in found],
    }


def missed(doc):
    return [f"{row['title']}: {target['what']}" for row in doc["rows"] for target in row["targets"]
            if target["verdict"] == "MISSED"]


def measured(doc):
    """Heads and lines of the first table: the rows with a throughput."""
    lines = [[row["title"], *(form.format(row["numbers"][key]) if key in row["numbers"] else ""
                              for _, key, form in COLUMNS)] for row in doc["rows"] if "rps" in row["numbers"]]
    return ["", *(name for name, _, _ in COLUMNS)], lines


def quantity(value, unit):
    return f"{value:.0f} {unit}" if unit else f"{value:.2f}"


def bounds(doc):
    """Heads and lines of the second one: what must hold."""
    return ["target", "measured", "floor", "aim", "verdict"], [
        [f"{row['title']}, {target['what']}", quantity(target["value"], target["unit"]),
         f"{target['bound']} {target['floor']:g}", f"{target['bound']} {target['aim']:g}", target["verdict"]]
        for row in doc["rows"] for target in row["targets"]]


def growths(doc):
    """Heads and lines of the third one: each RPC's latency in a small and a big world."""
    each = {name: numbers for row in doc["rows"] for name, numbers in row["numbers"].get("each", {}).items()}
    return ["one stream, p50 µs", "1,000 accounts", "1,000,000", "ratio"], [
        [name, f"{small:,.0f}", f"{big:,.0f}", f"{ratio:.2f}"] for name, (small, big, ratio) in each.items()]


def edges(doc):
    """Heads and lines of a fourth one: what both edges were measured with."""
    rows = {row["name"]: row for row in doc["rows"]}
    pairs = [(row, rows["http-" + name]) for name, row in rows.items() if "http-" + name in rows]
    lines = [[f"{row['title']}, {what}", form.format(row["numbers"][key]), form.format(own["numbers"][key])]
             for row, own in pairs for what, key, form in (*COLUMNS, *MEMORY) if key in row["numbers"] and key in own["numbers"]]
    return ["by each edge", "grpc://", "http://"], lines


def notes(doc):
    return [f"{row['title']}: {row['note']}." for row in doc["rows"] if row["note"]] + [
        f"{row['title']}: NOT MEASURED: {row['why']}." for row in doc["failed"]]


def about(doc):
    of = doc["machine"]
    return (f"{of['cores']} cores ({of['cpu']}), {of['memory_gb']} GB, {of['system']}, Linux {of['kernel']}, PostgreSQL "
            f"{of['postgresql']} (synchronous_commit {of['synchronous_commit']}, fsync {of['fsync']}), gRPC core {of['grpc']}; "
            f"everything on this one machine. {doc['accounts']:,} accounts; medians of {doc['runs']} runs of "
            f"{doc['seconds']:g} s{'' if doc['calm'] else ', on a machine with other load'}; {doc['date']}.")


def text_table(heads, lines):
    widths = [max(len(cell) for cell in column) for column in zip(heads, *lines)]
    return ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in (heads, *lines)]


def text(doc):
    parts = [about(doc), ""]
    for heads, lines in (measured(doc), bounds(doc), edges(doc), growths(doc)):
        if lines:
            parts += [*text_table(heads, lines), ""]
    return "\n".join(parts + notes(doc))


def markdown_table(heads, lines):
    rule = [":--", *["--:"] * (len(heads) - 1)]
    return ["| " + " | ".join(line) + " |" for line in (heads, rule, *lines)]


def markdown(doc, tables):
    parts = [about(doc)] + ["\n".join(markdown_table(*table(doc))) for table in tables]
    return "\n\n".join(parts + ["\n".join(f"- {note}" for note in notes(doc))])


def save(doc, root, picture):
    """docs/bench.json, docs/bench.svg, and the tables between the marks of these pages."""
    (root / "docs/bench.json").write_text(json.dumps(doc, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (root / "docs/bench.svg").write_text(picture, encoding="utf-8")
    for page, tables in ((root / "README.md", (measured, bounds)), (root / "docs/bench.md", (measured, bounds, edges, growths))):
        if not page.exists():
            continue
        before, mark, rest = page.read_text(encoding="utf-8").partition(MARKS[0] + "\n")
        _, end, after = rest.partition(MARKS[1])
        if mark and end:
            page.write_text(f"{before}{mark}\n{markdown(doc, tables)}\n\n{end}{after}", encoding="utf-8")
