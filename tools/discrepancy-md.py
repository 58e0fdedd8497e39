#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of types in doc/RECONCILIATION.md from gateway/store/discrepancy.def.

    tools/discrepancy-md.py            write the table
    tools/discrepancy-md.py --check    exit 1 when the page is not what the table says
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "gateway/store/discrepancy.def"
PAGE = ROOT / "doc/RECONCILIATION.md"
ROW = re.compile(r'^DISCREPANCY\((\w+), "(\w+)", (HAND|LOOK|ASK), "(\w*)", "([^"]*)", "([^"]*)"\)$')
BEGIN, END = "<!-- types: made by tools/discrepancy-md.py -->", "<!-- end of types -->"
ENDS = {"HAND": "a person, a corrected bill", "LOOK": "a person, a corrected bill, our own news", "ASK": "the platform's signed answer, or any of these"}


def rows():
    found = []
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.startswith("DISCREPANCY("):
            continue
        match = ROW.match(line)
        if not match:
            sys.exit(f"{TABLE}:{number}: not a type: {line}")
        identity, name, look, same, meaning, advice = match.groups()
        if identity.lower() != name:
            sys.exit(f"{TABLE}:{number}: {identity} is called {name}")
        found.append((name, look, same, meaning, advice))
    return found


def table(from_bills):
    lines = ["| type | what it means | what to do | what ends it |", "|---|---|---|---|"]
    for name, look, same, meaning, advice in rows():
        if name.startswith("bill_") != from_bills:
            continue
        ends = ENDS[look] if from_bills or look == "ASK" else "a person"
        known = f" The same as `{same}`, when that is open." if same else ""
        lines.append(f"| `{name}` | {meaning}{known} | {advice} | {ends} |")
    return lines


def page(text):
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    lines = [BEGIN, "", "### From bills", "", *table(True), "", "### From notifications and answers", "", *table(False), "", END]
    return head + "\n".join(lines) + tail


if __name__ == "__main__":
    old = PAGE.read_text()
    new = page(old)
    if "--check" in sys.argv[1:]:
        if new != old:
            sys.exit("doc/RECONCILIATION.md is not what gateway/store/discrepancy.def says; run tools/discrepancy-md.py")
    else:
        PAGE.write_text(new)
