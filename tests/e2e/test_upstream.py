# SPDX-License-Identifier: Apache-2.0
"""What the platform answers us: security cases S-080 to S-090, S-092, S-094 to S-098 and S-100, by the faults of the sandbox, and TLS by
servers of the test. The sandbox's books are the oracle."""
import contextlib
import signal
import socket
import ssl
import subprocess
import threading
import time

from tap import (Receiver, await_state, create, equal, event_types, events, expect, free_port, is_problem, ledger_is_balanced, main, metric,
                 metric_sum, new_stack, number, order, read, request, restart_gateway, rows, settle, test, together, wait_for)

MIB = 1024 * 1024


# ---- TLS in front of the sandbox


def certificate(folder, name, subject, days):
    """A leaf under the test's own authority."""
    key, leaf, ask = (folder / f"{name}.{kind}" for kind in ("key", "pem", "csr"))

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    authority = folder / "ca.pem"
    if not authority.exists():
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", authority, "-days", 30,
                "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", ask, "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(f"subjectAltName={subject}\n", encoding="utf-8")
    openssl("x509", "-req", "-in", ask, "-CA", authority, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", days,
            "-extfile", folder / f"{name}.ext", "-out", leaf)
    return leaf, key


class TlsDoor:
    """Passes what arrives under TLS on to a plain port, and counts the bytes that came through the handshake."""

    def __init__(self, pair, port, target):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, pair))
        self.target, self.received, self.handshakes = target, 0, 0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=32)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        self.handshakes += 1
        with contextlib.suppress(OSError), self.context.wrap_socket(peer, server_side=True) as inner, \
                socket.create_connection(("127.0.0.1", self.target)) as outer:
            def back():
                with contextlib.suppress(OSError):
                    while part := outer.recv(65536):
                        inner.sendall(part)
                    inner.close()
            threading.Thread(target=back, daemon=True).start()
            while part := inner.recv(65536):
                self.received += len(part)
                outer.sendall(part)


def setup():
    stack = new_stack(upstream__timeout="1s", payments__create_deadline="2s", payments__ask_after="400ms", payments__ask_slowest="600ms",
                      breaker__calls_min=100000)  # an account whose calls fail on purpose would rest (test_breaker.py)
    stack.doors = {name: free_port() for name in ("good", "other_host", "expired", "stranger")}
    stack.decoy = Receiver()
    certificate(stack.folder, "good", "IP:127.0.0.1", 30)
    ports = [stack.sandbox_port, stack.shop_port, stack.decoy.port, *stack.doors.values()]
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in ports)
    stack.overrides["outbound.ca_file"] = str(stack.folder / "ca.pem")
    return stack.start()


def add_account(stack, name, url):
    keys = stack.folder / "keys"
    return stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", name,
                       "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
                       "--set", f"gateway_url={url}", "--set", f"private_key=@{keys / 'app_private_key.pem'}",
                       "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")


# ---- looking


def fault(stack, operation, name, count=-1, **more):
    stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": count, **more})


def calm(stack):
    stack.control("DELETE", "/faults")


def trade(stack, payment):
    """Of the platform's books, or None."""
    answer = request(stack.sandbox_port, "GET", f"/control/trades/{payment['upstream_no']}")
    return answer.json() if answer.status == 200 else None


def calls(stack, payment, method):
    return [e for e in stack.control("GET", "/exchanges")["exchanges"]
            if e["out_trade_no"] == payment["upstream_no"] and e["method"] == f"alipay.trade.{method}"]


def scan(stack, payment):
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})


def pay_silently(stack, payment):
    """The buyer pays and no notification ever comes."""
    fault(stack, "notify", "notify_never", 1)
    stack.pay(payment["upstream_no"])


def paid(stack, amount=990):
    payment = create(stack, amount=amount)
    return settle(stack, payment)


def refund(stack, payment, amount, out_refund_no=None):
    return stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": amount, "out_refund_no": out_refund_no or number("R")})


