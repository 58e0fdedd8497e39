# SPDX-License-Identifier: Apache-2.0
"""The wall clock of a running gateway jumps, runs elsewhere, or reaches years that nobody has seen (S-139, I21, I24). libfaketime turns the
clock of one process; the monotonic one goes on, as it does when an operator or NTP sets the time."""
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, test, wait_for  # noqa: E402
import audit  # noqa: E402
from scene import Scene  # noqa: E402
from stack import Merchant  # noqa: E402

HOUR = 3600
REPLAYED = ("nonce_used", "timestamp_outside_window")
LIBRARIES = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
             "/usr/lib/faketime/libfaketime.so.1")


class Turned(Merchant):
    """A merchant whose own clock is so many seconds off."""
    off = 0

    def authorization(self, method, target, body, timestamp=None, nonce=None):
        return super().authorization(method, target, body, int(time.time()) + self.off if timestamp is None else timestamp, nonce)


class Clocked(Scene):
    """`turn` sets the gateway's clock; the platform's and the world's stay, unless told. The merchant follows the gateway, or not."""

    def __init__(self, name, off=0, env=None, **settings):
        super().__init__(name, **{"payments__ask_after": "1s", "payments__ask_slowest": "2s", **settings})
        library = next((path for path in LIBRARIES if Path(path).exists()), None)
        expect(library, "libfaketime is missing; run tools/setup.sh test")
        self.file, self.env = self.stack.folder / "clock", dict(env or {})
        self.faking = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1",
                       "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        begin = self.stack.start_gateway
        self.stack.start_gateway = lambda env=None, **more: begin(env={**(env or {}), **self.faking, **self.env}, **more)
        self.stack.merchant = self.merchant
        self.off = self.merchant_off = 0
        self.turn(off)

    def merchant(self):
        merchant = Turned(self.stack.gateway_port, self.stack.key["id"], bytes.fromhex(self.stack.key["secret"]))
        merchant.off = self.merchant_off
        return merchant

    def call(self, method, target, document):
        """As in a scene, by the merchant's own clock."""
        signing = {"timestamp": int(time.time()) + self.merchant_off, "nonce": secrets.token_hex(16)}
        answer = self.stack.merchant().call(method, target, document, **signing)
        if answer.status in (200, 201, 202):
            self.signed.append((method, target, document, signing))
        return answer

    def turn(self, seconds, merchant=True):
        """The gateway's clock is so many seconds off from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{'+' if seconds >= 0 else '-'}{abs(seconds)}\n", encoding="ascii")
        os.replace(fresh, self.file)
        self.off = seconds
        if merchant:
            self.merchant_off = seconds

    def log(self, event):
        path = self.stack.folder / "till.log"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if f'"event":"{event}"' in line]

    def await_step(self, seconds):
        """It was noticed, and told."""
        wait_for(lambda: any(abs(entry["seconds"] - seconds) < 30 for entry in self.log("clock_stepped")), f"a step of {seconds} s in the log", 20)

    def turn_platform(self):
        """The platform's clock goes where the gateway's is; it takes 400 days at a time."""
        left = int(time.time() + self.off - self.stack.control("GET", "/clock")["now_us"] / 1e6)
        while left > 0:
            self.stack.control("POST", "/clock", {"advance_seconds": min(left, 400 * 86400)})
            left -= 400 * 86400

    def refund_done(self, order):
        refund = self.refund(order, 100)
        wait_for(lambda: self.send_refund(refund), f"the refund of {order.number}", 20)

    def account_words(self):
        """The settings of the account anew, as `till account update` wants them."""
        keys, platform = self.stack.folder / "keys", self.stack.platform
        pairs = {"app_id": platform["app_id"], "seller_id": platform["seller_id"], "private_key": f"@{keys / 'app_private_key.pem'}",
                 "gateway_url": f"http://127.0.0.1:{self.stack.sandbox_port}/alipay/gateway.do",
                 "platform_public_key": f"@{keys / 'alipay_public_key.pem'}"}
        return [word for name, value in pairs.items() for word in ("--set", f"{name}={value}")]

    def states(self):
        return dict(self.rows("SELECT subject, state FROM payments"))


def write(scene, order, **signing):
    """A create with a signature that is kept, so that it can be sent again."""
    body = json.dumps({"channel": "alipay", "product": "precreate", "amount": order.amount, "currency": "CNY", "out_trade_no": order.number,
                       "subject": order.subject, "notify_url": scene.ear.url}).encode()
    headers = {"Host": f"127.0.0.1:{scene.stack.gateway_port}", "Content-Type": "application/json",
               "Authorization": scene.merchant().authorization("POST", "/v1/payments", body, **signing)}
    return lambda: tap.request(scene.stack.gateway_port, "POST", "/v1/payments", body, headers)


def refused_as(answer, *codes):
    expect(answer.status == 401 and answer.json()["code"] in codes, f"wanted 401 {codes}: {answer}")


def remember(scene, order):
    """What was acknowledged by a create whose bytes can be sent again."""
    again = write(scene, order)
    answer = again()
    equal(answer.status, 201, "the first time")
    order.answers.append((answer.status, answer.json()))
    return again


@test
def s_139_the_clock_goes_back_an_hour_and_then_forward_two(_):
    """No payment reopens, no replay is accepted, no order ends early, questions and webhooks do not wait for the clock to catch up."""
    with Clocked("s139") as scene:
        paid, closed, waiting, lost = scene.order(4)
        waiting.fields = {"expires_in": 1800}
        replays = [remember(scene, order) for order in (paid, closed)]
        for order in (waiting, lost):
            scene.insist(order)
        scene.pay(paid)
        wait_for(lambda: scene.read(paid)["state"] == "paid", "the payment")
        wait_for(lambda: scene.close(closed), "the close", 20)
        wait_for(lambda: not scene.undelivered(), "the webhooks")
        ends = scene.states()
        for step, off in ((-HOUR, -HOUR), (2 * HOUR, HOUR), (-HOUR, 0)):
            replays.append(remember(scene, scene.order()))
            scene.turn(off)
            scene.await_step(step)
            for replay in replays:
                refused_as(replay(), *REPLAYED)
            # A question that was due in the old reckoning is asked in the new one, and a webhook is sent.
            fresh = scene.order()
            scene.insist(fresh)
            scene.pay(fresh)
            wait_for(lambda: scene.read(fresh)["state"] == "paid", f"a payment while the clock is {off} s off", 20)
            wait_for(lambda: not scene.undelivered(), "its webhook", 20)
            time.sleep(2.5)  # several sweeps: whoever was to be closed would be
            now = scene.states()
            for order in (paid, closed):
                equal(now[order.subject], ends[order.subject], f"the end of {order.number}")
            equal(audit.STATES[now[waiting.subject]], "pending", f"an order of 30 minutes, with the clock {off} s off")
            expect(scene.trades()[waiting.subject][0]["status"] not in ("TRADE_CLOSED", "CANCELLED"), "the platform's order was closed")
        scene.pay(waiting)
        wait_for(lambda: scene.read(waiting)["state"] == "paid", "the order that nobody closed early", 20)
        for replay in replays:
            refused_as(replay(), *REPLAYED)
        scene.finish()


@test
def s_139_a_nonce_that_was_forgotten_while_the_clock_ran_ahead_stays_used(_):
    """An hour ahead, the start purges what is old by that clock; back again, the same bytes are in the window, and refused. Also after the
    next start. New requests are taken."""
    with Clocked("s139-nonces") as scene:
        order = scene.order()
        again = remember(scene, order)
        known = scene.rows("SELECT count(*) FROM nonces")[0][0]
        expect(known > 0, "no nonce was kept")
        scene.kill()
        scene.turn(HOUR)
        scene.start()
        wait_for(lambda: scene.rows("SELECT count(*) FROM nonces")[0][0] < known, "nonces being purged", 20)
        scene.kill()
        for _ in range(2):
            scene.turn(0)
            scene.start()
            expect(abs(scene.off) == 0, "the clock")
            refused_as(again(), "timestamp_outside_window")
            time.sleep(1.1)  # a new second: what is signed now is younger than everything that was forgotten
            scene.insist(scene.order())
            scene.kill()
        scene.start()
        equal(len(scene.trades()[order.subject]), 1, "the platform's orders")
        scene.finish()


@test
def a_start_with_a_clock_that_was_set_back_meanwhile_waits_for_nothing(_):
    """Killed with a question, a lease and a webhook under way, and started an hour earlier: all of it is done at once."""
    with Clocked("back", payments__create_deadline="2s", upstream__timeout="1s") as scene:
        scene.settle(scene.order())
        scene.deaf = 1
        told = scene.order()
        scene.insist(told)
        scene.pay(told)
        scene.await_attempts(told, 1)
        wait_for(lambda: scene.undelivered() and scene.undelivered()[0][2] >= 1, "a webhook that was not taken", 20)
        open_order, lost = scene.order(2)
        scene.insist(open_order)
        scene.stack.control("POST", "/faults", {"operation": "precreate", "fault": "drop_after", "count": 4})
        scene.send(lost)
        # Ten minutes from now, as it is with the usual settings.
        scene.kill()
        later = int((time.time() + 600) * 1e6)
        expect(scene.edit("UPDATE attempts SET next_ask_us = ?, lease_until_us = ? WHERE next_ask_us > 0", later, later) >= 2, "questions")
        expect(scene.edit("UPDATE deliveries SET next_us = ?, leased = 1 WHERE state = 0", later) >= 1, "webhooks")
        scene.edit("UPDATE store_facts SET checked_us = ?", later)
        scene.stack.control("DELETE", "/faults")
        scene.turn(-HOUR)
        scene.start()
        wait_for(lambda: scene.log("clock_set_back"), "the step in the log")
        wait_for(lambda: not scene.unsettled() and not scene.undelivered(), "what waited", 20)
        scene.pay(open_order)
        wait_for(lambda: scene.read(open_order)["state"] == "paid", "the payment", 20)
        scene.finish()


@test
def a_clock_that_jumps_forward_is_believed_by_requests_and_not_yet_by_ends(_):
    """Both directions: an order whose end comes by time that has passed is closed; one whose end a jump passed is not, for 15 minutes. A
    clock set right meanwhile leaves it as if nothing had been."""
    with Clocked("forward", payments__settle_grace="1s") as scene:
        short, long = scene.order(2)
        long.fields = {"expires_in": 1800}
        for order in (short, long):
            scene.insist(order)
        scene.kill()
        end = int((time.time() + 10) * 1e6)
        for table, key in (("payments", "id"), ("attempts", "payment_id")):
            scene.edit(f"UPDATE {table} SET expires_us = ? WHERE {key} = ?", end, short.id)
        scene.start()
        scene.turn(2 * HOUR)
        scene.await_step(2 * HOUR)
        time.sleep(3)
        equal([audit.STATES[scene.states()[order.subject]] for order in (short, long)], ["pending", "pending"], "orders after the jump")
        scene.insist(scene.order())  # the merchant's clock went along: his requests are taken
        scene.turn(0)
        scene.await_step(-2 * HOUR)
        # By and by its end has passed by both clocks.
        wait_for(lambda: audit.STATES[scene.states()[short.subject]] == "closed", "the end of the short order", 40, 0.2)
        equal(audit.STATES[scene.states()[long.subject]], "pending", "the order of half an hour")
        scene.pay(long)
        wait_for(lambda: scene.read(long)["state"] == "paid", "the payment", 20)
        scene.finish()


def is_told(answer, words):
    refused_as(answer, "timestamp_outside_window")
    expect(all(word in answer.json()["detail"] for word in words), f"what it is told: {answer}")


@test
def a_merchant_and_a_platform_some_minutes_apart_are_told_or_served(_):
    """The merchant's clock: within the window he is served, beyond it he is told which clock and by how much. The platform's: nothing of ours
    is decided by it."""
    with Clocked("apart") as scene:
        scene.insist(scene.order())
        for off in (-290, 290):
            scene.merchant_off = off
            scene.insist(scene.order())
        for off in (-301, 301, -HOUR, HOUR):
            scene.merchant_off = off
            order = scene.order()
            is_told(write(scene, order)(), ("clock", "300 s"))
            equal(scene.rows("SELECT count(*) FROM payments WHERE out_trade_no = ?", order.number), [(0,)], "an order that was refused")
            del scene.orders[order.number]
        scene.merchant_off = 0
        for off in (-300, 300):  # the gateway five minutes beside the platform
            scene.turn(off)
            scene.await_step(off if off < 0 else 600)
            order = scene.order()
            order.fields = {"expires_in": 900}
            scene.settle(order)
            scene.refund_done(order)
        scene.finish()


@test
def years_beyond_2038_are_years(_):
    """2038-01-19, 2106-02-07 (unsigned 32 bits), 2150: started there, and carried over the edge while running."""
    now = time.time()
    edges = [2147483648 - now, 4294967296 - now, 5680281600 - now]
    with Clocked("years") as scene:
        scene.kill()
        for edge in edges:
            scene.turn(int(edge - (time.time() - now)) - 3)
            scene.turn_platform()
            scene.start()
            before = scene.order()
            scene.insist(before)
            time.sleep(3.2)
            scene.settle(scene.order())
            scene.pay(before)
            wait_for(lambda: scene.read(before)["state"] == "paid", "an order that was made before the edge", 20)
            made = scene.read(before)["created_at"]
            expect(made.startswith(time.strftime("%Y-", time.gmtime(now + edge - 3))), f"made at {made}")
            scene.kill()
        scene.start()
        scene.finish()


@test
def another_time_zone_changes_no_byte_that_counts(_):
    """The process moves through time zones with and without summer time: numbers and times stay what they are, the platform is told its own."""
    with Clocked("zone") as scene:
        orders = []
        for zone in ("UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Antarctica/Troll", "Nonsense/Nowhere", ":/etc/passwd"):
            scene.kill()
            scene.env["TZ"] = zone
            scene.start()
            order = scene.order()
            orders.append(order)
            scene.settle(order)
            shown = scene.read(order)
            for name in ("created_at", "expires_at"):
                expect(shown[name].endswith("Z"), f"{name}: {shown[name]}")
            created = time.mktime(time.strptime(shown["created_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            expect(abs(created - time.time()) < 60, f"created at {shown['created_at']} in {zone}")
        shown = [scene.read(order) for order in orders]
        scene.kill()
        scene.env["TZ"] = "UTC"
        scene.start()
        equal([scene.read(order) for order in orders], shown, "what is shown in another zone")
        scene.finish()


@test
def the_day_of_bills_is_beijings_whatever_zone_and_edge(_):
    """A minute before and after midnight in Beijing, and before and after ten o'clock there, when yesterday's bill is ready."""
    found, midnight = [], (int(time.time()) + 8 * HOUR) // 86400 * 86400 - 8 * HOUR
    found = []
    with Clocked("bills") as scene:
        scene.stack.admin("account", "update", "--id", scene.stack.account["id"], *scene.account_words(), "--set", "bills=trade")
        scene.kill()
        scene.edit("UPDATE accounts SET created_us = created_us - 8 * 86400000000")
        for at in (-60, 60, 10 * HOUR - 60, 10 * HOUR + 60):
            scene.kill()
            scene.turn(int(midnight + at - time.time()))
            scene.env["TZ"] = "America/Los_Angeles"
            scene.start()
            wait_for(lambda: scene.rows("SELECT date FROM bills"), "bills that are wanted", 20)
            time.sleep(1)
            found.append(scene.rows("SELECT max(date) FROM bills")[0][0])
        days = [time.strftime("%Y-%m-%d", time.gmtime(midnight + 8 * HOUR + back * 86400)) for back in (-2, -2, -2, -1)]
        equal(found, days, "the youngest day whose bill is wanted")
        equal(scene.stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")


if __name__ == "__main__":
    tap.main(setup=lambda: None)
