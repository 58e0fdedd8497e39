# SPDX-License-Identifier: Apache-2.0
"""Creating orders: security cases S-015, S-016, S-021 to S-035, and one order asked for 64 times at once in every kind of trouble."""
import json
import signal
import time

from tap import (Receiver, create, equal, event_types, events, expect, is_problem, main, number, order, read, request, restart_gateway, rows,
                 second_merchant, settle, test, together, wait_for)

TWINS = 64


def seen(stack):
    return (rows(stack, "SELECT count(*) FROM payments")[0][0], stack.control("GET", "/trades")["count"])


def rejected(stack, fields, code, field=None, status=400, raw_body=None):
    """Refused with this problem; nothing was stored and nothing left."""
    before = seen(stack)
    body = raw_body if raw_body is not None else json.dumps({**order(), **fields}).encode()
    answer = stack.merchant().call("POST", "/v1/payments", body)
    is_problem(answer, status, code, field)
    equal(seen(stack), before, "payments and upstream orders after a refusal")


def upstream_trades(stack, payment):
    return [trade for trade in stack.control("GET", "/trades")["trades"] if trade["out_trade_no"] == payment["upstream_no"]]


def one_upstream_order(stack, out_trade_no, trades_before):
    """Exactly one payment, attempt and upstream order came of it."""
    found = rows(stack, "SELECT p.id, count(a.id) FROM payments p JOIN attempts a ON a.payment_id = p.id WHERE p.out_trade_no = ?"
                        " GROUP BY p.id", out_trade_no)
    equal([count for _, count in found], [1], "attempts of the one payment")
    equal(stack.control("GET", "/trades")["count"] - trades_before, 1, "orders in the platform's books")


def equal_answers(answers, what):
    """Equal answers, each with the same QR code."""
    codes = [answer.status for answer in answers]
    expect(all(code in (200, 201) for code in codes), lambda: f"{what}: statuses {sorted(codes)}; {next(a for a in answers if a.status > 201)}")
    documents = [answer.json() for answer in answers]
    expect(all(document == documents[0] for document in documents), f"{what}: the answers differ")
    equal(documents[0]["action"]["kind"], "qr_code", what)
    expect("/alipay/qr/bax" in documents[0]["action"]["value"], documents[0])
    return documents[0]


def settled(stack, fields, what, seconds=40):
    """Creates the order 64 times at once until every answer is definitive; they must be equal."""
    def ask():
        answers = together(TWINS, lambda _: stack.merchant().call("POST", "/v1/payments", fields, timeout=60))
        waiting = [answer for answer in answers if answer.status in (202, 409, 502, 503)]
        expect(all(answer.status < 500 or answer.json()["retryable"] for answer in answers), f"{what}: not retryable")
        return None if waiting else answers
    return equal_answers(wait_for(ask, what, seconds, 0.3), what)


@test
def s_015_a_hundred_creates_under_one_key_are_one_payment(stack):
    fields, before = order(), stack.control("GET", "/trades")["count"]
    headers = {"Idempotency-Key": f'"{number("key")}"'}
    answers = together(100, lambda _: stack.merchant().call("POST", "/v1/payments", fields, headers, timeout=60))
    good = [answer for answer in answers if answer.status in (200, 201)]
    expect(good and all(answer.status in (200, 201, 409) for answer in answers), [a.status for a in answers])
    equal_answers(good, "100 creates")
    one_upstream_order(stack, fields["out_trade_no"], before)
    equal(len(rows(stack, "SELECT 1 FROM idempotency_keys WHERE key = ?", headers["Idempotency-Key"].strip('"'))), 1, "key rows")


