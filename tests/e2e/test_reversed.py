# SPDX-License-Identifier: Apache-2.0
"""A refund whose money came back to the seller: reversed by a bill's line and the platform's signed answer together, and by neither of them alone."""
import time

from tap import (admin_http, create, equal, event_types, expect, ledger_is_balanced, main, number, read, rows, settle, started, test, wait_for)

DAY = 24 * 3600
days, found = {}, {}


def day_after(date, count):
    return time.strftime("%Y-%m-%d", time.localtime(time.mktime(time.strptime(date + " 12", "%Y-%m-%d %H")) + count * DAY))


def fault(stack, operation, name, **fields):
    stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": 1, **fields})


def fetch(stack):
    return stack.admin("bill", "fetch", "--account", stack.account["id"], "--date", days["today"])


def compared(stack):
    report = stack.admin("reconcile", "--account", stack.account["id"], "--date", days["today"], "--wait")
    equal((report["bills"], report["done"]), (1, 1), "comparisons")
    return report["totals"]


def refund(stack, payment, amount, out_refund_no=None):
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"out_refund_no": out_refund_no or number("R"), "amount": amount})
    expect(answer.status in (200, 201, 202), f"refund: {answer}")
    return answer.json()


def told(stack, payment):
    """The discrepancies of a payment about money that came back, oldest first."""
    page = admin_http(stack, "GET", "/admin/discrepancies?state=any&type=bill_refund_came_back&limit=100").json()
    return [row for row in reversed(page["data"]) if row["payment_id"] == payment["id"]]


def steps_of(stack, row):
    return stack.admin("discrepancy", "show", row["id"])["history"]


def held(stack, payment):
    return rows(stack, "SELECT refund_held, refunded FROM attempts WHERE payment_id = ?", payment["id"])[0]


def set_up():
    stack = started(payments__ask_after="1h", payments__ask_slowest="1h")
    now = stack.control("GET", "/clock")["beijing"]
    if now[11:16] >= "23:50":  # the day of the orders must be one day
        stack.control("POST", "/clock", {"advance_seconds": 900})
        now = stack.control("GET", "/clock")["beijing"]
    days.update(today=now[:10], next=day_after(now[:10], 1))
    keys = {path.stem: path.read_text(encoding="utf-8") for path in (stack.folder / "keys").iterdir()}
    answer = admin_http(stack, "POST", f"/admin/accounts/{stack.account['id']}/settings", {
        "app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "bill_hosts": "127.0.0.1",
        "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do", "private_key": keys["app_private_key"],
        "platform_public_key": keys["alipay_public_key"]})
    equal(answer.status, 200, answer)
    return stack


def refund_no(stack, done):
    return rows(stack, "SELECT refund_no FROM refunds WHERE id = ?", done["id"])[0][0]


@test
def a_refund_that_comes_back_at_the_platform_moves_nothing_here_before_a_bill_says_so(stack):
    for name, amount in (("back", 990), ("stays", 300)):
        found[name] = settle(stack, create(stack))
        if name == "back":
            fault(stack, "refund", "refund_fails_later", argument=1)
        found[name + "_refund"] = refund(stack, found[name], amount)
        equal(found[name + "_refund"]["state"], "succeeded", name)
    # Of the other one the bill says that it came back, and the platform says that it is done.
    for change, value in (("kind", "退款冲退"), ("amount", 300)):
        stack.control("POST", "/bills/alterations", {"change": change, "number": refund_no(stack, found["stays_refund"]), "refund": "true", "value": value})
    stack.control("POST", "/clock", {"advance_seconds": 34 * 3600 - 3600 * int(stack.control("GET", "/clock")["beijing"][11:13])})
    equal([held(stack, found[name]) for name in ("back", "stays")], [(990, 990), (300, 300)], "money that went back")
    equal(rows(stack, "SELECT count(*) FROM refunds WHERE state = 6"), [(0,)], "reversed without a bill")


