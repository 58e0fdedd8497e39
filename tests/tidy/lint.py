#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Static checks as TAP: layout (clang-format), cppcheck, clang-tidy. Which checks, and why not others: .clang-tidy, cppcheck.txt.

    lint.py BUILD [WORD]     BUILD: a configured and built folder of clang; WORD: only files with it in their path

The layout and the findings were agreed on with version 14 of the LLVM tools; with another version those two are
skipped, and the line says so.
"""
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("include", "lib", "rt", "gateway", "sandbox", "shop", "cli")
VERSION = "14"
count = failures = 0


def test(name, lines=(), skip=None):
    global count, failures
    count += 1
    failures += bool(lines)
    print(f"{'not ok' if lines else 'ok'} {count} - {name}" + (f" # SKIP {skip}" if skip else ""), flush=True)
    for line in lines:
        print(f"# {line}", flush=True)


def run(arguments):
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, [line for line in (done.stdout + done.stderr).replace(str(ROOT) + "/", "").splitlines() if line.strip()]


def tool(name):
    """(program or None, why not)"""
    for program in (f"{name}-{VERSION}", name):
        if which(program):
            found = re.search(r"version (\d+)", subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout)
            if found and found.group(1) == VERSION:
                return program, None
    return None, f"{name} {VERSION} is not here; another version judges otherwise"


def sources(folders, *endings):
    known = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [path for path in known if path.endswith(endings) and (ROOT / path).exists()]


def layout(word):
    program, reason = tool("clang-format")
    files = [path for path in sources([*PRODUCT, "tests"], ".c", ".h") if word in path]
    if not program:
        return test("the_layout_is_the_formatters", skip=reason)
    _, lines = run([program, "--dry-run", "-Werror", *files])
    bad = sorted({line.split(":")[0] for line in lines if "error:" in line})
    return test("the_layout_is_the_formatters", [f"{path}: run {program} -i {path}" for path in bad])


def cppcheck(build, word):
    if not which("cppcheck"):
        return test("cppcheck_finds_nothing", ["cppcheck is missing: tools/setup.sh test installs it"])
    _, lines = run(["cppcheck", "--quiet", "--std=c17", "--enable=warning,portability,performance", "-j2", "-Iinclude", "-I.",
                    f"-I{build}", "-D_GNU_SOURCE", "-UNDEBUG", "--suppressions-list=tests/tidy/cppcheck.txt", "--error-exitcode=1",
                    "--template={file}:{line}: {message} [{id}]", *[path for path in sources(PRODUCT[1:], ".c") if word in path]])
    return test("cppcheck_finds_nothing", lines)


def clang_tidy(build, word):
    program, reason = tool("clang-tidy")
    if not program:
        return test("clang_tidy_finds_nothing", skip=reason)
    compiled = {str((Path(entry["directory"]) / entry["file"]).resolve().relative_to(ROOT))
                for entry in json.loads((Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
                if (Path(entry["directory"]) / entry["file"]).resolve().is_relative_to(ROOT)}
    files = [path for path in sources(PRODUCT[1:], ".c") if word in path and path in compiled]

    def judge(path):
        status, lines = run([program, "-p", build, "--quiet", path])
        lines = [line for line in lines if re.search(r"(error|warning|note):", line)]
        return path, lines or (["clang-tidy ended with " + str(status)] if status else [])
    with ThreadPoolExecutor(2) as pool:
        for path, lines in pool.map(judge, files):
            test(f"clang_tidy_finds_nothing_in {path}", lines)


def main():
    build, word = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    layout(word)
    cppcheck(build, word)
    clang_tidy(build, word)
    print(f"1..{count}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
