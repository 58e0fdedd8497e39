# SPDX-License-Identifier: Apache-2.0
"""doc/openapi.yaml against the source: routes, rights, errors, states, types, the channel's fields; its examples against its schemas.

`judge(contract, sources)` says what does not agree; `sources` is a dictionary of the texts it is compared with, so that each rule can
be shown to fail.
"""
import copy
import re
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import contract as harness  # noqa: E402

FILES = {"routes": "gateway/api/service.c", "errors": "include/till/error.def", "states": "lib/payment/state.c", "extra": "lib/channel/alipay/extra.c",
         "products": "lib/channel/alipay/alipay.c", "discrepancies": "gateway/store/discrepancy.def", "checkout": "lib/channel/stripe/stripe.c",
         "checkout_extra": "lib/channel/stripe/extra.c", "checkout_currencies": "lib/channel/stripe/currencies.c", "channels": "lib/channel/channel.c"}
ROUTE = re.compile(r'\{"([A-Z]+)",\s*"([^"]+)",\s*"[^"]+",\s*(\w+),\s*(?:true|false),\s*\w+((?:,\s*\.[^{}]+)?)\}')
SIGNED = ["hmac", "rsa", "ed25519"]
ERROR = re.compile(r'TILL_ERROR\((\w+),\s*(\w+),\s*(\d{3}),\s*"([^"]+)"')
METHODS = harness.METHODS
SIGNED_WAYS = [{name: []} for name in SIGNED]
# Texts a merchant may give, of the channel's table; the masks repeat those of extra.c.
MASKS = {"PRECREATE": 1, "PAGE": 2, "WAP": 4, "APP": 8, "JSAPI": 16, "BARCODE": 32, "WEB": 6, "HANDED": 14, "SCENES": 49, "EXPIRING": 31, "ALL": 63}


def routes(text):
    """(method, pattern, need, scope that opens it for tokens) of the public table."""
    table = text[text.index("PUBLIC[] = {"):text.index("PRIVATE[] = {")]
    found = ROUTE.findall(table)
    if len(found) != len(re.findall(r'^    \{"', table, re.M)):
        raise ValueError("the table of routes in gateway/api/service.c has a row that cannot be read")
    return [(method, pattern, need, scope_in(rest)) for method, pattern, need, rest in found]


def scope_in(rest):
    scope = re.search(r'\.scope = "([^"]+)"', rest)
    return scope.group(1) if scope and ".signed_only = true" not in rest else ""


def fits(pattern, path):
    """Does the route take the contract's path? Braces take one part, {rest} all that follow."""
    parts = re.split(r"\{\w+\}", pattern)
    words = "[^/]+".join(re.escape(part) for part in parts)
    if pattern.endswith("{rest}"):
        words = "[^/]+".join(re.escape(part) for part in parts[:-1]) + ".+"
    return re.fullmatch(words, path) is not None


def operations(contract):
    return [(path, method, item[method]) for path, item in contract["paths"].items() for method in METHODS if method in item]


def of_routes(contract, table):
    known = operations(contract)
    for method, pattern, _, _ in table:
        if not any(method.lower() == of and fits(pattern, path) for path, of, _ in known):
            yield f"the route {method} {pattern} is not in doc/openapi.yaml: describe it there"
    for path, of, operation in known:
        mine = [row for row in table if row[0].lower() == of and fits(row[1], path)]
        if not mine:
            yield f"doc/openapi.yaml has {of.upper()} {path}, for which there is no route"
            continue
        is_open = mine[0][2] == "NEED_NOTHING"
        if is_open != (operation.get("security") == []):
            yield f"{of.upper()} {path} is {'open' if is_open else 'not open'}, and doc/openapi.yaml says otherwise"
        yield from of_scopes(path, of, operation, mine[0][3], contract)


def of_scopes(path, of, operation, scope, contract):
    """What a token must carry; without a scope no token opens it."""
    ways = operation.get("security", contract.get("security", []))
    told = [scopes for way in ways for name, scopes in way.items() if contract["components"]["securitySchemes"][name]["type"] == "oauth2"]
    if bool(scope) != bool(told) or any(scope not in scopes for scopes in told):
        yield f"{of.upper()} {path} wants the scope {scope!r}, and doc/openapi.yaml says {told}"
    signed = [name for way in ways for name in way if name != "oauth"]
    if signed != ([] if operation.get("security") == [] else SIGNED):
        yield f"{of.upper()} {path} can be signed in the ways {', '.join(SIGNED)}, and doc/openapi.yaml says {', '.join(signed)}"


