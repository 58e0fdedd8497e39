# SPDX-License-Identifier: Apache-2.0
"""Amounts of currencies with no, two and three decimals as everybody reads them: merchants in answers, lists and webhooks, buyers on the
cashier, operators on the command line, over a Stripe account. And what a channel that is not Alipay looks like to all of them."""
import json
import re
import subprocess
import urllib.parse

from tap import Receiver, await_state, create, equal, event_types, events, expect, is_problem, main, new_stack, number, read, request, test, till, wait_for

# What a merchant says, and what a person reads.
SUMS = (("JPY", 100, "100"), ("USD", 990, "9.90"), ("KWD", 12340, "12.340"), ("ISK", 500, "500"), ("MGA", 500000, "5000.00"))


REFUSAL = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_****0000"}}


def setup():
    stack = new_stack()
    stack.stranger = Receiver(lambda message, handler: (401, {"Content-Type": "application/json"}, json.dumps(REFUSAL).encode()))
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in (stack.sandbox_port, stack.stranger.port))
    stack.start()
    stack.cards = stack.provision_stripe()["account"]
    return stack


def by_card(stack, **fields):
    order = {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 990, "currency": "USD", "out_trade_no": number("M"),
             "subject": "Coffee", **fields}
    answer = stack.merchant().call("POST", "/v1/payments", order)
    expect(answer.status == 201, f"an order of {order}: {answer}")
    return answer.json()


def paid(stack, **fields):
    payment = by_card(stack, **fields)
    stack.buyer_at_stripe(payment)
    return await_state(stack, payment, "paid")


def page_of(stack, payment, query="?lang=en"):
    answer = request(stack.gateway_port, "GET", urllib.parse.urlsplit(payment["cashier_url"]).path + query)
    equal(answer.status, 200, "the cashier")
    return answer.text


def verb(stack, *words, status=0):
    """Standard output of a verb, or what it complained about."""
    done = subprocess.run([till(), *map(str, words), "-c", stack.config], capture_output=True, text=True, timeout=60)
    equal(done.returncode, status, f"till {' '.join(map(str, words))}: {done.stdout} {done.stderr}")
    return done.stderr if status else done.stdout


def line(name, text):
    return re.compile(rf"^{name} +{re.escape(text)}$", re.M)


def told(stack, payment, kind):
    """What the webhook of this type says; it is numbered a moment after its commit."""
    return wait_for(lambda: [event for event in events(stack, payment) if event["type"] == kind], f"the event {kind}")[0]["body"]["data"]


@test
def each_sum_is_written_in_its_currency(stack):
    for currency, amount, text in SUMS:
        payment = by_card(stack, amount=amount, currency=currency)
        equal((payment["amount"], payment["currency"]), (amount, currency), "the answer")
        listed = stack.merchant().call("GET", f"/v1/payments?out_trade_no={payment['out_trade_no']}").json()["data"]
        equal([(row["amount"], row["currency"]) for row in listed], [(amount, currency)], "the list")
        expect(f"<small>{currency}\u00a0</small>{text}</p>" in page_of(stack, payment), f"the cashier does not say {currency} {text}")
        expect(line("amount", f"{text} {currency}").search(verb(stack, "query", payment["id"])), f"till query does not say {text} {currency}")
        stack.buyer_at_stripe(payment)
        now = await_state(stack, payment, "paid")
        equal(now["received"], amount, "received")
        row = told(stack, payment, "payment.succeeded")
        equal((row["amount"], row["currency"], row["received"]), (amount, currency, amount), "the webhook")


@test
def yuan_have_their_sign_and_yen_their_code(stack):
    yuan, yen = create(stack, account=stack.account["id"]), by_card(stack, amount=990, currency="JPY")
    expect("<small>¥</small>9.90</p>" in page_of(stack, yuan), "9.90 yuan")
    page = page_of(stack, yen, "?lang=zh")
    expect("<small>JPY\u00a0</small>990</p>" in page and "¥" not in page, "990 yen")