def await_refund(stack, document, state):
    return wait_for(lambda: (lambda row: row if row["state"] == state else None)(
        stack.merchant().call("GET", f"/v1/refunds/{document['id']}").json()), f"refund {state}")


def attempt_state(stack, payment):
    names = ("prepared", "sent", "pending", "unknown", "paid", "closing", "closed", "declined")
    return names, rows(stack, "SELECT state, first_unknown_us FROM attempts WHERE payment_id = ?", payment["id"])[0]


def unknown_create(stack, name, **more):
    """A create whose every answer is spoilt: 202, unknown, stays so while the fault lasts, then resolves to one order."""
    trades = stack.control("GET", "/trades")["count"]
    fault(stack, "precreate", name, **more)
    began = time.monotonic()
    answer = stack.merchant().call("POST", "/v1/payments", order(), timeout=30)
    took = time.monotonic() - began
    expect(answer.status == 202, f"{name}: {answer}")
    payment = answer.json()
    equal((payment["state"], payment["action"]["kind"]), ("pending", "none"), name)
    expect(took < 8, f"{name}: answered after {took:.1f} s")
    time.sleep(0.5)
    now = read(stack, payment)
    equal((now["state"], now["action"]["kind"]), ("pending", "none"), f"{name}: while the fault lasts")
    expect(attempt_state(stack, payment)[1][1] > 0, f"{name}: not marked unknown")
    calm(stack)
    wait_for(lambda: read(stack, payment)["action"]["kind"] == "qr_code", f"{name}: the code after the fault")
    equal(stack.control("GET", "/trades")["count"] - trades, 1, f"{name}: orders in the platform's books")
    numbers = {e["out_trade_no"] for e in stack.control("GET", "/exchanges")["exchanges"] if e["out_trade_no"] == payment["upstream_no"]}
    equal(numbers, {payment["upstream_no"]}, f"{name}: upstream numbers")
    again = stack.merchant().call("POST", "/v1/payments", order(payment["out_trade_no"]))
    equal((again.status, again.json()["id"], again.json()["action"]["kind"]), (201, payment["id"], "qr_code"), name)
    return payment


def resident(stack):
    """MiB of the gateway's daemon (the supervisor's child)."""
    sizes = []
    children = subprocess.run(["pgrep", "-P", str(stack.gateway.child.pid)], capture_output=True, text=True).stdout.split()
    for pid in [str(stack.gateway.child.pid), *children]:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            sizes += [int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS")]
    return max(sizes)


@test
def s_080_a_cut_connection_after_the_request_is_unknown_and_one_order(stack):
    trades = stack.control("GET", "/trades")["count"]
    for name in ("drop_after", "reset_after", "half"):
        fault(stack, "precreate", name, 1)
        payment = create(stack)
        equal(len(calls(stack, payment, "precreate")), 2, f"{name}: the identical request again")
        equal(len({e["canonical"].split("timestamp=")[0] for e in calls(stack, payment, "precreate") if "canonical" in e}) <= 1, True, name)
    equal(stack.control("GET", "/trades")["count"] - trades, 3, "three orders")
    before = metric_sum(stack, "till_upstream_total", operation="create", verdict="unknown")
    unknown_create(stack, "drop_after")
    expect(metric_sum(stack, "till_upstream_total", operation="create", verdict="unknown") > before, "till_upstream_total was not moved")


@test
def s_081_a_paid_answer_under_a_wrong_signature_is_not_believed(stack):
    for lie in ("wrong_signature", "unsigned", "other_answer"):
        payment = create(stack)
        scan(stack, payment)
        forged = metric(stack, 'till_security_events_total{kind="answer_forged"}')
        fault(stack, "query", lie)
        pay_silently(stack, payment)
        asked = len(calls(stack, payment, "query"))
        wait_for(lambda: len(calls(stack, payment, "query")) >= asked + 2, "two spoilt answers")
        equal(read(stack, payment)["state"], "pending", lie)
        expect(metric(stack, 'till_security_events_total{kind="answer_forged"}') > forged, f"{lie}: no security event")
        calm(stack)
        await_state(stack, payment, "paid")
        equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], lie)


