/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one statement can tell: each finds the rows that break a rule and says which row, and what
 * was expected and found. They read what the rows say and know nothing of how the store writes
 * them: numbers of states stand here once more, so that an error there is not repeated here.
 *
 *   payment  0 pending, 1 paid, 2 closing, 3 closed, 4 failed
 *   attempt  0 prepared, 1 sent, 2 pending, 3 unknown, 4 paid, 5 closing, 6 closed, 7 declined
 *   refund   0 prepared, 1 sent, 2 pending, 3 unknown, 4 succeeded, 5 failed, 6 reversed
 */
#include "gateway/audit/scan.h"

/* Money that is held for refunds: all but failed and reversed ones. */
#define HELD " IN (0, 1, 2, 3, 4)"
/* What a verified message is kept as; "hold" is what was not believed. */
#define VERIFIED " IN ('notify', 'create', 'query', 'close', 'cancel')"

static const struct audit_rule ATTEMPTS[] = {
    {"attempt.bounds",
     "SELECT 'attempt ' || id, '0 <= refunded <= refund_held <= received, and received is nothing'"
     " || ' or the amount ' || amount || '; they are ' || refunded || ', ' || refund_held || ', '"
     " || received FROM attempts WHERE NOT (0 <= refunded AND refunded <= refund_held AND"
     " refund_held <= received AND received IN (0, amount))"},
    {"attempt.payment",
     "SELECT 'attempt ' || a.id, 'its order ' || a.payment_id || ' has its amount, currency and'"
     " || ' app; the order has ' || COALESCE(p.amount || ' ' || p.currency, 'no row')"
     " FROM attempts AS a LEFT JOIN payments AS p ON p.id = a.payment_id"
     " LEFT JOIN accounts AS c ON c.id = a.account_id WHERE p.id IS NULL OR c.id IS NULL"
     " OR p.amount <> a.amount OR p.currency <> a.currency OR c.app_id <> p.app_id"},
    /* Closed with money: it came and went with the answer to a cancel. */
    {"attempt.state",
     "SELECT 'attempt ' || id, 'it has received its amount as a paid one has, or nothing;'"
     " || ' its state is ' || state || ' and it received ' || received FROM attempts"
     " WHERE (state = 4) <> (received > 0) AND NOT (state = 6 AND refunded = received)"},
    {"attempt.refunds",
     "SELECT 'attempt ' || id, 'its refunds hold ' || held || ' and gave back ' || given ||"
     " '; it says ' || refund_held || ' and ' || refunded FROM (SELECT a.id, a.state, a.received,"
     " a.refund_held, a.refunded, (SELECT COALESCE(SUM(amount), 0) FROM refunds AS r WHERE"
     " r.payment_id = a.payment_id AND r.attempt_id = a.id AND r.state" HELD ") AS held,"
     " (SELECT COALESCE(SUM(amount), 0) FROM refunds AS r WHERE r.payment_id = a.payment_id AND"
     " r.attempt_id = a.id AND r.state = 4) AS given FROM attempts AS a"
     " WHERE a.received > 0 OR a.refund_held <> 0 OR a.refunded <> 0) WHERE NOT (held = refund_held"
     " AND given = refunded) AND NOT (state = 6 AND held = 0 AND refunded = received AND"
     " refund_held = received)"},
    {"attempt.evidence",
     "SELECT 'attempt ' || id, 'a paid one has a verified message of the platform; it has none'"
     " FROM attempts AS a WHERE state = 4 AND NOT EXISTS (SELECT 1 FROM evidence AS e"
     " WHERE e.subject_id = a.id AND e.kind" VERIFIED ")"},
    {"attempt.number",
     "SELECT 'order number ' || upstream_no, 'it was used once; it was used ' || COUNT(*) ||"
     " ' times' FROM attempts GROUP BY upstream_no HAVING COUNT(*) > 1"},
};