def of_errors(contract, text):
    wanted = {}
    for _, _, status, slug in ERROR.findall(text):
        wanted.setdefault(int(status), set()).add(slug)
    schemas = contract["components"]["schemas"]
    told = {int(name[7:]): set(schema["allOf"][1]["properties"]["code"]["enum"]) for name, schema in schemas.items() if re.fullmatch(r"Problem\d{3}", name)}
    for status in sorted(wanted.keys() | told.keys()):
        for slug in sorted(wanted.get(status, set()) ^ told.get(status, set())):
            side = "misses" if slug in wanted.get(status, set()) else "has"
            yield f"Problem{status} in doc/openapi.yaml {side} the code {slug} (include/till/error.def)"


def names_in(text, array):
    body = text[text.index(array):]
    return re.findall(r'=\s*"([a-z_]+)"', body[:body.index("};")])


def of_enums(contract, sources):
    schemas = contract["components"]["schemas"]
    types = re.findall(r'^DISCREPANCY\(\w+, "(\w+)"', sources["discrepancies"], re.M)
    products = re.findall(r'\.name = "(\w+)"', sources["products"])[:6] + re.findall(r'\{\.name = "(\w+)"', sources["checkout"])
    currencies = re.findall(r'"([A-Z]{3})"', sources["checkout_currencies"])
    channels = re.findall(r"&(\w+)_channel,", sources["channels"])
    for name, wanted in (("PaymentState", names_in(sources["states"], "payment_names[]")), ("AttemptState", names_in(sources["states"], "attempt_names[]")),
                         ("RefundState", names_in(sources["states"], "refund_names[]")), ("DiscrepancyType", types), ("Product", products),
                         ("CheckoutCurrency", currencies), ("ChannelName", channels)):
        if schemas[name]["enum"] != wanted:
            yield f"the schema {name} says {schemas[name]['enum']}, the source {wanted}"
    events = contract["webhooks"].keys()
    if set(schemas["EventType"]["enum"]) != set(events):
        yield f"the schema EventType and the webhooks differ: {sorted(set(schemas['EventType']['enum']) ^ set(events))}"


def fields(text):
    """product -> {field: greatest length or None} of the channel's table."""
    found = {}
    for name, masks, kind, most in re.findall(r'\{"(\w+)", ([A-Z |]+), (\w+), (\d+), (?:NULL|"[^"]*")\}', text) + [("action", "WEB", "CHOICE", "0")]:
        bits = 0
        for mask in masks.split("|"):
            bits |= MASKS[mask.strip()]
        for at, product in enumerate(("precreate", "page", "wap", "app", "jsapi", "barcode")):
            if bits >> at & 1:
                found.setdefault(product, {})[name] = int(most) if kind in ("TEXT", "ADDRESS") and name != "auth_code" else None
    return found


def of_extra(contract, text):
    for product, wanted in fields(text).items():
        schema = contract["components"]["schemas"]["Extra" + product.capitalize()]
        told = {name: value.get("maxLength") for name, value in schema["properties"].items()}
        for name in sorted(wanted.keys() | told.keys()):
            if name not in told or name not in wanted:
                yield f"the field {name} of {product} is in {'doc/openapi.yaml' if name in told else 'extra.c'} only"
            elif wanted[name] != told[name]:
                yield f"the field {name} of {product} has at most {told[name]} characters in doc/openapi.yaml, {wanted[name]} bytes in extra.c"


def of_checkout_extra(contract, text):
    told = contract["components"]["schemas"]["ExtraCheckout"]["properties"]
    table = dict(re.findall(r'\{"(\w+)", CHECKOUT, \w+, \w+,\s*(NULL|(?:"[^"]*"\s*)+)\}', text))
    for name in sorted(told.keys() ^ table.keys()):
        yield f"the field {name} of checkout is in {'doc/openapi.yaml' if name in told else 'extra.c'} only"
    for name, choices in table.items():
        wanted = "".join(re.findall(r'"([^"]*)"', choices)).split() or None
        if name in told and told[name].get("enum") != wanted:
            yield f"the field {name} of checkout is one of {told[name].get('enum')} in doc/openapi.yaml, of {wanted} in extra.c"


def schemas_with_examples(contract):
    """(place, schema, example) of everything that shows a value."""
    def walk(node, place):
        if isinstance(node, dict):
            if "schema" in node:
                for name, example in node.get("examples", {}).items():
                    yield f"{place}/{name}", node["schema"], harness_at(contract, example)["value"]
                if "example" in node:
                    yield place, node["schema"], node["example"]
            if isinstance(node.get("examples"), list):
                for example in node["examples"]:
                    yield place, {key: value for key, value in node.items() if key != "examples"}, example
            for key, value in node.items():
                yield from walk(value, f"{place}/{key}")
        elif isinstance(node, list):
            for at, value in enumerate(node):
                yield from walk(value, f"{place}/{at}")
    return walk(contract, "")