@test
def s_015_the_key_alone_names_the_payment_and_another_key_another(stack):
    first, key = order(), {"Idempotency-Key": number("key")}
    one = stack.merchant().call("POST", "/v1/payments", first, key).json()
    again = stack.merchant().call("POST", "/v1/payments", first, {"Idempotency-Key": f'"{key["Idempotency-Key"]}"'})
    equal(again.json(), one, "bare and quoted key")
    equal(again.headers.get("idempotent-replayed"), "true", "Idempotent-Replayed")
    other = stack.merchant().call("POST", "/v1/payments", order(), {"Idempotency-Key": number("key")}).json()
    expect(other["id"] != one["id"], "another order under another key is the same payment")
    for bad in ('""', "", "a b", "k" * 256, '"open'):
        is_problem(stack.merchant().call("POST", "/v1/payments", order(), {"Idempotency-Key": bad}), 400, "idempotency_key_invalid")


@test
def s_016_the_same_key_with_another_amount_is_refused(stack):
    fields = order(amount=100)
    key = {"Idempotency-Key": number("key")}
    payment = stack.merchant().call("POST", "/v1/payments", fields, key).json()
    before = seen(stack)
    is_problem(stack.merchant().call("POST", "/v1/payments", {**fields, "amount": 10000}, key), 422, "idempotency_key_reused")
    is_problem(stack.merchant().call("POST", "/v1/payments", order(amount=10000), key), 422, "idempotency_key_reused")
    is_problem(stack.merchant().call("POST", "/v1/payments", {**fields, "amount": 10000}), 409, "order_conflict", "/out_trade_no")
    now = read(stack, payment)
    equal(now.pop("refunds"), [], "refunds")
    equal([attempt["id"] for attempt in now.pop("attempts")], [payment["attempt"]], "attempts")
    equal((seen(stack), now), (before, payment), "the first payment")


@test
def s_021_amounts_are_positive(stack):
    for amount in (0, -1, -990):
        rejected(stack, {"amount": amount}, "amount_invalid", "/amount")
    equal(create(stack, amount=1)["amount"], 1, "the least amount")


@test
def s_022_only_a_plain_integer_is_an_amount(stack):
    for text in (b"100.0", b"1e2", b'"100"', b"100.5", b"null", b"true", b"[100]", b"-0", b"1E2"):
        body = json.dumps(order(amount=7777)).encode().replace(b"7777", text)
        rejected(stack, {}, "amount_invalid", "/amount", raw_body=body)
    for text in (b"0100", b"+100", b"0x64", b"1_00", b"NaN"):
        body = json.dumps(order(amount=7777)).encode().replace(b"7777", text)
        rejected(stack, {}, "body_malformed", raw_body=body)
    equal(create(stack, amount=100)["amount"], 100, "a plain integer")


@test
def s_023_an_amount_beyond_64_bits_is_refused(stack):
    for amount in (9223372036854775808, 9223372036854775807, 18446744073709551617, 10 ** 40):
        before = seen(stack)
        answer = stack.merchant().call("POST", "/v1/payments", order(amount=amount))
        expect(answer.status == 400 and answer.json()["code"] in ("amount_invalid", "body_malformed"), answer)
        equal(seen(stack), before, "effects")


@test
def s_024_duplicate_members_are_refused(stack):
    body = json.dumps(order(amount=1)).encode()
    rejected(stack, {}, "body_malformed", raw_body=body.replace(b'"amount": 1,', b'"amount": 1, "amount": 10000,'))
    rejected(stack, {}, "body_malformed", raw_body=body.replace(b'"amount": 1,', b'"amount": 1, "\\u0061mount": 10000,'))
    nested = json.dumps(order(metadata={"a": "1"})).encode().replace(b'{"a": "1"}', b'{"a": "1", "a": "2"}')
    rejected(stack, {}, "body_malformed", raw_body=nested)
    equal(stack.merchant().call("POST", "/v1/payments", body).status, 201, "each member once")


