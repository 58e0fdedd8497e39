# SPDX-License-Identifier: Apache-2.0
"""The public listener by raw sockets: security cases S-117 to S-125 and S-136, and the framing table of the engineering notes. Each
refusal is beside the neighbour that passes."""
import contextlib
import json
import os
import resource
import socket
import time

from tap import (connect, create, deliver, equal, expect, is_problem, main, metric, metric_sum, order, raw, read_all, request, started, statuses,
                 test, together, wait_for)


def setup():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return started(own_platform_key=True, http__header_timeout="1s", http__body_timeout="2s", http__idle_timeout="3s",
                   http__connections_per_address=4096)


def ask(stack, *lines, body=b"", timeout=5):
    """Raw lines (bytes) of a head, then a body; a second request follows, which must never be answered after a refusal."""
    text = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n\r\n" + body
    return raw(stack.gateway_port, text, timeout)


HOST = b"Host: 127.0.0.1"
PING = b"GET /ping HTTP/1.1"
POST = b"POST /v1/payments HTTP/1.1"
TRAILING = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def refused(stack, what, *lines, body=b"", status=(400,), after=TRAILING):
    """One refusal, closed, and nothing that follows on the connection is taken for a request."""
    began = time.monotonic()
    data, closed = ask(stack, *lines, body=body + after)
    took = time.monotonic() - began
    codes = statuses(data)
    expect(closed, f"{what}: not closed")
    expect(all(code in status for code in codes), f"{what}: answered {codes}")
    expect(len(codes) <= 1 or b"<head><title>Request" in data, f"{what}: answered {codes}")  # the library's own page repeats its head
    expect(codes or took < 3, f"{what}: silence for {took:.1f} s")
    expect(b"pong" not in data, f"{what}: the bytes behind it were served")
    return codes


def alive(stack):
    equal(request(stack.gateway_port, "GET", "/ping", timeout=5).json(), {"message": "pong"}, "/ping")


@test
def a_plain_request_passes(stack):
    data, closed = ask(stack, PING, HOST, b"Connection: close")
    equal((statuses(data), closed), ([200], True), "/ping")
    expect(data.endswith(b'{"message":"pong"}'), data)
    data, _ = ask(stack, PING, HOST + b"\r\n\r\n" + PING, HOST, b"Connection: close")
    equal(statuses(data), [200, 200], "two requests on one connection")
    for extra in (b"X-Empty:", b"X-Tab: a\tb", b"Cookie: a=b; c=d", b"X-Long: " + b"v" * 4000, b"X-Quote: \"a, b\"", b"X-Latin: \xe9"):
        data, _ = ask(stack, PING, HOST, extra, b"Connection: close")
        expect(statuses(data) in ([200], [400]) and (extra != b"X-Empty:" or statuses(data) == [200]), f"{extra[:20]}: {data[:100]}")
    pieces = connect(stack.gateway_port)
    for part in (b"GET /pi", b"ng HT", b"TP/1.1\r\nHo", b"st: 127.0.0.1\r", b"\nConnection: close\r\n\r", b"\n"):
        pieces.sendall(part)
        time.sleep(0.02)
    equal(statuses(read_all(pieces)[0]), [200], "in pieces")


@test
def s_117_content_length_with_chunked_is_refused(stack):
    for length, coding in ((10, b"chunked"), (0, b"chunked"), (10, b"Chunked")):
        equal(refused(stack, "both", POST, HOST, f"Content-Length: {length}".encode(), b"Transfer-Encoding: " + coding,
                      body=b"0\r\n\r\n"), [400], "both")
    equal(refused(stack, "both, the other way", POST, HOST, b"Transfer-Encoding: chunked", b"Content-Length: 10", body=b"0\r\n\r\n"), [400], "both")
    body = json.dumps(order()).encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    lines = [POST, b"Host: 127.0.0.1:%d" % stack.gateway_port, b"Content-Type: application/json", b"Transfer-Encoding: chunked", b"Connection: close",
             b"Authorization: " + stack.merchant().authorization("POST", "/v1/payments", body).encode()]
    data, _ = ask(stack, *lines, body=chunked)
    equal(statuses(data), [201], "chunked alone")


