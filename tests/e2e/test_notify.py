# SPDX-License-Identifier: Apache-2.0
"""Alipay's notifications: security cases S-036 to S-045 and S-047 to S-052, signed by the test with the platform's own key (the openssl
command line), and the same lies told by the sandbox itself."""
import hashlib
import time

from tap import (acked, await_state, beijing, create, deliver, discrepancies, encode, equal, event_types, expect, facts_of, ledger_is_balanced, main,
                 metric, notice, number, read, request, rows, rsa_key, settle, signed, started, test, together, wait_for)

EVENTS = ("payment.succeeded",)


def nacked(answer):
    """The documented failure word, never the success word."""
    return answer.body != b"success" and (answer.body == b"failure" or answer.status >= 400)


def refused(stack, payment, body, what, query="", outcome="refused", charset="utf-8"):
    """NACK: nothing moves, one security event."""
    before = facts_of(stack, payment)
    counted = metric(stack, f'till_notify_total{{channel="alipay",outcome="{outcome}"}}')
    security = sum(value for name, value in stack.metrics().items() if name.startswith("till_security_events_total"))
    answer = deliver(stack, body, query, charset=charset)
    expect(nacked(answer), f"{what}: {answer}")
    equal(facts_of(stack, payment), before, what)
    equal(metric(stack, f'till_notify_total{{channel="alipay",outcome="{outcome}"}}') - counted, 1, f"{what}: counted")
    now = sum(value for name, value in stack.metrics().items() if name.startswith("till_security_events_total"))
    equal(now - security, 1, f"{what}: security events")


def held(stack, payment, body, kind):
    """HOLD: success word, one durable discrepancy however often it comes, no money moved."""
    before, open_before = facts_of(stack, payment), metric(stack, "till_discrepancies_open")
    known = {row["id"] for row in discrepancies(stack)}
    for turn in range(2):
        answer = deliver(stack, body)
        expect(acked(answer), f"{kind}, delivery {turn + 1}: {answer}")
    fresh = [row for row in discrepancies(stack) if row["id"] not in known]
    equal([row["type"] for row in fresh], [kind], "new discrepancies")
    equal(facts_of(stack, payment), before, kind)
    equal(wait_for(lambda: metric(stack, "till_discrepancies_open") > open_before, "the metric"), True, "till_discrepancies_open")
    equal(read(stack, payment)["state"], "pending", kind)
    return fresh[0]


def applied(stack, payment, body, state="paid", types=EVENTS, charset="utf-8"):
    answer = deliver(stack, body, charset=charset)
    expect(acked(answer), answer)
    now = read(stack, payment)
    equal(now["state"], state, "state right after the success word")
    equal(wait_for(lambda: len(event_types(stack, payment)) >= len(types) and event_types(stack, payment), "events"), list(types), "events")
    expect(ledger_is_balanced(stack), "the ledger does not balance")
    return now


def ledger_lines(stack, payment):
    return rows(stack, "SELECT count(*) FROM ledger WHERE payment_id = ?", payment["id"])[0][0]


@test
def s_036_a_true_notification_pays_the_order(stack):
    payment = create(stack, amount=10000)
    body = signed(stack, notice(stack, payment))
    answer = deliver(stack, body)
    equal((answer.status, answer.body), (200, b"success"), "answer")
    equal(answer.headers.get("content-length"), "7", "seven bytes")
    now = read(stack, payment)
    equal((now["state"], now["received"], now["refunded"]), ("paid", 10000, 0), "payment")
    expect(now["trade_no"] and now["paid_at"], now)
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
    equal(ledger_lines(stack, payment), 2, "ledger lines")
    expect(ledger_is_balanced(stack), "the ledger does not balance")
    expect(acked(deliver(stack, body)), "the second delivery")
    equal((event_types(stack, payment), ledger_lines(stack, payment)), (["payment.succeeded"], 2), "after the second delivery")


@test
def s_036_the_sandboxes_notification_pays_the_order(stack):
    payment = create(stack)
    equal(settle(stack, payment)["received"], 990, "received")
    sent = [n for n in stack.control("GET", "/notifications")["notifications"] if n["out_trade_no"] == payment["upstream_no"]]
    equal([(n["acknowledged"], n["attempts"], n["last_reply"]) for n in sent], [(True, 1, "success")], "deliveries")


