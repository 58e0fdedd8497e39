# SPDX-License-Identifier: Apache-2.0
"""Texts that may be shown nowhere (S-133), every flow with good and bad ends, so that there is something to show, and the search for them."""
import base64
import urllib.parse

from tap import (admin_http, create, deliver, encode, event_types, expect, notice, number, order, read, request, settle, signed, wait_for)

PHONE, MAIL, CARD = "13812345678", "zhang.san@example.com", "6228480402564890018"
AES_KEY = "aa4BtZ4tspm2wnXLb1ThQA=="


def chunks(pem):
    """Recognisable parts of a key: 40 characters of its base64, from everywhere in it."""
    text = "".join(line for line in pem.splitlines() if "-----" not in line)
    return [text[at:at + 40] for at in range(40, len(text) - 40, 200)]


def token_form(stack, target="/oauth2/token", basic=None, **form):
    """One request of an OAuth2 client; basic: (id, secret)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if basic:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
    return request(stack.gateway_port, "POST", target, urllib.parse.urlencode(form).encode(), headers)


def given_out(stack, endpoint):
    """What is shown once to whoever asks for it, made here: name -> text. The client and the accounts stay for every_flow."""
    stack.client = stack.admin("client", "add", "--app", stack.app["id"], "--scopes", "payments:read payments:write")
    stack.token = token_form(stack, basic=(stack.client["id"], stack.client["secret"]), grant_type="client_credentials").json()["access_token"]
    stack.cards = stack.provision_stripe()
    shown = {"client's secret": stack.client["secret"], "access token": stack.token, "stripe's secret key": stack.cards["settings"]["secret_key"],
             "stripe's webhook secret": stack.cards["settings"]["webhook_secret"],
             "client's next secret": stack.admin("client", "secret", stack.client["id"], "--overlap", "1h")["secret"],
             "another key's secret": stack.admin("app", "key", "--app", stack.app["id"])["secret"],
             "app's next webhook secret": stack.admin("app", "rotate-webhook", stack.app["id"])["secret"],
             "endpoint's next secret": stack.admin("endpoint", "rotate", endpoint["id"])["secret"]}
    bare = {f"{name}, bare": text.rpartition("_")[2] for name, text in shown.items() if "_" in text}
    return {**shown, **bare}


def spellings(text):
    """The same secret as other programs would write it."""
    raw = text.encode()
    return {raw, urllib.parse.quote(text, safe="").encode(), base64.b64encode(raw).rstrip(b"=")[:-1], raw.hex().encode()}


def found(secrets, places):
    """(name of the secret, name of the place, what stands before it) of each that is shown somewhere. places: name -> bytes."""
    told = []
    for name, value in secrets.items():
        for spelling in spellings(value):
            for where, text in places.items():
                at = text.find(spelling)
                if at >= 0:
                    told.append((name, where, text[max(0, at - 150):at + 20]))
    return told


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
    return {**found, **given_out(stack, endpoint)}


def tokens_and_cards(stack, bodies):
    """Good and bad ends of what given_out made."""
    client, wrong = stack.client, stack.client["secret"][:-1] + "x"
    basic, grant = (client["id"], client["secret"]), {"grant_type": "client_credentials"}
    refused = [token_form(stack, basic=(client["id"], wrong), **grant), token_form(stack, client_id=client["secret"], client_secret=client["id"], **grant),
               token_form(stack, basic=basic, grant_type=client["secret"]), token_form(stack, basic=basic, scope=client["secret"], **grant),
               token_form(stack, target="/oauth2/token?client_secret=" + client["secret"], **grant),
               token_form(stack, target="/oauth2/revoke", basic=(client["id"], wrong), token=stack.token)]
    for token in (stack.token, stack.token[:-1] + "x", client["secret"]):
        for method, target, body in (("GET", "/v1/payments?limit=1", b""), ("POST", "/v1/payments", b"{"), ("GET", "/v1/bills", b"")):
            refused.append(request(stack.gateway_port, method, target, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}))
    cards, settings = stack.cards["account"], stack.cards["settings"]
    wish = {"channel": "stripe", "product": "checkout", "account": cards["id"], "amount": 990, "currency": "USD", "subject": "Coffee"}
    payment = stack.merchant().call("POST", "/v1/payments", {**wish, "out_trade_no": number("C")})
    expect(payment.status == 201, payment)
    stack.buyer_at_stripe(payment.json())
    wait_for(lambda: read(stack, payment.json())["state"] == "paid", "the payment by card")
    refused.append(stack.merchant().call("POST", "/v1/payments", {**wish, "out_trade_no": number("C"), "amount": 1}))
    for header in ("t=1,v1=" + settings["webhook_secret"], settings["webhook_secret"], settings["secret_key"]):
        refused.append(request(stack.gateway_port, "POST", f"/notify/stripe/{cards['public_id']}", b'{"id":"evt_1","object":"event"}',
                               {"Content-Type": "application/json", "Stripe-Signature": header}))
    for bad in ({"secret_key": settings["secret_key"] + " x"}, {"secret_key": settings["webhook_secret"]}, {"webhook_secret": settings["secret_key"]},
                {"surprise": settings["secret_key"]}, {"api_url": settings["secret_key"]}):
        answer = admin_http(stack, "POST", "/admin/accounts", {"app_id": stack.app["id"], "channel": "stripe", "name": "bad", "settings": {**settings, **bad}})
        expect(answer.status >= 400, f"a bad account was taken: {bad.keys()}")
        refused.append(answer)
    bodies += [answer.body for answer in refused]


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
    tokens_and_cards(stack, bodies)
    return b"\n".join(bodies)
