# SPDX-License-Identifier: Apache-2.0
"""Every product against the real sandbox: a browser that takes a page order to the platform and comes back, a buyer's payment code in all
its ways, and what a phone takes."""
import base64
import html
import re
import subprocess
import urllib.parse

from tap import (Failed, await_state, create, equal, event_types, expect, is_problem, main, new_stack, number, order, read, request, rows, test,
                 together, wait_for)

PASSWORD = "111111"


class Browser:
    """One payer's browser without scripts: follows redirects between the servers of the stack, sends forms."""

    def __init__(self, stack):
        self.stack = stack
        self.ports = {str(stack.gateway_port), str(stack.sandbox_port)}
        self.url = self.answer = None

    def go(self, method, url, form=None):
        body = b"" if form is None else urllib.parse.urlencode(form).encode()
        for _ in range(6):
            parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.url or "", url))
            self.url = parts.geturl()
            if str(parts.port) not in self.ports:  # the shop: we know where we are, that is enough
                self.answer = None
                return self
            target = parts.path + ("?" + parts.query if parts.query else "")
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
            headers["Host"] = parts.netloc
            self.answer = request(parts.port, method, target, body, headers)
            if self.answer.status not in (302, 303):
                return self
            method, body, url = "GET", b"", self.answer.headers["location"]
        raise Failed(f"redirects without end at {self.url}")

    def get(self, url):
        return self.go("GET", url)

    def post(self, url, **form):
        return self.go("POST", url, form)

    def log_in(self, buyer="tester"):
        return self.post(self.url, action="login", buyer=buyer, password=PASSWORD)

    def pay(self):
        return self.post(self.url, action="pay", password=PASSWORD)

    def way_back(self):
        found = re.search(r'id="return"[^>]*href="([^"]+)"', self.answer.text)
        expect(found, lambda: f"no way back on {self.answer.text[:600]}")
        return html.unescape(found.group(1))


def trade(stack, payment):
    return stack.control("GET", f"/trades/{payment['upstream_no']}")


def code_of_buyer(stack, buyer="tester", **wish):
    return stack.control("POST", f"/buyers/{buyer}/auth-code", wish)["auth_code"]


def scan(stack, code, out_trade_no=None, **fields):
    return stack.merchant().call("POST", "/v1/payments",
                                 order(out_trade_no or number("B"), product="barcode", extra={"auth_code": code}, **fields))


def happened(stack, payment, *types):
    """Exactly these events; they are numbered a moment after their commit."""
    wait_for(lambda: len(event_types(stack, payment)) >= len(types), f"{len(types)} events", 10)
    equal(event_types(stack, payment), list(types), "events")


def struck(stack, operation, fault, count=1, **more):
    stack.control("POST", "/faults", {"operation": operation, "fault": fault, "count": count, **more})


def calm(stack):
    stack.control("DELETE", "/faults")


# ---- pages


def pay_by_page(stack, product, **fields):
    payment = create(stack, product=product, **fields)
    equal(payment["action"]["kind"], "redirect", "the action")
    browser = Browser(stack).get(payment["action"]["value"])
    expect("/alipay/cashier/" in browser.url, f"the browser is at {browser.url}: {browser.answer}")
    equal(read(stack, payment)["state"], "pending", "a page that is open")
    browser.log_in().pay()
    return payment, browser


@test
def a_page_order_is_paid_in_the_browser_and_leads_back_to_the_shop(stack):
    shop = f"http://127.0.0.1:{stack.shop_port}/thanks?cart=7&lang=zh"
    for product in ("page", "wap"):
        payment, browser = pay_by_page(stack, product, return_url=shop)
        back = browser.way_back()
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        expect(back.startswith(f"http://127.0.0.1:{stack.gateway_port}/return/alipay/"), f"the way back: {back}")
        equal(query["method"], f"alipay.trade.{product}.pay.return", "the return's method")
        expect("trade_status" not in query, "a return says nothing of the state")
        browser.get(back)
        equal(urllib.parse.urlsplit(browser.url).netloc, f"127.0.0.1:{stack.shop_port}", "where the browser ends")
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.url).query))
        equal(query, {"cart": "7", "lang": "zh", "out_trade_no": payment["out_trade_no"], "payment_id": payment["id"]}, "its query")
        equal(await_state(stack, payment, "paid")["received"], 990, "the money")
        happened(stack, payment, "payment.succeeded")