@test
def an_operator_refunds_in_the_payments_currency(stack):
    payment = paid(stack, amount=100, currency="JPY")
    for words, says in ((["--amount", "0.40"], "Not an amount of JPY"), (["--amount", "40", "--currency", "CNY"], "The payment is in JPY")):
        expect(says in verb(stack, "refund", payment["id"], *words, status=2 if "--currency" in words else 1), f"{words} are not refused so")
    said = verb(stack, "refund", payment["id"], "--amount", "40", "--no", "yen-40")
    expect(line("amount", "40 JPY").search(said), said)
    wait_for(lambda: read(stack, payment)["refunded"] == 40, "40 yen back")
    expect(line("refunded", "40 JPY").search(verb(stack, "query", payment["id"])), "till query")
    expect("JPY\u00a040" in page_of(stack, payment), "the cashier tells what came back")
    row = told(stack, payment, "refund.succeeded")
    equal((row["amount"], row["currency"], row["payment_refunded"]), (40, "JPY", 40), "the webhook")
    dinars = paid(stack, amount=12340, currency="KWD")
    expect(line("amount", "1.230 KWD").search(verb(stack, "refund", dinars["id"], "--amount", "1.23")), "1.23 dinars")


@test
def an_operator_sells_over_a_channel_of_many_currencies(stack):
    app = ("--app", stack.app["id"], "--channel", "stripe", "--account", stack.cards["id"])
    expect("--currency" in verb(stack, "pay", *app, "--amount", "100", status=2), "a currency must be said")
    expect("takes no payment codes" in verb(stack, "pay", *app, "--amount", "100", "--currency", "JPY", "--auth-code", "280000000000000000", status=2), "no codes")
    expect("Not an amount of JPY" in verb(stack, "pay", *app, "--amount", "1.5", "--currency", "JPY", status=1), "half a yen")
    said = verb(stack, "pay", *app, "--amount", "100", "--currency", "JPY", "--order", number("cli"))
    expect(said.startswith(f"http://127.0.0.1:{stack.sandbox_port}/"), said)
    words = ("pay", *app, "--amount", "100", "--currency", "JPY", "--extra")
    expect(line("amount", "100 JPY").search(verb(stack, *words, '{"locale":"de","customer_email":"ann@example.com"}')), "an order with fields of its own")
    expect("/extra/locale" in verb(stack, *words, '{"locale":"klingon"}', status=1), "a locale that is none")
    expect("JSON object" in verb(stack, *words, "locale=de", status=2), "no object")
    expect(line("product", "checkout").search(said) and line("amount", "100 JPY").search(said), said)


@test
def help_and_lists_know_the_channel(stack):
    said = verb(stack, "account", "add", "--help")
    expect("settings of stripe:" in said and re.search(r"^  webhook_secret +.*\(required\)$", said, re.M), said)
    mine = [row for row in stack.admin("account", "list", "--app", stack.app["id"])["data"] if row["channel"] == "stripe"]
    equal([(row["id"], row["usable"]) for row in mine], [(stack.cards["id"], True)], "accounts")
    equal(set(mine[0]["settings"]), {"api_url"}, "what is shown of the settings")
    known = json.loads((stack.folder / "stripe-cards.json").read_text(encoding="utf-8"))["settings"]
    for secret in (known["secret_key"], known["webhook_secret"]):
        expect(secret not in json.dumps(mine) and secret not in stack.gateway.output(), "a secret is shown")


@test
def settings_are_read_from_files_with_their_editors_last_line_break(stack):
    given = {"secret_key": "sk_test_" + "7" * 24, "webhook_secret": "whsec_" + "7" * 32, "api_url": f"http://127.0.0.1:{stack.sandbox_port}"}

    def words(settings):
        for name, value in settings.items():
            (stack.folder / name).write_text(value + "\n", encoding="ascii")
        return [word for name in settings for word in ("--set", f"{name}=@{stack.folder / name}")]
    add = ("account", "add", "--app", stack.app["id"], "--channel", "stripe", "--name", "from files")
    account = stack.admin(*add, *words(given))
    expect(account["usable"], account)
    stack.admin("account", "disable", account["id"])  # one way by card is enough for the tests that follow
    for name, value, says in (("secret_key", "pk_test_" + "7" * 24, "publishable"), ("secret_key", "sk_live_" + "7" * 24, "sk_test_"), ("webhook_secret", "", "whsec_")):
        said = verb(stack, *add, *words({**given, name: value}), status=1)
        expect(name in said and says in said and "7777" not in said, said)


