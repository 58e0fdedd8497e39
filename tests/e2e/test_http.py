# SPDX-License-Identifier: Apache-2.0
"""The public listener by raw sockets: security cases S-117 to S-125 and S-136, and the framing table of the engineering notes. Each
refusal is beside the neighbour that passes."""
import contextlib
import json
import os
import resource
import socket
import time

import http_cases
from http_cases import PING, POST, Listener
from tap import connect, create, equal, expect, main, metric, metric_sum, order, read_all, request, started, statuses, test, together, wait_for


def setup():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return started(own_platform_key=True, http__header_timeout="1s", http__body_timeout="2s", http__idle_timeout="3s",
                   http__connections_per_address=4096)


def ask(stack, *lines, body=b"", timeout=5):
    return http_cases.ask(Listener(stack), *lines, body=body, timeout=timeout)


HOST = b"Host: 127.0.0.1"


def alive(stack):
    http_cases.alive(Listener(stack))


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
    http_cases.length_with_chunked(Listener(stack))


@test
def s_118_a_negative_content_length_is_refused(stack):
    http_cases.length_that_is_none(Listener(stack))


@test
def s_119_two_content_lengths_are_refused(stack):
    http_cases.two_lengths(Listener(stack))


@test
def framing_that_the_library_lets_through_is_refused(stack):
    http_cases.odd_lines(Listener(stack))
    http_cases.odd_first_lines(Listener(stack))


@test
def chunks_that_do_not_add_up_are_refused(stack):
    http_cases.chunks_that_do_not_add_up(Listener(stack))


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
    http_cases.body_over_the_limit(Listener(stack))


@test
def s_122_deep_json_is_refused(stack):
    http_cases.deep_json(Listener(stack))


@test
def s_123_a_form_of_very_many_parameters_is_refused_by_count(stack):
    http_cases.form_of_very_many_parameters(Listener(stack))


@test
def s_124_endless_numbers_are_refused(stack):
    http_cases.endless_numbers(Listener(stack))


@test
def s_125_nul_and_folded_headers_are_refused(stack):
    http_cases.nul_and_folds(Listener(stack))


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
    equal((answer.status, answer.headers.get("cache-control")), (401, "no-store"), "401")
    expect(answer.headers.get("x-request-id", "").startswith("req_"), answer.headers)
    equal(request(stack.gateway_port, "HEAD", "/ping").body, b"", "HEAD has no body")
    expect("server" not in answer.headers or "microhttpd" not in answer.headers["server"].lower(), answer.headers)


if __name__ == "__main__":
    main(setup)