@test
def a_return_may_be_posted_and_carry_strangers(stack):
    payment, browser = pay_by_page(stack, "page")
    parts = urllib.parse.urlsplit(browser.way_back())
    signed = dict(urllib.parse.parse_qsl(parts.query))
    posted = Browser(stack).post(f"{parts.scheme}://{parts.netloc}{parts.path}", **signed, _url="/x", q="1")
    expect("/checkout/" in posted.url and posted.answer.status == 200, f"a posted return ends at {posted.url}")
    forged = {**signed, "out_trade_no": "20260101"}
    answer = Browser(stack).get(f"{parts.scheme}://{parts.netloc}{parts.path}?{urllib.parse.urlencode(forged)}").answer
    equal(answer.status, 400, "a forged return")
    await_state(stack, payment, "paid")


@test
def a_spoilt_return_proves_nothing_and_the_notification_pays(stack):
    """What the payer's browser carries back is refused, asked about or never comes; the money is known by the notification alone."""
    wanted = {"return_wrong_key": 400, "return_unsigned": 400, "return_other_order": 404, "return_amount": 200, "return_never": None}
    for fault, status in wanted.items():
        struck(stack, "return", fault)
        payment, browser = pay_by_page(stack, "page")
        if status is None:
            expect('id="return"' not in browser.answer.text, f"{fault}: there is a way back")
        else:
            answer = Browser(stack).get(browser.way_back()).answer
            equal(answer.status, status, f"{fault}: the answer is {answer}")
        calm(stack)
        equal(await_state(stack, payment, "paid")["received"], 990, fault)
        happened(stack, payment, "payment.succeeded")


@test
def a_form_is_posted_by_its_page(stack):
    payment = create(stack, product="page", subject="50% \"off\" <b>'coffee'</b> & 茶", extra={"action": "form", "qr_pay_mode": "2"})
    action = payment["action"]
    equal((action["kind"], action["method"], sorted(action["fields"])), ("form", "POST", ["biz_content"]), "the action")
    page = action["value"]
    place = html.unescape(re.search(r'<form [^>]*action="([^"]*)"', page).group(1))
    fields = {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)}
    equal((place, fields), (action["url"], action["fields"]), "what the page posts")
    expect("<button>" in page and ".submit()" in page, "a page without its ways")
    expect("<b>" not in page.split("<form", 1)[1], "a merchant's text is markup")
    browser = Browser(stack).post(place, **fields)
    expect("/alipay/cashier/" in browser.url, f"the form led to {browser.url}: {browser.answer}")
    browser.log_in().pay()
    await_state(stack, payment, "paid")


@test
def nobody_who_opened_it_means_it_is_cancelled_and_a_late_payer_is_recorded(stack):
    payment = create(stack, product="page")
    equal(stack.merchant().call("POST", f"/v1/payments/{payment['id']}/close").json()["state"], "closed", "closed")
    Browser(stack).get(payment["action"]["value"]).log_in().pay()
    paid = await_state(stack, payment, "paid")
    equal(paid["late"], True, "late money")
    happened(stack, payment, "payment.closed", "payment.paid_late")


@test
def a_renewed_address_is_the_same_order(stack):
    payment = create(stack, product="wap")
    wait_for(lambda: stack.merchant().call("POST", f"/v1/payments/{payment['id']}/renew").json()["action"]["value"]
             != payment["action"]["value"], "another timestamp, another signature", 5, 0.5)
    browser = Browser(stack).get(payment["action"]["value"]).log_in()
    renewed = read(stack, payment)["action"]["value"]
    Browser(stack).get(renewed)
    browser.pay()
    await_state(stack, payment, "paid")
    equal(len([t for t in stack.control("GET", "/trades")["trades"] if t["out_trade_no"] == payment["upstream_no"]]), 1, "trades")


# ---- payment codes


