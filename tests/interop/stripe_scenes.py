# SPDX-License-Identifier: Apache-2.0
"""The scenes of doc/CONFORMANCE-STRIPE.md: what the platform's own libraries do against the simulator, unmodified."""
import base64
import json
import urllib.parse
import urllib.request

import stripe_types
import toolchains
from relay import Quiet, Server
from sdk import Driver
from tap import equal, expect, new_stack, wait_for

MAKERS = {
    "node": lambda: [toolchains.node_packages("stripe"), toolchains.HERE / "stripe" / "driver.mjs"],
    "python": lambda: [toolchains.merchant_python(), toolchains.HERE / "stripe" / "driver.py"],
    "java": lambda: toolchains.jvm("stripe/java", "StripeDriver"),
}
SDKS = list(MAKERS)
SCENES = []


def scene(title):
    def keep(function):
        SCENES.append((function.__name__, title, function))
        return function
    return keep


class Client:
    """One SDK with one secret key."""

    def __init__(self, world, sdk, key):
        self.world, self.driver, self.key = world, world.driver(sdk), key
        self.name = f"client{world.number()}"
        self.driver.ask("open", client=self.name, place={"key": key, "port": world.port})

    def call(self, path, *args, **options):
        return self.driver.ask("call", client=self.name, path=path, args=list(args), options=options)

    def __call__(self, path, *args, **options):
        """The object that a good call answers."""
        answer = self.call(path, *args, **options)
        expect("object" in answer, f"{path}: {answer}")
        return answer["object"]

    def error(self, path, *args, **options):
        answer = self.call(path, *args, **options)
        expect("error" in answer, f"{path} was taken: {answer}")
        return answer["error"]

    def ids(self, path, *args):
        return self.driver.ask("pages", client=self.name, path=path, args=list(args))

    def event(self, body, header, secret, **words):
        return self.driver.ask("event", client=self.name, body=body, header=header, secret=secret, **words)


class Hook(Server):
    """The merchant's webhook: (body, Stripe-Signature) of every delivery, by path."""

    def __init__(self):
        self.letters = letters = {}

        class Handler(Quiet):
            def do_POST(self):
                letters.setdefault(self.path, []).append((self.body(), self.headers["Stripe-Signature"]))
                self.reply(200, b"")
        super().__init__(Handler)


