# SPDX-License-Identifier: Apache-2.0
"""One story of the crash matrix: a till that is killed and started again, the platform and the merchant around it.

A scene has a stack of its own (sandbox and gateway), an ear that takes webhooks and outlives every crash, and a
merchant who remembers each answer he was given. A life is one run of the gateway, with or without a crash point;
`died` proves that it ended by SIGKILL at the point, and that what it left in the file is sound.
"""
import contextlib
import http.client
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import tap  # noqa: E402
from tap import Failed, equal, expect, request, wait_for  # noqa: E402
import audit  # noqa: E402
import witness  # noqa: E402

# Points at which a process of this run was really killed.
KILLED = set()
_lock = threading.Lock()
GONE = (OSError, http.client.HTTPException)
NOT_NOW = (429, 503)


class Order:
    """What the merchant knows of one of his orders."""

    def __init__(self, number, amount):
        self.number, self.amount = number, amount
        self.subject = f"Coffee {number}"
        self.answers = []  # (status, document) of each whole answer that promised something
        self.torn = []     # what arrived of answers that broke off
        self.refusals = []
        self.fields = {"expires_in": 7200}  # beside number, sum and subject
        self.closed = False  # a close was answered with the end

    @property
    def id(self):
        return self.answers[0][1]["id"] if self.answers else None

    def codes(self):
        return {answer["action"]["value"] for _, answer in self.answers if answer["action"]["kind"] == "qr_code"}


class Refund:
    def __init__(self, order, number, amount):
        self.order, self.number, self.amount, self.answers = order, number, amount, []


