# SPDX-License-Identifier: Apache-2.0
"""SIGTERM while everything is going on at once (S-140): creates, reads on kept connections, lists, refunds, notifications, and clients in every phase of a
request. Each request is answered or cleanly refused, what was acknowledged is there, what was refused left nothing, and the books are whole."""
import contextlib
import http.client
import signal
import threading
import time

from tap import (acked, connect, create, deliver, equal, expect, main, notice, number, order, rows, settle, signed, test, together, wait_for)

LAWFUL = {"create": {201, 202, 502, 503, "refused", "cut"}, "read": {200, 503, "refused", "cut"}, "list": {200, 503, "refused", "cut"},
          "refund": {200, 201, 202, 502, 503, "refused", "cut"}, "notify": {"acked", "not now", "refused", "cut"}}


class Everything:
    """So many threads a kind, until told to stop; (kind, name) -> outcome."""

    def __init__(self, stack, paid, open_orders):
        self.stack, self.paid, self.outcomes, self.stop = stack, paid, {}, threading.Event()
        self.notices = [(payment, signed(stack, notice(stack, payment))) for payment in open_orders]
        self.lock = threading.Lock()
        kinds = [self.create] * 4 + [self.read] * 3 + [self.list] * 2 + [self.refund] * 2 + [self.notify] * 3
        self.threads = [threading.Thread(target=self.run, args=(kind,)) for kind in kinds]
        for thread in self.threads:
            thread.start()

    def run(self, kind):
        while not self.stop.is_set():
            name = number("D")
            try:
                outcome = kind(name)
            except ConnectionRefusedError:
                outcome = "refused"
                time.sleep(0.02)
            except (OSError, http.client.HTTPException):
                outcome = "cut"
            if outcome is None:
                return
            with self.lock:
                self.outcomes.setdefault((kind.__name__, name), outcome)

    def create(self, name):
        return self.stack.merchant().call("POST", "/v1/payments", order(name)).status

    def read(self, _):
        """On a connection that is kept for twenty requests."""
        merchant, target = self.stack.merchant(), f"/v1/payments/{self.paid['id']}"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.stack.gateway_port, timeout=30)) as connection:
            for _ in range(20):
                connection.request("GET", target, headers={"Host": merchant.host, "Authorization": merchant.authorization("GET", target, b"")})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    break
        return answer.status

    def list(self, _):
        return self.stack.merchant().call("GET", "/v1/payments?limit=20").status

    def refund(self, name):
        return self.stack.merchant().call("POST", f"/v1/payments/{self.paid['id']}/refunds", {"amount": 1, "out_refund_no": name}).status

    def notify(self, _):
        """Each true notification once; the platform would come again after anything but success."""
        with self.lock:
            if not self.notices:
                return None
            payment, text = self.notices.pop()
        try:
            outcome = "acked" if acked(deliver(self.stack, text)) else "not now"
        except ConnectionRefusedError:
            outcome = "refused"
        except (OSError, http.client.HTTPException):
            outcome = "cut"
        with self.lock:
            self.outcomes["notify", payment["id"]] = outcome
        return outcome

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def of(self, kind):
        return {name: outcome for (found, name), outcome in self.outcomes.items() if found == kind and not (kind == "notify" and name.startswith("D"))}


PHASES = {"silent": b"", "half a head": b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nX-A: ", "half a body": b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Type: "
          b"application/json\r\nContent-Length: 900\r\n\r\n{\"a\":", "idle after one": b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"}


def clients_in_every_phase(stack):
    held = []
    for what, text in PHASES.items():
        for _ in range(25):
            connection = connect(stack.gateway_port, 20)
            connection.sendall(text)
            held.append((what, connection))
    return held


def ends(connection):
    """True when the gateway has closed it, whatever it said before."""
    with contextlib.suppress(ConnectionError):
        try:
            while connection.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


@test
def s_140_a_stop_amid_everything_answers_or_refuses_and_loses_nothing(stack):
    paid = create(stack, amount=100000)
    settle(stack, paid)
    load = Everything(stack, paid, together(60, lambda _: create(stack)))
    held = clients_in_every_phase(stack)
    wait_for(lambda: all(len(load.of(kind)) >= least for kind, least in {"create": 30, "refund": 6, "list": 10, "read": 3, "notify": 10}.items()),
             "some of everything", 60)
    status = stack.gateway.stop(signal.SIGTERM, 30)
    load.end()
    equal(status, 0, "the exit status")
    for kind, lawful in LAWFUL.items():
        found = set(load.of(kind).values())
        expect(found <= lawful, f"{kind}: answers {found}, lawful {lawful}")
        expect(found & {200, 201, 202, "acked"}, f"{kind}: none was served: {found}")
    equal([what for what, connection in held if not ends(connection)], [], "connections that outlived the gateway")
    for _, connection in held:
        connection.close()
    look_at_creates(stack, load.of("create"))
    look_at_refunds(stack, paid, load.of("refund"))
    look_at_notifications(stack, load.of("notify"))
    stack.start_gateway()
    repeat(stack, paid, load)


def look_at_creates(stack, outcomes):
    known = {name for (name,) in rows(stack, "SELECT out_trade_no FROM payments")}
    equal([name for name, outcome in outcomes.items() if outcome in (201, 202) and name not in known], [], "acknowledged and lost")
    equal([name for name, outcome in outcomes.items() if outcome in ("refused", "cut") and name in known], [], "taken up and never answered")


def look_at_refunds(stack, paid, outcomes):
    known = {name for (name,) in rows(stack, "SELECT out_refund_no FROM refunds WHERE payment_id = ?", paid["id"])}
    equal([name for name, outcome in outcomes.items() if outcome in (200, 201, 202) and name not in known], [], "refunds acknowledged and lost")
    equal([name for name, outcome in outcomes.items() if outcome in ("refused", "cut") and name in known], [], "refunds taken up and never answered")


def look_at_notifications(stack, outcomes):
    paid = {name for (name,) in rows(stack, "SELECT id FROM payments WHERE paid_us IS NOT NULL AND paid_us > 0")}
    equal([name for name, outcome in outcomes.items() if outcome == "acked" and name not in paid], [], "news acknowledged and lost")
    equal([name for name, outcome in outcomes.items() if outcome == "refused" and name in paid], [], "news taken without a connection")


def repeat(stack, paid, load):
    """What was not answered well is asked for again: one order, one refund, upstream too."""
    for name in [name for name, outcome in load.of("create").items() if outcome != 201][:30]:
        wait_for(lambda name=name: stack.merchant().call("POST", "/v1/payments", order(name)).status == 201, f"{name} again", 40)
    for name in [name for name, outcome in load.of("refund").items() if outcome not in (200, 201)][:10]:
        wait_for(lambda name=name: stack.merchant().call("POST", f"/v1/payments/{paid['id']}/refunds", {"amount": 1, "out_refund_no": name}).status in (200, 201),
                 f"refund {name} again", 40)
    numbers = [trade["out_trade_no"] for trade in stack.control("GET", "/trades")["trades"]]
    equal(len(numbers), len(set(numbers)), "orders upstream")
    held, back, count = rows(stack, "SELECT refund_held, refunded, (SELECT count(*) FROM refunds WHERE payment_id = ?1) FROM attempts WHERE payment_id = ?1", paid["id"])[0]
    expect(back <= held <= count, f"{count} refunds of one fen: {held} held, {back} back")


if __name__ == "__main__":
    main(own_platform_key=True, upstream__timeout="4s", payments__create_deadline="5s")
