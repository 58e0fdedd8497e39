# SPDX-License-Identifier: Apache-2.0
"""The examples of deploy/haproxy and deploy/nginx in front of a gateway: each case of kind http through each (S-117 to S-125), smuggling,
signatures over what the edge passes on, whom the gateway believes it is talking to, and who is cut when one is slow or greedy."""
import contextlib
import json
import re
import secrets
import socket
import ssl
import time

import http_cases
from edges import HOST, GatewayLog, HAProxy, Nginx, Silence
from http_cases import PING, POST, ask, host
from tap import (ROOT, Receiver, await_state, equal, expect, folder, free_port, is_problem, main, order, read, read_all, settle, started, statuses, test,
                 together, wait_for)

PER_ADDRESS = 48  # the gateway's; the examples allow 128


def setup():
    relay = free_port()
    stack = started(own_platform_key=True, http__trusted_proxies="127.0.0.1", http__connections_per_address=PER_ADDRESS, http__body_timeout="8s",
                    log__level="debug", public_url=f"http://127.0.0.1:{relay}")
    stack.relay_port, stack.seen = relay, GatewayLog(stack)
    stack.doors = [HAProxy(stack, stack.seen).start(), Nginx(stack, stack.seen).start()]
    return stack


def through_each(case):
    def play(stack):
        for door in stack.doors:
            try:
                case(door)
            except Exception as error:
                error.args = (f"{door.name}: {error}", *error.args[1:])
                raise
    return play


def directives(name):
    """The example without its comments."""
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


# ---- the files


@test
def the_examples_pass_their_own_programs_without_a_warning(stack):
    for door in stack.doors:
        status, said = door.lint()
        expect(status == 0 and not re.search(r"warn|alert|emerg", said, re.I), f"{door.name}: {said}")
        whole = door.config
        try:
            door.config = lambda text=whole(): text + "\nno_such_directive on;\n"
            expect(door.lint()[0] != 0, f"{door.name}: its lint finds nothing")
        finally:
            del door.config


@test
def the_edges_own_words_are_the_gateways_codes(_):
    """Each problem document of the examples has a registered code, in till's own shape."""
    registry = (ROOT / "include" / "till" / "error.def").read_text(encoding="utf-8")
    known = {slug: status for status, slug in re.findall(r"^TILL_ERROR\(\w+, \w+, (\d{3}), \"(\w+)\"", registry, re.M)}
    expect(len(known) > 30, f"the registry is read wrongly: {known}")
    for name in ("haproxy/haproxy.cfg", "nginx/nginx.conf"):
        problems = [json.loads(text) for line in directives(name) for text in re.findall(r"'(\{\"type.*?\})'", line)]
        expect(len(problems) >= 6, f"{name}: {problems}")
        for problem in problems:
            equal(problem["type"], "/problems/" + problem["code"], "type")
            expect(problem["code"] in known, f"{name}: {problem}")
            expect(problem["status"] in (421, 504) or str(problem["status"]) == known[problem["code"]], f"{name}: {problem}, {known[problem['code']]}")
            equal(problem["retryable"], problem["status"] in (429, 502, 503, 504), f"{name}: retryable of {problem}")


@test
def the_private_listener_is_not_behind_the_edge(stack):
    for name in ("haproxy/haproxy.cfg", "nginx/nginx.conf"):
        expect(not any(word in line for line in directives(name) for word in ("9090", "metrics", "till.sock")), f"{name} names it")
    for door in stack.doors:
        for target in ("/metrics", "/admin/apps", "//metrics", "/v1/../metrics", "/%6detrics"):
            answer = door.request("GET", target)
            expect(answer.status in (400, 404) and b"till_" not in answer.body, f"{door.name} {target}: {answer}")


# ---- the cases of kind http


@test
def s_117_through_each_edge_content_length_with_chunked_is_refused(stack):
    through_each(http_cases.length_with_chunked)(stack)


@test
def s_118_through_each_edge_a_negative_content_length_is_refused(stack):
    through_each(http_cases.length_that_is_none)(stack)


@test
def s_119_through_each_edge_two_content_lengths_are_refused(stack):
    through_each(http_cases.two_lengths)(stack)


@test
def framing_is_refused_or_made_plain_by_each_edge(stack):
    through_each(http_cases.odd_lines)(stack)
    through_each(http_cases.odd_first_lines)(stack)
    through_each(http_cases.chunks_that_do_not_add_up)(stack)


