# SPDX-License-Identifier: Apache-2.0
"""The system under a running gateway gives nothing: no descriptor, memory, thread, randomness, name, room for the log; and calls that are
interrupted or do half. Each story counts that its fault struck and ends in the audit of the crash matrix; doc/FAULTS.md is the table."""
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, request, test, wait_for  # noqa: E402
from scene import GONE  # noqa: E402
from shaken import BROKEN, Shaken, cpu_seconds  # noqa: E402
from shim import NO_MEMORY, NO_ROOM, TOO_MANY  # noqa: E402

FEW = {"http__workers_max": 8, "http__notify_workers_max": 4}


def refused_start(scene, *words):
    """A start that is refused says why and has an exit status of its own."""
    scene.stack.start_gateway(wait=False, arguments=("--no-supervise",))
    gateway = scene.stack.gateway
    said = len(gateway.output())
    equal(gateway.child.wait(30), 1, f"the exit status of a start without {words}: {gateway.output()[-1000:]}")
    for word in words:
        expect(word in gateway.output()[max(0, said - 4000):], f"{word} is not in: {gateway.output()[-1000:]}")


# ---- descriptors and accepting


@test
def s_136_sixty_four_descriptors_refuse_a_start_and_are_survived_later(_):
    with Shaken("few", **FEW, http__connections_max=64, http__connections_per_address=64) as scene:
        scene.works()
        scene.kill()
        scene.before = ("prlimit", "--nofile=64:64")
        refused_start(scene, "limit of open files", "LimitNOFILE")
        scene.before = ()
        scene.start()
        scene.insist(scene.order())
        resource.prlimit(scene.pid, resource.RLIMIT_NOFILE, (64, 64))
        held = []
        for _ in range(120):
            with contextlib.suppress(OSError):
                held.append(tap.connect(scene.stack.gateway_port, 2))
        wait_for(lambda: scene.logged("http_out_of_descriptors"), "descriptors running out", 20)
        before, began = cpu_seconds(scene.pid), time.monotonic()
        time.sleep(1)
        expect(cpu_seconds(scene.pid) - before < 0.7 * (time.monotonic() - began), "a busy loop while descriptors are short")
        for one in held:
            one.close()
        scene.works()
        scene.repay()


@test
def s_136_errors_of_accept_delay_and_lose_nothing(_):
    """A peer that left before it was taken, no buffers, a full table, a network that is down: tried again, without a busy loop."""
    with Shaken("accept") as scene:
        order = scene.order()
        scene.insist(order)
        for number in (errno.ECONNABORTED, errno.ENOBUFS, errno.EMFILE, errno.ENFILE, errno.EINTR, errno.EPROTO, errno.ENETDOWN, errno.EPERM):
            with scene.shim.playing("accept", count=6, error=number):
                before = cpu_seconds(scene.pid)
                scene.reads(order)
                wait_for(lambda: request(scene.stack.gateway_port, "GET", "/ping", timeout=10).status == 200 and scene.shim.struck("accept") == 6,
                         f"six strokes of {errno.errorcode[number]}", 20)
            expect(cpu_seconds(scene.pid) - before < 1, f"a busy loop at {errno.errorcode[number]}")
        scene.works()
        scene.finish()


@test
def s_136_no_descriptor_for_an_outgoing_call_is_unsent_and_nothing_more(_):
    with Shaken("socket") as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start()  # a connection that is kept needs no descriptor
        unsent = tap.metric_sum(scene.stack, "till_upstream_total", verdict="unsent")
        lost = scene.order()
        with scene.shim.playing("socket", count=-1, error=TOO_MANY):
            expect(scene.try_create(lost) in (202, 502, 503), f"a create: {lost.refusals}")
        expect(tap.metric_sum(scene.stack, "till_upstream_total", verdict="unsent") > unsent, "it was not counted as unsent")
        expect(lost.subject not in scene.trades(), "the platform knows it")
        scene.insist(lost)
        equal(len(scene.trades()[lost.subject]), 1, "upstream orders")
        scene.works()
        scene.finish()


# ---- memory


