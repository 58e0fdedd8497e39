# SPDX-License-Identifier: Apache-2.0
"""The sandbox's products as processes meet them: signed by openssl alone, forms as a browser posts them, many at once,
a restart in the middle, faults on the wire."""
import base64
import json
import re
import subprocess
import urllib.parse

from tap import beijing, encode, equal, expect, main, new_stack, number, openssl_sign, request, rsa_key, test, together, wait_for

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GATE = "/alipay/gateway.do"


def with_an_app():
    stack = new_stack()
    stack.start_sandbox()
    key = rsa_key(stack.folder / "app.pem")
    public = stack.folder / "app_public.pem"
    subprocess.run(["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public)], check=True, capture_output=True)
    stack.app_key = key
    stack.seller = stack.control("POST", "/apps", {"public_key": public.read_text(encoding="utf-8"), "name": "Shop"})
    stack.platform_public = stack.folder / "platform.pem"
    stack.platform_public.write_text("-----BEGIN PUBLIC KEY-----\n" + "\n".join(re.findall(".{1,64}", stack.seller["platform_public_key"]))
                                     + "\n-----END PUBLIC KEY-----\n", encoding="utf-8")
    return stack


def signed(stack, method, biz, **more):
    """The parameters of a call, signed with the app's key."""
    fields = {"app_id": stack.seller["app_id"], "method": method, "charset": "utf-8", "sign_type": "RSA2", "version": "1.0",
              "timestamp": beijing(),
              "biz_content": json.dumps(biz, ensure_ascii=False), **more}
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return {**fields, "sign": openssl_sign(stack.app_key, text.encode())}


def call(stack, method, biz, **more):
    answer = request(stack.sandbox_port, "POST", GATE, encode(signed(stack, method, biz, **more)), FORM)
    document = answer.json()
    node = document[method.replace(".", "_") + "_response"]
    raw = answer.text[answer.text.index(":") + 1:answer.text.rindex(',"sign":')]
    verifies(stack, raw, document["sign"])
    return node


def verifies(stack, text, signature):
    (stack.folder / "sig").write_bytes(base64.b64decode(signature))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(stack.platform_public), "-signature", str(stack.folder / "sig")],
                          input=text.encode(), capture_output=True, check=False)
    expect(done.returncode == 0, f"the signature over {text} does not verify")


def auth_code(stack, buyer="tester", **wish):
    return stack.control("POST", f"/buyers/{buyer}/auth-code", wish)["auth_code"]


def barcode(stack, out_trade_no, amount, code):
    return call(stack, "alipay.trade.pay", {"out_trade_no": out_trade_no, "total_amount": amount, "subject": "Coffee", "scene": "bar_code",
                                            "auth_code": code})


def status(stack, out_trade_no):
    return stack.control("GET", f"/trades/{out_trade_no}")["status"]


def books_are_conserved(stack):
    expect(stack.control("GET", "/books")["conserved"], "a fen appeared or vanished")


@test
def one_code_read_by_sixteen_tills_pays_once(stack):
    code, numbers = auth_code(stack), [number() for _ in range(16)]
    forms = [encode(signed(stack, "alipay.trade.pay", {"out_trade_no": no, "total_amount": "9.90", "subject": "x", "scene": "bar_code",
                                                       "auth_code": code})) for no in numbers]
    answers = together(16, lambda i: request(stack.sandbox_port, "POST", GATE, forms[i], FORM).json()["alipay_trade_pay_response"])
    equal(sorted(node["code"] for node in answers), ["10000"] + 15 * ["40004"], "answers")
    equal({node.get("sub_code") for node in answers}, {None, "ACQ.PAYMENT_AUTH_CODE_INVALID"}, "refusals")
    books_are_conserved(stack)


