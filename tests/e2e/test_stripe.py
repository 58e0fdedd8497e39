# SPDX-License-Identifier: Apache-2.0
"""A Stripe account with real processes: security case S-026 and those of kind notify.stripe (S-072 to S-079), the simulator's own events, and the same told by
the test with the account's secret."""
import hashlib
import hmac
import json
import os
import time

from tap import (Failed, create as create_alipay, discrepancies, equal, event_types, expect, facts_of, is_problem, ledger_is_balanced, main, metric, new_stack, number, read, request,
                 restart_gateway, rows, started, test, wait_for)

KEY = "sk_test_51TillProcessTests0001"
SECRET = "whsec_till0process0tests0secret0001"
OTHER_SECRET = "whsec_till0process0tests0secret0002"


def stripe_settings(stack, **more):
    return {"secret_key": KEY, "webhook_secret": SECRET, "api_url": f"http://127.0.0.1:{stack.sandbox_port}", **more}


def account_words(app, name, settings):
    pairs = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["account", "add", "--app", app["id"], "--channel", "stripe", "--name", name, *pairs]


def add_refused(stack, app, settings):
    """The words with which the account is refused."""
    try:
        stack.admin(*account_words(app, "refused", settings))
    except RuntimeError as refusal:
        return str(refusal).partition("--set")[2].rpartition("--set")[2].partition(": ")[2]
    raise Failed(f"an account was made of {sorted(settings)}")


def add_account(stack, name="cards", **more):
    """An account of the app, and its address in the platform's dashboard."""
    account = stack.admin(*account_words(stack.app, name, stripe_settings(stack, **more)))
    stack.control("POST", "/stripe/endpoints", {"key": KEY, "secret": SECRET, "url": notify_url(stack, account)})
    return account


def notify_url(stack, account):
    return f"http://127.0.0.1:{stack.gateway_port}/notify/stripe/{account['public_id']}"


def ready():
    stack = started()
    stack.cards = add_account(stack)
    return stack


def create(stack, out_trade_no=None, **fields):
    order = {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 990, "currency": "USD", "out_trade_no": out_trade_no or number("C"),
             "subject": "Coffee", **fields}
    answer = stack.merchant().call("POST", "/v1/payments", order)
    expect(answer.status == 201, f"create: {answer}")
    return answer.json()


def platform(stack, target, method="GET"):
    """The platform's own record, asked with the account's key."""
    answer = request(stack.sandbox_port, method, target, b"", {"Authorization": f"Bearer {KEY}"})
    expect(answer.status == 200, f"{target}: {answer}")
    return answer.json()


def session_of(stack, payment):
    reference = rows(stack, "SELECT reference FROM attempts WHERE payment_id = ?", payment["id"])[0][0]
    expect(reference.startswith("cs_test_"), f"the attempt has the reference {reference!r}")
    return platform(stack, f"/v1/checkout/sessions/{reference}?expand[0]=payment_intent.latest_charge")


def buyer(stack, payment, verb="pay", **words):
    stack.control("POST", f"/stripe/sessions/{session_of(stack, payment)['id']}/{verb}", words)


def paid(stack, **fields):
    payment = create(stack, **fields)
    buyer(stack, payment)
    return await_state(stack, payment, "paid")


def await_state(stack, payment, state):
    return wait_for(lambda: (lambda row: row if row["state"] == state else None)(read(stack, payment)), f"state {state} of {payment['id']}")


def told_once(stack, payment):
    equal(wait_for(lambda: event_types(stack, payment), "the merchant's news"), ["payment.succeeded"], "events")


# ---- the test's own pen


_serial = 0


