# SPDX-License-Identifier: MIT
"""The documents: their links lead somewhere, and the README draws the rooms that there are."""

import re
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


if __name__ == "__main__":
    unittest.main()