class Scene:
    def __init__(self, name, **settings):
        usual = {"payments__create_deadline": "2s", "upstream__timeout": "1s", "upstream__connect_timeout": "1s",
                 "webhook__timeout": "1s", "payments__ask_after": "1h", "payments__ask_slowest": "1h"}
        self.name, self.lives = name, 0
        self.stack = tap.new_stack(**{**usual, **settings})
        self.ear = tap.Receiver(self.hear, port=self.stack.shop_port)
        self.deaf = 0     # so many webhooks are answered with 500
        self.dawdle = 0.0  # seconds that the shop thinks before it hears
        self.orders, self.refunds, self.threads = {}, [], []
        self.signed = []  # (method, target, document, signing) of requests that had their effect
        self.witness = witness.Witness()
        self.armed = self.points = None

    def __enter__(self):
        stack = self.stack
        stack.start_sandbox()
        stack.init()
        self.start()
        stack.provision()
        return self

    def __exit__(self, kind, *_):
        self.ear.close()
        stack = self.stack
        stack.gateway.kill()
        if kind is None:
            equal(stack.sandbox.stop(signal.SIGTERM, 20), 0, "the sandbox's exit status")
        else:
            stack.sandbox.kill()

    def hear(self, message, _):
        time.sleep(self.dawdle)
        with self.ear.lock:
            self.deaf -= 1
            return (500, {}, b"not now") if self.deaf >= 0 else (200, {}, b"ok")

    # ---- lives of the gateway

    def start(self, point=None, at=1, script=None, supervised=False):
        """A new life. With a point it will be killed there, at its at-th hit; then `died` must follow."""
        self.lives += 1
        self.armed = point
        self.points = self.stack.folder / f"points-{self.lives}.log"
        env = {"TILL_FAILPOINT_LOG": str(self.points)}
        if point:
            env["TILL_FAILPOINTS"] = script or f"{point}=kill@{at}"
        arguments = () if supervised else ("--no-supervise",)
        self.stack.start_gateway(env=env, wait=False, arguments=arguments)
        self.await_listening()

    def await_listening(self):
        """/health alone is answered inline and passes no crash point. An armed life may end before it listens."""
        gateway = self.stack.gateway

        def is_up():
            if not gateway.running():
                expect(self.armed, lambda: f"the gateway ended with {gateway.child.returncode}: {gateway.output()[-2000:]}")
                return True
            try:
                return request(self.stack.gateway_port, "GET", "/health", timeout=5).status == 200
            except GONE:
                return False
        wait_for(is_up, "an answer of the gateway", 30, 0.02)

    def died(self, seconds=30):
        """The armed life ends by SIGKILL at its point; what it left is sound. That state, for closer looks."""
        gateway, point = self.stack.gateway, self.armed
        wait_for(lambda: not gateway.running(), f"the kill at {point}", seconds, 0.02)
        equal(gateway.child.returncode, -signal.SIGKILL, f"how the life armed with {point} ended: {gateway.output()[-1500:]}")
        met = self.points.read_text(encoding="utf-8").split()
        expect(point in met, f"{point} was not met, only {met}")
        with _lock:
            KILLED.add(point)
        self.armed = None
        self.join()
        return self.left()

    def kill(self):
        self.stack.gateway.kill()
        self.join()
        return self.left()

    def left(self):
        """What a dead gateway left: audited on a copy, so that recovery itself still meets the original."""
        with tempfile.TemporaryDirectory(prefix="till-left-") as folder:
            for name in ("till.db", "till.db-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(self.stack.folder / name, folder)
            handle = sqlite3.connect(Path(folder) / "till.db")
            try:
                left = audit.Left(handle)
                self.witness.look(handle)
                witness.own(handle)
                witness.evidence_matches(handle)
                witness.truths(self, handle)
            finally:
                handle.close()
            witness.program(Path(folder) / "till.db")
            return left

    def edit(self, sql, *values):
        """Makes time pass in the file of a dead gateway."""
        expect(not self.stack.gateway.running(), "the gateway is still alive")
        handle = sqlite3.connect(self.stack.folder / "till.db")
        with handle:
            count = handle.execute(sql, values).rowcount
        handle.close()
        return count

    # ---- the merchant

    def order(self, count=None):
        if count is not None:
            return [self.order() for _ in range(count)]
        serial = len(self.orders) + 1
        order = Order(f"{self.name}-{os.getpid()}-{serial}", 1000 + serial)
        self.orders[order.number] = order
        return order

    def call(self, method, target, document):
        """A signed request that changes something; what had its effect is remembered."""
        signing = {"timestamp": int(time.time()), "nonce": secrets.token_hex(16)}
        answer = self.stack.merchant().call(method, target, document, **signing)
        if answer.status in (200, 201, 202):
            self.signed.append((method, target, document, signing))
        return answer

    def send(self, order):
        """One create. True when it was answered with a payment, whole."""
        try:
            answer = self.call("POST", "/v1/payments", {
                "channel": "alipay", "product": "precreate", "amount": order.amount, "currency": "CNY", "out_trade_no": order.number,
                "subject": order.subject, "notify_url": self.ear.url, **order.fields})
        except http.client.IncompleteRead as error:
            order.torn.append(error.partial)
            return False
        except GONE:
            return False
        if answer.status in (200, 201, 202):
            order.answers.append((answer.status, answer.json()))
            return True
        order.refusals.append(answer)
        expect(answer.status in NOT_NOW, f"create was refused: {answer}")
        return False

    def insist(self, order):
        """Repeats the order, as a merchant does, until its code is there."""
        wait_for(lambda: self.send(order) and order.answers[-1][0] == 201, f"the code of {order.number}", 30, 0.1)

    def close(self, order):
        """True when the close was answered with an end."""
        with contextlib.suppress(*GONE):
            answer = self.stack.merchant().call("POST", f"/v1/payments/{order.id}/close")
            expect(answer.status in (200, 202, 409, *NOT_NOW), f"close: {answer}")
            order.closed = order.closed or (answer.status == 200 and answer.json()["state"] == "closed")
        return order.closed

    def refund(self, order, amount):
        self.refunds.append(Refund(order, f"{order.number}-r{len(self.refunds)}", amount))
        return self.refunds[-1]

    def send_refund(self, refund):
        """True when the refund has ended."""
        with contextlib.suppress(*GONE):
            answer = self.call("POST", f"/v1/payments/{refund.order.id}/refunds", {"amount": refund.amount, "out_refund_no": refund.number})
            expect(answer.status in (200, 202, *NOT_NOW), f"refund: {answer}")
            if answer.status in (200, 202):
                refund.answers.append(answer.json())
                return answer.status == 200
        return False

    def background(self, job, *arguments):
        """In a thread of its own; `join` hands its error on."""
        box = []

        def run():
            try:
                job(*arguments)
            except Exception as error:  # handed on by join
                box.append(error)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append((thread, box))

    def send_all(self, orders):
        for order in orders:
            self.background(self.send, order)

    def join(self):
        threads, self.threads = self.threads, []
        for thread, _ in threads:
            thread.join(40)
        for thread, box in threads:
            expect(not thread.is_alive(), "a client still waits for the dead")
            if box:
                raise box[0]

    def read(self, order):
        """The order as the API shows it; None when it is unknown there."""
        answer = self.stack.merchant().call("GET", f"/v1/payments?out_trade_no={order.number}")
        expect(answer.status == 200, f"read {order.number}: {answer}")
        document = answer.json()
        found = document["data"] if "data" in document else [document]
        expect(len(found) <= 1, f"{order.number} is there {len(found)} times")
        return found[0] if found else None

    # ---- the platform

    def trades(self):
        """The platform's books: subject -> its trades."""
        books, found = self.stack.control("GET", "/trades"), {}
        equal(len(books["trades"]), books["count"], "trades shown of those there are")
        for trade in books["trades"]:
            found.setdefault(trade["subject"], []).append(trade)
        return found

    def pay(self, order):
        """The buyer scans and pays."""
        known = order.answers[0][1]["upstream_no"] if order.answers else self.trades()[order.subject][0]["out_trade_no"]
        self.stack.control("POST", f"/trades/{known}/scan", {})
        self.stack.pay(known)

    def notices(self):
        notices = self.stack.control("GET", "/notifications")["notifications"]
        expect(len(notices) < 500, "more notifications than the platform shows")
        return notices

    def urge(self):
        """Moves the platform's clock to where its next repetition is due."""
        now_us = self.stack.control("GET", "/clock")["now_us"]
        due = [notice["due_us"] for notice in self.notices() if not notice["over"]]
        if due and min(due) > now_us:  # otherwise it is at work
            self.stack.control("POST", "/clock", {"advance_seconds": (max(due) - now_us) // 1000000 + 1})

    def await_attempts(self, order, count):
        """Until the platform has tried so often to tell that this order is paid."""
        upstream_no = self.trades()[order.subject][0]["out_trade_no"]
        wait_for(lambda: any(n["out_trade_no"] == upstream_no and n["attempts"] >= count for n in self.notices()),
                 f"notification attempt {count}", 20)

    # ---- looking at the running gateway

    def rows(self, sql, *values):
        return tap.rows(self.stack, sql, *values)

    def unsettled(self):
        marks = ",".join(str(state) for state in audit.UNSETTLED)
        return self.rows(f"SELECT upstream_no, state FROM attempts WHERE state IN ({marks}) UNION ALL SELECT refund_no, state"
                         f" FROM refunds WHERE state NOT IN ({audit.REFUND_DONE}, {audit.REFUND_FAILED})")

    def undelivered(self):
        return self.rows("SELECT id, state, attempts FROM deliveries WHERE state <> 1")

    def settle(self, order):
        """Create, pay, hear: everything about this order is acknowledged and delivered."""
        self.insist(order)
        self.pay(order)
        wait_for(lambda: self.read(order)["state"] == "paid", f"{order.number} paid")
        wait_for(lambda: not self.undelivered(), f"the webhook of {order.number}")

    # ---- the end

    def finish(self):
        """Quiet, then all money paid, then quiet again; a clean stop; every invariant."""
        wait_for(lambda: not self.unsettled(), "the end of every unknown", 40, 0.1)
        self.compare_codes()
        books = self.trades()
        for order in self.orders.values():
            trades = books.get(order.subject, [])
            if len(trades) == 1 and trades[0]["paid_us"] == 0 and trades[0]["status"] not in ("CANCELLED", "TRADE_CLOSED"):
                self.pay(order)
        self.await_paid()
        wait_for(lambda: not self.undelivered(), "the last webhook", 40, 0.1)
        wait_for(lambda: self.rows("SELECT (SELECT count(*) FROM events) = (SELECT count(*) FROM event_numbers)")[0][0],
                 "numbers of all events")
        shown = {number: self.read(order) for number, order in self.orders.items()}
        witness.replays_are_refused(self)
        equal(self.stack.gateway.stop(signal.SIGTERM, 20), 0, "the gateway's exit status")
        audit.final(self, shown)

    def compare_codes(self):
        """Every code that was handed out still leads to the one trade."""
        trades = self.trades()
        for order in self.orders.values():
            for code in order.codes():
                expect(order.subject in trades, f"a code for {order.number} was given, the platform knows nothing of it")
                equal(code.rsplit("/", 1)[1], trades[order.subject][0]["qr"], f"the code of {order.number}")

    def await_paid(self):
        """All that the platform holds as paid is paid here; its repetitions are helped along."""
        subjects = {subject for subject, trades in self.trades().items() if any(t["paid_us"] for t in trades)}
        end = time.monotonic() + 40
        while True:
            paid = {row[0] for row in self.rows("SELECT subject FROM payments WHERE state = 1")}
            told = all(notice["acknowledged"] for notice in self.notices())
            if subjects <= paid and told:
                return
            if time.monotonic() > end:
                raise Failed(f"never paid with us: {sorted(subjects - paid)}; notifications {self.notices()}")
            time.sleep(0.2)
            self.urge()
