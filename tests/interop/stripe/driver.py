# SPDX-License-Identifier: Apache-2.0
"""PyPI stripe behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out."""
import base64
import functools
import json
import sys

import stripe

clients = {}


def open_client(ask):
    place = ask["place"]
    more = {"stripe_version": place["version"]} if place.get("version") else {}
    clients[ask["client"]] = stripe.StripeClient(place["key"], base_addresses={"api": f"http://127.0.0.1:{place['port']}"}, max_network_retries=0, **more)
    return True


def method(ask):
    return functools.reduce(getattr, ask["path"].split("."), clients[ask["client"]].v1)


def arguments(ask):
    """The id where there is one; then the parameters by name."""
    ids = [word for word in ask["args"] if not isinstance(word, dict)]
    params = [word for word in ask["args"] if isinstance(word, dict)]
    options = {"max_network_retries" if name == "retries" else name: value for name, value in (ask.get("options") or {}).items()}
    return ids, {**({"params": params[0]} if params else {}), **({"options": options} if options else {})}


def told(error):
    raw = (error.json_body or {}).get("error", {}) if isinstance(error.json_body, dict) else {}
    intent = raw.get("payment_intent") or {}
    return {"error": {"class": type(error).__name__.removesuffix("Error"), "type": raw.get("type"), "code": raw.get("code"), "param": getattr(error, "param", None),
                      "decline_code": raw.get("decline_code"), "status": error.http_status, "request_id": error.request_id, "message": error.user_message,
                      "payment_intent": intent.get("status")}}


def call(ask):
    ids, named = arguments(ask)
    try:
        value = method(ask)(*ids, **named)
    except stripe.StripeError as error:
        return told(error)
    last = value.last_response
    return {"object": json.loads(str(value)), "status": last.code, "request_id": last.request_id, "version": last.headers.get("Stripe-Version"),
            "key": last.idempotency_key}


def pages(ask):
    ids, named = arguments(ask)
    return [thing.id for thing in method(ask)(*ids, **named).auto_paging_iter()]


def event(ask):
    try:
        made = clients[ask["client"]].construct_event(base64.b64decode(ask["body"]), ask["header"], ask["secret"], tolerance=ask.get("tolerance", 300))
    except stripe.StripeError as error:
        return told(error)
    return {"type": made.type, "id": made.data.object["id"]}


VERBS = {"open": open_client, "call": call, "pages": pages, "event": event}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"value": VERBS[question["do"]](question)}
    except Exception as problem:
        answer = {"refused": f"{type(problem).__name__}: {problem}"}
    print(json.dumps(answer), flush=True)
