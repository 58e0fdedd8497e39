#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes lib/channel/gbk.inc: Unicode of every two-byte GBK character, from Python's own codec.

    tools/gbk-table.py            write the table
    tools/gbk-table.py --check    exit 1 when it is not what this script writes
"""
import pathlib
import sys

TABLE = pathlib.Path(__file__).resolve().parent.parent / "lib/channel/gbk.inc"


def unicode_of(lead, trail):
    try:
        return ord(bytes((lead, trail)).decode("gbk"))
    except UnicodeDecodeError:
        return 0


def table():
    codes = [unicode_of(lead, trail) for lead in range(0x81, 0xFF) for trail in range(0x40, 0xFF)]
    rows = [", ".join(f"0x{code:04x}" for code in codes[i:i + 12]) for i in range(0, len(codes), 12)]
    return ("/* SPDX-License-Identifier: Apache-2.0 */\n"
            "/* Made by tools/gbk-table.py. Row: lead byte 0x81..0xfe, column: trail byte 0x40..0xfe; 0: no character. */\n"
            + ",\n".join(rows) + "\n")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        if not TABLE.exists() or TABLE.read_text() != table():
            sys.exit("lib/channel/gbk.inc is not what tools/gbk-table.py writes")
    else:
        TABLE.write_text(table())
