# SPDX-License-Identifier: Apache-2.0
"""The sandbox's Stripe API over real connections: keys that count once, TLS under the platform's name, the state file, secrets that stay inside."""
import base64
import http.client
import json
import socket
import ssl
import urllib.parse

from tap import equal, expect, free_port, main, new_stack, request, test, together, wait_for

KEY = "sk_test_e2e00000000001234"
ORDER = {"mode": "payment", "success_url": "https://shop.example/ok", "client_reference_id": "N1", "line_items[0][quantity]": 1,
         "line_items[0][price_data][currency]": "jpy", "line_items[0][price_data][unit_amount]": 100,
         "line_items[0][price_data][product_data][name]": "Tea", "metadata[till_no]": "N1"}
SESSIONS = "/v1/checkout/sessions"


def setup():
    stack = new_stack()
    stack.ca, stack.proxy_port = stack.folder / "ca.pem", free_port()
    stack.start_sandbox("--proxy-listen", f"127.0.0.1:{stack.proxy_port}", "--ca", stack.ca)
    return stack


def call(stack, method, path, form=None, key=KEY, **headers):
    """(status, document, headers) of one call on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.sandbox_port, timeout=30)
    body = None if form is None else urllib.parse.urlencode(form)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Authorization": f"Bearer {key}", "Content-Type": "application/x-www-form-urlencoded", **more})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document, answer.headers


def sessions(stack, key):
    return call(stack, "GET", SESSIONS + "?limit=100", key=key)[1]["data"]


@test
def an_order_is_one_request_and_json(stack):
    status, made, headers = call(stack, "POST", SESSIONS, ORDER, Idempotency_Key="one")
    equal((status, headers["Content-Type"], made["object"], made["amount_total"], made["currency"]), (200, "application/json", "checkout.session", 100, "jpy"),
          "the answer")
    equal((headers["Idempotency-Key"], headers["Original-Request"]), ("one", headers["Request-Id"]), "its headers")
    status, read, headers = call(stack, "GET", f"{SESSIONS}/{made['id']}?expand%5B0%5D=payment_intent.latest_charge", Stripe_Version="2026-10-28.endive")
    equal((status, read["id"], headers["Stripe-Version"], headers.get("Idempotency-Key")), (200, made["id"], "2026-10-28.endive", None), "read")
    page = request(stack.sandbox_port, "GET", urllib.parse.urlsplit(made["url"]).path)
    equal(page.status, 200, "the page that the buyer is sent to")


@test
def eight_at_once_under_one_key_are_one_order(stack):
    key = "sk_test_crowd0000000001234"
    stack.control("POST", "/faults", {"operation": "session.create", "fault": "delay", "count": 8, "argument": "300"})
    answers = together(8, lambda _: call(stack, "POST", SESSIONS, ORDER, key=key, Idempotency_Key="crowd"))
    stack.control("DELETE", "/faults", {})
    for status, document, _ in answers:
        expect(status == 200 or (status == 409 and document["error"]["code"] == "idempotency_key_in_use"), f"{status} {document}")
    made = {document["id"] for status, document, _ in answers if status == 200}
    equal(len(made), 1, "orders that were answered")
    status, document, headers = call(stack, "POST", SESSIONS, ORDER, key=key, Idempotency_Key="crowd")
    equal((status, {document["id"]}, headers["Idempotent-Replayed"]), (200, made, "true"), "whoever comes later")
    equal(len(sessions(stack, key)), 1, "orders that exist")


@test
def forty_at_once_under_their_own_keys_are_forty(stack):
    key = "sk_test_many00000000001234"
    answers = together(8, lambda number: [call(stack, "POST", SESSIONS, ORDER, key=key, Idempotency_Key=f"k{number}-{turn}")[1]["id"] for turn in range(5)])
    made = {identity for batch in answers for identity in batch}
    equal(len(made), 40, "ids")
    equal({row["id"] for row in sessions(stack, key)}, made, "those that exist")


def listens(port):
    with socket.socket() as peer:
        return peer.connect_ex(("127.0.0.1", port)) == 0


@test
def the_platforms_own_name_leads_here_over_tls(stack):
    wait_for(lambda: listens(stack.proxy_port), "the proxy", 30)
    context = ssl.create_default_context(cafile=stack.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", stack.proxy_port, context=context, timeout=30)
    connection.set_tunnel("api.stripe.com", 443)
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    connection.request("GET", "/v1/account", headers={"Authorization": f"Basic {basic}"})
    answer = connection.getresponse()
    document = json.loads(answer.read())
    equal((answer.status, document["object"], document["charges_enabled"]), (200, "account", True), "the account")
    connection.close()


@test
def errors_are_the_platforms_and_explain_themselves_on_the_console(stack):
    status, document, headers = call(stack, "GET", "/v1/charges", key="sk_live_0123456789abcdefgh")
    equal((status, sorted(document["error"])), (401, ["message", "type"]), "a live key")
    expect(headers["Request-Id"].startswith("req_"), "every answer has an id")
    shown = request(stack.sandbox_port, "GET", "/control/exchanges?outcome=refused").json()["exchanges"]
    expect(shown and "live key" in shown[0]["why"], f"why: {shown[:1]}")
    status, document, _ = call(stack, "POST", SESSIONS, {**ORDER, "currencies": "jpy"})
    equal((status, document["error"]["code"], document["error"]["param"]), (400, "parameter_unknown", "currencies"), "an unknown parameter")
    status, document, _ = call(stack, "POST", SESSIONS, {**ORDER, "line_items[0][price_data][unit_amount]": "100.00"})
    equal((status, document["error"]["code"]), (400, "parameter_invalid_integer"), "an amount with decimals")
    status, document, _ = call(stack, "DELETE", f"{SESSIONS}/cs_test_x")
    equal((status, document["error"]["message"].split(" (")[0]), (404, "Unrecognized request URL"), "another method")


@test
def keys_and_secrets_are_neither_logged_nor_archived(stack):
    _, endpoint, _ = call(stack, "POST", "/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/", "enabled_events[]": "*"})
    archive = request(stack.sandbox_port, "GET", "/control/exchanges.har").body.decode()
    expect("/v1/webhook_endpoints" in archive, "the call is in the archive")
    call(stack, "DELETE", f"/v1/webhook_endpoints/{endpoint['id']}")
    logs = "".join(path.read_text(encoding="utf-8", errors="replace") for path in stack.folder.glob("*.log"))
    for text in (archive, logs):
        expect(KEY not in text and base64.b64encode(KEY.encode()).decode()[:24] not in text, "the secret key")
        expect(endpoint["secret"] not in text, "the webhook's secret")


main(setup)
