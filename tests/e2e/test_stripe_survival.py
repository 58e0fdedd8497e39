# SPDX-License-Identifier: Apache-2.0
"""Whatever Stripe does wrong, our record and its books agree in the end: each order is paid once or never, each refund made once or never.

In a wave every fault of calls strikes one call of one operation while as many orders pass through it side by side; notifications are withheld, so
that only questions settle. The waves of all operations roll at once. Then events are spoilt, each in another way."""
import threading
import time

from tap import (await_state, discrepancies, equal, event_types, expect, ledger_is_balanced, main, new_stack, number, read, request, rows, test, together, wait_for)

MONEY = 990
ROUND = 60  # seconds that an order may take
WIRE = {"delay": "1500", "delay_answer": "1500", "drop_before": "", "drop_after": "", "reset_before": "", "reset_after": "", "half": "", "drip": "200",
        "http_before": "503", "http_after": "504", "redirect": "", "html": "", "empty": "", "garbage": "", "big": "", "gzip_bomb": "",
        "stripe_rate_limit": "", "stripe_rate_limit_retry": "", "stripe_lock_timeout": "", "stripe_in_use": "", "stripe_livemode": ""}
QUERIES = {**WIRE, "stripe_error_before": "", "stripe_other_order": "", "stripe_amount": "1", "stripe_stale": "", "stripe_refuse": "401"}
FEW = {name: WIRE[name] for name in ("delay_answer", "drop_before", "drop_after", "half", "http_before", "http_after", "garbage", "stripe_rate_limit", "stripe_in_use")}
ORDERS = {**WIRE, "stripe_other_order": "", "stripe_amount": "1"}


def ready():
    stack = new_stack(upstream__timeout="800ms", payments__create_deadline="2s", payments__ask_after="300ms", payments__ask_slowest="600ms",
                      breaker__calls_min="100000", upstream__in_flight_max="1024").start()
    stack.cards = stack.provision_stripe()
    return stack


def fault(stack, operation, name, count=1, after=0, argument=""):
    return stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": count, "after": after, "argument": argument})["id"]


def spoil(stack, operation, faults):
    """The i-th call meets the i-th fault."""
    return {fault(stack, operation, name, 1, at, argument): name for at, (name, argument) in enumerate(faults.items())}


def all_struck(stack, rules):
    left = {name for rule, name in rules.items() if not {row["id"]: row["hits"] for row in stack.control("GET", "/faults")["rules"]}[rule]}
    equal(left, set(), "faults that never struck")
    for rule in rules:
        stack.control("DELETE", "/faults", {"id": rule})


def order(stack):
    return {"channel": "stripe", "product": "checkout", "account": stack.cards["account"]["id"], "amount": MONEY, "currency": "USD", "out_trade_no": number("V"),
            "subject": "Coffee"}


def placed(stack, wish=None):
    """A merchant's patience: the same order again until there is a page to pay on."""
    wish = wish or order(stack)
    end = time.monotonic() + ROUND
    while time.monotonic() < end:
        answer = stack.merchant().call("POST", "/v1/payments", wish)
        expect(answer.status in (200, 201, 202, 503), f"create: {answer}")
        if answer.status != 503 and answer.json()["action"]["kind"] == "redirect":
            return answer.json()
        time.sleep(0.2)
    raise TimeoutError(f"no page for {wish['out_trade_no']}: {answer}")


def platform(stack, payment):
    """Sessions that the platform has for the order."""
    return [row for row in stack.control("GET", "/stripe/sessions")["sessions"] if row["client_reference_id"] == payment["upstream_no"]]


