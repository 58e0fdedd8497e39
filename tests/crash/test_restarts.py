# SPDX-License-Identifier: Apache-2.0
"""Deaths outside the matrix: one order asked for 64 times at once, supervisor and daemon killed together, a supervised
restart, kills at moments that nobody chose, and a first start that dies in its migration."""
import os
import random
import re
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, request, test, wait_for  # noqa: E402
import audit  # noqa: E402
from scene import GONE, Scene  # noqa: E402

TWINS = 64
SOON = {"payments__ask_after": "1s", "payments__ask_slowest": "2s"}


# ---- one order, 64 times at once


def sendings(scene, order):
    """The numbers under which the platform was asked to create it."""
    number = scene.trades()[order.subject][0]["out_trade_no"]
    exchanges = scene.stack.control("GET", "/exchanges")["exchanges"]
    return [e for e in exchanges if e["method"].endswith("precreate") and e["out_trade_no"] == number]


def twins_die(point):
    with Scene(f"twins-{point}", **SOON) as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start(point)
        order = scene.order()
        for _ in range(TWINS):
            scene.background(scene.send, order)
        left = scene.died()
        equal(left.attempt(order), audit.SENT, "the attempt")
        equal(order.answers, [], "answers of the dead")
        scene.start()
        for _ in range(TWINS):
            scene.background(scene.send, order)
        scene.join()
        scene.insist(order)
        last = [None] * TWINS

        def repeat(index):
            answer = scene.stack.merchant().create(order.number, order.amount, subject=order.subject,
                                                   notify_url=scene.ear.url, expires_in=7200)
            last[index] = (answer.status, answer.body)
        for index in range(TWINS):
            scene.background(repeat, index)
        scene.join()
        equal(len(set(last)), 1, "different answers")
        equal(last[0][0], 201, "the answers' status")
        expect(order.codes() and next(iter(order.codes())).encode() in last[0][1], f"the code: {last[0]}")
        scene.finish()
        expect(sendings(scene, order), "the platform's log of the order")
        equal(len(scene.trades()[order.subject]), 1, "upstream orders")


@test
def twins_64_killed_at_C8_then_all_get_one_order_and_equal_answers(_):
    twins_die("C8")


@test
def twins_64_killed_at_C11_then_all_get_one_order_and_equal_answers(_):
    twins_die("C11")


# ---- load, while somebody kills


class Load:
    """Merchants who create, buyers who pay, until told to stop; every promise is remembered by the scene."""

    def __init__(self, scene, merchants=3):
        self.scene, self.over, self.lock = scene, threading.Event(), threading.Lock()
        for _ in range(merchants):
            scene.background(self.trade)

    def trade(self):
        while not self.over.is_set():
            with self.lock:
                order = self.scene.order()
            if self.scene.send(order) and order.answers[-1][0] == 201 and order.amount % 2:
                self.scene.pay(order)
            time.sleep(0.07)  # the platform's lists show 500

    def stop(self):
        self.over.set()
        self.scene.join()


def settle_load(scene):
    """Those without an answer are repeated, as merchants do."""
    for order in list(scene.orders.values()):
        if not order.answers:
            scene.insist(order)
    scene.finish()


@test
def supervisor_and_daemon_killed_together_lose_nothing(_):
    with Scene("group", **SOON) as scene:
        scene.settle(scene.order())
        scene.kill()
        for _ in range(3):
            scene.start(supervised=True)
            load = Load(scene)
            time.sleep(0.7)
            scene.stack.gateway.kill()
            load.stop()
            scene.left()
        scene.start(supervised=True)
        settle_load(scene)


def daemon_of(scene):
    supervisor = scene.stack.gateway.child.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return int(children[0]) if children else None


@test
def a_supervisor_that_dies_takes_its_daemon_along(_):
    with Scene("orphan") as scene:
        scene.kill()
        scene.start(supervised=True)
        daemon = daemon_of(scene)
        os.kill(scene.stack.gateway.child.pid, signal.SIGKILL)
        scene.stack.gateway.child.wait(10)
        wait_for(lambda: not Path(f"/proc/{daemon}").exists(), "the daemon's end", 10)
        scene.start()
        scene.finish()


