# SPDX-License-Identifier: Apache-2.0
"""`make bench ARGS=audit`: what an audit costs over a store of many payments, beside a plain read of the same tables.

The store is made by the store's own operations (tests/bench/seed.c), in memory when /dev/shm has the room: what is measured is the auditor, not
the disk. The plain read is one `SELECT COUNT(*)` a table that may not use an index, with one more column so that rows are decoded.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

TABLES = {"payments": "updated_us", "attempts": "finished", "refunds": "updated_us", "evidence": "created_us", "ledger": "created_us",
          "events": "created_us", "deliveries": "created_us", "event_numbers": "event_pk", "audit": "created_us", "seals": "audit_pk",
          "nonces": "timestamp_s", "discrepancies": "created_us"}
BYTES_A_PAYMENT = 4000


def place(count):
    """A folder with room for such a store, in memory where that can be had."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > 2 * count * BYTES_A_PAYMENT:
        return memory
    return None


def plain_read(path):
    """Seconds of CPU and rows of reading every table through."""
    handle = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    before, rows = time.process_time(), 0
    for table, column in TABLES.items():
        rows += handle.execute(f"SELECT count(*), max({column}) FROM {table} NOT INDEXED").fetchone()[0]
    handle.close()
    return time.process_time() - before, rows


def audit(program, path):
    """The report, seconds by the wall and of CPU, and the largest memory in MiB."""
    start = time.monotonic()
    child = subprocess.Popen([str(program), "audit", "--store", str(path), "--json"], stdout=subprocess.PIPE)
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"the audit ended with {child.returncode}: {said[:2000]!r}")
    return json.loads(said), time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(row, program, path):
    """Prints the rows; `row` is Bench.row."""
    plain, rows = plain_read(path)
    report, wall, cpu, memory = audit(program, path)
    count = report["payments"]
    row(f"plain read of all tables, {rows} rows", plain, "s CPU", f"{rows / max(plain, 1e-9):,.0f} rows/s")
    row(f"till audit over {count} payments", cpu, "s CPU", f"{cpu / max(plain, 1e-9):.1f} x the plain read")
    row("the same by the wall", wall, "s", f"{rows / wall:,.0f} rows/s")
    row("a payment, audited", cpu / count * 1e6, "us CPU")
    row("memory of the audit, at its largest", memory, "MiB")
    print(f"  whole: {report['rules']} rules, {report['transactions']} transactions, head {report['head']}")
