# SPDX-License-Identifier: Apache-2.0
"""Hooks of schemathesis: signs each request, and gives what was made to fit the schema the values that no schema can know.

A value that is wrong on purpose is never touched. The environment says for whom to sign: TILL_KEY, TILL_SECRET (hex), TILL_ACCOUNT, TILL_CARDS (the one at Stripe),
TILL_PUBLIC_ID, TILL_APP, TILL_HOST_OF_APP, TILL_CLIENT and TILL_CLIENT_SECRET (who may have tokens), TILL_PAID
(payments that are paid); TILL_HITS names the file that counts requests by operation and status.
"""
import hashlib
import hmac
import json
import os
import random
import secrets
import threading
import time
import urllib.parse

import requests
import schemathesis

KEY, SECRET = os.environ["TILL_KEY"], bytes.fromhex(os.environ["TILL_SECRET"])
ACCOUNT, CARDS, APP, HOST = os.environ["TILL_ACCOUNT"], os.environ["TILL_CARDS"], os.environ["TILL_APP"], os.environ["TILL_HOST_OF_APP"]
# What answers have shown, by the prefix of the id: a request about something that exists finds more than one about nothing.
known, hits, lock = {"accounts": [os.environ["TILL_PUBLIC_ID"]], "paid": os.environ["TILL_PAID"].split()}, {}, threading.Lock()
lot = random.Random(os.environ.get("TILL_SEED", "1"))


class Signed(requests.auth.AuthBase):
    """HMAC-SHA256 as doc/API.md says, over the request exactly as it is about to leave."""

    def __call__(self, request):
        if urllib.parse.urlsplit(request.url).path.startswith("/oauth2/"):
            return request  # who proves himself in the form proves nothing in the head
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        host = urllib.parse.urlsplit(request.url).netloc
        now, nonce = int(time.time()), secrets.token_hex(16)
        text = "\n".join([request.method, host, request.path_url, str(now), nonce, hashlib.sha256(body).hexdigest()]) + "\n"
        mac = hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()
        request.headers["Authorization"] = f"TILL-HMAC-SHA256 key={KEY},timestamp={now},nonce={nonce},signature={mac}"
        return request


schemathesis.auth.set_from_requests(Signed())


