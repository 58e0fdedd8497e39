# SPDX-License-Identifier: Apache-2.0
"""The simulated Stripe over the wire, around its API: events to a merchant's endpoint, judged by a verifier of our own; the hosted page as a
browser posts it; every fault of its calls and events."""
import hashlib
import hmac
import http.client
import json
import re
import time
import urllib.parse

from tap import Receiver, equal, expect, main, new_stack, number, request, test, wait_for

KEY = "sk_test_" + "e2e0" * 6
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORGED = {"event_wrong_secret", "event_unsigned", "event_only_v0", "event_upper_case", "event_changed"}


def with_an_endpoint():
    stack = new_stack()
    stack.start_sandbox()
    stack.status = 200
    stack.ear = Receiver(lambda message, _: (stack.status, {}, b"" if stack.status == 204 else b"thanks"))
    stack.endpoint = stack.control("POST", "/stripe/endpoints", {"key": KEY, "url": stack.ear.url})
    return stack


def api(stack, method, path, form=None, key=None, secret=KEY):
    """One call with the account's key."""
    headers = {**FORM, "Authorization": "Bearer " + secret, **({"Idempotency-Key": key} if key else {})}
    return request(stack.sandbox_port, method, "/v1" + path, urllib.parse.urlencode(form or {}), headers)


def ordered(stack, currency="usd", amount=1234, secret=KEY):
    order = number("S")
    answer = api(stack, "POST", "/checkout/sessions", {
        "mode": "payment", "client_reference_id": order, "metadata[till_no]": order, "payment_intent_data[metadata][till_no]": order,
        "line_items[0][quantity]": 1, "line_items[0][price_data][currency]": currency, "line_items[0][price_data][unit_amount]": amount,
        "line_items[0][price_data][product_data][name]": "Tea", "success_url": "http://127.0.0.1:1/ok?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:1/back"}, secret=secret)
    expect(answer.status == 200, answer)
    return order, answer.json()


def act(stack, order, action, **wish):
    return stack.control("POST", f"/stripe/sessions/{order}/{action}", wish)


def fault(stack, operation, name, count=1, argument=""):
    return stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": count, "argument": argument})["id"]


def verifies(message, secret):
    """As a merchant would: any v1, lower-case hex, five minutes either way."""
    header = message["headers"].get("stripe-signature", "")
    parts = [part.split("=", 1) for part in header.split(",") if "=" in part]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1 or abs(time.time() - int(times[0])) > 300:
        return False
    wanted = hmac.new(secret.encode(), times[0].encode() + b"." + message["body"], hashlib.sha256).hexdigest()
    return any(name == "v1" and value == wanted for name, value in parts)


def told(stack, order, kind="checkout.session.completed", count=1):
    """The messages about the order of that type, when there are as many."""
    def find():
        with stack.ear.lock:
            here = list(stack.ear.messages)
        return [m for m in here if order.encode() in m["body"] and json.loads(m["body"])["type"] == kind]
    wait_for(lambda: len(find()) >= count, f"{count} {kind} of {order}")
    return find()


@test
def a_payment_is_told_in_signed_events(stack):
    order, session = ordered(stack)
    act(stack, order, "pay")
    for kind in ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"):
        message = told(stack, order, kind)[0]
        expect(verifies(message, stack.endpoint["secret"]), message)
        expect(not verifies(message, "whsec_another"), "another secret verifies, too")
        expect(not verifies({**message, "body": message["body"] + b"\n"}, stack.endpoint["secret"]), "changed bytes verify")
    headers = message["headers"]
    equal(headers["content-type"], "application/json; charset=utf-8", "content type")
    equal(headers["user-agent"], "Stripe/1.0 (+https://stripe.com/docs/webhooks)", "user agent")
    equal(headers["accept"], "*/*; q=0.5, application/xml", "accept")
    text = message["body"].decode()
    equal(text, json.dumps(json.loads(text), indent=2, ensure_ascii=False), "layout")
    event = json.loads(text)
    equal((event["object"], event["livemode"], event["data"]["object"]["id"]), ("event", False, session["id"]), "event")
    equal(event["id"], api(stack, "GET", f"/events/{event['id']}").json()["id"], "the API's event")


@test
def a_payer_in_a_browser_pays_and_goes_back(stack):
    order, session = ordered(stack, currency="jpy", amount=100)
    target = urllib.parse.urlsplit(session["url"])
    equal(target.port, stack.sandbox_port, "the page's port")
    page = request(stack.sandbox_port, "GET", target.path)
    equal(page.status, 200, "page")
    expect("¥100" in page.text and "JPY" in page.text and "Tea" in page.text, page.text)
    expect("¥1.00" not in page.text, "yen have no cents")
    declined = request(stack.sandbox_port, "POST", target.path, "action=card&card=4000000000000002", FORM)
    equal((declined.status, declined.headers["location"]), (303, f"{target.path}?said=generic_decline"), "declined")
    expect('role="alert"' in request(stack.sandbox_port, "GET", declined.headers["location"]).text, "nobody says why")
    paid = request(stack.sandbox_port, "POST", target.path, "action=card&card=4242+4242+4242+4242", FORM)
    equal((paid.status, paid.headers["location"]), (303, f"{target.path}?done=1"), "paid")
    done = request(stack.sandbox_port, "GET", paid.headers["location"]).text
    expect(f'content="1;url=http://127.0.0.1:1/ok?s={session["id"]}"' in done, done)
    equal(json.loads(told(stack, order)[0]["body"])["data"]["object"]["amount_total"], 100, "amount")
    told(stack, order, "charge.failed")