class Kinds:
    """One request of each kind, each with its way to look at what came of it."""

    def __init__(self, scene):
        self.scene = scene
        self.paid, self.open = scene.order(), scene.order()
        scene.settle(self.paid)
        scene.insist(self.open)
        self.names = ("create", "read", "list", "notify", "refund", "close", "cashier", "health", "metrics", "admin")

    def create(self):
        return self.scene.try_create()

    def plain(self, target, port=None):
        return request(port or self.scene.stack.gateway_port, "GET", target, timeout=10).status

    def signed(self, target):
        return self.scene.stack.merchant().call("GET", target, timeout=10).status

    def read(self):
        return self.signed(f"/v1/payments/{self.paid.id}")

    def list(self):
        return self.signed("/v1/payments?limit=3")

    def notify(self):
        """A new order is paid; whether the platform was answered `success` is the audit's question."""
        order = self.scene.order()
        self.scene.shim.number("malloc", 0, 0)
        self.scene.insist(order)
        known = order.answers[0][1]["upstream_no"]
        self.scene.stack.control("POST", f"/trades/{known}/scan", {})
        self.scene.shim.number("malloc", 0, 1)
        self.scene.stack.pay(known)
        time.sleep(0.05)
        return 200

    def refund(self):
        self.scene.send_refund(self.scene.refund(self.paid, 1))
        return 200

    def close(self):
        with contextlib.suppress(GONE):
            return self.scene.stack.merchant().call("POST", f"/v1/payments/{self.open.id}/close", timeout=10).status

    def cashier(self):
        return self.plain(self.open.answers[0][1]["cashier_url"].split(str(self.scene.stack.gateway_port), 1)[1])

    def health(self):
        return self.plain("/health")

    def metrics(self):
        return self.plain("/metrics", self.scene.stack.private_port)

    def admin(self):
        return tap.admin_http(self.scene.stack, "GET", "/admin/status").status


# Nobody is told that his request is bad because we had no memory. But for 413, which the HTTP library says itself of a request that it had
# no memory to read.
GOOD = (200, 201, 202, 302, 303, 413, 500, 502, 503)


# The place that has no error to return: lib/crypto/digest.c.
KNOWN_ABORT = "till_sha256: Assertion `good' failed"


def without_memory(scene, kinds, name, at):
    """The at-th allocation from now on fails once. The answer is one of ours or a broken connection; the process goes on, or has ended by
    itself and is started again."""
    shim = scene.shim
    shim.order("malloc", at=at, error=NO_MEMORY)
    status = None
    try:
        status = getattr(kinds, name)()
    except GONE:
        pass
    struck = shim.end("malloc")
    expect(status is None or status in GOOD, f"{name} without its {at}th allocation: {status}")
    if scene.stack.gateway.running() and scene.is_ready():
        return struck, False
    gateway = scene.stack.gateway
    wait_for(lambda: not gateway.running(), f"an end after {name} lost its {at}th allocation", 20, 0.02)
    expect(gateway.child.returncode in (70, -signal.SIGABRT), f"{name} without its {at}th allocation ended it with {gateway.child.returncode}:"
           f" {gateway.output()[-1500:]}")
    if gateway.child.returncode == -signal.SIGABRT:
        expect(KNOWN_ABORT in gateway.output(), f"it aborted elsewhere: {gateway.output()[-1500:]}")
        gateway.log.write_text("", encoding="utf-8")
    scene.left()
    scene.start()
    return struck, True


def allocations(scene, kinds, name):
    """Of a request that is not the first of its kind."""
    for _ in range(2):
        scene.shim.order("malloc", at=1 << 60)
        with contextlib.suppress(GONE):
            getattr(kinds, name)()
        scene.shim.end("malloc")
    return scene.shim.calls("malloc")


