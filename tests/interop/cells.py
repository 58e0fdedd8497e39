# SPDX-License-Identifier: Apache-2.0
"""Calls, notifications and what must not be believed. A scene gets the world, the SDK's name and the mode.

One that raises Grey says why its cell cannot be filled.
"""
import re

from rows import holds, refuses, row, said_yes
from scene import KEY_FORM, SUBJECT
from sdk import Grey
from tap import equal, expect

@row("precreate: a QR code, the same for the same order, none for another amount")
def precreate(world, sdk, mode):
    client, number = world.client(sdk, mode), world.order_no()

    def order(amount):
        return client.call("alipay.trade.precreate", {"out_trade_no": number, "total_amount": amount, "subject": SUBJECT})
    first = order("9.90")
    holds(first, code="10000", out_trade_no=number, sub_code=None)
    expect(re.fullmatch(r"https?://\S+/qr/bax[0-9a-z]+", first["qr_code"]), first)
    equal(order("9.90")["qr_code"], first["qr_code"], "code of the same order")
    holds(order("9.91"), code="40004", sub_code="ACQ.CONTEXT_INCONSISTENT")


@row("query: unknown, waiting, paid")
def query(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.ordered(client, "12.34")

    def ask():
        return client.call("alipay.trade.query", {"out_trade_no": number})
    holds(ask(), code="40004", sub_code="ACQ.TRADE_NOT_EXIST")
    world.move(client, number, "scan")
    holds(ask(), code="10000", trade_status="WAIT_BUYER_PAY", total_amount="12.34")
    world.move(client, number, "pay")
    paid = ask()
    holds(paid, code="10000", trade_status="TRADE_SUCCESS", total_amount="12.34", out_trade_no=number)
    expect(re.fullmatch(r"\d{28}", paid["trade_no"]), paid)
    equal(client.call("alipay.trade.query", {"trade_no": paid["trade_no"]})["out_trade_no"], number, "by the platform's number")


@row("refund: two parts, too much, a repeat, a contradiction")
def refund(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.paid(client, "10.00")

    def back(request, amount):
        return client.call("alipay.trade.refund", {"out_trade_no": number, "out_request_no": request, "refund_amount": amount})
    holds(back("R1", "3.00"), code="10000", fund_change="Y", refund_fee="3.00")
    holds(back("R2", "4.00"), code="10000", fund_change="Y", refund_fee="7.00")
    holds(back("R3", "3.01"), code="40004", sub_code="ACQ.REASON_TRADE_REFUND_FEE_ERR")
    holds(back("R2", "4.00"), code="10000", fund_change="N", refund_fee="7.00")
    holds(back("R2", "4.01"), code="40004", sub_code="ACQ.DISCORDANT_REPEAT_REQUEST")


@row("refund query: a refund, and a number that never was one")
def refund_query(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.paid(client, "10.00")
    holds(client.call("alipay.trade.refund", {"out_trade_no": number, "out_request_no": "A", "refund_amount": "2.50"}), code="10000")

    def ask(request):
        return client.call("alipay.trade.fastpay.refund.query", {"out_trade_no": number, "out_request_no": request})
    holds(ask("A"), code="10000", refund_status="REFUND_SUCCESS", refund_amount="2.50", total_amount="10.00")
    holds(ask("B"), code="10000", refund_status=None, refund_amount=None)


@row("cancel: nothing there, waiting, paid")
def cancel(world, sdk, mode):
    client = world.client(sdk, mode)

    def undo(number):
        return client.call("alipay.trade.cancel", {"out_trade_no": number})
    holds(undo(world.order_no()), code="10000", retry_flag="N", action=None)
    holds(undo(world.scanned(client)), code="10000", action="close")
    paid = world.paid(client)
    holds(undo(paid), code="10000", action="refund")
    holds(client.call("alipay.trade.query", {"out_trade_no": paid}), trade_status="TRADE_CLOSED")


@row("close: waiting, paid, nothing there")
def close(world, sdk, mode):
    client = world.client(sdk, mode)

    def end(number):
        return client.call("alipay.trade.close", {"out_trade_no": number})
    number = world.scanned(client)
    holds(end(number), code="10000", out_trade_no=number)
    holds(end(world.paid(client)), code="40004", sub_code="ACQ.TRADE_STATUS_ERROR")
    holds(end(world.order_no()), code="40004", sub_code="ACQ.TRADE_NOT_EXIST")


@row("notification verified: paid, refunded in part; one changed value refused, a stranger's key refused")
def notification(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.paid(client, "6.66")
    form = world.notification(number)
    holds(form, trade_status="TRADE_SUCCESS", total_amount="6.66", subject=SUBJECT, app_id=client.place["app_id"])
    expect(client.notified(form), f"{form} does not verify")
    expect(not said_yes(client, {**form, "total_amount": "6.67"}), "a changed amount verifies")
    holds(client.call("alipay.trade.refund", {"out_trade_no": number, "out_request_no": "P", "refund_amount": "0.66"}), code="10000")
    form = world.notification(number, 2)
    holds(form, trade_status="TRADE_SUCCESS", refund_fee="0.66", out_biz_no="P")
    expect(client.notified(form), f"{form} does not verify")
    world.stack.control("POST", f"/notify/{number}", {"variant": "wrong_key", "app_id": client.place["app_id"]})
    expect(not said_yes(client, world.notification(number, 3)), "a stranger's notification verifies")


@row("the rule that keeps sign_type refuses a notification signed without it", modes=("key",))
def notification_rule(world, sdk, mode):
    client = world.client(sdk, mode)
    form = world.notification(world.paid(client))
    taken = said_yes(client, form, "v2")
    if sdk == "node":
        expect(taken, "checkNotifySign tries both rules")
    else:
        expect(not taken, "V2 took what V1 signed")


@row("an answer with one byte changed on its way is refused")
def changed_answer(world, sdk, mode):
    if (sdk, mode) == ("node", "aes"):
        raise Grey("alipay-sdk cannot verify an encrypted answer of gateway.do: it looks for a brace")
    direct = world.client(sdk, mode)
    number = world.ordered(direct)
    client = world.client(sdk, mode, gateway=world.relay.gateway)
    ask = {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT}
    holds(client.call("alipay.trade.precreate", ask), code="10000")
    world.relay.change = change_node
    try:
        said = refuses(lambda: client.call("alipay.trade.precreate", ask), "a changed answer")
    finally:
        world.relay.change = lambda body: body
    expect(re.search("sign|签|verif|decrypt|解密|Validation|padding|crypto|cipher", said, re.I), f"refused for another reason: {said}")


def change_node(body):
    """One character of the first member's value, or of the ciphertext: the first letter after the node's opening."""
    start = body.index(b"_response\":") + len(b"_response\":")
    at = next(i for i in range(start + 40, len(body)) if chr(body[i]).isalnum() and body[i] < 128)
    other = b"a" if body[at:at + 1] != b"a" else b"b"
    if body[at:at + 1].isdigit():
        other = b"1" if body[at:at + 1] != b"1" else b"2"
    return body[:at] + other + body[at + 1:]


@row("an answer under another platform key is refused", modes=("key",))
def wrong_key(world, sdk, mode):
    place = world.place(mode)
    stranger = world.make_place("key")["platform_public_key"]
    client = world.client(sdk, mode, platform_public_key=stranger)
    refuses(lambda: client.call("alipay.trade.query", {"out_trade_no": "X"}), "an answer of a stranger")

    def own_key():
        return world.client(sdk, mode, platform_public_key=place["app_public_key"]).call("alipay.trade.query", {"out_trade_no": "X"})
    refuses(own_key, "the app's own key in the platform's place")


@row("a wrong private key is answered with the platform's refusal", modes=("key",))
def wrong_private_key(world, sdk, mode):
    other = world.make_place("key")
    client = world.client(sdk, mode, private_key=other["private_key"])
    answer = client.call("alipay.trade.query", {"out_trade_no": "X"})
    holds(answer, code="40002", sub_code="isv.invalid-signature")


@row("without verification of answers", modes=("key",))
def unverified(world, sdk, mode):
    if sdk != "node":
        raise Grey("the SDK always verifies")
    client = world.client(sdk, mode)
    holds(client.call("alipay.trade.query", {"out_trade_no": world.paid(client)}, unverified=True), trade_status="TRADE_SUCCESS")


@row("the other form of private key (PKCS#8; PKCS#1 for Java)", modes=("key",))
def other_key_form(world, sdk, mode):
    form = "pkcs8" if KEY_FORM[sdk] == "pkcs1" else "pkcs1"
    client = world.client(sdk, mode, name="form", key_form=form)
    holds(client.call("alipay.trade.query", {"out_trade_no": world.order_no()}), code="40004", sub_code="ACQ.TRADE_NOT_EXIST")
