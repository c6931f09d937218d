# SPDX-License-Identifier: MIT
"""The documents: links lead somewhere, the README draws the rooms that there are, manual pages are well-formed."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


MADE = {"build", "node_modules", ".dev", ".git"}


def documents():
    return [path for path in sorted(ROOT.rglob("*.md")) if MADE.isdisjoint(path.relative_to(ROOT).parts)]


class Documents(unittest.TestCase):
    def test_every_link_to_a_file_leads_to_one(self):
        for document in documents():
            for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
                if "://" not in target:
                    self.assertTrue((document.parent / target).exists(), f"{document.relative_to(ROOT)}: {target} is not there")

    def test_the_readme_draws_every_room(self):
        rooms = re.search(r"^## Rooms\n(.*?)^## ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
        for folder in sorted((ROOT / "src").rglob("*")):
            if folder.is_dir():
                name = str(folder.relative_to(ROOT / "src"))
                self.assertRegex(rooms, rf"(?m)^    ([a-z/.]+ +)?{name}/", f"README.md, Rooms: {name}/ is not drawn")

    def test_mandoc_finds_nothing_wrong_with_the_manual_pages(self):
        pages = [str(page.relative_to(ROOT)) for page in sorted((ROOT / "man").glob("*.[1-8]"))]
        told = subprocess.run(["mandoc", "-Tlint", *pages], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        found = [line for line in told.splitlines() if "referenced manual not found" not in line]  # it is not installed yet
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