@test
def s_081_a_create_under_a_wrong_signature_is_unknown(stack):
    unknown_create(stack, "wrong_signature")


@test
def s_082_a_refund_that_says_error_and_was_done_is_one_refund(stack):
    payment = paid(stack, 1000)
    fault(stack, "refund", "system_error_after", 1)
    fault(stack, "notify", "notify_never")
    answer = refund(stack, payment, 400)
    expect(answer.status in (200, 202), answer)
    await_refund(stack, answer.json(), "succeeded")
    equal([(r["minor"], r["out_request_no"]) for r in trade(stack, payment)["refunds"]], [(400, answer.json()["refund_no"])], "refunds upstream")
    equal(read(stack, payment)["refunded"], 400, "refunded")
    calm(stack)


@test
def s_083_a_refund_without_fund_change_is_asked_after(stack):
    payment = paid(stack, 1000)
    fault(stack, "refund", "no_fund_change", 1)
    fault(stack, "notify", "notify_never")
    answer = refund(stack, payment, 400)
    expect(answer.status in (200, 202), answer)
    await_refund(stack, answer.json(), "succeeded")
    expect(any("refund" in e["method"] and "query" in e["method"] for e in stack.control("GET", "/exchanges")["exchanges"]
               if e["out_trade_no"] == payment["upstream_no"]), "no question was asked")
    equal(len(trade(stack, payment)["refunds"]), 1, "refunds upstream")
    calm(stack)


@test
def s_084_does_not_exist_is_no_failure(stack):
    payment = create(stack)
    wait_for(lambda: [e for e in calls(stack, payment, "query") if e["sub_code"] == "ACQ.TRADE_NOT_EXIST"], "a question before the scan")
    now = read(stack, payment)
    equal((now["state"], now["action"]["kind"]), ("pending", "qr_code"), "after \"does not exist\"")
    equal(event_types(stack, payment), [], "events")
    settle(stack, payment)


@test
def s_084_nor_after_an_unknown_create(stack):
    payment = unknown_create(stack, "unknown_before")
    expect(read(stack, payment)["state"] == "pending", "failed")
    settle(stack, payment)


@test
def s_085_a_close_that_hears_already_paid_ends_paid(stack):
    for verb in ("close", "cancel"):
        payment = create(stack)
        scan(stack, payment)
        pay_silently(stack, payment)
        answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/{verb}")
        if verb == "close":
            await_state(stack, payment, "paid")
            equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
            equal(trade(stack, payment)["status"], "TRADE_SUCCESS", "upstream")
            expect(answer.status in (200, 202, 409), answer)
        else:
            ended = wait_for(lambda: (lambda p: p if p["state"] in ("paid", "closed") else None)(read(stack, payment)), "the end")
            money = trade(stack, payment)
            expect((ended["state"] == "paid" and money["refunded_minor"] == 0) or money["refunded_minor"] == money["total_minor"],
                   f"{ended['state']} here, {money} there")
    expect(ledger_is_balanced(stack), "the ledger does not balance")


@test
def s_085_a_close_that_was_lost_upstream_is_found_out(stack):
    payment = create(stack)
    scan(stack, payment)
    fault(stack, "close", "lost_close", 1)
    stack.merchant().call("POST", f"/v1/payments/{payment['id']}/close")
    if trade(stack, payment)["status"] == "WAIT_BUYER_PAY":
        stack.pay(payment["upstream_no"])
        ended = wait_for(lambda: (lambda p: p if p["received"] else None)(read(stack, payment)), "the late money")
        expect(ended["state"] == "paid", ended)
    expect(ledger_is_balanced(stack), "the ledger does not balance")


