# SPDX-License-Identifier: Apache-2.0
"""Signals at bad moments: told to stop while money is under way, twice, killed in the middle of that; a configuration that broke meanwhile;
clients that hang up; a process that is stopped for longer than its leases and goes on as if nothing had been."""
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, test, wait_for  # noqa: E402
import audit  # noqa: E402
from shaken import Shaken  # noqa: E402

PATIENT = {"upstream__timeout": "8s", "payments__create_deadline": "9s", "drain_timeout": "4s"}


def hang(scene, operation, milliseconds=6000, count=-1):
    """The platform does what it is asked and answers late."""
    return scene.stack.control("POST", "/faults", {"operation": operation, "fault": "delay_answer", "count": count, "argument": milliseconds})["id"]


def under_way(scene):
    """Orders that are being made and a refund that is being given; the platform has them, nobody has an answer."""
    paid = scene.order()
    scene.settle(paid)
    hang(scene, "precreate")
    hang(scene, "refund")
    scene.stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "count": 1, "argument": 600})  # it would tell of the refund
    orders, refund = scene.order(4), scene.refund(paid, 100)
    for order in orders:
        scene.background(scene.try_create, order)
    scene.background(scene.send_refund, refund)
    wait_for(lambda: all(order.subject in scene.trades() for order in orders) and scene.trades()[paid.subject][0]["refunds"],
             "everything being at the platform", 10)
    return orders, refund


def unknown_left(scene, orders, refund):
    """What a stop in the middle leaves: intents without an outcome, of which nobody was told a lie."""
    left = scene.left()
    for order in orders:
        expect(left.attempt(order) in (audit.SENT, audit.UNKNOWN), f"what was left of {order.number}: {left.attempt(order)}")
        expect(all(answer["action"]["kind"] == "none" for _, answer in order.answers), f"an answer with a code: {order.answers}")
    expect(left.refunds[refund.number] not in (audit.REFUND_DONE, audit.REFUND_FAILED), f"the refund: {left.refunds}")


def settle_after(scene, orders):
    scene.stack.control("DELETE", "/faults")
    scene.start()
    wait_for(lambda: not scene.unsettled(), "every intent having an outcome", 40)
    for order in orders:
        scene.insist(order)
        equal(len(scene.trades()[order.subject]), 1, "upstream orders")
    for refund in scene.refunds:
        wait_for(lambda: scene.send_refund(refund), "the refund", 20)
    scene.repay()


@test
def s_140_a_stop_while_money_is_under_way_leaves_it_unknown_for_the_next_start(_):
    with Shaken("term", **PATIENT) as scene:
        orders, refund = under_way(scene)
        equal(scene.stack.gateway.stop(signal.SIGTERM, 30), 0, "exit status")
        scene.join()
        unknown_left(scene, orders, refund)
        equal(len(scene.logged("stopping")), 1, "drains")
        settle_after(scene, orders)


@test
def s_140_a_second_and_a_third_signal_do_not_cut_the_drain(_):
    with Shaken("twice", **PATIENT) as scene:
        orders, refund = under_way(scene)
        quick = scene.order()
        scene.stack.control("DELETE", "/faults")
        hang(scene, "precreate", 700, 1)
        scene.background(scene.try_create, quick)
        wait_for(lambda: quick.subject in scene.trades(), "an order that will be answered soon", 10)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(scene.pid, number)
        equal(scene.stack.gateway.child.wait(30), 0, "exit status")
        scene.join()
        equal([status for status, _ in quick.answers], [201], "the order that was answered within the drain")
        unknown_left(scene, orders, refund)
        settle_after(scene, orders)


@test
def a_kill_while_draining_is_a_kill_like_any(_):
    with Shaken("kill", **{**PATIENT, "drain_timeout": "5s"}) as scene:
        orders, refund = under_way(scene)
        os.kill(scene.pid, signal.SIGTERM)
        wait_for(lambda: scene.logged("stopping"), "the drain", 10, 0.01)
        scene.kill()
        unknown_left(scene, orders, refund)
        settle_after(scene, orders)