def agree(stack, payment, state, refunded=0):
    """Our record against the platform's, and against itself."""
    ours, sessions = read(stack, payment), platform(stack, payment)
    equal(len(sessions), 1, "sessions at the platform")
    theirs = stack.control("GET", f"/stripe/sessions/{sessions[0]['id']}")
    charge = theirs.get("charge", {"amount_captured": 0, "amount_refunded": 0})
    equal((ours["state"], ours["received"], ours["refunded"], ours["refund_held"]), (state, charge["amount_captured"], refunded, refunded), "our record")
    equal(charge["amount_refunded"], refunded, "refunded there")
    equal(sum(row["amount"] for row in theirs["refunds"] if row["status"] == "succeeded"), refunded, "refunds there")
    types = wait_for(lambda: event_types(stack, payment), "the merchant's news")
    money = [kind for kind in types if kind in ("payment.succeeded", "payment.paid_late", "payment.duplicate")]
    equal(len(money), 1 if ours["received"] else 0, f"news of money in {types}")
    equal(rows(stack, "SELECT count(*) FROM attempts WHERE payment_id = ?", payment["id"])[0][0], 1, "attempts")


def all_is_well(stack):
    equal(request(stack.gateway_port, "GET", "/ready").status, 200, "/ready")
    expect(ledger_is_balanced(stack), "the ledger does not balance")
    expect(stack.control("GET", "/stripe/books")["conserved"], "a cent appeared or vanished at the platform")


def pay(stack, payment):
    stack.buyer_at_stripe(payment)


def paid(stack):
    payment = placed(stack)
    pay(stack, payment)
    return await_state(stack, payment, "paid", ROUND)


def refund(stack, payment, amount):
    """The same refund again until its end is known."""
    wish = {"amount": amount, "out_refund_no": number("R")}

    def asked():
        answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", wish)
        expect(answer.status in (200, 201, 202, 503), f"refund: {answer}")
        return answer.json() if answer.status != 503 else None
    identity = wait_for(asked, "a refund that is taken", ROUND)["id"]

    def end():
        row = stack.merchant().call("GET", f"/v1/refunds/{identity}").json()
        return row if row["state"] in ("succeeded", "failed") else None
    return wait_for(end, f"the end of refund {identity}", ROUND)


def wave(stack, operation, faults, job):
    """As many orders as faults, side by side; what each came to."""
    rules = spoil(stack, operation, faults)
    results = together(len(faults), job)
    all_struck(stack, rules)
    return results


# ---- spoilt calls


def orders(stack):
    payments = wave(stack, "session.create", ORDERS, lambda _: placed(stack))
    for payment in payments:
        pay(stack, payment)
    for payment in payments:
        await_state(stack, payment, "paid", ROUND)
        agree(stack, payment, "paid")


def questions(stack):
    payments = [placed(stack) for _ in QUERIES]
    wave(stack, "session.read", QUERIES, lambda at: pay(stack, payments[at]) or await_state(stack, payments[at], "paid", ROUND))
    for payment in payments:
        agree(stack, payment, "paid")


def refunds(stack):
    """Answers are lost, and so are answers to the questions that follow."""
    payments = together(len(WIRE), lambda _: paid(stack))
    asked = spoil(stack, "refund.list", FEW)
    ends = wave(stack, "refund.create", WIRE, lambda at: refund(stack, payments[at], 400))
    all_struck(stack, asked)
    equal([end["state"] for end in ends], ["succeeded"] * len(ends), "refunds")
    for payment in payments:
        equal(refund(stack, payment, 90)["state"], "succeeded", "a second refund")
        agree(stack, payment, "paid", 490)


def closings(stack):
    payments = together(len(FEW), lambda _: placed(stack))

    def close(at):
        answer = stack.merchant().call("POST", f"/v1/payments/{payments[at]['id']}/close")
        expect(answer.status in (200, 202, 503), f"close: {answer}")
        return await_state(stack, payments[at], "closed", ROUND)
    wave(stack, "session.expire", FEW, close)
    for payment in payments:
        agree(stack, payment, "closed")
        equal(platform(stack, payment)[0]["status"], "expired", "there")


def seen(stack, rule):
    return {row["id"]: row["seen"] for row in stack.control("GET", "/faults")["rules"]}[rule]