@test
def an_allocation_that_fails_anywhere_in_a_request_leaves_nothing_behind(_):
    """Of each kind of request some of its allocations; all of them with `make soak ARGS=faults`. Afterwards every lane, lock and the books
    are as they were."""
    each = int(os.environ.get("FAULTS_ALLOCATIONS", "9"))
    counts, strokes, ends = {}, {}, 0
    with Shaken("malloc", **FEW) as scene:
        scene.excused = ('"store_broken"', '"sequence_failed"', '"bug"')  # the class of having no memory
        kinds = Kinds(scene)
        for name in kinds.names:
            count = counts[name] = allocations(scene, kinds, name)
            expect(count > 0, f"{name} allocates nothing")
            step = max(1, count // each)
            for at in range(1, count + 1, step):
                struck, ended = without_memory(scene, kinds, name, at)
                strokes[name] = strokes.get(name, 0) + struck
                ends += ended
        print(f"# allocations {counts}, strokes {strokes}, ends of the process {ends}")
        expect(all(strokes.values()) and len(strokes) == len(kinds.names), f"strokes: {strokes}")
        for order in list(scene.orders.values()):
            if not order.answers:
                scene.insist(order)
        for refund in scene.refunds:
            wait_for(lambda: scene.send_refund(refund), f"the refund {refund.number}", 20)
        scene.stack.control("POST", "/clock", {"advance_seconds": 1})
        wait_for(lambda: scene.close(kinds.open) or scene.read(kinds.open)["state"] == "paid", "the close", 20)
        scene.finish()


@contextlib.contextmanager
def ceiling(mebibytes):
    """A memory control group; None where there is none to be had."""
    place = Path(f"/sys/fs/cgroup/memory/till-{os.getpid()}")
    try:
        place.mkdir()
        (place / "memory.limit_in_bytes").write_text(str(mebibytes << 20))
        with contextlib.suppress(OSError):
            (place / "memory.memsw.limit_in_bytes").write_text(str(mebibytes << 20))
    except OSError:
        yield None
        return
    try:
        yield place
    finally:
        wait_for(lambda: not (place / "cgroup.procs").read_text().split(), "the group being empty", 20)
        place.rmdir()


@test
def a_memory_ceiling_sheds_before_it_kills_and_a_kill_loses_nothing(_):
    """128 MiB hold against a flood of idle heads and large bodies. A ceiling that is too low for anything kills, and that is a kill like any."""
    with ceiling(128) as group:
        if not group:
            print("# no memory control group (version 1) here: the ceiling is not played")
            return
        with Shaken("ceiling", supervised=True) as scene:
            scene.settle(scene.order())
            join = [int(pid) for pid in (scene.pid, *scene.stack.gateway.relatives())]
            for pid in join:
                (group / "cgroup.procs").write_text(str(pid))
            flood(scene)
            equal('"signal":9' in scene.stack.gateway.output(), False, "the daemon was killed under 128 MiB")
            scene.works()
            used = int((group / "memory.max_usage_in_bytes").read_text())
            print(f"# {used >> 20} MiB at most")
            for order in scene.order(6):
                scene.background(scene.try_create, order)
            wait_for(lambda: is_hit(scene, group), "the ceiling being hit", 30)
            for name in ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes"):
                with contextlib.suppress(OSError):
                    (group / name).write_text(str(512 << 20))
            scene.join()
            scene.await_listening()
            scene.repay()


def is_hit(scene, group):
    """The ceiling comes down to where the program is; the kernel refuses what it cannot reach at once."""
    used = int((group / "memory.usage_in_bytes").read_text())
    for limit in (used // 2, used - (1 << 20), used + (1 << 16)):
        with contextlib.suppress(OSError):
            (group / "memory.limit_in_bytes").write_text(str(max(limit, 1 << 20)))
            break
    scene.background(scene.try_create, scene.order())
    return int((group / "memory.failcnt").read_text()) > 0 or '"signal":9' in scene.stack.gateway.output()


def flood(scene, connections=300):
    """Heads that never end, and bodies up to the limit, unsigned: all of it is refused or cut."""
    held = []
    body = b"x" * 60000
    for number in range(connections):
        with contextlib.suppress(OSError):
            one = tap.connect(scene.stack.gateway_port, 2)
            held.append(one)
            if number % 2:
                one.sendall(b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 60001\r\n\r\n" + body)
            else:
                one.sendall(b"GET /v1/payments HTTP/1.1\r\nHost: x\r\nX-Long: " + body[:20000])
    statuses = [request(scene.stack.gateway_port, "GET", "/ping", timeout=20).status for _ in range(10)]
    equal(set(statuses), {200}, "others meanwhile")
    for one in held:
        one.close()


# ---- threads, randomness, names, log


@test
def threads_that_cannot_start_refuse_the_start_and_later_only_slow_it(_):
    with Shaken("threads") as scene:
        scene.settle(scene.order())
        burst = scene.order(30)
        with scene.shim.playing("thread", count=-1, error=errno.EAGAIN):
            for order in burst:
                scene.background(scene.try_create, order)
            scene.join()
        expect(all(order.answers or order.refusals for order in burst), "a request without an answer")
        expect(sum(1 for order in burst if order.answers) >= 1, "nobody was served by those who were there")
        scene.works()
        scene.kill()
        for at in (1, 2, 4, 7):
            scene.shim.order("thread", at=at, error=errno.EAGAIN)
            refused_start(scene, "tasks")
            equal(scene.shim.end("thread"), 1, "strokes")
        scene.excused = ('"bug"',)  # the class of a start that is refused for want of a thread
        scene.start()
        scene.repay()


@test
def without_randomness_it_does_not_start_and_does_not_go_on(_):
    """A key or nonce that is no random number would be worse than an end: the process aborts, the next one recovers."""
    with Shaken("entropy") as scene:
        scene.settle(scene.order())
        lost = scene.order()
        with scene.shim.playing("entropy", count=-1, error=errno.ENOSYS):
            expect(scene.try_create(lost) in (None, 500, 503), "an order without a random number")
            wait_for(lambda: not scene.stack.gateway.running(), "the end", 20)
            equal(scene.stack.gateway.child.returncode, BROKEN, "how it ended")
            expect("no random bytes" in scene.stack.gateway.output(), "what it said")
            scene.excused = ('"bug"',)
            scene.left()
            refused_start(scene, "random")
        scene.start()
        scene.repay()


@test
def names_that_nobody_answers_for_hold_up_only_who_needs_them(_):
    """A resolver that takes every question and never answers, in a mount namespace with a resolv.conf of its own."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    address = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 200}.53"
    silent.bind((address, 53))
    silent.settimeout(0)
    with Shaken("names", payments__create_deadline="2s", upstream__timeout="1s", drain_timeout="3s") as scene:
        scene.settle(scene.order())
        stack = scene.stack
        keys = stack.folder / "keys"
        app = stack.admin("app", "add", "--name", "Lost", "--mode", "test", "--hosts", "127.0.0.1")
        key = stack.admin("app", "key", "--app", app["id"])
        stack.admin("account", "add", "--app", app["id"], "--channel", "alipay", "--name", "lost", "--set", f"app_id={stack.platform['app_id']}",
                    "--set", f"seller_id={stack.platform['seller_id']}", "--set", "gateway_url=http://platform.nowhere.example/gateway.do",
                    "--set", f"private_key=@{keys / 'app_private_key.pem'}", "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
        scene.kill()
        (stack.folder / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:30 attempts:5\n", encoding="ascii")
        scene.before = ("unshare", "-m", "sh", "-c", f"mount --bind {stack.folder}/resolv.conf /etc/resolv.conf && exec \"$@\"", "sh")
        scene.start()
        from stack import Merchant
        lost = Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"]))
        answers = []
        for number in range(12):
            scene.background(lambda number=number: answers.append(lost.create(f"lost-{number}", subject="Lost").status))
        time.sleep(0.3)
        scene.works()  # the other merchant's platform has an address
        scene.join()
        expect(len(answers) == 12 and set(answers) <= {202, 502, 503}, f"answers without a name: {answers}")
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while silent.recv(512):
                asked += 1
        expect(asked > 0, "nobody was asked")
        expect(tap.metric_sum(stack, "till_upstream_total", verdict="unsent") >= 1, "not counted as unsent")
        equal(stack.gateway.stop(signal.SIGTERM, 30), 0, "a stop while names are being waited for")
        scene.before = ()
        scene.edit("UPDATE attempts SET next_ask_us = 0 WHERE payment_id IN (SELECT id FROM payments WHERE subject = 'Lost')")
        scene.start()
        scene.works()
        equal(stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")
    silent.close()


@test
def a_log_without_room_costs_lines_and_nothing_else(_):
    with Shaken("log") as scene:
        scene.settle(scene.order())
        lines = len(scene.log())
        with scene.shim.playing("space", count=-1, error=NO_ROOM, path="till.log"):
            for _ in range(3):
                scene.settle(scene.order())
            equal(len(scene.log()), lines, "lines in a full log")
        wait_for(lambda: tap.metric(scene.stack, "till_log_lost_total") >= 3, "lost lines being counted", 10)
        scene.settle(scene.order())
        text = (scene.stack.folder / "till.log").read_text(encoding="utf-8")
        equal([line for line in text.splitlines() if not (line.startswith("{") and line.endswith("}"))], [], "torn lines")
        wait_for(lambda: scene.logged("log_lines_lost"), "the log saying so itself", 10)
        scene.finish()


# ---- calls that do half


@test
def short_and_interrupted_calls_change_nothing(_):
    """A whole life in which every second read, write and poll is interrupted, then one in which every third does half, and one in which some
    move a single byte."""
    for kind, order in (("interrupt", {"every": 2, "count": -1, "error": errno.EINTR}), ("shorten", {"every": 3, "count": -1, "error": 2}),
                        ("shorten", {"every": 17, "count": -1, "error": 1})):
        with Shaken(kind, upstream__timeout="5s", payments__create_deadline="8s", webhook__timeout="5s") as scene:
            scene.settle(scene.order())
            scene.kill()
            scene.shim.order(kind, **order)
            scene.start()
            paid = scene.order()
            scene.settle(paid)
            scene.refund_is_done(paid)
            burst = scene.order(6)
            scene.send_all(burst)
            scene.join()
            for one in burst:
                scene.insist(one)
                scene.pay(one)
            wait_for(lambda: not scene.undelivered(), "webhooks", 30)
            expect(scene.shim.struck(kind) > 40, f"{kind} struck {scene.shim.struck(kind)} times")
            scene.finish()
            scene.shim.end(kind)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    tap.main(setup=lambda: None)
