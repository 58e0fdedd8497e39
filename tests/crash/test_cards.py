# SPDX-License-Identifier: Apache-2.0
"""kill -9 around the calls and the news of a platform that knows orders by its own handle, and repetitions by a key: Stripe's checkout.

Three stories, each with a till of its own, run at the same time: orders that are being created, refunds, news. A life is killed at a crash point,
the next one recovers. In the end the platform has one session for each order and one refund for each refund, and the books say the same.
"""
import concurrent.futures
import contextlib
import http.client
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, request, wait_for  # noqa: E402
import witness  # noqa: E402

GONE = (OSError, http.client.HTTPException)
# What the platform does to the refund, so that the point is met.
REFUND_FAULTS = {"F6": {"fault": "stripe_refuse", "argument": "402 card_declined"}, "F7": {"fault": "reset_after"}}


class Story:
    def __init__(self, name):
        self.name, self.serial = name, 0
        self.stack = tap.new_stack(payments__ask_after="1h", payments__ask_slowest="1h", payments__create_deadline="2s", upstream__timeout="1s")
        self.stack.start_sandbox()
        self.stack.init()
        self.stack.start_gateway()
        self.stack.provision()
        self.cards = self.stack.provision_stripe()

    def number(self, word):
        self.serial += 1
        return f"{self.name}-{word}-{self.serial}"

    def start(self, point):
        self.stack.gateway.kill()
        self.stack.start_gateway(env={"TILL_FAILPOINTS": f"{point}=kill@1"}, arguments=("--no-supervise",))

    def dies(self, point, job, *arguments):
        """The armed life ends by the kill while `job` is under way; then there is a life that recovers."""
        def run():
            with contextlib.suppress(*GONE):
                job(*arguments)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        gateway = self.stack.gateway
        wait_for(lambda: not gateway.running(), f"the kill at {point}", 20, 0.02)
        equal(gateway.child.returncode, -signal.SIGKILL, f"how the life armed with {point} ended: {gateway.output()[-1500:]}")
        thread.join(20)
        self.stack.start_gateway()

    # ---- merchant and buyer

    def create(self, number):
        return self.stack.merchant().call("POST", "/v1/payments", {"channel": "stripe", "product": "checkout", "account": self.cards["account"]["id"], "amount": 990,
                                                                    "currency": "USD", "out_trade_no": number, "subject": "Coffee"})

    def created(self, number):
        def ask():
            answer = self.create(number)
            expect(answer.status in (201, 202, 429, 503), f"create: {answer}")
            return answer.json() if answer.status == 201 else None
        return wait_for(ask, f"the page of {number}", 30, 0.1)

    def state(self, payment):
        return self.stack.merchant().call("GET", f"/v1/payments/{payment['id']}").json()["state"]

    def pay(self, payment):
        self.stack.buyer_at_stripe(payment)
        self.await_paid(payment)

    def await_paid(self, payment):
        wait_for(lambda: self.state(payment) == "paid", f"{payment['out_trade_no']} paid", 20, 0.1)

    def refund(self, payment, number):
        return self.stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 300, "out_refund_no": number})

    def refunded(self, payment, number):
        def ask():
            answer = self.refund(payment, number)
            expect(answer.status in (200, 202, 429, 503), f"refund: {answer}")
            return answer.json() if answer.status == 200 else None
        return wait_for(ask, f"the end of {number}", 30, 0.2)

    # ---- the platform

    def platform(self, target):
        answer = request(self.stack.sandbox_port, "GET", target, b"", {"Authorization": f"Bearer {self.cards['settings']['secret_key']}"})
        expect(answer.status == 200, f"{target}: {answer}")
        return answer.json()["data"]

    def hear_only(self, kind):
        """The account's endpoint is told of nothing else, so that the first news is the one that counts."""
        endpoint, = self.platform("/v1/webhook_endpoints")
        answer = request(self.stack.sandbox_port, "POST", f"/v1/webhook_endpoints/{endpoint['id']}", f"enabled_events[0]={kind}".encode(),
                         {"Authorization": f"Bearer {self.cards['settings']['secret_key']}", "Content-Type": "application/x-www-form-urlencoded"})
        expect(answer.status == 200, f"the endpoint: {answer}")

    def urge(self):
        """The platform's clock goes to where its next repetition of news is due."""
        self.stack.control("POST", "/clock", {"advance_seconds": 61})

    # ---- the end

    def finish(self):
        """Both sides have the same orders, payments and refunds; the books balance; nothing is left for a person."""
        stack = self.stack
        equal(stack.gateway.stop(signal.SIGTERM, 20), 0, "the gateway's exit status")
        ours = tap.rows(stack, "SELECT upstream_no, reference, received, refunded FROM attempts WHERE channel = 'stripe' ORDER BY upstream_no")
        sessions = self.platform("/v1/checkout/sessions?limit=100")
        theirs = sorted((one["client_reference_id"], one["id"], one["amount_total"] if one["payment_status"] == "paid" else 0) for one in sessions)
        equal([row[:3] for row in ours], theirs, "orders at both sides")
        refunds = sorted((one["metadata"]["till_refund_no"], one["amount"]) for one in self.platform("/v1/refunds?limit=100") if one["status"] == "succeeded")
        equal(tap.rows(stack, "SELECT refund_no, amount FROM refunds WHERE state = 4 ORDER BY refund_no"), refunds, "refunds at both sides")
        equal(sum(row[3] for row in ours), sum(amount for _, amount in refunds), "what went back")
        equal(tap.rows(stack, "SELECT type, detail FROM discrepancies WHERE open = 1"), [], "discrepancies")
        paid = sum(row[2] > 0 for row in ours)
        equal(tap.rows(stack, "SELECT count(*) FROM events WHERE type = 'payment.succeeded'")[0][0], paid, "news of payments")
        witness.program(stack.folder / "till.db")
        return paid, len(refunds)