@test
def a_redirect_is_no_success_and_is_not_followed(stack):
    secret = "sk_test_" + "away" * 6
    with Receiver() as elsewhere, Receiver(lambda message, _: (302, {"Location": elsewhere.url}, b"")) as ear:
        endpoint = stack.control("POST", "/stripe/endpoints", {"key": secret, "url": ear.url, "enabled_events": "checkout.session.completed"})
        order, _ = ordered(stack, secret=secret)
        act(stack, order, "pay")
        event = wait_for(lambda: [json.loads(m["body"])["id"] for m in list(ear.messages)], "the letter")[0]
        delivery = wait_for(lambda: [d for d in stack.control("GET", f"/stripe/events/{event}")["deliveries"] if d["attempts"]], "the answer")[0]
        equal((delivery["acknowledged"], delivery["last_status"], delivery["over"], elsewhere.messages), (False, 302, False, []), "delivery")
        stack.control("POST", f"/stripe/endpoints/{endpoint['id']}/delete", {})


@test
def failures_are_repeated_on_the_virtual_clock_until_a_2xx(stack):
    stack.status = 500
    order, _ = ordered(stack)
    act(stack, order, "pay")
    told(stack, order)
    stack.control("POST", "/clock", {"advance_seconds": 60})
    told(stack, order, count=2)
    stack.status = 204
    stack.control("POST", "/clock", {"advance_seconds": 240})
    messages = told(stack, order, count=3)
    equal(len({json.loads(m["body"])["id"] for m in messages}), 1, "events")
    expect(all(verifies(m, stack.endpoint["secret"]) for m in messages), "signed with the time of the turned clock")
    event = json.loads(messages[0]["body"])["id"]
    wait_for(lambda: stack.control("GET", f"/stripe/events/{event}")["event"]["pending_webhooks"] == 0, "acknowledged")
    stack.status = 200


def changed(name, truth, lie):
    """What the lie must differ in."""
    was, now = json.loads(truth["body"]), json.loads(lie["body"])
    old, new = was["data"]["object"], now["data"]["object"]
    return {"event_amount": new["amount_total"] == 1 != old["amount_total"], "event_currency": new["currency"] == "eur" != old["currency"],
            "event_livemode": now["livemode"] is True and new["livemode"] is True,
            "event_other_order": new["client_reference_id"] != old["client_reference_id"],
            "event_unknown_type": now["type"] != was["type"]}.get(name, True)


@test
def every_lie_about_an_event_is_that_lie(stack):
    order, _ = ordered(stack)
    act(stack, order, "pay")
    truth = told(stack, order)[0]
    event = json.loads(truth["body"])["id"]
    rows = {row["fault"] for row in stack.control("GET", "/faults")["known"] if row["side"] == "event"}
    names = ["event_wrong_secret", "event_unsigned", "event_old", "event_future", "event_second_v1", "event_only_v0", "event_upper_case",
             "event_changed", "event_livemode", "event_amount", "event_currency", "event_other_order", "event_unknown_type"]
    equal(sorted(rows - {"event_delay", "event_never", "event_duplicate", "event_reorder"}), sorted(names), "lies")
    for name in names:
        before = len(stack.ear.messages)
        stack.control("POST", f"/stripe/events/{event}/resend", {"variant": name})
        wait_for(lambda: len(stack.ear.messages) > before, name)
        lie = stack.ear.messages[before]
        is_late = name in ("event_old", "event_future")
        equal(verifies(lie, stack.endpoint["secret"]), name not in FORGED and not is_late, name)
        expect(changed(name, truth, lie), f"{name}: {lie['body']}")
        equal("stripe-signature" in lie["headers"], name != "event_unsigned", name)


