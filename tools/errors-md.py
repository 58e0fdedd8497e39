#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes doc/ERRORS.md from include/till/error.def.

    tools/errors-md.py            write the page
    tools/errors-md.py --check    exit 1 when the page is not what the registry says, a slug means two
                                  things, or a code is used nowhere
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = ROOT / "include/till/error.def"
HEADER = ROOT / "include/till/error.h"
PAGE = ROOT / "doc/ERRORS.md"
SOURCES = ["lib", "rt", "gateway", "sandbox", "shop", "cli"]
ROW = re.compile(r'TILL_ERROR\((\w+),\s*(\w+),\s*(\d{3}),\s*"([^"]+)",\s*"((?:[^"\\]|\\.)*)"\s*\)')


def rows():
    text = re.sub(r"/\*.*?\*/", "", REGISTRY.read_text(), flags=re.S)
    found = ROW.findall(text)
    if len(found) != text.count("TILL_ERROR("):
        sys.exit(f"{REGISTRY}: {text.count('TILL_ERROR(')} entries, but only {len(found)} can be read")
    return [(name, group.lower(), status, slug, sentence.replace('\\"', '"'))
            for name, group, status, slug, sentence in found]


def reactions():
    """Classes with their comments, from the header, in its order."""
    return [(name.lower(), comment) for name, comment in
            re.findall(r"^\s*TILL_CLASS_(\w+),?\s*/\* (.*?) \*/", HEADER.read_text(), re.M)]


def page():
    lines = ["# Errors", "",
             "Made by `tools/errors-md.py` from `include/till/error.def`; change that registry, not this page.", "",
             "Every refusal is a problem document (RFC 9457) whose `code` is a slug of this list. Slugs are stable;",
             "sentences may be worded better. The class is the reaction:", "",
             "| class | reaction |", "|---|---|"]
    lines += [f"| {name} | {comment} |" for name, comment in reactions()]
    for group, comment in reactions():
        lines += ["", f"## {group}", "", f"*{comment[0].upper()}{comment[1:]}.*", "",
                  "| slug | status | what to do | code in C |", "|---|---|---|---|"]
        lines += [f"| `{slug}` | {status} | {sentence} | `TILL_E_{name}` |"
                  for name, of, status, slug, sentence in rows() if of == group]
    return "\n".join(lines) + "\n"


def contradictions():
    """A slug may stand for several codes (they must not be told apart outside), but says one thing."""
    seen = {}
    for name, group, status, slug, sentence in rows():
        if seen.setdefault(slug, (group, status, sentence)) != (group, status, sentence):
            yield f"{slug}: {name} gives the slug another class, status or sentence"
    known = {group for group, _ in reactions()}
    for name, group, *_ in rows():
        if group not in known:
            yield f"{name}: {group} is no class"


def unused():
    text = "\n".join(path.read_text() for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.[ch]")))
    words = set(re.findall(r"\b(?:TILL_E_)?([A-Z][A-Z0-9_]+)\b", text))
    for name, *_ in rows():
        if name not in words:
            yield f"{name}: no source uses this code; use it or remove it"


def check():
    complaints = [*contradictions(), *unused()]
    if not PAGE.exists() or PAGE.read_text() != page():
        complaints.append(f"{PAGE.relative_to(ROOT)} is not current; run tools/errors-md.py")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