@test
def s_086_a_dripping_answer_is_cut_at_the_deadline(stack):
    fault(stack, "precreate", "drip", argument=1000)
    began = time.monotonic()
    answer = stack.merchant().call("POST", "/v1/payments", order(), timeout=30)
    took = time.monotonic() - began
    equal(request(stack.gateway_port, "GET", "/ping", timeout=2).status, 200, "/ping meanwhile")
    expect(answer.status == 202 and took < 6, f"after {took:.1f} s: {answer}")
    calm(stack)
    payment = answer.json()
    wait_for(lambda: read(stack, payment)["action"]["kind"] == "qr_code", "the code after the drip")


@test
def s_087_a_wrong_certificate_means_nothing_was_sent(stack):
    pairs = {"good": (stack.folder / "good.pem", stack.folder / "good.key"),
             "other_host": certificate(stack.folder, "other_host", "DNS:openapi.example,IP:127.0.0.2", 30),
             "expired": certificate(stack.folder, "expired", "IP:127.0.0.1", -1)}
    (stack.folder / "elsewhere").mkdir()
    pairs["stranger"] = certificate(stack.folder / "elsewhere", "stranger", "IP:127.0.0.1", 30)
    for name, pair in pairs.items():
        door = TlsDoor(pair, stack.doors[name], stack.sandbox_port)
        account = add_account(stack, name, f"https://127.0.0.1:{stack.doors[name]}/alipay/gateway.do")
        before = stack.control("GET", "/trades")["count"]
        answer = stack.merchant().call("POST", "/v1/payments", order(account=account["id"]))
        expect(door.handshakes > 0, f"{name}: nobody connected")
        if name == "good":
            equal(answer.status, 201, "a good certificate")
            expect(door.received > 0, "nothing came through")
            settle(stack, answer.json())
            stack.admin("account", "disable", account["id"])
            continue
        document = is_problem(answer, 503, "upstream_unreachable")
        expect(document["retryable"], "not retryable")
        equal((door.received, stack.control("GET", "/trades")["count"]), (0, before), f"{name}: bytes sent and orders made")
        state = rows(stack, "SELECT state FROM attempts WHERE payment_id = ?", document["payment_id"])[0][0]
        equal(attempt_state(stack, {"id": document["payment_id"]})[0][state], "prepared", f"{name}: the attempt")
        stack.admin("account", "disable", account["id"])


@test
def s_088_a_redirect_is_not_followed(stack):
    fault(stack, "precreate", "redirect", argument=stack.decoy.url)
    answer = stack.merchant().call("POST", "/v1/payments", order())
    equal(answer.status, 202, "create")
    equal(stack.decoy.messages, [], "requests at the address of the redirect")
    calm(stack)
    wait_for(lambda: read(stack, answer.json())["action"]["kind"] == "qr_code", "the code afterwards")


@test
def s_089_garbage_is_unknown(stack):
    before = resident(stack)
    for name in ("html", "empty", "big", "garbage", "http_after"):
        unknown_create(stack, name)
    expect(resident(stack) - before < 96, f"grew from {before} to {resident(stack)} MiB")


@test
def s_090_a_compression_bomb_is_cut_and_unknown(stack):
    before = resident(stack)
    unknown_create(stack, "gzip_bomb")
    expect(resident(stack) - before < 96, f"grew from {before} to {resident(stack)} MiB")


@test
def s_092_close_and_payment_together_end_as_one_of_both(stack):
    def one_round(_):
        payment = create(stack)
        scan(stack, payment)
        together(2, lambda i: stack.merchant().call("POST", f"/v1/payments/{payment['id']}/close", timeout=60) if i
                 else request(stack.sandbox_port, "POST", f"/control/trades/{payment['upstream_no']}/pay", b"{}", {"Content-Type": "application/json"}))
        return payment
    seen = {"paid": 0, "closed": 0}
    for _ in range(10):
        for payment in together(5, one_round):
            ended = wait_for(lambda: (lambda p: p if p["state"] in ("paid", "closed") else None)(read(stack, payment)), "the end of a round", 30)
            status = trade(stack, payment)["status"]
            wanted = "TRADE_SUCCESS" if ended["state"] == "paid" else "TRADE_CLOSED"
            equal(status, wanted, f"upstream, ours is {ended['state']}")
            seen[ended["state"]] += 1
    equal(sum(seen.values()), 50, "rounds")
    expect(ledger_is_balanced(stack), "the ledger does not balance")
    equal(stack.control("GET", "/books")["conserved"], True, "the platform's books")