def event(stack, payment, kind="checkout.session.completed", **overrides):
    """A true event about a paid session; `overrides` of the event, session__x of its object."""
    global _serial
    _serial += 1
    session = session_of(stack, payment)
    session.update({"status": "complete", "payment_status": "paid", "payment_intent": f"pi_3Test{os.getpid()}x{_serial}"})
    session.update({name[9:]: value for name, value in overrides.items() if name.startswith("session__")})
    document = {"id": f"evt_1Test{os.getpid()}x{_serial}", "object": "event", "api_version": "2026-07-29.dahlia", "created": int(time.time()), "data": {"object": session},
                "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind}
    document.update({name: value for name, value in overrides.items() if not name.startswith("session__")})
    return json.dumps(document, indent=2).encode()


def digest(body, at, secret=SECRET):
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def header(body, at=None, secret=SECRET):
    at = int(time.time()) if at is None else at
    return f"t={at},v1={digest(body, at, secret)}"


def deliver(stack, body, signature=None, account=None):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if signature is None:
        signature = header(body)
    if signature:
        headers["Stripe-Signature"] = signature
    return request(stack.gateway_port, "POST", f"/notify/stripe/{(account or stack.cards)['public_id']}", body, headers)


def security_events(stack):
    return sum(value for name, value in stack.metrics().items() if name.startswith("till_security_events_total"))


def refused(stack, payment, body, signature, what):
    """NACK with a 4xx, so that the platform sends again: nothing moves, one security event."""
    before, counted = facts_of(stack, payment), security_events(stack)
    answer = deliver(stack, body, signature)
    expect(400 <= answer.status < 500, f"{what}: {answer}")
    equal(facts_of(stack, payment), before, what)
    equal(security_events(stack) - counted, 1, f"{what}: security events")


def applied(stack, payment, body, signature=None):
    answer = deliver(stack, body, signature)
    expect(200 <= answer.status < 300, f"a true event: {answer}")
    equal(read(stack, payment)["state"], "paid", "state right after the acknowledgement")


def held(stack, payment, body, kind, account=None):
    """Acknowledged, one durable discrepancy however often it comes, no money moved."""
    before, known = facts_of(stack, payment), {row["id"] for row in discrepancies(stack)}
    for turn in range(2):
        answer = deliver(stack, body, account=account)
        expect(200 <= answer.status < 300, f"{kind}, delivery {turn + 1}: {answer}")
    equal([row["type"] for row in discrepancies(stack) if row["id"] not in known], [kind], "new discrepancies")
    equal(facts_of(stack, payment), before, kind)


# ---- creating


@test
def s_026_the_platform_sees_100_yen(stack):
    payment = create(stack, amount=100, currency="JPY")
    session = session_of(stack, payment)
    equal((session["amount_total"], session["currency"]), (100, "jpy"), "what the platform has")
    line = platform(stack, f"/v1/checkout/sessions/{session['id']}/line_items")["data"][0]
    equal((line["amount_total"], line["price"]["unit_amount"], line["price"]["currency"]), (100, 100, "jpy"), "the line that the buyer reads")
    equal((payment["amount"], payment["currency"], payment["state"]), (100, "JPY", "pending"), "what the merchant reads")
    buyer(stack, payment)
    now = await_state(stack, payment, "paid")
    equal((now["received"], now["currency"]), (100, "JPY"), "received")
    charge = session_of(stack, payment)["payment_intent"]["latest_charge"]
    equal((charge["amount_captured"], charge["currency"], charge["paid"]), (100, "jpy", True), "what the platform charged")
    back = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"out_refund_no": number("R"), "amount": 40})
    equal((back.status, back.json()["state"]), (200, "succeeded"), "a refund of 40 yen")
    equal(session_of(stack, payment)["payment_intent"]["latest_charge"]["amount_refunded"], 40, "what the platform gave back")


@test
def s_026_other_currencies_keep_their_worth(stack):
    """Where Stripe's smallest unit is not ISO 4217's, the worth stays the same or the order is refused before anything is asked."""
    for currency, amount, units in (("USD", 990, 990), ("KRW", 5000, 5000), ("ISK", 500, 50000), ("UGX", 9000, 900000), ("KWD", 12340, 12340), ("MGA", 500000, 5000)):
        session = session_of(stack, create(stack, amount=amount, currency=currency))
        equal((session["amount_total"], session["currency"]), (units, currency.lower()), f"{amount} {currency}")
    for currency, amount in (("KWD", 12345), ("MGA", 500050), ("USD", 100000000)):
        answer = stack.merchant().call("POST", "/v1/payments", {"channel": "stripe", "product": "checkout", "amount": amount, "currency": currency,
                                                                 "out_trade_no": number("C"), "subject": "Coffee"})
        is_problem(answer, 400, "amount_invalid", "/amount")


@test
def a_payment_is_made_on_the_platforms_page(stack):
    payment = create(stack)
    equal(payment["action"]["kind"], "redirect", "action")
    expect(payment["action"]["value"].startswith(f"http://127.0.0.1:{stack.sandbox_port}/stripe/pay/"), payment["action"])
    equal(metric(stack, 'till_notify_total{channel="stripe",outcome="refused"}'), 0, "refused so far")
    buyer(stack, payment)
    now = await_state(stack, payment, "paid")
    expect(now["trade_no"].startswith("pi_"), now)
    told_once(stack, payment)
    expect(ledger_is_balanced(stack), "the ledger does not balance")


@test
def the_same_order_again_is_the_same_session(stack):
    order_no = number("C")
    first, second = create(stack, order_no), create(stack, order_no)
    equal(second["action"]["value"], first["action"]["value"], "action")
    equal(first["id"], second["id"], "payment")


# ---- notifications


