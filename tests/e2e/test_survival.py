# SPDX-License-Identifier: Apache-2.0
"""Whatever the platform does wrong, our record and its books agree in the end: paid exactly once, nothing doubled, nothing unknown left.

Two tables name every fault of the sandbox and the scenes it is played in; a fault without a row, and a rule that never struck, fail. All
notifications are withheld while calls are spoilt, so that only questions can settle an order; then notifications are spoilt one by one."""
import contextlib
import queue
import sys
import threading
import time
from pathlib import Path

from tap import (await_state, create, discrepancies, equal, event_types, events, expect, ledger_is_balanced, main, metric_sum, new_stack, number,
                 order, read, request, rows, test, wait_for)

EVERY_CALL = ("precreate", "query", "refund", "refund_query", "close", "cancel")
MONEY = 990
ROUND = 60  # seconds that a scene may take
SIDE_BY_SIDE = 4  # most of a scene is waiting: that many stacks play spoilt calls at once


def fresh():
    return new_stack(upstream__timeout="800ms", payments__create_deadline="2s", payments__ask_after="300ms",
                     payments__ask_slowest="600ms").start()


def setup():
    stack = fresh()
    wanted = set(sys.argv[1:])
    stack.results = {name: queue.Queue() for name, row in CALLS.items() if set(row.scenes) <= set(EVERY_CALL)
                     and (not wanted or test_name(name) in wanted)}
    waiting = queue.Queue()
    for name in stack.results:
        waiting.put(name)
    for _ in range(min(SIDE_BY_SIDE, len(stack.results))):
        threading.Thread(target=play_waiting, args=(fresh(), waiting, stack.results), daemon=True).start()
    return stack


def test_name(fault_name):
    return f"a_call_with_{fault_name}_is_survived"


def play_waiting(stack, waiting, results):
    """One stack takes row after row, in order; each result goes to the test that waits for it."""
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            fault(stack, "notify", "notify_never", -1)
            play(stack, name, CALLS[name])
            results[name].put(None)
        except Exception as error:  # handed over
            results[name].put(error)
            with contextlib.suppress(Exception):  # a stack that is gone fails the rows that are left, one by one
                stack.control("DELETE", "/faults")


# ---- the tables


class Call:
    """A spoilt call: the scenes, the fault's argument (by operation where it matters), what the first order becomes."""

    def __init__(self, *scenes, argument="", ends="paid", by_operation=None, at_once=True):
        self.scenes, self.argument, self.ends, self.by_operation = scenes or EVERY_CALL, argument, ends, by_operation or {}
        self.at_once = at_once  # else one scene after the other: a final refusal shall not hit another scene's order


CALLS = {
    "delay": Call(argument=1500),
    "delay_answer": Call(argument=1500),
    "drop_before": Call(),
    "drop_after": Call(),
    "reset_before": Call(),
    "reset_after": Call(),
    "half": Call(),
    "drip": Call(argument=200),
    "http_before": Call(argument=503),
    "http_after": Call(argument=504),
    "redirect": Call(),
    "html": Call(),
    "empty": Call(),
    "garbage": Call(),
    "big": Call(),
    "gzip_bomb": Call(),
    "rate_limit": Call(),
    "unknown_before": Call(),
    "unknown_after": Call(),
    "in_process": Call(),
    "system_error_before": Call(),
    "system_error_after": Call(),
    "refuse": Call(ends="failed", by_operation={"precreate": "ACQ.EXIST_FORBIDDEN_WORD", "query": "ACQ.INVALID_PARAMETER",
                                                "refund": "ACQ.SELLER_BALANCE_NOT_ENOUGH", "refund_query": "ACQ.INVALID_PARAMETER",
                                                "close": "ACQ.INVALID_PARAMETER", "cancel": "ACQ.INVALID_PARAMETER"},
                   at_once=False),
    "unsigned": Call(),
    "wrong_signature": Call(),
    "other_answer": Call(),
    "stale_query": Call("query"),
    "no_fund_change": Call("refund"),
    "gbk": Call(),
    "lost_close": Call("lost_close", "lost_cancel"),
    "refund_fails_later": Call("refund_fails_later"),
    "paid_first": Call("paid_first"),
}


