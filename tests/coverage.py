#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Branch coverage by directory and by the files where every branch counts; see doc/COVERAGE.md.

    coverage.py BUILD       a folder that was built with -Db_coverage=true and has run its tests

Branches of assertions are left out: their other side is a programmer's error, and stops the process. Prints TAP: a
file of WHOLE with a branch that no test takes fails.
"""
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Money, state, canonical string, signature and parser code.
WHOLE = ["lib/base/money.c", "lib/base/currency.c", "lib/base/form.c", "lib/base/json.c", "lib/base/json_check.c", "lib/base/time.c",
         "lib/base/percent.c", "lib/base/base64.c", "lib/base/hex.c", "lib/base/utf8.c", "lib/crypto/signing.c", "lib/crypto/webhook.c",
         "lib/crypto/key.c", "lib/crypto/key_parse.c", "lib/crypto/key_export.c", "lib/payment/state.c",
         "lib/channel/alipay/canonical.c", "lib/channel/alipay/codes.c", "lib/channel/alipay/answer.c", "lib/channel/alipay/parse.c",
         "lib/channel/common.c",
         *(f"lib/channel/stripe/{name}.c" for name in (
             "account", "build", "codes", "compose", "extra", "fields", "form", "notify", "notify_read", "parse", "reading", "reading_refund", "returned",
             "signature", "units"))]
DIRECTORIES = ["lib/base", "lib/crypto", "lib/payment", "lib/channel", "rt", "gateway/store", "gateway/guard", "gateway/flow",
               "gateway/api", "sandbox", "shop"]


def measure(build):
    done = subprocess.run(["gcovr", "-r", ".", build, "--json", "--exclude-throw-branches", "--exclude-unreachable-branches",
                           "--exclude-branches-by-pattern", r".*assert\(.*", "--filter", "(lib|rt|gateway|sandbox|shop)/"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("gcovr: " + done.stderr[-2000:])
    found = {}
    for file in json.loads(done.stdout)["files"]:
        if file["file"].endswith(".c") and not file["file"].startswith("build"):
            missing = [line["line_number"] for line in file["lines"] for branch in line["branches"] if branch["count"] == 0]
            total = sum(len(line["branches"]) for line in file["lines"])
            found[file["file"]] = (total, missing)
    return found


def share(total, missing):
    return 100.0 * (total - missing) / total if total else 0.0


def main():
    found = measure(sys.argv[1])
    by_directory = defaultdict(lambda: [0, 0])
    for path, (total, missing) in found.items():
        for directory in DIRECTORIES:
            if path.startswith(directory + "/"):
                by_directory[directory][0] += total
                by_directory[directory][1] += len(missing)
    print("# branches taken")
    for directory in DIRECTORIES:
        total, missing = by_directory[directory]
        print(f"# {directory:16} {share(total, missing):5.1f} %  {total - missing} of {total}")
    failures = 0
    for number, path in enumerate(WHOLE, 1):
        total, missing = found.get(path, (0, [0]))
        failures += bool(missing)
        print(f"{'not ok' if missing else 'ok'} {number} - every branch of {path} is taken")
        if missing:
            print(f"# {share(total, len(missing)):.1f} %; not taken: lines {sorted(set(missing))}")
    print(f"1..{len(WHOLE)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