@test
def s_037_an_unsigned_notification_is_refused(stack):
    payment = create(stack)
    fields = notice(stack, payment)
    refused(stack, payment, encode(fields), "no sign")
    refused(stack, payment, encode({**fields, "sign": ""}), "an empty sign")
    refused(stack, payment, signed(stack, fields).replace(b"sign=", b"Sign="), "another name")
    refused(stack, payment, signed(stack, fields, key=rsa_key(stack.folder / "stranger.pem")), "a stranger's key")
    refused(stack, payment, signed(stack, fields)[:-10], "a cut signature")
    applied(stack, payment, signed(stack, fields))


@test
def s_038_a_genuine_sha1_signature_is_no_downgrade(stack):
    payment = create(stack)
    refused(stack, payment, signed(stack, notice(stack, payment, sign_type="RSA"), digest="sha1"), "sign_type=RSA, SHA-1")
    refused(stack, payment, signed(stack, notice(stack, payment, sign_type="RSA2"), digest="sha1"), "sign_type=RSA2, SHA-1")
    refused(stack, payment, signed(stack, notice(stack, payment, sign_type="RSA")), "sign_type=RSA, SHA-256")
    refused(stack, payment, signed(stack, notice(stack, payment, sign_type=None)), "no sign_type")
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_039_an_md5_digest_is_no_signature(stack):
    payment = create(stack)
    fields = notice(stack, payment, sign_type="MD5")
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign_type")
    refused(stack, payment, encode({**fields, "sign": hashlib.md5(text.encode()).hexdigest()}), "md5 with an empty key")
    fields["sign_type"] = "RSA2"
    refused(stack, payment, encode({**fields, "sign": hashlib.md5(text.encode()).hexdigest()}), "md5 called RSA2")
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_040_another_amount_is_held_and_asked_about(stack):
    payment = create(stack, amount=10000)
    asked = rows(stack, "SELECT next_ask_us FROM attempts WHERE payment_id = ?", payment["id"])[0][0]
    held(stack, payment, signed(stack, notice(stack, payment, total_amount="0.01")), "amount_mismatch")
    soon = rows(stack, "SELECT next_ask_us FROM attempts WHERE payment_id = ?", payment["id"])[0][0]
    expect(0 < soon < asked or soon != asked, f"no question was planned: {asked} -> {soon}")
    held(stack, payment, signed(stack, notice(stack, payment, total_amount="100.01")), "amount_mismatch")
    refused(stack, payment, signed(stack, notice(stack, payment, total_amount="100.005")), "half a fen")
    refused(stack, payment, signed(stack, notice(stack, payment, total_amount="1e2")), "an exponent")
    refused(stack, payment, signed(stack, notice(stack, payment, total_amount="-100.00")), "a negative amount")
    refused(stack, payment, signed(stack, notice(stack, payment, total_amount=None)), "no amount")
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_041_another_apps_id_is_held(stack):
    payment = create(stack)
    other = started(own_platform_key=True)
    try:
        twin = create(other)
        held(stack, payment, signed(stack, notice(stack, payment, app_id="9021000000000000", auth_app_id="9021000000000000")), "app_mismatch")
        refused(stack, payment, signed(stack, notice(stack, payment, app_id=None)), "no app_id")
        equal((read(stack, payment)["state"], read(other, twin)["state"]), ("pending", "pending"), "neither payment changes")
    finally:
        other.close()
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_041_the_number_of_another_account_is_held(stack):
    payment = create(stack)
    keys = stack.folder / "keys"
    second = stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", "second",
                         "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
                         "--set", f"gateway_url=http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
                         "--set", f"private_key=@{keys / 'app_private_key.pem'}", "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
    stack.admin("account", "disable", second["id"])
    before = facts_of(stack, payment)
    answer = deliver(stack, signed(stack, notice(stack, payment)), account=second)
    expect(acked(answer), answer)
    equal(facts_of(stack, payment), before, "the payment of the first account")
    expect("foreign_order" in [row["type"] for row in discrepancies(stack)], discrepancies(stack))
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_042_another_seller_is_held(stack):
    payment = create(stack)
    held(stack, payment, signed(stack, notice(stack, payment, seller_id="2088000000000000")), "seller_mismatch")
    refused(stack, payment, signed(stack, notice(stack, payment, seller_id=None)), "no seller")
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_043_fifty_at_once_pay_once(stack):
    payment = create(stack)
    body = signed(stack, notice(stack, payment))
    before = stack.metrics()
    answers = together(50, lambda _: deliver(stack, body))
    expect(all(acked(answer) for answer in answers), [repr(a) for a in answers if not acked(a)][:3])
    now = stack.metrics()

    def grown(outcome):
        name = f'till_notify_total{{channel="alipay",outcome="{outcome}"}}'
        return now.get(name, 0) - before.get(name, 0)
    equal((grown("applied"), grown("noop")), (1, 49), "applied and without effect")
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
    equal((ledger_lines(stack, payment), read(stack, payment)["received"]), (2, 990), "ledger lines, received")


