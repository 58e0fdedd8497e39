#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what a payment, a notification and a query cost, beside the physical limits of this machine, in one run.

CPU is the gateway process's own (user + system), taken from /proc; the simulator and the load generator run beside it and do
not count. Times on small machines wander: ratios are what to look at. --stored N sets how many payments lie in the store; --full adds
the curve up to 10^6 and the restart with 10^6 payments. `audit` measures `till audit` alone, over 10^6 payments unless --stored says otherwise;
`overload` offers ten times the limit, `concurrent` 8,000 calls at one moment: both end with an error when a promise is broken. `timing` asks whether the
time of a refusal tells how much of a signature was right (S-014).
"""
import argparse
import hashlib
import hmac
import http.client
import json
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from stack import Stack, request, wait_for  # noqa: E402
import audit  # noqa: E402
import concurrent_calls  # noqa: E402
import overload  # noqa: E402

BUILD = ROOT / "build" / "bench"
TICK = os.sysconf("SC_CLK_TCK")


def build():
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(BUILD), "--buildtype=release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tools = [f"tests/bench/{path.stem}" for path in (ROOT / "tests" / "bench").glob("*.c")]
    subprocess.run(["ninja", "-C", str(BUILD), "cli/till", *tools], check=True, stdout=subprocess.DEVNULL)


def program(name, *arguments):
    """A bench program's JSON lines."""
    done = subprocess.run([str(BUILD / "tests" / "bench" / name), *map(str, arguments)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def cpu_us(pid):
    """User and system time of a process in microseconds; schedstat is finer than the clock tick where it exists."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0]) // 1000
        except (OSError, ValueError):
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) * 1000000 // TICK
    return total


def rss_mib(pid, name="VmRSS"):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0

# What is measured is the gateway, not its limits.
NO_LIMITS = {f"limits.{whose}.{what}": "off" for whose in ("instance", "app") for what in ("payments_create", "creates", "queries", "lists")}


class Load:
    """Keep-alive merchants: signs and sends without waiting for anything else."""

    def __init__(self, stack):
        self.key, self.secret = stack.key["id"], bytes.fromhex(stack.key["secret"])
        self.port, self.host = stack.gateway_port, f"127.0.0.1:{stack.gateway_port}"

    def headers(self, method, target, body):
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        text = f"{method}\n{self.host}\n{target}\n{stamp}\n{nonce}\n{hashlib.sha256(body).hexdigest()}\n"
        mac = hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
        return {"Authorization": f"TILL-HMAC-SHA256 key={self.key},timestamp={stamp},nonce={nonce},signature={mac}",
                "Content-Type": "application/json", "Host": self.host}

    def run(self, jobs, threads=8, rate=None):
        """jobs: list of (method, target, body). Answers in order. rate: calls a second in all, open loop."""
        answers, lock, position, started = [None] * len(jobs), threading.Lock(), [0], time.monotonic()

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while True:
                with lock:
                    number = position[0]
                    position[0] += 1
                if number >= len(jobs):
                    break
                if rate:
                    time.sleep(max(0.0, started + number / rate - time.monotonic()))
                method, target, body = jobs[number]
                connection.request(method, target, body=body, headers=self.headers(method, target, body))
                answer = connection.getresponse()
                answers[number] = (answer.status, answer.read())
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return answers, time.monotonic() - started


def orders(prefix, count):
    for number in range(count):
        yield ("POST", "/v1/payments", json.dumps({
            "channel": "alipay", "product": "precreate", "amount": 990, "currency": "CNY", "subject": "Coffee",
            "out_trade_no": f"{prefix}-{secrets.token_hex(6)}-{number}"}).encode())


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.rows = []

    def row(self, what, value, unit, beside="", aim=""):
        self.rows.append((what, f"{value:.1f}" if isinstance(value, float) else str(value), unit, beside, aim))
        print(f"  {what:52} {self.rows[-1][1]:>9} {unit:7} {beside:32} {aim}", flush=True)

    # What overload.py and concurrent_calls.py need of here.
    orders, rss_mib, wait_for, load = staticmethod(orders), staticmethod(rss_mib), staticmethod(wait_for), staticmethod(Load)

    @staticmethod
    def tool(name):
        return BUILD / "tests" / "bench" / name

    def stack(self, name):
        return Stack(BUILD / "cli" / "till", self.folder / name)

    def prepare(self, stored, overrides=None):
        """A stack whose store holds `stored` paid payments."""
        stack = self.stack(f"stored-{stored}")
        stack.overrides = {"http.connections_per_address": "512", **(NO_LIMITS if overrides is None else overrides)}
        stack.start_sandbox()
        stack.init()
        stack.start_gateway(arguments=("--no-supervise",))
        stack.provision()
        if stored:
            stack.gateway.stop()
            program("seed", stack.folder / "till.db", stack.folder / "master.key", stack.app["id"], stack.account["id"], stored)
            stack.start_gateway(arguments=("--no-supervise",))
        return stack

    def figure(self, stack, jobs, expected, **options):
        """Median CPU per call over five slices, answers, calls per second."""
        load, pid, slices, answers, seconds = Load(stack), stack.gateway.child.pid, [], [], 0.0
        size = max(1, len(jobs) // 5)
        for start in range(0, len(jobs), size):
            part = jobs[start:start + size]
            before = cpu_us(pid)
            got, took = load.run(part, **options)
            slices.append((cpu_us(pid) - before) / len(part))
            answers += got
            seconds += took
        wrong = [answer for answer in answers if answer[0] not in expected]
        if wrong:
            raise RuntimeError(f"{len(wrong)} of {len(answers)} answers are wrong, the first: {wrong[0]}")
        return statistics.median(slices), answers, len(jobs) / seconds

    def create(self, stack, count):
        self.figure(stack, list(orders("warm", count // 10)), (201,))
        return self.figure(stack, list(orders("bench", count)), (201,))

    def notify(self, stack, answers):
        """Pays the orders in the simulator and waits until all are paid here."""
        payments = [json.loads(body) for _, body in answers]
        pid, before = stack.gateway.child.pid, cpu_us(stack.gateway.child.pid)
        base = self.paid(stack)
        for payment in payments:
            stack.pay(payment["upstream_no"])
        wait_for(lambda: self.paid(stack) - base >= len(payments), "every notification", 120, 0.2)
        # What /metrics itself cost in between is taken off by measuring it.
        probe = cpu_us(pid)
        for _ in range(10):
            stack.metrics()
        look = (cpu_us(pid) - probe) / 10
        return (probe - before) / len(payments), look

    @staticmethod
    def paid(stack):
        return sum(value for name, value in stack.metrics().items()
                   if name.startswith("till_payments_total") and 'state="paid"' in name)

    def start_time(self, stack, how):
        """Milliseconds from exec to the first answer after the process was ended by `how`."""
        if how == signal.SIGKILL:
            stack.gateway.kill()
        else:
            stack.gateway.stop(how)
        started = time.monotonic()
        stack.start_gateway(wait=False, arguments=("--no-supervise",))
        while True:
            try:
                if request(stack.gateway_port, "GET", "/ping", timeout=1).status == 200:
                    return (time.monotonic() - started) * 1000
            except (OSError, http.client.HTTPException):
                time.sleep(0.002)


def measure_audit(bench, stored):
    print(f"till audit over {stored} stored payments, a tenth of them refunded; {os.cpu_count()} cores. Making the store takes a while.\n")
    with bench.prepare(stored) as stack:
        stack.gateway.stop()
        audit.measure(bench.row, BUILD / "cli" / "till", stack.folder / "till.db")
    return 0


def measure_overload(bench):
    print(f"Limit {overload.LIMIT} creates a second, offered {overload.OFFERED} for {overload.SECONDS} s in an open loop; {os.cpu_count()} cores, shared by all on the stage.\n")
    with bench.prepare(0, overload.SETTINGS) as stack:
        answers, _ = Load(stack).run(list(orders("paid", overload.PAID)))
        overload.measure(bench, stack, [json.loads(body) for _, body in answers])
    return 0


def measure_concurrent(bench, calls):
    print(f"{calls} orders at one moment, of a platform that answers after {concurrent_calls.DELAY_MS} ms; {os.cpu_count()} cores, shared by all on the stage.\n")
    with bench.stack("concurrent") as stack:
        concurrent_calls.measure(bench, stack, list(orders("many", calls + 1)))
    return 0


def measure_timing(bench, refusals):
    """One Welch's t a class, the largest named; an error when one reaches the bound, as a busy machine can make it."""
    print(f"{refusals} wrong signatures that share 0, 8, 16 or 31 leading bytes with the right one, in a shuffled order.\n")
    done = subprocess.run([str(BUILD / "tests" / "bench" / "timing_bench"), str(refusals)], capture_output=True, text=True)
    *classes, verdict = done.stdout.splitlines() or [""]
    for line in classes:
        name, _, figures = line.partition(": mean ")
        bench.row(name, figures.partition(" ")[0], "ns", figures.partition(" ns of ")[2], "|t| below 4.5")
    print("\n" + verdict)
    return done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("audit", "overload", "concurrent", "timing"),
                        help="only the auditor, over 10^6 payments; ten times the limit; many calls at once; what the time of a refusal tells")
    parser.add_argument("--stored", type=int)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--concurrent", type=int, default=8000, help="how many calls at once")
    parser.add_argument("--refusals", type=int, default=1000000, help="wrong signatures of `timing`")
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    build()
    arguments.stored = arguments.stored or (1000000 if arguments.what == "audit" else 100000)
    folder = Path(tempfile.mkdtemp(prefix="till-bench-", dir=audit.place(arguments.stored) if arguments.what == "audit" else None))
    bench = Bench(folder)
    try:
        if arguments.what == "overload":
            return measure_overload(bench)
        if arguments.what == "concurrent":
            return measure_concurrent(bench, arguments.concurrent)
        if arguments.what == "timing":
            return measure_timing(bench, arguments.refusals)
        if arguments.what:
            return measure_audit(bench, arguments.stored)
        print(f"Figures at {arguments.stored} stored payments, {arguments.calls} calls each; {os.cpu_count()} cores. CPU is the gateway's own.\n")
        print("Physical limits, same machine, same run:")
        physics = program("physics_bench")[0]
        sign, verify = physics["rsa_sign_cpu_us"], physics["rsa_verify_cpu_us"]
        bench.row("one RSA-2048 signature", sign, "us CPU")
        bench.row("one RSA-2048 verification", verify, "us CPU")
        bare = program("http_bench")[0]
        bench.row("bare HTTP answer, inline / through a worker", f"{bare['inline_cpu_us']:.0f}/{bare['worker_cpu_us']:.0f}", "us CPU")
        upstream = program("upstream_bench")[0]
        bench.row("keep-alive call to a platform, 32 workers", upstream["cpu_ns_32_workers"] / 1000, "us CPU")

        print("\nThe gateway:")
        with bench.prepare(0) as stack:
            time.sleep(1)
            bench.row("idle memory, empty store", rss_mib(stack.gateway.child.pid), "MiB", "", "aim 20")
            bench.row("start to first answer, empty store", bench.start_time(stack, signal.SIGTERM), "ms", "", "aim 100")
        with bench.prepare(arguments.stored) as stack:
            create, answers, rate = bench.create(stack, arguments.calls)
            bench.row("created payment", create, "us CPU", f"{create / sign:.2f} x one signature", "aim 1.5, moonshot 1.3")
            bench.row("created payments a second, load beside it", rate, "1/s")
            notify, _ = bench.notify(stack, answers[:min(1000, len(answers))])
            bench.row("notification to durable commit", notify, "us CPU", f"{notify / verify:.1f} x one verification", "aim 6")
            identities = [json.loads(body)["id"] for _, body in answers]
            query, _, rate = bench.figure(stack, [("GET", f"/v1/payments/{identity}", b"") for identity in identities * 2], (200,))
            bench.row("merchant query", query, "us CPU", f"{query / bare['worker_cpu_us']:.1f} x a bare answer", "aim 30 from a cache")
            bench.row("merchant queries a second", rate, "1/s")
            jobs = list(orders("steady", 2500))
            _, answers, rate = bench.figure(stack, jobs, (201,), threads=16, rate=500)
            bench.row("memory at 500 creates/s offered", rss_mib(stack.gateway.child.pid), "MiB", f"{rate:.0f}/s reached", "aim 64")
            stall = stack.metrics().get("till_store_stall_seconds", 0.0)
            bench.row("longest store stall", stall * 1000, "ms", "", "aim 200")
            bench.row(f"start to first answer after kill -9, {arguments.stored}", bench.start_time(stack, signal.SIGKILL), "ms", "", "aim 1000 at 10^6")
        if arguments.full:
            print("\nCost by size of the store:")
            costs = {}
            for stored in (10000, 100000, 1000000):
                with bench.prepare(stored) as stack:
                    costs[stored], _, _ = bench.create(stack, arguments.calls)
                    bench.row(f"created payment at {stored}", costs[stored], "us CPU", f"{costs[stored] / costs[10000]:.2f} x that at 10000", "aim 2.5 at 10^6")
                    if stored == 1000000:
                        bench.row("start to first answer after kill -9, 10^6", bench.start_time(stack, signal.SIGKILL), "ms", "", "aim 1000")
        print("\nThe figures above are of this machine and this run. The aims are DESIGN's; what they mean is in doc/BENCH.md.")
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