# Faults that spoil no payment's call: the test that shows how they are survived.
ELSEWHERE = {
    "test_products.py": ["ask_password", "return_amount", "return_never", "return_other_order", "return_unsigned", "return_wrong_key"],
    "test_bills.py": ["bill_amount", "bill_bomb", "bill_cut", "bill_damaged", "bill_expired", "bill_foreign_line", "bill_missing_line",
                      "bill_new_column", "bill_other_account", "bill_other_host", "bill_reordered", "bill_sums", "bill_traversal", "bill_utf8"],
}


class Notice:
    """A spoilt notification: what it is counted as, whether a person is called, and what the scene does besides."""

    def __init__(self, outcome, discrepancy=None, argument="", scene="paid", after=0):
        self.outcome, self.discrepancy, self.argument, self.scene, self.after = outcome, discrepancy, argument, scene, after


NOTICES = {
    "notify_delay": Notice("applied", argument=60, after=60),
    "notify_never": Notice(None, scene="asked"),
    "notify_duplicate": Notice("noop", argument=3, after=60),
    "notify_reorder": Notice(None, scene="reorder"),
    "notify_wrong_key": Notice("refused", scene="asked"),
    "notify_unsigned": Notice("refused", scene="asked"),
    "notify_sha1": Notice("refused", scene="asked"),
    "notify_md5": Notice("refused", scene="asked"),
    "notify_probe": Notice("refused"),
    "notify_amount": Notice("held", "amount_mismatch", scene="asked"),
    "notify_other_app": Notice("held", "app_mismatch", scene="asked"),
    "notify_other_seller": Notice("held", "seller_mismatch", scene="asked"),
    "notify_other_order": Notice("refused", scene="asked"),
    "notify_unknown_status": Notice("held", "unknown_status", scene="asked"),
    "notify_refund_as_success": Notice(None, scene="full_refund"),
    "notify_finished": Notice("applied", scene="finished"),
    "notify_closed": Notice(None, scene="closed"),
    "notify_coupon": Notice("applied"),
    "notify_gbk": Notice("applied"),
    "notify_twice_named": Notice("refused", scene="asked"),
    "notify_query": Notice("applied"),
    "notify_late": Notice(None, scene="late"),  # last: it turns the platform's clock by more than an order's life
}


# ---- both sides of the wire


def fault(stack, operation, name, count=2, **more):
    return stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": count, **more})["id"]


def hits(stack):
    return {rule["id"]: rule["hits"] for rule in stack.control("GET", "/faults")["rules"]}


def upstream(stack, payment):
    """The platform's row, or None where nothing was ever ordered."""
    answer = request(stack.sandbox_port, "GET", f"/control/trades/{payment['upstream_no']}")
    return answer.json() if answer.status == 200 else None


def scan(stack, payment):
    return stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})


def placed(stack, **fields):
    """A merchant's patience: the same order again until it has a code, or has failed."""
    wish = order(**fields)
    end = time.monotonic() + ROUND
    while time.monotonic() < end:
        answer = stack.merchant().call("POST", "/v1/payments", wish)
        expect(answer.status in (200, 201, 202, 402, 503), f"create: {answer}")
        document = read(stack, answer.json()["payment_id"]) if answer.status == 402 else answer.json()
        if answer.status != 503 and (document["action"]["kind"] == "qr_code" or document["state"] == "failed"):
            return document
        time.sleep(0.2)
    raise TimeoutError(f"no code for {wish['out_trade_no']}: {answer}")


def ended_refund(stack, payment, amount):
    """The same refund again until its end is known."""
    wish = {"amount": amount, "out_refund_no": number("R")}
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", wish)
    expect(answer.status in (200, 201, 202, 503), f"refund: {answer}")
    while answer.status == 503:
        time.sleep(0.2)
        answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", wish)
    identity = answer.json()["id"]

    def end():
        row = stack.merchant().call("GET", f"/v1/refunds/{identity}").json()
        return row if row["state"] in ("succeeded", "failed") else None
    return wait_for(end, f"the end of refund {identity}", ROUND)


