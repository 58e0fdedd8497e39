# SPDX-License-Identifier: Apache-2.0
"""The gateway's own requests, captured on their way, verify with the openssl command line alone.

A recorder stands between gateway and sandbox and keeps every request as bytes. The string to sign is rebuilt here from
section 2 of the protocol's description, in Python's own words; nothing of till takes part in the check."""
import base64
import re
import subprocess
import urllib.parse

from tap import Receiver, await_state, create, equal, expect, main, new_stack, number, request, test, wait_for

OPERATIONS = {
    "alipay.trade.precreate", "alipay.trade.query", "alipay.trade.refund", "alipay.trade.fastpay.refund.query",
    "alipay.trade.cancel", "alipay.trade.close",
}
SYSTEM = {"app_id", "method", "charset", "sign_type", "timestamp", "version"}


def setup():
    stack = new_stack(payments__ask_after="300ms", payments__ask_slowest="500ms", upstream__timeout="2s")
    stack.recorder = Receiver(lambda message, _: pass_on(stack, message))
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in
                                                  (stack.sandbox_port, stack.shop_port, stack.recorder.port))
    stack.start()
    keys = stack.folder / "keys"
    stack.recorded = stack.admin(
        "account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", "recorded",
        "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
        "--set", f"gateway_url=http://127.0.0.1:{stack.recorder.port}/alipay/gateway.do",
        "--set", f"private_key=@{keys / 'app_private_key.pem'}",
        "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
    stack.public_key = keys / "app_public_key.pem"
    use_every_operation(stack)
    return stack


def pass_on(stack, message):
    answer = request(stack.sandbox_port, "POST", message["path"], message["body"],
                     {"Content-Type": message["headers"].get("content-type", "")})
    return answer.status, {"Content-Type": answer.headers["content-type"]}, answer.body


def use_every_operation(stack):
    merchant, account = stack.merchant(), stack.recorded["id"]
    chinese = create(stack, subject="一杯咖啡 & 100% \"热\" a/b+c=d", account=account)
    stack.control("POST", f"/trades/{chinese['upstream_no']}/scan", {})
    wait_for(lambda: methods(stack) >= {"alipay.trade.query"}, "a question")
    stack.pay(chinese["upstream_no"])
    await_state(stack, chinese, "paid")
    stack.control("POST", "/faults", {"operation": "refund", "fault": "no_fund_change", "count": 1})
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_never", "count": 1})  # so that it must ask
    answer = merchant.call("POST", f"/v1/payments/{chinese['id']}/refunds",
                           {"amount": 120, "out_refund_no": number("R"), "reason": '太甜, too "sweet" + 100%'})
    expect(answer.status in (200, 201, 202), answer)
    wait_for(lambda: methods(stack) >= {"alipay.trade.fastpay.refund.query"}, "a question about the refund")
    scanned = create(stack, account=account)
    stack.control("POST", f"/trades/{scanned['upstream_no']}/scan", {})
    expect(merchant.call("POST", f"/v1/payments/{scanned['id']}/close").status in (200, 202), "close")
    unseen = create(stack, account=account)
    expect(merchant.call("POST", f"/v1/payments/{unseen['id']}/cancel").status in (200, 202), "cancel")
    wait_for(lambda: methods(stack) >= OPERATIONS, "every operation")



# ---- section 2.1, once more and in other words


def parameters(message):
    """Query and body merged; a name in both places must have one value."""
    query = urllib.parse.urlsplit(message["path"]).query
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    pairs += urllib.parse.parse_qsl(message["body"].decode("ascii"), keep_blank_values=True, strict_parsing=True)
    merged = {}
    for name, value in pairs:
        expect(merged.setdefault(name, value) == value, f"{name} has two values")
    return merged


def string_to_sign(found):
    names = sorted(name for name, value in found.items() if name != "sign" and value != "")
    return "&".join(f"{name}={found[name]}" for name in names).encode(found["charset"])


def methods(stack):
    return {parameters(message)["method"] for message in list(stack.recorder.messages)}


def openssl_says(stack, text, signature, key=None):
    text_file, signature_file = stack.folder / "openssl.text", stack.folder / "openssl.sig"
    text_file.write_bytes(text)
    signature_file.write_bytes(signature)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(key or stack.public_key), "-signature", str(signature_file),
                           str(text_file)], capture_output=True, text=True)
    good = "Verified OK" in done.stdout
    expect(good == (done.returncode == 0), f"openssl: {done.stdout} {done.stderr}")
    return good


def captured(stack):
    """One request of each operation, and those with something special in them: all distinct texts."""
    return [parameters(message) for message in list(stack.recorder.messages)]


@test
def every_operation_was_really_sent(stack):
    equal(methods(stack), OPERATIONS, "operations captured")


@test
def every_request_verifies_with_openssl_alone(stack):
    seen = set()
    for found in captured(stack):
        good = openssl_says(stack, string_to_sign(found), base64.b64decode(found["sign"], validate=True))
        expect(good, f"{found['method']}: {string_to_sign(found)}")
        seen.add(found["method"])
    equal(seen, OPERATIONS, "operations verified")


@test
def one_byte_changed_anywhere_fails(stack):
    for method in sorted(OPERATIONS):
        found = next(f for f in captured(stack) if f["method"] == method)
        text, signature = string_to_sign(found), base64.b64decode(found["sign"])
        for at in {0, len(text) // 3, len(text) // 2, len(text) - 1}:
            changed = text[:at] + bytes([text[at] ^ 1]) + text[at + 1:]
            expect(not openssl_says(stack, changed, signature), f"{method}: byte {at} changed and it verifies")
        for at in (0, len(signature) // 2, len(signature) - 1):
            changed = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1:]
            expect(not openssl_says(stack, text, changed), f"{method}: byte {at} of the signature changed and it verifies")


@test
def another_key_verifies_none_of_them(stack):
    for method in sorted(OPERATIONS):
        found = next(f for f in captured(stack) if f["method"] == method)
        expect(not openssl_says(stack, string_to_sign(found), base64.b64decode(found["sign"]), stack.folder / "keys" / "alipay_public_key.pem"),
               f"{method} verifies under the platform's key")


@test
def requests_have_the_form_that_the_platform_wants(stack):
    for message in list(stack.recorder.messages):
        found = parameters(message)
        expect(SYSTEM <= set(found), f"missing {SYSTEM - set(found)}")
        expect(all(value != "" for value in found.values()), f"an empty parameter: {found}")
        equal(found["sign_type"], "RSA2", "sign_type")
        equal(found["version"], "1.0", "version")
        expect(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", found["timestamp"]), found["timestamp"])
        equal(len(found["sign"]), 344, "length of the signature's base64")
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(message["path"]).query))
        expect("charset" in query, f"charset is not in the query string, where the real gateway wants it: {message['path'][:200]}")
        expect(message["headers"]["content-type"].lower().startswith("application/x-www-form-urlencoded"), message["headers"])


@test
def chinese_and_special_characters_arrive_as_they_are(stack):
    import json
    order = next(f for f in captured(stack) if f["method"] == "alipay.trade.precreate")
    subject = json.loads(order["biz_content"])["subject"]
    expect(subject.startswith("一杯咖啡"), subject)
    refund = next(f for f in captured(stack) if f["method"] == "alipay.trade.refund")
    equal(json.loads(refund["biz_content"])["refund_reason"], '太甜, too "sweet" + 100%', "reason")
    equal(json.loads(refund["biz_content"])["refund_amount"], "1.20", "amount")


main(setup)
