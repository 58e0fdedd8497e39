# SPDX-License-Identifier: Apache-2.0
"""Talks to one SDK: a program of the SDK's language reads a JSON document a line and answers with one.

    {"do": "open", "client": "...", "place": {...}}        makes a client of the SDK
    {"do": "call", "client": "...", "method": ..., "business": {...}}
    -> {"value": ...}, {"refused": "what the SDK raised"} or {"lacks": "what the SDK does not have"}

So a scene is written once, in cells.py, and each driver holds nothing but the SDK's own calls.
"""
import base64
import json
import queue
import subprocess
import threading

ANSWER_SECONDS = 60


class Grey(Exception):
    """A cell that cannot be filled: the SDK has no such call, or the sandbox no such endpoint."""


class Refused(Exception):
    """The SDK raised: at an answer it does not trust, a key it cannot read, a connection that broke."""


class Driver:
    """The program of one SDK; started at the first question."""

    def __init__(self, name, arguments, log, env=None):
        self.name, self.arguments, self.log, self.env = name, [str(word) for word in arguments], log, env
        self.child, self.answers = None, queue.Queue()

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, env=self.env)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.child.stdout:
            self.answers.put(line)
        self.answers.put(b"")

    def ask(self, verb, **words):
        if self.child is None:
            self.start()
        self.child.stdin.write(json.dumps({"do": verb, **words}).encode() + b"\n")
        self.child.stdin.flush()
        try:
            line = self.answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise TimeoutError(f"{self.name} did not answer {verb} within {ANSWER_SECONDS} s; see {self.log}") from None
        if not line:
            raise RuntimeError(f"the driver of {self.name} ended: {self.log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        answer = json.loads(line)
        if "lacks" in answer:
            raise Grey(answer["lacks"])
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["value"]

    def close(self):
        if self.child is not None:
            self.child.stdin.close()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def without_empty(value):
    """SDKs with types fill what was not sent with nothing; the scenes compare what was sent."""
    if isinstance(value, dict):
        return {name: without_empty(inner) for name, inner in value.items() if inner not in ("", None, [], {})}
    return [without_empty(inner) for inner in value] if isinstance(value, list) else value


class Client:
    """A client object inside of a driver: one SDK, one place, one mode."""

    def __init__(self, driver, name, place, methods=None, key_form=None):
        self.driver, self.name, self.place, self.methods = driver, name, place, methods
        form = {"key_form": key_form} if key_form else {}
        driver.ask("open", client=name, place=place, **form)

    def ask(self, verb, **words):
        return self.driver.ask(verb, client=self.name, **words)

    def offered(self, method):
        if self.methods is not None and method not in self.methods:
            raise Grey(f"the sandbox does not offer {method}")

    def call(self, method, business, **words):
        self.offered(method)
        return without_empty(self.ask("call", method=method, business=business, **words))

    def page(self, method, business, how="GET", **words):
        self.offered(method)
        return self.ask("page", method=method, business=business, how=how, **words)

    def order_string(self, method, business, **words):
        self.offered(method)
        return self.ask("order_string", method=method, business=business, **words)

    def upload(self, method, business, file):
        self.offered(method)
        return without_empty(self.ask("upload", method=method, business=business, file=base64.b64encode(file).decode()))

    def notified(self, form, rule="v1"):
        return self.ask("notified", form=form, rule=rule)
