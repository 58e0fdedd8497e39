#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is the simulator worth anything? Plants each bug of tests/sim/bugs in a copy of the tree, builds the simulator there, and runs seeds until
an invariant is violated. A bug that no seed finds has failed this test; so has one that is found under the wrong name.

    make sim-bugs                  all of them; rewrites the table in doc/SIMULATION.md
    bugs.py 03 07 --seeds 200      these two; with --write their rows of the table

Each NN-name.patch begins with lines "Bug: a sentence", "Invariants: I7 I10" (one of them must be the one that is named), and, where one
scenario shows it better than life does, "Scenario: words for the simulator". Prints TAP.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from farm import run_seed

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).resolve().parent / "bugs"
BUILD = ROOT / "build" / "sim-bugs"
PAGE = ROOT / "doc" / "SIMULATION.md"
BEGIN, END = "<!-- bugs: begin (make sim-bugs) -->", "<!-- bugs: end -->"


class Bug:
    def __init__(self, path):
        self.path = path
        self.number, _, self.name = path.stem.partition("-")
        text = path.read_text(encoding="utf-8")
        head = text.partition("\n--- ")[0]
        self.sentence = self.field(head, "Bug")
        self.invariants = self.field(head, "Invariants").split()
        self.more = (self.field(head, "Scenario", "") or "").split()

    def field(self, head, name, fallback=None):
        found = re.search(rf"^{name}: (.+)$", head, re.M)
        if not found and fallback is None:
            sys.exit(f"{self.path.name} has no line \"{name}: ...\"")
        return found.group(1).strip() if found else fallback


def command(arguments, cwd, env=None):
    done = subprocess.run(arguments, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def copy_tree(tree):
    """What git knows of the working tree, changes included; files keep their times, so that a build again is quick."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True).stdout.decode().split("\0")
    wanted = {name for name in listed if name and (ROOT / name).is_file()}
    for old in list(tree.rglob("*")) if tree.exists() else []:
        if old.is_file() and str(old.relative_to(tree)) not in wanted:
            old.unlink()
    for name in wanted:
        source, target = ROOT / name, tree / name
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def prepare(bug, tree, folder):
    """The simulator with this bug (None: with none); (program, None) or (None, what went wrong)."""
    copy_tree(tree)
    if bug:
        status, text = command(["patch", "-p1", "--batch", "--fuzz=2", "--no-backup-if-mismatch", "-i", str(bug.path)], tree)
        if status:
            return None, "the patch does not fit the tree any more:\n" + text
    if not (folder / "build.ninja").exists():
        status, text = command(["meson", "setup", str(folder), str(tree), "--buildtype=release"], tree)
        if status:
            return None, text[-2000:]
    status, text = command(["ninja", "-C", str(folder), "tests/sim/sim"], tree)
    return (None, text[-2000:]) if status else (str(folder / "tests" / "sim" / "sim"), None)


def hunt(program, more, seeds, jobs):
    """(seeds tried, the run that found something or None); more: the simulator's further words."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for start in range(1, seeds + 1, jobs):
            batch = range(start, min(start + jobs, seeds + 1))
            for run in pool.map(lambda seed: run_seed(program, seed, more), batch):
                if not run.good:
                    return run.seed, run
    return seeds, None


def judge(bug, seeds, jobs):
    """(good, why, row of the table)."""
    program, problem = prepare(bug, BUILD / "tree", BUILD / "build")
    if not program:
        return False, problem, None
    tried, run = hunt(program, bug.more, seeds, jobs)
    if not run:
        return False, f"{tried} seeds did not find it", None
    row = f"| {bug.number} | {bug.sentence} | {run.invariant or 'none'} | {tried} | `{' '.join(['sim', '--seed', str(run.seed), *bug.more])}` |"
    if run.invariant not in bug.invariants:
        return False, f"found as {run.why()}, which is not one of {' '.join(bug.invariants)}", row
    return True, f"{run.why()}; {tried} seed{'s' if tried > 1 else ''}", row


def hunt_without_bugs(program, bugs, seeds, jobs):
    """The run that found something where nothing is, in life and in every scenario that a bug is hunted with; or None."""
    for more in sorted({(), *(tuple(bug.more) for bug in bugs)}):
        _, run = hunt(program, more, seeds, jobs)
        if run:
            return run
    return None


def rows_of(text):
    """The table's rows by number."""
    table = text.partition(BEGIN)[2].partition(END)[0]
    return {row.split("|")[1].strip(): row for row in table.splitlines() if re.match(r"\| \d", row)}


def write_table(rows, bugs_left):
    """These rows, and those that are there already of the bugs that were left out."""
    text = PAGE.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{PAGE.name} has no place for the table ({BEGIN})")
    old = rows_of(text)
    rows = sorted(rows + [old[bug.number] for bug in bugs_left if bug.number in old])
    table = "\n".join(["", "| no | planted | found as | seeds needed | replay (with the patch) |", "|---|---|---|---|---|", *rows, ""])
    PAGE.write_text(text.partition(BEGIN)[0] + BEGIN + table + END + text.partition(END)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*")
    parser.add_argument("--seeds", type=int, default=300, help="at most so many a bug")
    parser.add_argument("--clean", type=int, default=20, help="seeds that the tree without a bug must pass")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--write", action="store_true", help="the table in doc/SIMULATION.md anew")
    wish = parser.parse_args()
    known = [Bug(path) for path in sorted(PATCHES.glob("*.patch"))]
    bugs = [bug for bug in known if not wish.numbers or bug.number in wish.numbers]
    if not bugs:
        sys.exit("no such bug")
    print(f"1..{len(bugs) + 1}")
    program, problem = prepare(None, BUILD / "tree", BUILD / "build")
    run = hunt_without_bugs(program, bugs, wish.clean, wish.jobs) if program else None
    clean = program and not run
    print(f"{'ok' if clean else 'not ok'} 1 - the tree without a bug passes {wish.clean} seeds" + ("" if clean else f"\n# {problem or run.why()}"), flush=True)
    failed, rows = not clean, []
    for number, bug in enumerate(bugs, 2):
        started = time.monotonic()
        good, why, row = judge(bug, wish.seeds, wish.jobs)
        failed = failed or not good
        rows += [row] if row else []
        print(f"{'ok' if good else 'not ok'} {number} - bug {bug.number} is found: {bug.sentence} # {time.monotonic() - started:.0f}s")
        print("\n".join("# " + line for line in why.splitlines()[-20:]), flush=True)
    if wish.write and not failed:
        write_table(rows, [bug for bug in known if bug not in bugs])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