@test
def the_bill_and_the_signed_answer_reverse_it_once(stack):
    equal(fetch(stack)["state"], "imported", "the bill")
    payment = found["back"]
    wait_for(lambda: rows(stack, "SELECT state FROM refunds WHERE id = ?", found["back_refund"]["id"]) == [(6,)], "the reversal", 60)
    equal(held(stack, payment), (0, 0), "the reservation")
    shown = read(stack, payment)
    equal((shown["state"], shown["received"], shown["refunded"]), ("paid", 990, 0), "the payment")
    wait_for(lambda: len(event_types(stack, payment)) == 3, "its event")
    equal(event_types(stack, payment), ["payment.succeeded", "refund.succeeded", "refund.reversed"], "events")
    equal(rows(stack, "SELECT what, count(*), sum(debit), sum(credit) FROM ledger WHERE payment_id = ? AND what LIKE 'refund%' GROUP BY what ORDER BY what",
               payment["id"]), [("refund", 2, 990, 990), ("refund_reversed", 2, 990, 990)], "ledger")
    evidence = [bytes(row[0]) for row in rows(stack, "SELECT bytes FROM evidence WHERE subject_id = ? ORDER BY created_us", found["back_refund"]["id"])]
    expect(len(evidence) >= 2 and b'refund_query_response":{"code":"10000","msg":"Success"}' in evidence[-1], f"evidence: {evidence}")
    row, = told(stack, payment)
    equal((row["open"], row["resolved_by"]), (False, "evidence"), "its discrepancy")
    wait_for(lambda: "asked" in [step["what"] for step in steps_of(stack, row)], "its history")
    expect(ledger_is_balanced(stack), "the ledger")


@test
def a_bill_that_the_platform_contradicts_reverses_nothing(stack):
    stays, = told(stack, found["stays"])
    asked = wait_for(lambda: [step for step in steps_of(stack, stays) if step["what"] == "asked"], "the question")
    expect("paid" in asked[0]["note"], asked)
    equal(stays["open"], True, "what the platform does not confirm")
    equal(held(stack, found["stays"]), (300, 300), "its money")
    equal(event_types(stack, found["stays"]), ["payment.succeeded", "refund.succeeded"], "its events")
    equal(rows(stack, "SELECT state FROM refunds WHERE id = ?", found["stays_refund"]["id"]), [(4,)], "its refund")


@test
def a_second_bill_adds_nothing(stack):
    before = event_types(stack, found["back"])
    for _ in range(2):
        equal(compared(stack)["new"], 0, "new ones")
    stack.control("DELETE", "/bills/alterations")
    equal(fetch(stack)["revision"]["number"], 2, "a corrected bill")
    wait_for(lambda: not told(stack, found["stays"])[0]["open"], "its end by the corrected bill", 60)
    equal(event_types(stack, found["back"]), before, "events")
    equal([len(told(stack, found[name])) for name in ("back", "stays")], [1, 1], "discrepancies")
    equal(rows(stack, "SELECT state FROM refunds WHERE id = ?", found["stays_refund"]["id"]), [(4,)], "the refund that stays")


@test
def the_money_can_be_refunded_again_under_a_new_number(stack):
    payment, old = found["back"], found["back_refund"]
    equal(refund(stack, payment, 990, old["out_refund_no"])["state"], "reversed", "the old number is the old refund")
    equal(held(stack, payment), (0, 0), "what the repetition reserved")
    again = refund(stack, payment, 990)
    equal(again["state"], "succeeded", again)
    equal(held(stack, payment), (990, 990), "what went back now")
    wait_for(lambda: len(event_types(stack, payment)) == 4, "its event")
    equal(event_types(stack, payment), ["payment.succeeded", "refund.succeeded", "refund.reversed", "refund.succeeded"], "events")
    expect(ledger_is_balanced(stack), "the ledger")


if __name__ == "__main__":
    main(setup=set_up)
