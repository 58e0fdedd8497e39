# SPDX-License-Identifier: Apache-2.0
"""Bills end to end: the platform's next morning, every way in which a bill can be wrong, and that nothing of a wrong one is kept."""
import os
import re
import signal
import sqlite3
import subprocess
import time
import zipfile
from io import BytesIO

from tap import (admin_http, create, equal, expect, is_problem, main, metric, metric_sum, read, request, rows, second_merchant, settle,
                 started, test, wait_for)

DAY = 24 * 3600
today = None
paid = []


def bill(stack, *words):
    return stack.admin("bill", *words)


def fetch(stack, date=None, kind="trade"):
    return bill(stack, "fetch", "--account", stack.account["id"], "--date", date or today, "--type", kind)


def fault(stack, name, **fields):
    stack.control("POST", "/faults", {"operation": "bill", "fault": name, "count": 1, **fields})


def lines(stack, identity):
    found, cursor = [], 0
    while cursor is not None:
        page = stack.merchant().call("GET", f"/v1/bills/{identity}?limit=2&cursor={cursor}").json()["lines"]
        found, cursor = found + page["data"], page["next_cursor"]
    return found


def stored(stack):
    """Everything of bills' content in the store."""
    return (rows(stack, "SELECT count(*) FROM bill_lines")[0][0], rows(stack, "SELECT count(*) FROM bill_revisions WHERE sealed = 1")[0][0],
            rows(stack, "SELECT count(*) FROM bill_files")[0][0])


def change_settings(stack, **more):
    """The account as it is, with the sandbox as a host of bills and what else is wanted."""
    keys = {path.stem: path.read_text(encoding="utf-8") for path in (stack.folder / "keys").iterdir()}
    settings = {"app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "bill_hosts": "127.0.0.1,localhost",
                "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do", "private_key": keys["app_private_key"],
                "platform_public_key": keys["alipay_public_key"], **more}
    answer = admin_http(stack, "POST", f"/admin/accounts/{stack.account['id']}/settings", settings)
    equal(answer.status, 200, answer)


def set_up():
    """Three payments and a refund today; then the platform's clock stands at tomorrow."""
    global today
    stack = started()
    now = stack.control("GET", "/clock")["beijing"]
    if now[11:16] >= "23:50":  # the day of the orders must be one day
        stack.control("POST", "/clock", {"advance_seconds": 900})
        now = stack.control("GET", "/clock")["beijing"]
    today = now[:10]
    for _ in range(3):
        payment = create(stack)
        paid.append(settle(stack, payment))
    answer = stack.merchant().call("POST", f"/v1/payments/{paid[0]['id']}/refunds", {"out_refund_no": "RB1", "amount": 190})
    expect(answer.status in (200, 201), answer)
    hours = 9 + 24 - int(now[11:13])
    stack.control("POST", "/clock", {"advance_seconds": hours * 3600})
    return stack


@test
def a_foreign_host_is_refused_until_the_account_lists_it(stack):
    found = fetch(stack)
    equal((found["state"], found["code"], found["revision"]), ("failed", "url_forbidden", None), "before")
    expect("bill_hosts" in found["text"] and found["next_try_at"], f"no way out: {found}")
    change_settings(stack)


@test
def s_130_a_bill_cut_in_the_middle_of_a_line_is_refused_whole_and_taken_later(stack):
    before = stored(stack)
    for name, words in (("bill_cut", "cells"), ("bill_damaged", "damaged"), ("bill_sums", "not the sum"), ("bill_expired", "404"),
                        ("bill_other_account", "another account"), ("bill_other_host", "bills.example")):
        fault(stack, name)
        found = fetch(stack)
        equal((found["state"], found["revision"]), ("failed", None), name)
        expect(words in found["text"], f"{name}: {found['text']}")
        expect(found["next_try_at"], f"{name} is not tried again")
        equal(stored(stack), before, f"{name} left something")
    found = fetch(stack)
    equal((found["state"], found["code"], found["next_try_at"]), ("imported", None, None), "whole")
    equal(found["revision"]["lines"], 4, "lines")


