# SPDX-License-Identifier: Apache-2.0
"""Several attempts of one order, as merchants and operators meet them: two ways that are both paid, money after the end, a cancel that gives
money back, and what `till attempt` and `till refund --attempt` do about it."""
import json
import subprocess

from tap import (Merchant, Receiver, admin_http, await_state, create, discrepancies, equal, event_types, events, expect, free_port, is_problem, main, new_stack,
                 read, rows, test, till, wait_for)

MONEY = 990


class Seller:
    """An app with two accounts and an endpoint that listens. It stands where tap's helpers want a stack."""

    def __init__(self, stack, policy, port):
        self.stack, self.folder = stack, stack.folder
        self.app = stack.admin("app", "add", "--name", policy, "--mode", "test", "--late-policy", policy, "--duplicate-policy", policy)
        key = stack.admin("app", "key", "--app", self.app["id"])
        self.hands = Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"]))
        self.accounts = [account(stack, self.app, name) for name in ("first", "second")]
        self.ear = Receiver(port=port)
        made = self.hands.call("POST", "/v1/webhook-endpoints", {"url": self.ear.url})
        expect(made.status == 201, made)

    def merchant(self):
        return self.hands

    def heard(self, payment):
        """The types that the endpoint was sent about a payment, each message once."""
        with self.ear.lock:
            messages = {message["headers"]["webhook-id"]: json.loads(message["body"]) for message in self.ear.messages}
        return sorted(body["type"] for body in messages.values() if payment["id"] in json.dumps(body))


def account(stack, app, name):
    """An account of its own app at the platform."""
    keys = stack.folder / "keys"
    platform = stack.control("POST", "/apps", {"name": name, "public_key": (keys / "app_public_key.pem").read_text(encoding="utf-8")})
    public = stack.folder / f"{platform['app_id']}.pem"
    public.write_text(platform["platform_public_key"], encoding="utf-8")
    settings = {"app_id": platform["app_id"], "seller_id": platform["seller_id"], "private_key": f"@{keys / 'app_private_key.pem'}",
                "platform_public_key": f"@{public}", "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do"}
    return stack.admin("account", "add", "--app", app["id"], "--channel", "alipay", "--name", name,
                       *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")])


def setup():
    """The sweep asks late, so that notifications decide; the platform is slow to send them where a test says so."""
    ears = [free_port(), free_port()]
    stack = new_stack(payments__ask_after="30s")
    stack.start_sandbox()
    stack.init()
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in (stack.sandbox_port, *ears))
    stack.start_gateway()
    stack.verb("key", "make", "--out", stack.folder / "keys")
    stack.keeper, stack.returner = Seller(stack, "keep", ears[0]), Seller(stack, "refund", ears[1])
    return stack


def refused(stack, *words, says, status=1):
    done = subprocess.run([till(), *words, "-c", stack.config, "--json"], capture_output=True, text=True, timeout=60)
    equal(done.returncode, status, f"till {' '.join(words)}: {done.stdout}{done.stderr}")
    problem = json.loads(done.stderr)
    expect(says in problem["detail"], problem)
    return problem["code"]


def attempts(stack, payment):
    return stack.admin("attempt", "list", payment["id"])["data"]


def scan(stack, upstream_no):
    stack.control("POST", f"/trades/{upstream_no}/scan", {})


def news_waits(stack, count):
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "count": count, "argument": "60"})


def news_comes(stack):
    stack.control("DELETE", "/faults")
    stack.control("POST", "/clock", {"advance_seconds": 61})


def two_ways(stack, seller):
    """An order that is open at both accounts; the second way made by the command line."""
    payment = create(seller, account=seller.accounts[0]["id"])
    shown = stack.admin("attempt", "add", payment["id"], "--account", seller.accounts[1]["id"])
    equal((shown["id"], shown["account"], shown["action"]["kind"]), (payment["id"], seller.accounts[1]["id"], "qr_code"), "the second way")
    expect(shown["upstream_no"] != payment["upstream_no"], "one number at two accounts")
    return payment


