# SPDX-License-Identifier: Apache-2.0
"""What the cells of the table share: the sandbox, its apps in each mode, a merchant's listener, a relay, the SDKs."""
import base64
import subprocess

import gateway
import toolchains
from relay import Listener, Relay
from sdk import Client, Driver, Grey
from tap import expect, new_stack, request, wait_for

MODES = {"key": {}, "certificate": {"certificate_mode": True}, "aes": {"aes": True}}
NEEDS = {"certificate": "app_cert", "aes": "aes_key"}
SUBJECT = "一杯咖啡 coffee"
SDKS = ["node", "go", "java", "python"]
KEY_FORM = {"node": "pkcs1", "go": "pkcs1", "java": "pkcs8", "java-v3": "pkcs8", "python": "pkcs1"}


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=data).stdout


def make_keys():
    """As key tools hand them out: one base64 line each."""
    pem = openssl("genrsa", "2048")

    def line(*arguments):
        return base64.b64encode(openssl(*arguments, data=pem)).decode()
    return {"pkcs1": line("rsa", "-traditional", "-outform", "DER"), "pkcs8": line("pkcs8", "-topk8", "-nocrypt", "-outform", "DER"),
            "public": line("rsa", "-pubout", "-outform", "DER")}


class World:
    def __init__(self):
        self.stack = new_stack()
        self.stack.start_sandbox()
        self.listener = Listener()
        self.relay = Relay(self.stack.sandbox_port)
        self.drivers, self.clients, self.places, self.sent = {}, {}, {}, {}
        self.serial = 0
        self.hosts = None
        self.methods = self.offered_methods()

    def close(self):
        if self.hosts:
            self.hosts.close()
        for driver in self.drivers.values():
            driver.close()
        self.listener.close()
        self.relay.close()

    def offered_methods(self):
        """Names of the methods that the sandbox offers, or None when it does not tell."""
        answer = request(self.stack.sandbox_port, "GET", "/control/methods")
        if answer.status != 200:
            return None
        return {row["method"] for row in answer.json()["methods"] if row["offered"]}

    def driver(self, sdk):
        if sdk not in self.drivers:
            self.drivers[sdk] = Driver(sdk, toolchains.MAKERS[sdk](), self.stack.folder / f"driver-{sdk}.txt")
        return self.drivers[sdk]

    def browser(self):
        """Chromium as one more driver."""
        if "browser" not in self.drivers:
            self.drivers["browser"] = Driver("browser", ["node", toolchains.HERE / "browser.mjs"], self.stack.folder / "driver-browser.txt")
        return self.drivers["browser"]

    def payment_code(self, buyer="tester", **words):
        return self.stack.control("POST", f"/buyers/{buyer}/auth-code", words)["auth_code"]

    def gateway_requests(self, mode):
        """What a gateway of ours sent for an account of that mode: every operation and product, once."""
        if mode not in self.sent:
            self.sent[mode] = gateway.requests(mode, self)
        return self.sent[mode]

    def make_place(self, mode, stack=None):
        """An app of its own at the sandbox, as an SDK needs to know it."""
        keys = make_keys()
        stack = stack or self.stack
        app = stack.control("POST", "/apps", {"name": f"interop {mode}", "public_key": keys["public"], **MODES[mode]})
        if mode in NEEDS and not app.get(NEEDS[mode]):
            raise Grey(f"the sandbox has no {mode} mode")
        told = {name: app[name] for name in ("app_id", "seller_id", "platform_public_key", "app_cert", "platform_cert", "root_cert", "aes_key")
                if app.get(name)}
        if mode == "certificate":
            told.pop("platform_public_key", None)
        else:
            for name in ("app_cert", "platform_cert", "root_cert"):
                told.pop(name, None)
        return {**told, "private_key": {"pkcs1": keys["pkcs1"], "pkcs8": keys["pkcs8"]}, "app_public_key": keys["public"],
                "gateway": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do", "endpoint": f"http://127.0.0.1:{stack.sandbox_port}"}

    def place(self, mode):
        if mode not in self.places:
            self.places[mode] = self.make_place(mode)
        return self.places[mode]

    def client(self, sdk, mode, name=None, key_form=None, **changes):
        """The SDK's client of a mode; with changes (or a name) one of its own."""
        place = {**self.place(mode), **changes}
        place = {member: value for member, value in place.items() if value is not None}
        if changes or name:
            self.serial += 1
            return Client(self.driver(sdk), f"{name or 'own'}{self.serial}", place, self.methods, key_form or KEY_FORM[sdk])
        if (sdk, mode) not in self.clients:
            self.clients[sdk, mode] = Client(self.driver(sdk), mode, place, self.methods, KEY_FORM[sdk])
        return self.clients[sdk, mode]

    # ---- trades

    def order_no(self):
        self.serial += 1
        return f"INTEROP{self.stack.sandbox_port}N{self.serial}"

    def move(self, client, out_trade_no, how, **words):
        return self.stack.control("POST", f"/trades/{out_trade_no}/{how}", {"app_id": client.place["app_id"], **words})

    def ordered(self, client, amount="9.90"):
        out_trade_no = self.order_no()
        answer = client.call("alipay.trade.precreate", {"out_trade_no": out_trade_no, "total_amount": amount, "subject": SUBJECT},
                             notify_url=self.listener.url)
        expect(answer.get("code") == "10000", f"precreate: {answer}")
        return out_trade_no

    def scanned(self, client, amount="9.90"):
        out_trade_no = self.ordered(client, amount)
        self.move(client, out_trade_no, "scan")
        return out_trade_no

    def paid(self, client, amount="9.90"):
        out_trade_no = self.ordered(client, amount)
        self.move(client, out_trade_no, "pay")
        return out_trade_no

    def notification(self, out_trade_no, count=1):
        """The newest notification of an order, once there are so many."""
        return wait_for(lambda: self.listener.of(out_trade_no)[count - 1:], f"notification {count} of {out_trade_no}")[-1]