@test
def s_025_states_are_never_assigned(stack):
    rejected(stack, {"status": "PAID"}, "field_unknown", "/status")
    for name, value in (("state", "paid"), ("paid_amount", 100), ("received", 990), ("paid_at", "2026-01-01T00:00:00Z"), ("id", "pay_1")):
        rejected(stack, {name: value}, "field_unknown", "/" + name)
    payment = create(stack)
    equal((payment["state"], payment["received"], payment["paid_at"]), ("pending", 0, None), "a new payment")


@test
def s_027_the_number_of_a_closed_order_is_never_used_again(stack):
    payment = create(stack)
    closed = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/cancel")
    equal((closed.status, closed.json()["state"]), (200, "closed"), "cancel")
    before = seen(stack)
    is_problem(stack.merchant().call("POST", "/v1/payments", order(payment["out_trade_no"], amount=5000)), 409, "order_conflict")
    same = stack.merchant().call("POST", "/v1/payments", order(payment["out_trade_no"])).json()
    equal((same["id"], same["state"], same["action"]["kind"]), (payment["id"], "closed", "none"), "the same order again")
    equal(seen(stack), before, "effects")
    equal(len(rows(stack, "SELECT upstream_no FROM attempts GROUP BY upstream_no HAVING count(*) > 1")), 0, "upstream numbers used twice")


@test
def s_028_nul_in_the_subject_is_refused(stack):
    rejected(stack, {"subject": "Cof\u0000fee"}, "text_invalid")
    rejected(stack, {"subject": "Cof\u0001fee"}, "field_invalid", "/subject")
    rejected(stack, {"metadata": {"note": "a\u0000b"}}, "text_invalid")
    equal(create(stack, subject="Coffee \u2615")["subject"], "Coffee \u2615", "a clean subject")


@test
def s_029_overlong_utf8_is_refused(stack):
    body = json.dumps(order(subject="@@")).encode()
    for bytes_ in (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xff", b"\xf4\x90\x80\x80", b"\xe5\x92"):
        before = seen(stack)
        answer = stack.merchant().call("POST", "/v1/payments", body.replace(b"@@", bytes_))
        expect(answer.status == 400 and answer.json()["code"] in ("body_malformed", "text_invalid"), f"{bytes_}: {answer}")
        equal(seen(stack), before, "effects")
    good = stack.merchant().call("POST", "/v1/payments", body.replace(b"@@", "\u5496\u5561".encode()))
    equal(good.json()["subject"], "\u5496\u5561", "well-formed UTF-8")


@test
def s_030_a_long_subject_is_kept_whole_and_sent_cut_at_a_character(stack):
    rejected(stack, {"subject": "\u5496" * 300}, "field_invalid", "/subject")
    long = "\u5496\u5561" * 128
    payment = create(stack, subject=long)
    equal(read(stack, payment)["subject"], long, "our record")
    sent = upstream_trades(stack, payment)[0]["subject"]
    expect(sent and long.startswith(sent), f"the platform got {sent!r}")
    expect(len(sent) <= 256, "more than the platform takes")


@test
def s_031_return_addresses_stay_on_the_apps_hosts(stack):
    host = f"127.0.0.1:{stack.shop_port}"
    for url in ("javascript:alert(1)", "//evil.example/x", "/x", "http://evil.example/x", f"http://{host}@evil.example/", "data:text/html,x",
                f"http://evil.example/?{host}", f"http://{host}.evil.example/", "http://127.0.0.1:1/", f"ftp://{host}/", "http://", "",
                f"http://{host}\\@evil.example/", f" http://{host}/", f"http://{host}/\nx"):
        if url:
            rejected(stack, {"return_url": url}, "url_forbidden", "/return_url")
    equal(create(stack, return_url=f"http://{host}/orders/1")["return_url"], f"http://{host}/orders/1", "the registered host")


@test
def s_032_notify_addresses_inside_are_refused(stack):
    for url in ("http://127.0.0.1:6379/", "http://[::1]/", "http://localhost/", "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/",
                "http://[::ffff:127.0.0.1]/x", "http://0.0.0.0/", "http://2130706433/", "http://0x7f000001/", "http://127.1/",
                "file:///etc/passwd", "gopher://127.0.0.1/", f"http://127.0.0.1:{stack.gateway_port}/"):
        rejected(stack, {"notify_url": url}, "url_forbidden", "/notify_url")
    permitted = f"http://127.0.0.1:{stack.shop_port}/webhook"
    equal(create(stack, notify_url=permitted)["notify_url"], permitted, "the permitted exception")


@test
def s_032_an_address_that_was_fine_is_checked_again_when_sending(stack):
    with Receiver() as receiver:
        permit = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
        stack.overrides["outbound.permit"] = permit
        restart_gateway(stack, signal.SIGTERM)
        good = create(stack, notify_url=receiver.url)
        later = create(stack, notify_url=receiver.url)
        settle(stack, good)
        wait_for(lambda: receiver.messages, "the permitted webhook")
        stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port}"
        restart_gateway(stack, signal.SIGTERM)
        settle(stack, later)
        event = wait_for(lambda: events(stack, later), "the event")[0]

        def attempted():
            found = stack.merchant().call("GET", f"/v1/deliveries?event_id={event['id']}").json()["data"]
            return found and found[0]["attempts"] > 0 and found[0]
        delivery = wait_for(attempted, "an attempt")
        expect(delivery["state"] == "pending" and "policy" in delivery["last_reason"], delivery)
        equal(len(receiver.messages), 1, "messages received")
        del stack.overrides["outbound.permit"]
        restart_gateway(stack, signal.SIGTERM)


