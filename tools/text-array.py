#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""text-array.py OUTPUT.h NAME FILE: a file as `static const char NAME[]` without a NUL, for one C file to include."""
import sys
from pathlib import Path

output, name, source = sys.argv[1:]
content = Path(source).read_bytes()
# Signed: char is, here, and the conversion warning is on.
numbers = [str(byte if byte < 128 else byte - 256) for byte in content]
lines = [",".join(numbers[i:i + 24]) for i in range(0, len(numbers), 24)]
Path(output).write_text(f"/* Made by tools/text-array.py. */\nstatic const char {name}[] = {{\n" + ",\n".join(lines) + "};\n",
                        encoding="ascii")
