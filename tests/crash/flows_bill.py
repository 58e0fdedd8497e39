# SPDX-License-Identifier: Apache-2.0
"""The matrix's flow of bills: killed while one is fetched and imported, it is there whole in the end or not at all; see flows.py."""
import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from flows import kill_in_recovery
from scene import GONE, Scene
from tap import admin_http, equal, expect, wait_for

CONTENT = ("SELECT (SELECT count(*) FROM bill_revisions WHERE sealed = 1), (SELECT count(*) FROM bill_revisions WHERE sealed = 0),"
           " (SELECT count(*) FROM bill_lines), (SELECT state FROM bills)")


def look(scene, sql):
    """What a dead gateway left, read from a copy."""
    with tempfile.TemporaryDirectory(prefix="till-look-") as folder:
        for name in ("till.db", "till.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(scene.stack.folder / name, folder)
        handle = sqlite3.connect(Path(folder) / "till.db")
        try:
            return handle.execute(sql).fetchall()
        finally:
            handle.close()


def content(scene):
    """Sealed and staged revisions, lines, state."""
    return look(scene, CONTENT)[0]


def prepare(scene):
    """An order that is paid today; the account knows where bills come from; the platform stands in the next morning."""
    scene.settle(scene.order())
    stack = scene.stack
    keys = {path.stem: path.read_text(encoding="utf-8") for path in (stack.folder / "keys").iterdir()}
    settings = {"app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "bill_hosts": "127.0.0.1",
                "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do", "private_key": keys["app_private_key"],
                "platform_public_key": keys["alipay_public_key"]}
    answer = admin_http(stack, "POST", f"/admin/accounts/{stack.account['id']}/settings", settings)
    equal(answer.status, 200, answer)
    paid_us = next(iter(scene.trades().values()))[0]["paid_us"]
    day = stack.control("GET", "/clock")["beijing"][:10]
    stack.control("POST", "/clock", {"advance_seconds": 34 * 3600})
    expect(paid_us, "nothing is paid")
    return day


def ask(scene, day):
    with contextlib.suppress(*GONE):
        admin_http(scene.stack, "POST", "/admin/bills/fetch", {"account": scene.stack.account["id"], "date": day})


def let_the_lease_end(scene):
    equal(scene.edit("UPDATE bills SET lease_until_us = 0, next_us = 1"), 1, "bills in the file")


def bill(point, again):
    """By hand it dies, by itself it dies again, and then the morning's work brings all of it."""
    with Scene(point) as scene:
        day = prepare(scene)
        scene.kill()
        scene.start(point)
        scene.background(ask, scene, day)
        scene.died()
        sealed, staged, lines, state = content(scene)
        equal((sealed, state), (0, 0), f"{point} left a bill that looks whole")
        equal((staged, lines), (1, 1) if point in ("B3", "B5") else (0, 0), f"the stage that {point} left")
        let_the_lease_end(scene)
        kill_in_recovery(scene, again)
        equal(content(scene)[0], 0, f"{again} left a bill that looks whole")
        let_the_lease_end(scene)
        scene.start()
        wait_for(lambda: scene.rows("SELECT state FROM bills") == [(1,)], "the bill", 20)
        equal(scene.rows(CONTENT)[0], (1, 0, 1, 1), "one revision, nothing staged, every line once")
        ask(scene, day)
        equal(scene.rows(CONTENT)[0], (1, 0, 1, 1), "the same file again")
        scene.finish()


# ---- comparing it with the books

COMPARED = ("SELECT (SELECT count(*) FROM settled WHERE revision_pk > 0), (SELECT count(*) FROM discrepancies),"
            " (SELECT count(*) FROM payments WHERE state = 1)")


def compared_so_far(scene):
    """What a dead gateway left: records found in lines, discrepancies, paid payments."""
    expect(not scene.stack.gateway.running(), "the gateway is still alive")
    handle = sqlite3.connect(f"file:{scene.stack.folder / 'till.db'}?mode=ro", uri=True)
    try:
        return handle.execute(COMPARED).fetchone()
    finally:
        handle.close()


def let_all_be_due(scene):
    equal(scene.edit("UPDATE reconciliations SET phase = 0, next_us = 1, lease_until_us = 0, ended_us = 0"), 1, "comparisons in the file")
    scene.edit("UPDATE discrepancies SET next_us = 1 WHERE open = 1")


def compare(point, again):
    """One order is paid and known, one is paid and nobody told us: the bill says both. In the end both are paid, once (S-128)."""
    with Scene(point) as scene:
        quiet = scene.order()
        scene.insist(quiet)
        scene.stack.control("POST", "/faults", {"operation": "notify", "fault": "notify_delay", "argument": "172800", "count": -1})
        scene.pay(quiet)
        scene.stack.control("DELETE", "/faults")
        day = prepare(scene)
        scene.kill()
        scene.start(point)
        scene.background(ask, scene, day)
        scene.died()
        equal(compared_so_far(scene), (0, 0, 1) if point == "B4" else (1, 1, 1), f"what {point} left")
        let_all_be_due(scene)
        kill_in_recovery(scene, again)
        equal(compared_so_far(scene), (1, 1, 1), f"what {again} left")
        let_all_be_due(scene)
        scene.start()
        wait_for(lambda: scene.rows("SELECT type, open, resolved_by FROM discrepancies") == [("bill_paid_unsettled", 0, "evidence")],
                 "the end of the one discrepancy", 30)
        equal(scene.rows(COMPARED)[0], (2, 1, 2), "both found, both paid")
        equal(scene.rows("SELECT type FROM events e JOIN payments p ON p.id = e.payment_id WHERE p.subject = ?", quiet.subject),
              [("payment.succeeded",)], "one event")
        scene.finish()