@test
def a_code_is_paid_at_once(stack):
    code = code_of_buyer(stack)
    answer = scan(stack, code)
    payment = answer.json()
    equal((answer.status, payment["state"], payment["action"]), (201, "paid", {"kind": "none"}), "the answer")
    equal(trade(stack, payment)["status"], "TRADE_SUCCESS", "the trade")
    expect(code not in answer.text, "the code is told again")
    other = scan(stack, code)
    expect(is_problem(other, 402, "channel_declined") and "ACQ.PAYMENT_AUTH_CODE_INVALID" in other.text, f"a used code: {other}")
    expect(code not in other.text, "an error tells the code")


@test
def a_password_is_waited_for(stack):
    answer = scan(stack, code_of_buyer(stack, password="ask"))
    payment = answer.json()
    equal((answer.status, payment["state"], payment["action"]["kind"]), (201, "pending", "none"), "the answer")
    page = request(stack.gateway_port, "GET", urllib.parse.urlsplit(payment["cashier_url"]).path, headers={"Accept-Language": "en"})
    expect("Confirm on your phone" in page.text, f"the cashier says {page.text[:900]}")
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid")
    happened(stack, payment, "payment.succeeded")


@test
def a_password_may_be_wanted_for_any_amount(stack):
    struck(stack, "pay", "ask_password")
    payment = scan(stack, code_of_buyer(stack), amount=1).json()
    equal((payment["state"], payment["action"]["kind"]), ("pending", "none"), "while the buyer types")
    stack.control("POST", f"/trades/{payment['upstream_no']}/pay", {})
    equal(await_state(stack, payment, "paid")["received"], 1, "the money")


@test
def a_password_that_never_comes_is_cancelled_at_the_end(stack):
    payment = scan(stack, code_of_buyer(stack, password="ask"), expires_in=10).json()
    closed = await_state(stack, payment, "closed", 30)
    equal(closed["received"], 0, "the money")
    happened(stack, payment, "payment.closed")
    expect(trade(stack, payment)["status"] in ("TRADE_CLOSED", "CANCELLED"), f"the trade: {trade(stack, payment)}")


@test
def a_lost_answer_never_pays_twice_and_is_found_by_asking(stack):
    for fault in ("drop_after", "unknown_after", "system_error_after"):
        struck(stack, "notify", "notify_never")
        struck(stack, "pay", fault)
        name, code = number("B"), code_of_buyer(stack)
        answer = scan(stack, code, name)
        equal(answer.status, 202, f"{fault}: the answer")
        again = scan(stack, code, name)
        expect(again.status in (200, 201, 202), f"{fault}: the repetition: {again}")
        paid = await_state(stack, answer.json(), "paid")
        equal(paid["received"], 990, f"{fault}: the money")
        calls = stack.control("GET", f"/exchanges?order={paid['upstream_no']}&method=alipay.trade.pay")
        equal(len(calls["exchanges"]), 1, f"{fault}: pay requests")
    calm(stack)


@test
def a_pay_that_never_arrived_is_cancelled(stack):
    struck(stack, "pay", "unknown_before")
    payment = scan(stack, code_of_buyer(stack), expires_in=10).json()
    closed = await_state(stack, payment, "closed", 30)
    equal(closed["received"], 0, "the money")
    happened(stack, payment, "payment.closed")
    calls = stack.control("GET", f"/exchanges?order={payment['upstream_no']}&method=alipay.trade.cancel")["exchanges"]
    expect(len(calls) >= 1, "no cancellation")


@test
def the_same_order_at_once_is_sent_once(stack):
    code, name = code_of_buyer(stack), number("B")
    answers = together(16, lambda _: scan(stack, code, name))
    equal({answer.status for answer in answers}, {201}, "statuses")
    equal(len({answer.json()["id"] for answer in answers}), 1, "payments")
    paid = answers[0].json()
    calls = stack.control("GET", f"/exchanges?order={paid['upstream_no']}&method=alipay.trade.pay")["exchanges"]
    equal((len(calls), read(stack, paid)["received"]), (1, 990), "pay requests, and the money")