static const struct audit_rule PAYMENTS[] = {
    {"payment.attempt",
     "SELECT 'payment ' || p.id, 'its attempt ' || p.attempt_id || ' is one of its own; it is of ' "
     "||"
     " COALESCE(a.payment_id, 'nobody') FROM payments AS p LEFT JOIN attempts AS a"
     " ON a.id = p.attempt_id WHERE a.id IS NULL OR a.payment_id <> p.id"},
    {"payment.state",
     "SELECT 'payment ' || p.id, 'it is paid (1) as its attempt is (4), or neither is; its state'"
     " || ' is ' || p.state || ', its attempt''s ' || a.state || ', and ' || (SELECT COUNT(*) FROM"
     " attempts AS o WHERE o.payment_id = p.id AND o.state = 4) || ' attempts are paid'"
     " FROM payments AS p JOIN attempts AS a ON a.id = p.attempt_id WHERE"
     " (p.state = 1) <> (a.state = 4) OR (p.state <> 1 AND EXISTS (SELECT 1 FROM attempts AS o"
     " WHERE o.payment_id = p.id AND o.state = 4))"},
    {"payment.times",
     "SELECT 'payment ' || id, 'a paid one has its time and may be late, a closed one has its own;'"
     " || ' state ' || state || ' has paid_us ' || paid_us || ', closed_us ' || closed_us ||"
     " ', late ' || late FROM payments WHERE (state = 1) <> (paid_us > 0) OR (late = 1 AND"
     " state <> 1) OR (state = 3 AND closed_us = 0)"},
    {"payment.order",
     "SELECT 'order ' || out_trade_no || ' of ' || app_id, 'it is one payment; it is ' || COUNT(*)"
     " FROM payments GROUP BY app_id, out_trade_no HAVING COUNT(*) > 1"},
    {"refund.attempt",
     "SELECT 'refund ' || r.id, 'its attempt ' || r.attempt_id || ' is one of its payment, with "
     "its'"
     " || ' currency, amount and app; it is not' FROM refunds AS r LEFT JOIN attempts AS a"
     " ON a.id = r.attempt_id LEFT JOIN payments AS p ON p.id = r.payment_id WHERE a.id IS NULL"
     " OR p.id IS NULL OR a.payment_id <> p.id OR a.currency <> r.currency"
     " OR r.paid_amount <> a.amount OR r.app_id <> p.app_id OR r.amount > r.paid_amount"},
    {"refund.number", "SELECT 'refund number ' || refund_no, 'it was used once; it was used ' || "
                      "COUNT(*) || ' times'"
                      " FROM refunds GROUP BY refund_no HAVING COUNT(*) > 1"},
    {"refund.order",
     "SELECT 'refund ' || out_refund_no || ' of ' || app_id, 'it is one refund; it is ' || COUNT(*)"
     " FROM refunds GROUP BY app_id, out_refund_no HAVING COUNT(*) > 1"},
};

static const struct audit_rule LEDGER[] = {
    {"ledger.payment",
     "SELECT 'ledger ' || l.pk, 'its payment ' || l.payment_id || ' has its app and currency;'"
     " || ' the payment has ' || COALESCE(p.app_id || ' ' || p.currency, 'no row')"
     " FROM ledger AS l LEFT JOIN payments AS p ON p.id = l.payment_id"
     " WHERE p.id IS NULL OR p.app_id <> l.app_id OR p.currency <> l.currency"},
    /* channel_receivable: what came in less what went back. refunds: what went back for the app. */
    {"ledger.attempts",
     "SELECT 'payment ' || id, 'its ledger has received ' || came || ' and given back ' || went ||"
     " '; its attempts say ' || received || ' and ' || refunded FROM (SELECT p.id,"
     " (SELECT COALESCE(SUM(CASE WHEN what IN ('payment', 'late_payment', 'duplicate_payment') THEN"
     " debit ELSE 0 END), 0) FROM ledger AS l WHERE l.payment_id = p.id) AS came,"
     " (SELECT COALESCE(SUM(CASE WHEN what IN ('refund', 'duplicate_refund') THEN debit WHEN what"
     " IN ('refund_reversed', 'duplicate_refund_reversed') THEN -debit ELSE 0 END), 0) FROM ledger "
     "AS l WHERE l.payment_id = p.id) AS went,"
     " (SELECT COALESCE(SUM(received), 0) FROM attempts AS a WHERE a.payment_id = p.id) AS "
     "received,"
     " (SELECT COALESCE(SUM(refunded), 0) FROM attempts AS a WHERE a.payment_id = p.id) AS refunded"
     " FROM payments AS p) WHERE came <> received OR went <> refunded"},
    /* suspense: what came twice and nobody has decided about. */
    {"ledger.suspense",
     "SELECT 'payment ' || id, 'its suspense is the money of undecided duplicates, ' || undecided "
     "||"
     " '; it is ' || suspense FROM (SELECT p.id, (SELECT COALESCE(SUM(credit) - SUM(debit), 0) FROM"
     " ledger AS l WHERE l.payment_id = p.id AND account = 'suspense') AS suspense, (SELECT"
     " COALESCE(SUM(received - refunded), 0) FROM attempts AS a WHERE a.payment_id = p.id AND"
     " duplicate = 1) AS undecided FROM payments AS p) WHERE suspense <> undecided"},
    {"ledger.late",
     "SELECT 'payment ' || p.id, 'late money is booked as late; the payment says ' || p.late"
     " FROM payments AS p WHERE p.state = 1 AND p.late <> EXISTS (SELECT 1 FROM ledger AS l"
     " WHERE l.payment_id = p.id AND l.what = 'late_payment')"},
};