@test
def s_094_two_refunds_at_once_stay_within_what_was_paid(stack):
    payment = paid(stack, 100)
    answers = together(2, lambda _: refund(stack, payment, 60))
    equal(sorted(answer.status for answer in answers), [200, 409], [repr(a) for a in answers])
    equal(next(a for a in answers if a.status == 409).json()["code"], "refund_exceeds", "the second")
    equal(trade(stack, payment)["refunded_minor"], 60, "upstream")


@test
def s_095_the_same_refund_number_with_another_amount_is_refused(stack):
    payment = paid(stack, 1000)
    name = number("R")
    first = refund(stack, payment, 300, name)
    equal((first.status, first.json()["state"]), (200, "succeeded"), "the first")
    is_problem(refund(stack, payment, 301, name), 409, "refund_conflict")
    again = refund(stack, payment, 300, name)
    equal((again.status, again.json()["id"]), (200, first.json()["id"]), "the same again")
    equal(([r["minor"] for r in trade(stack, payment)["refunds"]], read(stack, payment)["refunded"]), ([300], 300), "refunds")


@test
def s_096_refund_amounts_are_positive_integers(stack):
    payment = paid(stack, 1000)
    for amount in (-50, 0, 50.0, "50", None, 10 ** 30):
        answer = refund(stack, payment, amount)
        expect(answer.status == 400 and answer.json()["code"] in ("amount_invalid", "body_malformed"), f"{amount}: {answer}")
    is_problem(refund(stack, payment, 1001), 409, "refund_exceeds")
    equal((trade(stack, payment)["refunds"], read(stack, payment)["refund_held"]), ([], 0), "effects")
    equal(refund(stack, payment, 1000).json()["state"], "succeeded", "all of it")


@test
def s_097_an_unknown_refund_counts_against_the_bound(stack):
    payment = paid(stack, 100)
    fault(stack, "refund", "unknown_before")
    fault(stack, "refund_query", "unknown_before")
    answer = refund(stack, payment, 60)
    expect(answer.status == 202 and answer.json()["state"] in ("unknown", "sent"), answer)
    is_problem(refund(stack, payment, 50), 409, "refund_exceeds")
    calm(stack)
    await_refund(stack, answer.json(), "succeeded")
    equal([r["minor"] for r in trade(stack, payment)["refunds"]], [60], "refunds upstream")


@test
def s_098_a_failed_refund_gives_its_reservation_back_once(stack):
    payment = paid(stack, 100)
    fault(stack, "refund", "refuse", 1, argument="ACQ.SELLER_BALANCE_NOT_ENOUGH")
    failed = refund(stack, payment, 60)
    ended = await_refund(stack, failed.json(), "failed")
    equal((ended["channel_code"], read(stack, payment)["refund_held"]), ("ACQ.SELLER_BALANCE_NOT_ENOUGH", 0), "after the refusal")
    await_refund(stack, refund(stack, payment, 100).json(), "succeeded")
    equal(trade(stack, payment)["refunded_minor"], 100, "upstream")
    types = wait_for(lambda: len(event_types(stack, payment)) == 3 and event_types(stack, payment), "three events")
    equal(types, ["payment.succeeded", "refund.failed", "refund.succeeded"], "events")


