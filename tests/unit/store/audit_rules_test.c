/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor against a store with one of everything: whole it passes; damaged in exactly one way,
 * behind the triggers' back, the rule for that way is named, and the row. Each damage is made in a
 * copy of its own, with the guards taken down and put up again.
 */
#include "audit_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- damage ---- */

static const struct damage {
    const char *rule, *row; /* the row's beginning, or NULL */
    const char *sql;
} DAMAGES[] = {
    {"attempt.bounds", "attempt att_000001", "UPDATE attempts SET refunded = 995 WHERE pk = 1"},
    {"attempt.bounds", "attempt att_000001", "UPDATE attempts SET received = 991 WHERE pk = 1"},
    {"attempt.payment", "attempt att_000001", "UPDATE attempts SET amount = 991 WHERE pk = 1"},
    {"attempt.payment", "attempt att_000001", "UPDATE attempts SET currency = 'USD' WHERE pk = 1"},
    {"attempt.payment", "attempt att_000001",
     "UPDATE attempts SET account_id = 'acc_9' WHERE pk = 1"},
    {"attempt.state", "attempt att_000001", "UPDATE attempts SET state = 2 WHERE pk = 1"},
    {"attempt.refunds", "attempt att_000001",
     "UPDATE attempts SET refund_held = refund_held + 1 WHERE pk = 1"},
    {"attempt.refunds", "attempt att_000001",
     "UPDATE refunds SET state = 5 WHERE out_refund_no = 'R-lost'"},
    {"attempt.refunds", "attempt att_000001",
     "UPDATE refunds SET amount = 99 WHERE out_refund_no = 'R-done'"},
    {"attempt.evidence", "attempt att_000001",
     "DELETE FROM evidence WHERE subject_id = 'att_000001'"},
    {"attempt.evidence", "attempt att_000001",
     "UPDATE evidence SET kind = 'hold' || pk WHERE subject_id = 'att_000001'"},
    {"payment.attempt", "payment pay_000001",
     "UPDATE payments SET attempt_id = 'att_none' WHERE pk = 1"},
    {"payment.attempt", "payment pay_000001",
     "UPDATE payments SET attempt_id = 'att_second' WHERE pk = 1"},
    {"payment.state", "payment pay_000001",
     "UPDATE payments SET state = 0, paid_us = 0 WHERE pk = 1"},
    {"payment.state", "payment",
     "UPDATE payments SET state = 1, paid_us = 5 WHERE out_trade_no ="
     " 'open'"},
    {"payment.times", "payment pay_000001", "UPDATE payments SET paid_us = 0 WHERE pk = 1"},
    {"payment.times", "payment", "UPDATE payments SET closed_us = 0 WHERE out_trade_no = 'closed'"},
    {"refund.attempt", "refund",
     "UPDATE refunds SET attempt_id = 'att_second' WHERE out_refund_no = 'R-done'"},
    {"refund.attempt", "refund",
     "UPDATE refunds SET currency = 'USD' WHERE out_refund_no = 'R-done'"},
    {"ledger.balance", "transaction txn", "UPDATE ledger SET debit = debit + 1 WHERE pk = 1"},
    {"ledger.lines", "transaction txn", "UPDATE ledger SET currency = 'USD' WHERE pk = 1"},
    {"ledger.lines", "transaction txn", "UPDATE ledger SET credit = 1 WHERE pk = 1"},
    {"ledger.posting", "transaction txn", "UPDATE ledger SET account = 'suspense' WHERE pk = 1"},
    {"ledger.balance", "transaction txn", "DELETE FROM ledger WHERE pk = 1"},
    {"ledger.posting", "transaction txn",
     "UPDATE ledger SET what = 'gift' WHERE transaction_id = (SELECT transaction_id FROM ledger"
     " WHERE pk = 1)"},
    {"ledger.payment", "ledger 1", "UPDATE ledger SET app_id = 'app_2' WHERE pk = 1"},
    {"ledger.attempts", "payment pay_000001",
     "UPDATE ledger SET debit = debit - (debit > 0), credit = credit - (credit > 0) WHERE"
     " what = 'payment' AND payment_id = 'pay_000001'"},
    {"ledger.attempts", "payment pay_000001",
     "DELETE FROM ledger WHERE what = 'refund' AND payment_id = 'pay_000001'"},
    {"ledger.suspense", "payment", "UPDATE attempts SET duplicate = 0 WHERE id = 'att_second'"},
    {"ledger.late", "payment", "UPDATE payments SET late = 0 WHERE late = 1"},
    {"trail.ledger", "transaction txn", "UPDATE ledger SET created_us = created_us + 1"},
    {"trail.ledger", "transaction txn", "UPDATE ledger SET pk = pk + 1000"},
    {"trail.ledger", "audit", "DELETE FROM ledger WHERE what = 'late_payment'"},
    {"trail.ledger", "transaction txn_new",
     "INSERT INTO ledger SELECT pk + 1000, 'txn_new', payment_id, account, app_id, currency, debit,"
     " credit, what, created_us FROM ledger WHERE what = 'payment' AND payment_id = 'pay_000001'"},
    {"trail.ledger", "transaction txn",
     "DELETE FROM audit WHERE what = 'ledger' AND pk = (SELECT MIN(pk) FROM audit WHERE"
     " what = 'ledger')"},
    {"trail.chain", "seal 7", "UPDATE audit SET who = 'nobody' WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE audit SET what = what || 'x' WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE audit SET subject = subject || 'x' WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE audit SET body = CAST(body || ' ' AS BLOB) WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE audit SET created_us = created_us - 1 WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE audit SET pk = 7007 WHERE pk = 7"},
    {"trail.chain", "seal 7", "DELETE FROM audit WHERE pk = 7"},
    {"trail.chain", "seal 7", "UPDATE seals SET hash = zeroblob(32) WHERE number = 7"},
    {"trail.chain", "seal 7", "UPDATE seals SET audit_pk = 7007 WHERE number = 7"},
    {"trail.chain", "seal 8", "DELETE FROM seals WHERE number = 7"},
    {"trail.chain", "seal 7",
     "UPDATE seals SET number = 9000 WHERE number = 8; UPDATE seals SET number = 8 WHERE number ="
     " 7; UPDATE seals SET number = 7 WHERE number = 9000"},
    {"trail.hole", "audit 7", "DELETE FROM seals WHERE number = 7"},
    {"event.sequence", "payment pay_000001",
     "UPDATE payments SET event_sequence = event_sequence + 1 WHERE pk = 1"},
    {"event.sequence", "payment pay_000001",
     "DELETE FROM events WHERE payment_id = 'pay_000001' AND sequence = 1"},
    {"event.transition", "payment pay_000001",
     "UPDATE events SET type = 'payment.closed' WHERE type = 'payment.succeeded' AND payment_id ="
     " 'pay_000001'"},
    {"event.transition", "payment",
     "UPDATE events SET type = 'payment.seen' WHERE type = 'payment.failed'"},
    {"event.refund", "payment pay_000001",
     "UPDATE events SET type = 'refund.failed' WHERE type = 'refund.reversed'"},
    {"event.number", "event evt", "DELETE FROM event_numbers WHERE number = 3"},
    {"event.number", "event evt", "UPDATE event_numbers SET app_id = 'app_2' WHERE number = 3"},
    {"event.numbers", "event_numbers", "DELETE FROM event_numbers WHERE number = 3"},
    {"event.numbers", "event_numbers", "UPDATE store_facts SET last_number = last_number + 1"},
    {"event.app", "event evt", "UPDATE events SET app_id = 'app_2' WHERE pk = 1"},
    {"delivery.notify", "event evt",
     "DELETE FROM deliveries WHERE endpoint_id = '' AND event_pk = 2"},
    {"delivery.endpoint", "event evt",
     "DELETE FROM deliveries WHERE endpoint_id = 'whe_1' AND event_pk = 2"},
    {"delivery.endpoint", "event evt",
     "DELETE FROM deliveries WHERE endpoint_id = 'whe_2' AND event_pk = (SELECT MAX(pk) FROM"
     " events)"},
    {"delivery.event", "delivery dlv", "UPDATE deliveries SET app_id = 'app_2' WHERE pk = 1"},
    {"discrepancy.duplicate", "payment", "DELETE FROM discrepancies"},
    {"discrepancy.end", "discrepancy dis", "UPDATE discrepancies SET open = 0"},
    {"discrepancy.end", "discrepancy dis",
     "UPDATE discrepancies SET open = 0, resolved_us = 1, resolved_by = 'hand', note = 'x'"},
    {"discrepancy.end", "discrepancy dis", /* somebody kept the money of another attempt */
     "UPDATE discrepancies SET open = 0, resolved_us = 1, resolved_by = 'hand', note = 'x'; INSERT"
     " INTO audit(who, what, subject, body, created_us) VALUES ('admin', 'duplicate.kept',"
     " 'att_000001', x'7b7d', 1)"},
    {"settled.attempt", "attempt att_000001",
     "DELETE FROM settled WHERE subject_id = 'att_000001'"},
    {"settled.refund", "refund ref", "DELETE FROM settled WHERE kind = 1"},
    {"settled.subject", "settled", "UPDATE settled SET subject_id = 'att_none' WHERE pk = 1"},
    {"settled.subject", "settled",
     "INSERT INTO settled(subject_id, kind, account_id, from_us, until_us) SELECT id, 0, "
     "account_id,"
     " 1, 1 FROM attempts WHERE received = 0"},
    {"evidence.digest", "evidence 1 of",
     "UPDATE evidence SET bytes = CAST(bytes || ' ' AS BLOB) WHERE pk = 1"},
    {"evidence.digest", "evidence 1 of", "UPDATE evidence SET digest = zeroblob(32) WHERE pk = 1"},
    {"evidence.subject", "evidence 1", "UPDATE evidence SET subject_id = 'att_none' WHERE pk = 1"},
    {"config.trail", "key key_planted",
     "INSERT INTO keys(id, app_id, algorithm, sealed_secret, enabled, created_us) SELECT"
     " 'key_planted', app_id, algorithm, sealed_secret, 1, 1 FROM keys"},
    {"config.trail", "key key_1", "UPDATE keys SET enabled = 0"},
    {"config.trail", "app app_1", "UPDATE apps SET enabled = 0"},
    {"config.trail", "account acc_1", "UPDATE accounts SET enabled = 0"},
    {"config.trail", "endpoint whe_2", "UPDATE endpoints SET enabled = 0 WHERE id = 'whe_2'"},
    {"config.trail", "client cli_2", "UPDATE oauth_clients SET enabled = 1 WHERE id = 'cli_2'"},
    {"right.key", "key key_1", "UPDATE keys SET scopes = ''"},
    {"right.key", "key key_1", "UPDATE keys SET scopes = 'payments:write'"},
    {"right.key", "key key_1", "UPDATE keys SET scopes = 'bills:read'"}, /* as it was once */
    {"right.owner", "key key_1", "UPDATE keys SET app_id = 'app_2'"},
    {"right.owner", "key key_1", "UPDATE keys SET algorithm = 'ed25519'"},
    {"right.owner", "key key_1", "UPDATE keys SET fingerprint = printf('%064d', 1)"},
    {"right.client", "client cli_1",
     "UPDATE oauth_clients SET scopes = scopes || ' refunds:write' WHERE id = 'cli_1'"},
    {"right.client", "client cli_1",
     "UPDATE oauth_clients SET app_id = 'app_2' WHERE id = "
     "'cli_1'"},
    {"right.revoked", "client cli_2",
     "UPDATE oauth_clients SET revoked = 0, secret = zeroblob(32) WHERE id = 'cli_2'"},
    {"right.revoked", "client cli_1",
     "UPDATE oauth_clients SET revoked = 1, enabled = 0, secret = NULL, older = NULL WHERE id ="
     " 'cli_1'"},
    {"right.revoked", "client cli_2", "UPDATE oauth_tokens SET client_id = 'cli_2'"},
    {"right.secret", "client cli_1",
     "UPDATE oauth_clients SET secret = zeroblob(32) WHERE id = 'cli_1'"},
    {"right.secret", "client cli_1",
     "UPDATE oauth_clients SET older = zeroblob(32) WHERE id = 'cli_1'"},
    {"right.secret", "client cli_2", /* of another client */
     "UPDATE oauth_clients SET secret = (SELECT secret FROM oauth_clients WHERE id = 'cli_1')"
     " WHERE id = 'cli_2'"},
    {"right.token", "token", "UPDATE oauth_tokens SET scopes = scopes || ' refunds:write'"},
    {"right.token", "token", "UPDATE oauth_tokens SET scopes = 'payments'"}, /* a part of a word */
    {"right.limits", "app app_1", "UPDATE apps SET limits = ''"},
    {"right.limits", "app app_1", "UPDATE apps SET limits = 'lists=50000/h'"},
    {"nonce.horizon", "store_facts",
     "UPDATE store_facts SET nonce_horizon_s = nonce_horizon_s - 1"},
    {"nonce.horizon", "store_facts",
     "UPDATE store_facts SET nonce_horizon_s = nonce_horizon_s + 1"},
    {"secret.sealed", "app app_1",
     "UPDATE apps SET sealed_webhook_secret = CAST('whsec_open-and"
     "-long-enough-to-pass-for-one' AS BLOB)"},
    {"secret.sealed", "key key_1", "UPDATE keys SET sealed_secret = zeroblob(64)"},
    {"secret.sealed", "account acc_1", "UPDATE accounts SET sealed_settings = x'01'"},
    {"secret.sealed", "endpoint whe_1", "UPDATE endpoints SET sealed_secrets = x''"},
    {"store.references", "refunds", "UPDATE refunds SET attempt_id = 'att_none' WHERE pk = 1"},
    {"store.schema", "sqlite_master", "CREATE INDEX extra ON payments(subject)"},
    {"store.schema", "schema_versions", "INSERT INTO schema_versions VALUES (999, 1)"},
    {"store.structure", "the file",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM "
     "sqlite_master WHERE name = 'ledger_of_payment') WHERE name = 'refunds_of_payment'; PRAGMA "
     "writable_schema = RESET"},
    /* Unique by the schema: these rebuild the table without its rule first. */
    {"attempt.number", "order number UPSECOND",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'upstream_no TEXT "
     "NOT"
     " NULL UNIQUE', 'upstream_no TEXT NOT NULL') WHERE name = 'attempts'; DELETE FROM "
     "sqlite_master"
     " WHERE name = 'sqlite_autoindex_attempts_2'; PRAGMA writable_schema = RESET;"
     "UPDATE attempts SET upstream_no = 'UPSECOND' WHERE pk = 1"},
    {"refund.number", "refund number",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'refund_no TEXT NOT"
     " NULL UNIQUE', 'refund_no TEXT NOT NULL') WHERE name = 'refunds'; DELETE FROM sqlite_master"
     " WHERE name = 'sqlite_autoindex_refunds_2'; UPDATE sqlite_master SET name ="
     " 'sqlite_autoindex_refunds_2' WHERE name = 'sqlite_autoindex_refunds_3';"
     " PRAGMA writable_schema = RESET; UPDATE refunds SET refund_no = (SELECT refund_no FROM"
     " refunds WHERE pk = 2) WHERE pk = 1"},
    {"payment.order", "order plain of app_1",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, ', UNIQUE (app_id,"
     " out_trade_no)', '') WHERE name = 'payments'; DELETE FROM sqlite_master WHERE name ="
     " 'sqlite_autoindex_payments_3'; PRAGMA writable_schema = RESET;"
     "UPDATE payments SET out_trade_no = 'plain' WHERE pk = 2"},
    {"refund.order", "refund R-done of app_1",
     "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, ', UNIQUE (app_id,"
     " out_refund_no)', '') WHERE name = 'refunds'; DELETE FROM sqlite_master WHERE name ="
     " 'sqlite_autoindex_refunds_3'; PRAGMA writable_schema = RESET;"
     "UPDATE refunds SET out_refund_no = 'R-done' WHERE pk = 2"},
    {"discrepancy.open", "cause",
     "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'discrepancies_open';"
     " PRAGMA writable_schema = RESET; INSERT INTO discrepancies(id, type, cause, account_id,"
     " payment_id, attempt_id, detail, open, created_us) SELECT 'dis_2', type, cause, account_id,"
     " payment_id, attempt_id, detail, open, created_us FROM discrepancies"},
};