@test
def a_rule_sends_orders_by_currency(stack):
    """Rules of one account's channel; the channel need not be said."""
    rule = stack.admin("route", "put", "--app", stack.app["id"], "--position", "7", "--account", stack.cards["id"], "--currency", "JPY")
    equal((rule["channel"], rule["currency"]), ("stripe", "JPY"), "the rule")
    payment = by_card(stack, amount=100, currency="JPY", account=None)
    equal(payment["account"], stack.cards["id"], "the account")
    stack.admin("route", "remove", "--app", stack.app["id"], "--position", "7")


@test
def the_cashier_speaks_of_a_card(stack):
    payment = by_card(stack)
    page = page_of(stack, payment)
    expect("Pay on a secure page" in page and "Continue to the payment page" in page and "Alipay" not in page, page)
    expect(f'<a class="button" id="go" href="{payment["action"]["value"]}">' in page, "the button")
    expect("前往支付页面付款" in page_of(stack, payment, "?lang=zh"), "Chinese")
    expect("Welcome back" in page_of(stack, payment, "?lang=en&back=1"), "a buyer who comes back")
    stack.merchant().call("POST", f"/v1/payments/{payment['id']}/close")
    expect("This order is closed" in page_of(stack, payment), "a closed order")


@test
def the_cashier_promises_no_code_while_stripe_is_silent(stack):
    stack.control("POST", "/faults", {"operation": "session.create", "fault": "reset_after", "count": -1})
    order_no = number("M")
    order = {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 990, "currency": "USD", "out_trade_no": order_no, "subject": "Coffee"}
    answer = stack.merchant().call("POST", "/v1/payments", order)
    equal(answer.status, 202, f"an answer that is not known: {answer}")
    page = page_of(stack, answer.json())
    expect("The payment is being prepared" in page and "The payment service has not answered yet" in page and "Try again" in page, page)
    expect("code" not in re.sub(r"<[^>]*>", " ", page).lower(), "a code is promised")
    expect("正在准备付款" in page_of(stack, answer.json(), "?lang=zh"), "Chinese")
    stack.control("DELETE", "/faults")
    renewed = request(stack.gateway_port, "POST", urllib.parse.urlsplit(answer.json()["cashier_url"]).path + "/renew", b"", {"Content-Type": "application/x-www-form-urlencoded"})
    equal(renewed.status, 303, f"try again: {renewed}")
    wait_for(lambda: "Continue to the payment page" in page_of(stack, answer.json()), "the button")
    stack.buyer_at_stripe(read(stack, answer.json()))
    await_state(stack, answer.json(), "paid")


@test
def a_buyer_whose_bank_needs_days_is_not_sent_to_pay_again(stack):
    payment = by_card(stack)
    stack.buyer_at_stripe(payment, "pay-later", seconds=86400)
    equal(read(stack, payment)["state"], "pending", "money that is under way")
    expect("do not pay again" in page_of(stack, payment, "?lang=en&back=1"), "the page that he comes back to")
    stack.buyer_at_stripe(payment, "settle", outcome="succeeds")
    await_state(stack, payment, "paid")