def pay_twice(stack, seller):
    """Both ways are paid before we hear of either: (payment, the attempt that settled it, the duplicate)."""
    payment = two_ways(stack, seller)
    tried = attempts(stack, payment)
    equal([(a["account"], a["state"]) for a in tried], [(a["id"], "pending") for a in seller.accounts], "attempts")
    news_waits(stack, 2)
    for attempt in tried:
        scan(stack, attempt["upstream_no"])
    for attempt in tried:
        equal(stack.pay(attempt["upstream_no"])["step"], "done", "the buyer's payment")
    news_comes(stack)
    await_state(seller, payment, "paid")
    wait_for(lambda: "payment.duplicate" in event_types(seller, payment), "the duplicate")
    ours = attempts(stack, payment)
    equal([a["received"] for a in ours], [MONEY, MONEY], "both attempts have money")
    settled = read(seller, payment)["attempt"]
    duplicate, = [a for a in ours if a["id"] != settled]
    return payment, settled, duplicate


def suspense(stack, payment):
    return rows(stack, "SELECT coalesce(sum(credit - debit), 0) FROM ledger WHERE payment_id = ? AND account = 'suspense'", payment["id"])[0][0]


def open_about(seller, payment):
    return [row["type"] for row in discrepancies(seller) if row["payment_id"] == payment["id"]]


def given_back(stack, attempt):
    return stack.control("GET", f"/trades/{attempt['upstream_no']}")["refunded_minor"]


def told(seller, payment, *types):
    """Exactly these events, in the list and over webhooks."""
    wait_for(lambda: len(event_types(seller, payment)) >= len(types), f"events {types}; there are {event_types(seller, payment)}")
    equal(sorted(event_types(seller, payment)), sorted(types), "events")
    equal([e["sequence"] for e in events(seller, payment)], list(range(1, len(types) + 1)), "sequence numbers")
    wait_for(lambda: len(seller.heard(payment)) >= len(types), f"webhooks {types}; heard {seller.heard(payment)}")
    equal(seller.heard(payment), sorted(types), "webhooks")


@test
def s_093_an_order_paid_at_two_accounts_waits_and_is_refunded_by_its_attempt(stack):
    seller = stack.keeper
    payment, settled, duplicate = pay_twice(stack, seller)
    told(seller, payment, "payment.succeeded", "payment.duplicate")
    equal((duplicate["duplicate"], open_about(seller, payment), suspense(stack, payment)), ("in_suspense", ["duplicate_payment"], MONEY), "it waits")
    refused(stack, "refund", payment["id"], "--amount", "9.91", "--attempt", duplicate["id"], says="")
    refused(stack, "refund", payment["id"], "--amount", "1.00", "--attempt", "att_none", says="")
    words = ("refund", payment["id"], "--amount", "9.90", "--no", "twice-1", "--attempt", duplicate["id"])
    first, again = stack.admin(*words), stack.admin(*words)
    equal((first["id"], first["attempt"]), (again["id"], duplicate["id"]), "one refund, of the duplicate")
    wait_for(lambda: suspense(stack, payment) == 0, "the end of the suspense")
    told(seller, payment, "payment.succeeded", "payment.duplicate", "refund.succeeded")
    equal((given_back(stack, duplicate), open_about(seller, payment)), (MONEY, []), "given back; nothing is open")
    left = {a["id"]: (a["received"], a["refunded"]) for a in attempts(stack, payment)}
    equal(left, {settled: (MONEY, 0), duplicate["id"]: (MONEY, MONEY)}, "the order's own money stays")
    equal(read(seller, payment)["state"], "paid", "the order")
    refused(stack, "attempt", "keep", payment["id"], duplicate["id"], says="refund")