@test
def s_126_an_archive_with_a_path_is_refused_and_nothing_is_written(stack):
    traces = [stack.folder.parent / "etc", stack.folder / "etc"]
    before = stored(stack), sorted(os.listdir(stack.folder))
    fault(stack, "bill_traversal")
    found = fetch(stack)
    expect("path" in found["text"] and found["code"] == "archive_invalid", found)
    equal((stored(stack), sorted(os.listdir(stack.folder))), before, "something was written")
    expect(not any(path.exists() for path in traces), "the entry was unpacked")
    equal(found["state"], "imported", "the bill that was there is gone")


@test
def s_127_an_archive_that_declares_four_gibibytes_is_refused_at_the_limit(stack):
    before = stored(stack)
    child = stack.gateway.child.pid
    status = subprocess.run(["cat", f"/proc/{child}/status"], capture_output=True, text=True, check=True).stdout
    fault(stack, "bill_bomb")
    found = fetch(stack)
    expect("limit" in found["text"] and found["code"] == "archive_invalid", found)
    equal(stored(stack), before, "stored")
    after = subprocess.run(["cat", f"/proc/{child}/status"], capture_output=True, text=True, check=True).stdout
    peak = [int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) for text in (status, after)]
    expect(peak[1] - peak[0] < 64 * 1024, f"the peak of memory went from {peak[0]} to {peak[1]} KiB")
    equal(request(stack.gateway_port, "GET", "/ping").status, 200, "alive")


@test
def the_lines_are_the_day_to_the_fen(stack):
    found = fetch(stack)
    revision = found["revision"]
    equal((revision["in"], revision["out"]), ({"count": 3, "amount": 2970}, {"count": 1, "amount": -190}), "totals")
    listed = lines(stack, found["id"])
    equal([line["number"] for line in listed], [1, 2, 3, 4], "pages")
    equal(sorted(line["upstream_no"] for line in listed if line["kind"] == "payment"), sorted(p["upstream_no"] for p in paid), "orders")
    back = [line for line in listed if line["kind"] == "refund"]
    equal([(line["amount"], line["upstream_no"]) for line in back], [(-190, paid[0]["upstream_no"])], "refunds")
    refund_no = rows(stack, "SELECT refund_no FROM refunds")[0][0]
    equal(back[0]["refund_no"], refund_no, "our refund number")
    equal(sum(line["fee"] for line in listed), revision["fees"], "fees")
    expect(all(line["finished_at"].endswith("Z") for line in listed), "times")


@test
def the_same_file_again_brings_nothing_and_a_changed_one_is_a_new_revision(stack):
    before, first = stored(stack), fetch(stack)
    equal(stored(stack), before, "the same bill was stored again")
    fault(stack, "bill_amount")
    second = fetch(stack)
    equal((second["id"], second["revision"]["number"]), (first["id"], first["revision"]["number"] + 1), "revision")
    equal(second["revision"]["in"]["amount"], first["revision"]["in"]["amount"] + 1, "the wrong fen is shown, not believed")
    equal(rows(stack, "SELECT count(*) FROM bill_lines")[0][0], 8, "the old revision is kept")
    third = fetch(stack)
    equal(third["revision"]["in"]["amount"], first["revision"]["in"]["amount"], "put right")
    equal([read(stack, p)["received"] for p in paid], [990] * 3, "a bill moved a payment")


@test
def new_columns_another_order_and_another_charset_are_read(stack):
    for name, columns in (("bill_new_column", 1), ("bill_reordered", 0), ("bill_utf8", 0)):
        fault(stack, name)
        found = fetch(stack)
        equal((found["state"], found["code"], found["revision"]["unknown_columns"]), ("imported", None, columns), name)
        equal(found["revision"]["in"]["amount"], 2970, name)


