# SPDX-License-Identifier: Apache-2.0
"""The matrix's flows of payment codes and of pages; see flows.py. A code's order lives ten seconds: asked after, then cancelled.

Whatever died: the code is sent once, and the order ends paid or cancelled, as the platform's books say.
"""
import urllib.parse

import audit
from flows import kill_in_recovery
from scene import Scene
from tap import equal, expect, request, wait_for

QUICK = {"payments__ask_after": "1s", "payments__ask_slowest": "2s"}
NOT_ARRIVED = ("C5", "C6", "C7")


def scanned(scene, **wish):
    """An order whose buyer shows his code."""
    order = scene.order()
    code = scene.stack.control("POST", "/buyers/tester/auth-code", wish)["auth_code"]
    order.fields = {"expires_in": 10, "product": "barcode", "extra": {"auth_code": code}}
    return order


def silent(scene):
    """No notification helps: what is known is known by asking."""
    scene.stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "argument": "3600", "count": 50})


def state_of(scene, order):
    found = scene.read(order)
    return found["state"] if found else None


def check_sent_once(scene, order):
    number = scene.read(order)["upstream_no"]
    calls = scene.stack.control("GET", f"/exchanges?order={number}&method=alipay.trade.pay")["exchanges"]
    expect(len(calls) <= 1, f"the code was sent {len(calls)} times")


def charge(point, again):
    """The code is good and charged at once; the sender dies, then whoever asks after it."""
    with Scene(f"code-{point}", **QUICK) as scene:
        scene.settle(scene.order())
        scene.kill()
        silent(scene)
        scene.start(point)
        order = scanned(scene)
        scene.background(scene.send, order)
        left = scene.died()
        expect(left.attempt(order) == (audit.HAS_PAID if point == "C12" else audit.SENT), f"{point} left {left.attempt(order)}")
        arrived = order.subject in scene.trades()
        equal(arrived, point not in NOT_ARRIVED, "what the platform has")
        kill_in_recovery(scene, again)
        scene.start()
        wanted = "paid" if arrived else "closed"
        wait_for(lambda: state_of(scene, order) == wanted, f"{order.number} {wanted}", 60, 0.2)
        check_sent_once(scene, order)
        scene.finish()


def waiting(scene):
    """The platform waits for the buyer's password, and the merchant knows."""
    order = scanned(scene, password="ask")
    scene.background(scene.insist, order)
    return order


def password(point, again):
    """The buyer types his password while those who ask after him die."""
    with Scene(f"code-{point}", **QUICK) as scene:
        scene.settle(scene.order())
        scene.kill()
        silent(scene)
        scene.start(point, at=2)
        order = scanned(scene, password="ask")
        order.fields["expires_in"] = 120
        scene.background(scene.insist, order)
        left = scene.died()
        equal(left.attempt(order), audit.WAITING, f"what {point} left")
        scene.pay(order)
        kill_in_recovery(scene, again)
        scene.start()
        wait_for(lambda: state_of(scene, order) == "paid", f"{order.number} paid", 60, 0.2)
        check_sent_once(scene, order)
        scene.finish()


def never(point, again):
    """The password never comes; those who cancel die."""
    with Scene(f"code-{point}", **QUICK) as scene:
        scene.settle(scene.order())
        scene.kill()
        silent(scene)
        scene.start(point)
        order = waiting(scene)
        left = scene.died(60)
        before = point in ("P3", "X1")
        equal(left.state(order), audit.PENDING if before else audit.CLOSING, f"what {point} left")
        kill_in_recovery(scene, again)
        scene.start()
        wait_for(lambda: state_of(scene, order) == "closed", f"{order.number} closed", 60, 0.2)
        check_sent_once(scene, order)
        equal(scene.trades()[order.subject][0]["paid_us"], 0, "a cancelled order's payment")
        scene.finish()


def carried(point, again):
    """A page order, which no call of ours brings to the platform: its address survives, and pays the one order."""
    with Scene(f"page-{point}", **QUICK) as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start(point)
        order = scene.order()
        order.fields["product"] = "page"
        scene.background(scene.send, order)
        left = scene.died()
        equal(left.attempt(order), audit.WAITING if point == "C12" else audit.SENT, f"what {point} left")
        kill_in_recovery(scene, again)
        scene.start()
        scene.insist(order)
        expect(order.subject not in scene.trades(), "the platform knows an order that nobody has opened")
        address = urllib.parse.urlsplit(order.answers[-1][1]["action"]["value"])
        opened = request(scene.stack.sandbox_port, "GET", f"{address.path}?{address.query}")
        equal(opened.status, 302, "the platform's answer to the buyer's browser")
        scene.finish()
        expect(scene.trades()[order.subject][0]["paid_us"] > 0, "the opened order was not paid")
