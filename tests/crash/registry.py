# SPDX-License-Identifier: Apache-2.0
"""The crash points: those that are asked for, those that are registered, where they lie in the code, and who kills there.

Three lists are held against each other: what was asked for (PLAN), rt/failpoint.def, and the code. A point that one of them lacks, or that no
test kills at, is a finding. tools/crash-points.py makes doc/CRASH-POINTS.md of the same.
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What was asked for: so many points of each flow.
PLAN = {"C": ("create", 13), "N": ("notify", 12), "F": ("refund", 11), "X": ("close, expire", 7), "W": ("webhook", 10),
        "B": ("reconcile", 6), "K": ("keys", 4), "M": ("schema", 4), "S": ("start, stop", 7)}
# And ours beside them.
MORE = {"P": ("payment code", 3), "D": ("demo shop", 1)}
# Asked for and not built yet. One that exists must leave this list, or its test fails.
NOT_YET = set()
# What needs a database that commits over a network, or several of it.
POSTGRESQL = {
    "N10": "COMMIT was sent and its answer is lost: the outcome is looked up by our own key. An embedded commit has returned or it has not; here N10 is"
           " the moment after it, when nobody has been told",
    "C3 C4 C5 C11 C12": "the same around a COMMIT of which the connection dies, and after a failover",
    "M1 M2 M3 M4": "a migration killed while a second instance waits for it",
    "W1 W2 W10 F9 X1 X7": "leases that two instances compete for",
    "K1 K2 K4": "a second instance that learns of new and ended keys, and of the second master key, before the first row is sealed under it",
}
HOLDS = {
    "C": "An acknowledged order is there with its number and its one code. An intent without an outcome is unknown and is settled by the identical request (I9, I10,"
         " I13); the platform has one order at most (I8, I12).",
    "N": "Evidence, state, ledger and event of a payment are one commit, once. `success` was answered only for what is committed (I4, I6, I14).",
    "F": "A reservation is held, or released once. The platform has the refund under its one number, or not at all (I7, I8).",
    "X": "Closed is what the platform closed; money that came meanwhile wins (I5, I19).",
    "W": "Every committed event is heard at least once, with the same id and bytes, and a good signature (I15, I16, I17).",
    "B": "A bill is there whole, once, or not at all; its comparison tells each difference once, and the money that it asks after is booked once (I4, I20, I39).",
    "K": "An app always has a key that works, nothing sealed is lost, either master key opens everything until the change is over (I13, I22).",
    "M": "The schema is the old one or the new one (I34).",
    "S": "What was under way is found again at the next start; a stop leaves nothing half (I10, I13).",
    "P": "A payment code is charged once, or cancelled and nothing else (I5, I9).",
    "D": "One paid order, one coffee.",
}


def asked():
    return [f"{letter}{number}" for letter, (_, last) in {**PLAN, **MORE}.items() for number in range(1, last + 1)]


def registered():
    """point -> its place in words, in the registry's order."""
    text = (ROOT / "rt" / "failpoint.def").read_text(encoding="utf-8")
    return dict(re.findall(r'^FAILPOINT\((\w+), "([^"]*)"\)', text, re.M))


def places():
    """point -> files that have it: TILL_FP("N4") itself, or a list of them for the upstream client ("C6 C7 C8 C9")."""
    found = {}
    known = registered()
    for folder in ("rt", "gateway", "shop", "cli"):
        for path in sorted((ROOT / folder).rglob("*.c")):
            text = path.read_text(encoding="utf-8")
            for literal in re.findall(r'"((?:[A-Z]\d+|-)(?: (?:[A-Z]\d+|-))*)"', text):
                for word in literal.split():
                    if word in known:
                        found.setdefault(word, {})[str(path.relative_to(ROOT))] = True
    return {point: list(files) for point, files in found.items()}


def tests_elsewhere():
    """(point, what kills again, file, test) of those that need a story of their own."""
    rows = []
    text = (ROOT / "tests" / "crash" / "test_restarts.py").read_text(encoding="utf-8")
    for name, point, again in re.findall(r"^def (\w+)\(_\):\n    migration_dies\(\"(\w+)\", \"(\w+)\"", text, re.M):
        rows.append((point, again, "test_restarts.py", name))
    text = (ROOT / "tests" / "e2e" / "test_webhooks.py").read_text(encoding="utf-8")
    for name, body in re.findall(r"^def (\w+)\(stack\):\n((?:    .*\n|\n)+)", text, re.M):
        kills = re.findall(r'"(\w+)=kill', body)
        if kills:
            rows.append((kills[0], kills[1] if len(kills) > 1 else "", "test_webhooks.py", name))
    return rows


def rows(scenes):
    """All of them; `scenes` is the matrix: name -> (point, again, flow)."""
    return [(point, again, "test_matrix.py", name) for name, (point, again, _) in scenes.items()] + tests_elsewhere()


def problems(scenes, known=None, code=None, kills=None):
    """What does not fit together, as sentences. The last three are for showing that each is found."""
    known = registered() if known is None else known
    code = places() if code is None else code
    kills = rows(scenes) if kills is None else kills
    wanted, killed, again = set(asked()), {row[0] for row in kills}, {row[0] for row in kills if row[1]}
    found = [f"{point} is asked for and not registered" for point in sorted(wanted - set(known))]
    found += [f"{point} is registered, and nobody asked for it" for point in sorted(set(known) - wanted)]
    found += [f"{point} is registered and not in the code" for point in sorted(set(known) - set(code) - NOT_YET)]
    found += [f"{point} exists by now: take it off NOT_YET" for point in sorted(NOT_YET & set(code))]
    found += [f"{point} is in the code and no test kills there" for point in sorted((set(code) & set(known)) - killed)]
    found += [f"{point}: nothing kills again in its recovery" for point in sorted(killed - again)]
    found += [f"{point} is killed at and not registered" for point in sorted(({row[1] for row in kills} | killed) - {""} - set(known))]
    return found