@test
def s_093_an_operator_keeps_the_second_money_instead(stack):
    seller = stack.keeper
    payment, settled, duplicate = pay_twice(stack, seller)
    equal(refused(stack, "attempt", "keep", payment["id"], settled, says="did not come twice"), "state_conflict", "code")
    equal((suspense(stack, payment), open_about(seller, payment)), (MONEY, ["duplicate_payment"]), "nothing happened")
    for turn in (1, 2):
        kept = stack.admin("attempt", "keep", payment["id"], duplicate["id"])
        equal((kept["id"], kept["duplicate"], kept["received"], kept["refunded"]), (duplicate["id"], "kept", MONEY, 0), f"turn {turn}")
        equal((suspense(stack, payment), open_about(seller, payment)), (0, []), f"turn {turn}: books")
    equal(given_back(stack, duplicate), 0, "given back")
    told(seller, payment, "payment.succeeded", "payment.duplicate")


@test
def s_093_the_policy_gives_the_second_money_back_once(stack):
    seller = stack.returner
    payment, settled, duplicate = pay_twice(stack, seller)
    told(seller, payment, "payment.succeeded", "payment.duplicate", "refund.succeeded")
    refunds = read(seller, payment)["refunds"]
    equal([(r["attempt"], r["amount"], r["state"]) for r in refunds], [(duplicate["id"], MONEY, "succeeded")], "refunds")
    equal((suspense(stack, payment), open_about(seller, payment)), (0, []), "books")
    trade = stack.control("GET", f"/trades/{duplicate['upstream_no']}")
    equal([refund["minor"] for refund in trade["refunds"]], [MONEY], "the platform's refunds")
    equal(rows(stack, "SELECT refunded FROM attempts WHERE id = ?", settled), [(0,)], "the order's own money")


@test
def the_way_that_was_not_paid_is_closed_at_the_platform(stack):
    payment = two_ways(stack, stack.keeper)
    first, second = attempts(stack, payment)
    for attempt in (first, second):
        scan(stack, attempt["upstream_no"])
    stack.pay(second["upstream_no"])
    await_state(stack.keeper, payment, "paid")
    wait_for(lambda: stack.control("GET", f"/trades/{first['upstream_no']}")["status"] == "TRADE_CLOSED", "the close of the other way", 60)
    wait_for(lambda: [a["state"] for a in attempts(stack, payment)] == ["closed", "paid"], "both ends")
    told(stack.keeper, payment, "payment.succeeded")


