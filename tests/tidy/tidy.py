#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The walls of the house, as TAP. Each check is also shown to fail on something broken."""
import subprocess
import sys
import tempfile
from pathlib import Path

import counting_check
import farm_check
import journey
import layers
import openapi
import purity
import shape
import simulation

ROOT = Path(__file__).resolve().parent.parent.parent
count = 0
failures = 0


def test(name, problems):
    global count, failures
    count += 1
    failures += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {count} - {name}")
    for problem in problems:
        print(f"# {problem}")


def library():
    """libtill.a of these sources, in a build of its own."""
    folder = ROOT / "build" / "tidy"
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(folder), "-Dtests=false"], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    subprocess.run(["ninja", "-C", str(folder), "lib/libtill.a"], check=True, stdout=subprocess.DEVNULL)
    return folder / "lib" / "libtill.a"


def main():
    test("layers_are_kept", layers.check(ROOT))
    for path, text, word in layers.BROKEN:
        found = layers.judge(path, text)
        test(f"a_broken_layer_is_found: {path} {word}", [] if any(word in f for f in found) else [f"not found: {found}"])
    for path, text in layers.WHOLE:
        test(f"a_lawful_include_passes: {path}", layers.judge(path, text))

    test("libtill_is_pure", purity.judge(library()))
    with tempfile.TemporaryDirectory() as folder:
        for source, word in purity.BROKEN:
            found = purity.judge(purity.compile_object(folder, source))
            test(f"an_impure_object_is_found: {word}", [] if any(word in f for f in found) else ["not found"])
        test("a_pure_object_passes", purity.judge(purity.compile_object(folder, purity.WHOLE)))

    test("files_and_functions_keep_their_shape", shape.check(ROOT))
    for path, text, word in shape.BROKEN:
        found = shape.judge(path, text)
        test(f"a_bad_shape_is_found: {word}", [] if any(word in f for f in found) else [f"not found: {found}"])
    for path, text in shape.WHOLE:
        test("a_good_shape_passes", shape.judge(path, text))
    test("the_create_flow_stays_short", shape.create_flow(ROOT))

    test("the_journey_is_true", journey.check(ROOT))
    lie = "`no_such_function` in `lib/base/str.c`\n" * 20
    test("a_false_journey_is_found", [] if journey.judge(lie, lambda path: "int f(void);") else ["not found"])
    test("failures_are_counted", counting_check.check())
    test("failing_seeds_are_found_and_named", farm_check.check())
    test("the_planted_bugs_fit_the_tree", farm_check.fits(ROOT))
    stale = "--- a/Makefile\n+++ b/Makefile\n@@ -1,2 +1,2 @@\n-no such line\n+another\n nor this\n"
    test("a_bug_that_fits_no_more_is_found", [] if farm_check.fits(ROOT, stale) else ["not found"])
    test("each_invariant_has_a_row_that_is_true", simulation.check(ROOT))
    for text, word in simulation.BROKEN:
        found = simulation.judge(text, simulation.SOURCES, lambda path: False)
        test(f"a_false_row_of_an_invariant_is_found: {word}", [] if any(word in f for f in found) else [f"not found: {found}"])
    test("true_rows_of_invariants_pass", simulation.judge(simulation.GOOD, simulation.SOURCES, lambda path: False))
    test("the_contract_agrees_with_the_source_and_its_examples_with_it", openapi.check(ROOT))
    for name, contract, sources, word in openapi.broken():
        found = openapi.judge(contract, sources)
        test(f"a_contract_that_lies_is_found: {name}", [] if any(word in f for f in found) else [f"not found: {found}"])
    test("answers_that_break_the_contract_are_found_and_good_ones_pass", openapi.judge_answers())
    test("a_key_that_stands_twice_is_found", [] if list(openapi.of_yaml("a: {b: 1, c: 2, b: 3}")) else ["not found"])
    wrong = {"components": {"schemas": {"Wrong": {"type": "text"}}}}
    test("a_schema_that_is_none_is_found", [] if list(openapi.of_schemas(wrong)) else ["not found"])
    test("links_lead_somewhere", journey.links(ROOT))
    test("requirements_have_rows_and_tests", journey.requirements(ROOT))
    cases = subprocess.run([sys.executable, str(ROOT / "tools" / "cases.py"), "--check"], capture_output=True, text=True, check=False)
    points = subprocess.run([sys.executable, str(ROOT / "tools" / "crash-points.py"), "--check"], capture_output=True, text=True, check=False)
    test("each_crash_point_has_its_kills_and_the_page_says_so", (points.stdout + points.stderr).splitlines() if points.returncode else [])
    test("each_promised_case_has_a_test_and_the_page_says_so", cases.stdout.splitlines() if cases.returncode else [])
    faults = subprocess.run([sys.executable, str(ROOT / "tools" / "faults-md.py"), "--check"], capture_output=True, text=True, check=False)
    test("each_fault_has_tests_and_each_test_of_a_fault_a_row", faults.stdout.splitlines() if faults.returncode else [])
    print(f"1..{count}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
