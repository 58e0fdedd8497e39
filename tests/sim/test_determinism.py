#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same words give the same run: 100 times of 100, with traces and without, and in every build that stands in build/.

SIM names the program (tests/run.py does); other builds are compared when they are newer than all sources. Where two
runs differ, the first line of their traces that does is shown. Prints TAP.
"""
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMES = 100
HASH = re.compile(rb"^hash ([0-9a-f]{16})$", re.M)
# Short ones for the hundred times, long ones for the builds.
OFTEN = ["--seed", "7", "--scenario", "smoke"]
SEEDS = [["--seed", "7", "--scenario", "smoke"], ["--seed", "2"], ["--seed", "5"], ["--seed", "11"], ["--seed", "2", "--scenario", "cards"],
         ["--seed", "3", "--scenario", "close_vs_paid", "--size", "20"], ["--seed", "4", "--scenario", "refund_race", "--size", "20"]]
SOURCES = ("include", "lib", "rt", "gateway", "sandbox", "tests/sim")


def run(program, words):
    """Its whole output; the exit status does not matter here, a violation must be the same one, too."""
    done = subprocess.run([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=900, check=False)
    return done.stdout


def hash_of(text):
    found = HASH.search(text)
    return found.group(1).decode() if found else None


def result(program, words):
    """The hash; of a run that found something, what it found."""
    text = run(program, words)
    return hash_of(text) or text[-2000:].decode("utf-8", "replace")


def first_difference(one, other, words):
    """Of two programs' traces, as lines that show it."""
    lines = [run(program, [*words, "--steps"]).splitlines() for program in (one, other)]
    for number, (a, b) in enumerate(itertools.zip_longest(*lines), 1):
        if a != b:
            return "".join(f"\n#   line {number} of {program}: {(line or b'(none)').decode('utf-8', 'replace')[:300]}"
                           for program, line in ((one, a), (other, b)))
    return "\n#   their traces are equal"


def newest_source():
    return max(path.stat().st_mtime for folder in SOURCES for path in (ROOT / folder).rglob("*.[chd]*") if path.is_file())


def programs():
    """The one that SIM names, then those of other builds that are of these sources."""
    first = os.environ.get("SIM")
    if not first or not os.access(first, os.X_OK):
        sys.exit("Set SIM to the program: SIM=build/soak/tests/sim/sim")
    first = Path(first).resolve()
    newest = newest_source()
    others = [path.resolve() for path in sorted(ROOT.glob("build/*/tests/sim/sim")) if path.resolve() != first]
    fresh = [path for path in others if path.stat().st_mtime >= newest]
    for path in others:
        if path not in fresh:
            print(f"# {path.relative_to(ROOT)} is older than the sources and is not compared")
    return first, fresh


def a_hundred_times(program):
    hashes = [result(program, OFTEN) for _ in range(TIMES)]
    same = hashes.count(hashes[0])
    return same == TIMES and len(hashes[0]) == 16, f"the same hash {same} times of {TIMES} ({hashes[0][:60]})", ""


def a_trace_changes_nothing(program):
    plain, traced, stepped = (run(program, OFTEN + more) for more in ([], ["--trace"], ["--steps"]))
    good = hash_of(plain) == hash_of(traced) == hash_of(stepped) is not None and len(traced) > len(plain)
    return good, "who prints a trace sees the run that is played without", ""


def other_seeds_differ(program):
    hashes = {result(program, ["--seed", str(seed), "--scenario", "smoke"]) for seed in range(1, 31)}
    return len(hashes) == 30, f"30 seeds are {len(hashes)} runs", ""


def builds_agree(one, other):
    for words in SEEDS:
        if result(one, words) != result(other, words):
            return False, f"{other.relative_to(ROOT)} differs at {' '.join(words)}", first_difference(one, other, words)
    return True, f"{other.relative_to(ROOT)} gives the same {len(SEEDS)} hashes", ""


def main():
    first, others = programs()
    checks = [lambda: a_hundred_times(first), lambda: a_trace_changes_nothing(first), lambda: other_seeds_differ(first)]
    checks += [lambda other=other: builds_agree(first, other) for other in others]
    failed = 0
    print(f"1..{len(checks)}")
    for number, check in enumerate(checks, 1):
        good, name, more = check()
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}{more}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
