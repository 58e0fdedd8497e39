# SPDX-License-Identifier: Apache-2.0
"""Counts tests honestly: reads TAP, adds up, writes the closing line. tests/tidy/counting_check.py shows that it does.

A stream is judged by its `ok` and `not ok` lines and by its plan `1..n`: a program that ends before its plan is
fulfilled, has no plan, or ends with a status other than 0 has failed, whatever its lines say.
"""
import re

LINE = re.compile(r"\s*(not ok|ok)\b(.*)")
PLAN = re.compile(r"\s*1\.\.(\d+)\b")
SKIP = re.compile(r"#\s*skip", re.I)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = []

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def fail(self, note):
        self.add(0, 1)
        self.notes.append(note)

    def join(self, other):
        self.add(other.passed, other.failed, other.skipped)
        self.notes += other.notes

    def closing_line(self):
        line = f"{self.passed} passed, {self.failed} failed"
        return line + (f", {self.skipped} skipped" if self.skipped else "")


def tap(text):
    """(passed, failed, skipped, failing lines with their comments, planned or None) of a TAP stream."""
    passed = failed = skipped = 0
    planned = None
    bad = []
    explaining = False
    for line in text.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
        match = LINE.match(line)
        if not match:
            explaining = explaining and line.lstrip().startswith("#")
            if explaining:
                bad[-1] += "\n    " + line.strip()
            continue
        explaining = False
        if SKIP.search(match.group(2)):
            skipped += 1
        elif match.group(1) == "ok":
            passed += 1
        else:
            failed += 1
            bad.append(line.strip())
            explaining = True
    return passed, failed, skipped, bad, planned


def judge(name, status, text):
    """A Tally of one program that prints TAP and ended with that status."""
    passed, failed, skipped, bad, planned = tap(text)
    seen = passed + failed + skipped
    if not failed:
        if status:
            bad.append(f"it ended with {status}")
        elif seen == 0 and planned != 0:
            bad.append("no test ran")
        elif planned is None:
            bad.append("it printed no plan, so it may have ended early")
        elif planned != seen:
            bad.append(f"it planned {planned} tests and ran {seen}")
        failed += len(bad)
    tally = Tally()
    tally.add(passed, failed, skipped)
    tally.notes += [f"{name}: {line}" for line in bad]
    if status and any("\n" not in line for line in bad):  # nothing explains it but the end of the log
        tally.notes.append("    " + "\n    ".join(text.splitlines()[-25:]))
    return tally


def judge_meson(name, test):
    """The same of one entry of meson's testlog.json; a program without TAP counts as one."""
    out = test.get("stdout") or ""
    passed, failed, skipped, bad, _ = tap(out)  # meson itself compares the plan
    good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
    if not good and failed == 0:
        failed = 1
        bad.append(test["result"].lower())
    if good and passed + failed + skipped == 0:
        passed = 1
    tally = Tally()
    tally.add(passed, failed, skipped)
    tally.notes += [f"{name}: {test['name']}: {line}" for line in bad]
    if failed:
        lines = (out + (test.get("stderr") or "")).splitlines()[-25:]
        tally.notes.append("    " + "\n    ".join(lines))
    return tally
