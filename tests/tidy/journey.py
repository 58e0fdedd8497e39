# SPDX-License-Identifier: Apache-2.0
"""doc/JOURNEY.md names functions and files; each must exist. Links between documents must lead somewhere."""
import re
from pathlib import Path

# `function` in `path/file.c`
STEP = re.compile(r"`([a-z_][a-z0-9_]*)(?:\(\))?`\s+in\s+`([\w/.]+\.[ch])`")
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")


def judge(text, read):
    """read(path) gives a file's text or None."""
    found = []
    steps = STEP.findall(text)
    if len(steps) < 15:
        found.append(f"the journey names {len(steps)} steps; a payment's way has more")
    for name, path in steps:
        source = read(path)
        if source is None:
            found.append(f"{path} does not exist")
        elif not re.search(rf"\b{name}\b\s*\(", source):
            found.append(f"{name} is not in {path}")
    return found


def check(root):
    def read(path):
        file = Path(root, path)
        return file.read_text(encoding="utf-8") if file.is_file() else None
    text = read("doc/JOURNEY.md")
    return judge(text, read) if text else ["doc/JOURNEY.md does not exist"]


def links(root):
    found = []
    for path in [*Path(root).glob("*.md"), *Path(root, "doc").rglob("*.md")]:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (path.parent / target).exists():
                found.append(f"{path.relative_to(root)} links to {target}, which does not exist")
    return found


def requirements(root):
    """doc/REQUIREMENTS.md has each of R1 to R30; a test or page that a row names must exist."""
    path = Path(root, "doc/REQUIREMENTS.md")
    if not path.exists():
        return ["doc/REQUIREMENTS.md does not exist"]
    text = path.read_text(encoding="utf-8")
    found = [f"R{n} has no row" for n in range(1, 31) if not re.search(rf"^\|\s*R{n}\s*\|", text, re.M)]
    for name in re.findall(r"`((?:tests|doc|tools|deploy|gateway|lib|rt|sandbox|shop|cli)/[\w/.-]+)`", text):
        if not Path(root, name).exists():
            found.append(f"doc/REQUIREMENTS.md names {name}, which does not exist")
    return found
