# SPDX-License-Identifier: Apache-2.0
"""Security cases of kind http (S-117 to S-119, S-121 to S-125, and the framing table of the engineering notes), told once and played at
several doors: the gateway's own listener (test_http.py), and the examples of deploy/ in front of it (test_edge.py). Each refusal stands
beside the neighbour that passes."""
import contextlib
import json
import ssl
import time

from tap import connect, equal, expect, is_problem, metric, notice, order, read_all, request, signed, statuses


class Listener:
    """A door is where a case knocks; this one is the gateway's public listener itself."""
    name = "gateway"
    resolves = frozenset()  # what a door makes one clean request of, as RFC 9112 allows, instead of refusing it
    codings = (400,)        # its answers to a Transfer-Encoding that it does not know
    takes_chunked = True

    def __init__(self, stack):
        self.stack, self.host = stack, f"127.0.0.1:{stack.gateway_port}"

    def connect(self, timeout=10):
        return connect(self.stack.gateway_port, timeout)

    def request(self, method, target, body=b"", headers=None, timeout=30):
        return request(self.stack.gateway_port, method, target, body, headers, timeout=timeout)

    def merchant(self):
        return self.stack.merchant()

    def watch(self):
        """What came through so far; None: nobody stands in front."""


def ask(door, *lines, body=b"", timeout=5):
    """A head of these lines (bytes), then a body: (answer bytes, closed by the door)."""
    data = b"\r\n".join(lines) + b"\r\n\r\n" + body
    with door.connect(timeout) as connection:
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            connection.sendall(data)
        return read_all(connection)


PING = b"GET /ping HTTP/1.1"
POST = b"POST /v1/payments HTTP/1.1"
JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"


def host(door):
    return b"Host: " + door.host.encode()


def trailing(door):
    """A request behind the one in question, which must never be answered after a refusal."""
    return b"GET /ping HTTP/1.1\r\n" + host(door) + b"\r\nConnection: close\r\n\r\n"


def refused(door, what, *lines, body=b"", status=(400,), more=True):
    """One refusal, closed, and nothing that follows on the connection is taken for a request; or, where the door may make a clean request
    of it, that one and then the next."""
    before, began = door.watch(), time.monotonic()
    data, closed = ask(door, *lines, body=body + (trailing(door) if more else b""))
    took, codes = time.monotonic() - began, statuses(data)
    if what in door.resolves:
        equal((codes[1:], closed), ([200], True), f"{what}: what came behind one clean request")
        equal(door.watch() - before, 2, f"{what}: requests that the gateway saw")
        return codes
    expect(closed, f"{what}: not closed, {codes}")
    expect(all(code in status for code in codes), f"{what}: answered {codes}")
    expect(len(codes) <= 1 or b"<head><title>Request" in data, f"{what}: answered {codes}")  # the library's own page repeats its head
    expect(codes or took < 3, f"{what}: silence for {took:.1f} s")
    expect(b"pong" not in data, f"{what}: the bytes behind it were served")
    if before is not None:
        equal(door.watch() - before, 0, f"{what}: requests that came through")
    return codes


def alive(door):
    equal(door.request("GET", "/ping", headers={"Host": door.host}, timeout=5).json(), {"message": "pong"}, "/ping")


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def length_with_chunked(door):
    for length, coding in ((b"10", b"chunked"), (b"0", b"chunked"), (b"10", b"Chunked")):
        equal(refused(door, "both", POST, host(door), b"Content-Length: " + length, b"Transfer-Encoding: " + coding, body=b"0\r\n\r\n"), [400], "both")
    equal(refused(door, "both, the other way", POST, host(door), CHUNKED, b"Content-Length: 10", body=b"0\r\n\r\n"), [400], "both")
    body = json.dumps(order()).encode()
    lines = [POST, host(door), JSON, b"Connection: close", b"Authorization: " + door.merchant().authorization("POST", "/v1/payments", body).encode()]
    if door.takes_chunked:
        data, _ = ask(door, *lines, CHUNKED, body=chunked(body[:10], body[10:]))
        equal(statuses(data), [201], "chunked alone")
    else:
        equal(refused(door, "chunked alone", *lines, CHUNKED, body=chunked(body)), [400], "chunked alone")
        data, _ = ask(door, *lines, b"Content-Length: %d" % len(body), body=body)
        equal(statuses(data), [201], "a length alone")


def length_that_is_none(door):
    for text in (b"-150", b"-1", b"+3", b"3, 3", b"", b"0x3", b"3 3", b"18446744073709551616", b"18446744073709551615", b"99999999999999999999",
                 b"1e1", b"3.0"):
        lines, what = (POST, host(door), b"Content-Length: " + text), f"Content-Length: {text.decode()}"
        refused(door, what, *lines, body=b"{} " if text == b"3, 3" else b"{}", status=(400, 413))
        if what in door.resolves:
            continue
        alone, with_more = (statuses(ask(door, *lines, body=more)[0]) for more in (b"", b"{}" + trailing(door)))
        equal(with_more, alone, f"{what}: answers without and with bytes behind the head")
    alive(door)