static bool names(const struct audit_report *report, const struct damage *damage) {
    for (int i = 0; i < report->count; i++)
        if (strcmp(report->violations[i].rule, damage->rule) == 0 &&
            strncmp(report->violations[i].row, damage->row, strlen(damage->row)) == 0 &&
            report->violations[i].text[0])
            return true;
    return false;
}

static void I25_each_damage_is_named_by_its_rule_and_row(void **state) {
    struct fixture *f = *state;
    struct audit_report report;
    audit_store_live(f);
    audit_store_whole(audit_store_copy(f));
    struct till_str whole = audit_store_bytes(f);
    for (size_t i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++) {
        const char *path = audit_store_put(f, whole);
        audit_store_damage(f, path, DAMAGES[i].sql);
        audit_store_look(path, AUDIT_VIOLATIONS_MAX, &report);
        if (names(&report, &DAMAGES[i]))
            continue;
        for (int v = 0; v < report.count; v++)
            print_error("found %s: %s: %s\n", report.violations[v].rule, report.violations[v].row,
                        report.violations[v].text);
        fail_msg("%s does not name %s after: %s", DAMAGES[i].rule, DAMAGES[i].row, DAMAGES[i].sql);
    }
    audit_store_whole(audit_store_copy(f));
}

static void guards_taken_down_and_up_again_leave_no_trace_themselves(void **state) {
    struct fixture *f = *state;
    audit_store_live(f);
    const char *path = audit_store_copy(f);
    audit_store_damage(f, path, "SELECT 1");
    audit_store_whole(path);
}

