#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of `make check`, `make test`, `make interop` and `make soak`.

Every stage prints one line with its counts and its time; a failing one prints what failed and where its
log is. The last line is `N passed, N failed` (`, N skipped` may follow); the exit status is non-zero on any failure.
"""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
# Warnings are errors where it is decided whether a change may land.
STRICT = ["--werror", "-Dwarning_level=3"]
BUILDS = {
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false", "--buildtype=debugoptimized",
              "-Dfailpoints=true", *STRICT], {}),
    "clang": (["--buildtype=debugoptimized", "-Dfuzz=true", "-Db_lundef=false", *STRICT], {"CC": "clang"}),
    "tsan": (["-Db_sanitize=thread", "-Db_lundef=false", "--buildtype=debugoptimized", *STRICT], {"CC": "clang"}),
    "failpoints": (["--buildtype=debugoptimized", "-Dfailpoints=true", *STRICT], {}),
    "release": (["--buildtype=release", "-Dtests=false"], {}),
}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT}/tests/tsan.supp",
}


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def command(arguments, log, env=None, timeout=None, cwd=ROOT):
    """Runs to a log file; returns (status, text)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    with open(path, "w", encoding="utf-8", errors="replace") as out:
        try:
            status = subprocess.run(arguments, cwd=cwd, env={**os.environ, **SANITIZER_ENV, **(env or {})}, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=subprocess.STDOUT, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            out.write(f"\ntimed out after {timeout} s\n")
            status = 124
    return status, path.read_text(encoding="utf-8", errors="replace")


def tap(text):
    """(passed, failed, skipped, failing lines) of a TAP stream."""
    passed = failed = skipped = 0
    bad = []
    for line in text.splitlines():
        match = re.match(r"\s*(not ok|ok)\b(.*)", line)
        if not match:
            continue
        if re.search(r"#\s*skip", match.group(2), re.I):
            skipped += 1
        elif match.group(1) == "ok":
            passed += 1
        else:
            failed += 1
            bad.append(line.strip())
    return passed, failed, skipped, bad


def build(name, *targets):
    options, env = BUILDS[name]
    folder = BUILD / name
    if not (folder / "build.ninja").exists():
        status, text = command(["meson", "setup", str(folder), *options], f"setup-{name}.log", env)
        if status:
            print(text[-4000:])
            return False
    status, text = command(["ninja", "-C", str(folder), *targets], f"build-{name}.log", env)
    if status:
        errors = [line for line in text.splitlines() if re.search(r"error|warning|FAILED", line)]
        print("\n".join(errors[:40]) or text[-4000:])
    return status == 0


def meson_tests(name, tally, suites=(), timeout=1500):
    """Runs a build's meson tests and counts their TAP lines (a program without TAP counts as one)."""
    arguments = ["meson", "test", "-C", str(BUILD / name), "--no-rebuild", "--num-processes", "2",
                 "--timeout-multiplier", "10"]
    for suite in suites:
        arguments += ["--suite", suite]
    status, text = command(arguments, f"tests-{name}.log", timeout=timeout)
    log = BUILD / name / "meson-logs" / "testlog.json"
    counted = 0
    if log.exists():
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            test = json.loads(line)
            passed, failed, skipped, bad = tap(test.get("stdout") or "")
            good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
            if not good and failed == 0:
                failed += 1
                bad.append(f"{test['name']}: {test['result']}")
            if good and passed + skipped == 0:
                passed = 1
            counted += passed + failed + skipped
            tally.add(passed, failed, skipped)
            for entry in bad:
                tally.notes.append(f"{name}: {test['name']}: {entry}")
            if failed:
                tail = ((test.get("stdout") or "") + (test.get("stderr") or "")).splitlines()[-25:]
                tally.notes.append("    " + "\n    ".join(tail))
    if status and not tally.failed:
        tally.add(0, 1)
        tally.notes.append(f"{name}: meson test ended with {status}; see {LOGS.relative_to(ROOT)}/tests-{name}.log\n{text[-1500:]}")
    if not counted:
        tally.add(0, 1)
        tally.notes.append(f"{name}: no test ran")


def program(arguments, log, tally, env=None, timeout=1800):
    """A program that prints TAP."""
    status, text = command(arguments, log, env, timeout)
    passed, failed, skipped, bad = tap(text)
    if status and not failed:
        failed = 1
        bad.append(f"{' '.join(map(str, arguments))} ended with {status}")
    if passed + failed + skipped == 0:
        failed = 1
        bad.append(f"{log}: no test ran")
    tally.add(passed, failed, skipped)
    tally.notes += [f"{log}: {line}" for line in bad]
    if failed:
        tally.notes.append("    " + "\n    ".join(text.splitlines()[-40:]))


def stage_tidy(tally):
    program([sys.executable, "tests/tidy/tidy.py"], "tidy.log", tally)


def stage_asan(tally):
    if not build("asan"):
        tally.add(0, 1)
        return
    meson_tests("asan", tally)


def stage_clang(tally):
    good = build("clang")
    tally.add(int(good), int(not good))


def stage_tsan(tally):
    if not build("tsan"):
        tally.add(0, 1)
        return
    meson_tests("tsan", tally, suites=("threads",))


def python_tests(folder, tally, till, env=None, timeout=1800):
    for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
        program([sys.executable, str(path)], f"{folder}-{path.stem}.log", tally,
                {"TILL": str(till), **(env or {})}, timeout)


def stage_e2e(tally):
    # The sanitized build has crash points compiled in, and stays quiet unless a test names one.
    python_tests("e2e", tally, BUILD / "asan" / "cli" / "till")


def stage_crash(tally):
    if not build("failpoints", "cli/till"):
        tally.add(0, 1)
        return
    python_tests("crash", tally, BUILD / "failpoints" / "cli" / "till", timeout=2400)


def release_till():
    return BUILD / "release" / "cli" / "till" if build("release") else None


def node_packages(tally):
    status, text = command(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], "npm.log",
                           cwd=ROOT / "tests" / "node", timeout=600)
    if status:
        tally.add(0, 1)
        tally.notes.append("npm ci failed:\n" + text[-2000:])
    return status == 0