def ask_to_end(stack, payment, verb):
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/{verb}")
    expect(answer.status in (200, 202, 503), f"{verb}: {answer}")
    return await_state(stack, payment, "closed", ROUND)


def agree(stack, payment):
    """Our record against the platform's books, and against itself."""
    ours, theirs = read(stack, payment), upstream(stack, payment)
    if theirs is None:
        equal((ours["received"], ours["state"]), (0, "failed"), "an order the platform never saw")
        return ours
    equal(ours["received"], theirs["total_minor"] if theirs["paid_us"] else 0, f"received, {ours['state']} / {theirs}")
    equal(ours["refunded"], theirs["refunded_minor"], "refunded")
    equal(ours["refund_held"], ours["refunded"], "nothing is still held")
    equal(len({refund["out_request_no"] for refund in theirs["refunds"]}), len(theirs["refunds"]), "refunds upstream are distinct")
    fits = {"paid": ("TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"), "closed": ("TRADE_CLOSED", "CANCELLED"), "failed": ()}
    expect(theirs["status"] in fits[ours["state"]], f"{ours['state']} here, {theirs['status']} there")
    refunds = rows(stack, "SELECT count(*) FROM refunds WHERE payment_id = ?", payment["id"])[0][0]
    types = wait_for(lambda: (lambda found: found if len(found) > refunds else None)(event_types(stack, payment)), "an event for each end")
    money = [kind for kind in types if kind in ("payment.succeeded", "payment.paid_late", "payment.duplicate")]
    equal(len(money), 1 if ours["received"] else 0, f"news of money in {types}")
    equal(len([kind for kind in types if kind == "refund.succeeded"]), len(theirs["refunds"]), f"news of refunds in {types}")
    equal([event["sequence"] for event in events(stack, payment)], list(range(1, len(types) + 1)), "sequence of events")
    left = rows(stack, "SELECT count(*) FROM attempts WHERE payment_id = ? AND state IN (1, 3)", payment["id"])[0][0]
    equal(left, 0, "attempts without an outcome")
    return ours


def all_is_well(stack):
    expect(stack.gateway.running(), f"the daemon is gone: {stack.gateway.output()[-1500:]}")
    equal(request(stack.gateway_port, "GET", "/ready").status, 200, "/ready")
    expect(ledger_is_balanced(stack), "the ledger does not balance")
    expect(stack.control("GET", "/books")["conserved"], "a fen appeared or vanished at the platform")
    restarts = [line for line in stack.gateway.output().splitlines() if "restart" in line.lower() and "signal" in line.lower()]
    expect(not restarts, f"the daemon died: {restarts}")


# ---- scenes around a spoilt call


def paid_by_question(stack, **fields):
    payment = placed(stack, **fields)
    scan(stack, payment)
    stack.pay(payment["upstream_no"])
    return await_state(stack, payment, "paid", ROUND)


def precreate_scene(stack, row):
    payment = placed(stack)
    equal(payment["state"], "failed" if row.ends == "failed" else "pending", "after the create")
    if payment["state"] == "failed":
        agree(stack, payment)
        payment = placed(stack)  # the second stroke of the rule
        agree(stack, payment)
        payment = placed(stack)
    scan(stack, payment)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    equal(ended_refund(stack, payment, MONEY)["state"], "succeeded", "refund of all")
    agree(stack, payment)


def query_scene(stack, _):
    equal(agree(stack, paid_by_question(stack))["state"], "paid", "state")


def refund_scene(stack, row):
    payment = paid_by_question(stack)
    first, second = ended_refund(stack, payment, 400), ended_refund(stack, payment, 300)
    wanted = "failed" if row.ends == "failed" else "succeeded"
    equal((first["state"], second["state"]), (wanted, wanted), "refunds")
    equal(ended_refund(stack, payment, 90)["state"], "succeeded", "a refund after the fault")
    agree(stack, payment)


