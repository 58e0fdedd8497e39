# SPDX-License-Identifier: Apache-2.0
"""The matrix's flows of refunds and closes; see flows.py."""
import audit
from flows import PATIENT, kill_in_recovery
from scene import Scene
from tap import equal, expect, wait_for

# What the platform does to the refund, so that the point is met.
REFUND_FAULTS = {"F6": {"fault": "refuse", "argument": "ACQ.SELLER_BALANCE_NOT_ENOUGH", "count": 50}, "F7": {"fault": "drop_after"},
                 "F9": {"fault": "drop_before"}, "F10": {"fault": "drop_before"}}
NOT_BOOKED = (None, audit.REFUND_SENT, 3)


def refund(point, again, merchant_repeats=False):
    """A third of a paid order goes back; the request dies, the resolver dies, the books agree."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s") as scene:
        order = scene.order()
        scene.settle(order)
        scene.kill()
        if point != "F11":  # let our own question win the race for the news
            scene.stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "argument": "3600"})
        if point in REFUND_FAULTS:
            scene.stack.control("POST", "/faults", {"operation": "refund", **REFUND_FAULTS[point]})
        scene.start(point)
        refund = scene.refund(order, 300)
        scene.background(scene.send_refund, refund)
        left = scene.died()
        state = left.refunds.get(refund.number)
        expect((state is None) == (point == "F1"), f"{point} left the refund as {state}")
        expect(state == audit.REFUND_DONE if point == "F8" else point == "F11" or state in NOT_BOOKED, f"{point} left the refund as {state}")
        if point in ("F1", "F2", "F3"):
            equal(scene.trades()[order.subject][0]["refunds"], [], "refunds at the platform")
        if merchant_repeats:
            kill_in_recovery(scene, again, lambda: scene.background(scene.send_refund, refund))
        else:
            kill_in_recovery(scene, again, scene.urge if point == "F11" else None)
        scene.start()
        wait_for(lambda: scene.send_refund(refund), "the refund's end", 30, 0.5)
        equal(refund.answers[-1]["state"], "failed" if point == "F6" else "succeeded", "the refund")
        scene.finish()


def close(point, again, merchant_repeats=False):
    """An order that nobody scanned is closed."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s") as scene:
        scene.settle(scene.order())
        order = scene.order()
        scene.insist(order)
        scene.kill()
        scene.start(point)
        scene.background(scene.close, order)
        left = scene.died()
        equal(left.state(order), audit.PENDING if point == "X1" else audit.CLOSING, f"what {point} left")
        kill_in_recovery(scene, again, (lambda: scene.background(scene.close, order)) if merchant_repeats else None)
        scene.start()
        wait_for(lambda: scene.close(order), "the close", 30, 0.5)
        scene.finish()
        equal(scene.trades()[order.subject][0]["paid_us"], 0, "a closed order's payment")


def close_and_pay(point, again):
    """While the platform dawdles over the close the buyer pays; money wins."""
    with Scene(point, payments__ask_after="1s", payments__ask_slowest="2s", **PATIENT) as scene:
        order = scene.order()
        scene.insist(order)
        trade, = scene.trades()[order.subject]
        scene.stack.control("POST", f"/trades/{trade['out_trade_no']}/scan", {})
        scene.kill()
        scene.start(point)
        scene.stack.control("POST", "/faults", {"operation": "close", "fault": "delay", "argument": "4000"})
        scene.background(scene.close, order)
        wait_for(lambda: scene.rows(f"SELECT 1 FROM payments WHERE state = {audit.CLOSING}"), "closing")
        scene.stack.pay(trade["out_trade_no"])
        left = scene.died()
        equal(left.state(order), audit.CLOSING, f"what {point} left")
        kill_in_recovery(scene, again)
        scene.start()
        scene.finish()
        expect(scene.trades()[order.subject][0]["paid_us"] > 0 and not order.closed, "the payment was lost to the close")
