#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of `make check`, `make test`, `make interop` and `make soak`. See doc/TESTING.md.

    tests/run.py test                  every stage of the plan
    tests/run.py test tidy asan        these stages only
    tests/run.py test e2e:orders       of that stage only what has `orders` in its name

Every stage prints what it does, then one line with its counts and its time; a failing one prints what failed; the
logs are in build/logs. The last line is `N passed, N failed` (`, N skipped` may follow); the exit status is
non-zero on any failure.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from counting import Tally, judge, judge_meson

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
# Warnings are errors where it is decided whether a change may land. (`make run` builds build/release without, so
# that a compiler that is newer than we know stops no newcomer.)
STRICT = ["--werror", "-Dwarning_level=3"]
BUILDS = {
    "asan": (["-Db_sanitize=address,undefined", "-Db_lundef=false", "--buildtype=debugoptimized",
              "-Dfailpoints=true", *STRICT], {}),
    "clang": (["--buildtype=debugoptimized", "-Dfuzz=true", "-Db_lundef=false", *STRICT], {"CC": "clang"}),
    "tsan": (["-Db_sanitize=thread", "-Db_lundef=false", "--buildtype=debugoptimized", "-Dfailpoints=true", *STRICT],
             {"CC": "clang"}),
    "failpoints": (["--buildtype=debugoptimized", "-Dfailpoints=true", *STRICT], {}),
    "optimised": (["--buildtype=release", "-Dtests=false", *STRICT], {}),
    "valgrind": (["--buildtype=debug"], {}),
    "soak": (["--buildtype=release", *STRICT], {}),
    "coverage": (["--buildtype=debug", "-Db_coverage=true"], {}),
}
# What seeds must have met, or the simulation proves nothing.
SIM_DEEDS = ",".join(["merchant.orders", "merchant.refunds", "merchant.closes", "merchant.cancels", "merchant.twins", "merchant.replays",
                      "fault.process.kill", "fault.power.loss", "fault.wire.cut", "fault.clock.skew", "fault.shop.kill"])
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # A child that a test forks may start threads of its own.
    "TSAN_OPTIONS": f"halt_on_error=1:die_after_fork=0:suppressions={ROOT}/tests/tsan.supp",
}


# Files of process tests that run at one moment: they mostly wait, for answers and for what is due.
AT_ONCE = 2
_running = set()


def say(text):
    print(f"  {text}\n", end="", flush=True)