def refund_query_scene(stack, _):
    """The refund's answer says success without fund_change: that has to be asked about, and the question is spoilt."""
    payment = paid_by_question(stack)
    equal(ended_refund(stack, payment, 400)["state"], "succeeded", "refund")
    agree(stack, payment)


def close_scene(stack, _):
    payment = placed(stack)
    scan(stack, payment)
    ask_to_end(stack, payment, "close")
    equal(agree(stack, payment)["state"], "closed", "state")


def cancel_scene(stack, _):
    payment = placed(stack)
    ask_to_end(stack, payment, "cancel")
    equal(agree(stack, payment)["state"], "closed", "state")
    answer = request(stack.sandbox_port, "POST", f"/control/trades/{payment['upstream_no']}/pay", b"{}", {"Content-Type": "application/json"})
    expect(answer.status >= 400 or answer.json()["paid_us"] == 0, f"a cancelled code could be paid: {answer}")


SCENES = {"precreate": precreate_scene, "query": query_scene, "refund": refund_scene, "refund_query": refund_query_scene,
          "close": close_scene, "cancel": cancel_scene}


def bystander(stack, _):
    """Somebody else's order in the middle of it."""
    began = time.monotonic()
    equal(request(stack.gateway_port, "GET", "/ping", timeout=5).status, 200, "/ping")
    expect(time.monotonic() - began < 5, "/ping took long")
    agree(stack, paid_by_question(stack, amount=10))


def play(stack, name, row):
    """The scenes of a fault, each with its own rule, and an order that has nothing to do with them; every rule must have struck."""
    errors = []
    groups = [row.scenes] if row.at_once else [(scene,) for scene in row.scenes]
    for group in groups:
        rules = {scene: add_rule(stack, name, row, scene) for scene in group}
        errors += run_all(stack, name, row, [(scene, SCENES[scene]) for scene in group] + ([("bystander", bystander)] if row.at_once else []))
        struck = hits(stack)
        errors += [f"{name} never struck {scene}" for scene, rule in rules.items() if not struck[rule]]
        stack.control("DELETE", "/faults")
        fault(stack, "notify", "notify_never", -1)
    stack.control("DELETE", "/faults")
    expect(not errors, "\n".join(errors))
    all_is_well(stack)


def add_rule(stack, name, row, scene):
    if scene == "refund_query":
        fault(stack, "refund", "no_fund_change", 1)
    argument = row.by_operation.get(scene, row.argument)
    return fault(stack, scene, name, 4 if scene == "query" else 2, **({"argument": argument} if argument != "" else {}))


