# SPDX-License-Identifier: Apache-2.0
"""The cashier and the return page without a browser: security cases S-111 to S-113, the page's states, the new code by form, the shop's flow."""
import html.parser
import json
import os
import re
import time
import urllib.parse

from tap import (await_state, create, encode, equal, event_types, expect, facts_of, main, number, openssl_sign, order, read, request, rows,
                 settle, started, test, together, wait_for)


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def path_of(payment):
    return urllib.parse.urlsplit(payment["cashier_url"]).path


def show(stack, payment, query="", headers=None):
    answer = request(stack.gateway_port, "GET", path_of(payment) + query, headers=headers)
    equal(answer.status, 200, "the cashier")
    return answer, Page(answer.text)


def codes(page):
    """Where the page's codes lead."""
    return {a["href"] for a in page.all("a") if "/alipay/qr/" in a.get("href", "")}


HOSTILE = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", '"><svg onload=alert(1)>', "' onmouseover='alert(1)", "&lt;b&gt; &amp; </p>",
           "</title><script>alert(1)</script>", "javascript:alert(1)", "{{7*7}} ${7*7} %s %n", "\u202e\u2066 reversed", "]]><!--", "\u5496\u5561 \u2615"]


@test
def s_111_a_hostile_subject_is_shown_as_text(stack):
    plain = show(stack, create(stack))[1]
    for subject in HOSTILE:
        payment = create(stack, subject=subject)
        for state in ("pending", "paid"):
            if state == "paid":
                settle(stack, payment)
            answer, page = show(stack, payment)
            expect(subject.strip() in "".join(page.words), f"{subject!r} is not shown as text")
            if state == "pending":
                equal([tag for tag, _ in page.tags], [tag for tag, _ in plain.tags], f"tags around {subject!r}")
            handlers = [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
            equal(handlers, [], "event handlers")
            equal([a.get("src") for a in page.all("script")], ["/assets/cashier.js"], "scripts")
            expect(not any((a.get("href") or "").lower().startswith("javascript") for a in page.all("a")), "a script as a link")
            policy = answer.headers["content-security-policy"]
            for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
                expect(rule in policy, f"no {rule} in {policy}")
            expect("unsafe" not in policy and "*" not in policy, policy)
            equal((answer.headers.get("x-content-type-options"), answer.headers.get("cache-control"), answer.headers.get("referrer-policy")),
                  ("nosniff", "no-store", "no-referrer"), "headers")
            expect("set-cookie" not in answer.headers, "a cookie")


@test
def s_112_a_made_up_return_changes_nothing(stack):
    payment = create(stack, amount=100)
    before = facts_of(stack, payment)
    claim = {"out_trade_no": payment["upstream_no"], "trade_status": "TRADE_SUCCESS", "total_amount": "1.00", "trade_no": "2026112322001",
             "app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "method": "alipay.trade.page.pay.return",
             "charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "timestamp": "2026-11-23 10:00:00"}
    address = f"/return/alipay/{stack.account['public_id']}"
    for parameters in (claim, {**claim, "sign": ""}, {**claim, "sign": "AAAA"}, {"trade_status": "TRADE_SUCCESS", "total_amount": "100"}, {}):
        for answer in (request(stack.gateway_port, "GET", f"{address}?{encode(parameters).decode()}"),
                       request(stack.gateway_port, "POST", address, encode(parameters), {"Content-Type": "application/x-www-form-urlencoded"})):
            expect(400 <= answer.status < 500 and "paid" not in answer.text.lower(), answer)
    page = show(stack, payment, "?trade_status=TRADE_SUCCESS&total_amount=100&state=paid")[1]
    equal(page.all("section")[0]["data-state"], "pending", "the cashier")
    equal(facts_of(stack, payment), before, "the payment")
    equal(event_types(stack, payment), [], "events")


@test
def s_112_a_signed_return_leads_to_our_record(stack):
    payment = create(stack, amount=100, return_url=f"http://127.0.0.1:{stack.shop_port}/orders/1")
    fields = {"app_id": stack.platform["app_id"], "auth_app_id": stack.platform["app_id"], "charset": "utf-8", "method": "alipay.trade.page.pay.return",
              "out_trade_no": payment["upstream_no"], "seller_id": stack.platform["seller_id"], "timestamp": "2026-11-23 10:00:00",
              "total_amount": "1.00", "trade_no": "2026112322001", "version": "1.0", "sign_type": "RSA2"}
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign_type")
    target = f"/return/alipay/{stack.account['public_id']}?" + encode({**fields, "sign": openssl_sign(stack.platform_key, text.encode())}).decode()
    pending = request(stack.gateway_port, "GET", target)
    equal((pending.status, pending.headers.get("location")), (302, payment["cashier_url"]), "while unpaid: our page")
    equal(read(stack, payment)["state"], "pending", "a signed return proves nothing")
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_never", "count": 1})
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.pay(payment["upstream_no"])
    time.sleep(3.2)  # a return asks the platform at most every three seconds
    paid = request(stack.gateway_port, "GET", target)
    equal(paid.status, 302, "once paid")
    expect(paid.headers["location"].startswith(f"http://127.0.0.1:{stack.shop_port}/orders/1?"), paid.headers["location"])
    equal(read(stack, payment)["state"], "paid", "the question that the return caused")


@test
def s_113_guessed_addresses_open_nothing(stack):
    payment = create(stack)
    token = path_of(payment).rsplit("/", 1)[1]
    expect(re.fullmatch(r"[0-9a-f]{32}", token), f"{token} is not 128 bits in hex")
    everything = json.dumps({name: value for name, value in payment.items() if name != "cashier_url"})
    expect(token not in everything, "the token can be read elsewhere")
    tokens = {path_of(create(stack)).rsplit("/", 1)[1] for _ in range(30)}
    equal(len(tokens), 30, "different tokens")
    bits = [sum(int(t, 16) >> bit & 1 for t in tokens) for bit in range(128)]
    expect(all(2 < count < 28 for count in bits), f"a bit that hardly varies: {bits}")
    seeds = [payment["id"], payment["out_trade_no"], payment["upstream_no"], payment["id"][4:], token[:31], token[:16], token.upper()[:31], ""]
    guesses = seeds + [f"{seed}{i}" for seed in seeds[:4] for i in range(250)] + [token[:-2] + f"{i:02x}" for i in range(256)]
    guesses += [os.urandom(16).hex() for _ in range(4000 - len(guesses))]
    guesses = [guess for guess in guesses if guess != token]
    outcomes = together(8, lambda worker: look_up_many(stack, guesses[worker::8]))
    equal({code for codes in outcomes for code in codes}, {404}, f"answers to {len(guesses)} guesses")
    equal(show(stack, payment)[0].status, 200, "the right one")


def look_up_many(stack, guesses):
    """Statuses, over kept-alive connections."""
    import http.client
    connection, codes = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=30), []
    for guess in guesses:
        connection.request("GET", "/checkout/" + urllib.parse.quote(guess))
        answer = connection.getresponse()
        body = answer.read()
        expect(b"Coffee" not in body, "an order was shown")
        codes.append(answer.status)
    connection.close()
    return codes


@test
def the_page_shows_amount_code_and_time_without_a_script(stack):
    payment = create(stack, amount=990)
    answer, page = show(stack, payment)
    expect("9.90" in page.text and "Coffee" in page.text, page.text)
    expect(page.all("svg"), "no QR code")
    equal(codes(page), {payment["action"]["value"]}, "links to the code")
    equal([a["content"] for a in page.all("meta") if a.get("http-equiv") == "refresh"], ["3"], "refresh without a script")
    expect("<noscript><meta http-equiv=\"refresh\"" in answer.text, "the refresh is for those without a script")
    form = page.all("form")[0]
    equal((form["method"], form["action"]), ("post", path_of(payment) + "/renew"), "the form")
    clock = [a for a in page.all("span") if "data-until" in a][0]
    expect(abs(int(clock["data-until"]) / 1000 - time.time() - 7200) < 60, clock)
    for asset, kind in (("cashier.js", "javascript"), ("cashier.css", "css")):
        got = request(stack.gateway_port, "GET", "/assets/" + asset)
        expect(got.status == 200 and kind in got.headers["content-type"] and len(got.body) > 200, got)
    equal(request(stack.gateway_port, "GET", "/assets/../till.db").status >= 400, True, "a way out of the assets")
    equal(request(stack.gateway_port, "GET", "/assets/nothing.js").status, 404, "no such asset")


@test
def the_page_speaks_chinese_and_english(stack):
    payment = create(stack)
    english, chinese = show(stack, payment, "?lang=en"), show(stack, payment, "?lang=zh")
    expect("Scan with Alipay" in english[1].text and "\u6536\u94f6\u53f0" in chinese[0].text, "languages")
    expect("\u6536\u94f6\u53f0" in show(stack, payment, headers={"Accept-Language": "zh-CN,zh;q=0.9"})[0].text, "Accept-Language")
    expect('lang="en"' in show(stack, payment, headers={"Accept-Language": "fr"})[0].text, "another language")
    for odd in ("?lang=%00", "?lang=<script>", "?lang=zh&lang=en", "?" + "x" * 2000):
        answer = request(stack.gateway_port, "GET", path_of(payment) + odd)
        expect(answer.status in (200, 400) and "<script>alert" not in answer.text, answer)


@test
def a_new_code_comes_by_form_and_belongs_to_the_same_order(stack):
    payment = create(stack)
    trades = stack.control("GET", "/trades")["count"]
    answer = request(stack.gateway_port, "POST", path_of(payment) + "/renew", b"", {"Content-Type": "application/x-www-form-urlencoded"})
    equal((answer.status, answer.headers.get("location")), (303, path_of(payment)), "after the form")
    now = read(stack, payment)
    equal((now["id"], now["state"], stack.control("GET", "/trades")["count"]), (payment["id"], "pending", trades), "the order")
    equal(codes(show(stack, payment)[1]), {now["action"]["value"]}, "the code on the page")
    settle(stack, payment)
    again = request(stack.gateway_port, "POST", path_of(payment) + "/renew", b"")
    expect(again.status in (303, 409), again)
    equal(read(stack, payment)["state"], "paid", "renewing a paid order")
    expect(request(stack.gateway_port, "POST", "/checkout/" + "0" * 32 + "/renew", b"").status == 404, "renewing nothing")
    answer = request(stack.gateway_port, "POST", path_of(payment), b"")
    equal((answer.status, answer.headers["allow"]), (405, "GET"), "posting to the page")
    answer = request(stack.gateway_port, "GET", path_of(payment) + "/renew")
    equal((answer.status, answer.headers["allow"]), (405, "POST"), "reading what is only posted to")
    for method, path in (("POST", "/checkout/%C2%84/renew"), ("GET", path_of(payment) + "/more"), ("GET", "/checkout/")):
        answer = request(stack.gateway_port, method, path)
        equal((answer.status, answer.headers["content-type"]), (404, "text/html; charset=utf-8"), path)


@test
def the_state_tells_when_to_look_again(stack):
    payment = create(stack)

    def state():
        answer = request(stack.gateway_port, "GET", path_of(payment) + "/state")
        equal((answer.status, answer.headers["content-type"]), (200, "application/json"), "state")
        return answer.json()
    first = state()
    equal((first["state"], set(first)), ("pending", {"state", "version"}), "before")
    equal(show(stack, payment)[1].all("section")[0]["data-version"], state()["version"], "the version on the page")
    settle(stack, payment)
    after = state()
    expect(after["state"] == "paid" and after["version"] != first["version"], f"{first} -> {after}")
    page = show(stack, payment)[1]
    equal((page.all("section")[0]["data-final"], codes(page), page.all("form")), ("1", set(), []), "a paid page has no code and no form")
    expect("Paid" in page.text and not [a for a in page.all("meta") if a.get("http-equiv")], page.text)


@test
def a_page_order_is_a_link_or_a_form_to_the_platform_and_nowhere_else(stack):
    origin = f"http://127.0.0.1:{stack.sandbox_port}"
    for product in ("page", "wap"):
        payment = create(stack, product=product)
        answer, page = show(stack, payment)
        way = [a for a in page.all("a") if a.get("id") == "go"]
        equal([a["href"] for a in way], [payment["action"]["value"]], "the link")
        expect("form-action 'self';" in answer.headers["content-security-policy"] and not page.all("form"), "a link needs no form")
        expect("target" not in way[0] and not codes(page), "the platform leads back into this window")
        payment = create(stack, product=product, subject="\"><b>x</b>", extra={"action": "form"})
        answer, page = show(stack, payment)
        form = [a for a in page.all("form") if a.get("id") == "go"][0]
        equal((form["method"], form["action"]), ("post", payment["action"]["url"]), "the form")
        equal({a["name"]: a["value"] for a in page.all("input")}, payment["action"]["fields"], "its fields")
        expect(f"form-action 'self' {origin};" in answer.headers["content-security-policy"], answer.headers["content-security-policy"])
        equal(page.all("b"), [], "markup out of the order")
    expect("前往支付宝" in show(stack, payment, "?lang=zh")[0].text, "Chinese")
    page = show(stack, payment, "?back=1")[1]
    expect("do not pay again" in page.text and [a for a in page.all("form") if a.get("id") == "go"], "a buyer who comes back")
    equal(page.all("section")[0]["data-version"], request(stack.gateway_port, "GET", path_of(payment) + "/state").json()["version"],
          "the script would reload for ever")
    stack.merchant().call("POST", f"/v1/payments/{payment['id']}/cancel")
    answer, page = show(stack, payment)
    equal((page.all("section")[0]["data-state"], page.all("form")), ("closed", []), "a closed page")
    expect(origin not in answer.headers["content-security-policy"], "a policy for nothing")


@test
def buyers_at_the_till_and_in_an_app_are_told_what_to_do(stack):
    app = show(stack, create(stack, product="app"))[1]
    expect("Pay in the shop's app" in app.text and not codes(app) and not app.all("form"), app.text)
    code = stack.control("POST", "/buyers/tester/auth-code", {"password": "ask"})["auth_code"]
    payment = create(stack, product="barcode", extra={"auth_code": code})
    answer, page = show(stack, payment)
    expect("Confirm on your phone" in page.text and code not in answer.text and not page.all("form"), page.text)
    expect([a for a in page.all("span") if "data-until" in a], "no time left to pay")
    expect("请在手机上确认付款" in show(stack, payment, "?lang=zh")[0].text, "Chinese")
    answer = request(stack.gateway_port, "POST", path_of(payment) + "/renew", b"")
    equal((answer.status, read(stack, payment)["state"]), (303, "pending"), "there is no code to renew")
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid")
    expect("Paid" in show(stack, payment)[1].text, "a paid page")
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_never", "count": 1})
    stack.control("POST", "/faults", {"operation": "pay", "fault": "unknown_before", "count": 1})
    code = stack.control("POST", "/buyers/tester/auth-code", {})["auth_code"]
    answer = stack.merchant().call("POST", "/v1/payments", order(product="barcode", extra={"auth_code": code}))
    equal(answer.status, 202, "an open outcome")
    expect("We are asking Alipay" in show(stack, answer.json())[1].text, "an open outcome's page")


@test
def closed_and_failed_orders_have_their_pages(stack):
    closed = create(stack)
    stack.merchant().call("POST", f"/v1/payments/{closed['id']}/cancel")
    page = show(stack, closed)[1]
    equal((page.all("section")[0]["data-state"], codes(page)), ("closed", set()), "closed")
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "refuse", "count": 1, "argument": "ACQ.ACCESS_FORBIDDEN"})
    refused = stack.merchant().call("POST", "/v1/payments", {"channel": "alipay", "product": "precreate", "amount": 1, "currency": "CNY",
                                                            "out_trade_no": number(), "subject": "Coffee"})
    token = rows(stack, "SELECT token FROM payments WHERE id = ?", refused.json()["payment_id"])[0][0]
    answer = request(stack.gateway_port, "GET", "/checkout/" + token)
    equal(Page(answer.text).all("section")[0]["data-state"], "failed", "failed")
    expect("ACCESS_FORBIDDEN" not in answer.text, "the platform's word is for the merchant, not for the buyer")