@test
def s_043_fifty_different_ones_of_one_payment_pay_once(stack):
    payment = create(stack)
    bodies = [signed(stack, notice(stack, payment)) for _ in range(12)]
    answers = together(48, lambda i: deliver(stack, bodies[i % 12]))
    expect(all(acked(answer) for answer in answers), "not all acknowledged")
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
    equal(ledger_lines(stack, payment), 2, "ledger lines")


@test
def s_044_finished_as_the_first_news_pays_and_refuses_refunds(stack):
    payment = create(stack)
    applied(stack, payment, signed(stack, notice(stack, payment, trade_status="TRADE_FINISHED")))
    equal(rows(stack, "SELECT finished FROM attempts WHERE payment_id = ?", payment["id"]), [(1,)], "finished")
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 1, "out_refund_no": number("R")})
    equal((answer.status, answer.json()["code"]), (409, "state_conflict"), "a refund of a finished trade")


@test
def s_045_finished_after_success_changes_nothing(stack):
    payment = create(stack)
    applied(stack, payment, signed(stack, notice(stack, payment)))
    before = (read(stack, payment)["paid_at"], ledger_lines(stack, payment))
    late = notice(stack, payment, trade_status="TRADE_FINISHED", gmt_close=None, notify_time="2027-02-23 10:00:00")
    expect(acked(deliver(stack, signed(stack, late))), "not acknowledged")
    time.sleep(0.3)
    equal(event_types(stack, payment), ["payment.succeeded"], "events")
    equal((read(stack, payment)["paid_at"], ledger_lines(stack, payment)), before, "the payment")


@test
def s_046_the_news_of_a_refund_settles_it_once_and_pays_nothing_again(stack):
    paid = settle(stack, create(stack, amount=10000))
    stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "count": 1, "argument": "60"})
    stack.control("POST", "/faults", {"operation": "refund", "fault": "drop_after", "count": 1})
    name = number("R")
    answer = stack.merchant().call("POST", f"/v1/payments/{paid['id']}/refunds", {"amount": 3000, "out_refund_no": name})
    stack.control("DELETE", "/faults")
    expect(answer.status in (200, 202), f"the refund: {answer}")
    refund_no = rows(stack, "SELECT refund_no FROM refunds WHERE out_refund_no = ?", name)[0][0]
    news = notice(stack, paid, refund_fee="30.00", gmt_refund=beijing() + ".631", out_biz_no=refund_no, trade_no=paid["trade_no"])
    for _ in range(3):
        expect(acked(deliver(stack, signed(stack, news))), "not acknowledged")
    wait_for(lambda: len(event_types(stack, paid)) >= 2, "two events")
    stack.control("POST", "/clock", {"advance_seconds": 61})  # the platform's own news of it
    wait_for(lambda: all(n["over"] for n in stack.control("GET", "/notifications")["notifications"]), "all deliveries")
    equal(event_types(stack, paid), ["payment.succeeded", "refund.succeeded"], "events")
    equal((read(stack, paid)["refunded"], ledger_lines(stack, paid)), (3000, 4), "the money")