@test
def a_killed_daemon_is_restarted_within_a_second_and_loses_nothing(_):
    """The supervisor's own pause is what is promised; how long a start takes depends on the machine."""
    with Scene("supervised", **SOON) as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start(supervised=True)
        load = Load(scene)
        for count in range(1, 4):
            time.sleep(0.5)
            daemon = daemon_of(scene)
            os.kill(daemon, signal.SIGKILL)
            wait_for(lambda: daemon_of(scene) not in (None, daemon), "a new daemon", 10, 0.01)
            scene.await_listening()
            pauses = re.findall(r'"signal":9,"restarts":\d+,"pause_ms":(\d+)', scene.stack.gateway.output())
            equal(len(pauses), count, "restarts that were told")
            expect(all(int(pause) < 1000 for pause in pauses), f"pauses before a restart: {pauses}")
        load.stop()
        settle_load(scene)


@test
def a_supervised_daemon_dies_at_a_crash_point_and_goes_on_by_itself(_):
    with Scene("itself", **SOON) as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start("C11", at=3, supervised=True)
        orders = scene.order(3)
        for order in orders:
            scene.send(order)
        wait_for(lambda: '"signal":9' in scene.stack.gateway.output(), "the kill", 10)
        scene.armed = None
        scene.await_listening()
        expect("C11" in scene.points.read_text(encoding="utf-8"), "C11 was not met")
        equal([len(order.answers) for order in orders], [1, 1, 0], "answers")
        scene.finish()


@test
def kills_at_moments_that_nobody_chose_lose_nothing(_):
    """Eight kills under load; the seed is printed, the moments are the machine's all the same."""
    seed = int(os.environ.get("CRASH_SEED", "0")) or int(time.time())
    print(f"# CRASH_SEED={seed}")
    chance = random.Random(seed)
    with Scene("chance", **SOON) as scene:
        scene.settle(scene.order())
        scene.dawdle = 0.05  # so that every death meets some webhooks and creates under way
        for fault in ("delay", "delay_answer"):
            scene.stack.control("POST", "/faults", {"operation": "precreate", "fault": fault, "argument": "40", "count": 100000,
                                                    "probability_ppm": 500000})
        for _ in range(8):
            scene.kill()
            scene.start()
            load = Load(scene, merchants=4)
            time.sleep(chance.uniform(0.05, 0.9))
            scene.stack.gateway.kill()
            load.stop()
            scene.left()
        scene.start()
        settle_load(scene)


# ---- the first start


def schema_left(scene):
    handle = sqlite3.connect(scene.stack.folder / "till.db")
    try:
        tables = {row[0] for row in handle.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        equal(handle.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity_check")
        return tables, handle.execute("SELECT version FROM schema_versions").fetchall() if "schema_versions" in tables else []
    finally:
        handle.close()


def migration_dies(point, again, at=1):
    """The old schema (none) or the new one, never between."""
    scene = Scene(f"first-{point}")
    stack = scene.stack
    stack.start_sandbox()
    stack.init()
    stack.gateway = tap.Process(["true"], stack.folder / "none.log")
    for life, (name, hit) in enumerate(((point, at), (again, 1))):
        scene.start(name, at=hit)
        wait_for(lambda: not stack.gateway.running(), f"the kill at {name}", 20, 0.02)
        equal(stack.gateway.child.returncode, -signal.SIGKILL, f"how the life armed with {name} ended")
        tables, versions = schema_left(scene)
        if name == "M4" or (life == 1 and point == "M4"):
            expect("payments" in tables and versions, "the committed schema is gone")
        else:
            equal((tables, versions), (set(), []), f"tables that {name} left")
    scene.armed = None
    scene.start()
    stack.provision()
    try:
        scene.settle(scene.order())
        scene.finish()
    finally:
        scene.__exit__(None)


@test
def a_first_start_killed_at_M1_then_at_M3_begins_anew(_):
    migration_dies("M1", "M3")


@test
def a_first_start_killed_at_M2_then_at_M1_begins_anew(_):
    migration_dies("M2", "M1", at=7)


@test
def a_first_start_killed_at_M3_then_at_M4_keeps_the_whole_schema(_):
    migration_dies("M3", "M4")


@test
def a_first_start_killed_at_M4_then_at_S2_keeps_the_whole_schema(_):
    migration_dies("M4", "S2")


if __name__ == "__main__":
    tap.main(setup=lambda: None)