def harness_at(contract, node):
    if "$ref" not in node:
        return node
    found = contract
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def resolved(contract, schema):
    """The schema with `components` beside it, so that its references lead somewhere."""
    return {**schema, "components": contract["components"]}


def of_examples(contract):
    count = 0
    for place, schema, example in schemas_with_examples(contract):
        count += 1
        error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(resolved(contract, schema)).iter_errors(example))
        if error:
            yield f"the example at {place} does not fit its schema: {error.message[:200]}"
    used = {node["$ref"] for _, _, operation in operations(contract) for part in operation.get("requestBody", {}).get("content", {}).values()
            for node in part.get("examples", {}).values()}
    for name in contract["components"]["examples"]:
        if f"#/components/examples/{name}" not in used:
            yield f"the example {name} is shown nowhere"
    if count < 8:
        yield f"doc/openapi.yaml has {count} examples only"


def of_references(contract):
    """Each reference leads somewhere and nothing is without a value (a comma in an unquoted text makes such a member); else each component
    is used and no name of an operation stands twice."""
    used, broken = set(), []

    def walk(node, place):
        if isinstance(node, dict):
            ref = node.get("$ref")
            if isinstance(ref, str):
                used.add(ref)
                try:
                    harness_at(contract, node)
                except KeyError:
                    broken.append(f"{place} refers to {ref}, which is not there")
            for key, value in node.items():
                if value is None:
                    broken.append(f"{place}/{key} has no value")
                walk(value, f"{place}/{key}")
        elif isinstance(node, list):
            for at, value in enumerate(node):
                walk(value, f"{place}/{at}")
    walk(contract, "")
    if broken:
        yield from broken
        return
    for group, members in contract["components"].items():
        for name in members if group not in ("securitySchemes",) else ():
            if f"#/components/{group}/{name}" not in used and name not in harness.SERVERS_OWN.values():
                yield f"the component {group}/{name} is used nowhere"
    names = [operation["operationId"] for _, _, operation in operations(contract)]
    if len(names) != len(set(names)):
        yield "an operationId stands twice"


