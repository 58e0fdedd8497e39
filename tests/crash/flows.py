# SPDX-License-Identifier: Apache-2.0
"""The flows of the matrix: each takes a crash point, what hits it again in the recovery, and runs to the audit.

Every flow begins with an order that is created, paid, booked, and told to the shop: acknowledged effects that no
later crash may touch. That first life ends by SIGKILL too, so that each armed life starts with a recovery.
"""
import os
import signal
import time

import audit
from scene import Scene
from tap import equal, expect, wait_for

# For scenes in which the platform dawdles on purpose.
PATIENT = {"upstream__timeout": "6s", "payments__create_deadline": "8s"}


def start_of(point):
    return point[0] == "S" and point[1:] in "1234"


def kill_in_recovery(scene, again, traffic=None):
    """The second kill: by the start alone, or by what recovery has to repeat."""
    scene.start(again)
    if traffic and not start_of(again):
        traffic()
    return scene.died()


# ---- create


def nothing_left(left, burst, scene):
    """Killed before the commit: the order that died is nowhere, and nobody was told that it is."""
    lost = [order for order in burst if left.attempt(order) is None]
    expect(lost, "every order of the burst is in the file")
    for order in lost:
        expect(not order.answers and order.subject not in scene.trades(), f"{order.number} is not in the file and was believed")


def intent_left(left, burst, scene):
    """Killed between the two commits: the intent is durable, the outcome is open."""
    expect(any(left.attempt(order) == audit.SENT for order in burst), "no intent was left")


def intent_not_sent(left, burst, scene):
    intent_left(left, burst, scene)
    time.sleep(0.3)  # the platform works on what it got
    expect(any(left.attempt(order) == audit.SENT and order.subject not in scene.trades() for order in burst),
           "all of what was left had reached the platform")


def intent_executed(left, burst, scene):
    intent_left(left, burst, scene)
    wait_for(lambda: any(left.attempt(order) == audit.SENT and order.subject in scene.trades() for order in burst),
             "an order at the platform whose outcome is open with us", 5)


def outcome_left(left, burst, scene):
    """Killed after the second commit: settled here, although its merchant heard nothing."""
    expect(any(left.attempt(order) == audit.WAITING and not order.answers for order in burst), "no outcome without a reply was left")


def reply_torn(left, burst, scene):
    outcome_left(left, burst, scene)
    expect(any(0 < len(part) for order in burst for part in order.torn), "no reply arrived in part")


CREATE_LEAVES = {"C1": nothing_left, "C2": nothing_left, "C3": nothing_left, "C4": nothing_left, "C5": intent_not_sent,
                 "C6": intent_not_sent, "C7": intent_not_sent, "C8": intent_executed, "C9": intent_executed, "C10": intent_executed,
                 "C11": intent_executed, "C12": outcome_left, "C13": reply_torn}