@test
def a_hangup_with_a_broken_configuration_changes_nothing_until_a_start_refuses_it(_):
    with Shaken("hup") as scene:
        scene.settle(scene.order())
        config, log = scene.stack.config, scene.stack.folder / "till.log"
        good = config.read_text(encoding="utf-8")
        for number, bad in enumerate((": : :\n", good + "\nno_such: 1\n", "", "\0\0\0", good.replace("public_url", "publik_url")), 1):
            config.write_text(bad, encoding="utf-8")
            os.kill(scene.pid, signal.SIGHUP)
            wait_for(lambda: len(scene.logged("log_reopened")) == number, "the hangup", 10)
            scene.insist(scene.order())
        moved = scene.stack.folder / "moved.log"
        log.rename(moved)
        os.kill(scene.pid, signal.SIGHUP)
        wait_for(log.exists, "a new log", 10)
        scene.insist(scene.order())
        equal(scene.stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")
        scene.stack.start_gateway(wait=False, arguments=("--no-supervise",))
        equal(scene.stack.gateway.child.wait(20), 1, "a start with the broken configuration")
        expect("till.yaml" in scene.stack.gateway.output() and "publik_url" in scene.stack.gateway.output(), scene.stack.gateway.output()[-500:])
        config.write_text(good, encoding="utf-8")
        scene.start()
        scene.repay()


@test
def clients_that_hang_up_while_they_are_answered_hurt_nobody(_):
    """SIGPIPE by hand, and by two hundred clients that close or reset at once after asking."""
    with Shaken("pipe") as scene:
        order = scene.order()
        scene.insist(order)
        target = order.answers[0][1]["cashier_url"].split(str(scene.stack.gateway_port), 1)[1]
        for number in range(200):
            one = tap.connect(scene.stack.gateway_port, 5)
            if number % 2:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                one.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{scene.stack.gateway_port}\r\n\r\n".encode() * 3)
            one.close()
        os.kill(scene.pid, signal.SIGPIPE)
        scene.reads(order)
        scene.works()
        scene.finish()


@test
def a_process_that_slept_through_its_leases_acts_once(_):
    """Stopped in the middle of creates, a refund and webhooks until every lease is over by the clock, then let go: whoever held a lease meets
    whoever took it over. One order, one refund upstream; each event heard under one id, reported once."""
    with Shaken("asleep", upstream__timeout="2s", payments__create_deadline="3s", webhook__timeout="2s") as scene:
        paid, told = scene.order(2)
        for order in (paid, told):
            scene.insist(order)
        scene.pay(paid)
        wait_for(lambda: scene.read(paid)["state"] == "paid", "the payment")
        scene.dawdle = 1.0
        for operation in ("precreate", "refund"):
            hang(scene, operation, 1200)
        orders, refund = scene.order(3), scene.refund(paid, 100)
        for order in orders:
            scene.background(scene.try_create, order)
        scene.background(scene.send_refund, refund)
        scene.pay(told)
        wait_for(lambda: all(order.subject in scene.trades() for order in orders) and scene.rows("SELECT 1 FROM deliveries WHERE leased = 1"),
                 "work under leases", 10, 0.02)
        os.kill(scene.pid, signal.SIGSTOP)
        try:
            leases = leases_of(scene)
            expect(len(leases) >= 3, f"rows under a lease: {leases}")
            end = max(leases) / 1e6
            expect(end - time.time() < 60, f"the longest lease has {end - time.time():.0f} s left")
            time.sleep(max(0.0, end - time.time()) + 0.5)
        finally:
            os.kill(scene.pid, signal.SIGCONT)
        scene.stack.control("DELETE", "/faults")
        scene.dawdle = 0.0
        scene.join()
        wait_for(lambda: not scene.undelivered(), "the webhooks", 30)
        equal(scene.rows("SELECT delivery_id FROM delivery_log WHERE status = 200 GROUP BY delivery_id HAVING count(*) > 1"), [],
              "deliveries whose success was reported twice")
        scene.repay()


def leases_of(scene):
    """Ends of all leases, read beside a process that stands still."""
    rows = scene.rows("SELECT lease_until_us FROM attempts WHERE lease_until_us > 0 UNION ALL SELECT lease_until_us FROM refunds WHERE"
                      " lease_until_us > 0 UNION ALL SELECT next_us FROM deliveries WHERE leased = 1")
    return [row[0] for row in rows]


if __name__ == "__main__":
    tap.main(setup=lambda: None)
