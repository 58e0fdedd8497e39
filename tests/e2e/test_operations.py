# SPDX-License-Identifier: Apache-2.0
"""Running it: liveness and readiness, every named metric moved by what it measures, traces, the debug capture, backup and restore, the
operator's commands."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from tap import (Receiver, await_state, create, deliver, encode, equal, events, expect, main, metric, metric_sum, new_stack, notice, number,
                 order, read, request, restart_gateway, rows, settle, signed, started, test, till, wait_for)


@test
def ping_health_and_ready_say_what_they_should(stack):
    for port in (stack.gateway_port, stack.private_port):
        answer = request(port, "GET", "/ping")
        equal((answer.status, answer.body, answer.headers["content-type"]), (200, b'{"message":"pong"}', "application/json"), "/ping")
        for path, word in (("/health", "ok"), ("/ready", "ready")):
            answer = request(port, "GET", path)
            equal((answer.status, answer.json(), answer.headers.get("cache-control")), (200, {"status": word}, "no-store"), path)
        equal(request(port, "HEAD", "/health").status, 200, "HEAD")
    equal(request(stack.gateway_port, "GET", "/metrics").status, 404, "metrics on the public listener")
    equal(request(stack.gateway_port, "GET", "/admin/apps").status, 404, "administration on the public listener")
    equal(request(stack.private_port, "GET", "/v1/payments").status, 404, "the API on the private listener")
    equal(request(stack.private_port, "GET", "/admin/apps").status, 404, "administration on the private listener")


@test
def readiness_ends_with_the_drain_and_liveness_does_not(stack):
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": 1, "argument": 2500})
    kept = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=20)
    kept.request("GET", "/ready")
    equal(kept.getresponse().read(), b'{"status":"ready"}', "before")
    outcome = []
    slow = threading.Thread(target=lambda: outcome.append(stack.merchant().call("POST", "/v1/payments", order(), timeout=30)))
    slow.start()
    time.sleep(0.5)
    stack.gateway.child.send_signal(signal.SIGTERM)
    said = wait_for(lambda: (lambda a: a if a.status == 503 else None)(request(stack.private_port, "GET", "/ready")), "/ready saying no", 3)
    equal((said.json()["code"], "retry-after" in said.headers), ("draining", True), "/ready while draining")
    equal(request(stack.private_port, "GET", "/health").status, 200, "/health while draining")
    with contextlib.suppress(OSError, http.client.HTTPException):
        kept.request("GET", "/ready")
        answer = kept.getresponse()
        equal((answer.status, answer.getheader("Connection")), (503, "close"), "on a kept-alive connection")
    try:
        request(stack.gateway_port, "GET", "/ping", timeout=3)
    except OSError:
        pass
    else:
        raise AssertionError("a new connection was taken while draining")
    slow.join()
    equal(outcome[0].status, 201, "the request under way")
    equal(stack.gateway.child.wait(20), 0, "exit status")
    stack.start_gateway()


def parse_metrics(text):
    """Prometheus text 0.0.4, strictly: {family: (type, {series: value})}."""
    families, current = {}, None
    expect(text.endswith("\n"), "no line end at the end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            expect(current not in families, f"{current} twice")
            families[current] = [None, {}]
        elif line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            equal(name, current, "TYPE after HELP")
            expect(kind in ("counter", "gauge", "histogram"), line)
            families[name][0] = kind
        else:
            match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? ([-+0-9.eE]+|NaN|[+-]Inf)', line)
            expect(match, f"not a sample: {line!r}")
            base = re.sub(r"_(bucket|sum|count)$", "", match[1]) if families[current][0] == "histogram" else match[1]
            equal(base, current, "a sample's family")
            expect(match[1] + (match[2] or "") not in families[current][1], f"{line} twice")
            families[current][1][match[1] + (match[2] or "")] = float(match[3])
    return families


@test
def the_metrics_are_well_formed(stack):
    create(stack)
    answer = request(stack.private_port, "GET", "/metrics")
    equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8", "content type")
    families = parse_metrics(answer.text)
    for name, (kind, series) in families.items():
        expect(name.startswith("till_") or name.startswith("process_"), name)
        equal(kind == "counter", name.endswith("_total"), f"{name} is a {kind}")
        if kind != "histogram":
            continue
        for count_name, count in ((s, v) for s, v in series.items() if "_count" in s):
            labels = count_name.partition("{")[2].rstrip("}")
            buckets = [(s, v) for s, v in series.items() if "_bucket" in s and labels in s]
            expect(buckets and buckets[-1][0].endswith('le="+Inf"}'), f"{count_name}: the last bucket")
            values = [v for _, v in buckets]
            expect(values == sorted(values) and values[-1] == count, f"{count_name}: {values} of {count}")
    text = answer.text
    for private in (stack.key["id"], stack.app["id"], stack.account["public_id"]):
        expect(private not in text, f"an id is a label: {private}")
    # Accounts are few and their breakers are watched one by one; nothing else names them.
    named = {line.partition("{")[0] for line in text.splitlines() if stack.account["id"] in line}
    expect(named <= {"till_breaker_state", "till_breaker_opened_total", "till_upstream_in_flight"}, f"an account is a label: {named}")


def grows(stack, name, action, labels=None, least=1.0):
    """The metric is larger by at least so much soon after the action."""
    def value():
        return metric_sum(stack, name, **(labels or {}))
    before = value()
    result = action()
    wait_for(lambda: value() >= before + least, f"{name}{labels or ''} growing from {before}; it is {value()}", 10)
    return result


@test
def every_named_metric_is_moved_by_what_it_measures(stack):
    grows(stack, "till_requests_total", lambda: request(stack.gateway_port, "GET", "/ping"), {"route": "ping", "status": "200"})
    grows(stack, "till_requests_total", lambda: request(stack.gateway_port, "GET", "/v1/payments"), {"route": "payments.list", "status": "401"})
    payment = grows(stack, "till_request_seconds_count", lambda: create(stack), {"route": "payments.create"})
    grows(stack, "till_request_seconds_sum", lambda: create(stack), {"route": "payments.create"}, 0.000001)
    grows(stack, "till_upstream_seconds_count", lambda: create(stack), {"operation": "create"})
    grows(stack, "till_upstream_total", lambda: create(stack), {"operation": "create", "verdict": "pending"})
    grows(stack, "till_payments_total", lambda: create(stack), {"channel": "alipay", "state": "pending"})
    grows(stack, "till_payments_total", lambda: settle(stack, payment), {"channel": "alipay", "state": "paid"})
    grows(stack, "till_refunds_total", lambda: stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds",
                                                                    {"amount": 1, "out_refund_no": number("R")}), {"state": "succeeded"})
    closed = create(stack)
    grows(stack, "till_payments_total", lambda: stack.merchant().call("POST", f"/v1/payments/{closed['id']}/cancel"), {"state": "closed"})
    for verdict, fault in (("unknown", "unknown_before"), ("declined", "refuse")):
        def spoilt(fault=fault):
            stack.control("POST", "/faults", {"operation": "precreate", "fault": fault, "count": 1, "argument": "ACQ.ACCESS_FORBIDDEN"})
            stack.merchant().call("POST", "/v1/payments", order(), timeout=30)
        grows(stack, "till_upstream_total", spoilt, {"operation": "create", "verdict": verdict})
    other = create(stack)
    body = signed(stack, notice(stack, other))
    grows(stack, "till_notify_total", lambda: deliver(stack, encode(notice(stack, other))), {"channel": "alipay", "outcome": "refused"})
    grows(stack, "till_security_events_total", lambda: deliver(stack, body[:-8]), {"kind": "notify_forged"})
    grows(stack, "till_discrepancies_open", lambda: deliver(stack, signed(stack, notice(stack, other, total_amount="0.01"))))
    grows(stack, "till_notify_total", lambda: deliver(stack, signed(stack, notice(stack, other, total_amount="0.02"))), {"outcome": "held"})
    grows(stack, "till_notify_total", lambda: deliver(stack, body), {"outcome": "applied"})
    grows(stack, "till_notify_total", lambda: deliver(stack, body), {"outcome": "noop"})
    grows(stack, "till_store_commit_seconds_count", lambda: create(stack))
    expect(metric(stack, "till_store_stall_seconds") > 0, "till_store_stall_seconds")
    grows(stack, "till_store_operations_total", lambda: create(stack), {"result": "done"})
    expect(metric_sum(stack, "till_build_info") == 1, "till_build_info")
    expect(metric_sum(stack, "till_workers") >= 1 and metric(stack, "till_connections") >= 0, "gauges")


@test
def till_unknown_oldest_seconds_rises_and_falls(stack):
    wait_for(lambda: metric(stack, "till_unknown_oldest_seconds") == 0, "no unknown outcome", 20)
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "drop_after", "count": -1})
    payment = stack.merchant().call("POST", "/v1/payments", order(), timeout=30).json()
    wait_for(lambda: metric(stack, "till_unknown_oldest_seconds") > 0, "an unknown outcome")
    first = metric(stack, "till_unknown_oldest_seconds")
    wait_for(lambda: metric(stack, "till_unknown_oldest_seconds") > first, "its growing older")
    stack.control("DELETE", "/faults")
    wait_for(lambda: read(stack, payment)["action"]["kind"] == "qr_code", "its being resolved")
    wait_for(lambda: metric(stack, "till_unknown_oldest_seconds") == 0, "the gauge back at zero")


@test
def till_unsent_and_outbox_are_counted(stack):
    refused = new_stack(upstream__connect_timeout="500ms")
    try:
        refused.start()
        refused.sandbox.stop()
        before = metric_sum(refused, "till_upstream_total", operation="create", verdict="unsent")
        refused.merchant().call("POST", "/v1/payments", order())
        equal(metric_sum(refused, "till_upstream_total", operation="create", verdict="unsent") - before, 1, "unsent")
    finally:
        refused.gateway.stop()
        refused.close()
    answering = threading.Event()
    with Receiver(lambda message, _: (200 if answering.is_set() else 500, {}, b"")) as receiver:
        stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
        restart_gateway(stack, signal.SIGTERM)
        payment = create(stack, notify_url=receiver.url)
        settle(stack, payment)
        wait_for(lambda: metric(stack, "till_outbox_pending") >= 1, "till_outbox_pending")
        equal(metric_sum(stack, "till_webhook_total", outcome="failed") >= 1, True, "failed webhooks")
        answering.set()
        wait_for(lambda: metric(stack, "till_outbox_pending") == 0, "an empty outbox", 20)
    del stack.overrides["outbound.permit"]
    restart_gateway(stack, signal.SIGTERM)


def log_entries(stack):
    return [json.loads(line) for line in (stack.folder / "till.log").read_text(encoding="utf-8").splitlines()]


TRACE = "0af7651916cd43dd8448eb211c80319c"


@test
def a_trace_is_continued_into_the_log(stack):
    name = number()
    stack.merchant().call("POST", "/v1/payments", order(name), {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    flow = [entry for entry in log_entries(stack) if entry.get("trace_id") == TRACE and entry["event"] == "flow"]
    equal([entry["route"] for entry in flow], ["payments.create"], "log lines of the trace")
    for bad in (f"00-{TRACE.upper()}-b7ad6b7169203331-01", f"ff-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01",
                f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-b7ad6b7169203331", f"00-{TRACE}-b7ad6b7169203331-01-x", "x" * 55, ""):
        answer = stack.merchant().call("GET", "/v1/payments?limit=1", headers={"traceparent": bad})
        line = next(entry for entry in log_entries(stack) if entry.get("request_id") == answer.headers["x-request-id"])
        expect(re.fullmatch(r"[0-9a-f]{32}", line["trace_id"]) and line["trace_id"] not in (TRACE, "0" * 32), f"{bad}: {line['trace_id']}")
    higher = stack.merchant().call("GET", "/v1/payments?limit=1", headers={"traceparent": f"01-{'a' * 32}-b7ad6b7169203331-01-more"})
    line = next(entry for entry in log_entries(stack) if entry.get("request_id") == higher.headers["x-request-id"])
    equal(line["trace_id"], "a" * 32, "a higher version")


@test
def one_flow_is_one_log_line(stack):
    payment = create(stack)
    answer = stack.merchant().call("GET", f"/v1/payments/{payment['id']}")
    lines = [entry for entry in log_entries(stack) if entry.get("request_id") == answer.headers["x-request-id"]]
    equal([(entry["event"], entry["route"], entry["status"], entry.get("payment_id")) for entry in lines],
          [("flow", "payments.get", 200, payment["id"])], "lines of one request")
    refused = stack.merchant().call("POST", "/v1/payments", order(amount=0))
    lines = [entry for entry in log_entries(stack) if entry.get("request_id") == refused.headers["x-request-id"]]
    equal([(entry["status"], entry["code"], entry["field"]) for entry in lines], [(400, "amount_invalid", "/amount")], "lines of a refusal")
    equal(refused.json()["request_id"], refused.headers["x-request-id"], "the request's id in the answer")


@test
def the_debug_capture_tells_whole_exchanges_redacted(stack):
    expect('"event":"exchange"' not in (stack.folder / "till.log").read_text(encoding="utf-8"), "captured without being told")
    with Receiver() as receiver:
        stack.overrides.update({"log.debug": "true", "outbound.permit": f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"})
        restart_gateway(stack, signal.SIGTERM)
        payment = create(stack, notify_url=receiver.url, subject="Tea")
        settle(stack, payment)
        wait_for(lambda: receiver.messages, "the webhook")
        found = wait_for(lambda: (lambda seen: seen if {"upstream", "notify", "webhook"} <= set(seen) else None)(
            {entry["direction"]: entry for entry in log_entries(stack) if entry["event"] == "exchange"}), "captures in every direction")
        upstream = next(e for e in log_entries(stack) if e["event"] == "exchange" and e["direction"] == "upstream" and "precreate" in e["request"] + e["url"])
        expect(payment["upstream_no"] in upstream["request"] and "qr_code" in upstream["answer"] and upstream["status"] == 200, upstream)
        expect("[redacted]" in upstream["request"] + upstream["url"], "the signature is shown")
        flow = next(e for e in log_entries(stack) if e["event"] == "flow" and e["route"] == "payments.create" and e.get("payment_id") == payment["id"])
        equal(upstream["trace_id"], flow["trace_id"], "the trace of the exchange")
        expect(payment["upstream_no"] in found["notify"]["request"] and found["notify"]["answer"] == "success", found["notify"])
        expect("payment.succeeded" in found["webhook"]["request"], found["webhook"])
    for name in ("log.debug", "outbound.permit"):
        del stack.overrides[name]
    restart_gateway(stack, signal.SIGTERM)


@test
def a_backup_under_load_can_be_restored(stack):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            create(stack)
    worker = threading.Thread(target=work)
    payment, refunded = create(stack), create(stack)
    settle(stack, payment)
    settle(stack, refunded)
    stack.merchant().call("POST", f"/v1/payments/{refunded['id']}/refunds", {"amount": 90, "out_refund_no": number("R")})
    wait_for(lambda: events(stack, refunded), "events")
    worker.start()
    copy = stack.folder / "copy.db"
    try:
        equal(stack.admin("backup", copy)["path"], str(copy), "the copy's path")
    finally:
        stop.set()
        worker.join()
    equal(copy.stat().st_mode & 0o077, 0, "the copy's mode")
    again = subprocess.run([str(till()), "backup", str(copy), "-c", str(stack.config), "--json"], capture_output=True, timeout=60)
    expect(again.returncode != 0, "a backup over an older one")
    relative = subprocess.run([str(till()), "backup", "copy.db", "-c", str(stack.config), "--json"], capture_output=True, timeout=60)
    expect(relative.returncode == 2, "a relative path")
    restored = new_stack()
    restored.start_sandbox()
    restored.init()
    shutil.copy(copy, restored.folder / "till.db")
    shutil.copy(stack.folder / "master.key", restored.folder / "master.key")
    try:
        restored.start_gateway()
        restored.key, restored.app, restored.account = stack.key, stack.app, stack.account
        for original in (payment, refunded):
            ours, theirs = read(stack, original), read(restored, original)
            for document in (ours, theirs):
                document.pop("cashier_url")
            equal(theirs, ours, "the restored payment")
        equal(rows(restored, "PRAGMA integrity_check"), [("ok",)], "integrity")
        equal(rows(restored, "SELECT count(*) FROM (SELECT transaction_id FROM ledger GROUP BY transaction_id HAVING sum(debit) <> sum(credit))"),
              [(0,)], "unbalanced entries")
        equal(restored.admin("status")["ledger_imbalance"], 0, "the ledger")
        expect([e["type"] for e in events(restored, refunded)] == [e["type"] for e in events(stack, refunded)], "events differ")
    finally:
        restored.gateway and restored.gateway.stop()
        restored.close()


def command(stack, *words, status=0):
    done = subprocess.run([str(till()), *map(str, words), "-c", str(stack.config), "--json"], capture_output=True, timeout=60)
    equal(done.returncode, status, f"till {' '.join(map(str, words))}: {done.stderr.decode()}")
    return json.loads(done.stdout if status == 0 else done.stderr)


@test
def the_operators_commands_work(stack):
    app = stack.app["id"]
    paid = command(stack, "pay", "--app", app, "--amount", "12.34", "--subject", "Cake")
    equal((paid["state"], paid["amount"], paid["action"]["kind"]), ("pending", 1234, "qr_code"), "till pay")
    equal(command(stack, "query", paid["id"])["id"], paid["id"], "till query by id")
    found = command(stack, "query", "--app", app, "--order", paid["out_trade_no"])
    equal(found["id"], paid["id"], "till query by order")
    settle(stack, paid)
    refund = command(stack, "refund", paid["id"], "--amount", "2.34", "--no", "cli-R1", "--reason", "crumbs")
    equal((refund["state"], refund["amount"]), ("succeeded", 234), "till refund")
    equal(command(stack, "refund", paid["id"], "--amount", "2.34", "--no", "cli-R1")["id"], refund["id"], "the same refund again")
    expect("remains" in command(stack, "refund", paid["id"], "--amount", "99.00", status=1)["detail"], "too much")
    equal(command(stack, "refund", paid["id"], "--amount", "1.005", status=1)["code"], "amount_invalid", "half a fen")
    unpaid = command(stack, "pay", "--app", app, "--amount", "1.00", "--order", number("cli"))
    closed = command(stack, "close", unpaid["id"])
    expect(closed["state"] in ("closed", "closing"), closed)
    other = command(stack, "pay", "--app", app, "--amount", "1.00")
    equal(command(stack, "close", other["id"], "--cancel")["state"], "closed", "till close --cancel")
    status = command(stack, "status")
    expect(status["payments"] >= 3 and status["schema"] >= 1 and status["draining"] is False and status["ledger_imbalance"] == 0, status)
    listed = command(stack, "app", "list")["data"]
    for row in listed:  # when each webhook secret ends, and nothing else of it
        equal([list(secret) for secret in row.pop("webhook_secrets")], [["ends_at"]], f"secrets of {row}")
    expect(app in [row["id"] for row in listed] and "secret" not in json.dumps(listed), listed)
    made = command(stack, "app", "add", "--name", "Second", "--hosts", "shop.example")
    key = command(stack, "app", "key", "--app", made["id"])
    equal([row["id"] for row in command(stack, "app", "keys", "--app", made["id"])["data"]], [key["id"]], "till app keys")
    equal(command(stack, "app", "revoke", key["id"])["enabled"], False, "till app revoke")
    equal(command(stack, "app", "disable", made["id"])["enabled"], False, "till app disable")
    accounts = command(stack, "account", "list", "--app", app)["data"]
    expect(stack.account["id"] in [row["id"] for row in accounts] and "PRIVATE" not in json.dumps(accounts), accounts)
    equal(command(stack, "account", "disable", stack.account["id"])["enabled"], False, "till account disable")
    equal(command(stack, "pay", "--app", app, "--amount", "1.00", status=1)["code"] != "", True, "an order without an account")
    equal(command(stack, "account", "enable", stack.account["id"])["enabled"], True, "till account enable")
    endpoint = command(stack, "endpoint", "add", "--app", app, "--url", "https://shop.example/hook")
    expect(endpoint["secret"].startswith("whsec_"), endpoint)
    listed = command(stack, "endpoint", "list", "--app", app)["data"]
    expect(endpoint["id"] in [row["id"] for row in listed] and "whsec_" not in json.dumps(listed), listed)
    equal(command(stack, "endpoint", "disable", endpoint["id"])["enabled"], False, "till endpoint disable")


@test
def commands_say_what_is_wrong(stack):
    for words, status in ((("query", "pay_nobody"), 1), (("query",), 2), (("refund", "pay_nobody", "--amount", "1.00"), 1), (("pay", "--amount", "1.00"), 2),
                          (("pay", "--app", "app_nobody", "--amount", "1.00"), 1), (("app", "enable", "app_nobody"), 1), (("app", "fly"), 2),
                          (("account", "enable", "acc_nobody"), 1), (("close", "pay_nobody"), 1), (("status", "--colour"), 2)):
        document = command(stack, *words, status=status)
        expect(document["detail"] and document["code"], f"{words}: {document}")
    lost = subprocess.run([str(till()), "status", "--socket", str(stack.folder / "nobody.sock"), "--json"], capture_output=True, timeout=30)
    expect(lost.returncode == 1 and b"nobody.sock" in lost.stderr, lost.stderr)
    unknown = subprocess.run([str(till()), "fly"], capture_output=True, timeout=30)
    expect(unknown.returncode == 2 and b"fly" in unknown.stderr, unknown.stderr)
    helped = subprocess.run([str(till()), "--help"], capture_output=True, timeout=30)
    for verb in ("serve", "init", "pay", "query", "refund", "close", "explain", "doctor", "backup", "sandbox"):
        expect(verb.encode() in helped.stdout, f"till --help does not name {verb}")
    expect(helped.returncode == 0, "status of --help")


@test
def the_qr_code_is_drawn_in_the_terminal(stack):
    done = subprocess.run([str(till()), "pay", "--app", stack.app["id"], "--amount", "9.90", "-c", str(stack.config)], capture_output=True, timeout=30,
                          env={**os.environ, "LANG": "C.UTF-8"})
    equal(done.returncode, 0, done.stderr)
    text = done.stdout.decode()
    expect(sum(any(block in line for block in "\u2580\u2584\u2588") for line in text.splitlines()) >= 10, text)


@test
def every_route_of_the_merchants_answers(stack):
    payment = create(stack)
    await_state(stack, payment, "pending")
    for method, target, wanted in (("GET", "/v1/payments?limit=1", 200), ("GET", f"/v1/payments/{payment['id']}", 200), ("GET", "/v1/events?limit=1", 200),
                                   ("GET", "/v1/deliveries?limit=1", 200), ("GET", "/v1/webhook-endpoints", 200), ("GET", "/v1/discrepancies", 200),
                                   ("GET", "/v1/refunds/ref_nobody", 404), ("GET", "/v1/events?after=x", 400), ("GET", "/v1/payments?surprise=1", 400)):
        equal(stack.merchant().call(method, target).status, wanted, f"{method} {target}")


if __name__ == "__main__":
    main(lambda: started(own_platform_key=True, upstream__timeout="3s", payments__create_deadline="4s", payments__ask_after="500ms",
                         payments__ask_slowest="1s"))
