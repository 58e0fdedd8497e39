# SPDX-License-Identifier: Apache-2.0
"""The farm of seeds can be trusted: a seed that fails, hangs, ends without its hash or lives no time is a failure, and is named."""
import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sim"))
import farm  # noqa: E402

GOOD = "print(f'virtual_s 3600\\ncount orders 3\\ncount fault.kill 1\\nhash 0123456789abcdef')"
# What seed 3 does instead, and a word of the failure.
ODD = [
    ("print('violation of I7: more went back than came\\nreplay: sim --seed 3 --hours 1'); sys.exit(1)", "I7: more went back"),
    ("print('virtual_s 3600\\nhash 0123456789abcdef\\nsomething later')", "something later"),
    ("print('virtual_s 3600')", "virtual_s 3600"),
    ("print('virtual_s 0\\nhash 0123456789abcdef')", "ended with 0"),
    ("print('virtual_s 3600\\nhash 0123456789abcdef'); sys.exit(1)", "ended with 1"),
    ("os.kill(os.getpid(), 9)", "ended with -9"),
]


def play(folder, odd, *words):
    program = Path(folder) / "sim"
    program.write_text(f"#!{sys.executable}\nimport os, sys\nseed = int(sys.argv[sys.argv.index('--seed') + 1])\n"
                       f"if seed == 3:\n    {odd}\nelse:\n    {GOOD}\n", encoding="utf-8")
    program.chmod(0o755)
    out, arguments = io.StringIO(), sys.argv
    sys.argv = ["farm.py", "--program", str(program), "--jobs", "2", *words]
    try:
        with contextlib.redirect_stdout(out):
            status = farm.main()
    finally:
        sys.argv = arguments
    return status, out.getvalue()


def check():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        status, text = play(folder, GOOD, "--seeds", "5", "--deeds", "orders,fault.kill")
        if status or "not ok" in text or "orders 15" not in text or "5 seeds" not in text:
            problems.append(f"five good seeds are not counted: {status} {text}")
        status, text = play(folder, GOOD, "--seeds", "2", "--deeds", "refunds")
        if not status or "never refunds" not in text:
            problems.append(f"what never happened is not missed: {status} {text}")
        status, text = play(folder, GOOD, "--seeds", "1", "--days", "1", "--minutes", "0.0001")
        if not status or "not ok 3" not in text:
            problems.append(f"too little time is not noticed: {status} {text}")
        for odd, word in ODD:
            status, text = play(folder, odd, "--seeds", "5")
            if not status or "not ok 1" not in text or word not in text or "--seed 3" not in text:
                problems.append(f"{odd!r} is not a failure that is named: {status} {text}")
    return problems


def fits(root, text=None):
    """Do the planted bugs still fit the tree? With `text`, that patch instead."""
    problems = []
    for path in sorted((root / "tests" / "sim" / "bugs").glob("*.patch")):
        words = ["patch", "-p1", "--dry-run", "--batch", "--fuzz=2", "--force"]
        done = subprocess.run(words, cwd=root, input=text or path.read_text(encoding="utf-8"), capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"{path.name}: {done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr}; make the bug anew where the code is now")
    return problems or ([] if list((root / "tests" / "sim" / "bugs").glob("*.patch")) else ["there are no bugs to plant"])