def stage_interop(tally):
    till = release_till()
    if till is None:
        tally.add(0, 1)
    elif node_packages(tally):
        python_tests("interop", tally, till)


def stage_browser(tally):
    till = release_till()
    if till is None:
        tally.add(0, 1)
    elif node_packages(tally):
        python_tests("browser", tally, till)


def stage_fuzz(tally):
    if not build("clang"):
        tally.add(0, 1)
        return
    seconds = int(os.environ.get("FUZZ_SECONDS", "600"))
    for target in sorted((BUILD / "clang" / "tests" / "fuzz").glob("fuzz_*")):
        if not os.access(target, os.X_OK) or target.is_dir():
            continue
        corpus = ROOT / "tests" / "fuzz" / "corpus" / target.name.removeprefix("fuzz_")
        scratch = BUILD / "fuzz" / target.name
        scratch.mkdir(parents=True, exist_ok=True)
        status, text = command([str(target), f"-max_total_time={seconds}", "-print_final_stats=1", str(scratch), str(corpus)],
                               f"{target.name}.log", timeout=seconds + 300)
        tally.add(int(status == 0), int(status != 0))
        if status:
            tally.notes.append(f"{target.name}: {text[-1500:]}")


STAGES = {
    "tidy": stage_tidy, "asan": stage_asan, "clang": stage_clang, "tsan": stage_tsan, "e2e": stage_e2e, "crash": stage_crash,
    "interop": stage_interop, "browser": stage_browser, "fuzz": stage_fuzz,
}
PLANS = {
    "check": ["tidy", "asan"],
    "test": ["tidy", "asan", "clang", "tsan", "e2e", "crash", "interop", "browser"],
    "interop": ["interop"],
    "soak": ["fuzz"],
}
CLOSING = {
    "check": "The quick checks ran. Next: make test for everything, or make run to see it.",
    "test": "Everything that must be green was run. Next: make run to see it, make bench for its figures.",
    "interop": "The official SDKs were run against the sandbox. Next: make run.",
    "soak": "The long runs are over.",
}


def main():
    plan = sys.argv[1] if len(sys.argv) > 1 else "check"
    stages = sys.argv[2:] or PLANS[plan]
    os.environ.setdefault("TILL_SOURCE_ROOT", str(ROOT))
    total = Tally()
    for name in stages:
        tally = Tally()
        started = time.monotonic()
        STAGES[name](tally)
        print(f"{name:8} {tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped"
              f"   ({time.monotonic() - started:.0f} s)", flush=True)
        for note in tally.notes:
            print("  " + note, flush=True)
        total.add(tally.passed, tally.failed, tally.skipped)
    if total.failed:
        print("Something failed: the lines above name it; the full logs are in build/logs.")
    else:
        print(CLOSING[plan])
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