def is_meant_well(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def fitting_metadata(metadata):
    """Together at most 2 KiB, which a schema cannot say."""
    while len(json.dumps(metadata, ensure_ascii=True).encode()) > 1500:
        metadata.popitem()
    return metadata


def complete_order(body):
    """The merchant's own account and host, an end that lies ahead, no address of somebody else."""
    body.pop("notify_url", None)
    whole_amount(body)
    is_card = body.get("channel") == "stripe"
    if is_card:  # a sum that exists in every currency there; yuan, so that any attempt can follow
        body.update(amount=min(body["amount"] // 1000 * 1000, 900000) or 10000, currency="CNY")
    for name, value in (("account", CARDS if is_card else ACCOUNT), ("app_id", APP), ("merchant_id", APP), ("return_url", f"http://{HOST}/done")):
        if name in body:
            body[name] = value
    for name in ("expires_at", "expire_at"):
        if name in body:
            body[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (3600 if is_card else 120)))
    if isinstance(body.get("metadata"), dict):
        fitting_metadata(body["metadata"])
    complete_extra(body.get("extra"))


def complete_extra(extra):
    if not isinstance(extra, dict):
        return
    for name in ("quit_url", "request_from_url"):
        if name in extra:
            extra[name] = f"http://{HOST}/"
    if "auth_code" in extra:
        extra["auth_code"], extra["scene"] = "28" + str(lot.randrange(10 ** 16)).rjust(16, "0"), "bar_code"
    for name, value in extra.items():  # bounds are in bytes there, and a character has up to four
        extra[name] = value.encode("ascii", "replace").decode() if isinstance(value, str) else value
    while len(json.dumps(extra).encode()) > 5000:
        extra.pop(max(extra, key=lambda name: len(json.dumps(extra[name]))))


def complete_attempt(body):
    """Which channel and product the order has is not known here, so only an attempt that names its own brings an account and fields. Nor is its
    amount, which may be above Stripe's bounds."""
    if body.get("product") in (None, "checkout"):
        body.clear()
        return
    body["channel"] = "alipay"
    if "account" in body:
        body["account"] = ACCOUNT
    if body["product"] in ("barcode", "jsapi"):
        body["extra"] = {**({"auth_code": ""} if body["product"] == "barcode" else {"buyer_id": "2088102177846880"}), **body.get("extra", {})}
    complete_extra(body.get("extra"))


def whole_amount(body):
    """5127.0 is an integer to a schema, and no amount to a till (S-022)."""
    if isinstance(body.get("amount"), float):
        body["amount"] = int(body["amount"])
    if isinstance(body.get("expires_in"), float):
        body["expires_in"] = int(body["expires_in"])


def complete_refund(body):
    whole_amount(body)
    body.pop("attempt", None)
    body["amount"] = min(body["amount"], 1000)
    if isinstance(body.get("reason"), str):
        body["reason"] = body["reason"].encode()[:256].decode(errors="ignore").strip() or "None"


def complete_endpoint(body):
    """Nobody listens there: told soon, and told that it failed."""
    body["url"] = f"http://{HOST}/hook"
    if "app_id" in body:
        body["app_id"] = APP


def complete_token(body):
    body.update(grant_type="client_credentials", client_id=os.environ["TILL_CLIENT"], client_secret=os.environ["TILL_CLIENT_SECRET"])
    body.pop("scope", None)


def complete_revocation(body):
    body.update(client_id=os.environ["TILL_CLIENT"], client_secret=os.environ["TILL_CLIENT_SECRET"])


COMPLETE = {"POST /oauth2/token": complete_token, "POST /oauth2/revoke": complete_revocation, "POST /v1/payments": complete_order, "POST /v1/payments/{id}/attempts": complete_attempt,
            "POST /v1/payments/{id}/refunds": complete_refund, "POST /v1/webhook-endpoints": complete_endpoint}


def aim(case):
    """Mostly at something that exists."""
    kind = case.operation.path.split("/")[2] if case.operation.path.startswith("/v1/") else ""
    if kind == "payments":  # what can succeed with some only is mostly asked of those
        kind = {"refunds": "paid", "renew": "pending"}.get(case.operation.path.rsplit("/", 1)[1], kind)
    with lock:
        for name, prefix in (("id", kind), ("attempt", "attempts"), ("token", "tokens"), ("account", "accounts")):
            found = known.get(prefix)
            if name in case.path_parameters and found and lot.random() < 0.7:
                case.path_parameters[name] = lot.choice(found)


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_meant_well(case):
        return
    complete = COMPLETE.get(case.operation.label)
    if complete and isinstance(case.body, dict):
        complete(case.body)
    # A key stands for one request; now and then the same again shall be the same.
    if "Idempotency-Key" in case.headers and lot.random() < 0.9:
        case.headers["Idempotency-Key"] = f"key-{lot.randrange(10 ** 12)}"
    # Only a spreadsheet has pages of more than a hundred.
    if case.operation.label == "GET /v1/discrepancies" and case.query.get("format") != "csv" and "limit" in case.query:
        case.query["limit"] = min(int(case.query["limit"]), 100)
    for name, moment in (("created_from", "2026-01-01T00:00:00Z"), ("created_to", "2100-01-01T00:00:00Z")):
        if name in case.query:
            case.query[name] = moment
    aim(case)


def keep(kind, value):
    """At most 200 of a kind; later ones take the places of earlier ones by lot, since those have ended by then."""
    if len(known[kind]) < 200:
        known[kind].append(value)
    else:
        known[kind][lot.randrange(200)] = value


def remember_state(payment):
    pending = known.setdefault("pending", [])
    is_pending = payment.get("state") == "pending" and (payment.get("action") or {}).get("value")
    if is_pending and payment["id"] not in pending:
        keep("pending", payment["id"])
    elif not is_pending and payment.get("state") and payment["id"] in pending:
        pending.remove(payment["id"])


def remember(document):
    """Ids by the list they belong to: pay_ -> payments."""
    names = {"pay": "payments", "att": "attempts", "ref": "refunds", "evt": "events", "bil": "bills", "dis": "discrepancies"}
    for value in [document, *document.get("data", []), *document.get("attempts", []), *document.get("refunds", [])]:
        kind = names.get(str(value.get("id", ""))[:3]) if isinstance(value, dict) else None
        if kind and value["id"] not in known.setdefault(kind, []):
            keep(kind, value["id"])
        if kind == "payments":
            remember_state(value)
        if isinstance(value, dict) and "cashier_url" in value and len(known.setdefault("tokens", [])) < 200:
            known["tokens"].append(value["cashier_url"].rsplit("/", 1)[1])


@schemathesis.hook
def after_call(context, case, response):
    with lock:
        place = f"{case.operation.label} {response.status_code}"
        hits[place] = hits.get(place, 0) + 1
        if response.status_code < 300 and response.headers.get("content-type", [""])[0].startswith("application/json"):
            document = json.loads(response.content)
            if isinstance(document, dict):
                remember(document)
        tell()


def tell():
    with open(os.environ["TILL_HITS"], "w", encoding="utf-8") as out:
        json.dump(hits, out, indent=1, sort_keys=True)
