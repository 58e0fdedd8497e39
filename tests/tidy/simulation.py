# SPDX-License-Identifier: Apache-2.0
"""doc/SIMULATION.md has a row for each of I1 to I40, and every function that a row names stands in a file of tests/sim/check*.c."""
import re
from pathlib import Path

INVARIANTS = 40
ROW = re.compile(r"^\| I(\d+) \|([^|]*)\|([^|]*)\|(.*)\|$", re.M)
KINDS = {"C", "A", "Q"}  # after each commit, at each answer or request, at quiet points
# `function` in the column that says where
NAME = re.compile(r"`([a-z_][a-z0-9_]*)`")
PATH = re.compile(r"`((?:tests|doc|tools|lib|rt|gateway)/[\w/.-]+)`")


def judge(text, sources, exists):
    """sources: the text of the checker; exists(path) tells whether a file is there."""
    found = []
    rows = {int(number): (kind.split(), where, rest) for number, kind, where, rest in ROW.findall(text)}
    for number in range(1, INVARIANTS + 1):
        if number not in rows:
            found.append(f"I{number} has no row")
            continue
        kinds, where, rest = rows[number]
        names = NAME.findall(where)
        if not kinds and not PATH.findall(rest):
            found.append(f"I{number} is not checked here and no other test is named")
        if kinds and not set(kinds) <= KINDS:
            found.append(f"I{number} is checked at {' '.join(kinds)}; there is C, A and Q")
        if bool(kinds) != bool(names):
            found.append(f"I{number} must name where it is checked, and only then")
        for name in names:
            if not re.search(rf"^[a-z].*\b{name}\(", sources, re.M):
                found.append(f"I{number} names {name}, which tests/sim/check*.c does not have")
        for path in PATH.findall(rest):
            if not exists(path):
                found.append(f"I{number} names {path}, which does not exist")
        if kinds and f'"I{number}"' not in sources:
            found.append(f"I{number} is said to be checked, and no violation of that name can be reported")
    return found


def check(root):
    page = Path(root, "doc/SIMULATION.md")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(root, "tests/sim").glob("check*.c")))
    return judge(page.read_text(encoding="utf-8"), sources, lambda path: Path(root, path).exists()) if page.exists() else ["doc/SIMULATION.md does not exist"]


GOOD = "".join(f'| I{n} | C | `look` | |\n' for n in range(1, INVARIANTS + 1))
SOURCES = "static void look(void) {\n" + "".join(f'"I{n}"\n' for n in range(1, INVARIANTS + 1)) + "}\n"
BROKEN = [
    (GOOD.replace("| I7 |", "| J7 |"), "I7 has no row"),
    (GOOD.replace("| I7 | C | `look` |", "| I7 | C | `gone` |"), "does not have"),
    (GOOD.replace("| I7 | C | `look` | |", "| I7 | | | nobody |"), "no other test"),
    (GOOD.replace("| I7 | C | `look` | |", "| I7 | | | `tests/no/such.c` |"), "does not exist"),
    (GOOD.replace("| I7 | C |", "| I7 | X |"), "there is C, A and Q"),
]