@test
def the_command_line_adds_ways_and_says_what_is_wrong(stack):
    seller = stack.keeper
    payment = create(seller, account=seller.accounts[0]["id"])
    done = subprocess.run([till(), "attempt", "add", payment["id"], "-c", stack.config, "--product", "page",
                           "--account", seller.accounts[0]["id"]], capture_output=True, text=True, timeout=60)
    expect(f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do?" in done.stdout, f"no address for people: {done}")
    first, second = attempts(stack, payment)
    equal((first["product"], second["product"], second["number"]), ("precreate", "page", 2), "ways")
    stack.admin("attempt", "add", payment["id"], "--product", "page", "--account", seller.accounts[0]["id"])
    equal(len(attempts(stack, payment)), 2, "the same way again")
    code = stack.control("POST", "/buyers/tester/auth-code", {})["auth_code"]
    paid = stack.admin("attempt", "add", payment["id"], "--product", "barcode", "--account", seller.accounts[1]["id"], "--extra", json.dumps({"auth_code": code}))
    equal((paid["state"], paid["product"]), ("paid", "barcode"), "a payment code")
    equal(refused(stack, "attempt", "add", payment["id"], "--product", "page", "--account", seller.accounts[1]["id"], says=""), "state_conflict", "after the end")
    other = create(seller, account=seller.accounts[0]["id"])
    foreign = stack.returner.accounts[0]["id"]
    for words, code in (((other["id"], "--account", foreign), "account_unknown"), ((other["id"], "--channel", "none"), "channel_unknown"),
                        ((other["id"], "--product", "none"), "channel_unknown"), (("pay_none",), "not_found")):
        equal(refused(stack, "attempt", "add", *words, says=""), code, words)
    equal(refused(stack, "attempt", "add", other["id"], "--extra", "[1]", says="--extra", status=2), "usage", "no object")
    is_problem(admin_http(stack, "POST", f"/admin/payments/{other['id']}/attempts?app_id={stack.returner.app['id']}", {}), 404, "not_found")
    refused(stack, "attempt", "add", says="Name one payment", status=2)
    refused(stack, "attempt", "list", "pay_none", says="")
    refused(stack, "attempt", "keep", other["id"], says="Name one payment and one", status=2)
    equal(refused(stack, "attempt", "keep", other["id"], "att_none", says=""), "not_found", "keep")
    equal(len(attempts(stack, other)), 1, "nothing was added")


def paid_after_close(stack, seller):
    """An address that was kept beyond the order's end, and paid."""
    payment = create(seller, account=seller.accounts[0]["id"])
    stack.control("POST", "/faults", {"operation": "cancel", "fault": "lost_close", "count": 1})
    equal(seller.merchant().call("POST", f"/v1/payments/{payment['id']}/cancel").json()["state"], "closed", "closed")
    told(seller, payment, "payment.closed")
    scan(stack, payment["upstream_no"])
    equal(stack.pay(payment["upstream_no"])["step"], "done", "the buyer's payment")
    return payment


@test
def s_091_late_money_is_kept_and_the_merchant_is_told(stack):
    seller = stack.keeper
    payment = paid_after_close(stack, seller)
    now = await_state(seller, payment, "paid")
    told(seller, payment, "payment.closed", "payment.paid_late")
    equal((now["late"], now["received"], now["refunded"], read(seller, payment)["refunds"]), (True, MONEY, 0, []), "kept")
    equal(given_back(stack, payment), 0, "given back")


@test
def s_091_late_money_is_given_back_and_the_merchant_is_told(stack):
    seller = stack.returner
    payment = paid_after_close(stack, seller)
    told(seller, payment, "payment.closed", "payment.paid_late", "refund.succeeded")
    now = read(seller, payment)
    equal((now["late"], now["received"], now["refunded"]), (True, MONEY, MONEY), "given back")
    equal([(r["amount"], r["state"]) for r in now["refunds"]], [(MONEY, "succeeded")], "refunds")
    equal([refund["minor"] for refund in stack.control("GET", f"/trades/{payment['upstream_no']}")["refunds"]], [MONEY], "the platform's refunds")


@test
def a_cancel_of_an_order_that_looked_unscanned_gives_the_money_back(stack):
    seller = stack.keeper
    payment = create(seller, account=seller.accounts[0]["id"])
    news_waits(stack, 1)
    scan(stack, payment["upstream_no"])
    stack.pay(payment["upstream_no"])
    stack.admin("close", payment["id"], "--cancel")
    now = await_state(seller, payment, "closed")
    equal((now["received"], now["refunded"]), (MONEY, MONEY), "money that came and went")
    equal(given_back(stack, payment), MONEY, "given back")
    seen = sorted(event_types(seller, payment))
    news_comes(stack)  # the older of two messages
    wait_for(lambda: all(n["over"] for n in stack.control("GET", "/notifications")["notifications"]
                         if n["out_trade_no"] == payment["upstream_no"]), "the older news")
    equal((read(seller, payment)["state"], sorted(event_types(seller, payment)), open_about(seller, payment)), ("closed", seen, []), "after it")
    told(seller, payment, "payment.closed")


@test
def the_second_way_is_paid_before_its_order_is_answered(stack):
    seller = stack.keeper
    payment = create(seller, account=seller.accounts[0]["id"])
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "paid_first", "count": 1})
    stack.admin("attempt", "add", payment["id"], "--account", seller.accounts[1]["id"])
    await_state(seller, payment, "paid")
    stack.control("DELETE", "/faults")
    equal([a["received"] for a in attempts(stack, payment)], [0, MONEY], "money")
    told(seller, payment, "payment.succeeded")


main(setup)