@test
def an_order_by_qr_code_is_paid_by_card_instead(stack):
    payment = create(stack, account=stack.account["id"])
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/attempts", {"channel": "stripe", "product": "checkout", "account": stack.cards["id"]})
    equal(answer.status, 201, f"another attempt: {answer}")
    now = answer.json()
    equal((now["channel"], now["product"], now["amount"], now["currency"]), ("stripe", "checkout", 990, "CNY"), "the way now")
    expect("Pay on a secure page" in page_of(stack, payment), "the cashier leads to the card")
    stack.buyer_at_stripe(now)
    await_state(stack, payment, "paid")
    told(stack, payment, "payment.succeeded")
    equal(event_types(stack, payment), ["payment.succeeded"], "events")
    states = wait_for(lambda: (lambda found: found if set(found.values()) == {"paid", "closed"} else None)(
        {attempt["channel"]: attempt["state"] for attempt in read(stack, payment)["attempts"]}), "the other attempt's end")
    equal(states, {"alipay": "closed", "stripe": "paid"}, "attempts")


def doctor(stack):
    done = subprocess.run([till(), "doctor", "-c", stack.config, "--json"], capture_output=True, text=True, timeout=90)
    return json.loads(done.stdout)["findings"]


@test
def while_cards_rest_only_ways_for_this_currency_are_named(stack):
    order = {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 990, "subject": "Coffee"}
    stack.admin("account", "breaker", stack.cards["id"], "open")
    for currency, others in (("JPY", []), ("CNY", [stack.account["id"]])):
        answer = stack.merchant().call("POST", "/v1/payments", {**order, "currency": currency, "out_trade_no": number("M")})
        equal((answer.status, [way["account"] for way in answer.json()["works"]]), (503, others), f"an order of {currency}")
        page = page_of(stack, read(stack, {"id": answer.json()["payment_id"]}))
        expect("This way to pay is resting" in page and ("Still works: Alipay" in page) == bool(others), page)
    stack.admin("account", "breaker", stack.cards["id"], "auto")


@test
def what_stripe_cannot_count_is_refused_before_it_is_asked(stack):
    for amount, currency in ((12345, "KWD"), (500050, "MGA"), (100000000, "USD"), (1000000, "ISK")):
        answer = stack.merchant().call("POST", "/v1/payments", {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": amount,
                                                                 "currency": currency, "out_trade_no": number("M"), "subject": "Coffee"})
        is_problem(answer, 400, "amount_invalid", "/amount")
    answer = stack.merchant().call("POST", "/v1/payments", {"channel": "stripe", "product": "checkout", "account": stack.cards["id"], "amount": 10, "currency": "JPY",
                                                             "out_trade_no": number("M"), "subject": "Coffee"})
    equal((answer.status, answer.json()["channel_code"]), (402, "amount_too_small"), "ten yen are below Stripe's least")


@test
def an_operator_reads_each_attempts_money(stack):
    payment = paid(stack, amount=100, currency="JPY")
    expect(line("received", "100 JPY").search(verb(stack, "attempt", "list", payment["id"])), "till attempt list")


@test
def the_doctor_asks_stripe_and_names_a_wrong_key(stack):
    found = doctor(stack)
    about = f"http://127.0.0.1:{stack.sandbox_port}/"
    equal({one["check"] for one in found if one.get("about") in (stack.cards["id"], about) and one["ok"]} >= {"keys", "platform", "clock", "signatures"}, True, f"{found}")
    equal([one for one in found if not one["ok"]], [], "troubles")
    account = stack.admin("account", "add", "--app", stack.app["id"], "--channel", "stripe", "--name", "wrong", "--set", "secret_key=sk_test_" + "0" * 24,
                          "--set", "webhook_secret=whsec_" + "0" * 32, "--set", f"api_url=http://127.0.0.1:{stack.stranger.port}")
    bad = [one for one in doctor(stack) if not one["ok"]]
    equal([(one["check"], one["about"]) for one in bad], [("signatures", account["id"])], f"troubles: {bad}")
    expect("does not know the account's secret key" in bad[0]["detail"] and "secret_key" in bad[0]["advice"], bad)
    asked = [message["headers"].get("authorization") for message in stack.stranger.messages]
    expect("Bearer sk_test_" + "0" * 24 in asked, f"what was asked: {asked}")


main(setup)