@test
def s_118_a_negative_content_length_is_refused(stack):
    for text in (b"-150", b"-1", b"+3", b"3, 3", b"", b"0x3", b"3 3", b"18446744073709551616", b"18446744073709551615", b"99999999999999999999",
                 b"1e1", b"3.0"):
        lines = (POST, HOST, b"Content-Length: " + text)
        refused(stack, f"Content-Length: {text}", *lines, body=b"{}", status=(400, 413))
        alone, with_more = (statuses(ask(stack, *lines, body=more)[0]) for more in (b"", b"{}" + TRAILING))
        equal(with_more, alone, f"Content-Length: {text}: answers without and with bytes behind the head")
    alive(stack)


@test
def s_119_two_content_lengths_are_refused(stack):
    refused(stack, "different", POST, HOST, b"Content-Length: 2", b"Content-Length: 3", body=b"{} ")
    refused(stack, "equal", POST, HOST, b"Content-Length: 2", b"Content-Length: 2", body=b"{}")
    refused(stack, "by another case", POST, HOST, b"Content-Length: 2", b"content-length: 3", body=b"{} ")


@test
def framing_that_the_library_lets_through_is_refused(stack):
    table = {
        "gzip, chunked": (b"Transfer-Encoding: gzip, chunked",), "identity": (b"Transfer-Encoding: identity",),
        "xchunked": (b"Transfer-Encoding: xchunked",), "two codings": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        "chunked and a blank": (b"Transfer-Encoding: chunked,",), "two hosts": (HOST,), "two different hosts": (b"Host: other.example",),
        "bare LF in a value": (b"X-A: a\nb: c",), "bare CR in a value": (b"X-A: a\rb",), "control byte": (b"X-A: a\x01b",), "DEL": (b"X-A: a\x7fb",),
        "blank before the colon": (b"X-A : v",), "no name": (b": v",), "blank in a name": (b"X A: v",), "NUL in a name": (b"X\x00A: v",),
        "no colon": (b"X-A",), "strange name": (b"X(A): v",),
    }
    for what, lines in table.items():
        refused(stack, what, POST, HOST, *lines, body=b"0\r\n\r\n")
    for what, first in {"no host": None, "absolute target": b"GET http://127.0.0.1/ping HTTP/1.1", "unknown method": b"BREW /ping HTTP/1.1",
                        "CONNECT": b"CONNECT 127.0.0.1:80 HTTP/1.1", "blank in the target": b"GET /pi ng HTTP/1.1",
                        "%00 in the path": b"GET /ping%00x HTTP/1.1", "NUL in the path": b"GET /ping\x00x HTTP/1.1",
                        "HTTP/2.0": b"GET /ping HTTP/2.0", "HTTP/9.9": b"GET /ping HTTP/9.9", "no version": b"GET /ping"}.items():
        lines = (PING, b"X-A: v") if first is None else (first, HOST)
        refused(stack, what, *lines, status=(400, 404, 405, 501, 505), after=b"")
    refused(stack, "HTTP/2 preface", b"PRI * HTTP/2.0", b"", b"SM", status=(400, 505), after=b"")
    refused(stack, "101 headers", PING, HOST, *[b"X-%d: v" % i for i in range(101)], status=(400, 431))
    refused(stack, "a huge head", PING, HOST, b"X-A: " + b"v" * 100000, status=(400, 413, 431))
    refused(stack, "a huge target", b"GET /" + b"a" * 100000 + b" HTTP/1.1", HOST, status=(400, 414, 431))
    alive(stack)