WAVES = {"orders": orders, "questions": questions, "refunds": refunds, "closings": closings}


def roll(stack):
    """All waves at once, the first time that one of them is asked about."""
    if not hasattr(stack, "ends"):
        stack.ends, quiet = {}, fault(stack, "event", "event_never", -1)

        def run(name):
            try:
                WAVES[name](stack)
                stack.ends[name] = None
            except Exception as error:  # told by the wave's own test
                stack.ends[name] = error
        threads = [threading.Thread(target=run, args=(name,)) for name in WAVES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stack.control("DELETE", "/faults", {"id": quiet})
    return stack.ends


def came_out_well(stack, name):
    if roll(stack)[name]:
        raise stack.ends[name]
    all_is_well(stack)


@test
def orders_that_meet_any_fault_have_one_session_each_and_are_paid_once(stack):
    came_out_well(stack, "orders")


@test
def questions_that_meet_any_fault_find_the_truth(stack):
    came_out_well(stack, "questions")


@test
def refunds_and_questions_about_them_that_meet_any_fault_are_made_once(stack):
    came_out_well(stack, "refunds")


@test
def closings_that_meet_any_fault_close_at_the_platform(stack):
    came_out_well(stack, "closings")


@test
def a_refused_order_is_failed_and_never_was(stack):
    roll(stack)
    fault(stack, "session.create", "stripe_refuse", argument="402 card_declined")
    answer = stack.merchant().call("POST", "/v1/payments", order(stack))
    equal(answer.status, 402, f"create: {answer}")
    payment = read(stack, {"id": answer.json()["payment_id"]})
    equal((payment["state"], platform(stack, payment)), ("failed", []), "the order")
    all_is_well(stack)


@test
def an_error_that_the_platform_keeps_is_no_end(stack):
    """Under its key the same 500 comes again and again, done or not: the order is neither paid nor failed, and no other key is tried."""
    roll(stack)
    for name, sessions in (("stripe_error_before", 0), ("stripe_error_after", 1)):
        counter = fault(stack, "session.create", "stripe_rate_limit", 0)  # never strikes
        fault(stack, "session.create", name)
        wish = order(stack)
        answer = stack.merchant().call("POST", "/v1/payments", wish)
        expect(answer.status in (200, 201, 202, 503), f"{name}: {answer}")
        wait_for(lambda: seen(stack, counter) > 1, "the same call again")
        ours = stack.merchant().call("GET", f"/v1/payments?out_trade_no={wish['out_trade_no']}").json()["data"][0]
        expect(ours["state"] not in ("paid", "failed", "closed") and ours["received"] == 0, ours)
        equal(len(platform(stack, ours)), sessions, f"sessions after {name}")
        stack.control("DELETE", "/faults", {})
    all_is_well(stack)


# ---- spoilt events


LIES = {"event_wrong_secret": None, "event_unsigned": None, "event_old": None, "event_future": None, "event_only_v0": None, "event_upper_case": None,
        "event_changed": None, "event_livemode": "mode_mismatch", "event_amount": "amount_mismatch", "event_currency": "amount_mismatch",
        "event_other_order": None, "event_unknown_type": None, "event_never": None}
GOOD = {"event_delay": "30", "event_duplicate": "2", "event_reorder": "", "event_second_v1": ""}


def news(stack, payment, kind="checkout.session.completed"):
    """The event of the order at the platform."""
    session = platform(stack, payment)[0]["id"]
    return stack.control("GET", f"/stripe/events?type={kind}&object={session}")["events"][0]["event"]["id"]


@test
def every_lie_in_an_event_moves_nothing_and_a_question_finds_the_truth(stack):
    roll(stack)
    rules = [fault(stack, "session.read", "drop_before", -1), fault(stack, "event", "event_never", -1)]
    lies = {name: placed(stack) for name in LIES}
    for name, payment in lies.items():
        pay(stack, payment)
        if name != "event_never":
            stack.control("POST", f"/stripe/events/{news(stack, payment)}/resend", {"variant": name})
    for name, payment in lies.items():
        events = [] if name == "event_never" else [news(stack, payment)]
        wait_for(lambda: all(row["attempts"] for event in events for row in stack.control("GET", f"/stripe/events/{event}")["deliveries"] if row["variant"]), name)
        equal((read(stack, payment)["state"], read(stack, payment)["received"]), ("pending", 0), f"after {name} alone")
        if LIES[name]:
            expect(any(row["type"] == LIES[name] and row["payment_id"] == payment["id"] for row in discrepancies(stack)), lambda: f"no {LIES[name]}: {discrepancies(stack)[:3]}")
    for rule in rules:
        stack.control("DELETE", "/faults", {"id": rule})
    for payment in lies.values():
        await_state(stack, payment, "paid", ROUND)
        agree(stack, payment, "paid")
    all_is_well(stack)


@test
def news_that_is_late_doubled_or_overtaken_is_news_once(stack):
    roll(stack)
    deaf = fault(stack, "session.read", "drop_before", -1)
    told = {}
    for name, argument in GOOD.items():
        told[name] = placed(stack)
        rule = fault(stack, "event", name, 8, argument=argument)
        pay(stack, told[name])
        stack.control("DELETE", "/faults", {"id": rule})
    time.sleep(0.3)
    stack.control("POST", "/clock", {"advance_seconds": 3700})
    for payment in told.values():
        await_state(stack, payment, "paid", ROUND)
    stack.control("DELETE", "/faults", {"id": deaf})
    for payment in told.values():
        agree(stack, payment, "paid")
    all_is_well(stack)


@test
def money_that_is_under_way_is_paid_when_it_has_come_or_never(stack):
    roll(stack)
    for deaf_to in ("session.read", "event"):  # told by events alone, then found by questions alone
        for name, state in (("stripe_pay_later", "paid"), ("stripe_pay_fails_later", "closed")):
            payment = placed(stack)
            rules = [fault(stack, deaf_to, "drop_before" if deaf_to == "session.read" else "event_never", -1), fault(stack, "session.pay", name, argument="60")]
            pay(stack, payment)
            time.sleep(0.5)
            equal((read(stack, payment)["state"], read(stack, payment)["received"]), ("pending", 0), f"while {name}")
            stack.control("POST", "/clock", {"advance_seconds": 60})
            await_state(stack, payment, state, ROUND)
            for rule in rules:
                stack.control("DELETE", "/faults", {"id": rule})
            equal(read(stack, payment)["received"], MONEY if state == "paid" else 0, f"received after {name}")
    all_is_well(stack)


@test
def a_secret_that_is_rolled_at_the_platform_verifies_as_long_as_it_lives(stack):
    roll(stack)
    endpoint, secret = stack.control("GET", "/stripe/endpoints")["endpoints"][0]["id"], stack.cards["settings"]["webhook_secret"]
    deaf = fault(stack, "session.read", "drop_before", -1)
    stack.control("POST", f"/stripe/endpoints/{endpoint}/roll", {"hours": 0})
    payment = placed(stack)
    pay(stack, payment)
    time.sleep(0.5)
    equal(read(stack, payment)["state"], "pending", "by a secret that till does not know")
    stack.control("POST", f"/stripe/endpoints/{endpoint}/roll", {"secret": secret, "hours": 0})
    stack.control("POST", "/clock", {"advance_seconds": 60})  # what was refused comes again
    await_state(stack, payment, "paid", ROUND)
    stack.control("POST", f"/stripe/endpoints/{endpoint}/roll", {"hours": 1})
    payment = placed(stack)
    pay(stack, payment)
    await_state(stack, payment, "paid", ROUND)  # by the second v1
    stack.control("DELETE", "/faults", {"id": deaf})
    all_is_well(stack)


main(setup=ready)
