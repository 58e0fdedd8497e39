# SPDX-License-Identifier: Apache-2.0
"""Reconciliation end to end: hundreds of clean orders and each kind of difference among them, found once, rightly typed, and ended by evidence."""
import csv
import io
import signal
import sqlite3
import subprocess
import time

from tap import (admin_http, create, equal, event_types, expect, is_problem, ledger_is_balanced, main, metric_sum, number, order, read, request, rows,
                 second_merchant, settle, started, test, till, together, wait_for)

DAY = 24 * 3600
CLEAN, REFUNDED = 200, 24
LONG = {"payments__ask_after": "1h", "payments__ask_slowest": "1h"}
days = {}
found = {}


def day_after(date, count):
    at = time.mktime(time.strptime(date, "%Y-%m-%d")) + count * DAY + 12 * 3600
    return time.strftime("%Y-%m-%d", time.localtime(at))


def fault(stack, operation, name, **fields):
    stack.control("POST", "/faults", {"operation": operation, "fault": name, "count": 1, **fields})


def alter(stack, change, number, value=None, refund=False):
    stack.control("POST", "/bills/alterations", {"change": change, "number": number, "refund": "true" if refund else "false",
                                                 **({} if value is None else {"value": value})})


def fetch(stack, date, account=None):
    return stack.admin("bill", "fetch", "--account", account or stack.account["id"], "--date", date)


def nothing_on(stack, date):
    """The platform has no bill of that day, and never will: an empty day."""
    fault(stack, "bill", "refuse", argument="NO_BILL_DATA")
    equal(fetch(stack, date)["state"], "absent", f"the bill of {date}")


def reconcile(stack, date):
    report = stack.admin("reconcile", "--account", stack.account["id"], "--date", date, "--wait")
    equal((report["bills"], report["done"]), (1, 1), f"comparisons of {date}")
    return report


def settled(stack, date):
    """The comparison that the seal itself made due, when it has ended."""
    return wait_for(lambda: (lambda r: r if r["bills"] == 1 and r["done"] == 1 else None)(
        admin_http(stack, "GET", f"/admin/reconciliations?account={stack.account['id']}&date={date}").json()), f"the comparison of {date}", 60)


def listed(stack, state="any"):
    rows_, cursor = [], ""
    while cursor is not None:
        page = admin_http(stack, "GET", f"/admin/discrepancies?state={state}&limit=100&cursor={cursor}").json()
        rows_, cursor = rows_ + page["data"], page["next_cursor"]
    return rows_


def by_type(stack, state="open"):
    counts = {}
    for row in listed(stack, state):
        counts[row["type"]] = counts.get(row["type"], 0) + 1
    return counts


def pay_quietly(stack, payment):
    """Paid upstream; nobody tells us."""
    fault(stack, "notify", "notify_never")
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.pay(payment["upstream_no"])


def refund(stack, payment, amount):
    answer = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"out_refund_no": number("R"), "amount": amount})
    expect(answer.status in (200, 201, 202), f"refund: {answer}")
    return answer.json()


def refund_no(stack, done):
    return rows(stack, "SELECT refund_no FROM refunds WHERE id = ?", done["id"])[0][0]


def edit(stack, *statements):
    """The books as a broken past left them: the gateway stands still meanwhile."""
    stack.spoilt = True
    stack.gateway.stop(signal.SIGTERM)
    handle = sqlite3.connect(stack.folder / "till.db")
    with handle:
        for sql, values in statements:
            equal(handle.execute(sql, values).rowcount, 1, f"rows of {sql}")
    handle.close()
    stack.start_gateway()


