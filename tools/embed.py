#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py LIST OUTPUT.c FILE...: puts files into the binary as `const struct embedded LIST[]` (name, type, bytes)."""
import sys
from pathlib import Path

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
         ".html": "text/html; charset=utf-8", ".yaml": "application/yaml; charset=utf-8", ".json": "application/json"}


def rows(data):
    for start in range(0, len(data), 20):
        yield "    " + "".join(f"{byte:d}," for byte in data[start:start + 20])


name, output, files = sys.argv[1], Path(sys.argv[2]), [Path(file) for file in sys.argv[3:]]
text = ["/* Made by tools/embed.py. */", "#include <gateway/api/embedded.h>", ""]
for number, path in enumerate(files):
    text += [f"static const unsigned char bytes_{number}[] = {{", *rows(path.read_bytes()), "};"]
text += [f"const struct embedded {name}[] = {{"]
for number, path in enumerate(files):
    text.append(f'    {{"{path.name}", "{TYPES[path.suffix]}", bytes_{number}, sizeof bytes_{number}}},')
text += ["    {0}", "};", ""]
output.write_text("\n".join(text), encoding="utf-8")