@test
def s_033_expiry_lies_ahead_and_within_reason(stack):
    now = time.time()

    def at(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))
    for seconds in (-1, -86400, 5, 10 * 365 * 86400):
        for name in ("expire_at", "expires_at"):
            rejected(stack, {name: at(seconds)}, "time_invalid", "/" + name)
    for seconds in (0, -1, 1, 10 * 365 * 86400, 2 ** 62):
        rejected(stack, {"expires_in": seconds}, "time_invalid", "/expires_in")
    rejected(stack, {"expires_in": 600, "expires_at": at(600)}, "field_invalid", "/expires_at")
    rejected(stack, {"expires_at": "tomorrow"}, "time_invalid", "/expires_at")
    payment = create(stack, expires_at=at(600))
    equal(payment["expires_at"][:19], at(600)[:19], "an hour within")
    expect(create(stack, expires_in=120)["expires_at"] > at(100), "expires_in")


@test
def s_034_order_numbers_have_a_character_set(stack):
    for text in ("A'; DROP TABLE payments;--", "a b", "a/b", "../x", "x\r\n2026-01-01 INFO paid", "\u8ba2\u5355", "a" * 65, "", "a%00", "a.b"):
        rejected(stack, {"out_trade_no": text}, "field_invalid", "/out_trade_no")
    for text in (number("ok_-"), "Z" + number("9" * 40)):
        equal(create(stack, text)["out_trade_no"], text, "allowed characters")
    expect(rows(stack, "SELECT count(*) FROM payments")[0][0] > 0, "the table is gone")
    answer = stack.merchant().call("GET", "/v1/payments?out_trade_no=A%27%3B+DROP+TABLE+payments%3B--")
    is_problem(answer, 400, "field_invalid", "/out_trade_no")


