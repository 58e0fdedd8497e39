#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes doc/SECURITY-CASES.md: each adversarial case and the tests that carry its number (s_040_...).

cases.py           writes the page
cases.py --check   exits non-zero when the page is not current or a promised case has no test
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "SECURITY-CASES.md"


def spread(text):
    """'1-3 5' -> {1, 2, 3, 5}"""
    numbers = set()
    for part in text.split():
        first, _, last = part.partition("-")
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


# What is promised so far.
PROMISED = spread("1-52 72-113 116-136 139 140")


def found():
    """number -> sorted [(file, test name)]"""
    cases = {}
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix not in (".c", ".py", ".mjs") or "node_modules" in path.parts:
            continue
        for name in re.findall(r"\b([sS]_\d{3}\w*)\s*[(,)'\"]", path.read_text(encoding="utf-8", errors="replace")):
            for number in re.findall(r"(?:^[sS]|_[sS]|_and|_to)?_(\d{3})(?=_|$)", name):
                cases.setdefault(int(number), set()).add((str(path.relative_to(ROOT)), name))
    return {number: sorted(tests) for number, tests in cases.items()}


def page(cases):
    lines = ["# Adversarial cases and their tests", "",
             "Made by `tools/cases.py` from the tests' names: a case passes only if its whole outcome holds. `tests/tidy` checks that this page is current and that",
             "each case promised so far has a test.", "", "| case | tests |", "|---|---|"]
    for number in sorted(set(cases) | PROMISED):
        tests = "<br>".join(f"`{name}` in {file}" for file, name in cases.get(number, [])) or "**none yet**"
        lines.append(f"| S-{number:03d} | {tests} |")
    return "\n".join(lines) + "\n"


def main():
    cases = found()
    missing = sorted(PROMISED - set(cases))
    if "--check" not in sys.argv:
        PAGE.write_text(page(cases), encoding="utf-8")
    for number in missing:
        print(f"S-{number:03d} is promised and has no test")
    current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page(cases)
    if not current:
        print("doc/SECURITY-CASES.md is not current; run tools/cases.py")
    return 1 if missing or not current else 0


if __name__ == "__main__":
    sys.exit(main())
