# SPDX-License-Identifier: Apache-2.0
"""`make bench ARGS=concurrent`: so many orders at one moment, of a platform that takes a second for each.

The platform is tests/bench/slow_stub.c. What it must cost at least is that second and the CPU of everybody on the stage, shared by the cores; the wall
time stands beside that. Workers and connections are configured for the number, so nobody may be sent away: any answer but 201 is a failure.
"""
import contextlib
import json
import os
import subprocess
import threading
import time

import barrage

DELAY_MS = 1000
ROOM = 200  # workers and connections beyond the calls
TIMEOUT, PATIENCE = "60s", "300s"  # so that a busy machine cuts nobody off


class Slow:
    """The platform that takes its time."""

    def __init__(self, program):
        self.child = subprocess.Popen([str(program), str(DELAY_MS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = json.loads(self.child.stdout.readline())
        self.port, self.public_key = said["port"], said["public_key"]

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)


def settings(calls):
    # Above fifteen sixteenths of connections_max each newcomer costs an idle connection.
    connections = calls * 17 // 16 + ROOM
    return {"http.workers_max": calls + ROOM, "http.connections_max": connections, "http.connections_per_address": connections,
            "limits.instance.payments_create": "off", "limits.app.payments_create": "off",
            "http.header_timeout": PATIENCE, "http.idle_timeout": PATIENCE, "upstream.in_flight_max": calls + ROOM, "upstream.timeout": TIMEOUT, "payments.create_deadline": TIMEOUT}


def provision(stack, slow):
    keys = stack.folder / "keys"
    stack.verb("key", "make", "--out", keys)
    stack.app = stack.admin("app", "add", "--name", "Many", "--mode", "test", "--hosts", "127.0.0.1:1")
    stack.key = stack.admin("app", "key", "--app", stack.app["id"])
    stack.account = stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", "slow",
                                "--set", "app_id=2021000000000001", "--set", "seller_id=2088000000000001",
                                "--set", f"gateway_url=http://127.0.0.1:{slow.port}/alipay/gateway.do",
                                "--set", f"private_key=@{keys / 'app_private_key.pem'}", "--set", f"platform_public_key={slow.public_key}")


class Peaks(threading.Thread):
    """The largest memory and number of threads of a process while it is watched."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.rss_kib, self.threads, self.over = pid, 0, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/status", encoding="ascii") as status:
                for line in status:
                    name, _, value = line.partition(":")
                    if name == "VmRSS":
                        self.rss_kib = max(self.rss_kib, int(value.split()[0]))
                    elif name == "Threads":
                        self.threads = max(self.threads, int(value))

    def end(self):
        self.over.set()
        self.join()


def fire(bench, stack, slow, jobs):
    """The shots, and microseconds of CPU of gateway, platform and load generator."""
    pids = (stack.gateway.child.pid, slow.child.pid)
    before = [barrage.process_cpu_us(pid) for pid in pids]
    run = barrage.Barrage(bench.tool("barrage"), bench.load(stack), jobs, len(jobs), 0)
    shots = run.shots()
    return shots, [barrage.process_cpu_us(pid) - was for pid, was in zip(pids, before)] + [int(run.cpu_s * 1e6)]


def measure(bench, stack, jobs):
    """jobs[0] warms up; the others are sent at one moment. Prints the rows; RuntimeError when anybody was sent away."""
    calls = len(jobs) - 1
    barrage.raise_descriptors(calls * 9 // 4 + 1000)
    slow = Slow(bench.tool("slow_stub"))
    try:
        stack.sandbox_port = slow.port
        stack.overrides = settings(calls)
        stack.init()
        stack.start_gateway(arguments=("--no-supervise",))
        provision(stack, slow)
        fire(bench, stack, slow, jobs[:1])
        peaks = Peaks(stack.gateway.child.pid)
        peaks.run_before = bench.rss_mib(stack.gateway.child.pid)
        peaks.start()
        shots, cpu = fire(bench, stack, slow, jobs[1:])
        cut = {name: value for name, value in stack.metrics().items() if name.startswith("till_connections_cut_total") and value}
        peaks.end()
    finally:
        slow.close()
    tell(bench, calls, shots, cpu, peaks, cut)


def tell(bench, calls, shots, cpu, peaks, cut):
    cores, statuses = os.cpu_count(), barrage.statuses(shots)
    wall_s = max(shot.done_us for shot in shots) / 1e6
    least_s = DELAY_MS / 1000 + sum(cpu) / 1e6 / cores
    middle, late = barrage.median_and_99th(barrage.waits_ms(shots, 201))
    bench.row(f"{calls} calls at once, answered 201", statuses[201], "calls", f"sent away or lost: {calls - statuses[201]}", "aim: none")
    bench.row("wall time until the last answer", wall_s, "s", f"{wall_s / least_s:.2f} x (1 s + CPU)", "")
    bench.row(f"1 s + CPU of all, on {cores} cores", least_s, "s", f"gateway {cpu[0] / 1e6:.1f}, platform {cpu[1] / 1e6:.1f}, load {cpu[2] / 1e6:.1f} s")
    bench.row("CPU of the gateway, a call", cpu[0] / calls, "us CPU")
    bench.row("median wait, 99th of a hundred", middle, "ms", f"99th: {late:.0f} ms")
    rss = peaks.rss_kib / 1024
    bench.row("memory before, and at its largest", rss, "MiB", f"before: {peaks.run_before:.1f} MiB", f"{(rss - peaks.run_before) * 1024 / calls:.0f} KiB a call")
    bench.row("threads at the most", peaks.threads, "threads")
    if statuses[201] != calls:
        raise RuntimeError(f"of {calls} calls some were not answered well: {dict(statuses)} (0: no answer, -1: not sent); cut: {cut}")
