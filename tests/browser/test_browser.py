#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shop, cashier and wallet in a real browser. TILL names the program; the packages lie in tests/node (npm ci).

Starts gateway, sandbox and shop, runs each *.mjs with tests in it, and passes their TAP on. Words on the command line
name single tests. Screenshots go to build/screenshots.
"""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import tap  # noqa: E402

SCRIPTS = ("pay.mjs", "states.mjs", "safety.mjs", "manners.mjs", "products.mjs", "cards.mjs", "late.mjs", "platform.mjs")  # late turns the platform's clock
# A patience that fits a test; everything else is as shipped.
SETTINGS = {"payments__settle_grace": "4s", "upstream__timeout": "1s", "payments__create_deadline": "2s"}


def places(stack):
    return json.dumps({
        "gateway": stack.gateway_port, "private": stack.private_port, "sandbox": stack.sandbox_port, "shop": stack.shop_port,
        "key": stack.key["id"], "secret": stack.key["secret"], "account": stack.account["public_id"],
        "app": stack.platform["app_id"], "cards": stack.cards["id"],
        "store": str(stack.folder / "till.db"), "screenshots": str(tap.ROOT / "build" / "screenshots")})


def tell(counter, good, words):
    counter[good] += 1
    print(f"{'ok' if good else 'not ok'} {sum(counter.values())} - {words}", flush=True)


def run(script, stack, counter):
    told = 0
    child = subprocess.Popen(["node", str(HERE / script), *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "TILL_PLACES": places(stack)})
    for line in child.stdout:
        match = re.match(r"(not ok|ok) - (.*)", line.rstrip())
        if match:
            told += 1
            tell(counter, match.group(1) == "ok", match.group(2))
        else:
            print(line.rstrip() if line.startswith("#") else f"# {line.rstrip()}", flush=True)
    status = child.wait()
    if not told and len(sys.argv) == 1 or status not in (0, 1):
        tell(counter, False, f"{script} ended with {status} after {told} tests")


def main():
    if not (HERE.parent / "node" / "node_modules" / "playwright-core").is_dir():
        print("1..1\nnot ok 1 - playwright-core is not installed: run npm ci in tests/node")
        return 1
    begin, counter = time.monotonic(), {True: 0, False: 0}
    stack = None
    try:
        stack = tap.started(**SETTINGS)
        stack.cards = stack.provision_stripe()["account"]
        stack.start_shop("--cards")
        for script in SCRIPTS:
            run(script, stack, counter)
        bad = tap.stop_gracefully(stack) + tap.reports(stack)
        for line in "\n".join(bad).splitlines():
            print(f"# {line}")
        tell(counter, not bad, "everything_stops_cleanly_without_a_sanitizer_report")
    finally:
        if stack is not None:
            stack.close()
        for path in tap._folders:
            tap.shutil.rmtree(path, ignore_errors=True)
    print(f"1..{sum(counter.values())}\n# {time.monotonic() - begin:.1f} s")
    return 1 if counter[False] else 0


sys.exit(main())
