#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of doc/EXAMPLES.md and the shell lines of doc/API.md, taken out of the pages and run against the live gateway: each with each
kind of key, and again with one byte changed on the way. TILL names the program.

A relay stands between program and gateway: it passes requests on as they are, or changes one thing in them."""
import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(HERE)]
from keyed import KINDS, keyed, make_pair  # noqa: E402
from tap import Receiver, equal, expect, free_port, main, metric, new_stack, number, request, rows, settle, create, test, wait_for  # noqa: E402
from toolchains import OUT, made, merchant_python, run  # noqa: E402

PAGE = ROOT / "doc" / "EXAMPLES.md"
MARK = re.compile(r"^<!-- example: (\w+)\.(\w+) -->\n```\w+\n(.*?)^```$", re.M | re.S)
LANGUAGES = ("py", "mjs", "go")
KINDS_OF_KEY = ("hmac", *KINDS)


def examples():
    found = {f"{name}.{kind}": text for name, kind, text in MARK.findall(PAGE.read_text(encoding="utf-8"))}
    wanted = {f"{name}.{kind}" for name in ("order", "webhook") for kind in LANGUAGES}
    expect(set(found) == wanted, f"doc/EXAMPLES.md has {sorted(found)}, wanted {sorted(wanted)}")
    return found


def prepared(folder):
    """name -> the words that run it; Go's are compiled once for each wording."""
    programs = {}
    for name, text in examples().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        if name.endswith(".go"):
            out = made(OUT / ("example-" + path.stem), [path], lambda to, path=path: run(["go", "build", "-o", to / "example", path], folder))
            programs[name] = [out / "example"]
        else:
            programs[name] = [merchant_python() if name.endswith(".py") else "node", path]
    return programs


class Relay(Receiver):
    """Passes on what comes to the gateway, after change(method, target, headers, body) had its way with it."""

    def __init__(self, port):
        self.change = None

        def pass_on(message, handler):
            asked = (handler.command, message["path"], dict(message["headers"]), message["body"])
            method, target, headers, body = self.change(*asked) if self.change else asked
            answer = request(port, method, target, body, headers)
            return answer.status, {"Content-Type": answer.headers["content-type"]}, answer.body
        super().__init__(pass_on)


def setup():
    stack = new_stack()
    hooks = {kind: free_port() for kind in LANGUAGES}
    permitted = " ".join(f"127.0.0.1:{port}" for port in (stack.sandbox_port, stack.shop_port, *hooks.values()))
    stack.overrides["outbound.permit"] = permitted
    stack.start()
    stack.hooks, stack.programs = hooks, prepared(stack.folder)
    stack.relay = Relay(stack.gateway_port)
    stack.keys = {"hmac": {"TILL_KEY": stack.key["id"], "TILL_SECRET": stack.key["secret"]}}
    for kind in KINDS:
        merchant, _ = keyed(stack, kind)
        stack.keys[kind] = {"TILL_KEY": merchant.key_id, "TILL_PRIVATE_KEY": str(merchant.private)}
    return stack


