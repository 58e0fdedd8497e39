# SPDX-License-Identifier: Apache-2.0
"""Requests that are signed beforehand and leave at their time (tests/bench/barrage.c), and what came of each."""
import collections
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

Shot = collections.namedtuple("Shot", "number status due_us sent_us done_us")


def raise_descriptors(wanted):
    """This process's limit, which its children inherit; RuntimeError says what to do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError) as reason:
        raise RuntimeError(f"{wanted} open files are needed and {hard} are allowed: raise ulimit -n") from reason


def write_requests(path, load, jobs):
    """Whole requests, each after a line with its length; `load` signs them."""
    with open(path, "wb") as out:
        for method, target, body in jobs:
            head = "".join(f"{name}: {value}\r\n" for name, value in load.headers(method, target, body).items())
            request = f"{method} {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            out.write(b"%d\n" % len(request) + request)


def process_cpu_us(pid):
    """User and system time of a process, threads that have left included, in microseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000000 // os.sysconf("SC_CLK_TCK")


class Barrage:
    """One run in the background; `shots()` waits for its end."""

    def __init__(self, program, load, jobs, connections, rate):
        handle, name = tempfile.mkstemp(prefix="till-barrage-")
        os.close(handle)
        self.path = Path(name)
        write_requests(self.path, load, jobs)
        self.child = subprocess.Popen([str(program), str(load.port), name, str(connections), str(rate)], stdout=subprocess.PIPE)

    def shots(self):
        said = self.child.stdout.read()
        _, status, used = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self.path.unlink()
        if self.child.returncode != 0:
            raise RuntimeError(f"the load generator ended with {self.child.returncode}")
        self.cpu_s = used.ru_utime + used.ru_stime
        return [Shot(*map(int, line.split())) for line in said.splitlines()]


def statuses(shots):
    return collections.Counter(shot.status for shot in shots)


def waits_ms(shots, status):
    """Sorted milliseconds from the moment a request was due to its answer, of those with this status."""
    return sorted((shot.done_us - shot.due_us) / 1000 for shot in shots if shot.status == status)


def median_and_99th(values):
    return (statistics.median(values), values[len(values) * 99 // 100]) if values else (0.0, 0.0)
