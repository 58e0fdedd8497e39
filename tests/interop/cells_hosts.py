# SPDX-License-Identifier: Apache-2.0
"""SDKs that keep their compiled-in production host reach the sandbox, unmodified: through TLS and CONNECT, and through a hosts file.

A client is told neither address nor port; what it trusts and which way it goes stands in its environment.
"""
import os
import random
import subprocess
from pathlib import Path

import toolchains
from relay import Listener
from rows import refuses, row
from scene import KEY_FORM, SUBJECT, World, make_keys
from sdk import Client, Driver, Refused
from tap import equal, expect, free_port, new_stack, wait_for

HOST = "openapi.alipay.com"
HERE = Path(__file__).resolve().parent


class Hosts(World):
    """The sandbox behind TLS and proxy; port 443 at a loopback address of its own, so that it is free."""

    def __init__(self):
        self.stack = new_stack()
        self.ca, self.proxy_port = self.stack.folder / "ca.pem", free_port()
        self.address = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        self.stack.start_sandbox("--tls-listen", f"{self.address}:443", "--proxy-listen", f"127.0.0.1:{self.proxy_port}", "--ca", self.ca)
        wait_for(lambda: "is open at" in self.stack.sandbox.output(), "the sandbox's ready line", 60)
        self.listener, self.drivers, self.serial = Listener(), {}, 0
        keys = make_keys()
        app = self.stack.control("POST", "/apps", {"name": "hosts", "public_key": keys["public"]})
        self.merchant = {"app_id": app["app_id"], "seller_id": app["seller_id"], "platform_public_key": app["platform_public_key"],
                         "private_key": {"pkcs1": keys["pkcs1"], "pkcs8": keys["pkcs8"]}, "production": True}
        (self.stack.folder / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {HOST}\n", encoding="utf-8")
        self.trust = self.stack.folder / "trust.p12"

    def close(self):
        for driver in self.drivers.values():
            driver.close()
        self.listener.close()

    def environment(self, **more):
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return {**clean, "SSL_CERT_FILE": str(self.ca), "NODE_EXTRA_CA_CERTS": str(self.ca), **more}

    def by_proxy(self, sdk):
        proxy = f"http://127.0.0.1:{self.proxy_port}"
        more = {"HTTPS_PROXY": proxy, "https_proxy": proxy}
        if sdk == "node":
            more["NODE_OPTIONS"] = f"--require {HERE / 'node' / 'proxy.cjs'}"
        if sdk == "java":
            more["JAVA_TOOL_OPTIONS"] = f"-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={self.proxy_port} {self.java_trust()}"
        return toolchains.MAKERS[sdk](), self.environment(**more)

    def by_names(self, sdk):
        """In a mount namespace of its own, where /etc/hosts says where the platform is."""
        inside = f"mount --bind {self.stack.folder / 'hosts'} /etc/hosts && exec \"$@\""
        more = {"JAVA_TOOL_OPTIONS": self.java_trust()} if sdk == "java" else {}
        return ["unshare", "--mount", "sh", "-c", inside, "sh", *map(str, toolchains.MAKERS[sdk]())], self.environment(**more)

    def java_trust(self):
        if not self.trust.exists():
            subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "sandbox", "-file", str(self.ca), "-keystore", str(self.trust),
                            "-storetype", "PKCS12", "-storepass", "changeit"], check=True, capture_output=True)
        return f"-Djavax.net.ssl.trustStore={self.trust} -Djavax.net.ssl.trustStorePassword=changeit"

    def client_by(self, way, sdk):
        arguments, environment = {"proxy": self.by_proxy, "names": self.by_names}[way](sdk)
        driver = Driver(sdk, arguments, self.stack.folder / f"driver-{sdk}-{way}.txt", environment)
        self.drivers[sdk, way] = driver
        return Client(driver, way, self.place_of(sdk), None, KEY_FORM[sdk])

    def place_of(self, sdk):
        """The Java SDK has no address of its own; it is given the production one, as its users write it."""
        return {**self.merchant, **({"gateway": f"https://{HOST}/gateway.do"} if sdk == "java" else {})}


def a_payment(world, way, sdk):
    """Order, payment, news, query, refund; every answer verified by the SDK, and a false signature refused by it."""
    client = world.client_by(way, sdk)
    world.serial += 1
    number = f"HOSTS{os.getpid()}N{world.serial}"
    answer = client.call("alipay.trade.precreate", {"out_trade_no": number, "total_amount": "9.90", "subject": SUBJECT},
                         notify_url=world.listener.url)
    expect(answer.get("code") == "10000" and answer.get("out_trade_no") == number, answer)
    world.move(client, number, "pay")
    news = wait_for(lambda: world.listener.of(number), f"the notification of {number}")[-1]
    expect(client.notified(news) is True, "the SDK refuses a true notification")
    equal(client.call("alipay.trade.query", {"out_trade_no": number})["trade_status"], "TRADE_SUCCESS", "query")
    equal(client.call("alipay.trade.refund", {"out_trade_no": number, "refund_amount": "9.90"})["fund_change"], "Y", "refund")
    world.stack.control("POST", "/faults", {"operation": "query", "fault": "wrong_signature"})
    try:
        answer = client.call("alipay.trade.query", {"out_trade_no": number})
        raise AssertionError(f"a false signature was believed: {answer}")
    except Refused:
        pass
    urls = {world.stack.control("GET", f"/exchanges/{call['id']}")["url"].partition("/gateway.do")[0]
            for call in world.stack.control("GET", f"/exchanges?order={number}")["exchanges"]}
    equal(urls, {f"https://{HOST}"}, "the addresses that the SDK called")


def hosts_of(world):
    """A sandbox with these doors, opened once."""
    if world.hosts is None:
        world.hosts = Hosts()
    return world.hosts


@row("its compiled-in production host, by TLS and a CONNECT proxy: order, news, query, refund, a false signature refused", modes=("hosts",))
def by_proxy(world, sdk, mode):
    a_payment(hosts_of(world), "proxy", sdk)


@row("its compiled-in production host, by a hosts file and TLS: the same", modes=("hosts",))
def by_hosts_file(world, sdk, mode):
    a_payment(hosts_of(world), "names", sdk)


@row("without trust in the sandbox's authority nothing is sent", modes=("hosts",))
def without_trust(world, sdk, mode):
    hosts = hosts_of(world)
    before = len(hosts.stack.control("GET", "/exchanges")["exchanges"])
    arguments, environment = hosts.by_proxy(sdk)
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
        environment.pop(name)
    if sdk == "java":
        environment["JAVA_TOOL_OPTIONS"] = environment["JAVA_TOOL_OPTIONS"].replace(hosts.java_trust(), "")
    stranger = Driver(sdk, arguments, hosts.stack.folder / f"driver-{sdk}-stranger.txt", environment)
    hosts.drivers[sdk, "stranger"] = stranger
    client = Client(stranger, "stranger", hosts.place_of(sdk), None, KEY_FORM[sdk])
    said = refuses(lambda: client.call("alipay.trade.query", {"out_trade_no": "X"}), "an authority that nobody trusts")
    expect("certificate" in said.lower() or "certification path" in said, said)
    equal(len(hosts.stack.control("GET", "/exchanges")["exchanges"]), before, "calls")
