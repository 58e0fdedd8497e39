# SPDX-License-Identifier: Apache-2.0
"""Texts that may be shown nowhere (S-133), and every flow with good and bad ends, so that there is something to show."""
import base64

from tap import (admin_http, create, deliver, encode, event_types, expect, notice, number, order, read, request, settle, signed, wait_for)

PHONE, MAIL, CARD = "13812345678", "zhang.san@example.com", "6228480402564890018"
AES_KEY = "aa4BtZ4tspm2wnXLb1ThQA=="


def chunks(pem):
    """Recognisable parts of a key: 40 characters of its base64, from everywhere in it."""
    text = "".join(line for line in pem.splitlines() if "-----" not in line)
    return [text[at:at + 40] for at in range(40, len(text) - 40, 200)]


def canaries(stack, endpoint):
    """name -> text that may never be shown."""
    found = {"request secret": stack.key["secret"], "request secret, upper case": stack.key["secret"].upper(),
             "request secret, base64": base64.b64encode(bytes.fromhex(stack.key["secret"])).decode()[:40],
             "webhook secret": stack.app["webhook_secret"], "webhook secret, bare": stack.app["webhook_secret"].removeprefix("whsec_"),
             "endpoint secret": endpoint["secret"].removeprefix("whsec_"), "platform's app secret": stack.platform["secret"],
             "content key": AES_KEY, "master key": (stack.folder / "master.key").read_text(encoding="utf-8").strip()}
    keys = stack.folder / "keys"
    for index, part in enumerate(chunks((keys / "app_private_key.pem").read_text(encoding="utf-8"))):
        found[f"private key, part {index}"] = part
    buyers = stack.control("GET", "/books")["buyers"]
    expect(buyers, "the platform has no buyers")
    for kind in ("phone", "mail", "card"):
        found[f"buyer's {kind}"] = {"phone": PHONE, "mail": MAIL, "card": CARD}[kind]
    found["buyer's id"] = "2088102177846880"
    return found


def every_flow(stack, receiver):
    """Good and bad ends of everything; the bodies of all errors."""
    merchant, bodies = stack.merchant(), []

    def call(*words, **more):
        answer = merchant.call(*words, **more)
        if answer.status >= 400:
            bodies.append(answer.body)
        return answer
    payment = create(stack, notify_url=receiver.url, metadata={"phone": PHONE, "email": MAIL, "card_no": CARD}, amount=1000)
    call("POST", "/v1/payments", order(payment["out_trade_no"]))
    fields = notice(stack, payment, buyer_logon_id=PHONE, buyer_id="2088102177846880")
    deliver(stack, encode({**fields, "sign": "AAAA"}))
    deliver(stack, signed(stack, {**fields, "total_amount": "0.01"}))
    deliver(stack, signed(stack, fields))
    wait_for(lambda: read(stack, payment)["state"] == "paid", "the payment")
    sandboxed = create(stack, amount=1000)
    settle(stack, sandboxed)
    for amount, name in ((300, "R1"), (300, "R1"), (301, "R1"), (5000, "R2"), (0, "R3")):
        call("POST", f"/v1/payments/{sandboxed['id']}/refunds", {"amount": amount, "out_refund_no": number(name) if name != "R1" else "R1",
                                                               "reason": f"call {PHONE}"})
    for fault in ("wrong_signature", "html", "drop_before", "system_error_before", "http_before"):
        stack.control("POST", "/faults", {"operation": "precreate", "fault": fault, "count": 1})
        call("POST", "/v1/payments", order(subject=f"for {MAIL}"))
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "refuse", "count": 1, "argument": "ACQ.ACCESS_FORBIDDEN"})
    call("POST", "/v1/payments", order())
    closed = create(stack)
    call("POST", f"/v1/payments/{closed['id']}/cancel")
    call("POST", f"/v1/payments/{closed['id']}/close")
    call("POST", f"/v1/payments/{create(stack)['id']}/renew")
    call("GET", "/v1/payments/pay_nobody")
    call("POST", "/v1/payments", b"{")
    merchant.secret = b"x" * 32
    call("GET", "/v1/payments")
    wrong = request(stack.gateway_port, "GET", "/v1/payments", headers={"Authorization": "TILL-HMAC-SHA256 key=" + stack.key["secret"]})
    bodies.append(wrong.body)
    bodies.append(request(stack.gateway_port, "GET", "/v1/payments?secret=" + stack.key["secret"],
                          headers={"Authorization": "Bearer " + stack.key["secret"]}).body)
    keys = stack.folder / "keys"
    pem = (keys / "app_private_key.pem").read_text(encoding="utf-8")
    for settings in ({"private_key": pem[:-200]}, {"private_key": pem, "platform_public_key": pem}, {"private_key": "", "surprise": pem}):
        answer = admin_http(stack, "POST", "/admin/accounts", {"app_id": stack.app["id"], "channel": "alipay", "name": "bad", "settings": {
            "app_id": "9021000000000001", "seller_id": "2088000000000001", "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
            "platform_public_key": "x", "aes_key": AES_KEY, **settings}})
        expect(answer.status >= 400, f"a bad account was taken: {answer}")
        bodies.append(answer.body)
    for listing in ("/admin/apps", "/admin/accounts", f"/admin/keys?app_id={stack.app['id']}", f"/admin/endpoints?app_id={stack.app['id']}",
                    "/admin/status"):
        bodies.append(admin_http(stack, "GET", listing).body)
    wait_for(lambda: event_types(stack, sandboxed), "events")
    return b"\n".join(bodies)
