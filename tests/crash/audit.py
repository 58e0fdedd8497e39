# SPDX-License-Identifier: Apache-2.0
"""What must be true of the books: at any moment, also right after a crash (`Left`), and in the end (`final`)."""
import base64
import hashlib
import hmac
import json

import witness
from tap import Failed, equal, expect

STATES = ("pending", "paid", "closing", "closed", "failed")
PENDING, PAID, CLOSING, CLOSED = 0, 1, 2, 3
PREPARED, SENT, WAITING, UNKNOWN, HAS_PAID, IS_CLOSING, IS_CLOSED = 0, 1, 2, 3, 4, 5, 6
UNSETTLED = (SENT, UNKNOWN, IS_CLOSING)
REFUND_SENT, REFUND_DONE, REFUND_FAILED = 1, 4, 5
ALARMS = ('"store_broken"', '"ledger_imbalance"', '"rows_parked"', '"bug"', '"store_checkpoint"', '"sequence_failed"')


def none(handle, sql, what):
    found = handle.execute(sql).fetchall()
    if found:
        raise Failed(f"{what}: {found[:5]}")


def sound(handle):
    """No half state: a transition, its ledger lines, its evidence and its event are one commit (I1, I5, I6)."""
    equal(handle.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity_check")
    none(handle, "PRAGMA foreign_key_check", "foreign keys")
    none(handle, "SELECT transaction_id FROM ledger GROUP BY transaction_id, currency HAVING sum(debit) <> sum(credit)",
         "a ledger transaction does not balance")
    none(handle, "SELECT payment_id, count(*) FROM attempts GROUP BY payment_id HAVING count(*) <> 1",
         "a payment without its one attempt")
    none(handle, "SELECT id FROM payments WHERE id NOT IN (SELECT payment_id FROM attempts)", "a payment without attempt")
    none(handle, "SELECT p.id, p.state, a.state, a.received FROM payments p JOIN attempts a ON a.id = p.attempt_id"
                 f" WHERE (p.state = {PAID}) <> (a.received > 0) OR (p.state = {PAID}) <> (a.state = {HAS_PAID})"
                 " OR a.received NOT IN (0, a.amount) OR a.amount <> p.amount", "payment and attempt disagree")
    none(handle, f"SELECT p.id, p.state, a.state FROM payments p JOIN attempts a ON a.id = p.attempt_id"
                 f" WHERE (p.state = {CLOSING}) <> (a.state = {IS_CLOSING}) OR (p.state = {CLOSED}) <> (a.state = {IS_CLOSED})",
         "payment and attempt disagree about the close")
    none(handle, "SELECT p.id, p.state FROM payments p WHERE (SELECT count(*) FROM ledger l WHERE l.payment_id = p.id"
                 " AND l.account = 'channel_receivable' AND l.what IN ('payment', 'late_payment')"
                 f" AND l.debit = p.amount) <> (p.state = {PAID})", "not one posting for one payment")
    none(handle, "SELECT p.id, p.state FROM payments p WHERE (SELECT count(*) FROM events e WHERE e.payment_id = p.id"
                 f" AND e.type = 'payment.succeeded') <> (p.state = {PAID}) OR (SELECT count(*) FROM events e WHERE"
                 f" e.payment_id = p.id AND e.type = 'payment.closed') <> (p.state = {CLOSED})", "not one event for one end")
    sound_refunds(handle)
    none(handle, f"SELECT p.id FROM payments p WHERE p.state = {PAID} AND NOT EXISTS"
                 " (SELECT 1 FROM evidence e WHERE e.subject_id = p.attempt_id)", "paid without evidence")
    none(handle, "SELECT p.id, p.event_sequence FROM payments p WHERE p.event_sequence <>"
                 " (SELECT count(*) FROM events e WHERE e.payment_id = p.id) OR p.event_sequence <>"
                 " (SELECT coalesce(max(sequence), 0) FROM events e WHERE e.payment_id = p.id)", "a gap in a payment's events")
    none(handle, "SELECT e.id FROM events e JOIN payments p ON p.id = e.payment_id WHERE p.notify_url <> '' AND"
                 " (SELECT count(*) FROM deliveries d WHERE d.event_pk = e.pk) <> 1", "not one delivery for one event")
    none(handle, "SELECT count(*), max(number) FROM event_numbers HAVING count(*) <> coalesce(max(number), 0)", "a gap in the numbers")
    none(handle, "SELECT a.number FROM event_numbers a JOIN event_numbers b ON a.number < b.number AND a.event_pk > b.event_pk",
         "numbers out of order")


def sound_refunds(handle):
    """A reservation is held or released exactly once; a done refund is booked and told once (I7)."""
    of = "(SELECT {what} FROM refunds r WHERE r.attempt_id = a.id AND r.state {state})"
    held = of.format(what="coalesce(sum(r.amount), 0)", state=f"<> {REFUND_FAILED}")
    given = of.format(what="coalesce(sum(r.amount), 0)", state=f"= {REFUND_DONE}")
    none(handle, f"SELECT a.id, a.refund_held, a.refunded FROM attempts a WHERE a.refund_held <> {held} OR a.refunded <> {given}",
         "reservations and refunds disagree")
    none(handle, "SELECT a.id FROM attempts a WHERE a.refunded <> (SELECT coalesce(sum(l.debit), 0) FROM ledger l"
                 " WHERE l.payment_id = a.payment_id AND l.account = 'refunds')", "refunds and ledger disagree")
    for kind, state in (("refund.succeeded", REFUND_DONE), ("refund.failed", REFUND_FAILED)):
        ended = of.format(what="count(*)", state=f"= {state}")
        none(handle, f"SELECT a.id FROM attempts a WHERE {ended} <> (SELECT count(*) FROM events e"
                     f" WHERE e.payment_id = a.payment_id AND e.type = '{kind}')", f"not one {kind} for one refund")


class Left:
    """What a crash left in the file, audited."""

    def __init__(self, handle):
        sound(handle)
        query = ("SELECT p.subject, p.state, a.state, a.upstream_no, p.id, a.id,"
                 " (SELECT count(*) FROM evidence e WHERE e.subject_id = a.id AND e.kind = 'notify')"
                 " FROM payments p JOIN attempts a ON a.id = p.attempt_id")
        names = ("subject", "state", "attempt", "upstream_no", "id", "attempt_id", "told")
        self.payments = {row[0]: dict(zip(names, row)) for row in handle.execute(query)}
        query = ("SELECT p.subject, d.state, d.leased, d.attempts, d.next_us FROM deliveries d"
                 " JOIN events e ON e.pk = d.event_pk JOIN payments p ON p.id = e.payment_id")
        names = ("subject", "state", "leased", "attempts", "next_us")
        self.deliveries = {row[0]: dict(zip(names, row)) for row in handle.execute(query)}
        self.refunds = dict(handle.execute("SELECT out_refund_no, state FROM refunds"))

    def attempt(self, order):
        """The attempt's state; None when there is no row."""
        return self.payments.get(order.subject, {}).get("attempt")

    def state(self, order):
        return self.payments.get(order.subject, {}).get("state")

    def delivery(self, order):
        return self.deliveries.get(order.subject)


# ---- in the end


def final(scene, shown):
    """Nothing acknowledged lost, nothing doubled."""
    import tap
    with tap.database(scene.stack) as handle:
        sound(handle)
        handle.row_factory = None
        answers_are_true(scene, handle, shown)
        upstream_is_single(scene, handle)
        money_is_the_same(scene, handle)
        platform_was_told_the_truth(scene, handle)
        events_arrived(scene, handle)
        none(handle, f"SELECT id, state FROM attempts WHERE state IN {UNSETTLED}", "still unknown")
        none(handle, f"SELECT id, state FROM refunds WHERE state NOT IN ({REFUND_DONE}, {REFUND_FAILED})", "an open refund")
        none(handle, "SELECT id FROM attempts WHERE crashes >= 3 UNION SELECT id FROM refunds WHERE crashes >= 3", "parked")
        none(handle, "SELECT id, type, detail FROM discrepancies WHERE open = 1", "a discrepancy")
        witness.final(scene, handle)
    witness.program(scene.stack.folder / "till.db")
    log = (scene.stack.folder / "till.log").read_text(encoding="utf-8", errors="replace")
    alarms = [line for line in log.splitlines() if any(alarm in line for alarm in ALARMS if alarm not in getattr(scene, "excused", ()))]
    expect(not alarms, f"alarms in the log: {alarms[:3]}")


def answers_are_true(scene, handle, shown):
    """What a merchant was told stays: the payment, its number, its sum (I11, I13)."""
    for order in scene.orders.values():
        row = handle.execute("SELECT id, amount, currency, state FROM payments WHERE out_trade_no = ?", (order.number,)).fetchall()
        expect(len(row) <= 1, f"{order.number}: {row}")
        expect(row or not order.answers, f"{order.number} was acknowledged and is lost: {order.answers}")
        for status, answer in order.answers:
            equal((answer["id"], answer["amount"], answer["currency"]), row[0][:3], f"the answer for {order.number}")
            equal(answer["out_trade_no"], order.number, "the answer's number")
            expect(answer["state"] in ("pending", "paid"), f"{order.number} was answered {answer['state']}")
            is_charged = order.fields.get("product") == "barcode"
            expect(status != 201 or answer["state"] == "paid" or is_charged or answer["action"]["value"], f"201 without a code: {answer}")
        expect(len(order.codes()) <= 1, f"several codes for {order.number}: {order.codes()}")
        if row:
            now = shown[order.number]
            equal((now["id"], now["amount"], now["state"]), (row[0][0], order.amount, STATES[row[0][3]]), f"the API's view of {order.number}")
            expect(not order.closed or now["state"] in ("closed", "paid"), f"{order.number} was answered closed and is {now['state']}")
    for refund in scene.refunds:
        row = handle.execute("SELECT id, amount, state FROM refunds WHERE out_refund_no = ?", (refund.number,)).fetchall()
        for answer in refund.answers:
            equal((answer["id"], answer["amount"]), row[0][:2], f"the answer for {refund.number}")
            expect(answer["state"] not in ("succeeded", "failed") or row[0][2] == {"succeeded": REFUND_DONE, "failed": REFUND_FAILED}[answer["state"]],
                   f"{refund.number} was answered {answer['state']}: {row}")


def upstream_is_single(scene, handle):
    """For each order one upstream order at most, under the number that we wrote down before (I8, I12)."""
    ours = dict(handle.execute("SELECT p.subject, a.upstream_no FROM payments p JOIN attempts a ON a.id = p.attempt_id"))
    trades = scene.trades()
    states = dict(handle.execute("SELECT subject, state FROM payments"))
    given = {}
    for number, amount, upstream_no in handle.execute("SELECT r.refund_no, r.amount, a.upstream_no FROM refunds r JOIN attempts a"
                                                      f" ON a.id = r.attempt_id WHERE r.state = {REFUND_DONE}"):
        given.setdefault(upstream_no, []).append((number, amount))
    for subject, found in trades.items():
        equal([trade["out_trade_no"] for trade in found], [ours.get(subject)], f"the platform's orders for {subject}")
        trade = found[0]
        if trade["status"] in ("CANCELLED", "TRADE_CLOSED"):
            equal(STATES[states[subject]], "closed", f"the state of {subject}, which the platform closed")
        equal(sorted((refund["out_request_no"], refund["minor"]) for refund in trade["refunds"]),
              sorted(given.get(trade["out_trade_no"], [])), f"the platform's refunds of {subject}")
    for order in scene.orders.values():
        if any(answer["state"] == "paid" or answer["action"]["kind"] == "qr_code" for _, answer in order.answers):
            expect(order.subject in trades, f"{order.number} has a code and no upstream order")


def money_is_the_same(scene, handle):
    """What the platform holds as paid is paid with us, once, to the cent (I4)."""
    books = scene.stack.control("GET", "/books")
    expect(books["conserved"], f"the platform's own books: {books}")
    held = {trade["out_trade_no"]: trade["total_minor"] for trades in scene.trades().values() for trade in trades if trade["paid_us"]}
    ours = dict(handle.execute("SELECT upstream_no, received FROM attempts WHERE received > 0"))
    equal(ours, held, "money by upstream number")
    equal(books["trades_paid"], len(ours), "paid trades")
    booked, = handle.execute("SELECT coalesce(sum(debit) - sum(credit), 0) FROM ledger WHERE account = 'channel_receivable'").fetchone()
    equal(booked, books["paid_minor"] - books["refunded_minor"], "channel_receivable against the platform's books")
    equal(books["sellers"][scene.stack.platform["seller_id"]], booked, "the seller's balance")


def platform_was_told_the_truth(scene, handle):
    """`success` was answered only for what is committed (I14)."""
    paid = {row[0] for row in handle.execute(f"SELECT upstream_no FROM attempts WHERE state = {HAS_PAID}")}
    for notice in scene.notices():
        expect(not notice["acknowledged"] or notice["out_trade_no"] in paid, f"acknowledged and not paid: {notice}")
        expect(notice["acknowledged"], f"never acknowledged: {notice}")


def events_arrived(scene, handle):
    """Each committed event was heard, each time with the same id, bytes and a good signature (I15, I16, I17)."""
    secret = base64.b64decode(scene.stack.app["webhook_secret"].removeprefix("whsec_"))
    committed = {identity: body.encode() for identity, body in handle.execute("SELECT id, body FROM events")}
    heard = set()
    for message in scene.ear.messages:
        headers = message["headers"]
        identity, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        expect(identity in committed, f"a webhook about nothing that is committed: {identity}")
        if len(message["body"]) < int(headers["content-length"]):  # its sender died over it: no server takes that
            expect(committed[identity].startswith(message["body"]), f"the torn body of {identity}")
            continue
        equal(message["body"], committed[identity], f"the body of {identity}")
        text = f"{identity}.{stamp}.".encode() + message["body"]
        wanted = "v1," + base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        expect(wanted in headers["webhook-signature"].split(), f"the signature of {identity}")
        heard.add(identity)
    equal(sorted(set(committed) - heard), [], "events never heard")
    none(handle, "SELECT id, state FROM deliveries WHERE state <> 1", "not delivered")
    # A receiver that drops repeated ids ends where we are.
    shop = {}
    for identity in heard:
        body = json.loads(committed[identity])
        shop.setdefault(body["data"]["out_trade_no"], []).append(body["type"])
    ours = {}
    for number, kind in handle.execute("SELECT p.out_trade_no, e.type FROM events e JOIN payments p ON p.id = e.payment_id"):
        ours.setdefault(number, []).append(kind)
    equal({number: sorted(kinds) for number, kinds in shop.items()}, {number: sorted(kinds) for number, kinds in ours.items()},
          "the shop's state")