static void the_first_violation_ends_the_run(void **state) {
    struct fixture *f = *state;
    struct audit_report report;
    audit_store_live(f);
    const char *path = audit_store_copy(f);
    audit_store_damage(f, path, "UPDATE ledger SET debit = debit + 1 WHERE debit > 0");
    audit_store_look(path, 1, &report);
    assert_int_equal(report.count, 1);
    assert_true(report.stopped);
    assert_string_equal(report.violations[0].rule, "ledger.balance");
    audit_store_look(path, 4, &report);
    assert_int_equal(report.count, 4);
}

static void a_head_that_was_kept_shows_a_tail_that_was_cut_off(void **state) {
    struct fixture *f = *state;
    struct audit_report report;
    struct trail_head head;
    struct till_error err;
    audit_store_live(f);
    assert_done(store_trail_head(f->store, &head, &err));
    audit_store_pay(f, "one more");
    audit_store_seal(f);
    struct audit_options options = {.path = till_str_of(audit_store_copy(f)), .limit = 100};
    options.expect_number = head.number;
    memcpy(options.expect_hash, head.hash, sizeof head.hash);
    assert_done(audit_run(&options, &report, &err));
    assert_int_equal(report.count, 0);
    assert_true(report.head_number > head.number);
    options.expect_hash[31] ^= 1;
    assert_done(audit_run(&options, &report, &err));
    assert_int_equal(report.count, 1);
    assert_string_equal(report.violations[0].rule, "trail.anchor");
    /* The head was taken later than everything that is left. */
    options.expect_number = report.head_number;
    memcpy(options.expect_hash, report.head_hash, sizeof report.head_hash);
    audit_store_damage(
        f, audit_store_copy(f),
        "DELETE FROM seals WHERE audit_pk > (SELECT pk FROM audit WHERE what = 'account.added');"
        "DELETE FROM audit WHERE pk > (SELECT pk FROM audit WHERE what = 'account.added');"
        "DELETE FROM ledger;"
        "DELETE FROM oauth_tokens; DELETE FROM oauth_clients; UPDATE keys SET scopes = '';"
        "UPDATE apps SET limits = '';"
        "DELETE FROM settled; DELETE FROM discrepancy_history;"
        "DELETE FROM events; DELETE FROM event_numbers; DELETE FROM refunds; DELETE FROM"
        " evidence; DELETE FROM deliveries; DELETE FROM attempts; DELETE FROM payments; DELETE"
        " FROM discrepancies; DELETE FROM nonces; DELETE FROM endpoints; DELETE FROM routes;"
        "UPDATE store_facts SET last_number = 0, sequenced_pk = 0, nonce_horizon_s = 0");
    assert_done(audit_run(&options, &report, &err));
    assert_int_equal(report.count, 1);
    assert_string_equal(report.violations[0].rule, "trail.anchor");
}

