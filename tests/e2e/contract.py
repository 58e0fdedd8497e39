# SPDX-License-Identifier: Apache-2.0
"""Holds answers and webhooks to doc/openapi.yaml.

`watch()` makes every request of tools/stack.py to the public listener of a gateway pass through `judge_answer`. What does not
fit is kept until somebody takes it with `taken()`, so that a request of a thread counts, too. Answers are judged more strictly
than the contract asks of its readers: a member that it does not name is a fault of ours, or of the contract.
"""
import functools
import json
import re
import threading
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "doc" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
# What the server may say before it knows the operation.
SERVERS_OWN = {"400": "BadRequest", "404": "NotFound", "405": "MethodNotAllowed", "413": "TooLarge", "429": "TooManyRequests",
               "431": "HeadTooLarge", "503": "TryAgain"}
# What the wire and every listener of ours adds, so that no answer names it.
EVERYWHERE = {"connection", "content-length", "content-type", "date", "referrer-policy", "x-content-type-options"}
# Ports of gateways whose tests switch a limit off: there its fields are missing, and rightly.
unlimited = set()
LIBRARYS_OWN = (b"HTTP/1.1 400 ", b"HTTP/1.1 413 ", b"HTTP/1.1 431 ")


def closed(schema):
    """The schema without references, each object of it closed against members that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "description", "deprecated")}
        found = named(schema["$ref"])
        return {"allOf": [found, closed(beside)]} if beside else found
    made = {key: value if key in ("const", "enum", "examples", "default", "required") else closed(value) for key, value in schema.items()
            if key not in ("discriminator", "description", "format", "example")}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


@functools.lru_cache(maxsize=None)
def named(ref):
    return closed(at(ref))


def at(ref):
    node = document()
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node


def followed(node):
    return at(node["$ref"]) if "$ref" in node else node


@functools.lru_cache(maxsize=None)
def document():
    return yaml.load(SOURCE.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def validator(schema):
    return jsonschema.Draft202012Validator(closed(schema))


def complaint(check, value):
    """The first thing that does not fit, with its place; an empty text when all fits."""
    error = jsonschema.exceptions.best_match(check.iter_errors(value))
    if error is None:
        return ""
    return f"at {'/'.join(map(str, error.absolute_path)) or 'the top'}: {error.message[:300]}"


class Answer:
    """One answer of the contract: its headers and bodies, compiled when first needed."""

    def __init__(self, node):
        node = followed(node)
        self.headers = {name.lower(): followed(header) for name, header in node.get("headers", {}).items()}
        self.content = node.get("content", {})
        self.checks = {}

    def check(self, name, schema):
        if name not in self.checks:
            self.checks[name] = validator(schema)
        return self.checks[name]

    def judge_headers(self, headers, is_limited):
        for name, header in self.headers.items():
            if name not in headers:
                if header.get("required") or (is_limited and "x-missing-when" in header):
                    return f"the header {name} is missing"
                continue
            text = headers[name]
            is_number = header["schema"].get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text)
            why = complaint(self.check(f"header {name}", header["schema"]), int(text) if is_number else text)
            if why:
                return f"the header {name} is {text!r}: {why}"
        unknown = sorted(headers.keys() - self.headers.keys() - EVERYWHERE)
        return f"the header {unknown[0]} is none of this answer's in the contract" if unknown else ""

    def judge_body(self, headers, body):
        if not self.content:
            return f"a body of {len(body)} bytes where the contract has none" if body else ""
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in self.content:
            return f"the content type {media!r} is none of {', '.join(self.content)}"
        try:
            text = body.decode("utf-8")
            value = json.loads(text) if media.endswith("json") else text
        except ValueError as error:
            return f"the body is not {media}: {error}"
        return complaint(self.check(f"body {media}", self.content[media]["schema"]), value)


class Contract:
    def __init__(self):
        self.paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), path, item) for path, item in document()["paths"].items()]
        self.paths.sort(key=lambda row: row[1].count("{"))
        self.answers, self.events, self.seen, self.lock = {}, {}, {}, threading.Lock()

    def find(self, path):
        """(path of the contract, its operations) or None."""
        return next(((name, item) for pattern, name, item in self.paths if pattern.match(path)), None)

    def answer(self, path, method, status, node):
        key = (path, method, status)
        if key not in self.answers:
            self.answers[key] = Answer(node)
        return self.answers[key]

    def node_of(self, item, method, status):
        operation = item.get("get" if method == "HEAD" else method.lower())
        if operation is not None:
            return operation["responses"].get(status)
        if status in SERVERS_OWN and status != "404":
            return {"$ref": f"#/components/responses/{SERVERS_OWN[status]}"}
        return next((item[of]["responses"].get(status) for of in METHODS if of in item), None)

    def judge_answer(self, method, target, status, headers, body, is_limited=True):
        """Why an answer does not fit; empty when it does, or when the contract does not know the path. is_limited: no limit is off."""
        found = self.find(target.partition("?")[0])
        if not found:
            return ""
        path, item = found
        node = self.node_of(item, method, str(status))
        where = f"{method} {path} answered {status}"
        if node is None:
            return f"{where}, which the contract does not name: {body[:300]!r}"
        answer = self.answer(path, method, status, node)
        with self.lock:
            self.seen[(path, method, status)] = self.seen.get((path, method, status), 0) + 1
        # Where even a header could not be made for want of memory, the words are kept and the headers are not.
        bare = status == 500 and b"An answer's header holds a byte that cannot be sent" in body
        why = ("" if bare else answer.judge_headers(headers, is_limited)) or ("" if method == "HEAD" else answer.judge_body(headers, body))
        return f"{where}: {why}; the body begins {body[:300]!r}" if why else ""

    def judge_webhook(self, headers, body):
        """Why a delivered event does not fit. One that was cut on the wire is none: its sender will come again."""
        if len(body) < int(headers.get("content-length", "0")):
            return ""
        try:
            event = json.loads(body)
        except ValueError as error:
            return f"a webhook's body is no JSON: {error}; of {headers.get('content-length')} bytes {len(body)} came: {body!r}"
        item = document()["webhooks"].get(event.get("type"))
        if item is None:
            return f"the contract has no webhook {event.get('type')!r}"
        if event["type"] not in self.events:
            parameters = [followed(one) for one in item["post"]["parameters"]]
            schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
            self.events[event["type"]] = (validator(schema), [(one["name"], validator(one["schema"])) for one in parameters])
        check, wanted = self.events[event["type"]]
        why = complaint(check, event)
        for name, of_header in wanted:
            why = why or (f"the header {name} is missing" if name not in headers else complaint(of_header, headers[name]))
        return f"webhook {event['type']}: {why}" if why else ""


_contract, _violations, _lock = None, [], threading.Lock()


def contract():
    global _contract
    with _lock:
        if _contract is None:
            _contract = Contract()
        return _contract


def note(why):
    if why:
        with _lock:
            _violations.append(f"{why}\nIs the code or doc/openapi.yaml wrong? Tests hold each answer to the contract.")


def taken():
    """What did not fit since the last call, without repetitions."""
    with _lock:
        found = list(dict.fromkeys(_violations))
        _violations.clear()
    return found


def watch(stack):
    """stack: the module tools/stack.py. From now on each answer of a public listener is judged."""
    def observe(port, method, target, answer):
        if port in stack.public_ports:
            note(contract().judge_answer(method, target, answer.status, answer.headers, answer.body, port not in unlimited))
    stack.observer = observe


def judge_raw(request, reply):
    """The same for bytes that a test sent and received past the client: a lone answer to a request that can be read."""
    line = re.match(rb"([A-Z]+) (/[!-~]*) HTTP/1\.1\r\n", request)
    head, gap, body = reply.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    if not line or not status or not gap or reply.count(b"HTTP/1.1 ") != 1 or int(status.group(1)) < 200:
        return
    if head.startswith(LIBRARYS_OWN) and body.startswith(b"<html>"):
        return  # bytes that are no HTTP never become a request: libmicrohttpd answers them in words of its own
    pairs = [one.decode("latin-1").partition(":") for one in head.split(b"\r\n")[1:]]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("content-length") == str(len(body)):
        note(contract().judge_answer(line.group(1).decode(), line.group(2).decode(), int(status.group(1)), headers, body))