def create(point, again, merchant_repeats=False, crowd=4):
    """Several orders at once, one in the middle dies with everybody. Two merchants repeat, the others never come back."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s") as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start(point, at=crowd // 2)
        burst = scene.order(crowd)
        scene.send_all(burst)
        CREATE_LEAVES[point](scene.died(), burst, scene)
        kill_in_recovery(scene, again, (lambda: scene.send_all(burst[:2])) if merchant_repeats else None)
        scene.start()
        for order in burst[:2]:
            scene.insist(order)
        scene.finish()


# ---- notify


def notify(point, again):
    """The platform tells that an order is paid; nobody else would find out: questions are far away."""
    with Scene(point) as scene:
        scene.settle(scene.order())
        orders = scene.order(3)
        for order in orders:
            scene.insist(order)
        scene.kill()
        scene.start(point)
        scene.pay(orders[0])
        left = scene.died()
        was_committed = point in ("N10", "N11", "N12")
        equal(left.state(orders[0]), audit.PAID if was_committed else audit.PENDING, f"what {point} left")
        equal(left.payments[orders[0].subject]["told"], int(was_committed), "evidence in the file")
        scene.await_attempts(orders[0], 1)
        expect(not any(notice["acknowledged"] for notice in scene.notices() if notice["attempts"] == 1
                       and notice["out_trade_no"] == left.payments[orders[0].subject]["upstream_no"]), "acknowledged in spite of the kill")
        scene.pay(orders[1])
        scene.await_attempts(orders[1], 1)
        kill_in_recovery(scene, again, scene.urge)
        scene.start()
        scene.finish()


def notify_crowd(point, again, crowd=16):
    """Many buyers pay at once: their news share commits, and the one that dies takes the batch along, whole."""
    with Scene(f"crowd-{point}") as scene:
        scene.settle(scene.order())
        orders = scene.order(crowd)
        for order in orders:
            scene.background(scene.insist, order)
        scene.join()
        scene.kill()
        scene.start(point, at=crowd // 4)
        for order in orders:
            scene.background(scene.pay, order)
        left = scene.died()
        paid = sum(left.state(order) == audit.PAID for order in orders)
        expect(paid < crowd, "nobody was in the middle")
        expect(paid > 0 or point not in ("N10", "N11", "N12"), f"nothing was committed at {point}")
        kill_in_recovery(scene, again, scene.urge)
        scene.start()
        scene.finish()


# ---- webhook


def leased(left, order, scene):
    delivery = left.delivery(order)
    equal((delivery["state"], delivery["leased"], delivery["attempts"]), (0, 1, 1), "the delivery")


def not_leased(left, order, scene):
    delivery = left.delivery(order)
    equal((delivery["state"], delivery["leased"], delivery["attempts"]), (0, 0, 0), "the delivery")


def delivered(left, order, scene):
    equal(left.delivery(order)["state"], 1, "the delivery's state")


def to_be_repeated(left, order, scene):
    delivery = left.delivery(order)
    equal((delivery["state"], delivery["leased"], delivery["attempts"]), (0, 0, 1), "the delivery")
    expect(delivery["next_us"] > time.time() * 1e6, "the retry is not in the future")


def given_up(left, order, scene):
    equal(left.delivery(order)["state"], 2, "the delivery's state")


# What is left, and how often the shop has heard it by then.
WEBHOOK_LEAVES = {"W1": (not_leased, 0), "W2": (leased, 0), "W3": (leased, 0), "W4": (leased, 1), "W5": (leased, 1),
                  "W6": (leased, 1), "W7": (delivered, 1), "W8": (to_be_repeated, 1), "W9": (given_up, 1), "W10": (delivered, 2)}


def heard(scene, order):
    name = f'"out_trade_no":"{order.number}"'.encode()
    with scene.ear.lock:
        return sum(name in message["body"] for message in scene.ear.messages)


def webhook(point, again, script=None):
    with Scene(point) as scene:
        scene.settle(scene.order())
        order = scene.order()
        scene.insist(order)
        if point == "W9":
            fail_for_three_days(scene, order)
        scene.kill()
        already = heard(scene, order)
        scene.deaf = 1 if point in ("W8", "W9") else 0
        scene.start(point, script=script)
        if point != "W9":
            scene.pay(order)
        left = scene.died()
        check, times = WEBHOOK_LEAVES[point]
        check(left, order, scene)
        wait_for(lambda: heard(scene, order) - already >= times, f"webhook number {times}", 5)
        equal(heard(scene, order) - already, times, "webhooks heard by then")
        kill_in_recovery(scene, again)
        scene.start()
        if point == "W9":
            deliver_by_hand(scene)
        scene.finish()


def fail_for_three_days(scene, order):
    """The shop is deaf for one attempt; the eight after it are made up in the file, with the time they take."""
    scene.deaf = 1
    scene.pay(order)
    wait_for(lambda: scene.rows("SELECT 1 FROM deliveries WHERE last_status = 500"), "a refused webhook")
    scene.kill()
    equal(scene.edit("UPDATE deliveries SET attempts = 9, next_us = 1 WHERE state = 0"), 1, "deliveries in waiting")


def deliver_by_hand(scene):
    event, = scene.rows("SELECT e.id FROM events e JOIN deliveries d ON d.event_pk = e.pk WHERE d.state = 2")
    answer = scene.stack.merchant().call("POST", f"/v1/events/{event[0]}/redeliver")
    expect(answer.status in (200, 202), f"redeliver: {answer}")


# ---- start and stop


def starting(point, again):
    """Six orders are at the platform, none is answered, everybody dies; then the start dies, twice."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s", **PATIENT) as scene:
        scene.settle(scene.order())
        orders = scene.order(6)
        scene.stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": 6, "argument": "4000"})
        scene.send_all(orders)
        wait_for(lambda: all(order.subject in scene.trades() for order in orders), "six orders at the platform")
        left = scene.kill()
        scene.stack.control("DELETE", "/faults")
        equal([left.attempt(order) for order in orders], [audit.SENT] * 6, "intents")
        scene.start(point)
        left = scene.died()
        settled = sum(left.attempt(order) == audit.WAITING for order in orders)
        expect(0 < settled < 6 if point in ("S3", "X7") else point == "S4" or settled == 0, f"{settled} of 6 settled at {point}")
        kill_in_recovery(scene, again)
        scene.start()
        scene.finish()


def stopping(point, again):
    """SIGTERM with creates under way, a payment being told and a webhook on the wire."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s", **PATIENT) as scene:
        scene.settle(scene.order())
        paid, *orders = scene.order(5)
        scene.insist(paid)
        scene.kill()
        scene.start(point)
        scene.stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": 4, "argument": "1500"})
        scene.send_all(orders)
        wait_for(lambda: all(order.subject in scene.trades() for order in orders), "four orders at the platform")
        scene.pay(paid)
        os.kill(scene.stack.gateway.child.pid, signal.SIGTERM)
        left = scene.died()
        if point == "S5":  # nobody was waited for
            expect(all(left.attempt(order) == audit.SENT for order in orders), "the drain had begun")
        else:  # everybody was answered
            expect(all(order.answers for order in orders), "a create was left without an answer")
            expect(all(left.attempt(order) == audit.WAITING for order in orders), "an answered create is open")
        kill_in_recovery(scene, again)
        scene.start()
        scene.finish()
