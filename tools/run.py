#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make run`: gateway, platform simulator and demo shop on this machine, and a first order.

Without arguments it stays in the foreground until Ctrl-C. With --auto it buys one coffee, pays it in the wallet,
watches it being shipped, prints each step, and ends.
"""
import argparse
import json
import shutil
import signal
import socket
import sys
import time
import urllib.parse
from pathlib import Path

from stack import Stack, free_port, request, wait_for

# Where things are unless something else is there already.
USUAL_PORTS = {"gateway_port": 8080, "sandbox_port": 8100, "shop_port": 8090, "private_port": 9090}


def step(text):
    print(f"  {text}", flush=True)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_ports(folder):
    """The ports of an earlier run in this folder, which its configuration names; else the usual ones, or free ones."""
    memory = folder / "ports.json"
    if memory.exists():
        ports = json.loads(memory.read_text(encoding="utf-8"))
        for name, port in ports.items():
            if not is_free(port):
                raise RuntimeError(f"port {port} is in use; stop what holds it, or start anew with ARGS=--fresh")
        return ports
    ports = {name: port if is_free(port) else free_port() for name, port in USUAL_PORTS.items()}
    folder.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps(ports), encoding="utf-8")
    return ports


def end(*_):
    """The first signal ends the run; more of them must not disturb the ending."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def say_where(stack):
    print()
    print("  Demo shop    " + f"http://127.0.0.1:{stack.shop_port}/")
    print("  Gateway      " + f"http://127.0.0.1:{stack.gateway_port}/   (metrics: http://127.0.0.1:{stack.private_port}/metrics)")
    print("  Simulator    " + f"http://127.0.0.1:{stack.sandbox_port}/console")
    print()


def buy(stack):
    """Presses the button; the payment's cashier address."""
    answer = request(stack.shop_port, "POST", "/buy", b"", {"Content-Type": "application/x-www-form-urlencoded"})
    if answer.status != 303:
        raise RuntimeError(f"the shop answered {answer}")
    return answer.headers["location"]


def newest_order(stack):
    lines = (stack.folder / "shop.journal").read_text(encoding="utf-8").splitlines()
    return next(line for line in reversed(lines) if '"ordered"' in line).split('"order":"')[1].split('"')[0]


def auto(stack):
    cashier = buy(stack)
    order = newest_order(stack)
    merchant = stack.merchant()
    step(f"ordered      {order}: one coffee, 9.90 CNY")
    payment = merchant.call("GET", f"/v1/payments?out_trade_no={order}").json()
    payment = payment["data"][0] if "data" in payment else payment
    step(f"created      {payment['id']}, QR code {payment['action']['value']}")
    page = request(stack.gateway_port, "GET", urllib.parse.urlsplit(cashier).path)
    if page.status != 200 or "<svg" not in page.text:
        raise RuntimeError(f"the cashier answered {page}")
    step(f"cashier      {cashier}")
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.control("POST", f"/trades/{payment['upstream_no']}/pay", {})
    step("paid         in the simulator's wallet")
    wait_for(lambda: merchant.call("GET", f"/v1/payments/{payment['id']}").json()["state"] == "paid", "the notification")
    step("notified     signature and content verified, committed, answered success")
    wait_for(lambda: f'"shipped","order":"{order}"' in (stack.folder / "shop.journal").read_text(encoding="utf-8"),
             "the signed webhook", 30)
    step("shipped      the shop took the signed webhook; the coffee is on its way")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--till", required=True, help="the program")
    parser.add_argument("--auto", action="store_true", help="pay one order unattended and end")
    parser.add_argument("--dir", default="run", help="where keys, store and logs live")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run left")
    arguments = parser.parse_args()
    folder = Path(arguments.dir) / ("auto" if arguments.auto else "demo")
    if (arguments.auto or arguments.fresh) and folder.exists():
        shutil.rmtree(folder)
    ports = {} if arguments.auto else choose_ports(folder)
    signal.signal(signal.SIGTERM, end)
    started = time.monotonic()
    with Stack(arguments.till, folder, **ports) as stack:
        stack.start(shop=True, bill_hosts="127.0.0.1", cards=True)
        print(f"till is up after {time.monotonic() - started:.1f} s: gateway, simulator of Alipay and Stripe, demo shop.", flush=True)
        if arguments.auto:
            auto(stack)
            print("One order was created, paid, notified and shipped. Next: make run (without ARGS) to see it in a browser.")
            return 0
        say_where(stack)
        print("Open the demo shop, buy a coffee, click or scan the code, and pay in the wallet (password 111111); or pay by card.")
        print("Ctrl-C ends it; what happened stays in run/demo. A fresh start: make run ARGS=--fresh", flush=True)
        try:
            while all(process.running() for process in (stack.sandbox, stack.gateway, stack.shop)):
                time.sleep(0.5)
        except KeyboardInterrupt:
            print("\nStopped. Next: make test, or till --help.")
            return 0
        print("A part ended unexpectedly; its log is in " + str(folder), file=sys.stderr)
        return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError, OSError) as error:
        print(f"make run: {error}", file=sys.stderr)
        sys.exit(1)
