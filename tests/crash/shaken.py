# SPDX-License-Identifier: Apache-2.0
"""A scene whose gateway runs above the shim, so that the system under it fails on order."""
import json
import os
import signal

import tap
from scene import GONE, Scene
from shim import Shim
from tap import equal, expect, request, wait_for

SOON = {"payments__ask_after": "1s", "payments__ask_slowest": "2s"}
BROKEN_ALARMS = ('"store_broken"', '"sequence_failed"')  # what a scene may hold that broke its store on purpose
BROKEN = 70  # the exit status that says: the store broke, start me again


class Shaken(Scene):
    """`env` and `before` (words that start the program) count from the next life on."""

    def __init__(self, name, env=None, before=(), supervised=False, **settings):
        super().__init__(name, **{**SOON, **settings})
        self.shim, self.env, self.before, self.supervised = Shim(self.stack.folder), dict(env or {}), tuple(before), supervised
        self.start_gateway, self.stack.start_gateway = self.stack.start_gateway, self.start_shaken

    def start_shaken(self, env=None, wait=True, arguments=()):
        arguments = () if self.supervised else arguments
        env = {name: value for name, value in (env or {}).items() if name != "TILL_FAILPOINT_LOG"}  # its writes are not the gateway's
        if not self.before:
            return self.start_gateway(env={**(env or {}), **self.shim.env, **self.env}, wait=wait, arguments=arguments)
        settings = [word for name, value in self.stack.overrides.items() for word in ("--set", f"{name}={value}")]
        self.stack.gateway = tap.Process([*self.before, self.stack.till, "serve", "-c", self.stack.config, *settings, *arguments],
                                         self.stack.folder / "gateway.log", {**(env or {}), **self.shim.env, **self.env}).start()
        if wait:
            self.stack.await_port(self.stack.gateway, self.stack.gateway_port, "/ready")
        return None

    @property
    def pid(self):
        return self.stack.gateway.child.pid

    # ---- what one request comes to

    def try_create(self, order=None, timeout=30):
        """One create by whatever happens to it: its status, or None when the connection broke."""
        order = order or self.order()
        try:
            answer = self.stack.merchant().call("POST", "/v1/payments", {
                "channel": "alipay", "product": "precreate", "amount": order.amount, "currency": "CNY", "out_trade_no": order.number,
                "subject": order.subject, "notify_url": self.ear.url, **order.fields}, timeout=timeout)
        except GONE:
            return None
        if answer.status in (200, 201, 202):
            order.answers.append((answer.status, answer.json()))
        else:
            expect(answer.headers.get("content-type") == "application/problem+json" and answer.json()["code"], f"no clear answer: {answer}")
            order.refusals.append(answer)
        return answer.status

    def is_refused(self, order=None):
        """A write is refused as the table says: 503, in words, and may be repeated."""
        order = order or self.order()
        equal(self.try_create(order), 503, "a create")
        document = order.refusals[-1].json()
        expect(document["retryable"] and document["code"] in ("store_failed", "store_unknown", "overloaded"), document)
        return document

    def reads(self, order):
        equal(self.read(order)["id"], order.id, "a read")
        equal(request(self.stack.gateway_port, "GET", "/health", timeout=10).status, 200, "/health")
        equal(request(self.stack.private_port, "GET", "/metrics", timeout=10).status, 200, "/metrics")

    def works(self):
        """Ready, and a whole new order goes through."""
        wait_for(self.is_ready, "/ready", 20)
        self.settle(self.order())

    def is_ready(self):
        try:
            return request(self.stack.gateway_port, "GET", "/ready", timeout=10).status == 200
        except GONE:
            return False

    # ---- what it leaves

    def log(self):
        path = self.stack.folder / "till.log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def logged(self, event):
        return [entry for entry in self.log() if entry["event"] == event]

    def broke(self, seconds=20):
        """The process ended by itself because its store broke."""
        gateway = self.stack.gateway
        wait_for(lambda: not gateway.running(), "the end of a daemon with a broken store", seconds, 0.02)
        equal(gateway.child.returncode, BROKEN, f"its exit status: {gateway.output()[-1500:]}")
        expect(self.logged("store_broken"), "the log does not say why")
        self.excused = BROKEN_ALARMS
        self.join()
        return self.left()

    def refund_is_done(self, order):
        refund = self.refund(order, 100)
        wait_for(lambda: self.send_refund(refund), f"the refund of {order.number}", 20)

    def finish_quickly(self):
        """For scenes with many orders that nobody pays: quiet, a clean stop, and the books are whole."""
        wait_for(lambda: not self.unsettled(), "the end of every unknown", 40, 0.1)
        known = {order.number for order in self.orders.values() if order.answers}
        found = {row[0] for row in self.rows("SELECT out_trade_no FROM payments")}
        expect(known <= found, f"acknowledged and lost: {sorted(known - found)}")
        equal(self.stack.gateway.stop(signal.SIGTERM, 20), 0, "the gateway's exit status")
        return self.left()

    def repay(self):
        """Orders without an answer are repeated, as merchants do; then everything is audited."""
        for order in list(self.orders.values()):
            if not order.answers:
                self.insist(order)
        self.finish()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