@test
def s_047_closed_without_payment_closes_the_order(stack):
    payment = create(stack)
    closed = notice(stack, payment, trade_status="TRADE_CLOSED", gmt_payment=None, receipt_amount=None)
    now = applied(stack, payment, signed(stack, closed), "closed", ("payment.closed",))
    equal((now["received"], ledger_lines(stack, payment)), (0, 0), "no money, no ledger entry")
    expect(acked(deliver(stack, signed(stack, closed))), "the second delivery")
    equal(event_types(stack, payment), ["payment.closed"], "events")


@test
def s_048_a_parameter_given_twice_is_refused(stack):
    payment = create(stack, amount=10000)
    body = signed(stack, notice(stack, payment))
    refused(stack, payment, b"total_amount=0.01&" + body, "amount twice, the lie first")
    refused(stack, payment, body + b"&total_amount=0.01", "amount twice, the lie last")
    refused(stack, payment, body + b"&sign=x", "sign twice")
    refused(stack, payment, body + b"&tot%61l_amount=0.01", "an escaped name")
    applied(stack, payment, body)


@test
def s_049_only_the_body_counts(stack):
    payment = create(stack, amount=10000)
    lie = f"?total_amount=0.01&trade_status=TRADE_SUCCESS&out_trade_no={payment['upstream_no']}"
    refused(stack, payment, encode(notice(stack, payment)), "unsigned body", lie)
    whole = signed(stack, notice(stack, payment)).decode()
    refused(stack, payment, b"", "the signed set in the query string only", "?" + whole)
    refused(stack, payment, encode({"out_trade_no": payment["upstream_no"]}), "half of it in the query string", "?" + whole)
    other = create(stack, amount=500)
    foreign = "?" + encode(notice(stack, other)).decode()
    expect(acked(deliver(stack, whole.encode(), foreign)), "the signed body beside lies in the query string")
    equal((read(stack, payment)["state"], read(stack, other)["state"]), ("paid", "pending"), "who was paid")


@test
def s_050_gbk_is_verified_raw_and_stored_as_utf8(stack):
    payment = create(stack, subject="\u5496\u5561 Coffee")
    fields = notice(stack, payment, charset="GBK", buyer_logon_id="\u5f20\u4e09@\u4f8b\u5b50")
    lying = signed(stack, {**fields, "charset": "utf-8"}, charset="gbk")
    refused(stack, payment, lying, "GBK bytes called UTF-8", charset="GBK")
    applied(stack, payment, signed(stack, fields, charset="gbk"), charset="GBK")
    equal(rows(stack, "SELECT buyer FROM attempts WHERE payment_id = ?", payment["id"])[0][0], "\u5f20\u4e09@\u4f8b\u5b50", "the text as stored")


@test
def s_051_an_unknown_status_is_held(stack):
    payment = create(stack)
    held(stack, payment, signed(stack, notice(stack, payment, trade_status="TRADE_MAGIC")), "unknown_status")
    applied(stack, payment, signed(stack, notice(stack, payment)))


@test
def s_052_a_number_that_was_never_issued_is_refused_and_noted_once(stack):
    payment = create(stack)
    known = {row["id"] for row in discrepancies(stack)}
    nobody = signed(stack, notice(stack, {**payment, "upstream_no": "NOBODY0EVER0ORDERED0THIS0"}))
    for _ in range(3):
        refused(stack, payment, nobody, "an unknown order")
    fresh = [row for row in discrepancies(stack) if row["id"] not in known]
    equal([row["type"] for row in fresh], ["unknown_order"], "one record for three deliveries")
    bodies = [signed(stack, notice(stack, {**payment, "upstream_no": f"NOBODY{i:020d}"})) for i in range(10)]
    for turn in range(30):
        expect(nacked(deliver(stack, bodies[turn % 10])), "acknowledged")
    expect(len([row for row in discrepancies(stack) if row["id"] not in known]) <= 11, "the records grow with the flood")


