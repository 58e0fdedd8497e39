# SPDX-License-Identifier: Apache-2.0
"""The counts at the end of `make test` can be trusted: a failing test is counted, named, and ends in a status that is not 0."""
import contextlib
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import counting  # noqa: E402
import run  # noqa: E402

# status, output, (passed, failed, skipped), a word of the note
STREAMS = [
    (0, "1..2\nok 1 - a\nok 2 - b\n", (2, 0, 0), None),
    (0, "1..3\nok 1 - a\nok 2 - b # SKIP no network\nok 3\n", (2, 0, 1), None),
    (0, "ok 1 - a\nok 2 - b\n1..2\n", (2, 0, 0), None),
    (1, "1..2\nok 1 - a\nnot ok 2 - b\n", (1, 1, 0), "not ok 2 - b"),
    (0, "1..2\nok 1 - a\nnot ok 2 - b\n", (1, 1, 0), "not ok 2 - b"),
    (0, "1..3\nok 1 - a\nok 2 - b\n", (2, 1, 0), "planned 3"),
    (0, "ok 1 - a\n", (1, 1, 0), "no plan"),
    (134, "1..2\nok 1 - a\nok 2 - b\n", (2, 1, 0), "ended with 134"),
    (0, "nothing to see\n", (0, 1, 0), "no test ran"),
    (0, "", (0, 1, 0), "no test ran"),
    (0, "1..1\n# ok, said a comment\nokay\nnot okay\nok 1 - a\n", (1, 0, 0), None),
]
# result, stdout, (passed, failed, skipped), a word of the note
ENTRIES = [
    ("OK", "1..2\nok 1 - a\nok 2 - b\n", (2, 0, 0), None),
    ("OK", "words of a program without TAP\n", (1, 0, 0), None),
    ("FAIL", "1..2\nok 1 - a\nnot ok 2 - b\n", (1, 1, 0), "not ok 2 - b"),
    ("ERROR", "1..2\nok 1 - a\n", (1, 1, 0), "error"),
    ("TIMEOUT", "", (0, 1, 0), "timeout"),
]


def agree(tally, counts, word):
    got = (tally.passed, tally.failed, tally.skipped)
    if got != counts:
        return [f"counted {got}, not {counts}"]
    if word and not any(word in note for note in tally.notes):
        return [f"no note says {word!r}: {tally.notes}"]
    return []


def whole_run(*streams):
    """main() over stages that run those programs: (exit status, last line)."""
    def stage(text, status):
        program = f"import sys; sys.stdout.write({text!r}); sys.exit({status})"
        return lambda tally, only: run.program([sys.executable, "-c", program], "counting.log", tally)
    stages = {f"sample{number}": stage(text, status) for number, (text, status) in enumerate(streams)}
    before, out = dict(run.STAGES), io.StringIO()
    run.STAGES.update(stages)
    try:
        with contextlib.redirect_stdout(out):
            status = run.main(["check", *stages])
    finally:
        run.STAGES.clear()
        run.STAGES.update(before)
    return status, out.getvalue().splitlines()[-1]


def check():
    found = []
    for status, text, counts, word in STREAMS:
        found += [f"{text!r}: {problem}" for problem in agree(counting.judge("sample", status, text), counts, word)]
    for result, text, counts, word in ENTRIES:
        entry = {"name": "sample", "result": result, "stdout": text}
        found += [f"{result} {text!r}: {problem}" for problem in agree(counting.judge_meson("build", entry), counts, word)]
    good, bad, left_out = ("1..1\nok 1 - a\n", 0), ("1..1\nnot ok 1 - a\n", 1), ("1..1\nok 1 - a # SKIP\n", 0)
    for streams, wanted in [([good, good], (0, "2 passed, 0 failed")), ([good, bad, good], (1, "2 passed, 1 failed")),
                            ([good, left_out], (0, "1 passed, 0 failed, 1 skipped")), ([("", 0)], (1, "0 passed, 1 failed"))]:
        got = whole_run(*streams)
        if got != wanted:
            found.append(f"{streams} ended in {got}, not {wanted}")
    return found
