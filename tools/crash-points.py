#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes doc/CRASH-POINTS.md: every crash point, where it lies, what kills there and again, what must hold.

crash-points.py           writes the page
crash-points.py --check   exits non-zero when the page is not current, or the lists do not fit together
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "CRASH-POINTS.md"
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests" / "crash"), str(ROOT / "tests" / "e2e")]
import registry  # noqa: E402
import test_matrix  # noqa: E402

HEAD = """# Crash points

Made by `tools/crash-points.py` from `rt/failpoint.def`, the code and the tests; change those, not this page. `tests/tidy` checks that it is current and that no point is
missing from one of them.

At each point a process is killed (`kill -9` of itself), started, killed again in its recovery, started, brought to rest, and audited (`tests/crash/audit.py`, and `till audit` over
what each death left). `make test ARGS=crash` runs all of it; a point that was not hit fails. The storm (`tests/crash/test_storm.py`) kills at points drawn by lot under everything at once;
`make soak ARGS=crash` goes on with that and counts kills by point. Tests without a file are in `tests/crash/test_matrix.py`; their names go on with `_then_again_at_...`."""


def short(name):
    """Up to its second kill: that has a place of its own."""
    return name.split("_then_again_at_")[0]


def section(letter, what, kills, known, code):
    lines = ["", f"## {letter}: {what}", "", registry.HOLDS[letter], "", "| point | moment | where | killed by, then again at |", "|---|---|---|---|"]
    for point in (point for point in registry.asked() if point[0] == letter):
        where = "<br>".join(f"`{place}`" for place in code.get(point, [])) or "**not built yet**"
        tests = "<br>".join(f"`{short(name)}`{'' if file == 'test_matrix.py' else ' in ' + file}, {again}"
                            for first, again, file, name in kills if first == point) or "**none yet**"
        lines.append(f"| {point} | {known.get(point, '').split(': ', 1)[-1]} | {where} | {tests} |")
    return lines


def page():
    known, code, kills = registry.registered(), registry.places(), registry.rows(test_matrix.SCENES)
    lines = [HEAD]
    for letter, (what, _) in {**registry.PLAN, **registry.MORE}.items():
        lines += section(letter, what, kills, known, code)
    lines += ["", "## Waiting for PostgreSQL", "", "Everything above is SQLite's. These want a database behind a network, which is not built yet; the rest of the matrix is",
              "then run a second time with it.", "", "| points | what is still to be shown |", "|---|---|"]
    lines += [f"| {points} | {what} |" for points, what in registry.POSTGRESQL.items()]
    return "\n".join(lines) + "\n"


def main():
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    found = registry.problems(test_matrix.SCENES)
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        found.append("doc/CRASH-POINTS.md is not current; run tools/crash-points.py")
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
