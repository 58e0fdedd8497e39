#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""npm alipay-sdk against `till sandbox`. TILL names the program; the packages lie in tests/node (npm ci)."""
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    till = os.environ.get("TILL")
    if not till:
        sys.exit("TILL must name the till program")
    if not (HERE.parent / "node" / "node_modules" / "alipay-sdk").is_dir():
        print("1..1\nnot ok 1 - alipay-sdk is not installed: run npm ci in tests/node")
        return 1
    return subprocess.run(["node", str(HERE / "alipay_node.mjs"), str(Path(till).resolve())], timeout=300, check=False).returncode


sys.exit(main())