static void what_is_no_store_is_not_read_and_nothing_is_left_beside_a_copy(void **state) {
    struct fixture *f = *state;
    struct audit_report report;
    struct till_error err;
    char log[160];
    struct audit_options options = {.path = TILL_STR("/nowhere/till.db"), .limit = 1};
    assert_refused(audit_run(&options, &report, &err), STORE_FAILED);
    options.path = TILL_STR("/dev/null");
    assert_refused(audit_run(&options, &report, &err), STORE_FAILED);
    const char *path = audit_store_copy(f);
    audit_store_whole(path);
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(access(log, F_OK), -1);
    audit_store_damage(f, path, "DROP TABLE schema_versions");
    options.path = till_str_of(path);
    assert_refused(audit_run(&options, &report, &err), STORE_FAILED);
}

/* On the daemon's own file, between its commits. */
static void an_open_store_is_audited_as_it_stands(void **state) {
    struct fixture *f = *state;
    struct audit_report report;
    audit_store_live(f);
    audit_store_look(f->path, 1, &report);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.unsealed, 0);
    int64_t before = report.payments;
    audit_store_pay(f, "and one");
    audit_store_look(f->path, 1, &report);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.payments, before + 1);
    assert_int_equal(report.unsealed, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(I25_each_damage_is_named_by_its_rule_and_row),
        T(guards_taken_down_and_up_again_leave_no_trace_themselves),
        T(the_first_violation_ends_the_run),
        T(a_head_that_was_kept_shows_a_tail_that_was_cut_off),
        T(what_is_no_store_is_not_read_and_nothing_is_left_beside_a_copy),
        T(an_open_store_is_audited_as_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
