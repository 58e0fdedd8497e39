#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs-html.py CONTRACT.yaml OUT.json OUT.html: the contract as JSON, and as one page for people that needs no script.

The page shows what the contract says and nothing else: operations by tag, then events, then schemas; every `$ref` is a link.
"""
import html
import json
import re
import sys
from pathlib import Path

import yaml

METHODS = ("get", "post", "put", "patch", "delete")
BOUNDS = (("minimum", "at least {}"), ("maximum", "at most {}"), ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
          ("minItems", "at least {} entries"), ("maxItems", "at most {} entries"), ("minProperties", "at least {} members"),
          ("maxProperties", "at most {} members"))


def text(value):
    return html.escape(str(value), quote=True)


def prose(value):
    """Paragraphs; `code` in backticks, addresses stay text."""
    parts = re.split(r"\n\s*\n", str(value).strip())
    return "".join("<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", text(part)) + "</p>" for part in parts if part)


def line(value):
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value or ""))


def name_of(ref):
    return ref.rsplit("/", 1)[1]


def link(ref):
    return f'<a href="#schema-{text(name_of(ref))}">{text(name_of(ref))}</a>'


def value_text(value):
    return f"<code>{text(json.dumps(value, ensure_ascii=False))}</code>"


def bounds(schema):
    """Everything that a value must keep to, in words."""
    words = [line(sentence.format(schema[key])) for key, sentence in BOUNDS if key in schema]
    if "const" in schema:
        words.append("always " + value_text(schema["const"]))
    if "enum" in schema:
        words.append("one of " + ", ".join(value_text(value) for value in schema["enum"]))
    if "pattern" in schema:
        words.append(f"<code>{text(schema['pattern'])}</code>")
    if "default" in schema:
        words.append("default " + value_text(schema["default"]))
    return words


def kind(schema):
    """The type of a value in one line of HTML."""
    if "$ref" in schema:
        return link(schema["$ref"])
    for key, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        if key in schema:
            named = [kind(part) for part in schema[key] if part.keys() & {"$ref", "type", "oneOf", "allOf"}]
            return word.join(named) or "any"
    types = schema.get("type", "any" if "const" not in schema and "enum" not in schema else "")
    words = " or ".join(types) if isinstance(types, list) else types
    if "items" in schema:
        words = f"list of {kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        words = f"object of {kind(schema['additionalProperties'])}"
    return words + (f" ({text(schema['format'])})" if "format" in schema else "")


def rule(schema):
    parts = [kind(schema), *bounds(schema)]
    told = "; ".join(part for part in parts if part)
    if schema.get("deprecated"):
        told += ' <span class="old">deprecated</span>'
    return told


def row(name, schema, needed, description):
    mark = ' <span class="need">required</span>' if needed else ""
    return (f'<div class="row"><dt><code>{text(name)}</code>{mark}</dt>'
            f'<dd><span class="rule">{rule(schema)}</span>{" " + line(description) if description else ""}</dd></div>')


def members(schema):
    needed = schema.get("required", [])
    rows = "".join(row(name, value, name in needed, value.get("description")) for name, value in schema.get("properties", {}).items())
    closed = "<p class=\"soft\">Other members are refused.</p>" if schema.get("additionalProperties") is False else ""
    return (f"<dl>{rows}</dl>" if rows else "") + closed


class Page:
    def __init__(self, contract):
        self.contract = contract

    def at(self, node):
        """The node itself, or what it refers to (with what stands beside the reference)."""
        if "$ref" not in node:
            return node
        found = self.contract
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return {**found, **{key: value for key, value in node.items() if key != "$ref"}}

    def parameters(self, operation, path):
        given = [self.at(one) for one in path.get("parameters", []) + operation.get("parameters", [])]
        rows = []
        for one in given:
            schema = {**one["schema"], **({"deprecated": True} if one.get("deprecated") else {})}
            rows.append(row(one["name"], schema, one.get("required"), f"In the {one['in']}. {one.get('description', '')}"))
        return f"<h4>Parameters</h4><dl>{''.join(rows)}</dl>" if rows else ""

    def media(self, content):
        return "".join(f'<p><code>{text(media)}</code> {rule(part["schema"])}</p>' for media, part in content.items() if "schema" in part)

    def examples(self, content):
        told = ""
        for part in content.values():
            for one in part.get("examples", {}).values():
                example = self.at(one)
                shown = json.dumps(example["value"], ensure_ascii=False, indent=2)
                told += f'<details><summary>{line(example.get("summary", "Example"))}</summary><pre>{text(shown)}</pre></details>'
        return told

    def body(self, operation):
        if "requestBody" not in operation:
            return ""
        body = self.at(operation["requestBody"])
        mark = ' <span class="need">required</span>' if body.get("required") else ""
        return f"<h4>Body{mark}</h4>" + self.media(body["content"]) + self.examples(body["content"])

    def answers(self, operation):
        told = ""
        for status, node in operation["responses"].items():
            answer = self.at(node)
            headers = {name: self.at(header) for name, header in answer.get("headers", {}).items()}
            rows = "".join(row(name, header["schema"], header.get("required"), header.get("description")) for name, header in headers.items())
            told += (f'<details><summary><b class="s{text(str(status)[0])}">{text(status)}</b> {line(answer["description"])}</summary>'
                     f'{self.media(answer.get("content", {}))}{"<dl>" + rows + "</dl>" if rows else ""}</details>')
        return f"<h4>Answers</h4>{told}"

    def rights(self, operation):
        wanted = operation.get("security", self.contract.get("security", []))
        ways = [" and ".join(name + (f" ({', '.join(scopes)})" if scopes else "") for name, scopes in one.items()) for one in wanted]
        return f'<p class="soft">Proved by {text(" or ".join(ways))}.</p>' if ways else '<p class="soft">Open.</p>'

    def operation(self, path, method, operation, item):
        return (f'<article id="{text(operation["operationId"])}"><h3><span class="method {method}">{method.upper()}</span> '
                f'<code>{text(path)}</code></h3><p class="sum">{line(operation["summary"])}</p>{prose(operation.get("description", ""))}'
                f"{self.rights(operation)}{self.parameters(operation, item)}{self.body(operation)}{self.answers(operation)}</article>")

    def operations(self, group):
        return [(path, method, item[method], item) for path, item in self.contract[group].items() for method in METHODS if method in item]

    def section(self, tag):
        found = [one for one in self.operations("paths") if tag["name"] in one[2]["tags"]]
        articles = "".join(self.operation(*one) for one in found)
        return f'<section id="tag-{text(tag["name"])}"><h2>{text(tag["name"])}</h2><p>{line(tag.get("description"))}</p>{articles}</section>'

    def events(self):
        told = ""
        for name, _, operation, item in self.operations("webhooks"):
            told += (f'<article id="{text(operation["operationId"])}"><h3><code>{text(name)}</code></h3>'
                     f'<p class="sum">{line(operation["summary"])}</p>{self.parameters(operation, item)}{self.body(operation)}{self.answers(operation)}</article>')
        return f'<section id="webhooks"><h2>Webhooks</h2><p>What is posted to your addresses.</p>{told}</section>'

    def proofs(self):
        told = "".join(f"<h3><code>{text(name)}</code></h3>{prose(scheme.get('description', ''))}"
                       for name, scheme in self.contract["components"]["securitySchemes"].items())
        return f'<section id="proofs"><h2>Who asks</h2>{told}</section>'

    def schema(self, name, schema):
        inner = [part for key in ("allOf", "oneOf", "anyOf") for part in schema.get(key, [])]
        told = rule(schema) if schema.get("type") != "object" or inner else ""
        more = "".join(members(part) for part in inner if "properties" in part)
        return (f'<article id="schema-{text(name)}"><h3>{text(name)}</h3>{prose(schema.get("description", ""))}'
                f'{f"<p class=rule>{told}</p>" if told else ""}{members(schema)}{more}</article>')

    def schemas(self):
        told = "".join(self.schema(name, schema) for name, schema in self.contract["components"]["schemas"].items())
        return f'<section id="schemas"><h2>Schemas</h2>{told}</section>'

    def contents(self):
        told = ""
        for tag in self.contract["tags"]:
            rows = "".join(f'<li><a href="#{text(operation["operationId"])}"><span class="method {method}">{method.upper()}</span> {text(path)}</a></li>'
                           for path, method, operation, _ in self.operations("paths") if tag["name"] in operation["tags"])
            told += f'<details open><summary><a href="#tag-{text(tag["name"])}">{text(tag["name"])}</a></summary><ul>{rows}</ul></details>'
        return (f'<nav aria-label="Contents"><p><a href="#proofs">Who asks</a></p>{told}<p><a href="#webhooks">Webhooks</a></p>'
                f'<p><a href="#schemas">Schemas</a></p></nav>')

    def whole(self):
        info = self.contract["info"]
        sections = "".join(self.section(tag) for tag in self.contract["tags"])
        return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
                f'<title>{text(info["title"])}: the contract</title><link rel="stylesheet" href="/assets/docs.css">'
                f'<link rel="icon" href="/assets/till.svg"></head><body><header><h1>{text(info["title"])}</h1><p>{line(info["summary"])}</p>'
                f'{prose(info["description"])}<p>This page is made of <a href="/openapi.yaml">openapi.yaml</a> '
                f'(<a href="/openapi.json">as JSON</a>).</p></header>{self.contents()}<main>{self.proofs()}{sections}{self.events()}{self.schemas()}</main>'
                f"</body></html>\n")


def main(source, as_json, as_html):
    contract = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    Path(as_json).write_text(json.dumps(contract, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    Path(as_html).write_text(Page(contract).whole(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
