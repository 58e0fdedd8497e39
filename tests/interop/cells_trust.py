# SPDX-License-Identifier: Apache-2.0
"""Certificates that change, files that travel along, the REST interface, and the SDKs as judges of what the gateway sends."""
import base64

from gateway import METHODS
from rows import holds, refuses, row
from scene import SUBJECT
from sdk import Client, Grey
from tap import equal, expect

DOWNLOAD = "alipay.open.app.alipaycert.download"


@row("the platform's certificate changes: the new one is downloaded and checked", modes=("certificate",))
def rotation(world, sdk, mode):
    place = {**world.make_place(mode), "production": True}  # smartwalle downloads in production only
    client = Client(world.driver(sdk), f"rotation-{sdk}", place, world.methods)
    query = {"out_trade_no": world.order_no()}
    holds(client.call("alipay.trade.query", query), sub_code="ACQ.TRADE_NOT_EXIST")
    told = world.stack.control("POST", f"/apps/{place['app_id']}/rotate-platform-certificate", {})
    if sdk in ("go", "java"):
        holds(client.call("alipay.trade.query", query), sub_code="ACQ.TRADE_NOT_EXIST")
        return
    refuses(lambda: client.call("alipay.trade.query", query), "an answer under a certificate that is not known")
    if sdk == "python":
        raise Grey("python-alipay-sdk cannot download a certificate: it would verify that answer under the one it has")
    answer = client.call(DOWNLOAD, {"alipay_cert_sn": told["platform_cert_sn"]}, unverified=True)
    renewed = base64.b64decode(answer["alipay_cert_content"]).decode()
    client = Client(world.driver(sdk), f"renewed-{sdk}", {**place, "platform_cert": renewed}, world.methods)
    holds(client.call("alipay.trade.query", query), sub_code="ACQ.TRADE_NOT_EXIST")


@row("multipart: the fields are signed, a file travels along", modes=("key", "certificate"))
def multipart(world, sdk, mode):
    client = world.client(sdk, mode)
    number = world.paid(client)
    answer = client.upload("alipay.trade.query", {"out_trade_no": number}, bytes([0, 255, 13, 10, 45, 45]))
    if sdk == "node":  # fields stand beside the file, none in biz_content: signed and good, and no order is named
        holds(answer, code="40004", sub_code="ACQ.INVALID_PARAMETER")
    else:
        holds(answer, code="10000", trade_status="TRADE_SUCCESS")


@row("v3: order, query, refund and a refusal by REST; a changed answer refused")
def v3(world, sdk, mode):
    client, number = world.client(sdk, mode), world.order_no()

    def rest(**changes):
        """The client of the REST interface; Java's is a package of its own."""
        return world.client("java-v3" if sdk == "java" else sdk, mode, **changes)

    def post(path, body, through=rest()):
        return through.ask("v3", http="POST", path=f"/v3/alipay/trade/{path}", body=body)
    answer = post("precreate", {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT, "notify_url": world.listener.url})
    equal((answer["status"], answer["data"]["out_trade_no"]), (200, number), "the order")
    world.move(client, number, "pay")
    answer = post("query", {"out_trade_no": number})
    equal((answer["data"]["trade_status"], answer["data"]["total_amount"]), ("TRADE_SUCCESS", "9.90"), "the query")
    answer = post("refund", {"out_trade_no": number, "refund_amount": "1.00", "out_request_no": "R1"})
    equal((answer["data"]["fund_change"], answer["data"]["refund_fee"]), ("Y", "1.00"), "the refund")
    expect("ACQ.TRADE_NOT_EXIST" in refuses(lambda: post("query", {"out_trade_no": world.order_no()}), "a trade that is not there"), "the code")
    expect(client.notified(world.notification(number)), "the notification")
    relayed = rest(endpoint=world.relay.place)
    equal(post("query", {"out_trade_no": number}, relayed)["status"], 200, "through the relay")
    world.relay.change = lambda body: body[:-2] + b" " + body[-2:] if mode != "aes" else body[:-8] + b"AAAA" + body[-4:]
    try:
        refuses(lambda: post("query", {"out_trade_no": number}, relayed), "a changed answer")
    finally:
        world.relay.change = lambda body: body


@row("what the gateway sends, judged by the SDK: every operation and product")
def requests(world, sdk, mode):
    sent = world.gateway_requests(mode)
    place = {name: sent["place"][name] for name in ("app_id", "private_key", "app_public_key")}  # the other way round: the app is judged
    judge = Client(world.driver(sdk), f"judge-{sdk}-{mode}", {**place, "platform_public_key": place["app_public_key"]}, None)
    for method in METHODS:
        forms = [form for form in sent["forms"] if form.get("method") == method]
        expect(forms, f"the gateway sent no {method}")
        for form in forms:
            expect(judge.ask("requested", form=form), f"{method} does not verify: {form}")
            spoilt = {**form, "timestamp": "2026-01-01 00:00:00"}
            expect(not judge.ask("requested", form=spoilt), f"a changed {method} verifies")
