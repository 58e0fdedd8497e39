# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key on what is no order: a refund, a close, a renewal, another attempt. One key, one call."""
from tap import create, equal, expect, is_problem, main, number, order, rows, settle, test, together


def post(stack, target, document=None, key=None):
    return stack.merchant().call("POST", f"/v1/{target}", document, headers={"Idempotency-Key": key} if key else {})


def refunds(stack, payment):
    return rows(stack, "SELECT out_refund_no, amount FROM refunds WHERE payment_id = ? ORDER BY pk", payment["id"])


@test
def a_refund_with_a_key_is_one_refund_and_another_one_under_it_is_refused(stack):
    payment, key, no = settle(stack, create(stack)), number("K"), number("R")
    body = {"amount": 100, "out_refund_no": no}
    first = post(stack, f"payments/{payment['id']}/refunds", body, key)
    again = post(stack, f"payments/{payment['id']}/refunds", body, key)
    equal((first.status, again.status), (200, 200), "both answers")
    equal(again.json()["id"], first.json()["id"], "the refund")
    for other in ({"amount": 101, "out_refund_no": no}, {"amount": 100, "out_refund_no": number("R")}):
        is_problem(post(stack, f"payments/{payment['id']}/refunds", other, key), 422, "idempotency_key_reused")
    elsewhere = settle(stack, create(stack))
    is_problem(post(stack, f"payments/{elsewhere['id']}/refunds", body, key), 422, "idempotency_key_reused")
    equal(refunds(stack, payment), [(no, 100)], "refunds of the payment")
    equal(refunds(stack, elsewhere), [], "refunds of the other")
    equal(post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": number("R")}, number("K")).status, 200, "under a new key")


@test
def a_key_is_used_up_by_effects_and_not_by_refusals(stack):
    payment, key = settle(stack, create(stack)), number("K")
    is_problem(post(stack, f"payments/{payment['id']}/refunds", {"amount": 99999, "out_refund_no": number("R")}, key), 409, "refund_exceeds", "/amount")
    equal(post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": number("R")}, key).status, 200, "the same key with a sum that fits")


@test
def orders_and_effects_share_the_keys_of_an_app(stack):
    key = number("K")
    body = order()
    made = post(stack, "payments", body, key)
    equal(made.status, 201, "the order")
    is_problem(post(stack, f"payments/{made.json()['id']}/close", None, key), 422, "idempotency_key_reused")
    closing = number("K")
    expect(post(stack, f"payments/{made.json()['id']}/cancel", None, closing).status in (200, 202), "the cancellation")
    expect(post(stack, f"payments/{made.json()['id']}/cancel", None, closing).status in (200, 202), "the same again")
    is_problem(post(stack, "payments", order(), closing), 422, "idempotency_key_reused")
    equal(post(stack, "payments", body, key).json()["id"], made.json()["id"], "the order again")


@test
def renewals_and_attempts_take_a_key(stack):
    payment, key = create(stack), number("K")
    for _ in range(2):
        expect(post(stack, f"payments/{payment['id']}/renew", None, key).status in (200, 201), "a renewal")
    is_problem(post(stack, f"payments/{payment['id']}/attempts", {"product": "page"}, key), 422, "idempotency_key_reused")
    way = number("K")
    one, two = (post(stack, f"payments/{payment['id']}/attempts", {"product": "page"}, way) for _ in range(2))
    equal(one.json()["attempt"], two.json()["attempt"], "the attempt")
    is_problem(post(stack, f"payments/{payment['id']}/renew", None, "with blanks in it"), 400, "idempotency_key_invalid")


@test
def sixteen_at_once_under_one_key_are_one(stack):
    """Eight ask for one refund, eight for another, all under the same key: whichever came first is the only one."""
    payment, key, numbers = settle(stack, create(stack)), number("K"), (number("R"), number("R"))
    answers = together(16, lambda index: post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": numbers[index % 2]}, key))
    good = [answer.json()["out_refund_no"] for answer in answers if answer.status in (200, 202)]
    equal((len(good), len(set(good))), (8, 1), "those who were heard")
    equal([answer.json()["code"] for answer in answers if answer.status == 422], ["idempotency_key_reused"] * 8, "the others")
    equal(refunds(stack, payment), [(good[0], 100)], "refunds")


main()