class Strict(yaml.SafeLoader):
    """YAML in which a key stands once: the second one would win in silence."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def of_yaml(text):
    try:
        yaml.load(text, Loader=Strict)
    except yaml.YAMLError as error:
        yield f"doc/openapi.yaml cannot be read: {error}"


def of_schemas(contract):
    try:
        jsonschema.Draft202012Validator.check_schema({"$defs": contract["components"]["schemas"]})
    except jsonschema.SchemaError as error:
        yield f"the schema at {'/'.join(map(str, error.absolute_path))} is none: {error.message[:200]}"


def judge(contract, sources):
    found = [*of_references(contract)]
    if any("not there" in one or "no value" in one for one in found):
        return found
    return [*found, *of_routes(contract, routes(sources["routes"])), *of_errors(contract, sources["errors"]), *of_enums(contract, sources),
            *of_extra(contract, sources["extra"]), *of_checkout_extra(contract, sources["checkout_extra"]), *of_examples(contract)]


def sources(root):
    return {name: Path(root, path).read_text(encoding="utf-8") for name, path in FILES.items()}


def check(root):
    return [*of_yaml(harness.SOURCE.read_text(encoding="utf-8")), *judge(harness.document(), sources(root)), *of_schemas(harness.document())]


def broken():
    """(what is wrong, the contract and sources with it, a word of the complaint)."""
    whole, texts = harness.document(), sources(ROOT)

    def changed(change):
        mine = copy.deepcopy(whole)
        change(mine)
        return mine

    def lose(*path):
        def change(contract):
            node = contract
            for part in path[:-1]:
                node = node[part]
            del node[path[-1]]
        return changed(change)

    def put(value, *path):
        def change(contract):
            node = contract
            for part in path[:-1]:
                node = node[part]
            node[path[-1]] = value
        return changed(change)
    yield "a route that the contract has not", lose("paths", "/v1/bills"), texts, "GET /v1/bills is not in"
    yield "an operation without a route", put({"get": {**whole["paths"]["/ping"]["get"], "operationId": "pong"}}, "paths", "/pong"), texts, "GET /pong, for which"
    yield "a right that is not asked", put([], "paths", "/v1/bills", "get", "security"), texts, "GET /v1/bills is not open"
    yield "a scope that is not asked", put([*SIGNED_WAYS, {"oauth": ["bills:write"]}], "paths", "/v1/bills", "get", "security"), texts, "wants the scope 'bills:read'"
    yield "a way in that the contract has not", put(SIGNED_WAYS, "paths", "/v1/bills", "get", "security"), texts, "wants the scope 'bills:read'"
    yield "a signature that the contract has not", put([{"hmac": []}, {"oauth": ["bills:read"]}], "paths", "/v1/bills", "get", "security"), texts, "can be signed in"
    yield "a token that opens nothing", put([*SIGNED_WAYS, {"oauth": ["keys:write"]}], "paths", "/v1/keys", "post", "security"), texts, "wants the scope ''"
    yield "a code that the contract has not", whole, {**texts, "errors": texts["errors"] + 'TILL_ERROR(NEW, INPUT, 418, "brand_new", "x")\n'}, "brand_new"
    yield "a state that the contract has not", whole, {**texts, "states": texts["states"].replace('"closing"', '"shutting"')}, "PaymentState"
    yield "a field that the contract has not", whole, {**texts, "extra": texts["extra"].replace('{"scene",', '{"stage",')}, "stage of barcode"
    yield "another bound", whole, {**texts, "extra": texts["extra"].replace('{"store_id", ALL, TEXT, 32', '{"store_id", ALL, TEXT, 33')}, "store_id of precreate"
    yield "a currency that the contract has not", whole, {**texts, "checkout_currencies": texts["checkout_currencies"].replace('"JPY", ', "")}, "CheckoutCurrency"
    yield "a channel that the contract has not", whole, {**texts, "channels": texts["channels"].replace("&stripe_channel,", "&stripe_channel, &other_channel,")}, "ChannelName"
    yield "a field of checkout that the contract has not", whole, {**texts, "checkout_extra": texts["checkout_extra"].replace('{"locale",', '{"tongue",')}, "tongue of checkout"
    yield "another word on the button", whole, {**texts, "checkout_extra": texts["checkout_extra"].replace("auto book donate pay", "auto book donate")}, "submit_type of checkout"
    yield "an example that does not fit", put(0, "components", "examples", "refundOrder", "value", "amount"), texts, "refundOrder"
    yield "a reference that leads nowhere", lose("components", "schemas", "Sum"), texts, "schemas/Sum, which is not there"


def answers():
    """The harness itself: (an answer that must fit or not, a word of the complaint or an empty one)."""
    good = {"x-request-id": "req_" + "0" * 32, "cache-control": "no-store", "content-type": "application/json"}
    yield ("GET", "/ping", 200, good, b'{"message":"pong"}'), ""
    yield ("GET", "/nowhere", 200, {}, b""), ""
    yield ("HEAD", "/ping", 200, good, b""), ""
    yield ("GET", "/ping", 200, good, b'{"message":"pong","more":1}'), "Additional properties"
    yield ("GET", "/ping", 200, good, b'{"message":"ping"}'), "'pong' was expected"
    yield ("GET", "/ping", 201, good, b'{"message":"pong"}'), "does not name"
    yield ("GET", "/ping", 200, {**good, "content-type": "text/html"}, b'{"message":"pong"}'), "content type"
    yield ("GET", "/ping", 200, {"content-type": "application/json"}, b'{"message":"pong"}'), "x-request-id is missing"
    yield ("GET", "/ping", 200, {**good, "cache-control": "public"}, b'{"message":"pong"}'), "cache-control"
    yield ("GET", "/v1/bills", 503, {**good, "content-type": "application/problem+json"}, b"{}"), "retry-after is missing"
    yield ("GET", "/ping", 200, {**good, "server": "till"}, b'{"message":"pong"}'), "the header server is none"
    limits = {"ratelimit-policy": '"bills.list";q=200;w=1', "ratelimit": '"bills.list";r=199;t=1'}
    page = b'{"data":[],"next_cursor":null}'
    yield ("GET", "/v1/bills", 200, {**good, **limits}, page), ""
    yield ("GET", "/v1/bills", 200, good, page), "ratelimit-policy is missing"
    yield ("GET", "/v1/bills", 200, good, page, False), ""
    yield ("GET", "/v1/bills", 200, {**good, "ratelimit-policy": limits["ratelimit-policy"]}, page), "the header ratelimit is missing"
    yield ("GET", "/v1/bills", 200, {**good, **limits, "ratelimit": "199"}, page), "the header ratelimit is '199'"
    yield ("GET", "/ping", 200, {**good, **limits}, b'{"message":"pong"}'), "the header ratelimit is none"


def judge_answers():
    """What the harness takes or refuses wrongly."""
    own = harness.Contract()
    found = [(own.judge_answer(*answer), word, answer) for answer, word in answers()]
    return [f"{answer[:3]}: {why or 'taken'}, wanted {word or 'taken'}" for why, word, answer in found if bool(why) != bool(word) or word not in why]