@test
def somebody_looking_makes_the_platform_be_asked_soon(stack):
    payment = create(stack)
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_never", "count": 1})
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.pay(payment["upstream_no"])
    show(stack, payment)
    await_state(stack, payment, "paid", 10)


@test
def the_shop_sells_one_coffee_from_button_to_shipment(stack):
    home = request(stack.shop_port, "GET", "/")
    expect(home.status == 200 and "9.90" in home.text and Page(home.text).all("form")[0]["action"] == "/buy", home)
    bought = request(stack.shop_port, "POST", "/buy", b"", {"Content-Type": "application/x-www-form-urlencoded"})
    equal(bought.status, 303, "buy")
    cashier = urllib.parse.urlsplit(bought.headers["location"])
    equal(cashier.port, stack.gateway_port, "the cashier's port")
    token = cashier.path.rsplit("/", 1)[1]
    identity, name = rows(stack, "SELECT id, out_trade_no FROM payments WHERE token = ?", token)[0]
    waiting = request(stack.shop_port, "GET", f"/orders/{name}")
    expect(waiting.status == 200 and cashier.path in waiting.text, "the order's page leads to the cashier")
    payment = read(stack, identity)
    wallet = request(stack.sandbox_port, "GET", urllib.parse.urlsplit(payment["action"]["value"]).path)
    expect(wallet.status in (200, 302, 303), wallet)
    settle(stack, payment)
    journal = stack.folder / "shop.journal"
    wait_for(lambda: f'"shipped","order":"{name}"' in journal.read_text(encoding="utf-8"), "the shipment")
    final = request(stack.gateway_port, "GET", cashier.path)
    links = [a["href"] for a in Page(final.text).all("a") if a.get("id") == "continue"]
    expect(links and f"/orders/{name}" in links[0], f"the way back: {links}")
    done = request(stack.shop_port, "GET", f"/orders/{name}")
    expect("Shipped" in done.text, done)
    equal(request(stack.shop_port, "GET", "/orders/coffee-0").status, 404, "no such order")


if __name__ == "__main__":
    main(lambda: started(own_platform_key=True, shop=True, payments__ask_after="60s"))