def command(arguments, log, env=None, timeout=None, cwd=ROOT):
    """Runs to a log file, with all its children in a group that ends with it; returns (status, text)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    with open(path, "w", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(arguments, cwd=cwd, env={**os.environ, **SANITIZER_ENV, **(env or {})},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        _running.add(process.pid)
        try:
            status = process.wait(timeout)
        except BaseException as reason:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise
            out.write(f"\ntimed out after {timeout} s\n")
            status = 124
        finally:
            _running.discard(process.pid)
    return status, path.read_text(encoding="utf-8", errors="replace")


def configure(name):
    """Sets a build folder up; a folder with other options is made anew, so that no old option lives on."""
    options, env = BUILDS[name]
    folder = BUILD / name
    stamp = folder / "options.json"
    wanted = json.dumps([options, env])
    if (folder / "build.ninja").exists():
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return 0, ""
        shutil.rmtree(folder)
    status, text = command(["meson", "setup", str(folder), *options], f"setup-{name}.log", env)
    if status == 0:
        stamp.write_text(wanted, encoding="utf-8")
    return status, text


def build(name, tally, *targets):
    started = time.monotonic()
    status, text = configure(name)
    if status == 0:
        status, text = command(["ninja", "-C", str(BUILD / name), *targets], f"build-{name}.log", BUILDS[name][1])
    if status:
        lines = [line for line in text.splitlines() if re.search(r"\b(error|warning):|FAILED|ERROR", line)]
        tally.fail(f"the build {name} failed; see build/logs/build-{name}.log\n" + "\n".join(lines[:40] or text.splitlines()[-20:]))
    else:
        say(f"built {name} ({time.monotonic() - started:.0f} s)")
    return status == 0


def meson_tests(name, tally, only="", suite=None, timeout=1500, options=(), fits=lambda test: True):
    """Runs a build's meson tests and counts their TAP lines."""
    started = time.monotonic()
    known = json.loads(subprocess.run(["meson", "introspect", "--tests", str(BUILD / name)], check=True,
                                      capture_output=True, text=True).stdout)
    chosen = [test["name"] for test in known if only in test["name"]
              and (suite is None or any(s.split(":")[-1] == suite for s in test["suite"])) and fits(test["name"])]
    if not chosen:
        return tally.fail(f"{name}: no test is called like {only!r}")
    logs = BUILD / name / "meson-logs"
    for old in logs.glob("testlog*.json"):
        old.unlink()
    status, text = command(["meson", "test", "-C", str(BUILD / name), "--no-rebuild", "--num-processes", "2",
                            "--timeout-multiplier", "10", *options, *chosen], f"tests-{name}.log", timeout=timeout)
    entries = [line for log in logs.glob("testlog*.json") for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    whole = Tally()
    for line in entries:
        whole.join(judge_meson(name, json.loads(line)))
    if len(entries) != len(chosen):
        whole.fail(f"{name}: {len(entries)} of {len(chosen)} test programs ran; see build/logs/tests-{name}.log\n{text[-1500:]}")
    if status and not whole.failed:
        whole.fail(f"{name}: meson test ended with {status}; see build/logs/tests-{name}.log\n{text[-1500:]}")
    say(f"{len(entries)} programs of {name}: {whole.closing_line()} ({time.monotonic() - started:.0f} s)")
    return tally.join(whole)


def program(arguments, log, tally, env=None, timeout=1800):
    """A program that prints TAP."""
    started = time.monotonic()
    status, text = command(arguments, log, env, timeout)
    one = judge(log.removesuffix(".log"), status, text)
    say(f"{log.removesuffix('.log')}: {one.closing_line()} ({time.monotonic() - started:.0f} s)")
    tally.join(one)


def python_tests(folder, tally, till, only="", env=None, timeout=1800, name=None, at_once=1):
    files = [path for path in sorted((ROOT / "tests" / folder).glob("test_*.py")) if only in path.stem]
    if not files:
        tally.fail(f"no file tests/{folder}/test_*{only}*.py")

    def run(path):
        mine = Tally()
        program([sys.executable, str(path)], f"{name or folder}-{path.stem.removeprefix('test_')}.log", mine,
                {"TILL": str(till), **(env or {})}, timeout)
        return mine
    pool = concurrent.futures.ThreadPoolExecutor(at_once)
    try:
        for mine in pool.map(run, files):
            tally.join(mine)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for group in list(_running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        raise


def till_of(name):
    return BUILD / name / "cli" / "till"


def stage_tidy(tally, only):
    program([sys.executable, "tests/tidy/tidy.py"], "tidy.log", tally)


def stage_lint(tally, only):
    # Needs the generated headers and the list of compile commands of the build with clang.
    if build("clang", tally):
        program([sys.executable, "tests/tidy/lint.py", str(BUILD / "clang"), only], "lint.log", tally)


def stage_asan(tally, only):
    if build("asan", tally):
        meson_tests("asan", tally, only)


def stage_clang(tally, only):
    if build("clang", tally):
        tally.add(1, 0)


def stage_optimised(tally, only):
    if build("optimised", tally):
        tally.add(1, 0)


def stage_tsan(tally, only):
    if build("tsan", tally):
        meson_tests("tsan", tally, only, suite="threads")
        # The whole gateway at its most parallel; what the other files add, the sanitized build runs.
        for name in [] if only else ["orders", "notify", "webhooks"]:
            python_tests("e2e", tally, till_of("tsan"), name, name="tsan-e2e")


def stage_e2e(tally, only):
    # The sanitized build has crash points compiled in, and stays quiet unless a test names one.
    if build("asan", tally, "cli/till"):
        python_tests("e2e", tally, till_of("asan"), only, at_once=AT_ONCE)


def stage_crash(tally, only):
    if build("failpoints", tally, "cli/till", "tests/support/shim.so"):
        python_tests("crash", tally, till_of("failpoints"), only, timeout=2400, at_once=AT_ONCE)


def sim_of(name):
    return BUILD / name / "tests" / "sim" / "sim"


def tell_figures(log):
    for line in (LOGS / log).read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and " x real time" in line:
            say(line[2:])


def stage_simulation(tally, only):
    """Seeds of life, scenarios, the same hash everywhere. SIM_FIRST=0: seeds of the day's luck."""
    if not build("soak", tally, "tests/sim/sim"):
        return
    if not only:
        program([sys.executable, "tests/sim/farm.py", "--program", str(sim_of("soak")), "--first", os.environ.get("SIM_FIRST", "1"),
                 "--seeds", "500", "--days", "30", "--minutes", "20", "--deeds", SIM_DEEDS], "simulation-farm.log", tally)
        tell_figures("simulation-farm.log")
    python_tests("sim", tally, till_of("soak"), only, {"SIM": str(sim_of("soak"))}, name="simulation")


def stage_years(tally, only):
    """As many seeds as fit into SIM_MINUTES, an hour by default, under seeds of the day's luck."""
    if build("soak", tally, "tests/sim/sim"):
        program([sys.executable, "tests/sim/farm.py", "--program", str(sim_of("soak")), "--first", os.environ.get("SIM_FIRST", "0"),
                 "--minutes", os.environ.get("SIM_MINUTES", "60"), "--deeds", SIM_DEEDS, "--report", str(LOGS / "simulation-years.json"),
                 *(["--", *only.split()] if only else [])], "simulation-years.log", tally, timeout=None)
        for line in (LOGS / "simulation-years.log").read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                say(line[2:])


def stage_sim_bugs(tally, only):
    """The planted bugs of tests/sim/bugs, each found by an invariant; writes the table in doc/SIMULATION.md."""
    words = only.split() if only else ["--write"]
    program([sys.executable, "tests/sim/bugs.py", *words], "sim-bugs.log", tally, timeout=7200)


def stage_storm(tally, only):
    """Kills at points drawn by lot, for CRASH_SECONDS, under a seed of the day's luck; reports kills by point."""
    if build("failpoints", tally, "cli/till"):
        seconds = os.environ.get("CRASH_SECONDS", "1200")
        env = {"TILL": str(till_of("failpoints")), "CRASH_SECONDS": seconds, "CRASH_SEED": os.environ.get("CRASH_SEED", str(secrets.randbelow(1 << 31)))}
        program([sys.executable, "tests/crash/test_storm.py"], "storm.log", tally, env, timeout=int(seconds) + 900)
        for line in (LOGS / "storm.log").read_text(encoding="utf-8").splitlines():
            if "CRASH_SEED" in line or "kills at" in line:
                say(line.removeprefix("# "))


def stage_faults(tally, only):
    """Every allocation of each kind of request, and the first forty syncs."""
    if build("failpoints", tally, "cli/till", "tests/support/shim.so"):
        for name in ("resources", "storage"):
            if only in name:
                python_tests("crash", tally, till_of("failpoints"), name, {"FAULTS_ALLOCATIONS": "100000", "FAULTS_SYNCS": "40"}, 7200, "faults")


def node_packages(tally):
    status, text = command(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], "npm.log",
                           cwd=ROOT / "tests" / "node", timeout=600)
    if status:
        tally.fail("npm ci failed:\n" + text[-2000:])
    return status == 0


def stage_interop(tally, only):
    """Brings its own toolchains: whoever runs one stage of another kind needs no JDK."""
    status, text = command(["tools/setup.sh", "interop"], "setup-interop.log", timeout=1200)
    if status:
        return tally.fail("tools/setup.sh interop failed:\n" + text[-2000:])
    if build("optimised", tally) and node_packages(tally):
        python_tests("interop", tally, till_of("optimised"), only)


def stage_contract(tally, only):
    """schemathesis for longer, under a seed of the day's luck."""
    env = {"TILL_SEED": os.environ.get("TILL_SEED", str(secrets.randbelow(1 << 31))), "SCHEMATHESIS_EXAMPLES": os.environ.get("SCHEMATHESIS_EXAMPLES", "600"),
           "SCHEMATHESIS_SECONDS": "6000"}
    if build("optimised", tally):
        say(f"TILL_SEED={env['TILL_SEED']}")
        python_tests("interop", tally, till_of("optimised"), "schemathesis", env, timeout=7200, name="contract")


def stage_browser(tally, only):
    if build("optimised", tally) and node_packages(tally):
        python_tests("browser", tally, till_of("optimised"), only)


def stage_fuzz(tally, only):
    if not build("clang", tally):
        return
    seconds = int(os.environ.get("FUZZ_SECONDS", "600"))
    targets = [path for path in sorted((BUILD / "clang" / "tests" / "fuzz").glob("fuzz_*"))
               if path.is_file() and os.access(path, os.X_OK) and only in path.name]
    if not targets:
        tally.fail(f"no fuzzer is called like {only!r}")
    for target in targets:
        corpus = ROOT / "tests" / "fuzz" / "corpus" / target.name.removeprefix("fuzz_")
        scratch = BUILD / "fuzz" / target.name
        scratch.mkdir(parents=True, exist_ok=True)
        status, text = command([str(target), f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={scratch}-",
                                str(scratch), str(corpus)], f"{target.name}.log", timeout=seconds + 300)
        units = re.search(r"number_of_executed_units:\s*(\d+)", text)
        if status or not units:
            tally.fail(f"{target.name} ended with {status}: {text[-1500:]}")
        else:
            tally.add(1, 0)
            say(f"{target.name}: {units.group(1)} inputs")


def stage_flood(tally, only):
    """S-012 with a million nonces (FLOOD): none is forgotten, none more is taken; prints what it did."""
    if build("soak", tally, "tests/unit/store/store_flood_test"):
        env = {"FLOOD": os.environ.get("FLOOD", "1000000"), "CMOCKA_MESSAGE_OUTPUT": "TAP"}
        program([str(BUILD / "soak" / "tests" / "unit" / "store" / "store_flood_test")], "flood.log", tally, env)
        for line in (LOGS / "flood.log").read_text(encoding="utf-8").splitlines():
            if line.startswith("# S-012"):
                say(line[2:])


def stage_valgrind(tally, only):
    """What the sanitizers do not see: bytes that were never written. Of libtill, whose input comes from outside."""
    if build("valgrind", tally):
        meson_tests("valgrind", tally, only, timeout=3600, fits=lambda name: name.startswith(("base ", "alipay "))
                    and not any(word in name for word in ("torture", "install", "page")),
                    options=["--wrapper", "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect"])


def stage_mutate(tally, only):
    """Mutated signed messages, a million by default, under a seed of the day's luck; a forged one that is taken prints how to replay it."""
    if build("soak", tally, "tests/mutate/mutate"):
        wish = ["--count", os.environ.get("MUTATE_COUNT", "1000000"), "--seed", os.environ.get("MUTATE_SEED", str(secrets.randbelow(1 << 31)))]
        program([str(BUILD / "soak" / "tests" / "mutate" / "mutate"), *wish, *(["--family", only] if only else [])], "mutate.log", tally)
        say((LOGS / "mutate.log").read_text(encoding="utf-8").splitlines()[-1])


def stage_coverage(tally, only):
    if build("coverage", tally):
        for path in (BUILD / "coverage").rglob("*.gcda"):
            path.unlink()
        meson_tests("coverage", tally, only, timeout=3600)
        program([sys.executable, "tests/coverage.py", str(BUILD / "coverage")], "coverage.log", tally)
        for line in (LOGS / "coverage.log").read_text(encoding="utf-8").splitlines():
            say(line)


STAGES = {
    "tidy": stage_tidy, "lint": stage_lint, "asan": stage_asan, "clang": stage_clang, "optimised": stage_optimised,
    "tsan": stage_tsan, "e2e": stage_e2e, "crash": stage_crash, "faults": stage_faults, "interop": stage_interop, "contract": stage_contract, "browser": stage_browser,
    "simulation": stage_simulation, "years": stage_years, "sim-bugs": stage_sim_bugs, "fuzz": stage_fuzz, "flood": stage_flood, "mutate": stage_mutate, "valgrind": stage_valgrind, "coverage": stage_coverage,
}
# In a soak a stage may be another, longer one.
SOAKING = {"crash": stage_storm}
PLANS = {
    "check": ["tidy", "asan"],
    "test": ["tidy", "asan", "clang", "optimised", "lint", "tsan", "e2e", "simulation", "crash", "interop", "browser"],
    "interop": ["interop"],
    "soak": ["years", "mutate", "flood", "crash", "faults", "contract", "valgrind", "fuzz"],
    "sim-bugs": ["sim-bugs"],
    "coverage": ["coverage"],
}
CLOSING = {
    "check": "The quick checks ran. Next: make test for everything, or make run to see it.",
    "test": "Everything that must be green was run. Next: make run to see it, make bench for its figures.",
    "interop": "The SDKs were run against the sandbox; doc/CONFORMANCE.md says what they can. Next: make run.",
    "soak": "The long runs are over.",
    "sim-bugs": "The planted bugs were hunted; doc/SIMULATION.md has the table. Next: make soak ARGS=years.",
    "coverage": "Branches were counted; doc/COVERAGE.md explains those that no test takes.",
}


def say_what_failed(total):
    """Once more at the end, because many only see that: a line or two for each, the reason with it."""
    notes = [note for note in total.notes if not note.startswith("    ")]
    for note in notes[:20]:
        say("FAILED " + " / ".join(line.strip()[:160] for line in note.splitlines()[:2]))
    if len(notes) > 20:
        say(f"and {len(notes) - 20} more")


def main(arguments):
    plan = arguments[0] if arguments else "check"
    stages = [(stage.partition(":")[0], stage.partition(":")[2]) for stage in arguments[1:] or PLANS.get(plan, [])]
    unknown = [name for name, _ in stages if name not in STAGES]
    if plan not in PLANS or unknown:
        print(f"run.py: plans are {', '.join(PLANS)}; stages are {', '.join(STAGES)}; not {' '.join(unknown) or plan}")
        return 2
    os.environ.setdefault("TILL_SOURCE_ROOT", str(ROOT))
    total = Tally()
    began = time.monotonic()
    for name, only in stages:
        print(f"{name} ...", flush=True)
        tally = Tally()
        started = time.monotonic()
        stage = SOAKING.get(name, STAGES[name]) if plan == "soak" else STAGES[name]
        stage(tally, only)
        for note in tally.notes:
            say(note)
        print(f"{name}: {tally.closing_line()} ({time.monotonic() - started:.0f} s)", flush=True)
        total.join(tally)
    print(f"{time.monotonic() - began:.0f} s in all.")
    if total.failed:
        say_what_failed(total)
        print("Something failed: the lines above name it; the full logs are in build/logs.")
    elif arguments[1:]:
        print("These stages ran. Next: make test for everything.")
    else:
        print(CLOSING[plan])
    print(total.closing_line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