@test
def s_121_through_each_edge_a_body_over_the_limit_is_refused_before_it_is_read(stack):
    through_each(http_cases.body_over_the_limit)(stack)


@test
def s_122_through_each_edge_deep_json_is_refused(stack):
    through_each(http_cases.deep_json)(stack)


@test
def s_123_through_each_edge_a_form_of_very_many_parameters_is_refused(stack):
    through_each(http_cases.form_of_very_many_parameters)(stack)


@test
def s_124_through_each_edge_endless_numbers_are_refused(stack):
    through_each(http_cases.endless_numbers)(stack)


@test
def s_125_through_each_edge_nul_is_refused_and_a_fold_is_no_second_header(stack):
    through_each(http_cases.nul_and_folds)(stack)


def drip_head(door, source):
    connection = door.connect(source=source)
    return connection, iter(b"GET /ping HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nX-Drip: " + b"x" * 4000)


def drip_body(door, source):
    connection = door.connect(source=source)
    connection.sendall(b"\r\n".join([POST, host(door), b"Content-Type: application/json", b"Content-Length: 3000", b"", b""]))
    return connection, iter(b"{" + b" " * 2998)


@test
def s_120_through_each_edge_what_drips_is_cut_while_others_are_served(stack):
    """Heads and bodies, a byte each fifth of a second, from several addresses; the deadlines of the examples are 10 s, the gateway's 8 s."""
    drips = {(door.name, kind.__name__, index): kind(door, f"127.0.4.{1 + index % 3}") for door in stack.doors for kind, count in ((drip_head, 40), (drip_body, 8))
             for index in range(count)}
    before, served, began = stack.seen.lines()[:], 0, time.monotonic()
    while drips and time.monotonic() - began < 40:
        for name, (connection, rest) in list(drips.items()):
            if ended(connection, next(rest, None)):
                connection.close()
                del drips[name]
        for door in stack.doors:
            equal(door.request("GET", "/ping").status, 200, f"/ping through {door.name} among the drips")
            served += 1
        time.sleep(0.2)
    equal(sorted(drips), [], "drips that live on")
    equal(len(stack.seen.lines()) - len(before), served, "requests that came through")
    through_each(lambda door: equal(door.merchant().call("POST", "/v1/payments", order()).status, 201, "a create afterwards"))(stack)


def ended(connection, byte):
    """Sends one byte more; whether the edge has ended the connection."""
    if byte is None:
        return False
    try:
        connection.settimeout(5)
        connection.sendall(bytes([byte]))
        connection.setblocking(False)
        return bool(connection.recv(4096)) or True
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


# ---- smuggling


SMUGGLED = """GET /v1/payments/pay_smuggled HTTP/1.1\r
Host: {host}\r
traceparent: 00-{trace}-{short}-01\r
\r
"""


def smuggle(door, head, body):
    """Traces of the outer request, which names one, and of the one that is hidden behind it."""
    outer, inner = secrets.token_hex(16), secrets.token_hex(16)
    hidden = SMUGGLED.format(host=HOST, trace=inner, short=inner[:16]).encode()
    named = f"Host: {HOST}\r\ntraceparent: 00-{outer}-{outer[:16]}-01".encode()
    text = head.replace(b"Host: {host}", named).replace(b"{len}", b"%d" % len(hidden)).replace(b"{long}", b"%d" % (len(hidden) + 200))
    with contextlib.suppress(OSError), door.connect(2) as connection:
        connection.sendall(text + body.replace(b"{hidden}", hidden).replace(b"{chunk}", b"%x\r\n%s\r\n" % (len(hidden), hidden)))
        read_all(connection)
    door.request("GET", "/ping")  # whatever was left behind would come out in front of somebody else's request
    return outer, inner


