# SPDX-License-Identifier: Apache-2.0
"""Who may ask: security cases S-001 to S-011 and S-013 against the running gateway; each refusal beside the request that passes."""
import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
import subprocess
import time

from tap import (admin_http, create, equal, expect, head, is_problem, main, metric, number, order, raw, request, restart_gateway, rows,
                 second_merchant, statuses, test, till)


def order_bytes(**fields):
    return json.dumps(order(**fields)).encode()


def signed_by(secret, stack, key_id, method, target, body):
    now, nonce = int(time.time()), secrets.token_hex(16)
    text = f"{method}\n127.0.0.1:{stack.gateway_port}\n{target}\n{now}\n{nonce}\n{hashlib.sha256(body).hexdigest()}\n"
    mac = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    return f"TILL-HMAC-SHA256 key={key_id},timestamp={now},nonce={nonce},signature={mac}"


def post(stack, body, authorization, target="/v1/payments"):
    headers = {"Content-Type": "application/json", "Host": f"127.0.0.1:{stack.gateway_port}"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return request(stack.gateway_port, "POST", target, body, headers)


def payments(stack):
    return rows(stack, "SELECT count(*) FROM payments")[0][0]


def exchanges(stack):
    return len(stack.control("GET", "/exchanges")["exchanges"])


def refused(stack, answer, status=401, code="unauthorized", before=None):
    document = is_problem(answer, status, code)
    if before is not None:
        equal((payments(stack), exchanges(stack)), before, "payments and upstream calls after a refusal")
    return document


def seen(stack):
    return payments(stack), exchanges(stack)


@test
def s_001_no_path_stores_a_blank_or_short_secret(stack):
    app_id = stack.app["id"]
    for secret in ("", "00" * 31, "a"):
        answer = admin_http(stack, "POST", "/admin/keys", {"app_id": app_id, "secret": secret})
        is_problem(answer, 400, "field_unknown")
    made = stack.admin("app", "key", "--app", app_id)
    equal(len(bytes.fromhex(made["secret"])), 32, "bytes of a new secret")
    expect(len(set(bytes.fromhex(made["secret"]))) > 8, "the secret is not random")
    settings = {"app_id": "9021000000000001", "seller_id": "2088000000000001", "private_key": "", "platform_public_key": "",
                "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do"}
    answer = admin_http(stack, "POST", "/admin/accounts", {"app_id": app_id, "channel": "alipay", "name": "blank", "settings": settings})
    expect(answer.status == 400 and answer.json()["code"] in ("key_weak", "key_invalid", "field_missing", "field_invalid"), answer)


@test
def s_001_a_blank_secret_in_an_old_row_opens_nothing(stack):
    stack.gateway.stop()
    handle = sqlite3.connect(stack.folder / "till.db")
    try:
        sql = ("INSERT INTO keys(id, app_id, algorithm, sealed_secret, enabled, created_us)"
               " VALUES (?, ?, 'hmac-sha256', ?, 1, 1)")
        for sealed in (b"", b"x" * 29, b"x" * 60):
            try:
                handle.execute(sql, ("key_short", stack.app["id"], sealed))
            except sqlite3.IntegrityError as error:
                expect("CHECK" in str(error), error)
            else:
                raise AssertionError(f"a sealed secret of {len(sealed)} bytes was stored")
        handle.execute(sql, ("key_planted", stack.app["id"], b"\0" * 61))
        handle.commit()
    finally:
        handle.close()
    stack.start_gateway()
    before, body = seen(stack), order_bytes()
    for secret in (b"", b"\0" * 32):
        refused(stack, post(stack, body, signed_by(secret, stack, "key_planted", "POST", "/v1/payments", body)), before=before)
    create(stack)
    said = subprocess.run([str(till()), "audit", "--all", "--store", str(stack.folder / "till.db")],
                          capture_output=True, text=True)
    expect(said.returncode == 1 and {"config.trail", "secret.sealed"} <= set(said.stdout.split()) and "key key_planted" in said.stdout, f"till audit: {said.stdout}")
    with contextlib.closing(sqlite3.connect(stack.folder / "till.db", timeout=10)) as handle:
        handle.execute("DELETE FROM keys WHERE id = 'key_planted'")
        handle.commit()


@test
def s_002_a_missing_signature_reads_like_a_wrong_one(stack):
    before, body = seen(stack), order_bytes()
    unsigned = post(stack, body, None)
    wrong = post(stack, body, signed_by(b"k" * 32, stack, stack.key["id"], "POST", "/v1/payments", body))
    strange = post(stack, body, signed_by(b"k" * 32, stack, "key_of_nobody", "POST", "/v1/payments", body))
    documents = [refused(stack, answer, before=before) for answer in (unsigned, wrong, strange)]
    for document in documents:
        expect(document.pop("request_id"), "no request id")
    expect(documents[0] == documents[1] == documents[2], f"the refusals differ: {documents}")
    names = [{k for k in answer.headers} for answer in (unsigned, wrong, strange)]
    expect(names[0] == names[1] == names[2], f"the headers differ: {names}")
    expect(metric(stack, 'till_security_events_total{kind="request_refused"}') >= 3, "the refusals were not counted")


@test
def s_003_a_signature_cut_short_is_refused(stack):
    body = order_bytes()
    good = stack.merchant().authorization("POST", "/v1/payments", body)
    text, _, signature = good.rpartition("signature=")
    before = seen(stack)
    for cut in (signature[:16], signature[:8], signature[:-2], signature[:-1], "", signature + "00"):
        refused(stack, post(stack, body, f"{text}signature={cut}"), before=before)
    equal(post(stack, body, good).status, 201, "the whole signature")


@test
def s_004_the_window_ends_at_300_seconds(stack):
    merchant, before = stack.merchant(), seen(stack)
    old = merchant.call("POST", "/v1/payments", order(), timestamp=int(time.time()) - 301)
    refused(stack, old, code="timestamp_outside_window", before=before)
    ahead = merchant.call("POST", "/v1/payments", order(), timestamp=int(time.time()) + 303)
    refused(stack, ahead, code="timestamp_outside_window", before=before)
    equal(merchant.call("POST", "/v1/payments", order(), timestamp=int(time.time()) - 299).status, 201, "299 s old")
    equal(merchant.call("POST", "/v1/payments", order(), timestamp=int(time.time()) + 298).status, 201, "298 s ahead")


@test
def s_005_a_replayed_create_has_one_effect(stack):
    body = order_bytes()
    authorization = stack.merchant().authorization("POST", "/v1/payments", body)
    equal(post(stack, body, authorization).status, 201, "the first")
    before = seen(stack)
    time.sleep(2)
    refused(stack, post(stack, body, authorization), code="nonce_used", before=before)
    restart_gateway(stack)
    refused(stack, post(stack, body, authorization), code="nonce_used", before=before)
    equal(post(stack, body, stack.merchant().authorization("POST", "/v1/payments", body)).status, 201, "a fresh nonce, the same order")
    equal(payments(stack), before[0], "payments")


@test
def s_005_a_replayed_read_is_refused(stack):
    target = "/v1/payments?limit=1"
    headers = {"Authorization": stack.merchant().authorization("GET", target, b""), "Host": f"127.0.0.1:{stack.gateway_port}"}
    equal(request(stack.gateway_port, "GET", target, headers=headers).status, 200, "the first")
    is_problem(request(stack.gateway_port, "GET", target, headers=headers), 401, "nonce_used")


@test
def s_006_one_changed_byte_of_the_body_is_refused(stack):
    body = order_bytes(amount=100)
    before = seen(stack)
    for changed in (body.replace(b"100", b"900"), body + b" ", body.replace(b"Coffee", b"coffee"), b""):
        authorization = stack.merchant().authorization("POST", "/v1/payments", body)
        refused(stack, post(stack, changed, authorization), before=before)
    equal(post(stack, body, stack.merchant().authorization("POST", "/v1/payments", body)).status, 201, "unchanged")


@test
def s_007_the_query_is_part_of_what_is_signed(stack):
    body = order_bytes()
    before = seen(stack)
    authorization = stack.merchant().authorization("POST", "/v1/payments", body)
    refused(stack, post(stack, body, authorization, "/v1/payments?amount=1"), before=before)
    authorization = stack.merchant().authorization("GET", "/v1/payments?limit=1", b"")
    headers = {"Authorization": authorization, "Host": f"127.0.0.1:{stack.gateway_port}"}
    refused(stack, request(stack.gateway_port, "GET", "/v1/payments?limit=1&amount=1", headers=headers))
    equal(stack.merchant().call("GET", "/v1/payments?limit=1").status, 200, "signed as sent")


@test
def s_008_a_path_is_verified_and_routed_over_the_same_bytes(stack):
    body = order_bytes()
    before = seen(stack)
    plain = stack.merchant().authorization("POST", "/v1/payments", body)
    refused_one = post(stack, body, plain, "/v1/%70ayments")
    expect(refused_one.status in (400, 401, 404), refused_one)
    as_sent = stack.merchant().authorization("POST", "/v1/%70ayments", body)
    other = post(stack, body, as_sent, "/v1/%70ayments")
    expect(other.status in (400, 404), f"an escaped path is not the route: {other}")
    for target in ("/v1//payments", "/v1/./payments", "/v1/payments/", "/V1/payments"):
        answer = post(stack, body, stack.merchant().authorization("POST", target, body), target)
        expect(answer.status in (400, 404), f"{target}: {answer}")
    equal(seen(stack), before, "effects")


@test
def s_009_an_app_orders_for_itself_only(stack):
    other, _, _ = second_merchant(stack)
    before = seen(stack)
    documents = []
    for name in ("merchant_id", "app_id"):
        for identity in (other["id"], "app_00000000000000000000000000000000"):
            answer = stack.merchant().call("POST", "/v1/payments", order(**{name: identity}))
            document = refused(stack, answer, 403, "forbidden", before)
            document.pop("request_id")
            documents.append((name, document))
    equal(documents[0], documents[1], "an app that exists and one that does not")
    equal(documents[2], documents[3], "an app that exists and one that does not")
    equal(stack.merchant().call("POST", "/v1/payments", order(app_id=stack.app["id"])).status, 201, "its own id")


@test
def s_009_what_belongs_to_another_app_is_not_there(stack):
    _, stranger, _ = second_merchant(stack, "Stranger")
    payment = create(stack)
    for method, target in (("GET", f"/v1/payments/{payment['id']}"), ("POST", f"/v1/payments/{payment['id']}/close"),
                           ("POST", f"/v1/payments/{payment['id']}/cancel"), ("POST", f"/v1/payments/{payment['id']}/renew")):
        is_problem(stranger.call(method, target), 404, "not_found")
    refund = {"amount": 1, "out_refund_no": number("R")}
    is_problem(stranger.call("POST", f"/v1/payments/{payment['id']}/refunds", refund), 404, "not_found")
    equal(stranger.call("GET", f"/v1/payments?out_trade_no={payment['out_trade_no']}").json().get("data"), [], "by number")


@test
def s_010_the_algorithm_comes_from_the_key_record(stack):
    body = order_bytes()
    before = seen(stack)
    good = stack.merchant().authorization("POST", "/v1/payments", body)
    parameters = good.split(" ", 1)[1]
    now, nonce = int(time.time()), secrets.token_hex(16)
    digest = hashlib.sha256(body).hexdigest()
    text = f"POST\n127.0.0.1:{stack.gateway_port}\n/v1/payments\n{now}\n{nonce}\n{digest}\n".encode()
    weak = hmac.new(bytes.fromhex(stack.key["secret"]), text, hashlib.md5).hexdigest()
    fields = f"key={stack.key['id']},timestamp={now},nonce={nonce}"
    for header in (f"none {parameters}", "none", f"TILL-NONE {fields},signature=", f"TILL-HMAC-MD5 {fields},signature={weak}",
                   f"TILL-HMAC-SHA256 algorithm=none,{fields},signature=", f"TILL-HMAC-SHA256 algorithm=HMAC-MD5,{fields},signature={weak}",
                   f"TILL-HMAC-SHA256 {fields},signature={weak}", f"TILL-HMAC-SHA256 {fields},signature={weak.ljust(64, '0')}",
                   f"Basic {parameters}"):
        refused(stack, post(stack, body, header), before=before)
    refused(stack, post(stack, body, f"Bearer {parameters}"), code="invalid_token", before=before)
    equal(post(stack, body, good).status, 201, "the key's own algorithm")


@test
def s_011_two_authorization_headers_are_refused(stack):
    _, other, _ = second_merchant(stack, "Second key")
    target, before = "/v1/payments", seen(stack)
    for order_of_keys in ((stack.merchant(), other), (other, stack.merchant()), (stack.merchant(), stack.merchant())):
        body = order_bytes()
        headers = [("Host", f"127.0.0.1:{stack.gateway_port}"), ("Content-Type", "application/json"), ("Content-Length", len(body))]
        headers += [("Authorization", merchant.authorization("POST", target, body)) for merchant in order_of_keys]
        headers.append(("Connection", "close"))
        data, closed = raw(stack.gateway_port, head("POST", target, headers) + body)
        equal(statuses(data), [400], "answer to two Authorization headers")
        expect(closed and b"http_framing" in data, data)
    equal(seen(stack), before, "effects")
    body = order_bytes()
    headers = [("Host", f"127.0.0.1:{stack.gateway_port}"), ("Content-Type", "application/json"), ("Content-Length", len(body)),
               ("Authorization", stack.merchant().authorization("POST", target, body)), ("Connection", "close")]
    data, _ = raw(stack.gateway_port, head("POST", target, headers) + body)
    equal(statuses(data), [201], "one header")


@test
def s_013_a_disabled_key_or_app_is_refused_at_once(stack):
    app, merchant, key = second_merchant(stack, "Short lived")
    equal(merchant.call("GET", "/v1/payments").status, 200, "enabled")
    stack.admin("app", "revoke", key["id"])
    is_problem(merchant.call("GET", "/v1/payments"), 401, "unauthorized")
    fresh = stack.admin("app", "key", "--app", app["id"])
    merchant.key_id, merchant.secret = fresh["id"], bytes.fromhex(fresh["secret"])
    equal(merchant.call("GET", "/v1/payments").status, 200, "a new key")
    stack.admin("app", "disable", app["id"])
    is_problem(merchant.call("GET", "/v1/payments"), 401, "unauthorized")
    stack.admin("app", "enable", app["id"])
    equal(merchant.call("GET", "/v1/payments").status, 200, "enabled again")


if __name__ == "__main__":
    main()