def two_lengths(door):
    refused(door, "different", POST, host(door), b"Content-Length: 2", b"Content-Length: 3", body=b"{} ")
    refused(door, "equal lengths", POST, host(door), b"Content-Length: 2", b"Content-Length: 2", body=b"{}")
    refused(door, "by another case", POST, host(door), b"Content-Length: 2", b"content-length: 3", body=b"{} ")


def odd_lines(door):
    """Lines of a head that the library under the gateway lets through."""
    for what, lines in {
            "gzip, chunked": (b"Transfer-Encoding: gzip, chunked",), "identity": (b"Transfer-Encoding: identity",),
            "xchunked": (b"Transfer-Encoding: xchunked",), "two codings": (CHUNKED, CHUNKED),
            "chunked and a blank": (b"Transfer-Encoding: chunked,",), "blank before chunked's colon": (b"Transfer-Encoding : chunked",),
            "chunked behind a tab and VT": (b"Transfer-Encoding:\t\x0bchunked",)}.items():
        refused(door, what, POST, host(door), *lines, body=b"0\r\n\r\n", status=door.codings)
    for what, lines in {
            "two hosts": (host(door),), "two different hosts": (b"Host: other.example",),
            "bare LF in a value": (b"X-A: a\nb: c",), "bare CR in a value": (b"X-A: a\rb",), "control byte": (b"X-A: a\x01b",), "DEL": (b"X-A: a\x7fb",),
            "blank before the colon": (b"X-A : v",), "no name": (b": v",), "blank in a name": (b"X A: v",), "NUL in a name": (b"X\x00A: v",),
            "no colon": (b"X-A",), "strange name": (b"X(A): v",)}.items():
        refused(door, what, PING, host(door), *lines)
    refused(door, "101 headers", PING, host(door), *[b"X-%d: v" % i for i in range(101)], status=(400, 431))
    refused(door, "a huge head", PING, host(door), b"X-A: " + b"v" * 100000, status=(400, 413, 431))
    alive(door)


def odd_first_lines(door):
    any_of = (400, 404, 405, 421, 501, 505)
    for what, first in {
            "absolute target": b"GET http://" + door.host.encode() + b"/ping HTTP/1.1", "unknown method": b"BREW /ping HTTP/1.1",
            "CONNECT": b"CONNECT 127.0.0.1:80 HTTP/1.1", "blank in the target": b"GET /pi ng HTTP/1.1", "%00 in the path": b"GET /ping%00x HTTP/1.1",
            "NUL in the path": b"GET /ping\x00x HTTP/1.1", "HTTP/2.0": b"GET /ping HTTP/2.0", "HTTP/9.9": b"GET /ping HTTP/9.9",
            "no version": b"GET /ping", "a huge target": b"GET /" + b"a" * 100000 + b" HTTP/1.1"}.items():
        first_refused(door, what, first, host(door), status=(*any_of, 414, 431))
    first_refused(door, "no host", PING, b"X-A: v", status=any_of)
    first_refused(door, "HTTP/2 preface", b"PRI * HTTP/2.0", b"", b"SM", status=(400, 505))
    alive(door)


def first_refused(door, what, *lines, status):
    """A refusal whatever the connection's end: a method that is merely unknown may be followed by a good request."""
    before = door.watch()
    data, _ = ask(door, *lines, b"Connection: close")
    codes = statuses(data)
    expect(all(code in status for code in codes) and b"pong" not in data, f"{what}: answered {codes}")
    if before is not None:
        expect(door.watch() - before <= (what in door.resolves), f"{what}: it came through")


def chunks_that_do_not_add_up(door):
    for size in (b"zz", b"-1", b"0x3", b"ffffffffffffffffff", b"3 3"):
        what = "chunk size " + size.decode()
        data, closed = ask(door, POST, host(door), CHUNKED, body=size + b"\r\n{}\r\n0\r\n\r\n", timeout=1 if what in door.resolves else 5)
        if what in door.resolves:
            equal((statuses(data), closed), ([401], False), f"{what}: one request without a signature")
            continue
        expect(closed and all(code >= 400 for code in statuses(data)), f"{what}: {data[:120]}")
    alive(door)