@test
def one_order_sent_by_sixteen_threads_is_paid_once(stack):
    no, before = number(), stack.control("GET", "/books")
    forms = [encode(signed(stack, "alipay.trade.pay", {"out_trade_no": no, "total_amount": "9.90", "subject": "x", "scene": "bar_code",
                                                       "auth_code": auth_code(stack)})) for _ in range(16)]
    answers = together(16, lambda i: request(stack.sandbox_port, "POST", GATE, forms[i], FORM).json()["alipay_trade_pay_response"])
    equal(sum(node["code"] == "10000" for node in answers), 1, "payments")
    equal({node.get("sub_code") for node in answers}, {None, "ACQ.TRADE_HAS_SUCCESS"}, "refusals")
    equal(stack.control("GET", "/books")["paid_minor"] - before["paid_minor"], 990, "money")
    books_are_conserved(stack)


@test
def a_lost_answer_is_settled_by_a_query_or_a_cancel(stack):
    for fault, end in (("drop_before", None), ("drop_after", "TRADE_SUCCESS"), ("unknown_after", "TRADE_SUCCESS")):
        no = number()
        stack.control("POST", "/faults", {"operation": "pay", "fault": fault})
        try:
            barcode(stack, no, "9.90", auth_code(stack))
        except ConnectionError:
            pass
        node = call(stack, "alipay.trade.query", {"out_trade_no": no})
        equal(node.get("trade_status"), end, fault)
        equal(call(stack, "alipay.trade.cancel", {"out_trade_no": no}).get("action"), end and "refund", "cancel")
    books_are_conserved(stack)


@test
def a_password_is_still_awaited_after_a_restart(stack):
    no = number()
    equal(barcode(stack, no, "2000.01", auth_code(stack))["code"], "10003", "code")
    stale = auth_code(stack)
    stack.control("PUT", "/password-limit", {"minor": 150000})
    stack.sandbox.stop()
    stack.start_sandbox()
    equal(stack.control("GET", "/buyers")["password_limit_minor"], 150000, "the limit")
    stack.control("PUT", "/password-limit", {"minor": 200000})
    equal(status(stack, no), "WAIT_BUYER_PAY", "status")
    equal(barcode(stack, number(), "1.00", stale)["sub_code"], "ACQ.PAYMENT_AUTH_CODE_INVALID", "codes are forgotten")
    equal(stack.control("POST", f"/trades/{no}/pay", {"buyer": "auto"})["step"], "buyer_not_match", "another buyer")
    equal(stack.control("POST", f"/trades/{no}/pay", {})["step"], "done", "its own")
    equal(call(stack, "alipay.trade.query", {"out_trade_no": no})["receipt_amount"], "2000.01", "amount")
    books_are_conserved(stack)


def page_order(stack, no, amount="9.90", **more):
    return signed(stack, "alipay.trade.page.pay", {"out_trade_no": no, "total_amount": amount, "subject": "咖啡",
                                                  "product_code": "FAST_INSTANT_TRADE_PAY"}, return_url="http://127.0.0.1:1/back?cart=7", **more)