@test
def what_says_nothing_or_something_else_in_a_list_is_refused(stack):
    """Found by schemathesis: an empty filter was no filter, a wrong one was another."""
    for target, field in (("/v1/payments?out_trade_no=", "/out_trade_no"), ("/v1/payments?state=", "/state"), ("/v1/payments?limit=", "/limit"),
                          ("/v1/payments?cursor=pay_1", "/cursor"), ("/v1/refunds?out_refund_no=%11%1C", "/out_refund_no"), ("/v1/payments?cursor=ref_" + "0" * 32, "/cursor"),
                          ("/v1/payments?cursor=pay_" + "A" * 32, "/cursor"), ("/v1/deliveries?event_id=", "/event_id"),
                          ("/v1/deliveries?event_id=evt", "/event_id"), ("/v1/bills?cursor=x", "/cursor"), ("/v1/events?after=", "/after"),
                          ("/v1/discrepancies?open=AAA", "/open"), ("/v1/discrepancies?account=main", "/account")):
        is_problem(stack.merchant().call("GET", target), 400, "field_invalid", field)
    for target in ("/v1/bills?app_id=" + stack.app["id"], "/v1/discrepancies?app_id=" + stack.app["id"]):
        is_problem(stack.merchant().call("GET", target), 400, "field_unknown")
    for target in ("/v1/payments?cursor=", "/v1/payments?cursor=pay_" + "0" * 32, "/v1/bills?cursor=", "/v1/discrepancies?cursor="):
        equal(stack.merchant().call("GET", target).status, 200, target)


@test
def an_empty_text_is_no_wish(stack):
    for member in ("account", "return_url", "notify_url", "expires_at"):
        rejected(stack, {member: ""}, "field_invalid", f"/{member}")
        equal(create(stack, **{member: None})["state"], "pending", f"{member} left out by null")
    payment = create(stack)
    for member in ("channel", "product", "account"):
        answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/attempts", {member: ""})
        is_problem(answer, 400, "field_invalid", f"/{member}")


@test
def an_app_adds_endpoints_for_itself_only(stack):
    url = f"http://127.0.0.1:{stack.shop_port}/hook"
    is_problem(stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": url, "app_id": "app_" + "0" * 32}), 403, "forbidden")
    is_problem(stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": url, "app_id": ""}), 403, "forbidden")
    equal(stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": url, "app_id": stack.app["id"]}).status, 201, "its own name")


@test
def s_035_a_number_is_looked_up_within_its_app(stack):
    shared = number("both")
    other_app, other, _ = second_merchant(stack, "Neighbour")
    mine = create(stack, shared)
    equal(other.call("GET", f"/v1/payments?out_trade_no={shared}").json()["data"], [], "the neighbour's view")
    keys = stack.folder / "keys"
    stack.admin("account", "add", "--app", other_app["id"], "--channel", "alipay", "--name", "theirs",
                "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
                "--set", f"gateway_url=http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
                "--set", f"private_key=@{keys / 'app_private_key.pem'}", "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
    theirs = other.call("POST", "/v1/payments", order(shared, amount=5)).json()
    expect(theirs["id"] != mine["id"] and theirs["upstream_no"] != mine["upstream_no"], "two apps share a payment")
    equal([p["id"] for p in other.call("GET", f"/v1/payments?out_trade_no={shared}").json()["data"]], [theirs["id"]], "theirs")
    equal([p["id"] for p in stack.merchant().call("GET", f"/v1/payments?out_trade_no={shared}").json()["data"]], [mine["id"]], "ours")


@test
def sixty_four_creates_at_once_are_one_order(stack):
    fields, before = order(), stack.control("GET", "/trades")["count"]
    answers = together(TWINS, lambda _: stack.merchant().call("POST", "/v1/payments", fields, timeout=60))
    payment = equal_answers(answers, "64 creates")
    one_upstream_order(stack, fields["out_trade_no"], before)
    equal(settle(stack, payment)["received"], 990, "paid")


@test
def sixty_four_creates_after_a_lost_answer_are_one_order(stack):
    fields, before = order(), stack.control("GET", "/trades")["count"]
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "drop_after", "count": 1})
    answers = together(TWINS, lambda _: stack.merchant().call("POST", "/v1/payments", fields, timeout=60))
    equal_answers(answers, "64 creates, the first answer lost")
    one_upstream_order(stack, fields["out_trade_no"], before)
    fields, before = order(), stack.control("GET", "/trades")["count"]
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "drop_after", "count": 6})
    first = stack.merchant().call("POST", "/v1/payments", fields, timeout=60)
    expect(first.status in (201, 202), first)
    stack.control("DELETE", "/faults")
    settled(stack, fields, "64 creates after lost answers")
    one_upstream_order(stack, fields["out_trade_no"], before)