@test
def a_poor_buyer_is_declined(stack):
    answer = scan(stack, code_of_buyer(stack, "poor"))
    expect(is_problem(answer, 402, "channel_declined"), f"a poor buyer: {answer}")


@test
def a_payment_code_is_in_no_log(stack):
    code = code_of_buyer(stack)
    log = stack.folder / "till.log"
    equal(scan(stack, code).status, 201, "the scan")
    wait_for(lambda: "alipay.trade.pay" in log.read_text(encoding="utf-8"), "the captured exchange")
    expect(code not in log.read_text(encoding="utf-8"), "the log tells a payment code")


# ---- phones


@test
def an_order_string_is_signed_with_the_apps_key(stack):
    payment = create(stack, product="app")
    action = payment["action"]
    equal((action["kind"], action["parameters"]), ("bridge", {"order_string": action["value"]}), "the action")
    pairs = urllib.parse.parse_qsl(action["value"], keep_blank_values=True, strict_parsing=True)
    parameters = dict(pairs)
    equal((pairs[-1][0], parameters["method"], len(parameters)), ("sign", "alipay.trade.app.pay", len(pairs)), "the order string")
    expect("return_url" not in parameters, "a phone comes back nowhere")
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "sign")
    signature, public = stack.folder / "order.sig", stack.folder / "keys" / "app_public_key.pem"
    signature.write_bytes(base64.b64decode(parameters["sign"], validate=True))

    def verifies(what):
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(signature)], input=what.encode(),
                              capture_output=True, check=False).returncode == 0
    expect(verifies(text), "the signature is not the app's")
    expect(not verifies(text.replace("9.90", "0.01")), "another amount has the same signature")


@test
def a_mini_program_pays_by_the_trades_number(stack):
    buyer = next(b for b in stack.control("GET", "/buyers")["buyers"] if b["name"] == "tester")
    struck(stack, "create", "drop_after")  # the identical request again brings it
    payment = create(stack, product="jsapi", extra={"buyer_id": buyer["user_id"]})
    action = payment["action"]
    equal((action["kind"], action["parameters"]), ("bridge", {"trade_no": action["value"], "tradeNO": action["value"]}), "the action")
    known = trade(stack, payment)
    equal((known["trade_no"], known["status"]), (action["value"], "WAIT_BUYER_PAY"), "the trade")
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid")
    answer = stack.merchant().call("POST", "/v1/payments", order(product="jsapi", extra={"buyer_id": stack.platform["seller_id"]}))
    expect(is_problem(answer, 402, "channel_declined") and "ACQ.BUYER_SELLER_EQUAL" in answer.text, f"a seller who buys: {answer}")


# ---- fields


@test
def each_product_knows_its_own_fields(stack):
    rows_of = [("page", {"quit_url": "https://shop.example.com/"}, "field_unknown", "/extra/quit_url"),
               ("wap", {"integration_type": "PCWEB"}, "field_unknown", "/extra/integration_type"),
               ("page", {"qr_pay_mode": "9"}, "field_invalid", "/extra/qr_pay_mode"),
               ("page", {"action": "popup"}, "field_invalid", "/extra/action"),
               ("barcode", {}, "field_missing", "/extra/auth_code"),
               ("barcode", {"auth_code": "1234567890123456"}, "field_invalid", "/extra/auth_code"),
               ("jsapi", {}, "field_missing", "/extra/buyer_open_id")]
    before = rows(stack, "SELECT count(*) FROM payments")[0][0]
    for product, extra, code, field in rows_of:
        answer = stack.merchant().call("POST", "/v1/payments", order(product=product, extra=extra))
        expect(is_problem(answer, 400, code, field), f"{product} {extra}: {answer}")
    equal(rows(stack, "SELECT count(*) FROM payments")[0][0], before, "orders that were refused")


def set_up():
    stack = new_stack(payments__ask_after="1s", payments__ask_slowest="2s", payments__settle_grace="1s", log__debug="true",
                      log__level="debug")
    stack.start_sandbox()
    stack.init()
    stack.start_gateway()
    stack.provision()
    return stack


if __name__ == "__main__":
    main(setup=set_up)
