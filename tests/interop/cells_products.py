# SPDX-License-Identifier: Apache-2.0
"""What a buyer takes to the platform, or the platform from the buyer: payment codes, pages, apps, mini programs; and the bill."""
import io
import urllib.parse
import urllib.request
import zipfile

from relay import fields
from rows import holds, row, said_yes
from scene import SUBJECT
from sdk import Grey
from tap import equal, expect

PAGES = {"alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY", "alipay.trade.wap.pay": "QUICK_WAP_WAY"}


def scanned_code(world, client, buyer="tester", amount="9.90", **words):
    number = world.order_no()
    answer = client.call("alipay.trade.pay", {"out_trade_no": number, "scene": "bar_code", "auth_code": world.payment_code(buyer, **words),
                                              "subject": SUBJECT, "total_amount": amount}, notify_url=world.listener.url)
    return number, answer


def status(client, number):
    return client.call("alipay.trade.query", {"out_trade_no": number}).get("trade_status")


@row("pay by code: at once; refused for want of money")
def pay(world, sdk, mode):
    client = world.client(sdk, mode)
    number, answer = scanned_code(world, client, amount="12.34")
    holds(answer, code="10000", out_trade_no=number, total_amount="12.34")
    equal(status(client, number), "TRADE_SUCCESS", "status")
    _, answer = scanned_code(world, client, "poor")
    holds(answer, code="40004", sub_code="ACQ.BUYER_BALANCE_NOT_ENOUGH")


@row("pay by code: 10003 while the buyer types the password, then paid; another one cancelled")
def pay_with_password(world, sdk, mode):
    client = world.client(sdk, mode)
    number, answer = scanned_code(world, client, password="ask")
    holds(answer, code="10003")
    equal(status(client, number), "WAIT_BUYER_PAY", "while it waits")
    world.move(client, number, "pay")
    equal(status(client, number), "TRADE_SUCCESS", "after the password")
    number, answer = scanned_code(world, client, password="ask")
    holds(answer, code="10003")
    holds(client.call("alipay.trade.cancel", {"out_trade_no": number}), code="10000", action="close")


@row("create: for a buyer, paid by him")
def create(world, sdk, mode):
    client, number = world.client(sdk, mode), world.order_no()
    buyer = next(row for row in world.stack.control("GET", "/buyers")["buyers"] if row["name"] == "tester")
    answer = client.call("alipay.trade.create", {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT, "buyer_id": buyer["user_id"]},
                         notify_url=world.listener.url)
    holds(answer, code="10000", out_trade_no=number)
    expect(answer["trade_no"], answer)
    world.move(client, number, "pay")
    equal(status(client, number), "TRADE_SUCCESS", "status")
    expect(client.notified(world.notification(number)), "the notification")


def pay_in_browser(world, sdk, mode, method, how):
    """The order goes out as an address or a form, Chromium pays it; what the browser brings back."""
    client, number = world.client(sdk, mode), world.order_no()
    site = world.listener.site
    order = {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT, "product_code": PAGES[method]}
    made = client.page(method, order, how, notify_url=world.listener.url, return_url=f"{site}/back")
    if how == "POST":
        world.listener.pages[f"/form/{number}"] = f"<!doctype html><meta charset=utf-8><title>Shop</title>{made}"
        made = f"{site}/form/{number}"
    back = world.browser().ask("pay", address=made, site=site, phone="wap" in method)
    equal(status(client, number), "TRADE_SUCCESS", "status")
    return client, number, fields(urllib.parse.urlsplit(back).query)


def check_return(world, client, number, told, method):
    """Return pages are signed by the rule without sign_type and say nothing of the state."""
    holds(told, out_trade_no=number, total_amount="9.90", method=f"{method}.return", app_id=client.place["app_id"], trade_status=None)
    expect(client.notified(told), f"{told} does not verify")
    expect(not said_yes(client, {**told, "total_amount": "0.01"}), "a changed return verifies")
    form = world.notification(number)
    holds(form, trade_status="TRADE_SUCCESS", total_amount="9.90")
    expect(client.notified(form), f"{form} does not verify")


@row("page pay by address: a browser pays; return and notification verified", modes=("key", "certificate"))
def page_get(world, sdk, mode):
    check_return(world, *pay_in_browser(world, sdk, mode, "alipay.trade.page.pay", "GET"), "alipay.trade.page.pay")


@row("page pay by form: a browser posts it and pays; return and notification verified", modes=("key", "certificate"))
def page_post(world, sdk, mode):
    check_return(world, *pay_in_browser(world, sdk, mode, "alipay.trade.page.pay", "POST"), "alipay.trade.page.pay")


@row("wap pay: a phone's browser pays; return and notification verified", modes=("key", "certificate"))
def wap_get(world, sdk, mode):
    check_return(world, *pay_in_browser(world, sdk, mode, "alipay.trade.wap.pay", "GET"), "alipay.trade.wap.pay")


@row("the rule that keeps sign_type refuses a return page signed without it", modes=("key",))
def return_rule(world, sdk, mode):
    client = world.client(sdk, mode)
    if sdk in ("go", "python"):
        client.notified({"sign": "", "sign_type": "RSA2"}, "v2")  # says that it has no such rule
    client, _, told = pay_in_browser(world, sdk, mode, "alipay.trade.page.pay", "GET")
    equal(said_yes(client, told, "v2"), sdk == "node", "by the other rule (Node tries both)")


@row("app pay: the phone takes the order string and pays", modes=("key", "certificate"))
def app_pay(world, sdk, mode):
    client, number = world.client(sdk, mode), world.order_no()
    text = client.order_string("alipay.trade.app.pay", {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT,
                                                        "product_code": "QUICK_MSECURITY_PAY"}, notify_url=world.listener.url)
    told = world.stack.control("POST", "/app-pay", {"order": text, "buyer": "tester"})
    equal(told["resultStatus"], "9000", f"the phone: {told}")
    equal(status(client, number), "TRADE_SUCCESS", "status")
    expect(client.notified(world.notification(number)), "the notification")
    spoilt = world.stack.control("POST", "/app-pay", {"order": text.replace("9.90", "0.90"), "buyer": "tester"})
    expect(spoilt["resultStatus"] != "9000", f"a changed order string was paid: {spoilt}")


@row("bill: its address, and the archive behind it", modes=("key", "certificate"))
def bill(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.paid(client)
    today = world.stack.control("GET", "/clock")["beijing"][:10]
    world.stack.control("POST", "/clock", {"advance_seconds": 36 * 3600})
    answer = client.call("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": today})
    holds(answer, code="10000")
    with urllib.request.urlopen(answer["bill_download_url"], timeout=30) as archive:
        content = zipfile.ZipFile(io.BytesIO(archive.read()))
    text = b"".join(content.read(name) for name in content.namelist()).decode("gb18030")
    expect(number in text, f"the bill of {today} does not hold {number}")
    if sdk == "go":  # its structure of this call leaves the refusal's words out
        return
    answer = client.call("alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": "2999-01-01"})
    equal(answer.get("code"), "40004", f"a bill of the future: {answer}")