def orders():
    story = Story("orders")
    for point in ("C7", "C8", "C9", "C10", "C11", "C12"):
        number = story.number(point)
        story.start(point)
        story.dies(point, story.create, number)
        story.pay(story.created(number))
    equal(story.finish(), (6, 0), "payments and refunds")


def refunds():
    story = Story("refunds")
    for point in ("F3", "F4", "F5", "F6", "F7", "F8"):
        payment = story.created(story.number(point))
        story.pay(payment)
        story.start(point)
        if point in REFUND_FAULTS:
            story.stack.control("POST", "/faults", {"operation": "refund.create", "count": 1, **REFUND_FAULTS[point]})
        number = story.number("r")
        story.dies(point, story.refund, payment, number)
        equal(story.refunded(payment, number)["state"], "succeeded", f"the refund that {point} met")
    equal(story.finish(), (6, 6), "payments and refunds")


def news():
    story = Story("news")
    story.hear_only("payment_intent.succeeded")
    for point in ("N3", "N11"):
        payment = story.created(story.number(point))
        story.start(point)
        story.dies(point, story.stack.buyer_at_stripe, payment)
        told, = tap.rows(story.stack, "SELECT count(*) FROM evidence e JOIN attempts a ON a.id = e.subject_id WHERE a.payment_id = ? AND e.kind = 'notify'", payment["id"])
        equal(told[0], 1 if point == "N11" else 0, f"evidence that {point} left")
        story.urge()
        story.await_paid(payment)
    equal(story.finish(), (2, 0), "payments and refunds")


STORIES = (orders, refunds, news)


def add(story):
    def collect(running):
        running[story].result()
    collect.__name__ = f"{story.__name__}_lose_nothing_and_double_nothing_at_a_platform_with_handles"
    tap.test(collect)


for each in STORIES:
    add(each)


def run_all():
    pool = concurrent.futures.ThreadPoolExecutor(len(STORIES))
    return {story: pool.submit(story) for story in STORIES}


if __name__ == "__main__":
    tap.main(setup=run_all)