@test
def news_is_late_doubled_lost_or_overtaken_on_demand(stack):
    secret = "sk_test_" + "news" * 6
    with Receiver() as ear:
        stack.control("POST", "/stripe/endpoints", {"key": secret, "url": ear.url, "enabled_events": "checkout.session.completed"})

        def paid(name="", argument=""):
            if name:
                fault(stack, "event", name, argument=argument)
            order, _ = ordered(stack, secret=secret)
            act(stack, order, "pay")
            return order

        def arrived():
            return [json.loads(m["body"])["data"]["object"]["client_reference_id"] for m in list(ear.messages)]

        def arrive(*orders):
            wait_for(lambda: arrived() == list(orders), f"{orders}, not {arrived()}")
        late = paid("event_delay", "30")
        never = paid("event_never")
        usual = paid()
        arrive(usual)
        stack.control("POST", "/clock", {"advance_seconds": 30})
        arrive(usual, late)
        twice = paid("event_duplicate", "1")
        wait_for(lambda: twice in arrived(), "the first copy")
        stack.control("POST", "/clock", {"advance_seconds": 2})
        arrive(usual, late, twice, twice)
        ids = [json.loads(m["body"])["id"] for m in ear.messages]
        equal(ids[2], ids[3], "the copy's event")
        overtaken = paid("event_reorder")
        faster = paid()
        wait_for(lambda: faster in arrived(), "the faster one")
        stack.control("POST", "/clock", {"advance_seconds": 2})
        arrive(usual, late, twice, twice, faster, overtaken)
        expect(never not in arrived(), "what must never leave has left")


REFUSALS = {"stripe_rate_limit": (429, None), "stripe_rate_limit_retry": (429, "true"), "stripe_lock_timeout": (429, "true"),
            "stripe_in_use": (409, None), "stripe_refuse": (402, None)}


def creation(stack, key):
    """The status of one creation; None when no whole answer came."""
    form = {"mode": "payment", "line_items[0][quantity]": 1, "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": 500, "line_items[0][price_data][product_data][name]": "Tea",
            "success_url": "http://127.0.0.1:1/ok"}
    try:
        return api(stack, "POST", "/checkout/sessions", form, key)
    except (ConnectionError, http.client.HTTPException):
        return None


def sessions(stack):
    return stack.control("GET", "/stripe/books")["sessions"]


@test
def calls_are_refused_or_broken_before_or_after_their_effect(stack):
    for name, (status, retry) in REFUSALS.items():
        before = sessions(stack)
        fault(stack, "session.create", name, argument="402 card_declined" if name == "stripe_refuse" else "")
        answer = creation(stack, name)
        equal((answer.status, answer.headers.get("stripe-should-retry")), (status, retry), name)
        equal((sessions(stack), creation(stack, name).status, sessions(stack)), (before, 200, before + 1), name)
    for name, done in (("stripe_error_before", 0), ("stripe_error_after", 1)):
        before = sessions(stack)
        fault(stack, "session.create", name)
        equal([creation(stack, name).status for _ in range(2)], [500, 500], name)
        equal(sessions(stack), before + done, name)
    for name, done in (("reset_before", 0), ("reset_after", 1), ("half", 1)):
        before = sessions(stack)
        fault(stack, "session.create", name)
        equal(creation(stack, name), None, name)
        equal(sessions(stack), before + done, name)
        again = creation(stack, name)
        equal((again.status, again.headers.get("idempotent-replayed")), (200, "true" if done else None), name)


@test
def answers_lie_once_each(stack):
    order, session = ordered(stack)
    act(stack, order, "pay")
    path = f"/checkout/sessions/{session['id']}"
    truth = api(stack, "GET", path).json()
    for name, member, lie in (("stripe_other_order", "client_reference_id", "NOBODY0EVER0ORDERED0THIS0"), ("stripe_amount", "amount_total", 1),
                              ("stripe_livemode", "livemode", True), ("stripe_stale", "status", "open")):
        fault(stack, "session.read", name)
        equal(api(stack, "GET", path).json()[member], lie, name)
        equal(api(stack, "GET", path).json(), truth, "afterwards")


@test
def money_comes_later_or_never_and_a_refund_comes_back(stack):
    for name, kind in (("stripe_pay_later", "checkout.session.async_payment_succeeded"),
                       ("stripe_pay_fails_later", "checkout.session.async_payment_failed")):
        order, _ = ordered(stack)
        fault(stack, "session.pay", name, argument="45")
        act(stack, order, "pay")
        equal(json.loads(told(stack, order)[0]["body"])["data"]["object"]["payment_status"], "unpaid", name)
        stack.control("POST", "/clock", {"advance_seconds": 45})
        told(stack, order, kind)
    order, _ = ordered(stack)
    paid = act(stack, order, "pay")
    fault(stack, "refund.create", "refund_fails_later", argument="45")
    refund = api(stack, "POST", "/refunds", {"payment_intent": paid["session"]["payment_intent"], "amount": 234, "metadata[till_no]": order}).json()
    equal(refund["status"], "succeeded", "refund")
    stack.control("POST", "/clock", {"advance_seconds": 45})
    failed = json.loads(told(stack, order, "refund.failed")[0]["body"])["data"]["object"]
    equal((failed["id"], failed["status"]), (refund["id"], "failed"), "refund")
    expect(stack.control("GET", "/stripe/books")["conserved"], "money appeared or vanished")


@test
def every_fault_of_stripe_is_played_here(stack):
    text = open(__file__, encoding="utf-8").read()
    names = [row["fault"] for row in stack.control("GET", "/faults")["known"] if row["side"] in ("stripe", "event")]
    expect(len(names) > 25, names)
    equal([name for name in names if not re.search(rf'"{name}"', text)], [], "faults that nothing plays")


main(setup=with_an_endpoint)
