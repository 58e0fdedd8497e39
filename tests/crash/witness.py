# SPDX-License-Identifier: Apache-2.0
"""What outlives each death: whoever was told something remembers it, and holds the file that a crash left against it, before any recovery.

`Witness` compares each life's file with the one before (nothing acknowledged is gone, what is append-only only grew, ends stay ends). `truths`
asks merchants and platform. `program` runs `till audit`, which recomputes the books with code that is not the gateway's.
"""
import json
import subprocess
import urllib.parse

import tap
from tap import Failed, equal, expect

PAID, CLOSED, FAILED = 1, 3, 4
# From an end, where to (I5): money that comes late is still money.
ENDS = {PAID: {PAID}, CLOSED: {CLOSED, PAID}, FAILED: {FAILED, PAID}}
REFUND_DONE, REFUND_FAILED, REFUND_REVERSED = 4, 5, 6
REFUND_ENDS = {REFUND_DONE: {REFUND_DONE, REFUND_REVERSED}, REFUND_FAILED: {REFUND_FAILED, REFUND_DONE}, REFUND_REVERSED: {REFUND_REVERSED}}
# Tables that only grow, in the order of what grows (I25).
GROWING = {"ledger": "SELECT * FROM ledger ORDER BY pk", "evidence": "SELECT * FROM evidence ORDER BY pk", "events": "SELECT * FROM events ORDER BY pk",
           "event_numbers": "SELECT * FROM event_numbers ORDER BY number", "audit": "SELECT * FROM audit ORDER BY pk",
           "audit_seals": "SELECT * FROM audit_seals ORDER BY number"}