@test
def lines_of_nobody_and_lines_that_are_missing_are_evidence_and_move_nothing(stack):
    """The file is whole, so it is taken whole; what contradicts the books is for reconciliation."""
    for name, count, amount in (("bill_missing_line", 3, 1980), ("bill_foreign_line", 5, None)):
        fault(stack, name)
        found = fetch(stack)
        equal((found["state"], found["code"], len(lines(stack, found["id"]))), ("imported", None, count), name)
        if amount is not None:
            equal(found["revision"]["in"]["amount"], amount, name)
    equal([read(stack, p)["received"] for p in paid], [990] * 3, "a bill moved a payment")
    equal(len(lines(stack, fetch(stack)["id"])), 4, "put right")


@test
def the_account_s_ledger_runs_from_balance_to_balance(stack):
    found = fetch(stack, kind="account")
    equal(found["state"], "imported", found)
    balance = 0
    for line in lines(stack, found["id"]):
        balance += line["amount"]
        equal(line["balance"], balance, f"balance of line {line['number']}")


@test
def what_is_not_there_is_said_and_asked_again_or_not(stack):
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600 + 3 * DAY))
    found = fetch(stack, tomorrow)
    equal((found["state"], found["code"]), ("wanted", "BILL_NOT_EXIST"), "a day to come")
    expect(found["next_try_at"], "not asked again")
    fault(stack, "refuse", argument="NO_BILL_DATA")
    found = fetch(stack, "2026-01-02")
    equal((found["state"], found["code"], found["next_try_at"]), ("absent", "NO_BILL_DATA", None), "an empty day")
    equal(fetch(stack, "2026-01-03")["code"], "BILL_DATE_BEFORE_REGISTRATION", "before the account")
    fault(stack, "wrong_signature")
    found = fetch(stack)
    expect(found["state"] == "imported" and "sign" in found["text"].lower(), f"an unsigned address: {found}")
    fault(stack, "drop_before", count=-1)
    expect(fetch(stack)["text"], "silence has no words")
    stack.control("DELETE", "/faults")
    equal(fetch(stack)["code"], None, "all is well again")


@test
def only_the_app_s_own_bills_are_shown(stack):
    identity = fetch(stack)["id"]
    _, other, _ = second_merchant(stack)
    equal(other.call("GET", "/v1/bills").json(), {"data": [], "next_cursor": None}, "another app's list")
    is_problem(other.call("GET", f"/v1/bills/{identity}"), 404, "not_found")
    mine = stack.merchant().call("GET", "/v1/bills?limit=1").json()
    expect(mine["next_cursor"], "a full page has a cursor")
    rest = stack.merchant().call("GET", f"/v1/bills?limit=100&cursor={mine['next_cursor']}").json()
    expect(identity in [row["id"] for row in mine["data"] + rest["data"]], "own")
    equal(len({row["id"] for row in mine["data"] + rest["data"]}), rows(stack, "SELECT count(*) FROM bills")[0][0], "all, once")
    is_problem(stack.merchant().call("GET", "/v1/bills?unknown=1"), 400, "field_unknown")
    is_problem(stack.merchant().call("GET", f"/v1/bills/{identity}?cursor=x"), 400, "field_invalid", "/cursor")
    is_problem(admin_http(stack, "POST", "/admin/bills/fetch", {"account": "acc_none", "date": today}), 404, "not_found")
    is_problem(admin_http(stack, "POST", "/admin/bills/fetch", {"account": stack.account["id"], "date": "2026-02-30"}), 400, "time_invalid", "/date")
    is_problem(admin_http(stack, "POST", "/admin/bills/fetch", {"account": stack.account["id"], "date": today, "type": "x"}), 400, "field_invalid",
               "/type")


