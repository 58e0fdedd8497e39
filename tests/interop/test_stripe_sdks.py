#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stripe's own libraries against a real sandbox: one test a cell of doc/CONFORMANCE-STRIPE.md, then the page itself.

TILL names the program. Arguments choose cells by a word of their name (`refund_node`, `_python`). A whole run compares the page with the one in the
tree; with TILL_CONFORMANCE=write it rewrites it, as `make interop` does.
"""
import os
import re
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]
import tap  # noqa: E402
from stripe_scenes import SCENES, SDKS, World  # noqa: E402
from test_sdks import judge, tell  # noqa: E402

PAGE = HERE.parents[1] / "doc" / "CONFORMANCE-STRIPE.md"
HEAD = """# Conformance: Stripe

`make interop` writes this page; do not edit it. Each cell is a scene of `tests/interop/stripe_scenes.py` that ran against a real `till sandbox` through
the platform's own library, unmodified: only its address and its key were set. "yes" passed; a cell that failed would fail the run, so there is none here.

"""


def versions():
    def found(pattern, *path):
        return re.search(pattern, HERE.joinpath(*path).read_text(encoding="utf-8")).group(1)
    return {"node": "npm stripe " + found(r'"stripe": "([^"]+)"', "..", "node", "package.json"),
            "python": "PyPI stripe " + found(r"\nstripe==(\S+)", "merchant", "requirements.txt"),
            "java": "stripe-java " + found(r"stripe-java</artifactId>\s*<version>([^<]+)", "stripe", "java", "pom.xml")}


def page(results):
    lines = ["| column | library |", "|---|---|", *(f"| {sdk} | {words} |" for sdk, words in versions().items()), "",
             "| scene | " + " | ".join(SDKS) + " |", "|---" * (len(SDKS) + 1) + "|"]
    lines += [f"| {title} | " + " | ".join("yes" if results[name, sdk] == "ok" else "**no**" for sdk in SDKS) + " |" for name, title, _ in SCENES]
    return HEAD + "\n".join(lines) + f"\n\n{len(results)} cells passed.\n"


def check_page(results):
    text = page(results)
    if os.environ.get("TILL_CONFORMANCE") == "write":
        PAGE.write_text(text, encoding="utf-8")
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return "ok", ""
    return "fail", "doc/CONFORMANCE-STRIPE.md is not what this run shows: run make interop and commit the page"


def run(world, chosen, whole):
    results, failed = {}, 0
    for number, (name, function, sdk) in enumerate(chosen, 1):
        begin = time.monotonic()
        state, why = judge(lambda world, sdk, _, function=function: function(world, sdk), world, sdk, "")
        results[name, sdk] = state
        failed += state != "ok"
        tell(number, "ok" if state == "ok" else "fail", f"{name}_{sdk}", why, time.monotonic() - begin)
    if whole:
        state, why = check_page(results) if not failed else ("fail", "cells failed; the page was left as it is")
        failed += state == "fail"
        tell(len(chosen) + 1, state, "the_page_is_what_the_run_shows", why)
    return failed


def main(words):
    cells = [(name, function, sdk) for name, _, function in SCENES for sdk in SDKS]
    chosen = [cell for cell in cells if not words or any(word in f"{cell[0]}_{cell[2]}" for word in words)]
    whole = not words
    print(f"1..{len(chosen) + 1 + whole}", flush=True)
    world, failed = World(), 1
    try:
        failed = run(world, chosen, whole)
    finally:
        world.close()
        bad = [sentence for stack in tap._stacks for sentence in tap.stop_gracefully(stack)]
        tell(len(chosen) + 1 + whole, "fail" if bad else "ok", "the_servers_stop_cleanly", "\n".join(bad))
        tap.sweep()
    return 1 if failed or bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