def said_by(stack, name, argument, **env):
    """The lines that a program printed."""
    done = subprocess.run([str(word) for word in (*stack.programs[name], argument)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TILL_URL": f"http://127.0.0.1:{stack.relay.port}", **env})
    equal((done.returncode, done.stderr), (0, ""), name)
    return done.stdout.splitlines()


def each(stack):
    return [(f"order.{language}", kind, stack.keys[kind]) for language in LANGUAGES for kind in KINDS_OF_KEY]


@test
def each_program_orders_and_reads_with_each_kind_of_key(stack):
    for name, kind, env in each(stack):
        wish = number("E")
        made_line, list_line = said_by(stack, name, wish, **env)
        expect(made_line.startswith("201 pending http"), f"{name} with {kind}: {made_line}")
        identity, subject, key = rows(stack, "SELECT id, subject, (SELECT count(*) FROM payments) FROM payments WHERE out_trade_no = ?", wish)[0]
        expect(list_line.startswith("200 ") and identity in list_line, f"{name} with {kind}: {list_line}")
        equal(subject, "一杯咖啡", f"{name} with {kind}: the subject, of {key} orders")
        again, _ = said_by(stack, name, wish, **env)
        equal(again, made_line, f"{name} with {kind}: the same order again")


def flipped(text, at):
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1:]


def of_body(method, target, headers, body):
    return method, target, headers, body.replace(b"990", b"991")


def of_target(method, target, headers, body):
    return method, target + ("&" if "?" in target else "?") + "x=1", headers, body


def of_host(method, target, headers, body):
    return method, target, {**headers, "host": "other.example"}, body


def of_method(method, target, headers, body):
    return ("GET" if method == "POST" else "POST"), target, headers, body


def of_signature(method, target, headers, body):
    shown = headers["authorization"]
    return method, target, {**headers, "authorization": flipped(shown, shown.index("signature=") + 20)}, body


def of_nonce(method, target, headers, body):
    shown = headers["authorization"]
    return method, target, {**headers, "authorization": flipped(shown, shown.index("nonce=") + 10)}, body


CHANGES = (of_body, of_target, of_host, of_method, of_signature, of_nonce)


@test
def one_byte_changed_on_the_way_is_refused(stack):
    """Each program and kind of key with one of the changes, and one of them with each."""
    cases = [(*one, CHANGES[at % len(CHANGES)]) for at, one in enumerate(each(stack))] + [(*each(stack)[0], change) for change in CHANGES]
    payments = rows(stack, "SELECT count(*) FROM payments")[0][0]
    refused = metric(stack, 'till_security_events_total{kind="request_refused"}')
    for name, kind, env, change in cases:
        stack.relay.change = change
        try:
            lines = said_by(stack, name, number("X"), **env)
        finally:
            stack.relay.change = None
        expect(lines[0].startswith("401 unauthorized"), f"{name} with {kind}, {change.__name__}: {lines}")
        if change is not of_body:  # the second request has none
            equal(lines[1], "401 unauthorized", f"{name} with {kind}, {change.__name__}: the list")
    equal(rows(stack, "SELECT count(*) FROM payments")[0][0], payments, "payments")
    expect(metric(stack, 'till_security_events_total{kind="request_refused"}') - refused >= len(cases), "refusals counted")


@test
def anothers_key_is_refused(stack):
    for language in LANGUAGES:
        for kind, env in stack.keys.items():
            other = {**env, "TILL_SECRET": "0" * 64} if kind == "hmac" else {**env, "TILL_PRIVATE_KEY": str(make_pair(stack.folder, kind)[0])}
            lines = said_by(stack, f"order.{language}", number("X"), **other)
            expect(lines[0].startswith("401 unauthorized") and lines[1] == "401 unauthorized", f"{language} with {kind}: {lines}")


# ---- webhooks


class Hook:
    """A webhook program that runs, with what it printed."""

    def __init__(self, stack, name, port, secret):
        self.port, self.log = port, stack.folder / f"{name}.said"
        with open(self.log, "wb") as said:
            self.child = subprocess.Popen([str(word) for word in (*stack.programs[name], port)], stdout=said, stderr=subprocess.STDOUT,
                                          env={**os.environ, "WEBHOOK_SECRET": secret})

    def lines(self):
        return self.log.read_text(encoding="utf-8").splitlines()

    def post(self, headers, body):
        return request(self.port, "POST", "/hook", body, headers).status

    def close(self):
        self.child.terminate()
        self.child.wait(20)


def is_up(hook):
    try:
        return hook.post({}, b"{}") == 400
    except OSError:
        return False


def signed_headers(secret, body, identity="evt_" + "1" * 32, at=None, version="v1"):
    moment = str(int(time.time()) if at is None else at)
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": identity, "webhook-timestamp": moment, "webhook-signature": f"{version},{base64.b64encode(mac).decode()}"}


def takes_only_what_is_signed(hook, secret):
    """Both directions, beside what the gateway itself sent."""
    body = json.dumps({"type": "payment.succeeded", "data": {"out_trade_no": "by-hand"}}).encode()
    good = signed_headers(secret, body)
    wrong = {"a byte of the body": (good, body.replace(b"by-hand", b"by-hanc")), "no headers": ({}, body), "another id": ({**good, "webhook-id": "evt_2"}, body),
             "a byte of the signature": ({**good, "webhook-signature": flipped(good["webhook-signature"], 8)}, body),
             "a signature cut short": ({**good, "webhook-signature": good["webhook-signature"][:-4]}, body),
             "no version": ({**good, "webhook-signature": good["webhook-signature"][3:]}, body),
             "too old": (signed_headers(secret, body, at=int(time.time()) - 400), body), "from the future": (signed_headers(secret, body, at=int(time.time()) + 400), body),
             "a time that is none": ({**good, "webhook-timestamp": "now"}, body), "another secret": (signed_headers("whsec_" + "A" * 43 + "=", body), body)}
    for what, (headers, sent) in wrong.items():
        equal(hook.post(headers, sent), 400, what)
    expect("payment.succeeded by-hand" not in hook.lines(), "a forged event was taken")
    both = {**good, "webhook-signature": "v1," + "A" * 43 + "= " + good["webhook-signature"]}
    equal([hook.post(good, body), hook.post(both, body)], [204, 204], "signed, and signed by two secrets")
    equal(hook.lines().count("payment.succeeded by-hand"), 1, "taken once, though it came twice")


@test
def s_110_each_webhook_program_takes_what_till_signs_once_and_nothing_else(stack):
    merchant, hooks = stack.merchant(), {}
    for language, port in stack.hooks.items():
        made_there = merchant.call("POST", "/v1/webhook-endpoints", {"url": f"http://127.0.0.1:{port}/hook"})
        equal(made_there.status, 201, language)
        hooks[language] = (Hook(stack, f"webhook.{language}", port, made_there.json()["secret"]), made_there.json()["secret"])
    try:
        for language, (hook, _) in hooks.items():
            wait_for(lambda hook=hook: is_up(hook), f"webhook.{language}")
        payment = settle(stack, create(stack))
        for language, (hook, secret) in hooks.items():
            wait_for(lambda hook=hook: f"payment.succeeded {payment['out_trade_no']}" in hook.lines(), f"webhook.{language}: the event")
            takes_only_what_is_signed(hook, secret)
        wait_for(lambda: rows(stack, "SELECT count(*) FROM deliveries WHERE state = 1")[0][0] >= len(hooks), "deliveries")
    finally:
        for hook, _ in hooks.values():
            hook.close()


# ---- the shell lines of doc/API.md


def shell_lines():
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "doc" / "API.md").read_text(encoding="utf-8"), re.M | re.S)
    return next(block for block in blocks if "TILL-HMAC" in block), next(block for block in blocks if "ed25519=" in block)


