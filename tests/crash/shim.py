# SPDX-License-Identifier: Apache-2.0
"""The test's end of tests/support/shim.c: a file that program and test both map, one slot a kind of fault."""
import contextlib
import errno
import mmap
import re
import struct
from pathlib import Path

import tap

KINDS = re.findall(r"^SHIM\((\w+)\)", (tap.ROOT / "tests/support/shim.def").read_text(encoding="utf-8"), re.M)
SIZE, NUMBERS, PATH = 128, 8, 64
ARMED, AT, COUNT, EVERY, ERROR, DELAY, CALLS, STRUCK = range(NUMBERS)


def library():
    """Beside the program that is tested: both come out of one build."""
    path = tap.till().parents[1] / "tests" / "support" / "shim.so"
    tap.expect(path.exists(), f"{path} is missing; build tests/support/shim.so")
    return path


class Shim:
    """Orders for the programs that were started with `env`. At most one order a kind."""

    def __init__(self, folder):
        self.path = Path(folder) / "shim"
        self.path.write_bytes(bytes(SIZE * len(KINDS)))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.env = {"LD_PRELOAD": str(library()), "TILL_SHIM": str(self.path)}

    def number(self, kind, which, value=None):
        at = KINDS.index(kind) * SIZE + which * 8
        if value is not None:
            struct.pack_into("=q", self.map, at, value)
        return struct.unpack_from("=q", self.map, at)[0]

    def order(self, kind, at=1, count=1, every=1, error=0, delay=0.0, path=""):
        """From now on: the at-th call suffers, and count - 1 after it (-1: all of them), `every` calls apart."""
        self.number(kind, ARMED, 0)
        start = KINDS.index(kind) * SIZE
        self.map[start + NUMBERS * 8:start + NUMBERS * 8 + PATH] = path.encode().ljust(PATH, b"\0")
        for which, value in ((AT, at), (COUNT, count), (EVERY, every), (ERROR, error), (DELAY, int(delay * 1e6)), (CALLS, 0), (STRUCK, 0)):
            self.number(kind, which, value)
        self.number(kind, ARMED, 1)

    def end(self, kind):
        """No more of it; how often it struck."""
        self.number(kind, ARMED, 0)
        return self.struck(kind)

    def calls(self, kind):
        return self.number(kind, CALLS)

    def struck(self, kind):
        return self.number(kind, STRUCK)

    @contextlib.contextmanager
    def playing(self, kind, **order):
        """For the time of a block; that it struck at all is checked at its end."""
        self.order(kind, **order)
        try:
            yield self
        finally:
            self.end(kind)
        tap.expect(self.struck(kind), f"{kind} was met {self.calls(kind)} times and never struck")


NO_MEMORY, NO_ROOM, DISK_ERROR, TOO_MANY = errno.ENOMEM, errno.ENOSPC, errno.EIO, errno.EMFILE
