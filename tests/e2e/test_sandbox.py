# SPDX-License-Identifier: Apache-2.0
"""`till sandbox` as a process: faults as they look on the wire, a restart, the tasks on a real clock."""
import json
import re
import signal
import socket
import struct
import time
import zlib

from tap import connect, equal, expect, head, main, new_stack, request, test, wait_for

CALL = "/alipay/gateway.do?method=alipay.trade.query"


def sandbox_only():
    stack = new_stack()
    stack.start_sandbox()
    return stack


def fault(stack, name, argument="", count=1):
    stack.control("POST", "/faults", {"operation": "query", "fault": name, "argument": argument, "count": count})


def call(stack, timeout=10):
    """What a raw socket sees: bytes, how it ended ("closed", "reset", "open")."""
    with connect(stack.sandbox_port, timeout) as peer:
        peer.sendall(head("GET", CALL, [("Host", "127.0.0.1"), ("Connection", "keep-alive")]))
        data = b""
        try:
            while True:
                part = peer.recv(65536)
                if not part:
                    return data, "closed"
                data += part
                length = re.search(rb"Content-Length: (\d+)", data)
                if length and b"\r\n\r\n" in data and len(data.split(b"\r\n\r\n", 1)[1]) >= int(length.group(1)):
                    return data, "open"
        except ConnectionResetError:
            return data, "reset"


@test
def a_good_answer_is_whole_and_keeps_the_connection(stack):
    data, end = call(stack)
    expect(b"isv.missing-app-id" in data, data)
    expect(b"Content-Type: text/html;charset=utf-8" in data and b"trace_id: " in data, data)
    equal(end, "open", "end")


@test
def a_drop_is_silence_and_a_fin(stack):
    for name in ("drop_before", "drop_after"):
        fault(stack, name)
        equal(call(stack), (b"", "closed"), name)


@test
def a_reset_is_silence_and_a_rst(stack):
    for name in ("reset_before", "reset_after"):
        fault(stack, name)
        equal(call(stack), (b"", "reset"), name)


@test
def half_an_answer_promises_more_than_it_brings(stack):
    fault(stack, "half")
    data, end = call(stack)
    promised = int(re.search(rb"Content-Length: (\d+)", data).group(1))
    body = data.split(b"\r\n\r\n", 1)[1]
    equal(len(body), promised // 2, "half")
    equal(end, "reset", "end")


@test
def a_drip_takes_its_time(stack):
    fault(stack, "drip", "5")
    begin = time.monotonic()
    data, _ = call(stack, 30)
    expect(b"isv.missing-app-id" in data, data)
    expect(time.monotonic() - begin > 0.004 * len(data), f"{len(data)} bytes in {time.monotonic() - begin:.2f} s")


@test
def a_dripping_call_holds_up_nobody_else(stack):
    fault(stack, "drip", "200")
    with connect(stack.sandbox_port) as slow:
        slow.sendall(head("GET", CALL, [("Host", "127.0.0.1")]))
        slow.recv(1)
        begin = time.monotonic()
        equal(request(stack.sandbox_port, "GET", "/health").status, 200, "health")
        expect(b"isv.missing-app-id" in call(stack)[0], "another call")
        expect(time.monotonic() - begin < 5, "it was held up")
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@test
def a_bomb_is_gzip_that_unpacks_to_hundreds_of_mebibytes(stack):
    fault(stack, "gzip_bomb")
    answer = request(stack.sandbox_port, "GET", CALL)
    equal(answer.headers["content-encoding"], "gzip", "encoding")
    unpacker, size, rest = zlib.decompressobj(31), 0, answer.body
    while rest and size < 512 << 20:
        size += len(unpacker.decompress(rest, 1 << 20))
        rest = unpacker.unconsumed_tail
    expect(size >= 512 << 20, f"{size} bytes")


@test
def ten_mebibytes_come_through(stack):
    fault(stack, "big")
    answer = request(stack.sandbox_port, "GET", CALL)
    equal(len(answer.body), 10 << 20, "length")
    expect(json.loads(answer.body), "it is JSON")


@test
def a_delay_passes_in_real_time(stack):
    fault(stack, "delay", "300")
    begin = time.monotonic()
    expect(b"isv.missing-app-id" in call(stack)[0], "answer")
    expect(time.monotonic() - begin >= 0.3, "it was not delayed")


@test
def every_fault_has_its_sentence_on_the_page(stack):
    known = stack.control("GET", "/faults")["known"]
    page = request(stack.sandbox_port, "GET", "/console/faults").text
    for row in known:
        expect(row["meaning"].replace("'", "&#39;") in page and f"<code>{row['fault']}</code>" in page, row)


@test
def pages_carry_a_strict_policy_and_no_script(stack):
    for path in ("/console", "/console/trades", "/console/exchanges", "/console/faults", "/console/clock", "/wallet"):
        answer = request(stack.sandbox_port, "GET", path, headers={"Accept-Language": "zh-CN"})
        equal(answer.status, 200, path)
        policy = answer.headers["content-security-policy"]
        expect("default-src 'none'" in policy and "unsafe" not in policy, policy)
        expect("<script" not in answer.text and " style=" not in answer.text, path)
        expect('lang="zh-CN"' in answer.text, path)


@test
def another_site_cannot_move_the_clock(stack):
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        answer = request(stack.sandbox_port, "POST", "/control/clock", b'{"advance_seconds":60}', headers)
        equal(answer.status, 403, headers)
    equal(stack.control("GET", "/clock")["offset_seconds"], 0, "offset")


@test
def a_rebound_name_reads_nothing(stack):
    for path in ("/console", "/control/apps", "/control/exchanges.har", "/wallet"):
        equal(request(stack.sandbox_port, "GET", path, headers={"Host": "evil.example"}).status, 403, path)
    for path in ("/health", "/alipay/gateway.do"):
        equal(request(stack.sandbox_port, "GET", path, headers={"Host": "openapi.alipay.com"}).status, 200, path)


@test
def a_stop_writes_the_state_and_a_start_reads_it(stack):
    app = stack.control("POST", "/apps", {"name": "Kept"})
    stack.control("POST", "/clock", {"advance_seconds": 3600})
    equal(stack.sandbox.stop(signal.SIGTERM), 0, "status")
    stack.start_sandbox()
    apps = stack.control("GET", "/apps")["apps"]
    expect(any(row["platform_public_key"] == app["platform_public_key"] for row in apps), apps)
    expect(3600 <= stack.control("GET", "/clock")["offset_seconds"] < 3700, "the clock went back")


@test
def a_kill_loses_at_most_the_last_moment(stack):
    app = stack.control("POST", "/apps", {"name": "Saved in passing"})
    path = stack.folder / "sandbox.json"
    wait_for(lambda: app["app_id"] in path.read_text(encoding="utf-8"), "the state was saved")
    equal(path.stat().st_mode & 0o777, 0o600, "mode")
    stack.sandbox.kill()
    stack.start_sandbox()
    expect(any(row["app_id"] == app["app_id"] for row in stack.control("GET", "/apps")["apps"]), "the app is gone")


if __name__ == "__main__":
    main(sandbox_only)
