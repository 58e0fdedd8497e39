# SPDX-License-Identifier: Apache-2.0
"""A real gateway with an account of each mode, a relay between it and the sandbox: every request that it makes, as a form.

What is handed to the buyer (pages, order strings) counts as a request too: the platform gets it from him.
"""
import urllib.parse

from relay import Relay, fields
from tap import create, expect, new_stack, number, order, settle, wait_for

METHODS = ["alipay.trade.precreate", "alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay", "alipay.trade.create",
           "alipay.trade.pay", "alipay.trade.query", "alipay.trade.refund", "alipay.trade.fastpay.refund.query", "alipay.trade.close",
           "alipay.trade.cancel"]
SETTINGS = ["app_id", "seller_id", "platform_public_key", "app_cert", "platform_cert", "root_cert", "aes_key"]


def armour(line):
    return "-----BEGIN PRIVATE KEY-----\n" + "\n".join(line[i:i + 64] for i in range(0, len(line), 64)) + "\n-----END PRIVATE KEY-----\n"


def start(stack, place, relay):
    """A gateway whose only account speaks through the relay."""
    stack.shop_port = relay.port  # init permits it
    stack.init()
    stack.start_gateway()
    stack.app = stack.admin("app", "add", "--name", "Interop", "--mode", "test", "--hosts", "shop.example")
    stack.key = stack.admin("app", "key", "--app", stack.app["id"])
    words = []
    for name, text in {**{name: place[name] for name in SETTINGS if place.get(name)}, "private_key": armour(place["private_key"]["pkcs8"])}.items():
        path = stack.folder / f"{name}.txt"
        path.write_text(text, encoding="utf-8")
        words += ["--set", f"{name}=@{path}"]
    stack.account = stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", "main",
                                "--set", f"gateway_url={relay.gateway}", *words)


def handed_over(payment):
    """The parameters that the buyer carries to the platform."""
    value = payment["action"]["value"]
    return fields(urllib.parse.urlsplit(value).query if "://" in value else value)


def play(stack):
    """Every product and operation; the forms that travelled with the buyer."""
    merchant = stack.merchant()
    paid = create(stack)
    stack.control("POST", f"/trades/{paid['upstream_no']}/scan", {})
    settle(stack, paid)
    refund = merchant.call("POST", f"/v1/payments/{paid['id']}/refunds", {"amount": 300, "out_refund_no": number("R")})
    expect(refund.status in (200, 201, 202), f"refund: {refund}")
    for product in ("page", "wap", "app"):
        yield handed_over(create(stack, product=product))
    buyer = next(row for row in stack.control("GET", "/buyers")["buyers"] if row["name"] == "tester")
    create(stack, product="jsapi", extra={"buyer_id": buyer["user_id"]})
    taken = merchant.call("POST", "/v1/payments", order(product="barcode", extra={"auth_code": payment_code(stack)}))
    expect(taken.status == 201, f"barcode: {taken}")
    for how in ("close", "cancel"):
        payment = create(stack)
        stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
        ended = merchant.call("POST", f"/v1/payments/{payment['id']}/{how}", {})
        expect(ended.status in (200, 202), f"{how}: {ended}")
    unsure_refund(stack, merchant)


def payment_code(stack):
    return stack.control("POST", "/buyers/tester/auth-code", {})["auth_code"]


def unsure_refund(stack, merchant):
    """A refund whose answer says nothing, and of which no notification tells, is asked for."""
    payment = settle(stack, create(stack))
    stack.control("POST", "/faults", {"operation": "refund", "fault": "no_fund_change"})
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_never"})
    answer = merchant.call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": number("R")})
    expect(answer.status in (200, 201, 202), f"refund: {answer}")


def requests(mode, world):
    """{"place": ..., "forms": [...]}; the gateway is stopped with all the others."""
    stack = new_stack()
    stack.start_sandbox()  # one of its own: the clock of the other may have been turned
    place = world.make_place(mode, stack)
    relay = Relay(stack.sandbox_port)
    start(stack, place, relay)
    handed = list(play(stack))
    seen = {form["method"] for form in handed}

    def missing():
        return sorted(set(METHODS) - seen - {form.get("method") for form in relay.requests})
    try:
        wait_for(lambda: not missing(), "one request of each method", 60)
    except TimeoutError:
        raise AssertionError(f"the gateway sent no {missing()}") from None
    return {"place": place, "forms": handed + [form for form in relay.requests if form.get("method")]}
