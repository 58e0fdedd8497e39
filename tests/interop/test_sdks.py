#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real SDKs against a real sandbox: one test a cell of doc/CONFORMANCE.md, then the page itself.

TILL names the program. Arguments choose cells by a word of their name (`key_refund_go`, `certificate`, `_java`). A whole run compares the page with
the one in the tree; with TILL_CONFORMANCE=write it rewrites it, as `make interop` does.
"""
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import cells  # noqa: E402,F401
import cells_hosts  # noqa: E402,F401
import cells_products  # noqa: E402,F401
import cells_trust  # noqa: E402,F401
import rows  # noqa: E402
import table  # noqa: E402
import tap  # noqa: E402
from scene import World  # noqa: E402
from sdk import Grey  # noqa: E402


def judge(function, world, sdk, mode):
    """(state, why) of one cell."""
    try:
        function(world, sdk, mode)
        return "ok", ""
    except Grey as reason:
        return "grey", str(reason)
    except Exception as error:
        frames = [f"at {Path(frame.filename).name}:{frame.lineno} {frame.line}" for frame in traceback.extract_tb(error.__traceback__)
                  if "interop" in frame.filename][1:]
        return "fail", f"{type(error).__name__}: {error}\n" + "\n".join(frames[-4:])


def tell(number, state, name, why, seconds=0.0):
    word = "not ok" if state == "fail" else "ok"
    print(f"{word} {number} - {name}" + (f" # SKIP {why}" if state == "grey" else f" # {seconds:.2f}s"), flush=True)
    if state == "fail":
        print("\n".join(f"# {line}" for line in why.splitlines()[:60]), flush=True)


def check_page(results):
    text = table.page(results)
    if os.environ.get("TILL_CONFORMANCE") == "write":
        table.PAGE.write_text(text, encoding="utf-8")
        return "ok", ""
    if table.PAGE.exists() and table.PAGE.read_text(encoding="utf-8") == text:
        return "ok", ""
    return "fail", "doc/CONFORMANCE.md is not what this run shows: run make interop and commit the page"


def main(words):
    chosen = [cell for cell in rows.all_cells() if not words or any(word in f"{cell[0]}_{cell[1]}_{cell[3]}" for word in words)]
    whole = not words
    print(f"1..{len(chosen) + 1 + whole}", flush=True)
    world, results, failed = World(), {}, 0
    try:
        for number, (mode, name, title, sdk, function) in enumerate(chosen, 1):
            begin = time.monotonic()
            state, why = judge(function, world, sdk, mode)
            results[mode, name, title, sdk] = (state, why)
            failed += state == "fail"
            tell(number, state, f"{mode}_{name}_{sdk}", why, time.monotonic() - begin)
        if whole:
            state, why = check_page(results) if not failed else ("fail", "cells failed; the page was left as it is")
            failed += state == "fail"
            tell(len(chosen) + 1, state, "the_page_is_what_the_run_shows", why)
    finally:
        world.close()
        bad = [sentence for stack in tap._stacks for sentence in tap.stop_gracefully(stack)]
        tell(len(chosen) + 1 + whole, "fail" if bad else "ok", "the_servers_stop_cleanly", "\n".join(bad))
        tap.sweep()
    return 1 if failed or bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