@test
def chunks_that_do_not_add_up_are_refused(stack):
    for size in (b"zz", b"-1", b"0x3", b"ffffffffffffffffff", b"3 3"):
        data, closed = ask(stack, POST, HOST, b"Transfer-Encoding: chunked", body=size + b"\r\n{}\r\n0\r\n\r\n")
        expect(closed and all(code >= 400 for code in statuses(data)), f"chunk size {size}: {data[:120]}")
    alive(stack)


@test
def the_servers_own_refusals_are_problems_too(stack):
    data, _ = ask(stack, POST, HOST, b"Content-Length: 2", b"Content-Length: 3", body=b"{} ")
    expect(b"application/problem+json" in data and b'"code":"http_framing"' in data and b"Connection: close" in data, data)


@test
def s_120_dripping_heads_are_cut_at_the_deadline(stack):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(2000, (soft - 200) // 2)
    expect(count >= 200, f"only {soft} descriptors")
    cut_before = metric_sum(stack, "till_connections_cut_total", reason="header")
    began, drips, ends = time.monotonic(), [], {}
    for _ in range(count):
        drip = socket.socket()
        drip.setblocking(False)
        drip.connect_ex(("127.0.0.1", stack.gateway_port))
        drips.append(drip)
    text = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: "
    latencies = []
    for turn in range(60):
        now = time.monotonic()
        for drip in drips:
            if drip in ends:
                continue
            try:
                drip.send(text[turn:turn + 1] or b"x")
                if not drip.recv(1):
                    ends[drip] = now - began
            except BlockingIOError:
                pass
            except OSError:
                ends[drip] = now - began
        with contextlib.suppress(TimeoutError):
            at = time.monotonic()
            equal(request(stack.gateway_port, "GET", "/ping", timeout=5).status, 200, "/ping among the drips")
            latencies.append(time.monotonic() - at)
        if len(ends) == count:
            break
        time.sleep(0.15)
    for drip in drips:
        drip.close()
    equal(len(ends), count, "connections that were cut")
    expect(latencies and max(latencies) < 3, f"normal traffic took {max(latencies):.2f} s")
    expect(metric_sum(stack, "till_connections_cut_total", reason="header") > cut_before, "till_connections_cut_total was not moved")
    create(stack)


@test
def s_120_one_byte_in_time_does_not_prolong_the_head(stack):
    drip = connect(stack.gateway_port)
    began, text = time.monotonic(), b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: " + b"x" * 100
    with contextlib.suppress(OSError):
        for at in range(len(text)):
            drip.sendall(text[at:at + 1])
            time.sleep(0.1)
            if not is_open(drip):
                break
    took = time.monotonic() - began
    expect(0.8 < took < 4, f"cut after {took:.1f} s of 1 s")


@test
def s_120_a_dripping_body_is_cut_too(stack):
    body = json.dumps(order()).encode()
    drip = connect(stack.gateway_port)
    drip.sendall(b"\r\n".join([POST, HOST, b"Content-Type: application/json", b"Content-Length: %d" % len(body), b"", b""]))
    began = time.monotonic()
    ended = False
    for at in range(len(body)):
        with contextlib.suppress(OSError):
            drip.sendall(body[at:at + 1])
        time.sleep(0.2)
        ended = not is_open(drip)
        if ended or time.monotonic() - began > 8:
            break
    expect(ended and 1.5 < time.monotonic() - began < 6, f"cut {ended} after {time.monotonic() - began:.1f} s of 2 s")


@test
def s_121_a_body_over_the_limit_is_refused_before_it_is_read(stack):
    limit = 64 * 1024
    slow = connect(stack.gateway_port)
    slow.sendall(b"\r\n".join([POST, HOST, b"Content-Type: application/json", b"Content-Length: %d" % (limit + 1), b"", b'{"a":"']))
    data, _ = read_all(slow)
    equal(statuses(data), [413], "one byte over, six bytes sent")
    expect(b'"code":"body_too_large"' in data, data)
    data, closed = ask(stack, POST, HOST, b"Content-Type: application/json", b"Transfer-Encoding: chunked",
                       body=b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"c001\r\n" + b"x" * 0xc001 + b"\r\n0\r\n\r\n")
    expect(closed and all(code in (413, 400) for code in statuses(data)), f"chunked: {data[:200]}")
    padding = json.dumps(order()).encode()
    exact = padding[:-1] + b" " * (limit - len(padding)) + b"}"
    equal(stack.merchant().call("POST", "/v1/payments", exact).status, 201, "exactly the limit")
    data, _ = ask(stack, b"POST /notify/alipay/x HTTP/1.1", HOST, b"Content-Length: %d" % (256 * 1024 + 1), body=b"a=b")
    equal(statuses(data), [413], "a notification one byte over")
    data, _ = ask(stack, b"POST /v1/payments HTTP/1.1", HOST, b"Expect: 100-continue", b"Content-Length: 10000000")
    equal(statuses(data), [413], "Expect: 100-continue")


@test
def s_122_deep_json_is_refused(stack):
    for body in (b"[" * 60000, b"[" * 30000 + b"]" * 30000, b'{"a":' * 10000 + b"1" + b"}" * 10000, b'{"metadata":' + b"[" * 40 + b"]" * 40 + b"}"):
        answer = stack.merchant().call("POST", "/v1/payments", body)
        expect(answer.status == 400 and answer.json()["code"] in ("too_deep", "body_malformed"), f"{body[:20]}: {answer}")
    answer = stack.merchant().call("POST", "/v1/payments", b"[" * 100000)
    equal(answer.status, 413, "a hundred thousand")
    many = json.dumps({f"m{i}": 1 for i in range(300)}).encode()
    is_problem(stack.merchant().call("POST", "/v1/payments", many), 400, "too_deep")
    equal(create(stack, metadata={"a": "b"})["metadata"], {"a": "b"}, "a flat one")


@test
def s_123_a_form_of_very_many_parameters_is_refused_by_count(stack):
    before = metric(stack, 'till_notify_total{channel="alipay",outcome="refused"}')
    body = b"&".join(b"%x=" % i for i in range(45000))[:256 * 1024 - 1]
    collide = b"&".join(b"".join((b"Ez", b"FY")[i >> bit & 1] for bit in range(14)) + b"=" for i in range(8000))[:256 * 1024 - 1]
    for form in (body, collide):
        began = time.monotonic()
        answer = deliver(stack, form)
        took = time.monotonic() - began
        expect(answer.body != b"success" and (answer.status == 400 or answer.body == b"failure"), answer)
        expect(took < 1.0, f"took {took:.2f} s")
    equal(metric(stack, 'till_notify_total{channel="alipay",outcome="refused"}') - before, 2, "counted")
    long = b"&".join(b"%x=" % i for i in range(200000))
    data, closed = ask(stack, b"POST /notify/alipay/%s HTTP/1.1" % stack.account["public_id"].encode(), HOST,
                       b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: %d" % len(long), body=long)
    equal((statuses(data), closed), ([413], True), "two hundred thousand are too long anyway")


@test
def s_124_endless_numbers_are_refused(stack):
    template = json.dumps(order(amount=7777)).encode()
    for text in (b"1" + b"0" * 60000, b"1e999999999", b"-1e999999999", b"1e-999999999", b"0." + b"1" * 50000, b"1E+99999999999999999999"):
        began = time.monotonic()
        answer = stack.merchant().call("POST", "/v1/payments", template.replace(b"7777", text))
        expect(answer.status == 400 and answer.json()["code"] in ("body_malformed", "amount_invalid"), f"{text[:20]}: {answer}")
        expect(time.monotonic() - began < 1, f"{text[:20]} took {time.monotonic() - began:.2f} s")
    body = template.replace(b"7777", b"9" * 1000000)
    data, _ = ask(stack, POST, HOST, b"Content-Type: application/json", b"Content-Length: %d" % len(body), body=body)
    equal(statuses(data), [413], "a million digits")


@test
def s_125_nul_and_folded_headers_are_refused(stack):
    refused(stack, "NUL in a value", PING, HOST, b"X-A: a\x00b")
    refused(stack, "folded by a blank", PING, HOST, b"X-A: one\r\n two")
    refused(stack, "folded by a tab", PING, HOST, b"X-A: one\r\n\ttwo")
    refused(stack, "a folded Content-Length", POST, HOST, b"X-A: one\r\n Content-Length: 2", body=b"{}")
    refused(stack, "three headers that hide a fold", PING, HOST, b"A:1", b"A:1", b"A:1\r\n 2")
    data, _ = ask(stack, PING, HOST, b"A:1", b"A:1", b"A:12", b"Connection: close")
    equal(statuses(data), [200], "three headers without a fold")


@test
def s_136_idle_connections_do_not_starve_the_others(stack):
    idle = [connect(stack.gateway_port) for _ in range(300)]
    alive(stack)
    create(stack)
    wait_for(lambda: metric(stack, "till_connections") >= 1, "the gauge")
    began = time.monotonic()
    for one in idle:
        one.settimeout(10)
        expect(one.recv(1) == b"", "an idle connection was not closed")
    expect(time.monotonic() - began < 10, "idle connections live on")
    for one in idle:
        one.close()
    alive(stack)


@test
def s_136_few_descriptors_are_survived(stack):
    small = started(http__connections_max=64, http__connections_per_address=64, http__idle_timeout="1s", http__header_timeout="1s",
                    http__workers_max=8, http__notify_workers_max=4)
    try:
        daemon = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and ppid(int(pid)) == small.gateway.child.pid][0]
        resource.prlimit(daemon, resource.RLIMIT_NOFILE, (80, 80))
        idle = []
        for _ in range(200):
            with contextlib.suppress(OSError):
                idle.append(connect(small.gateway_port, 2))
        before = cpu_seconds(daemon)
        time.sleep(1)
        expect(cpu_seconds(daemon) - before < 0.8, "a busy loop while descriptors are short")
        for one in idle:
            one.close()
        wait_for(lambda: answers(small), "answers after the flood", 15)
        equal(create(small)["state"], "pending", "a create afterwards")
    finally:
        small.gateway.stop()
        small.close()


def answers(stack):
    try:
        return request(stack.gateway_port, "GET", "/ping", timeout=3).status == 200
    except OSError:
        return False


def ppid(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def an_address_has_no_more_than_its_share_of_connections(stack):
    small = started(http__connections_per_address=16)
    try:
        held = []
        for _ in range(60):
            one = connect(small.gateway_port)
            one.sendall(PING + b"\r\n" + HOST + b"\r\n\r\n")
            with contextlib.suppress(OSError):
                one.recv(4096)
            held.append(one)
        time.sleep(0.3)
        alive_ones = [one for one in held if is_open(one)]
        expect(1 <= len(alive_ones) <= 16, f"{len(alive_ones)} of 60 connections are open")
        expect(answers(small), "the newest client is not served")
        for one in held:
            one.close()
    finally:
        small.gateway.stop()
        small.close()


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(10)


@test
def a_hundred_clients_at_once_are_all_answered(stack):
    expect(all(answer.status == 200 for answer in together(100, lambda _: request(stack.gateway_port, "GET", "/ready"))), "not all")


@test
def answers_carry_what_browsers_and_caches_need(stack):
    answer = request(stack.gateway_port, "GET", "/v1/payments")
    equal((answer.status, answer.headers.get("www-authenticate"), answer.headers.get("cache-control")), (401, "TILL-HMAC-SHA256", "no-store"), "401")
    expect(answer.headers.get("x-request-id", "").startswith("req_"), answer.headers)
    equal(request(stack.gateway_port, "HEAD", "/ping").body, b"", "HEAD has no body")
    expect("server" not in answer.headers or "microhttpd" not in answer.headers["server"].lower(), answer.headers)


if __name__ == "__main__":
    main(setup)