@test
def notifications_reach_only_their_own_address(stack):
    payment = create(stack)
    body = signed(stack, notice(stack, payment))
    before = facts_of(stack, payment)
    for target in ("/notify/alipay/" + "0" * 32, "/notify/alipay/" + stack.account["id"], "/notify/wechat/" + stack.account["public_id"],
                   "/notify/alipay/", "/notify/alipay"):
        answer = request(stack.gateway_port, "POST", target, body, {"Content-Type": "application/x-www-form-urlencoded"})
        expect(answer.status in (404, 400) and answer.body != b"success", f"{target}: {answer}")
    address = "/notify/alipay/" + stack.account["public_id"]
    for kind in ("application/json", "text/plain", "multipart/form-data"):
        answer = request(stack.gateway_port, "POST", address, body, {"Content-Type": kind})
        expect(nacked(answer), f"{kind}: {answer}")
    expect(request(stack.gateway_port, "GET", address).status == 405, "GET")
    equal(facts_of(stack, payment), before, "the payment")
    large = body + b"&x=" + b"y" * (256 * 1024)
    equal(request(stack.gateway_port, "POST", address, large, {"Content-Type": "application/x-www-form-urlencoded"}).status, 413, "too large")
    applied(stack, payment, body)


@test
def a_disabled_account_still_takes_its_notifications(stack):
    payment = create(stack)
    stack.admin("account", "disable", stack.account["id"])
    try:
        applied(stack, payment, signed(stack, notice(stack, payment)))
    finally:
        stack.admin("account", "enable", stack.account["id"])


@test
def every_lie_of_the_sandbox_is_seen_through(stack):
    lies = {"wrong_key": "refused", "unsigned": "refused", "sha1": "refused", "md5": "refused", "twice_named": "refused", "other_order": "refused",
            "amount": "held", "other_app": "held", "other_seller": "held", "unknown_status": "held"}
    for variant, outcome in lies.items():
        payment = create(stack)
        stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
        name = f'till_notify_total{{channel="alipay",outcome="{outcome}"}}'
        before = metric(stack, name)
        stack.control("POST", f"/notify/{payment['upstream_no']}", {"variant": variant, "event": "paid"})
        wait_for(lambda: metric(stack, name) > before, f"{variant} being {outcome}")
        equal(read(stack, payment)["state"], "pending", variant)
        settle(stack, payment)


@test
def true_news_in_odd_clothes_is_taken(stack):
    for variant in ("finished", "gbk", "query", "probe"):
        payment = create(stack)
        stack.control("POST", "/faults", {"operation": "notify", "fault": f"notify_{variant}", "count": 1})
        equal(settle(stack, payment)["state"], "paid", variant)
    for fault, argument in (("notify_duplicate", 3), ("notify_delay", 1)):
        payment = create(stack)
        stack.control("POST", "/faults", {"operation": "notify", "fault": fault, "count": 1, "argument": argument})
        equal(settle(stack, payment)["state"], "paid", fault)
    stack.control("POST", "/clock", {"advance_seconds": 60})
    wait_for(lambda: all(n["over"] for n in stack.control("GET", "/notifications")["notifications"]), "all deliveries")
    equal(event_types(stack, payment), ["payment.succeeded"], "events")


@test
def a_notification_before_the_answer_to_the_create_is_taken(stack):
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "paid_first", "count": 1})
    payment = create(stack)
    await_state(stack, payment, "paid")
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")


@test
def a_day_of_retries_pays_once(stack):
    payment = create(stack)
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.gateway.stop()
    stack.pay(payment["upstream_no"])
    for seconds in (240, 600, 600, 3600, 7200, 21600):
        wait_for(lambda: not any(n["due_us"] and n["due_us"] <= stack.control("GET", "/clock")["now_us"]
                                 for n in stack.control("GET", "/notifications")["notifications"]), "the deliveries that are due")
        stack.control("POST", "/clock", {"advance_seconds": seconds})
    stack.start_gateway()
    stack.control("POST", "/clock", {"advance_seconds": 60000})
    await_state(stack, payment, "paid")
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")


if __name__ == "__main__":
    main(own_platform_key=True)
