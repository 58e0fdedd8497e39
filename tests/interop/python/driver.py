# SPDX-License-Identifier: Apache-2.0
"""PyPI python-alipay-sdk behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out."""
import json
import sys

from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayException

clients = {}
LACKS = {
    "upload": "python-alipay-sdk has no multipart request",
    "v3": "python-alipay-sdk does not know the v3 interface",
}


class Lacks(Exception):
    pass


def armour(text, name):
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])


def open_client(ask):
    place = ask["place"]
    form = ask.get("key_form", "pkcs1")
    common = {"appid": place["app_id"],
              "app_private_key_string": armour(place["private_key"][form], "PRIVATE KEY" if form == "pkcs8" else "RSA PRIVATE KEY")}
    if place.get("aes_key"):
        raise Lacks("python-alipay-sdk has no content encryption")
    if place.get("app_cert"):
        client = DCAliPay(**common, app_public_key_cert_string=place["app_cert"], alipay_root_cert_string=place["root_cert"],
                          alipay_public_key_cert_string=place["platform_cert"])
    else:
        client = AliPay(**common, alipay_public_key_string=armour(place["platform_public_key"], "PUBLIC KEY"))
    if place.get("gateway"):  # without one the SDK's own production address stays
        client._gateway = place["gateway"]
    clients[ask["client"]] = client
    return True


def addresses(ask):
    return {name: ask[name] for name in ("notify_url", "return_url") if ask.get(name)}


NAMED = {
    "alipay.trade.precreate": "api_alipay_trade_precreate",
    "alipay.trade.query": "api_alipay_trade_query",
    "alipay.trade.refund": "api_alipay_trade_refund",
    "alipay.trade.fastpay.refund.query": "api_alipay_trade_fastpay_refund_query",
    "alipay.trade.cancel": "api_alipay_trade_cancel",
    "alipay.trade.pay": "api_alipay_trade_pay",
    "alipay.trade.page.pay": "api_alipay_trade_page_pay",
    "alipay.trade.wap.pay": "api_alipay_trade_wap_pay",
    "alipay.trade.app.pay": "api_alipay_trade_app_pay",
}


def call(ask):
    client = clients[ask["client"]]
    try:
        if ask["method"] in NAMED:
            answer = getattr(client, NAMED[ask["method"]])(**ask["business"], **addresses(ask))
        else:
            answer = client.server_api(ask["method"], ask["business"], **addresses(ask))
    except AliPayException as error:
        # The SDK raises at an answer without a signature and gives the raw text.
        document = json.loads(error.args[1] if len(error.args) > 1 else str(error))
        return next(node for node in document.values() if isinstance(node, dict))
    return answer


def page(ask):
    if ask["how"] != "GET":
        raise Lacks("python-alipay-sdk builds addresses, no forms")
    client = clients[ask["client"]]
    return client._gateway + "?" + getattr(client, NAMED[ask["method"]])(**ask["business"], **addresses(ask))


def order_string(ask):
    return getattr(clients[ask["client"]], NAMED[ask["method"]])(**ask["business"], **addresses(ask))


def notified(ask):
    if ask["rule"] != "v1":
        raise Lacks("python-alipay-sdk verifies by the rule without sign_type only")
    form = dict(ask["form"])
    signature = form.pop("sign")
    return clients[ask["client"]].verify(form, signature)


def requested(ask):
    """The platform's side of a request: the text without `sign`, under the app's key."""
    form = {name: value for name, value in ask["form"].items() if value != ""}
    signature = form.pop("sign")
    text = "&".join(f"{name}={value}" for name, value in sorted(form.items()))
    return clients[ask["client"]]._verify(text, signature)


VERBS = {"open": open_client, "call": call, "page": page, "order_string": order_string, "notified": notified, "requested": requested}


def answer_to(ask):
    verb = ask["do"]
    if verb not in VERBS:
        return {"lacks": LACKS.get(verb, f"python-alipay-sdk has no call for {verb}")}
    try:
        return {"value": VERBS[verb](ask)}
    except Lacks as reason:
        return {"lacks": str(reason)}
    except Exception as error:  # the scene judges it
        return {"refused": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer_to(json.loads(line))), flush=True)