def run_all(stack, name, row, jobs):
    """All at once; what went wrong, in sentences."""
    errors = []

    def run(scene, job):
        try:
            job(stack, row)
        except Exception as error:  # told together with the others
            errors.append(f"{name} on {scene}: {type(error).__name__}: {error}")
    threads = [threading.Thread(target=run, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


# ---- scenes around a spoilt notification


def given(stack, **fields):
    payment = create(stack, **fields)
    scan(stack, payment)
    return payment


def paid_scene(stack, row, name):
    """The notification is good enough, now or when its time has come."""
    payment = given(stack)
    fault(stack, "query", "delay", -1, argument=1500)  # no question shall be faster
    counted = counter(stack, row.outcome)
    fault(stack, "notify", name, 1, argument=row.argument)
    stack.pay(payment["upstream_no"])
    if row.after:
        time.sleep(0.3)
        stack.control("POST", "/clock", {"advance_seconds": row.after})
    await_state(stack, payment, "paid", ROUND)
    wait_for(lambda: counter(stack, row.outcome) > counted, f"a notification counted as {row.outcome}")
    return payment


def asked_scene(stack, row, name):
    """The notification is a lie or never comes: a question finds the truth."""
    payment = given(stack)
    slow = fault(stack, "query", "drop_before", -1)
    counted = counter(stack, row.outcome) if row.outcome else 0
    fault(stack, "notify", name, 1, argument=row.argument)
    stack.pay(payment["upstream_no"])
    if row.outcome:
        wait_for(lambda: counter(stack, row.outcome) > counted, f"a notification counted as {row.outcome}")
    time.sleep(0.3)
    equal((read(stack, payment)["state"], read(stack, payment)["received"]), ("pending", 0), "after the lie alone")
    if row.discrepancy:
        expect(any(found["type"] == row.discrepancy and found["payment_id"] == payment["id"] for found in discrepancies(stack)),
               lambda: f"no {row.discrepancy} in {discrepancies(stack)[:3]}")
    stack.control("DELETE", "/faults", {"id": slow})
    await_state(stack, payment, "paid", ROUND)
    return payment


def late_scene(stack, _, name):
    """26 hours late; a question was faster."""
    payment = given(stack)
    fault(stack, "notify", name, 1)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    counted = counter(stack, "noop")
    stack.control("POST", "/clock", {"advance_seconds": 26 * 3600})
    wait_for(lambda: counter(stack, "noop") > counted, "the late notification")
    return payment


def reorder_scene(stack, _, name):
    """The payment's notification waits until that of a refund has left."""
    payment = given(stack)
    fault(stack, "notify", name, 1)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    counted = counter(stack, "noop") + counter(stack, "applied")
    equal(ended_refund(stack, payment, 100)["state"], "succeeded", "refund")
    wait_for(lambda: counter(stack, "noop") + counter(stack, "applied") >= counted + 2, "both notifications")
    return payment


def full_refund_scene(stack, _, name):
    payment = given(stack)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    fault(stack, "notify", name, 1)
    equal(ended_refund(stack, payment, MONEY)["state"], "succeeded", "refund")
    told = [n for n in stack.control("GET", "/notifications")["notifications"] if n["out_trade_no"] == payment["upstream_no"]]
    expect(any(n["variant"] == name for n in told), f"the notification was never sent: {told}")
    return payment


def finished_scene(stack, row, name):
    """Paid, and by the platform's word no longer refundable."""
    payment = paid_scene(stack, row, name)
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 1, "out_refund_no": number("R")})
    expect(answer.status in (409, 422), f"a finished trade was refunded: {answer}")
    return payment


def closed_scene(stack, _, name):
    """Signed well and untrue: the platform says closed although somebody paid. The truth comes again, and late money is money."""
    payment = given(stack)
    slow = fault(stack, "query", "drop_before", -1)
    fault(stack, "notify", name, 1)
    stack.pay(payment["upstream_no"])
    wait_for(lambda: any(n["variant"] == name and n["last_status"] == 200
                         for n in stack.control("GET", "/notifications")["notifications"]), "the notification")
    equal(read(stack, payment)["received"], 0, "received after the lie")
    stack.control("DELETE", "/faults", {"id": slow})
    stack.control("POST", f"/notify/{payment['upstream_no']}", {"event": "paid"})
    await_state(stack, payment, "paid", ROUND)
    return payment


def counter(stack, outcome):
    return metric_sum(stack, "till_notify_total", outcome=outcome)


# ---- tests


@test
def every_fault_of_the_sandbox_has_a_row(stack):
    known = stack.control("GET", "/faults")["known"]
    elsewhere = {name for names in ELSEWHERE.values() for name in names}
    here = {row["fault"]: row["side"] for row in known if row["fault"] not in elsewhere and row["side"] not in ("stripe", "event")}
    equal(sorted(name for name, side in here.items() if side == "call"), sorted(CALLS), "faults of calls")
    equal(sorted(name for name, side in here.items() if side == "notify"), sorted(NOTICES), "faults of notifications")
    equal(sorted(name for name, side in here.items() if side not in ("call", "notify")), [], "faults of neither")
    equal(sorted(elsewhere - {row["fault"] for row in known}), [], "faults that are no more")
    for file, names in ELSEWHERE.items():
        text = Path(__file__).with_name(file).read_text(encoding="utf-8")
        equal([name for name in names if f'"{name}"' not in text], [], f"faults that {file} does not play")


def spoilt_call(name):
    def report(stack):
        error = stack.results[name].get(timeout=900)
        if error:
            raise error
    report.__name__ = test_name(name)
    test(report)