@test
def s_072_an_account_without_a_webhook_secret_is_refused(stack):
    for secret in (None, "", "whsec_", " ", "short"):
        settings = stripe_settings(stack)
        settings.pop("webhook_secret") if secret is None else settings.update(webhook_secret=secret)
        words = add_refused(stack, stack.app, settings)
        expect("webhook_secret" in words, f"{secret!r}: {words}")
    payment = create(stack)
    body, at = event(stack, payment), int(time.time())
    empty = hmac.new(b"", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    refused(stack, payment, body, f"t={at},v1={empty}", "HMAC over an empty key")
    applied(stack, payment, body)


@test
def s_073_an_event_about_an_order_of_another_channel_is_held(stack):
    payment = create(stack)
    alipay = create_alipay(stack, amount=990)
    body = event(stack, payment, session__client_reference_id=alipay["upstream_no"], session__metadata={"till_no": alipay["upstream_no"]}, session__currency="cny")
    before = facts_of(stack, payment)
    held(stack, alipay, body, "foreign_order")
    equal(facts_of(stack, payment), before, "the order of this account")


@test
def s_074_only_v1_counts(stack):
    payment = create(stack)
    body, at = event(stack, payment), int(time.time())
    good = digest(body, at)
    refused(stack, payment, body, f"t={at},v0={good}", "only v0")
    refused(stack, payment, body, f"t={at},v2={good}", "a scheme that is not known")
    refused(stack, payment, body, f"v1={good}", "no t")
    refused(stack, payment, body, f"t={at}", "no signature")
    refused(stack, payment, body, "", "no header")
    refused(stack, payment, body, f"t={at},v1={good[:-2]}", "cut short")
    refused(stack, payment, body + b"\n", f"t={at},v1={good}", "one byte more")
    refused(stack, payment, body.replace(b"990", b"991"), f"t={at},v1={good}", "another amount")
    applied(stack, payment, body, f"t={at},v0={'0' * 64},v1={good}")


@test
def s_075_an_old_event_is_refused(stack):
    payment = create(stack)
    body, now = event(stack, payment), int(time.time())
    refused(stack, payment, body, header(body, now - 303), "more than 300 s old")
    refused(stack, payment, body, header(body, now + 330), "from the future")
    applied(stack, payment, body, header(body, now - 290))


@test
def s_076_the_second_of_two_signatures_may_be_ours(stack):
    payment = create(stack)
    body, at = event(stack, payment), int(time.time())
    applied(stack, payment, body, f"t={at},v1={digest(body, at, OTHER_SECRET)},v1={digest(body, at)}")


@test
def s_076_a_secret_that_is_being_rolled_counts_at_our_side_too(stack):
    cards = stack.cards
    try:
        stack.cards = add_account(stack, "rolled", webhook_secret_previous=OTHER_SECRET)
        payment = create(stack)
        body = event(stack, payment)
        refused(stack, payment, body, header(body, secret="whsec_somebody0elses0secret000000000"), "a stranger's")
        applied(stack, payment, body, header(body, secret=OTHER_SECRET))
    finally:
        stack.cards = cards


@test
def s_077_a_test_event_at_a_live_account_is_held(_shared):
    """A live app with a live key; the platform's address is https there and nobody listens: no call of ours leaves in this test but the creation, which stays unsent."""
    stack = new_stack()
    stack.start_sandbox()
    stack.init()
    stack.start_gateway()
    app = stack.admin("app", "add", "--name", "Live shop", "--mode", "live", "--hosts", "shop.example")
    settings = {"secret_key": KEY.replace("test", "live"), "webhook_secret": SECRET, "api_url": f"https://127.0.0.1:{stack.sandbox_port}"}
    account = stack.admin(*account_words(app, "live", settings))
    for key in (KEY, "pk_live_51Publishable00000001"):
        expect("secret_key" in add_refused(stack, app, {**settings, "secret_key": key}), f"a live account with {key[:8]}")
    expect("api_url" in add_refused(stack, app, {**settings, "api_url": f"http://127.0.0.1:{stack.sandbox_port}"}), "a live account without TLS")
    session = {"id": "cs_live_a1", "object": "checkout.session", "livemode": False, "amount_total": 990, "currency": "usd", "client_reference_id": "20261128123456789012345678AB",
               "metadata": {"till_no": "20261128123456789012345678AB"}, "payment_intent": "pi_1", "payment_status": "paid", "status": "complete", "mode": "payment"}

    def told(livemode):
        body = json.dumps({"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": int(time.time()), "livemode": livemode,
                           "data": {"object": {**session, "livemode": livemode}}}).encode()
        return deliver(stack, body, account=account)
    answer = told(False)
    expect(200 <= answer.status < 300, f"held: {answer}")
    equal([kind for (kind,) in rows(stack, "SELECT type FROM discrepancies")], ["mode_mismatch"], "discrepancies")
    equal(rows(stack, "SELECT count(*) FROM ledger")[0][0], 0, "ledger")
    expect(told(True).status >= 400, "an order that was never issued")


@test
def s_078_news_of_a_payment_under_way_that_comes_late_changes_nothing(stack):
    payment = create(stack)

    def of_intent(status, received):
        document = json.loads(event(stack, payment, kind=f"payment_intent.{status}"))
        session = document["data"]["object"]
        document["data"]["object"] = {"id": "pi_3Late", "object": "payment_intent", "amount": session["amount_total"], "amount_received": received, "currency": session["currency"],
                                      "metadata": session["metadata"], "status": status}
        return json.dumps(document).encode()
    applied(stack, payment, of_intent("succeeded", 990))
    before = facts_of(stack, payment)
    for what, late in (("under way", of_intent("processing", 0)), ("complete, unpaid", event(stack, payment, session__payment_status="unpaid", session__payment_intent=None))):
        answer = deliver(stack, late)
        expect(200 <= answer.status < 300, f"{what}: {answer}")
        equal(facts_of(stack, payment), before, what)
    told_once(stack, payment)


@test
def s_079_an_event_that_comes_again_after_40_days_changes_nothing(stack):
    payment = create(stack)
    body = event(stack, payment)
    applied(stack, payment, body)
    before = facts_of(stack, payment)
    for what, again in (("the same bytes", body), ("as the platform would build it anew",
                         event(stack, payment, session__payment_intent=read(stack, payment)["trade_no"]))):
        answer = deliver(stack, again)
        expect(200 <= answer.status < 300, f"{what}: {answer}")
        equal(facts_of(stack, payment), before, what)
    told_once(stack, payment)


@test
def another_amount_or_currency_is_held(stack):
    payment = create(stack)
    held(stack, payment, event(stack, payment, session__amount_total=1), "amount_mismatch")
    payment = create(stack)
    held(stack, payment, event(stack, payment, session__currency="jpy"), "amount_mismatch")
    applied(stack, payment, event(stack, payment))


@test
def what_is_not_about_an_order_of_ours_is_acknowledged(stack):
    payment = create(stack)
    before, open_before = facts_of(stack, payment), len(discrepancies(stack))
    other = json.dumps({"id": "evt_9", "object": "event", "type": "invoice.paid", "created": int(time.time()), "livemode": False,
                        "data": {"object": {"id": "in_1", "object": "invoice", "livemode": False}}}).encode()
    foreign = event(stack, payment, session__client_reference_id="order-7-of-another-system", session__metadata={})
    expect(deliver(stack, other).status < 300, "another kind of event")
    answer = deliver(stack, foreign)
    expect(answer.status < 300, f"an order of another system: {answer}")
    equal((facts_of(stack, payment), len(discrepancies(stack))), (before, open_before), "nothing happened")


# ---- lost answers, ends, refunds


@test
def a_lost_answer_makes_no_second_session(stack):
    before = len(platform(stack, "/v1/checkout/sessions?limit=100")["data"])
    stack.control("POST", "/faults", {"operation": "session.create", "fault": "reset_after", "count": 1})
    order_no = number("C")
    stack.merchant().call("POST", "/v1/payments", {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 990, "currency": "USD",
                                                    "out_trade_no": order_no, "subject": "Coffee"})
    payment = wait_for(lambda: (lambda row: row if row.get("action") else None)(create(stack, order_no)), "the action")
    equal(len(platform(stack, "/v1/checkout/sessions?limit=100")["data"]) - before, 1, "sessions at the platform")
    buyer(stack, payment)
    await_state(stack, payment, "paid")


@test
def closing_ends_it_at_the_platform(stack):
    payment = create(stack)
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/close")
    equal((answer.status, answer.json()["state"]), (200, "closed"), "close")
    equal(session_of(stack, payment)["status"], "expired", "at the platform")


@test
def a_refund_that_fails_later_is_told_to_the_merchant(stack):
    payment = paid(stack)
    stack.control("POST", "/faults", {"operation": "refund.create", "fault": "refund_fails_later", "argument": "1", "count": 1})
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"out_refund_no": number("R"), "amount": 300})
    equal((answer.status, answer.json()["state"]), (200, "succeeded"), "refund")
    wait_for(lambda: "refund.reversed" in event_types(stack, payment), "the merchant's news")
    equal(read(stack, payment)["refunded"], 0, "refunded")
    expect(ledger_is_balanced(stack), "the ledger does not balance")


@test
def a_kill_between_anything_loses_nothing(stack):
    payment = create(stack)
    restart_gateway(stack)
    buyer(stack, payment)
    await_state(stack, payment, "paid")


main(setup=ready)