/* Of a payment p: how many of its events, refunds. */
#define EVENTS_OF(type)                                                                            \
    "(SELECT COUNT(*) FROM events WHERE payment_id = p.id AND type = '" type "')"
#define REFUNDS_OF(states)                                                                         \
    "(SELECT COUNT(*) FROM refunds WHERE payment_id = p.id AND state" states ")"

static const struct audit_rule OUTBOX[] = {
    {"event.sequence",
     "SELECT 'payment ' || id, 'its events are numbered 1 to ' || event_sequence || '; there are '"
     " || events || ' up to ' || newest FROM (SELECT p.id, p.event_sequence, (SELECT COUNT(*) FROM"
     " events AS e WHERE e.payment_id = p.id) AS events, (SELECT COALESCE(MAX(sequence), 0) FROM"
     " events AS e WHERE e.payment_id = p.id) AS newest FROM payments AS p)"
     " WHERE events <> event_sequence OR newest <> event_sequence"},
    {"event.transition",
     "SELECT 'payment ' || id, 'each transition has one event; ' || succeeded || ' succeeded, ' ||"
     " late || ' paid_late, ' || closed || ' closed, ' || failed || ' failed for state ' || state"
     " FROM (SELECT p.id, p.state, p.late AS is_late, p.closed_us,"
     " " EVENTS_OF("payment.succeeded") " AS succeeded, " EVENTS_OF(
         "payment.paid_late") " AS late,"
                              " " EVENTS_OF("payment.closed") " AS closed, " EVENTS_OF(
                                  "payment.failed") " AS failed"
                                                    " FROM payments AS p) WHERE (succeeded, late) "
                                                    "IS NOT (state = 1 AND is_late = 0, is_late)"
                                                    " OR closed <> (closed_us > 0) OR (state = 4 "
                                                    "AND failed = 0)"},
    {"event.refund",
     "SELECT 'payment ' || id, 'each refund that ended has its event; ' || succeeded || ' of ' ||"
     " done || ' succeeded, ' || failed || ' of ' || refused || ' failed, ' || reversed || ' of ' "
     "||"
     " undone || ' reversed' FROM (SELECT p.id, " REFUNDS_OF(
         " IN (4, 6)") " AS done,"
                       " " REFUNDS_OF(" = 5") " AS refused, " REFUNDS_OF(
                           " = 6") " AS undone,"
                                   " " EVENTS_OF("refund.succeeded") " AS succeeded, " EVENTS_OF(
                                       "refund.failed") " AS failed,"
                                                        " " EVENTS_OF(
                                                            "refund.reversed") " AS reversed FROM "
                                                                               "payments AS p "
                                                                               "WHERE EXISTS"
                                                                               " (SELECT 1 FROM "
                                                                               "refunds WHERE "
                                                                               "payment_id = "
                                                                               "p.id)) WHERE "
                                                                               "(succeeded, "
                                                                               "failed, reversed)"
                                                                               " <> (done, "
                                                                               "refused, undone)"},
    {"event.number",
     "SELECT 'event ' || e.id, 'it has a number, being older than the newest numbered one; it has '"
     " || COALESCE(n.number, 'none') FROM events AS e LEFT JOIN event_numbers AS n"
     " ON n.event_pk = e.pk WHERE (n.number IS NULL AND e.pk <= (SELECT sequenced_pk FROM"
     " store_facts)) OR n.app_id <> e.app_id"},
    {"event.numbers",
     "SELECT 'event_numbers', 'they are 1 to ' || last_number || ' up to row ' || sequenced_pk ||"
     " '; there are ' || numbers || ' up to ' || newest || ' and row ' || newest_pk FROM (SELECT"
     " last_number, sequenced_pk, (SELECT COUNT(*) FROM event_numbers) AS numbers,"
     " (SELECT COALESCE(MAX(number), 0) FROM event_numbers) AS newest,"
     " (SELECT COALESCE(MAX(event_pk), 0) FROM event_numbers) AS newest_pk FROM store_facts)"
     " WHERE numbers <> last_number OR newest <> last_number OR newest_pk <> sequenced_pk"},
    {"event.app",
     "SELECT 'event ' || e.id, 'it is for its payment''s app; it is for ' || e.app_id FROM events"
     " AS e LEFT JOIN payments AS p ON p.id = e.payment_id WHERE p.id IS NULL OR p.app_id <> "
     "e.app_id"},
    {"delivery.notify",
     "SELECT 'event ' || e.id, 'it goes to the payment''s own address; it has no such delivery'"
     " FROM payments AS p JOIN events AS e ON e.payment_id = p.id WHERE p.notify_url <> '' AND"
     " NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event_pk = e.pk AND d.endpoint_id = '')"},
    /* The trail says since which event an endpoint has been on; one that was off is excused. */
    {"delivery.endpoint",
     "SELECT 'event ' || e.id, 'it goes to endpoint ' || w.id || ', which has been on since before'"
     " || ' it; it has no such delivery' FROM endpoints AS w JOIN (SELECT subject, MAX(pk) AS pk"
     " FROM audit WHERE what IN ('endpoint.added', 'endpoint.enabled', 'endpoint.disabled') GROUP "
     "BY"
     " subject) AS t ON t.subject = w.id JOIN audit AS a ON a.pk = t.pk JOIN events AS e"
     " ON e.pk > " AUDIT_MEMBER(
         "a.body", "after_event") " AND e.app_id = w.app_id WHERE w.enabled = 1 AND"
                                  " a.what <> 'endpoint.disabled' AND NOT EXISTS (SELECT 1 FROM "
                                  "deliveries AS d"
                                  " WHERE d.event_pk = e.pk AND d.endpoint_id = w.id)"},
    {"delivery.event",
     "SELECT 'delivery ' || d.id, 'its event exists and is for its app; it is not' FROM deliveries"
     " AS d LEFT JOIN events AS e ON e.pk = d.event_pk WHERE e.pk IS NULL OR e.app_id <> d.app_id"},
};