def clean_orders(stack):
    def one(_):
        return settle(stack, create(stack))
    for _ in range(CLEAN // 8):
        found.setdefault("clean", []).extend(together(8, one))
    for payment in found["clean"][:REFUNDED]:
        equal(refund(stack, payment, 190)["state"], "succeeded", "a clean refund")


def second_account(stack):
    """Another app whose account sells for the same seller."""
    app, merchant, _ = second_merchant(stack)
    keys = {path.stem: path for path in (stack.folder / "keys").iterdir()}
    account = stack.admin("account", "add", "--app", app["id"], "--channel", "alipay", "--set", f"app_id={stack.platform['app_id']}", "--set",
                          f"seller_id={stack.platform['seller_id']}", "--set", f"gateway_url=http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
                          "--set", f"private_key=@{keys['app_private_key']}", "--set", f"platform_public_key=@{keys['alipay_public_key']}")
    expect(account["id"] != stack.account["id"], account)
    return merchant


def seed(stack):
    """One of each kind."""
    paid = {name: settle(stack, create(stack)) for name in ("amount", "trade", "missing", "doubled", "moved", "fee", "kind", "console", "stranger")}
    equal(len(paid), 9, "orders to be altered")
    alter(stack, "amount", paid["amount"]["upstream_no"], 991)
    alter(stack, "trade_no", paid["trade"]["upstream_no"], "2026010122009999999999999998")
    alter(stack, "omit", paid["missing"]["upstream_no"])
    alter(stack, "double", paid["doubled"]["upstream_no"])
    alter(stack, "day", paid["moved"]["upstream_no"], 2)
    alter(stack, "fee", paid["fee"]["upstream_no"], 6)
    alter(stack, "kind", paid["kind"]["upstream_no"], "转账")
    alter(stack, "order_no", paid["stranger"]["upstream_no"], "NOBODYSORDER00000000000001")
    fault(stack, "notify", "notify_never")
    stack.control("POST", f"/trades/{paid['console']['upstream_no']}/refund", {})
    refunds = {}
    for name in ("refund_amount", "refund_missing", "refund_failed"):
        paid[name] = settle(stack, create(stack))
        refunds[name] = refund(stack, paid[name], 300)
        equal(refunds[name]["state"], "succeeded", name)
    alter(stack, "amount", refund_no(stack, refunds["refund_amount"]), -301, refund=True)
    alter(stack, "omit", refund_no(stack, refunds["refund_missing"]), refund=True)
    paid["refund_lost"] = settle(stack, create(stack))
    fault(stack, "refund", "drop_after")
    fault(stack, "notify", "notify_never")
    refunds["refund_lost"] = refund(stack, paid["refund_lost"], 400)
    expect(refunds["refund_lost"]["state"] != "succeeded", refunds["refund_lost"])
    for name in ("pending", "ended"):
        paid[name] = create(stack)
        pay_quietly(stack, paid[name])
    merchant = second_account(stack)
    answer = merchant.call("POST", "/v1/payments", order())
    equal(answer.status, 201, answer)
    paid["foreign"] = answer.json()
    stack.control("POST", f"/trades/{paid['foreign']['upstream_no']}/scan", {})
    stack.pay(paid["foreign"]["upstream_no"])
    wait_for(lambda: merchant.call("GET", f"/v1/payments/{paid['foreign']['id']}").json()["state"] == "paid", "the other app's order")
    found.update(paid=paid, refunds=refunds)
    edit(stack, ("UPDATE attempts SET state = 6, next_ask_us = 0 WHERE payment_id = ?", (paid["ended"]["id"],)),
         ("UPDATE payments SET state = 3, closed_us = updated_us WHERE id = ?", (paid["ended"]["id"],)),
         ("UPDATE refunds SET state = 5 WHERE id = ?", (refunds["refund_failed"]["id"],)),
         ("DELETE FROM settled WHERE subject_id = ? AND kind = 1", (refunds["refund_failed"]["id"],)))


def set_up():
    stack = started(**LONG)
    now = stack.control("GET", "/clock")["beijing"]
    if now[11:16] >= "23:50":  # the day of the orders must be one day
        stack.control("POST", "/clock", {"advance_seconds": 900})
        now = stack.control("GET", "/clock")["beijing"]
    days.update(today=now[:10], before=day_after(now[:10], -1), next=day_after(now[:10], 1), later=day_after(now[:10], 2))
    answer = admin_http(stack, "POST", f"/admin/accounts/{stack.account['id']}/settings", settings(stack))
    equal(answer.status, 200, answer)
    return stack


def settings(stack):
    keys = {path.stem: path.read_text(encoding="utf-8") for path in (stack.folder / "keys").iterdir()}
    return {"app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "bill_hosts": "127.0.0.1",
            "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do", "private_key": keys["app_private_key"],
            "platform_public_key": keys["alipay_public_key"]}


# What the bill of the day shows at once, and what it shows after the platform was asked.
ASKED = {"bill_paid_unsettled": 1, "bill_paid_ended": 1, "bill_refund_unsettled": 1, "bill_refund_unknown": 1}
STAYS = {"bill_unknown_order": 1, "bill_foreign_order": 1, "bill_amount_differs": 1, "bill_trade_differs": 1, "bill_line_doubled": 1,
         "bill_fee_contradicts": 1, "bill_unknown_kind": 1, "bill_refund_differs": 1, "bill_refund_ended": 1,
         "bill_refund_missing": 1, "bill_payment_missing": 4}


@test
def a_bill_that_contradicts_itself_is_one_discrepancy_until_a_good_one_comes(stack):
    clean_orders(stack)
    seed(stack)
    stack.control("POST", "/clock", {"advance_seconds": (34 - int(stack.control("GET", "/clock")["beijing"][11:13])) * 3600})
    for date in ("before", "next"):
        nothing_on(stack, days[date])
    for _ in range(2):
        fault(stack, "bill", "bill_sums")
        equal(fetch(stack, days["today"])["state"], "failed", "a bill with wrong sums")
    equal(by_type(stack), {"bill_refused": 1}, "refused twice, told once")
    wait_for(lambda: admin_http(stack, "GET", f"/admin/reconciliations?from={days['before']}&to={days['next']}").json()["done"] == 2, "the empty days", 30)


@test
def seventeen_kinds_of_differences_are_found_among_clean_orders_and_none_else(stack):
    fetched = fetch(stack, days["today"])
    equal(fetched["state"], "imported", fetched)
    report = settled(stack, days["today"])
    totals = report["totals"]
    kinds = {**STAYS, **ASKED}
    ever = {}
    for row in listed(stack):
        if row["type"] != "bill_refused":
            ever[row["type"]] = ever.get(row["type"], 0) + 1
    equal(ever, kinds, "types")
    equal(totals["new"], sum(kinds.values()), "counted")
    equal(totals["lines"], fetched["revision"]["lines"], "lines")
    expect(totals["matched"] >= CLEAN + REFUNDED and totals["waiting"] == 0, totals)
    wait_for(lambda: by_type(stack) == STAYS, lambda: f"what evidence settles: {by_type(stack)}", 30)
    found["report"] = report


@test
def each_difference_names_the_order_that_is_wrong(stack):
    paid, refunds = found["paid"], found["refunds"]
    rows_ = listed(stack)
    where = {}
    for row in rows_:
        where.setdefault(row["type"], []).append(row)

    def one(kind):
        equal(len(where[kind]), 1, kind)
        return where[kind][0]
    for kind, name in (("bill_amount_differs", "amount"), ("bill_trade_differs", "trade"), ("bill_line_doubled", "doubled"),
                       ("bill_fee_contradicts", "fee"), ("bill_refund_unknown", "console"), ("bill_refund_differs", "refund_amount"),
                       ("bill_refund_missing", "refund_missing"), ("bill_refund_ended", "refund_failed"), ("bill_paid_unsettled", "pending"),
                       ("bill_paid_ended", "ended"), ("bill_refund_unsettled", "refund_lost")):
        equal(one(kind)["payment_id"], paid[name]["id"], kind)
        expect(one(kind)["meaning"], kind)
    equal(sorted(row["payment_id"] for row in where["bill_payment_missing"]),
          sorted(paid[name]["id"] for name in ("missing", "moved", "kind", "stranger")), "missing")
    equal(one("bill_foreign_order")["detail"]["upstream_no"], paid["foreign"]["upstream_no"], "the other account's")
    equal(one("bill_foreign_order")["payment_id"], "", "another app's payment is not named")
    equal(one("bill_unknown_order")["detail"]["upstream_no"], "NOBODYSORDER00000000000001", "nobody's")
    detail = one("bill_amount_differs")["detail"]
    equal((detail["amount"], detail["expected_amount"], detail["date"]), (991, 990, days["today"]), "amounts")
    equal(one("bill_refund_differs")["detail"]["refund"], refunds["refund_amount"]["id"], "the refund")
    clean = {payment["id"] for payment in found["clean"]}
    equal([row["type"] for row in rows_ if row["payment_id"] in clean], [], "a clean order is accused")


@test
def s_128_a_payment_that_was_pending_becomes_paid_once_by_the_platform_s_answer(stack):
    payment = found["paid"]["pending"]
    equal(read(stack, payment)["state"], "paid", "state")
    wait_for(lambda: event_types(stack, payment), "its event")
    equal(event_types(stack, payment), ["payment.succeeded"], "events")
    equal(rows(stack, "SELECT kind FROM evidence e JOIN attempts a ON a.id = e.subject_id WHERE a.payment_id = ? AND kind = 'query'",
               payment["id"]), [("query",)], "evidence")
    row = [row for row in listed(stack) if row["type"] == "bill_paid_unsettled"][0]
    equal((row["open"], row["resolved_by"]), (False, "evidence"), "its discrepancy")
    shown = stack.admin("discrepancy", "show", row["id"])
    equal([step["what"] for step in shown["history"]], ["opened", "asked", "resolved"], "history")
    late = found["paid"]["ended"]
    equal((read(stack, late)["state"], event_types(stack, late)), ("paid", ["payment.paid_late"]), "late money")
    equal(rows(stack, "SELECT state FROM refunds WHERE id = ?", found["refunds"]["refund_lost"]["id"]), [(4,)], "the lost refund")
    expect(ledger_is_balanced(stack), "the ledger")


@test
def a_refund_at_the_console_that_a_bill_tells_is_booked_once(stack):
    payment = found["paid"]["console"]
    shown = read(stack, payment)
    equal((shown["state"], shown["refunded"]), ("paid", shown["received"]), "the payment")
    wait_for(lambda: "refund.succeeded" in event_types(stack, payment), "its event")
    equal(event_types(stack, payment), ["payment.succeeded", "refund.succeeded"], "events")
    equal(rows(stack, "SELECT count(*), sum(amount), min(state) FROM refunds WHERE payment_id = ?", payment["id"]), [(1, 990, 4)], "refunds")
    row = [row for row in listed(stack) if row["type"] == "bill_refund_unknown"][0]
    equal((row["open"], row["resolved_by"]), (False, "evidence"), "its discrepancy")
    expect(ledger_is_balanced(stack), "the ledger")


@test
def s_129_a_paid_payment_that_the_bill_lacks_is_one_record_and_nothing_is_reversed(stack):
    payment = found["paid"]["missing"]
    before = rows(stack, "SELECT count(*) FROM ledger WHERE payment_id = ?", payment["id"])
    for _ in range(2):
        reconcile(stack, days["today"])
    equal(len([row for row in listed(stack) if row["payment_id"] == payment["id"]]), 1, "records")
    shown = read(stack, payment)
    equal((shown["state"], shown["received"], shown["refunded"]), ("paid", 990, 0), "the payment")
    equal(rows(stack, "SELECT count(*) FROM ledger WHERE payment_id = ?", payment["id"]), before, "the ledger")
    equal(event_types(stack, payment), ["payment.succeeded"], "events")


@test
def a_second_run_finds_the_same_and_adds_nothing(stack):
    before = listed(stack)
    report = reconcile(stack, days["today"])
    equal((report["totals"]["new"], report["totals"]["closed"]), (0, 0), "new and closed")
    equal(report["totals"]["known"], sum(STAYS.values()), "known")
    equal([(row["id"], row["open"]) for row in listed(stack)], [(row["id"], row["open"]) for row in before], "rows")
    equal(report["open_by_type"], STAYS, "the report's types")


@test
def what_a_corrected_bill_explains_is_closed_by_it(stack):
    stack.control("DELETE", "/bills/alterations")
    equal(fetch(stack, days["today"])["revision"]["number"], 2, "a corrected bill")
    settled(stack, days["today"])
    left = {"bill_foreign_order": 1, "bill_refund_ended": 1}
    equal(by_type(stack), left, "only what the bill was right about")
    ended = [row for row in listed(stack, "resolved")]
    equal({row["resolved_by"] for row in ended}, {"evidence"}, "who ended them")
    expect(all(row["note"] and row["resolved_at"] for row in ended), "without a reason")


@test
def a_payment_in_the_bill_of_another_day_is_that_and_not_missing(stack):
    moved = found["paid"]["moved"]
    alter(stack, "day", moved["upstream_no"], 2)
    stack.control("POST", "/clock", {"advance_seconds": 2 * DAY})
    fetch(stack, days["today"])
    settled(stack, days["today"])
    row = [row for row in listed(stack, "open") if row["payment_id"] == moved["id"]]
    equal([one["type"] for one in row], ["bill_payment_missing"], "before the other day's bill")
    equal(fetch(stack, days["later"])["revision"]["lines"], 1, "the other day's bill")
    settled(stack, days["later"])
    row = [one for one in listed(stack, "open") if one["payment_id"] == moved["id"]]
    equal([one["type"] for one in row], ["bill_day_differs"], "after it")
    equal(reconcile(stack, days["today"])["totals"]["new"], 0, "the first day again")
    equal(reconcile(stack, days["later"])["totals"]["new"], 0, "the other day again")


@test
def a_resolution_by_hand_needs_a_note_and_stays_while_the_facts_stay(stack):
    row = [row for row in listed(stack, "open") if row["type"] == "bill_foreign_order"][0]
    path = f"/admin/discrepancies/{row['id']}/resolve"
    is_problem(admin_http(stack, "POST", path, {"note": "  "}), 400, "field_invalid", "/note")
    is_problem(admin_http(stack, "POST", "/admin/discrepancies/dis_none/resolve", {"note": "x"}), 404, "not_found")
    done = stack.admin("discrepancy", "resolve", row["id"], "--note", "Ms Li has both accounts")
    equal((done["open"], done["resolved_by"], done["note"]), (False, "hand", "Ms Li has both accounts"), "the end")
    is_problem(admin_http(stack, "POST", path, {"note": "again"}), 409, "state_conflict")
    totals = reconcile(stack, days["today"])["totals"]
    equal((totals["new"], totals["accepted"]), (0, 1), "the same facts again")
    equal(stack.merchant().call("POST", f"/v1/discrepancies/{row['id']}/resolve", {"note": "x"}).status, 404, "a merchant resolves")


@test
def s_116_an_export_is_text_to_a_spreadsheet_and_all_of_it(stack):
    row = [row for row in listed(stack, "open") if row["type"] == "bill_refund_ended"][0]
    stack.admin("discrepancy", "resolve", row["id"], "--note", '=HYPERLINK("http://evil.example","x")')
    text = stack.merchant().call("GET", "/v1/discrepancies?format=csv&state=any")
    equal(text.headers["content-type"], "text/csv; charset=utf-8", "type")
    expect(text.body.startswith(b"\xef\xbb\xbfid,type,"), text.body[:40])
    whole = list(csv.DictReader(io.StringIO(text.body[3:].decode(), newline="")))
    mine = stack.merchant().call("GET", "/v1/discrepancies?state=any&limit=100").json()["data"]
    equal([line["id"] for line in whole], [one["id"] for one in mine], "rows")
    cell = [line for line in whole if line["id"] == row["id"]][0]
    equal(cell["note"], '\'=HYPERLINK("http://evil.example","x")', "the formula")
    equal(cell["amount"], "-300", "a number stays a number")
    pages, cursor = b"", ""
    while cursor is not None:
        page = stack.merchant().call("GET", f"/v1/discrepancies?format=csv&state=any&limit=3&cursor={cursor}")
        pages, cursor = pages + page.body, page.headers.get("till-next-cursor")
    equal(pages, text.body, "page after page is the file")
    done = subprocess.run([till(), "discrepancy", "export", "--state", "any", "--app", stack.app["id"], "-c", stack.config], capture_output=True)
    equal((done.returncode, done.stdout), (0, text.body), "the command line's export")


@test
def only_the_app_s_own_are_shown_and_bad_filters_are_named(stack):
    app, other, _ = second_merchant(stack, "Third shop")
    equal(other.call("GET", "/v1/discrepancies?state=any").json(), {"data": [], "next_cursor": None}, "another app's list")
    identity = listed(stack)[0]["id"]
    is_problem(other.call("GET", f"/v1/discrepancies/{identity}"), 404, "not_found")
    merchant = stack.merchant()
    for query, field in (("type=none", "/type"), ("state=maybe", "/state"), ("format=xml", "/format"), ("limit=0", "/limit"),
                         ("format=csv&limit=1001", "/limit")):
        is_problem(merchant.call("GET", f"/v1/discrepancies?{query}"), 400, "field_invalid", field)
    is_problem(merchant.call("GET", "/v1/discrepancies?cursor=dis_none"), 400, "field_invalid", "/cursor")
    is_problem(merchant.call("GET", "/v1/discrepancies?cursor=dis_" + "0" * 32), 404, "not_found")
    only = merchant.call("GET", "/v1/discrepancies?state=any&type=bill_foreign_order").json()["data"]
    equal([row["type"] for row in only], ["bill_foreign_order"], "by type")
    for body, field in (({"date": "2026-02-30"}, "/date"), ({"from": "2026-01-01", "to": "2026-03-01"}, "/to"), ({"date": "2026-01-01", "to": "x"}, "/date")):
        expect(admin_http(stack, "POST", "/admin/reconcile", body).status == 400, f"{body} {field}")
    is_problem(admin_http(stack, "POST", "/admin/reconcile", {"account": "acc_none"}), 404, "not_found")


@test
def figures_say_what_waits(stack):
    open_ = by_type(stack)
    wait_for(lambda: all(metric_sum(stack, "till_discrepancies_open_by_type", type=kind) == count for kind, count in open_.items()), "figures", 90)
    expect(metric_sum(stack, "till_reconciled_total", result="matched") >= CLEAN, "matched")
    expect(metric_sum(stack, "till_discrepancy_oldest_seconds") > 0, "age")
    equal(request(stack.gateway_port, "GET", "/ping").status, 200, "alive")


if __name__ == "__main__":
    main(setup=set_up)
