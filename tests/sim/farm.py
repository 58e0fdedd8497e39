#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many seeds of the simulator: as many at a time as there are cores, their counts added up, the first failure of each kind shown.

    farm.py --program build/soak/tests/sim/sim --seeds 500 --days 30        at least so much, at most --minutes
    farm.py --program ... --minutes 60                                      as many as fit (the soak)

Prints TAP. What failed is followed by the one line that replays it. With --report FILE the figures are written as JSON.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import secrets
import subprocess
import sys
import time

SEED_TIMEOUT_S = 300
COUNT = re.compile(r"^count (\S+) (-?\d+)$", re.M)
VIRTUAL = re.compile(r"^virtual_s (\d+)$", re.M)
HASH = re.compile(r"^hash ([0-9a-f]{16})$")
VIOLATION = re.compile(r"^violation of (I\d+|\S+): (.*)$", re.M)
REPLAY = re.compile(r"^replay: (.*)$", re.M)


class Run:
    """What one seed told."""

    def __init__(self, seed, status, text, seconds):
        self.seed, self.status, self.text, self.seconds = seed, status, text, seconds
        self.counts = {name: int(value) for name, value in COUNT.findall(text)}
        virtual = VIRTUAL.search(text)
        self.virtual_s = int(virtual.group(1)) if virtual else 0
        last = text.rstrip().splitlines()[-1:] or [""]
        found = HASH.match(last[0])
        self.hash = found.group(1) if found else None
        violation = VIOLATION.search(text)
        self.invariant = violation.group(1) if violation else None
        self.sentence = violation.group(2) if violation else ""

    @property
    def good(self):
        return self.status == 0 and self.hash is not None and self.virtual_s > 0

    def replay(self):
        line = REPLAY.search(self.text)
        return line.group(1) if line else f"sim --seed {self.seed}"

    def why(self):
        if self.invariant:
            return f"{self.invariant}: {self.sentence}"
        return f"ended with {self.status}: " + " / ".join(self.text.rstrip().splitlines()[-6:])


def run_seed(program, seed, more=(), timeout=SEED_TIMEOUT_S):
    started = time.monotonic()
    try:
        done = subprocess.run([program, "--seed", str(seed), *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False)
        status, text = done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        status, text = 124, (late.stdout or b"").decode("utf-8", "replace") + f"\nno end within {timeout} s\n"
    return Run(seed, status, text, time.monotonic() - started)


class Farm:
    def __init__(self, wish):
        self.wish = wish
        self.began = time.monotonic()
        self.counts = collections.Counter()
        self.failures = []
        self.seeds = self.virtual_s = 0
        self.cpu_s = 0.0

    def is_enough(self):
        spent = time.monotonic() - self.began
        if self.wish.minutes and spent >= self.wish.minutes * 60:
            return True
        if not self.wish.seeds and not self.wish.days:
            return False
        return self.seeds >= self.wish.seeds and self.virtual_s >= self.wish.days * 86400

    def is_wanted(self, started):
        """Is one more seed wanted, besides those that run?"""
        has_days = self.virtual_s >= self.wish.days * 86400
        return not self.is_enough() and not (self.wish.seeds and started >= self.wish.seeds and has_days)

    def take(self, run):
        self.seeds += 1
        self.cpu_s += run.seconds
        self.virtual_s += run.virtual_s
        self.counts.update(run.counts)
        if not run.good:
            self.failures.append(run)

    def work(self):
        started = 0
        with concurrent.futures.ThreadPoolExecutor(self.wish.jobs) as pool:
            running = set()
            while running or self.is_wanted(started):
                while len(running) < self.wish.jobs and self.is_wanted(started) and len(self.failures) < self.wish.failures_max:
                    running.add(pool.submit(run_seed, self.wish.program, self.wish.first + started, self.wish.more))
                    started += 1
                if not running:
                    break
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for each in done:
                    self.take(each.result())

    def figures(self):
        wall = time.monotonic() - self.began
        faults = {name.removeprefix("fault."): count for name, count in sorted(self.counts.items()) if name.startswith("fault.")}
        return {"first_seed": self.wish.first, "seeds": self.seeds, "violations": len(self.failures),
                "simulated_days": round(self.virtual_s / 86400, 2), "simulated_years": round(self.virtual_s / 86400 / 365.25, 3),
                "wall_s": round(wall, 1), "times_real_time": round(self.virtual_s / wall) if wall else 0,
                "times_real_time_a_core": round(self.virtual_s / self.cpu_s) if self.cpu_s else 0,
                "faults": faults, "deeds": {name: count for name, count in sorted(self.counts.items()) if not name.startswith("fault.")}}

    def tell(self):
        figures = self.figures()
        tests = [(not self.failures, f"{self.seeds} seeds from {self.wish.first} on keep every invariant"),
                 (self.seeds >= self.wish.seeds, f"at least {self.wish.seeds} seeds were run"),
                 (self.virtual_s >= self.wish.days * 86400, f"at least {self.wish.days} days were lived ({figures['simulated_days']})")]
        if self.wish.deeds:
            missing = [name for name in self.wish.deeds if not self.counts[name]]
            tests.append((not missing, f"everything that must happen did happen{': never ' + ', '.join(missing) if missing else ''}"))
        print(f"1..{len(tests)}")
        for number, (good, name) in enumerate(tests, 1):
            print(f"{'ok' if good else 'not ok'} {number} - {name}")
            if number == 1:
                self.show_failures()
        faults = ", ".join(f"{name} {count}" for name, count in figures["faults"].items()) or "none"
        print(f"# faults: {faults}")
        print(f"# deeds: {', '.join(f'{name} {count}' for name, count in figures['deeds'].items()) or 'none'}")
        print(f"# {figures['simulated_years']} years ({figures['simulated_days']} days), {self.seeds} seeds, {figures['violations']} violations, "
              f"{figures['wall_s']} s, {figures['times_real_time']} x real time ({figures['times_real_time_a_core']} x a core)", flush=True)
        if self.wish.report:
            with open(self.wish.report, "w", encoding="utf-8") as out:
                json.dump(figures, out, indent=1)
        return 0 if all(good for good, _ in tests) else 1

    def show_failures(self):
        for run in self.failures[:10]:
            print(f"# seed {run.seed}: {run.why()}\n#   replay: {run.replay()}")
        if len(self.failures) > 10:
            print(f"# and {len(self.failures) - 10} more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--first", type=int, default=1, help="the first seed; 0: one of the day's luck")
    parser.add_argument("--seeds", type=int, default=0, help="at least so many")
    parser.add_argument("--days", type=float, default=0, help="at least so much virtual time")
    parser.add_argument("--minutes", type=float, default=0, help="at most so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--failures-max", type=int, default=5, help="stop after so many")
    parser.add_argument("--deeds", type=lambda text: [word for word in text.split(",") if word], default=[],
                        help="counters that must not stay 0")
    parser.add_argument("--report")
    parser.add_argument("more", nargs="*", help="words for every run, after --")
    wish = parser.parse_args()
    if not (wish.seeds or wish.days or wish.minutes):
        parser.error("say how much: --seeds, --days or --minutes")
    wish.first = wish.first or secrets.randbelow(1 << 31) + 1
    farm = Farm(wish)
    farm.work()
    return farm.tell()


if __name__ == "__main__":
    sys.exit(main())