def tables_of(handle):
    return {row[0] for row in handle.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


class Witness:
    def __init__(self):
        self.before = None

    def forget(self):
        """Somebody put another file in its place."""
        self.before = None

    def look(self, handle):
        known = tables_of(handle)
        now = {"grown": {name: handle.execute(sql).fetchall() for name, sql in GROWING.items() if name in known},
               "payments": {row[0]: row[1:] for row in handle.execute("SELECT id, state, version, app_id, out_trade_no, amount, currency FROM payments")},
               "attempts": {row[0]: row[1:] for row in handle.execute("SELECT id, received, refunded, payment_id, upstream_no, business FROM attempts")},
               "refunds": {row[0]: row[1:] for row in handle.execute("SELECT id, state, version, refund_no, business, amount FROM refunds")},
               "horizon": handle.execute("SELECT nonce_horizon_s FROM store_facts").fetchone()[0]}
        before, self.before = self.before, now
        if before:
            follows(before, now)


def follows(before, now):
    """The later file is one that the earlier one can have become."""
    for name, rows in before["grown"].items():
        equal(now["grown"].get(name, [])[:len(rows)], rows, f"earlier rows of {name} (I13, I25)")
    for kind, ends in (("payments", ENDS), ("refunds", REFUND_ENDS)):
        for identity, row in before[kind].items():
            later = now[kind].get(identity)
            expect(later, f"{kind} {identity} is gone (I13)")
            equal(later[2:], row[2:], f"what never changes of {kind} {identity} (I8, I12)")
            expect(later[1] >= row[1], f"{kind} {identity} went back from version {row[1]} to {later[1]}")
            expect(later[0] in ends.get(row[0], {later[0]}), f"{kind} {identity} left its end {row[0]} for {later[0]} (I5)")
    for identity, row in before["attempts"].items():
        later = now["attempts"].get(identity)
        expect(later, f"attempt {identity} is gone (I13)")
        equal(later[2:], row[2:], f"number and bytes of attempt {identity} (I8, I9, I12)")
        expect(later[0] >= row[0] and later[1] >= row[1], f"money of attempt {identity} became less: {row[:2]} to {later[:2]}")
    expect(now["horizon"] >= before["horizon"], "the nonce horizon went back (I21, I24)")


# ---- what merchants and platform were told before the death


def truths(scene, handle):
    """Promises that were made are in the file already, whatever recovery does (I11, I13, I14)."""
    rows = {row[0]: row[1:] for row in handle.execute("SELECT out_trade_no, id, amount, currency, state FROM payments")}
    for order in scene.orders.values():
        for _, answer in order.answers:
            equal((answer["id"], answer["amount"], answer["currency"]), rows.get(order.number, (None,))[:3], f"what was answered for {order.number}")
            expect(answer["state"] != "paid" or rows[order.number][3] == PAID, f"{order.number} was answered paid")
        expect(not order.closed or rows[order.number][3] in (CLOSED, PAID), f"{order.number} was answered closed")
    refunds = {row[0]: row[1:] for row in handle.execute("SELECT out_refund_no, id, amount, state FROM refunds")}
    for refund in scene.refunds:
        for answer in refund.answers:
            equal((answer["id"], answer["amount"]), refunds.get(refund.number, (None,))[:2], f"what was answered for {refund.number}")
            expect(answer["state"] != "succeeded" or refunds[refund.number][2] in (REFUND_DONE, REFUND_REVERSED), f"{refund.number} was answered succeeded")
    if scene.stack.sandbox and scene.stack.sandbox.running():
        received = {row[0] for row in handle.execute("SELECT upstream_no FROM attempts WHERE received > 0")}
        for notice in scene.notices():
            expect(not notice["acknowledged"] or notice["out_trade_no"] in received, f"acknowledged and not committed: {notice} (I14)")


def own(handle):
    """Everything belongs to the app whose payment it is, and came over an account of that app (I18)."""
    for sql, what in (
            ("SELECT p.id FROM payments p JOIN accounts a ON a.id = p.account_id WHERE a.app_id <> p.app_id OR a.mode <> p.mode", "a payment over a foreign account"),
            ("SELECT t.id FROM attempts t JOIN accounts a ON a.id = t.account_id JOIN payments p ON p.id = t.payment_id WHERE a.app_id <> p.app_id",
             "an attempt over a foreign account"),
            ("SELECT r.id FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN attempts t ON t.id = r.attempt_id WHERE r.app_id <> p.app_id"
             " OR r.account_id <> t.account_id OR t.payment_id <> p.id", "a refund of a foreign payment"),
            ("SELECT e.id FROM events e JOIN payments p ON p.id = e.payment_id WHERE e.app_id <> p.app_id", "a foreign event"),
            ("SELECT d.id FROM deliveries d JOIN events e ON e.pk = d.event_pk WHERE d.app_id <> e.app_id", "a foreign delivery"),
            ("SELECT l.pk FROM ledger l JOIN payments p ON p.id = l.payment_id WHERE l.app_id <> p.app_id OR l.currency <> p.currency", "a foreign ledger line"),
            ("SELECT currency FROM ledger GROUP BY currency HAVING sum(debit) <> sum(credit)", "debits are not credits (I1)"),
            ("SELECT cause FROM discrepancies WHERE open = 1 GROUP BY cause HAVING count(*) > 1", "two open discrepancies of one cause (I39)"),
            ("SELECT key_id, nonce FROM nonces GROUP BY key_id, nonce HAVING count(*) > 1", "a nonce twice (I24)")):
        found = handle.execute(sql).fetchall()
        if found:
            raise Failed(f"{what}: {found[:5]}")


def decimal(minor):
    return f"{minor // 100}.{minor % 100:02d}"


def evidence_matches(handle):
    """What was believed names the very order and its sum (I3, I37)."""
    believed = {}
    for subject, content in handle.execute("SELECT subject_id, bytes FROM evidence"):
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        believed.setdefault(subject, []).append(urllib.parse.unquote_plus(text))
    for attempt, upstream_no, amount in handle.execute("SELECT id, upstream_no, amount FROM attempts WHERE received > 0"):
        texts = believed.get(attempt, [])
        expect(any(upstream_no in text and decimal(amount) in text for text in texts), f"nothing that names {upstream_no} and {decimal(amount)}: {texts[:2]}")


# ---- in the end


def asked_identically(scene):
    """However often an order was sent, the platform read the same words (I9). Of as many calls as it remembers."""
    words = {}
    for call in scene.stack.control("GET", "/exchanges")["exchanges"]:
        if call["method"] in ("alipay.trade.precreate", "alipay.trade.pay") and "biz_content=" in call.get("canonical", ""):
            business = call["canonical"].split("biz_content=", 1)[1].rsplit("}", 1)[0]
            words.setdefault((call["method"], call["out_trade_no"]), set()).add(business)
    for key, variants in words.items():
        expect(len(variants) == 1, f"{key} was sent in {len(variants)} versions: {sorted(variants)}")


def closed_upstream(scene, handle):
    """What we call closed takes no money any more (I19)."""
    trades = scene.trades()
    for number, subject in handle.execute(f"SELECT out_trade_no, subject FROM payments WHERE state = {CLOSED}"):
        for trade in trades.get(subject, []):
            expect(trade["status"] in ("CANCELLED", "TRADE_CLOSED"), f"{number} is closed with us and {trade['status']} at the platform")


def bills_match(handle):
    """Each line of a bill is an attempt or refund of ours with that sum, or a discrepancy (I20)."""
    lines = handle.execute("SELECT l.kind, l.upstream_no, l.amount FROM bill_lines l JOIN bill_revisions r ON r.pk = l.revision_pk"
                           " WHERE r.sealed = 1 AND l.kind IN (0, 1)").fetchall()
    for kind, upstream_no, amount in lines:
        sql = ("SELECT 1 FROM attempts WHERE upstream_no = ? AND received = ?" if kind == 0 else
               "SELECT 1 FROM refunds r JOIN attempts t ON t.id = r.attempt_id WHERE t.upstream_no = ? AND r.amount = abs(?)")
        expect(handle.execute(sql, (upstream_no, amount)).fetchone() or handle.execute("SELECT 1 FROM discrepancies").fetchone(),
               f"a bill's line that nobody knows: {kind} {upstream_no} {amount}")


def replays_are_refused(scene):
    """A request that had its effect before the deaths has none after them (I24)."""
    merchant = scene.stack.merchant()
    for method, target, document, signing in scene.signed[-3:]:
        answer = merchant.call(method, target, document, **signing)
        expect(answer.status == 401 and answer.json()["code"] in ("nonce_used", "timestamp_outside_window"), f"a replay of {target}: {answer}")


def program(path):
    """`till audit` over the file: its own reckoning of books, states, events and trail."""
    done = subprocess.run([str(tap.till()), "audit", "--store", str(path), "--json", "--all"], capture_output=True, timeout=120)
    if done.returncode:
        raise Failed(f"till audit ended with {done.returncode}: {done.stdout.decode()[-1500:]} {done.stderr.decode()[-500:]}")
    return json.loads(done.stdout)


def final(scene, handle):
    own(handle)
    evidence_matches(handle)
    closed_upstream(scene, handle)
    bills_match(handle)
    asked_identically(scene)
