# SPDX-License-Identifier: Apache-2.0
"""Lists with filters and cursors over the API: payments, refunds, events; what is refused; and that test and live never meet."""
import urllib.parse

from tap import Merchant, admin_http, create, equal, expect, is_problem, main, number, order, settle, test, wait_for


def listed(stack, what, merchant=None, **filters):
    """All rows of a list, page by page."""
    found, cursor, merchant = [], None, merchant or stack.merchant()
    while True:
        query = urllib.parse.urlencode({**filters, **({"cursor": cursor} if cursor else {})})
        answer = merchant.call("GET", f"/v1/{what}?{query}")
        expect(answer.status == 200, f"{what}?{query}: {answer}")
        found += answer.json()["data"]
        cursor = answer.json()["next_cursor"]
        if not cursor:
            return found


def ids(found):
    return [row["id"] for row in found]


def refund(stack, payment, amount, out_refund_no, merchant=None):
    answer = (merchant or stack.merchant()).call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": amount, "out_refund_no": out_refund_no})
    expect(answer.status in (200, 202), f"refund: {answer}")
    return answer.json()


@test
def payments_by_each_filter(stack):
    tag = number("T")
    made = [create(stack, metadata={"batch": tag, "place": f"{index}"}) for index in range(5)]
    settle(stack, made[1])
    settle(stack, made[3])
    newest = ids(reversed(made))
    equal(ids(listed(stack, "payments", **{"metadata[batch]": tag})), newest, "by metadata")
    equal(ids(listed(stack, "payments", limit=2, **{"metadata[batch]": tag})), newest, "the same in pages of two")
    equal(ids(listed(stack, "payments", **{"metadata[batch]": tag, "metadata[place]": "2"})), [made[2]["id"]], "by two members")
    equal(listed(stack, "payments", **{"metadata[batch]": tag, "metadata[place]": "9"}), [], "by a member that nobody has")
    equal(ids(listed(stack, "payments", state="paid", **{"metadata[batch]": tag})), [made[3]["id"], made[1]["id"]], "paid ones")
    equal(len(listed(stack, "payments", account=stack.account["id"], channel="alipay", product="precreate", **{"metadata[batch]": tag})), 5, "all that hold")
    equal(listed(stack, "payments", product="page", **{"metadata[batch]": tag}), [], "another product")
    equal(listed(stack, "payments", account="acc_" + "0" * 32, **{"metadata[batch]": tag}), [], "another account")
    equal(ids(listed(stack, "payments", out_trade_no=made[0]["out_trade_no"])), [made[0]["id"]], "by order number")


@test
def payments_by_time(stack):
    made = [create(stack) for _ in range(3)]
    times = [payment["created_at"] for payment in made]
    equal(ids(listed(stack, "payments", created_from=times[0], created_to=times[2])), [made[1]["id"], made[0]["id"]], "the end is not included")
    equal(ids(listed(stack, "payments", created_from=times[2])), [made[2]["id"]], "from the last on")
    expect(made[0]["id"] not in ids(listed(stack, "payments", created_to=times[0])), "the first is before itself")
    equal(ids(admin_http(stack, "GET", f"/admin/payments?created_from={times[0]}&created_to={times[2]}").json()["data"]), [made[1]["id"], made[0]["id"]], "for the administrator")


@test
def what_cannot_be_meant_is_refused_with_a_way_out(stack):
    call = stack.merchant().call
    for target, field in (("payments?stat=paid", "/query"), ("refunds?out_trade_no=1", "/query"), ("events?cursor=1", "/query"), ("payments?metadata=1", "/query"),
                          ("payments?metadata%5Bx=1", "/query")):
        document = is_problem(call("GET", f"/v1/{target}"), 400, "field_unknown", field)
        expect("it takes" in document["detail"] and "limit" in document["detail"], document)
    for target, code, field in (("payments?state=payed", "field_invalid", "/state"), ("refunds?state=paid", "field_invalid", "/state"),
                                ("payments?created_from=yesterday", "time_invalid", "/created_from"), ("payments?created_to=2026-13-01T00:00:00Z", "time_invalid", "/created_to"),
                                ("payments?created_from=2026-01-02T00:00:00Z&created_to=2026-01-02T00:00:00Z", "field_invalid", "/created_to"),
                                ("payments?channel=paypall", "channel_unknown", "/channel"), ("payments?metadata%5B%5D=1", "field_invalid", "/metadata"),
                                ("payments?metadata%5Ba%22b%5D=1", "field_invalid", "/metadata"), ("events?type=payment.payed", "field_invalid", "/type"),
                                ("payments?" + "&".join(f"metadata%5Bk{index}%5D=1" for index in range(5)), "field_invalid", "/metadata"),
                                ("refunds?limit=101", "field_invalid", "/limit")):
        is_problem(call("GET", f"/v1/{target}"), 400, code, field)