@test
def a_page_order_by_link_and_by_each_kind_of_form_leads_to_one_cashier(stack):
    no = number()
    fields = page_order(stack, no)
    places = set()
    link = request(stack.sandbox_port, "GET", GATE + "?" + encode(fields).decode())
    body = {"biz_content": fields["biz_content"]}
    query = {name: value for name, value in fields.items() if name not in body}
    foreign = {**FORM, "Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    split = request(stack.sandbox_port, "POST", GATE + "?" + encode(query).decode(), encode(body), foreign)
    whole = request(stack.sandbox_port, "POST", GATE + "?charset=utf-8", encode(fields), foreign)
    for answer in (link, split, whole):
        equal(answer.status, 302, answer)
        expect("set-cookie" not in answer.headers, "no cookie is needed")
        places.add(answer.headers["location"])
    equal(len(places), 1, "places")
    equal(status(stack, no), "NOT_SCANNED", "before the log-in")
    place = places.pop()
    for headers in ({"Origin": "https://shop.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "rebound.example"}):
        equal(request(stack.sandbox_port, "POST", place, b"action=login&password=111111", {**FORM, **headers}).status, 403, headers)
    equal(request(stack.sandbox_port, "POST", place, b"action=login&password=111111", FORM).status, 303, "log-in")
    equal(request(stack.sandbox_port, "POST", place, b"action=pay&password=111111", FORM).status, 303, "payment")
    page = request(stack.sandbox_port, "GET", place)
    expect("frame-ancestors 'none'" in page.headers["content-security-policy"], page.headers)
    back = re.search(r'id="return"[^>]*href="([^"]+)"', page.text).group(1).replace("&amp;", "&")
    told = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query, keep_blank_values=True))
    equal(told.pop("cart"), "7", "the merchant's own parameter")
    equal(sorted(told), sorted("charset out_trade_no method total_amount sign trade_no auth_app_id version app_id sign_type seller_id "
                               "timestamp".split()), "parameters")
    signature = told.pop("sign")
    told.pop("sign_type")
    verifies(stack, "&".join(f"{name}={told[name]}" for name in sorted(told)), signature)
    books_are_conserved(stack)


@test
def sixteen_openings_of_one_page_order_are_one_order(stack):
    no, before = number(), stack.control("GET", "/books")
    query = encode(page_order(stack, no)).decode()
    answers = together(16, lambda _: request(stack.sandbox_port, "GET", GATE + "?" + query))
    equal({answer.status for answer in answers}, {302}, "statuses")
    places = {answer.headers["location"] for answer in answers}
    equal(len(places), 1, "places")
    place = places.pop()
    request(stack.sandbox_port, "POST", place, b"action=login&password=111111", FORM)
    together(16, lambda _: request(stack.sandbox_port, "POST", place, b"action=pay&password=111111", FORM))
    equal(stack.control("GET", "/books")["paid_minor"] - before["paid_minor"], 990, "money")
    books_are_conserved(stack)


@test
def a_refused_page_order_is_a_page_in_gbk(stack):
    no = number()
    fields = page_order(stack, no)
    cases = [({**fields, "app_id": "2021000000000000"}, "invalid-app-id", "无效的AppID参数"),
             ({**fields, "biz_content": fields["biz_content"].replace("9.90", "0.01")}, "invalid-signature", "验签出错"),
             (page_order(stack, number(), "0.00"), "ACQ.INVALID_PARAMETER", "参数无效")]
    for wrong, code, words in cases:
        answer = request(stack.sandbox_port, "POST", GATE, encode(wrong), FORM)
        equal((answer.status, answer.headers["content-type"]), (200, "text/html;charset=GBK"), code)
        text = answer.body.decode("gbk")
        for part in ("调试错误，请回到请求来源地，重新发起请求。", "错误代码", code, "错误原因", words):
            expect(part in text, f"{part} is not in {text}")
        expect("location" not in answer.headers, "the payer stays")
    equal(request(stack.sandbox_port, "GET", f"/control/trades/{no}").status, 404, "nothing was ordered")


@test
def an_order_string_is_paid_by_the_phone_alone(stack):
    no = number()
    fields = signed(stack, "alipay.trade.app.pay", {"out_trade_no": no, "total_amount": "9.90", "subject": "a & b = 茶",
                                                   "product_code": "QUICK_MSECURITY_PAY"})
    for order in (urllib.parse.urlencode(fields), urllib.parse.urlencode(fields, quote_via=urllib.parse.quote)):
        told = stack.control("POST", "/app-pay", {"order": order})
        expect(told["resultStatus"] in ("9000", "5000"), told)
        document = json.loads(told["result"])
        node = told["result"][told["result"].index(":") + 1:told["result"].index(',"sign":')]
        verifies(stack, node, document["sign"])
        equal(document["sign_type"], "RSA2", "sign_type")
    equal(status(stack, no), "TRADE_SUCCESS", "status")
    books_are_conserved(stack)


@test
def the_clock_closes_what_nobody_paid(stack):
    no = number()
    equal(barcode(stack, no, "9.90", auth_code(stack, password="ask"))["code"], "10003", "code")
    stack.control("POST", "/clock", {"advance_seconds": 3 * 3600})
    wait_for(lambda: status(stack, no) == "TRADE_CLOSED", "the closing")
    equal(stack.control("POST", f"/trades/{no}/pay", {})["step"], "closed", "too late")
    books_are_conserved(stack)


main(with_an_app)