def in_shell(stack, script, **env):
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, timeout=60, cwd=stack.folder, env={**os.environ, **env})
    equal((done.returncode, done.stderr), (0, ""), "the shell's end")
    return json.loads(done.stdout)


@test
def the_shell_lines_order_with_each_kind_of_key(stack):
    by_secret, by_key = (text.replace("127.0.0.1:8080", f"127.0.0.1:{stack.gateway_port}") for text in shell_lines())
    wish = number("S")
    by_secret = by_secret.replace('"A1"', f'"{wish}"')
    env = {"KEY": stack.key["id"], "SECRET": stack.key["secret"]}
    equal(in_shell(stack, by_secret, **env)["out_trade_no"], wish, "by HMAC")
    equal(in_shell(stack, by_secret.replace('-d "$body"', '-d "$body "'), **env)["code"], "unauthorized", "one byte more")
    first = by_secret.split("mac=")[0]
    for kind in KINDS:
        (stack.folder / f"{kind}_private_key.pem").write_bytes(Path(stack.keys[kind]["TILL_PRIVATE_KEY"]).read_bytes())
    for kind, scheme in (("rsa", "TILL-RSA-SHA256"), ("ed25519", "TILL-ED25519")):
        sign_only = "\n".join(line for line in by_key.splitlines() if not line.startswith({"rsa": "ed25519=", "ed25519": "rsa="}[kind]))
        send = (f"\ncurl -sS http://127.0.0.1:{stack.gateway_port}/v1/payments -H 'Content-Type: application/json' -d \"$body\" "
                f"-H \"Authorization: {scheme} key=$KEY,timestamp=$now,nonce=$nonce,signature=${kind}\"")
        env = {"KEY": stack.keys[kind]["TILL_KEY"]}
        equal(in_shell(stack, first + sign_only + send, **env)["out_trade_no"], wish, f"by {kind}")
        equal(in_shell(stack, first + sign_only + send.replace('"$body"', '"$body "'), **env)["code"], "unauthorized", f"by {kind}: one byte more")


if __name__ == "__main__":
    main(setup)
