# SPDX-License-Identifier: Apache-2.0
"""The contract as the daemon serves it, and the page made of it. That answers fit it is seen to in every file: contract.py."""
import html.parser
import re

import contract
from tap import ROOT, create, equal, expect, is_problem, main, request, test


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.words = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        expect(not any(name.startswith("on") or name == "style" for name in attributes), f"<{tag}> has code or style of its own: {attributes}")

    def handle_data(self, data):
        self.words.append(data)


def get(stack, path, method="GET"):
    answer = request(stack.gateway_port, method, path)
    equal(answer.status, 200, path)
    return answer


@test
def the_daemon_serves_the_very_file(stack):
    answer = get(stack, "/openapi.yaml")
    equal(answer.body, (ROOT / "doc" / "openapi.yaml").read_bytes(), "the file")
    equal(answer.headers["content-type"], "application/yaml; charset=utf-8", "content type")
    equal(get(stack, "/openapi.json").json(), contract.document(), "the document as JSON")
    equal(get(stack, "/openapi.yaml", "HEAD").body, b"", "a HEAD")
    is_problem(request(stack.gateway_port, "POST", "/openapi.yaml"), 405, "method_not_allowed")


@test
def the_page_shows_all_of_it_without_scripts(stack):
    answer = get(stack, "/docs")
    equal(answer.headers["content-type"], "text/html; charset=utf-8", "content type")
    policy = answer.headers["content-security-policy"]
    expect("default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy, f"policy: {policy}")
    page = Page(answer.text)
    expect(not page.tags & {"script", "iframe", "style", "object", "form"}, f"tags: {page.tags}")
    shown = "".join(page.words)
    document = contract.document()
    for path, item in document["paths"].items():
        expect(path in shown, f"{path} is not on the page")
        expect(all(item[method]["operationId"] in page.ids for method in item), f"an operation of {path} has no place on the page")
    for name in document["components"]["schemas"]:
        expect(f"schema-{name}" in page.ids, f"the schema {name} has no place on the page")
    equal(len(page.ids), len(set(page.ids)), "places of one name")


@test
def every_link_of_the_page_leads_somewhere(stack):
    page = Page(get(stack, "/docs").text)
    expect(len(page.links) > 200, f"only {len(page.links)} links")
    for link in sorted(set(page.links)):
        if link.startswith("#"):
            expect(link[1:] in page.ids, f"{link} leads nowhere")
        else:
            get(stack, link)


@test
def nobody_unproven_gets_past_any_operation_that_is_not_open(stack):
    document, asked = contract.document(), 0
    for path, method, operation in [(path, method, item[method]) for path, item in document["paths"].items() for method in item]:
        if operation.get("security") == []:
            continue
        target = re.sub(r"\{\w+\}", "pay_" + "0" * 32, path)
        is_problem(request(stack.gateway_port, method.upper(), target), 401, "unauthorized")
        asked += 1
    expect(asked >= 19, f"only {asked} operations want a proof")


@test
def an_answer_that_breaks_the_contract_fails_the_test(stack):
    payment = create(stack)
    broken = {key: value for key, value in payment.items() if key != "cashier_url"}
    judge = contract.Contract().judge_answer
    headers = {"x-request-id": "req_" + "0" * 32, "cache-control": "no-store", "content-type": "application/json",
               "ratelimit-policy": '"payments.create";q=500;w=1', "ratelimit": '"payments.create";r=499;t=1'}
    equal(judge("POST", "/v1/payments", 201, headers, contract.json.dumps(payment).encode()), "", "the true answer")
    why = judge("POST", "/v1/payments", 201, headers, contract.json.dumps(broken).encode())
    expect("'cashier_url' is a required property" in why, f"found: {why}")
    mute = {name: value for name, value in headers.items() if name != "ratelimit"}
    expect("the header ratelimit is missing" in judge("POST", "/v1/payments", 201, mute, contract.json.dumps(payment).encode()), "what is left of the limit is not told")
    contract.note(why)
    expect(contract.taken() and not contract.taken(), "what was noted is taken once")


main()