class World:
    def __init__(self):
        self.stack = new_stack()
        self.stack.start_sandbox()
        self.port = self.stack.sandbox_port
        self.hook = Hook()
        self.drivers, self.serial = {}, 0

    def number(self):
        self.serial += 1
        return self.serial

    def driver(self, sdk):
        if sdk not in self.drivers:
            self.drivers[sdk] = Driver(sdk, MAKERS[sdk](), self.stack.folder / f"driver-{sdk}.txt")
        return self.drivers[sdk]

    def client(self, sdk, key=None):
        return Client(self, sdk, key or f"sk_test_interop{sdk}{self.number():08d}")

    def raw(self, method, path, key, form=None):
        """What no SDK has a call for."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers={"Authorization": f"Bearer {key}"},
                                         data=urllib.parse.urlencode(form).encode() if form is not None else None)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def close(self):
        for driver in self.drivers.values():
            driver.close()
        self.hook.close()


def order(number="N1", amount=1099, currency="usd", **more):
    return {"mode": "payment", "client_reference_id": number, "success_url": "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/no", "metadata": {"till_no": number, "note": "a b&c=d+é"},
            "payment_intent_data": {"metadata": {"till_no": number}, "description": "Tea"},
            "line_items": [{"quantity": 1, "price_data": {"currency": currency, "unit_amount": amount, "product_data": {"name": "Tea"}}}], **more}


def paid(world, client, **words):
    """A session whose buyer has paid by card."""
    session = client("checkout.sessions.create", order(**words))
    world.raw("POST", f"/v1/payment_pages/{session['id']}/confirm", client.key, {"payment_method": "pm_card_visa", "expected_amount": session["amount_total"]})
    return client("checkout.sessions.retrieve", session["id"], {"expand": ["payment_intent.latest_charge"]})


def has(thing, **wanted):
    equal({name: thing.get(name) for name in wanted}, wanted, f"{thing.get('object')} {thing}")


@scene("A session is ordered, read and expired")
def session(world, sdk):
    client = world.client(sdk)
    made = client("checkout.sessions.create", order("N1", 500, "jpy"))
    has(made, object="checkout.session", status="open", payment_status="unpaid", amount_total=500, currency="jpy", client_reference_id="N1",
        livemode=False, payment_intent=None)
    equal(made["metadata"], {"till_no": "N1", "note": "a b&c=d+é"}, "metadata")
    expect(made["url"] and made["id"].startswith("cs_test_"), f"{made['id']} {made['url']}")
    has(client("checkout.sessions.retrieve", made["id"]), id=made["id"], status="open")
    lines = client("checkout.sessions.retrieve", made["id"], {"expand": ["line_items"]})["line_items"]["data"]
    equal([(line["amount_total"], line["quantity"], line["description"]) for line in lines], [(500, 1, "Tea")], "line items")
    has(client("checkout.sessions.expire", made["id"]), status="expired", url=None)
    error = client.error("checkout.sessions.expire", made["id"])
    has(error, type="invalid_request_error", status=400)
    expect('["open"]' in error["message"] and "`expired`" in error["message"], error["message"])


@scene("A buyer pays by card; the session leads to intent, charge and balance")
def payment(world, sdk):
    client = world.client(sdk)
    done = paid(world, client, number="N2", amount=2500)
    has(done, status="complete", payment_status="paid", url=None)
    intent, charge = done["payment_intent"], done["payment_intent"]["latest_charge"]
    has(intent, object="payment_intent", status="succeeded", amount_received=2500, description="Tea")
    has(charge, object="charge", status="succeeded", paid=True, captured=True, amount=2500, refunded=False, payment_intent=intent["id"])
    equal((intent["metadata"], charge["metadata"]), ({"till_no": "N2"},) * 2, "the intent's metadata is its charge's")
    entry = client("balance_transactions.retrieve", charge["balance_transaction"])
    has(entry, type="charge", amount=2500, fee=103, net=2397, currency="usd", source=charge["id"], status="pending")
    listed = client("checkout.sessions.list", {"payment_intent": intent["id"]})
    equal([row["id"] for row in listed["data"]], [done["id"]], "the sessions of the intent")


@scene("Refunds in parts, more than there is, and all of it")
def refund(world, sdk):
    client = world.client(sdk)
    intent = paid(world, client, number="N3", amount=1000)["payment_intent"]
    part = client("refunds.create", {"payment_intent": intent["id"], "amount": 300, "reason": "requested_by_customer", "metadata": {"till_refund_no": "R1"}})
    has(part, object="refund", amount=300, status="succeeded", payment_intent=intent["id"], reason="requested_by_customer", currency="usd")
    error = client.error("refunds.create", {"payment_intent": intent["id"], "amount": 701})
    has(error, status=400, param="amount")
    expect("$7.01" in error["message"] and "$7.00" in error["message"], error["message"])
    rest = client("refunds.create", {"payment_intent": intent["id"]})
    has(rest, amount=700)
    has(client.error("refunds.create", {"payment_intent": intent["id"], "amount": 1}), status=400, code="charge_already_refunded")
    has(client("charges.retrieve", intent["latest_charge"]["id"]), amount_refunded=1000, refunded=True)
    listed = client("refunds.list", {"payment_intent": intent["id"], "limit": 100})
    equal([(row["id"], row["metadata"]) for row in listed["data"]], [(rest["id"], {}), (part["id"], {"till_refund_no": "R1"})], "newest first")
    has(client("refunds.update", part["id"], {"metadata": {"till_refund_no": "", "note": "x"}}), metadata={"note": "x"})


@scene("The same key is the same answer; another order under it is refused")
def idempotency(world, sdk):
    client = world.client(sdk)
    key = f"till-{sdk}-N4"
    first = client.call("checkout.sessions.create", order("N4"), idempotency_key=key)
    again = client.call("checkout.sessions.create", order("N4"), idempotency_key=key)
    equal((again["object"]["id"], again["key"]), (first["object"]["id"], key), "the replay")
    expect(again["request_id"] != first["request_id"] and again["request_id"].startswith("req_"), "a request id of its own")
    has(client.error("checkout.sessions.create", order("N4", amount=1), idempotency_key=key), **{"class": "Idempotency", "type": "idempotency_error", "status": 400})
    equal(len(client("checkout.sessions.list", {})["data"]), 1, "sessions")
    other = client("checkout.sessions.create", order("N5"))
    expect(other["id"] != first["object"]["id"], "a key of the SDK's own is another request")


@scene("One error of each class")
def errors(world, sdk):
    client = world.client(sdk)
    has(client.error("checkout.sessions.create", order(wanted=1)), **{"class": "InvalidRequest", "code": "parameter_unknown", "param": "wanted", "status": 400})
    has(client.error("checkout.sessions.create", order(amount=1)), **{"class": "InvalidRequest", "code": "amount_too_small"})
    has(client.error("checkout.sessions.create", order(amount=100000000)), **{"class": "InvalidRequest", "code": "amount_too_large"})
    has(client.error("checkout.sessions.create", order(amount=1001, currency="kwd")), **{"class": "InvalidRequest", "status": 400})
    has(client.error("payment_intents.retrieve", "pi_nobody"), **{"class": "InvalidRequest", "code": "resource_missing", "param": "intent", "status": 404})
    has(client.error("checkout.sessions.retrieve", "cs_test_x", {"expand": ["a.b.c.d.e"]}), **{"class": "InvalidRequest", "status": 400})
    has(world.client(sdk, "sk_wrong_key_of_nobody").error("charges.list", {}), **{"class": "Authentication", "status": 401})
    has(world.client(sdk, "pk_test_published0001").error("charges.list", {}), **{"class": "Permission", "status": 403, "code": "secret_key_required"})
    for method, code, decline in (("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
                                  ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
                                  ("pm_card_chargeDeclinedExpiredCard", "expired_card", None)):
        error = client.error("payment_intents.create", {"amount": 900, "currency": "usd", "payment_method": method, "payment_method_types": ["card"],
                                                        "confirm": True})
        has(error, **{"class": "Card", "status": 402, "code": code, "decline_code": decline, "payment_intent": "requires_payment_method"})


@scene("Payment intents: confirmed, held, captured in part, given up")
def intents(world, sdk):
    client = world.client(sdk)
    made = client("payment_intents.create", {"amount": 700, "currency": "EUR", "payment_method_types": ["card"], "metadata": {"a": "1", "b": "2"}})
    has(made, status="requires_payment_method", amount=700, currency="eur", latest_charge=None)
    changed = client("payment_intents.update", made["id"], {"amount": 800, "metadata": {"a": "", "c": "3"}})
    has(changed, amount=800, metadata={"b": "2", "c": "3"})
    has(client("payment_intents.confirm", made["id"], {"payment_method": "pm_card_visa"}), status="succeeded", amount_received=800)
    error = client.error("payment_intents.cancel", made["id"])
    has(error, code="payment_intent_unexpected_state", status=400, payment_intent="succeeded")
    held = client("payment_intents.create", {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "payment_method_types": ["card"], "confirm": True,
                                             "capture_method": "manual"})
    has(held, status="requires_capture", amount_capturable=1000)
    has(client("payment_intents.capture", held["id"], {"amount_to_capture": 600}), status="succeeded", amount_received=600)
    asked = client("payment_intents.create", {"amount": 500, "currency": "cny", "payment_method_types": ["alipay"], "confirm": True,
                                              "payment_method_data": {"type": "alipay"}, "return_url": "https://shop.example/back"})
    equal((asked["status"], asked["next_action"]["type"]), ("requires_action", "alipay_handle_redirect"), "Alipay's page")
    has(client("payment_intents.cancel", asked["id"], {"cancellation_reason": "abandoned"}), status="canceled", cancellation_reason="abandoned")


@scene("Lists: pages, both directions, by time, to the end by themselves")
def lists(world, sdk):
    client = world.client(sdk)
    made = [client("payment_intents.create", {"amount": 100 + number, "currency": "usd"})["id"] for number in range(7)]
    newest = made[::-1]
    equal(client.ids("payment_intents.list", {"limit": 3}), newest, "to the end, three at a time")
    page = client("payment_intents.list", {"limit": 2, "starting_after": newest[1]})
    equal(([row["id"] for row in page["data"]], page["has_more"], page["url"]), (newest[2:4], True, "/v1/payment_intents"), "the next page")
    page = client("payment_intents.list", {"limit": 2, "ending_before": newest[3]})
    equal([row["id"] for row in page["data"]], newest[1:3], "the page before")
    equal(client("payment_intents.list", {"created": {"gt": 4000000000}})["data"], [], "nothing is made in the far future")
    equal(len(client("payment_intents.list", {"created": {"gte": 1000000000}})["data"]), 7, "everything is made since 2001")
    has(client.error("payment_intents.list", {"limit": 101}), param="limit", status=400)
    has(client.error("payment_intents.list", {"starting_after": "pi_nobody"}), code="resource_missing", param="starting_after")


@scene("Events tell what happened, with the objects as they were")
def events(world, sdk):
    client = world.client(sdk)
    done = paid(world, client, number="N6")
    client("refunds.create", {"payment_intent": done["payment_intent"]["id"], "amount": 99}, idempotency_key=f"till-{sdk}-R6")
    rows = client("events.list", {"limit": 20})["data"]
    equal([row["type"] for row in rows][::-1], ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed",
                                                "charge.refunded", "refund.created"], "in their order")
    refunded = rows[1]
    equal((refunded["data"]["object"]["amount_refunded"], refunded["data"]["previous_attributes"]["amount_refunded"]), (99, 0), "before and after")
    equal(refunded["request"]["idempotency_key"], f"till-{sdk}-R6", "the request that caused it")
    completed = client("events.list", {"type": "checkout.session.completed"})["data"]
    equal([row["data"]["object"]["id"] for row in completed], [done["id"]], "by type")
    has(client("events.retrieve", completed[0]["id"]), object="event", type="checkout.session.completed")


@scene("Webhook endpoints: made with a secret, changed, disabled, deleted")
def endpoints(world, sdk):
    client = world.client(sdk)
    made = client("webhook_endpoints.create", {"url": "http://127.0.0.1:9/hook", "enabled_events": ["charge.refunded", "refund.created"]})
    expect(made["secret"].startswith("whsec_") and len(made["secret"]) == 38, "a secret")
    read = client("webhook_endpoints.retrieve", made["id"])
    has(read, status="enabled", enabled_events=["charge.refunded", "refund.created"], secret=None)
    has(client("webhook_endpoints.update", made["id"], {"disabled": True, "enabled_events": ["*"]}), status="disabled", enabled_events=["*"])
    has(client("webhook_endpoints.delete", made["id"]), deleted=True, id=made["id"])
    equal(client("webhook_endpoints.list", {})["data"], [], "none is left")


@scene("A delivered event is verified by the library, and nothing else is")
def webhook(world, sdk):
    client = world.client(sdk)
    path = f"/{sdk}"
    secret = client("webhook_endpoints.create", {"url": f"http://127.0.0.1:{world.hook.port}{path}", "enabled_events": ["checkout.session.completed"]})["secret"]
    session = client("checkout.sessions.create", order("N8"))
    world.stack.control("POST", f"/stripe/sessions/{session['id']}/pay", {})
    wait_for(lambda: world.hook.letters.get(path), "the delivery", 20)
    body, header = world.hook.letters[path][0]

    def read(body, header, secret):
        return client.event(base64.b64encode(body).decode(), header, secret)
    equal(read(body, header, secret), {"type": "checkout.session.completed", "id": session["id"]}, "the event")
    for why, words in {"a byte of the body": (body.replace(b"N8", b"N9", 1), header, secret), "another secret": (body, header, secret[:-1] + "~"),
                       "no v1": (body, header.replace("v1=", "v0="), secret), "the time": (body, header.replace("t=1", "t=2"), secret)}.items():
        has(read(*words)["error"], **{"class": "SignatureVerification"})
    shown = client("events.list", {"type": "checkout.session.completed"})["data"][0]
    equal(shown["id"], json.loads(body)["id"], "the event that the API shows")


@scene("Customers, methods, products, prices, the account")
def catalogue(world, sdk):
    client = world.client(sdk)
    customer = client("customers.create", {"email": "a@example.com", "name": "Ann"})
    method = client("payment_methods.create", {"type": "card", "card": {"token": "tok_visa"}})
    equal((method["card"]["brand"], method["card"]["last4"]), ("visa", "4242"), "the test card")
    has(client("payment_methods.attach", method["id"], {"customer": customer["id"]}), customer=customer["id"])
    product = client("products.create", {"name": "Tea"})
    price = client("prices.create", {"currency": "usd", "unit_amount": 250, "product": product["id"]})
    has(price, product=product["id"], unit_amount=250, type="one_time", active=True)
    lines = [{"price": price["id"], "quantity": 3}]
    has(client("checkout.sessions.create", order(line_items=lines, customer=customer["id"])), amount_total=750, customer=customer["id"])
    has(client("customers.delete", customer["id"]), deleted=True)
    has(client.error("customers.retrieve", customer["id"]), code="resource_missing")
    expect(client("balance.retrieve")["object"] == "balance", "balance")


@scene("A key's account is its own")
def isolation(world, sdk):
    one, other = world.client(sdk), world.client(sdk)
    made = one("checkout.sessions.create", order("N7"))
    has(other.error("checkout.sessions.retrieve", made["id"]), code="resource_missing", status=404)
    equal(other("checkout.sessions.list", {})["data"], [], "nothing of the other's")
    basic = world.client(sdk, one.key)
    has(basic("checkout.sessions.retrieve", made["id"]), id=made["id"])


def specimens(world, client):
    """(file of npm stripe's types, interface, answer) of each kind of object, in its stations."""
    opened, done = client("checkout.sessions.create", order("N9")), paid(world, client, number="N10")
    intent, charge = done["payment_intent"], done["payment_intent"]["latest_charge"]
    waiting = client("payment_intents.create", {"amount": 500, "currency": "cny", "payment_method_types": ["wechat_pay"], "confirm": True,
                                                "payment_method_data": {"type": "wechat_pay"}, "payment_method_options": {"wechat_pay": {"client": "web"}}})
    client.call("payment_intents.create", {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa_chargeDeclined", "payment_method_types": ["card"],
                                           "confirm": True})
    failed = client("charges.list", {"limit": 1})["data"][0]
    refund = client("refunds.create", {"payment_intent": intent["id"], "amount": 1})
    hook = client("webhook_endpoints.create", {"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    read = {"Checkout/Sessions Session": [opened, client("checkout.sessions.retrieve", done["id"]), client("checkout.sessions.expire", opened["id"])],
            "PaymentIntents PaymentIntent": [client("payment_intents.retrieve", intent["id"]), waiting], "Refunds Refund": [refund],
            "Charges Charge": [charge, failed], "BalanceTransactions BalanceTransaction": client("balance_transactions.list", {})["data"],
            "PaymentMethods PaymentMethod": [client("payment_methods.retrieve", intent["payment_method"])], "WebhookEndpoints WebhookEndpoint": [hook],
            "LineItems LineItem": world.raw("GET", f"/v1/checkout/sessions/{done['id']}/line_items", client.key)["data"],
            "Prices Price": client("prices.list", {})["data"], "Products Product": client("products.list", {})["data"],
            "Customers Customer": [client("customers.create", {})], "Balance Balance": [client("balance.retrieve")],
            "Accounts Account": [world.raw("GET", "/v1/account", client.key)]}
    return [(*place.split(), answer) for place, answers in read.items() for answer in answers]


@scene("Every member that npm stripe's types declare is there, and null only where it may be")
def types(world, sdk):
    seen = specimens(world, world.client(sdk))
    expect(len(seen) >= 17, f"{len(seen)} answers")
    for file, interface, answer in seen:
        declared = stripe_types.types_of(f"{file}.d.ts")
        expect(len(declared.interfaces.get(interface, {})) >= 7, f"{interface} was not read from {file}")
        equal(declared.faults(answer, interface), [], f"{interface} {answer.get('status')}")
    broken = {**seen[0][2], "expires_at": None, "livemode": "no"}
    broken.pop("currency")
    found = stripe_types.types_of("Checkout/Sessions.d.ts").faults(broken, "Session")
    expect(len(found) >= 3 and any("currency is missing" in line for line in found), f"a broken session shows: {found}")