@test
def sixty_four_creates_after_a_kill_are_one_order(stack):
    for point in ("C8", "C12"):
        fields, before = order(), stack.control("GET", "/trades")["count"]
        restart_gateway(stack, env={"TILL_FAILPOINTS": f"{point}=kill"}, arguments=["--no-supervise"])

        def lost(_):
            try:
                return stack.merchant().call("POST", "/v1/payments", fields, timeout=60).status
            except OSError:
                return None
        expect(None in together(8, lost), f"nobody lost an answer at {point}")
        stack.gateway.child.wait(20)
        equal(stack.gateway.child.returncode, -signal.SIGKILL, f"end at {point}")
        stack.start_gateway()
        settled(stack, fields, f"64 creates after a kill at {point}")
        one_upstream_order(stack, fields["out_trade_no"], before)


@test
def sixty_four_creates_after_unsent_are_one_order(stack):
    fields, before = order(), stack.control("GET", "/trades")["count"]
    time.sleep(0.5)  # the sandbox writes its memory a moment later
    stack.sandbox.stop()
    unsent = stack.merchant().call("POST", "/v1/payments", fields)
    document = is_problem(unsent, 503, "upstream_unreachable")
    expect(document["retryable"] and unsent.headers.get("retry-after"), document)
    stack.start_sandbox()
    equal(stack.control("GET", "/trades")["count"], before, "orders at the platform while it was away")
    settled(stack, fields, "64 creates after unsent")
    one_upstream_order(stack, fields["out_trade_no"], before)


@test
def an_order_is_one_order_across_connections_and_restarts(stack):
    fields = order()
    first = stack.merchant().call("POST", "/v1/payments", fields)
    restart_gateway(stack, signal.SIGTERM)
    second = stack.merchant().call("POST", "/v1/payments", fields)
    equal(second.json(), first.json(), "before and after a restart")
    equal(event_types(stack, first.json()), [], "events of an unpaid order")


@test
def the_list_pages_through_every_order_once(stack):
    made = [create(stack)["id"] for _ in range(5)]
    found, target = [], "/v1/payments?limit=2"
    while target:
        page = stack.merchant().call("GET", target).json()
        found += [row["id"] for row in page["data"]]
        target = f"/v1/payments?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else None
    equal(found[:5], made[::-1], "newest first")
    equal(len(found), len(set(found)), "each once")
    is_problem(stack.merchant().call("GET", "/v1/payments?limit=0"), 400, "field_invalid", "/limit")
    is_problem(stack.merchant().call("GET", "/v1/payments?state=lost"), 400, "field_invalid", "/state")
    equal(stack.merchant().call("GET", "/v1/payments?state=paid&limit=100").status, 200, "by state")


@test
def what_is_no_json_is_refused_by_media_type(stack):
    body = json.dumps(order()).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
        is_problem(stack.merchant().call("POST", "/v1/payments", body, {"Content-Type": kind}), 415, "media_type")
    for bad in (b"", b"[]", b"null", b"{", b"{} {}", b"\xef\xbb\xbf{}", b"amount=1"):
        answer = stack.merchant().call("POST", "/v1/payments", bad)
        expect(answer.status == 400, f"{bad!r}: {answer}")
    answer = request(stack.gateway_port, "PUT", "/v1/payments", body)
    is_problem(answer, 405, "method_not_allowed")
    equal(answer.headers.get("allow"), "POST, GET", "Allow")
    is_problem(request(stack.gateway_port, "GET", "/v1/nothing"), 404, "not_found")


if __name__ == "__main__":
    main(payments__create_deadline="4s", upstream__timeout="2s")