@test
def refunds_by_each_filter(stack):
    one, two = settle(stack, create(stack)), settle(stack, create(stack))
    first, second, third = refund(stack, one, 100, number("R")), refund(stack, one, 200, number("R")), refund(stack, two, 300, number("R"))
    equal(ids(listed(stack, "refunds", limit=2))[:3], [third["id"], second["id"], first["id"]], "newest first")
    equal(listed(stack, "refunds", out_refund_no=second["out_refund_no"])[0]["amount"], 200, "by number")
    equal(listed(stack, "refunds", out_refund_no="R-nobody"), [], "by a number of nobody")
    equal(ids(listed(stack, "refunds", payment=one["id"])), [second["id"], first["id"]], "by payment")
    wait_for(lambda: len(listed(stack, "refunds", payment=one["id"], state="succeeded")) == 2, "both refunds")
    equal(listed(stack, "refunds", payment=one["id"], state="failed"), [], "failed ones")
    equal(listed(stack, "refunds", payment=one["id"], account="acc_" + "0" * 32), [], "another account")
    equal(ids(listed(stack, "refunds", created_from=second["created_at"], created_to=third["created_at"])), [second["id"]], "by time")
    equal(admin_http(stack, "GET", f"/admin/refunds?app_id={stack.app['id']}&out_refund_no={third['out_refund_no']}").json()["data"][0]["id"], third["id"], "for the administrator")


@test
def events_by_type_and_payment(stack):
    payment = settle(stack, create(stack))
    refund(stack, payment, 100, number("R"))

    def told(**filters):
        return stack.merchant().call("GET", "/v1/events?" + urllib.parse.urlencode({"limit": 100, **filters})).json()
    wait_for(lambda: len(told(payment=payment["id"])["data"]) == 2, "both events")
    equal([event["type"] for event in told(payment=payment["id"])["data"]], ["payment.succeeded", "refund.succeeded"], "of the payment")
    equal([event["type"] for event in told(payment=payment["id"], type="refund.succeeded")["data"]], ["refund.succeeded"], "of the type")
    expect({event["type"] for event in told(type="refund.succeeded")["data"]} == {"refund.succeeded"}, "other types")
    page = told(payment=payment["id"])
    equal(told(payment=payment["id"], after=page["next_after"])["data"], [], "after the last")


@test
def test_and_live_never_meet(stack):
    """A second app in the other mode, same order numbers: nothing of one shows in a list, a read or an effect of the other."""
    mine = settle(stack, create(stack))
    back = refund(stack, mine, 100, number("R"))
    app = stack.admin("app", "add", "--name", "Live", "--mode", "live")
    key = stack.admin("app", "key", "--app", app["id"])
    live = Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"]))
    for what in ("payments", "refunds"):
        equal(listed(stack, what, live), [], f"{what} of the live app")
    equal(listed(stack, "payments", live, out_trade_no=mine["out_trade_no"]), [], "by the other's order number")
    equal(listed(stack, "refunds", live, out_refund_no=back["out_refund_no"]), [], "by the other's refund number")
    equal(listed(stack, "refunds", live, payment=mine["id"]), [], "by the other's payment")
    equal(live.call("GET", f"/v1/payments?cursor={mine['id']}").json(), {"data": [], "next_cursor": None}, "the other's cursor")
    for target in ("bills", "discrepancies?state=any"):
        equal(live.call("GET", f"/v1/{target}").json()["data"], [], target)
    equal(live.call("GET", f"/v1/events?payment={mine['id']}").json()["data"], [], "events by the other's payment")
    equal(live.call("GET", "/v1/events").json()["data"], [], "events")
    for method, target, body in (("GET", f"payments/{mine['id']}", b""), ("GET", f"refunds/{back['id']}", b""), ("POST", f"payments/{mine['id']}/close", b""),
                                 ("POST", f"payments/{mine['id']}/refunds", {"amount": 1, "out_refund_no": "X1"})):
        is_problem(live.call(method, f"/v1/{target}", body), 404, "not_found")
    is_problem(live.call("POST", "/v1/payments", order(account=stack.account["id"])), 400, "account_unknown", "/account")
    is_problem(live.call("POST", "/v1/payments", order(mine["out_trade_no"])), 400, "account_unknown", "/account")
    equal(len(listed(stack, "refunds", payment=mine["id"])), 1, "refunds of the test app's payment")


main()