@test
def the_archive_is_kept_as_it_came(stack):
    identity = fetch(stack)["id"]
    parts = rows(stack, "SELECT f.bytes FROM bill_files f JOIN bill_revisions r ON r.pk = f.revision_pk JOIN bills b ON b.pk = r.bill_pk"
                        " AND b.revision = r.number WHERE b.id = ? ORDER BY f.number", identity)
    archive = zipfile.ZipFile(BytesIO(b"".join(part[0] for part in parts)))
    expect(archive.testzip() is None and len(archive.namelist()) == 2, "not the archive")
    text = archive.read(archive.namelist()[0]).decode("gbk")
    expect(text.startswith("#支付宝业务明细查询\r\n"), text[:40])
    equal(archive.getinfo(archive.namelist()[0]).flag_bits & 0x800, 0, "UTF-8 flag")


@test
def what_was_sealed_cannot_change(stack):
    handle = sqlite3.connect(stack.folder / "till.db", timeout=10)
    try:
        for sql in ("UPDATE bill_lines SET amount = 1", "DELETE FROM bill_lines", "UPDATE bill_revisions SET lines = 1", "DELETE FROM bill_revisions",
                    "DELETE FROM bills", "INSERT INTO bill_lines SELECT revision_pk, 99, kind, business_type, trade_no, upstream_no, refund_no, flow_no,"
                    " subject, store_id, counterparty, remark, amount, moved, discount, fee, balance, created_us, finished_us FROM bill_lines LIMIT 1"):
            try:
                handle.execute(sql)
            except sqlite3.IntegrityError:
                handle.rollback()
                continue
            handle.rollback()
            raise AssertionError(f"the database let pass: {sql}")
    finally:
        handle.close()


@test
def figures_say_how_bills_stand(stack):
    wait_for(lambda: metric_sum(stack, "till_bills", state="imported") >= 2, "figures of bills", 10)
    expect(metric_sum(stack, "till_bills", state="wanted") >= 1, "wanted")
    expect(metric_sum(stack, "till_bills", state="absent") >= 1, "absent")
    expect(metric(stack, "till_bill_newest_age_seconds") >= 0, "age")
    listed = bill(stack, "list")
    expect(any(row["date"] == today for row in listed["data"]), listed)
    shown = bill(stack, "show", listed["data"][-1]["id"])
    expect("lines" in shown, shown)


@test
def every_morning_brings_the_days_that_are_missing_by_itself(stack):
    change_settings(stack, bills="trade,account")
    stack.gateway.stop(signal.SIGTERM)
    handle = sqlite3.connect(stack.folder / "till.db")
    with handle:  # the account is three days older than it is
        handle.execute("UPDATE accounts SET created_us = created_us - ?", (3 * DAY * 1000000,))
        created_us = handle.execute("SELECT created_us FROM accounts WHERE id = ?", (stack.account["id"],)).fetchone()[0]
    handle.close()
    known = {row[0] for row in rows(stack, "SELECT date FROM bills")}
    now = time.time() + 8 * 3600
    days = [int(now // DAY) - back for back in range(1, 8)]
    wanted = {time.strftime("%Y-%m-%d", time.gmtime(day * DAY)) for day in days
              if (day + 1) * DAY - 8 * 3600 > created_us / 1e6 and now >= (day + 1) * DAY + 10 * 3600}
    expect(len(wanted) in (2, 3) and not wanted & known, f"{wanted} of {days}")
    stack.start_gateway()
    marks = ",".join("?" * len(wanted))
    sql = f"SELECT type, date, attempts, state, code, next_us FROM bills WHERE date IN ({marks}) ORDER BY type, date"
    found = wait_for(lambda: (lambda all_: all_ if len(all_) == 2 * len(wanted) and all(row[4] for row in all_) else None)(
        rows(stack, sql, *sorted(wanted))), "the bills of the days before", 20)
    equal([row[:2] for row in found], [(kind, day) for kind in (0, 1) for day in sorted(wanted)], "types and days")
    equal({row[2:] for row in found}, {(1, 3, "BILL_DATE_BEFORE_REGISTRATION", 0)}, "one try, and no other")


if __name__ == "__main__":
    main(setup=set_up)