#define SWITCHES(noun) "'" noun ".added', '" noun ".enabled', '" noun ".disabled'"
#define ALL_SWITCHES                                                                               \
    SWITCHES("app")                                                                                \
    ", " SWITCHES("key") ", 'key.ended', " SWITCHES("account") ", " SWITCHES(                      \
        "endpoint") ", " SWITCHES("client") ", 'client.revoked'"
/* What is switched on and off by people. */
#define SWITCHED                                                                                   \
    "SELECT 'app' AS noun, id, enabled FROM apps UNION ALL SELECT 'key', id, enabled FROM keys"    \
    " UNION ALL SELECT 'account', id, enabled FROM accounts UNION ALL SELECT 'endpoint', id,"      \
    " enabled FROM endpoints UNION ALL SELECT 'client', id, enabled FROM oauth_clients"
#define SAID_ENABLED AUDIT_MEMBER("a.body", "enabled")

static const struct audit_rule REST[] = {
    {"discrepancy.open",
     "SELECT 'cause ' || cause, 'one discrepancy is open for it; ' || COUNT(*) || ' are' FROM"
     " discrepancies WHERE open = 1 GROUP BY cause HAVING COUNT(*) > 1"},
    {"discrepancy.duplicate",
     "SELECT 'payment ' || payment_id, 'money that came twice is a discrepancy; there is none'"
     " FROM ledger AS l WHERE what = 'duplicate_payment' AND NOT EXISTS (SELECT 1 FROM"
     " discrepancies AS d WHERE d.type = 'duplicate_payment' AND d.payment_id = l.payment_id)"
     " GROUP BY payment_id"},
    /* The trail says which person ended it: with a note, or by keeping the money it is about. */
    {"discrepancy.end",
     "SELECT 'discrepancy ' || id, 'one that has ended has its time and who ended it, and the "
     "trail'"
     " || ' names a hand that did; open ' || open || ', at ' || resolved_us || ' by ' ||"
     " COALESCE(NULLIF(resolved_by, ''), 'nobody') FROM discrepancies WHERE (open = 0) <>"
     " (resolved_us > 0) OR (open = 0) <> (resolved_by <> '') OR (resolved_by = 'hand' AND id NOT "
     "IN (SELECT subject FROM audit WHERE what = 'discrepancy.resolved') AND NOT (type ="
     " 'duplicate_payment' AND COALESCE(attempt_id, '') IN (SELECT subject FROM audit WHERE what ="
     " 'duplicate.kept')))"},
    /* What bills are compared with: nothing that was settled may be missing there (I20). */
    {"settled.attempt",
     "SELECT 'attempt ' || id, 'what it received is to be compared with the bill; it is not in'"
     " || ' settled' FROM attempts AS a WHERE received > 0 AND NOT EXISTS (SELECT 1 FROM settled "
     "AS s"
     " WHERE s.subject_id = a.id AND s.kind = 0)"},
    {"settled.refund",
     "SELECT 'refund ' || id, 'what it gave back is to be compared with the bill; it is not in'"
     " || ' settled' FROM refunds AS r WHERE state IN (4, 6) AND NOT EXISTS (SELECT 1 FROM settled"
     " AS s WHERE s.subject_id = r.id AND s.kind = 1)"},
    {"settled.subject",
     "SELECT 'settled ' || s.pk, 'money of its subject ' || s.subject_id || ' came or went; none "
     "did'"
     " FROM settled AS s LEFT JOIN attempts AS a ON a.id = s.subject_id AND s.kind IN (0, 2)"
     " LEFT JOIN refunds AS r ON r.id = s.subject_id AND s.kind = 1 WHERE"
     " COALESCE(a.received > 0 AND (s.kind = 0 OR a.refunded > 0), r.state IN (4, 6), 0) = 0"},
    {"evidence.subject",
     "SELECT 'evidence ' || e.pk, 'it is about an attempt, a refund or an account; ' || "
     "e.subject_id"
     " || ' is none' FROM evidence AS e WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE id ="
     " e.subject_id) AND NOT EXISTS (SELECT 1 FROM refunds WHERE id = e.subject_id) AND NOT EXISTS"
     " (SELECT 1 FROM accounts WHERE id = e.subject_id)"},
    {"nonce.horizon",
     "SELECT 'store_facts', 'the horizon is where the trail left it, at ' || left_at || '; it is "
     "at '"
     " || nonce_horizon_s FROM (SELECT nonce_horizon_s, (SELECT " AUDIT_MEMBER(
         "body", "horizon_s") " FROM audit"
                              " WHERE what = 'nonce.horizon' ORDER BY pk DESC LIMIT 1) AS left_at "
                              "FROM store_facts)"
                              " WHERE nonce_horizon_s <> left_at"},
    /* A key that nobody added, or one that is on again and nobody did it, opens the shop. */
    {"config.trail",
     "SELECT t.noun || ' ' || t.id, 'the trail says who added it and how it was left; it is '"
     " || iif(t.enabled, 'enabled', 'disabled') || ', and the last it says is ' || COALESCE(a.what,"
     " 'nothing') FROM (" SWITCHED ") AS t LEFT JOIN (SELECT subject, substr(what, 1,"
     " instr(what, '.') - 1) AS noun, MAX(pk) AS pk FROM audit WHERE what IN (" ALL_SWITCHES
     ") GROUP BY 1, 2) AS l ON l.subject = t.id AND l.noun = t.noun LEFT JOIN audit AS a ON a.pk ="
     " l.pk WHERE a.pk IS NULL OR t.enabled IS NOT CASE WHEN a.what LIKE '%.added' "
     "THEN " SAID_ENABLED " ELSE a.what LIKE '%.enabled' END"},
    /* Version 1, 12 bytes of nonce, 16 of tag: nothing that could be read. */
    {"secret.sealed",
     "SELECT row, 'its secret is sealed: version 1 and at least ' || least || ' bytes; it has ' ||"
     " length(sealed) || ' and begins with ' || hex(substr(sealed, 1, 1)) FROM ("
     "SELECT 'app ' || id AS row, sealed_webhook_secret AS sealed, 29 AS least FROM apps"
     " UNION ALL SELECT 'key ' || id, sealed_secret, 61 FROM keys"
     " UNION ALL SELECT 'account ' || id, sealed_settings, 29 FROM accounts"
     " UNION ALL SELECT 'endpoint ' || id, sealed_secrets, 29 FROM endpoints"
     " UNION ALL SELECT 'store_facts', seal_check, 29 FROM store_facts"
     " UNION ALL SELECT 'reseal', new_under_old, 61 FROM reseal"
     " UNION ALL SELECT 'reseal', old_under_new, 61 FROM reseal)"
     " WHERE length(sealed) < least OR substr(sealed, 1, 1) <> x'01'"},
};

void audit_look(struct audit *audit, const struct audit_rule *rules, size_t count) {
    for (size_t i = 0; i < count && audit_goes_on(audit); i++) {
        AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, rules[i].sql);
        audit->report->rules++;
        while (audit_step(audit, stmt))
            if (!audit_name(audit, rules[i].name, audit_text(stmt, 0), "%s", audit_text(stmt, 1)))
                return;
    }
}

#define LOOK(audit, table) audit_look((audit), (table), sizeof(table) / sizeof *(table))

void audit_rules(struct audit *audit) {
    LOOK(audit, ATTEMPTS);
    LOOK(audit, PAYMENTS);
    LOOK(audit, LEDGER);
    LOOK(audit, OUTBOX);
    LOOK(audit, REST);
}