for fault_name, call_row in CALLS.items():
    if set(call_row.scenes) <= set(EVERY_CALL):
        spoilt_call(fault_name)


@test
def an_unsigned_error_decides_nothing(stack):
    """Two faults in one call: the platform refuses, and nobody signed that."""
    for operation, code in (("precreate", "ACQ.EXIST_FORBIDDEN_WORD"), ("refund", "ACQ.SELLER_BALANCE_NOT_ENOUGH")):
        fault(stack, operation, "refuse", 2, argument=code)
        fault(stack, operation, "unsigned", 2)
    payment = placed(stack)
    equal(payment["state"], "pending", "an unsigned refusal of the order")
    scan(stack, payment)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    equal(ended_refund(stack, payment, 400)["state"], "succeeded", "an unsigned refusal of the refund")
    stack.control("DELETE", "/faults")
    agree(stack, payment)
    all_is_well(stack)


@test
def a_lost_close_is_late_money(stack):
    for verb, scans in (("close", True), ("cancel", False)):
        payment = create(stack)
        if scans:
            scan(stack, payment)
        rule = fault(stack, verb, "lost_close", 1)
        ask_to_end(stack, payment, verb)
        equal(hits(stack)[rule], 1, "strokes")
        scan(stack, payment)
        stack.pay(payment["upstream_no"])
        ours = await_state(stack, payment, "paid", ROUND)
        expect(ours["late"] and ours["received"] == MONEY, ours)
        agree(stack, payment)
        equal(event_types(stack, payment), ["payment.closed", "payment.paid_late"], "events")
        stack.control("DELETE", "/faults")
    all_is_well(stack)


@test
def a_refund_that_fails_later_moves_nothing_twice(stack):
    payment = given(stack)
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid", ROUND)
    fault(stack, "refund", "refund_fails_later", 1, argument=60)
    equal(ended_refund(stack, payment, 400)["state"], "succeeded", "refund")
    agree(stack, payment)
    stack.control("POST", "/clock", {"advance_seconds": 120})
    theirs = wait_for(lambda: (lambda row: row if row["refunds"][0]["reversed"] else None)(upstream(stack, payment)), "the reversal")
    equal(theirs["refunded_minor"], 0, "refunded upstream after the reversal")
    # Only the bill tells; until then the record keeps what the platform's signed answer said, and no question changes it.
    time.sleep(1)
    equal((read(stack, payment)["refunded"], read(stack, payment)["received"]), (400, MONEY), "our record")
    equal(ended_refund(stack, payment, 590)["state"], "succeeded", "the rest can be refunded")
    stack.control("DELETE", "/faults")
    all_is_well(stack)


@test
def money_before_the_code_is_money(stack):
    rule = fault(stack, "precreate", "paid_first", 1)
    payment = create(stack)
    equal(hits(stack)[rule], 1, "strokes")
    await_state(stack, payment, "paid", ROUND)
    equal(ended_refund(stack, payment, 400)["state"], "succeeded", "refund")
    agree(stack, payment)
    all_is_well(stack)


def spoilt_notice(name, row):
    def play_it(stack):
        scene = {"paid": paid_scene, "asked": asked_scene, "late": late_scene, "reorder": reorder_scene, "full_refund": full_refund_scene,
                 "finished": finished_scene, "closed": closed_scene}[row.scene]
        payment = scene(stack, row, name)
        stack.control("DELETE", "/faults")
        if row.scene not in ("full_refund", "finished"):
            equal(ended_refund(stack, payment, 400)["state"], "succeeded", "a refund afterwards")
        agree(stack, payment)
        other = given(stack) if row.scene != "late" else create(stack, expires_in=172800)
        scan(stack, other)
        stack.pay(other["upstream_no"])
        await_state(stack, other, "paid", ROUND)
        agree(stack, other)
        all_is_well(stack)
    play_it.__name__ = f"a_notification_with_{name}_is_survived"
    test(play_it)


for fault_name, notice_row in NOTICES.items():
    spoilt_notice(fault_name, notice_row)


if __name__ == "__main__":
    main(setup)
