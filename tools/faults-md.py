#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes doc/FAULTS.md of tools/faults.def: each fault, what till does, and the tests that play it.

faults-md.py           writes the page
faults-md.py --check   exits non-zero when the page is not current, a named test is none, or a test of a fault has no row
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE, PAGE = ROOT / "tools" / "faults.def", ROOT / "doc" / "FAULTS.md"
# Every test of these files plays a fault, or shows that none was played.
FILES = ("storage", "clock", "signals", "resources", "door")
HEALTHY = {"a_healthy_disk_passes_the_same_audit"}

HEAD = """# Faults and what comes of them

Made by `tools/faults-md.py` from `tools/faults.def`; `tests/tidy` checks that every test named here exists, that every test of a fault is named, and
that this page is current. Faults of the wire and of the platform are in [TESTING.md](TESTING.md) (`test_survival.py`, `test_stripe_survival.py`), deaths at a chosen point in `tests/crash/test_matrix.py`.

The tests run the real program. `tests/support/shim.c` is preloaded under it and makes calls of the system fail on order, n-th call by n-th call; it counts what it
struck, and a test whose fault never struck fails. Clocks are turned by libfaketime, monotonic time goes on. Each story ends in the audit of the
crash matrix, and `a_healthy_disk_passes_the_same_audit` shows that the shim alone changes nothing. `make soak ARGS=faults` fails
every allocation of each kind of request and the first forty syncs.
"""

TAIL = """
## What is not played, and why

- Lost and reordered sectors under the real program: no device mapper here. They are played by a file system of our own below SQLite (`tests/unit/store/vfs_fault.c`).
- Interrupted or short calls on sockets that do not block: no kernel does that, and who waits for edges relies on it. The shim leaves them alone.
- Allocations failing in a sanitized build: its own allocator cannot be stood before. The optimised one with crash points is used.
- Rot in the *content* of a page (a digit of an amount, say): the file has no sum over it. The trail's hashes (`till audit`), the ledger's balance and the platform's
  bills are what finds it. Rot in the log's last transaction looks like a torn end and is taken for one.
- jansson 2.14 does not look whether the buffer of the token that it reads could grow: without memory it would lose bytes of a text or run over its end.
  `lib/base/json_read.c` stands between it and its allocator while it reads: the first allocation that fails is lent a reserve, the text ends there, and the
  reading is refused (`read_json` in unit/base/torture_test.c fails each one). A program around libtill that replaces jansson's allocator while another
  of its threads reads takes that away for this reading.
- OpenSSL says no for want of memory as it does for a wrong key or signature, in some functions without a complaint. `lib/crypto/shortage.h` says when a no is
  believed.
- A request that the HTTP library itself has no memory for gets its own 413, in HTML.
"""


def rows():
    """(heading, None, None) or (fault, outcome, [(file, test)])."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            yield line[3:], None, None
        elif line and not line.startswith("#"):
            fault, outcome, tests = (part.strip() for part in line.split("|"))
            yield fault, outcome, [tuple(test.split(":")) for test in tests.split()]


def page():
    lines = [HEAD.rstrip()]
    for fault, outcome, tests in rows():
        if outcome is None:
            lines += ["", f"## {fault}", "", "| fault | what till does | played by |", "|---|---|---|"]
        else:
            lines.append(f"| {fault} | {outcome} | " + "<br>".join(f"`{name}` in {file}" for file, name in tests) + " |")
    return "\n".join(lines) + "\n" + TAIL


def troubles():
    named = {test for _, outcome, tests in rows() if outcome is not None for test in tests}
    for file, name in sorted(named):
        path = ROOT / "tests" / file
        if not path.exists() or not re.search(rf"\b{name}\(", path.read_text(encoding="utf-8")):
            yield f"faults.def names {name} in {file}, which is not there"
    for stem in FILES:
        path = ROOT / "tests" / "crash" / f"test_{stem}.py"
        for name in re.findall(r"^@test\ndef (\w+)", path.read_text(encoding="utf-8"), re.M):
            if name not in HEALTHY and (f"crash/test_{stem}.py", name) not in named:
                yield f"{name} in {path.name} has no row in tools/faults.def"
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        yield "doc/FAULTS.md is not current; run tools/faults-md.py"


def main():
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    found = list(troubles())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
