#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes doc/STATES.md from lib/payment/state.def.

    tools/state-md.py            write the page
    tools/state-md.py --check    exit 1 when the page is not what the table says
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "lib/payment/state.def"
HEADER = ROOT / "include/till/state.h"
PAGE = ROOT / "doc/STATES.md"
EDGE = re.compile(r'^TILL_(PAYMENT|ATTEMPT|REFUND)_EDGE\((\w+), (\w+), (\w+), ([01]), "([^"]*)"\)$')

INTRO = {
    "payment": "The merchant's order. Its attempts come and go; only their sum moves it.",
    "attempt": "One order number at one account of one platform.",
    "refund": "One refund number at the platform, for ever. Unknown refunds hold their money.",
}


def edges():
    found = {"payment": [], "attempt": [], "refund": []}
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.startswith("TILL_"):
            continue
        match = EDGE.match(line)
        if not match:
            sys.exit(f"{TABLE}:{number}: not an edge: {line}")
        machine, source, event, target, late, why = match.groups()
        found[machine.lower()].append((source.lower(), event.lower(), target.lower(), late == "1", why))
    return found


def meanings(prefix):
    """Members of an enum in the header with their comments, in order."""
    names = []
    for name, comment in re.findall(rf"^[ \t]*TILL_{prefix}_(\w+),[ \t]*(?:/\* (.*?) \*/)?", HEADER.read_text(), re.M):
        names.append((name.lower(), comment or ""))
    return names


def drawing(rows, start):
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    merged = {}
    for source, event, target, late, _ in rows:
        if source != target:
            merged.setdefault((source, target), []).append(event + (" (late)" if late else ""))
    lines += [f"    {a} --> {b}: {', '.join(events)}" for (a, b), events in merged.items()]
    return lines + ["```"]


def final(rows, state):
    return not any(s == state and t != state and not late for s, _, t, late, _ in rows)


def section(machine, rows, start):
    states = [name for name, _ in meanings(machine.upper())]
    moves = [r for r in rows if r[0] != r[2]]
    still = [r for r in rows if r[0] == r[2]]
    lines = [f"## {machine}", "", INTRO[machine], ""] + drawing(rows, start)
    ends = ", ".join(f"`{s}`" for s in states if final(rows, s))
    lines += ["", f"Ends (only late evidence leaves them): {ends}.", ""]
    lines += ["| from | event | to | late | why |", "|---|---|---|---|---|"]
    lines += [f"| {s} | {e} | {t} | {'late' if l else ''} | {w} |" for s, e, t, l, w in moves]
    lines += ["", "Lawful, and nothing new:", "", "| state | event | why |", "|---|---|---|"]
    lines += [f"| {s} | {e} | {w} |" for s, e, _, _, w in still]
    return lines + [""]


def page():
    found = edges()
    lines = ["# States", "",
             "Made by `tools/state-md.py` from `lib/payment/state.def`; change that table, not this page.", "",
             "A pair of state and event that is not listed is refused with `state_conflict`. *Late* is money, or the loss",
             "of it, after the end: a normal state with an event of its own.", "", "## Events", "",
             "| event | meaning |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in meanings("EVENT")] + [""]
    for machine, start in (("payment", "pending"), ("attempt", "sent"), ("refund", "sent")):
        lines += section(machine, found[machine], start)
    return "\n".join(lines).rstrip() + "\n"


def main():
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit("doc/STATES.md is not what lib/payment/state.def says; run tools/state-md.py")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