def body_over_the_limit(door):
    limit = 64 * 1024
    with door.connect() as slow:
        slow.sendall(b"\r\n".join([POST, host(door), JSON, b"Content-Length: %d" % (limit + 1), b"", b'{"a":"']))
        data, _ = read_all(slow)
    equal(statuses(data), [413], "one byte over, six bytes sent")
    expect(b'"code":"body_too_large"' in data and b"application/problem+json" in data, data)
    data, closed = ask(door, POST, host(door), JSON, CHUNKED, body=chunked(b"x" * 0x4000, b"x" * 0xc001))
    expect(closed and all(code in (413, 400) for code in statuses(data)), f"chunked: {data[:200]}")
    padding = json.dumps(order()).encode()
    exact = padding[:-1] + b" " * (limit - len(padding)) + b"}"
    equal(door.merchant().call("POST", "/v1/payments", exact).status, 201, "exactly the limit")
    data, _ = ask(door, b"POST /notify/alipay/x HTTP/1.1", host(door), b"Content-Length: %d" % (256 * 1024 + 1), body=b"a=b")
    equal(statuses(data), [413], "a notification one byte over")
    data, _ = ask(door, POST, host(door), b"Expect: 100-continue", b"Content-Length: 10000000")
    equal(statuses(data), [413], "Expect: 100-continue")


def deep_json(door):
    for body in (b"[" * 60000, b"[" * 30000 + b"]" * 30000, b'{"a":' * 10000 + b"1" + b"}" * 10000, b'{"metadata":' + b"[" * 40 + b"]" * 40 + b"}"):
        answer = door.merchant().call("POST", "/v1/payments", body)
        expect(answer.status == 400 and answer.json()["code"] in ("too_deep", "body_malformed"), f"{body[:20]}: {answer}")
    data, _ = ask(door, POST, host(door), JSON, b"Content-Length: 100000", body=b"[" * 100000)
    equal(statuses(data), [413], "a hundred thousand")
    many = json.dumps({f"m{i}": 1 for i in range(300)}).encode()
    is_problem(door.merchant().call("POST", "/v1/payments", many), 400, "too_deep")
    answer = door.merchant().call("POST", "/v1/payments", order(metadata={"a": "b"}))
    equal((answer.status, answer.json().get("metadata")), (201, {"a": "b"}), "a flat one")


def notify(door, form):
    """A notification as the platform posts it, through the door."""
    return door.request("POST", f"/notify/alipay/{door.stack.account['public_id']}", form,
                        {"Host": door.host, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})


def form_of_very_many_parameters(door):
    counted = 'till_notify_total{channel="alipay",outcome="refused"}'
    before = metric(door.stack, counted)
    body = b"&".join(b"%x=" % i for i in range(45000))[:256 * 1024 - 1]
    collide = b"&".join(b"".join((b"Ez", b"FY")[i >> bit & 1] for bit in range(14)) + b"=" for i in range(8000))[:256 * 1024 - 1]
    for form in (body, collide):
        began = time.monotonic()
        answer = notify(door, form)
        took = time.monotonic() - began
        expect(answer.body != b"success" and (answer.status == 400 or answer.body == b"failure"), answer)
        expect(took < 1.0, f"took {took:.2f} s")
    equal(metric(door.stack, counted) - before, 2, "counted")
    long = b"&".join(b"%x=" % i for i in range(200000))
    data, closed = ask(door, b"POST /notify/alipay/%s HTTP/1.1" % door.stack.account["public_id"].encode(), host(door),
                       b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: %d" % len(long), body=long)
    equal((statuses(data), closed), ([413], True), "two hundred thousand are too long anyway")


def a_true_notification(door, payment):
    """The platform's own news of this payment."""
    return notify(door, signed(door.stack, notice(door.stack, payment)))


def endless_numbers(door):
    template = json.dumps(order(amount=7777)).encode()
    for text in (b"1" + b"0" * 60000, b"1e999999999", b"-1e999999999", b"1e-999999999", b"0." + b"1" * 50000, b"1E+99999999999999999999"):
        began = time.monotonic()
        answer = door.merchant().call("POST", "/v1/payments", template.replace(b"7777", text))
        expect(answer.status == 400 and answer.json()["code"] in ("body_malformed", "amount_invalid"), f"{text[:20]}: {answer}")
        expect(time.monotonic() - began < 1, f"{text[:20]} took {time.monotonic() - began:.2f} s")
    body = template.replace(b"7777", b"9" * 1000000)
    data, _ = ask(door, POST, host(door), JSON, b"Content-Length: %d" % len(body), body=body)
    equal(statuses(data), [413], "a million digits")


def nul_and_folds(door):
    refused(door, "NUL in a value", PING, host(door), b"X-A: a\x00b")
    refused(door, "folded by a blank", PING, host(door), b"X-A: one\r\n two")
    refused(door, "folded by a tab", PING, host(door), b"X-A: one\r\n\ttwo")
    refused(door, "a folded Content-Length", POST, host(door), b"X-A: one\r\n Content-Length: 2")
    refused(door, "three headers that hide a fold", PING, host(door), b"A:1", b"A:1", b"A:1\r\n 2")
    data, _ = ask(door, PING, host(door), b"A:1", b"A:1", b"A:12", b"Connection: close")
    equal(statuses(data), [200], "three headers without a fold")