@test
def s_099_s_100_a_kill_around_the_commit_neither_loses_nor_doubles(stack):
    for point in ("N9", "N11"):
        payment = create(stack)
        scan(stack, payment)
        restart_gateway(stack, env={"TILL_FAILPOINTS": f"{point}=kill"}, arguments=["--no-supervise"])
        stack.pay(payment["upstream_no"])
        stack.gateway.child.wait(20)
        equal(stack.gateway.child.returncode, -signal.SIGKILL, f"end at {point}")
        wait_for(lambda: [n for n in stack.control("GET", "/notifications")["notifications"]
                          if n["out_trade_no"] == payment["upstream_no"] and n["event"] == "paid" and n["attempts"] > 0],
                 "the delivery that met the dying gateway")  # a slow one would meet the next
        fault(stack, "query", "delay", argument=3000)  # the notification, not a question, shall bring it
        stack.overrides["payments.ask_after"] = "30s"
        stack.start_gateway()
        del stack.overrides["payments.ask_after"]
        noop = metric(stack, 'till_notify_total{channel="alipay",outcome="noop"}')
        equal(read(stack, payment)["state"], "paid" if point == "N11" else "pending", f"after the restart, {point}")
        stack.control("POST", "/clock", {"advance_seconds": 240})
        await_state(stack, payment, "paid")
        sent = wait_for(lambda: [n for n in stack.control("GET", "/notifications")["notifications"]
                                 if n["out_trade_no"] == payment["upstream_no"] and n["acknowledged"]], "the second delivery")
        expect(sent[0]["attempts"] >= 2, sent)
        if point == "N11":
            equal(metric(stack, 'till_notify_total{channel="alipay",outcome="noop"}') - noop, 1, "acknowledged without effect")
        equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
        equal(len(rows(stack, "SELECT 1 FROM ledger WHERE payment_id = ?", payment["id"])), 2, "ledger lines")
        calm(stack)
    restart_gateway(stack, signal.SIGTERM)


@test
def a_refused_order_says_why_and_fails_for_good(stack):
    fault(stack, "precreate", "refuse", 1, argument="ACQ.ACCESS_FORBIDDEN")
    fields = order()
    document = is_problem(stack.merchant().call("POST", "/v1/payments", fields), 402, "channel_declined")
    equal(document["channel_code"], "ACQ.ACCESS_FORBIDDEN", "the platform's word")
    again = is_problem(stack.merchant().call("POST", "/v1/payments", fields), 402, "channel_declined")
    equal(again["payment_id"], document["payment_id"], "the same order again")
    failed = read(stack, document["payment_id"])
    equal(failed["state"], "failed", "state")
    types = wait_for(lambda: [e["type"] for e in events(stack, failed)], "the event")
    equal(types, ["payment.failed"], "events")


@test
def a_limited_platform_is_tried_again(stack):
    fault(stack, "precreate", "rate_limit", 2)
    answer = stack.merchant().call("POST", "/v1/payments", order())
    expect(answer.status in (201, 202), answer)
    wait_for(lambda: read(stack, answer.json())["action"]["kind"] == "qr_code", "the code")


@test
def a_stale_query_never_unpays(stack):
    payment = paid(stack)
    fault(stack, "query", "stale_query")
    answer = stack.merchant().call("GET", f"/v1/payments/{payment['id']}")
    time.sleep(1)
    equal((answer.json()["state"], read(stack, payment)["state"]), ("paid", "paid"), "state")


@test
def a_renewed_code_belongs_to_the_same_order(stack):
    payment = create(stack)
    renewed = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/renew")
    equal((renewed.status, renewed.json()["id"], renewed.json()["action"]["kind"]), (200, payment["id"], "qr_code"), "renew")
    equal(len({e["out_trade_no"] for e in calls(stack, payment, "precreate")}), 1, "upstream numbers")
    settle(stack, payment)
    is_problem(stack.merchant().call("POST", f"/v1/payments/{payment['id']}/renew"), 409, "state_conflict")


if __name__ == "__main__":
    main(setup)