P = b"POST /v1/payments HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
PAYLOADS = {
    "CL.TE": (P + b"Content-Length: {len}\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n{hidden}"),
    "CL.TE, the length covers all": (P + b"Transfer-Encoding: chunked\r\nContent-Length: {long}\r\n\r\n", b"0\r\n\r\n{hidden}" + b"x" * 195),
    "TE.CL": (P + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", b"{chunk}0\r\n\r\n"),
    "TE.TE, another case": (P + b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n", b"0\r\n\r\n{hidden}"),
    "TE.TE, a list": (P + b"Transfer-Encoding: chunked, identity\r\n\r\n", b"0\r\n\r\n{hidden}"),
    "TE.TE, quoted": (P + b"Transfer-Encoding: \"chunked\"\r\nContent-Length: 4\r\n\r\n", b"0\r\n\r\n{hidden}"),
    "TE.CL, blank before the colon": (P + b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n", b"{chunk}0\r\n\r\n"),
    "TE.CL, folded": (P + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n", b"{chunk}0\r\n\r\n"),
    "TE.CL, behind a bare CR": (P + b"X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", b"{chunk}0\r\n\r\n"),
    "TE.CL, behind a bare LF": (P + b"X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", b"{chunk}0\r\n\r\n"),
    "TE.CL, with an underscore": (P + b"Transfer_Encoding: chunked\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "CL.CL": (P + b"Content-Length: {len}\r\nContent-Length: 0\r\n\r\n", b"{hidden}"),
    "CL.CL, a list": (P + b"Content-Length: 0, {len}\r\n\r\n", b"{hidden}"),
    "CL with a plus": (P + b"Content-Length: +0\r\n\r\n", b"{hidden}"),
    "CL behind a NUL": (P + b"X-A: \x00\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "CL in a fold": (P + b"X-A: b\r\n Content-Length: 0\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "chunk with a bare LF in its extension": (P + b"Transfer-Encoding: chunked\r\n\r\n", b"2;\nxx\r\n{hidden}0\r\n\r\n"),
    "chunk of a size beyond 2^64": (P + b"Transfer-Encoding: chunked\r\n\r\n", b"10000000000000000\r\n{hidden}"),
    "a line end in the target": (b"GET /ping%0d%0a{host}\r HTTP/1.1\r\nHost: {host}\r\n\r\n", b""),
    "a body that is not announced to be kept": (P + b"Connection: Content-Length\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "a body of a GET": (b"GET /ping HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "a body behind 100-continue": (P + b"Expect: 100-continue\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
    "h2c": (P + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: {len}\r\n\r\n", b"{hidden}"),
}


@test
def s_117_smuggled_requests_never_become_a_second_one(stack):
    for door in stack.doors:
        before = len(stack.seen.lines())
        traces = dict(zip(PAYLOADS, together(len(PAYLOADS), lambda index, door=door: smuggle(door, *list(PAYLOADS.values())[index]))))
        lines = stack.seen.lines()[before:]
        count = {what: [sum(line.get("trace_id") == trace for line in lines) for trace in pair] for what, pair in traces.items()}
        equal({what: found for what, found in count.items() if found[0] > 1 or found[1]}, {}, f"{door.name}: payloads that became two requests")
        expect(len(lines) <= 2 * len(PAYLOADS), f"{door.name}: {len(lines)} requests of {len(PAYLOADS)} payloads and as many pings")
        pair = smuggle(door, P + b"Content-Length: 2\r\n\r\n", b"{}{hidden}")
        equal([sum(line.get("trace_id") == trace for line in stack.seen.lines()) for trace in pair], [1, 1], f"{door.name}: two honest requests")


# ---- what is signed passes as it came


@test
def signed_requests_verify_through_each_edge(stack):
    targets = ("/v1/payments?limit=2&out_trade_no=a", "/v1/payments?out_trade_no=a&limit=2", "/v1/payments?out_trade_no=a%2Fb%2fc", "/v1/payments/pay%2Fno",
               "/v1/payments/pay_no?b=1&a=2&a=1", "/v1//payments", "/v1/./payments", "/v1/payments/../payments", "/v1/payments?a=%41+b%20c~*'()", "/v1/payments?",
               "/v1/payments?a=?b", "/v1/payments/%E4%BD%A0", "/v1/payments;x=1")
    for door in stack.doors:
        for target in targets:
            here, there = stack.merchant().call("GET", target), door.merchant().call("GET", target)
            equal((there.status, without_id(there)), (here.status, without_id(here)), f"{door.name} {target}")
            expect(there.status != 401, f"{door.name} {target}: {there}")
        merchant = door.merchant()
        lie = {"Authorization": merchant.authorization("GET", "/v1/payments?limit=2&out_trade_no=a", b"")}
        is_problem(door.request("GET", "/v1/payments?out_trade_no=a&limit=2", headers=lie), 401, "unauthorized")
        merchant.host = f"{HOST}:443"
        equal(merchant.call("GET", "/v1/payments").status, 200, f"{door.name}: a Host with a port is signed with it")
        is_problem(door.request("GET", "/v1/payments", headers={"Host": "other.example"}), 421, "not_found")
        answer = door.merchant().call("POST", "/v1/payments", order(subject="Kaffee ☕ 100 %"))
        equal(answer.status, 201, f"{door.name}: a create")
        equal(read(stack, answer.json())["state"], "pending", "the payment")
        expect("strict-transport-security" in door.request("GET", "/ping").headers, f"{door.name}: no HSTS")


def without_id(answer):
    return {name: value for name, value in answer.json().items() if name != "request_id"}


@test
def the_platforms_notifications_pass_each_edge(stack):
    way, passed = [], []

    def relay(message, handler):
        answer = way[-1].request(handler.command, message["path"], message["body"], {"Content-Type": message["headers"]["content-type"]})
        passed.append((way[-1].name, answer.status))
        return answer.status, {}, answer.body
    with Receiver(relay, stack.relay_port):
        for door in stack.doors:
            way.append(door)
            payment = door.merchant().call("POST", "/v1/payments", order()).json()
            equal(http_cases.a_true_notification(door, payment).body, b"success", f"{door.name}: the platform's own words")
            await_state(stack, payment, "paid")
            settle(stack, door.merchant().call("POST", "/v1/payments", order()).json())
            wait_for(lambda name=door.name: (name, 200) in passed, f"a notification of the sandbox through {door.name}")


# ---- who is asking


def peer_of(stack, ask_once):
    """The client that the gateway wrote down for one request with this trace."""
    trace = secrets.token_hex(16)
    ask_once({"traceparent": f"00-{trace}-{trace[:16]}-01"})
    found = [line["peer"] for line in stack.seen.lines() if line.get("trace_id") == trace]
    equal(len(found), 1, "lines of that request")
    return found[0]


FORGED = ({"X-Forwarded-For": "203.0.113.9"}, {"x-forwarded-for": "203.0.113.9, 127.0.0.1"}, {"X_Forwarded_For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"},
          {"X-Real-IP": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.9", "Connection": "X-Forwarded-For"}, {"X-Forwarded-For": "127.0.0.1"},
          {"X-Client-IP": "203.0.113.9", "True-Client-IP": "203.0.113.9", "X-Forwarded-Host": "evil.example"})


@test
def nobody_but_the_edge_says_who_a_client_is(stack):
    for door in stack.doors:
        for forged in FORGED:
            seen = peer_of(stack, lambda trace, door=door, forged=forged: door.request("GET", "/ping", headers={**forged, **trace}, source="127.0.5.1"))
            equal(seen, "127.0.5.1", f"{door.name}: {forged}")
        twice = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.8"
        equal(peer_of(stack, lambda trace, door=door: ask(door, PING, host(door), twice, *(f"{n}: {v}".encode() for n, v in trace.items()), b"Connection: close")),
              "127.0.0.1", f"{door.name}: two lines")
        if socket.has_ipv6:
            equal(peer_of(stack, lambda trace, door=door: door.request("GET", "/ping", headers=trace, source="::1")), "::1", f"{door.name} by IPv6")


@test
def only_a_trusted_peer_is_believed(stack):
    def direct(source, value):
        def once(trace):
            with socket.create_connection(("127.0.0.1", stack.gateway_port), 10, (source, 0)) as connection:
                lines = "".join(f"{name}: {text}\r\n" for name, text in {"Host": "x", "Connection": "close", "X-Forwarded-For": value, **trace}.items())
                connection.sendall(f"GET /ping HTTP/1.1\r\n{lines}\r\n".encode())
                equal(statuses(read_all(connection)[0]), [200], "/ping")
        return peer_of(stack, once)
    equal(direct("127.0.0.1", "203.0.113.9"), "203.0.113.9", "the proxy's word")
    equal(direct("127.0.0.1", "198.51.100.7, 203.0.113.9"), "203.0.113.9", "the proxy's word, behind the client's")
    equal(direct("127.0.0.1", "2001:db8::9"), "2001:db8::9", "IPv6")
    equal(direct("127.0.0.2", "203.0.113.9"), "127.0.0.2", "a stranger's word")
    equal(direct("127.0.0.2", "127.0.0.1"), "127.0.0.2", "a stranger that calls itself the proxy")


# ---- greed


def unfinished(door, source):
    """A request under way at the gateway: its head and half of a body that no buffer of an edge holds."""
    connection = door.connect(source=source)
    connection.sendall(b"\r\n".join([POST, host(door), b"Content-Type: application/json", b"Content-Length: 60000", b"", b" " * 45000]))
    return connection


@test
def the_gateways_cap_of_an_address_sees_the_true_client(stack):
    for door in stack.doors:
        held = [unfinished(door, "127.0.6.1") for _ in range(PER_ADDRESS)]
        try:
            wait_for(lambda door=door: door.request("GET", "/ping", source="127.0.6.1").status == 429, f"{door.name}: the cap of a greedy client", 6)
            answer = door.request("GET", "/ping", source="127.0.6.1")
            equal((is_problem(answer, 429, "too_many_requests")["retryable"], answer.headers.get("retry-after")), (True, "1"), "the gateway's own words")
            equal(door.request("GET", "/ping", source="127.0.6.2").status, 200, f"{door.name}: another client")
        finally:
            for one in held:
                one.close()
        wait_for(lambda door=door: door.request("GET", "/ping", source="127.0.6.1").status == 200, f"{door.name}: the same client afterwards", 10)


def begun(door, source):
    connection = door.connect(5, source)
    connection.sendall(b"\r\n".join([PING, host(door), b"Connection: close", b"", b""]))
    return connection


@test
def each_edge_has_a_cap_of_its_own(stack):
    """128 of an address: HAProxy hangs up on the next connection, nginx answers the next request 429; another address comes through."""
    silence = Silence()
    place = folder()
    place.chmod(0o755)
    doors = [kind(stack, stack.seen, silence.port, place).start() for kind in (HAProxy, Nginx)]
    for door in doors:
        silence.requests.clear()
        held = [begun(door, "127.0.7.1") for _ in range(128)]
        wait_for(lambda: len(silence.requests) == 128, f"128 requests through {door.name}", 20)
        codes = []
        with contextlib.suppress(OSError):
            codes = statuses(read_all(begun(door, "127.0.7.1"))[0])
        equal(codes, [429] if door.name == "nginx" else [], f"{door.name}: the answers to one more")
        equal(len(silence.requests), 128, f"{door.name}: one more came through")
        held.append(begun(door, "127.0.7.2"))
        wait_for(lambda: len(silence.requests) == 129, f"{door.name}: another address", 10)
        for one in held:
            one.close()
        door.process.stop()
    silence.close()


# ---- a gateway that is not there


@test
def a_request_that_left_is_never_sent_twice(stack):
    silence, place = Silence(hangs_up=True), folder()
    place.chmod(0o755)
    for kind in (HAProxy, Nginx):
        door = kind(stack, stack.seen, silence.port, place).start()
        for count in (1, 2, 3):
            problem = is_problem(door.request("POST", "/v1/payments", b"{}", {"Content-Type": "application/json"}), 502, "upstream_unknown")
            equal((problem["retryable"], len(silence.requests)), (True, count), f"{door.name}: requests behind one that got no answer")
        silence.requests.clear()
        door.process.stop()
    silence.close()


@test
def a_gateway_that_stops_is_told_apart_and_found_again(stack):
    stack.gateway.stop()
    haproxy, nginx = stack.doors
    wait_for(lambda: haproxy.request("GET", "/ping").status == 503, "HAProxy's notice", 10)
    is_problem(haproxy.request("GET", "/ping"), 503, "draining")
    is_problem(nginx.request("GET", "/ping"), 502, "upstream_unknown")
    stack.start_gateway()
    for door in stack.doors:
        wait_for(lambda door=door: door.request("GET", "/ping").status == 200, f"{door.name} with the gateway again", 10)


@test
def the_edges_logs_open_no_cashier(stack):
    for door in stack.doors:
        for target in ("/checkout/Xcanary1234567890?back=Xcanary", "/v1/payments?out_trade_no=Xcanary", "/Xcanary"[:2] + "/x?token=Xcanary"):
            door.request("GET", target, headers={"Authorization": "Bearer Xcanary", "Cookie": "a=Xcanary"})
        ask(door, b"GET /checkout/Xcanary\x01 HTTP/1.1", host(door), b"X-A: Xcanary")
        ask(door, b"GET /checkout/Xcanary HTTP/1.1", host(door), b"Content-Length: Xcanary")
    for name in ("haproxy.log", "access.log"):
        wait_for(lambda name=name: "/checkout " in (stack.folder / name).read_text(encoding="utf-8"), f"requests in {name}", 10)
    for path in (stack.folder / name for name in ("haproxy.log", "access.log", "error.log", "nginx.log")):
        expect("Xcanary" not in path.read_text(encoding="utf-8", errors="replace"), f"{path.name} shows a cashier's address or a token")


if __name__ == "__main__":
    main(setup)
