/* SPDX-License-Identifier: Apache-2.0 */
/* The database itself refuses what must not be, whatever a program says: raw SQL beside the store's
 * back. */
#include "fixture.h"

struct refusal {
    const char *why, *sql;
};

static const struct refusal REFUSALS[] = {
    {"an amount of zero",
     "INSERT INTO payments SELECT NULL, 'x', app_id, account_id, attempt_id, 'y',"
     " mode, 'z', fingerprint, channel, product, subject, notify_url,"
     " return_url, metadata, extra, 0, currency, 0, 1, 1, 1, 1, 0, 0, 0, '', '', 0"
     " FROM payments LIMIT 1"},
    {"an order's amount changes", "UPDATE payments SET amount = 1"},
    {"an order's number changes", "UPDATE payments SET out_trade_no = 'other'"},
    {"a payment is deleted", "DELETE FROM payments"},
    {"a state out of range", "UPDATE payments SET state = 5"},
    {"paid without a time", "UPDATE payments SET state = 1, paid_us = 0"},
    {"a time of payment without being paid", "UPDATE payments SET state = 0"},
    {"a second order of the same number",
     "INSERT INTO payments SELECT NULL, 'x', app_id, account_id, attempt_id, 'y', mode,"
     " out_trade_no, fingerprint, channel, product, subject, notify_url, return_url, metadata,"
     " extra, amount, currency, 0, 1, 1, 1, 1, 0, 0, 0, '', '', 0 FROM payments LIMIT 1"},
    {"an attempt is deleted", "DELETE FROM attempts"},
    {"an attempt's number changes", "UPDATE attempts SET upstream_no = 'other'"},
    {"what was sent changes", "UPDATE attempts SET business = '{}'"},
    {"more refunded than held", "UPDATE attempts SET refund_held = 10, refunded = 11"},
    {"more held than received", "UPDATE attempts SET refund_held = received + 1"},
    {"a negative refund", "UPDATE attempts SET refunded = -1"},
    {"half of the money", "UPDATE attempts SET received = 1"},
    {"paid without money", "UPDATE attempts SET received = 0"},
    {"an attempt's state out of range", "UPDATE attempts SET state = 8"},
    {"an attempt of no payment",
     "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
     " state, version, created_us, expires_us) VALUES ('a', 'pay_none', 'acc_1', 'n', '', 1, 'CNY',"
     " 1, 1, 1, 1)"},
    {"an upstream number used twice",
     "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
     " state, version, created_us, expires_us) SELECT 'a', payment_id, account_id, upstream_no, '',"
     " 1, 'CNY', 1, 1, 1, 1 FROM attempts LIMIT 1"},
    {"a second attempt of one number",
     "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
     " state, version, created_us, expires_us, number) SELECT 'a', payment_id, account_id, 'n', '',"
     " 1, 'CNY', 1, 1, 1, 1, number FROM attempts LIMIT 1"},
    {"a sixth attempt",
     "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
     " state, version, created_us, expires_us, number) SELECT 'a', payment_id, account_id, 'n', '',"
     " 1, 'CNY', 1, 1, 1, 1, 6 FROM attempts LIMIT 1"},
    {"the way of an attempt changes", "UPDATE attempts SET product = 'page'"},
    {"a duplicate without money", "UPDATE attempts SET received = 0, state = 6, duplicate = 1"},
    {"a decision about a duplicate is taken back",
     "UPDATE attempts SET duplicate = 2; UPDATE attempts SET duplicate = 1"},
    {"a policy that there is not", "UPDATE apps SET duplicate_policy = 'lose'"},
    {"an order that begins as paid",
     "INSERT INTO payments SELECT NULL, 'x', app_id, account_id, attempt_id, 'y', mode, 'z',"
     " fingerprint, channel, product, subject, notify_url, return_url, metadata, extra, amount,"
     " currency, 1, 1, 1, 1, 1, 1, 0, 0, '', '', 0 FROM payments LIMIT 1"},
    {"paid by no attempt", "UPDATE payments SET attempt_id = 'att_none'"},
    {"received money is forgotten",
     "UPDATE attempts SET state = 6; UPDATE attempts SET received = 0, refund_held = 0"},
    {"a paid attempt is another thing", "UPDATE attempts SET state = 2"},
    {"a refund that is not reserved",
     "INSERT INTO refunds SELECT NULL, 'x', payment_id, attempt_id, app_id, account_id, 'other',"
     " 'other', reason, business, amount, currency, paid_amount, 1, 1, 1, 1, 0, 0, 0, 0, 0, '', ''"
     " FROM refunds LIMIT 1"},
    {"a reservation that is let go of", "UPDATE attempts SET refund_held = 59"},
    {"the bytes of a refund change", "UPDATE refunds SET business = 'other'"},
    {"a line that no posting has",
     "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
     " what, created_us) SELECT 't', id, 'app_payable', app_id, 'CNY', 1, 0, 'payment', 1"
     " FROM payments"},
    {"a posting that there is not",
     "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
     " what, created_us) SELECT 't', id, 'app_payable', app_id, 'CNY', 1, 0, 'gift', 1"
     " FROM payments"},
    {"a line of another currency",
     "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
     " what, created_us) SELECT 't', id, 'app_payable', app_id, 'USD', 0, 1, 'payment', 1"
     " FROM payments"},
    {"a posting changes its account", "UPDATE postings SET account = 'suspense'"},
    {"a posting is forgotten", "DELETE FROM postings"},
    {"the ledger is changed", "UPDATE ledger SET debit = debit + 1 WHERE debit > 0"},
    {"the ledger forgets", "DELETE FROM ledger"},
    {"a line that is debit and credit",
     "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
     " what, created_us) SELECT 't', id, 'fees', app_id, 'CNY', 1, 1, 'x', 1 FROM payments"},
    {"a line of an unknown account",
     "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
     " what, created_us) SELECT 't', id, 'pocket', app_id, 'CNY', 1, 0, 'x', 1 FROM payments"},
    {"evidence is changed", "UPDATE evidence SET bytes = x'00'"},
    {"evidence is lost", "DELETE FROM evidence"},
    {"an event is changed", "UPDATE events SET body = '{}'"},
    {"an event is lost", "DELETE FROM events"},
    {"a refund is deleted", "DELETE FROM refunds"},
    {"a refund's amount changes", "UPDATE refunds SET amount = amount + 1"},
    {"a refund number used twice",
     "INSERT INTO refunds SELECT NULL, 'x', payment_id, attempt_id, app_id, account_id, 'other',"
     " refund_no, reason, business, amount, currency, paid_amount, 1, 1, 1, 1, 0, 0, 0, 0, 0, '', "
     "''"
     " FROM refunds LIMIT 1"},
    {"a merchant's refund number used twice",
     "INSERT INTO refunds SELECT NULL, 'x', payment_id, attempt_id, app_id, account_id,"
     " out_refund_no, 'other', reason, business, amount, currency, paid_amount, 1, 1, 1, 1, 0, 0, "
     "0,"
     " 0, 0, '', '' FROM refunds LIMIT 1"},
    {"a refund of nothing",
     "INSERT INTO refunds SELECT NULL, 'x', payment_id, attempt_id, app_id,"
     " account_id, 'o', 'r', reason, business, 0, currency, paid_amount, 1, 1, 1,"
     " 1, 0, 0, 0, 0, 0, '', '' FROM refunds LIMIT 1"},
    {"two open rows of one cause",
     "INSERT INTO discrepancies(id, type, cause, account_id, payment_id, attempt_id, detail, open,"
     " created_us) VALUES ('1', 't', 'c', '', '', '', '{}', 1, 1), ('2', 't', 'c', '', '', '', "
     "'{}', 1, 1)"},
    {"a nonce used twice", "INSERT INTO nonces VALUES ('k', 'n', 1), ('k', 'n', 2)"},
    {"an empty nonce", "INSERT INTO nonces VALUES ('k', '', 1)"},
    {"the horizon moves back", "UPDATE store_facts SET nonce_horizon_s = 5;"
                               "UPDATE store_facts SET nonce_horizon_s = 4"},
    {"a second row of facts",
     "INSERT INTO store_facts(one, config_epoch, nonce_horizon_s, seal_check)"
     " VALUES (2, 1, 0, x'')"},
    {"an event number used twice",
     "INSERT INTO event_numbers SELECT 1, pk, app_id FROM events LIMIT 1;"
     "INSERT INTO event_numbers SELECT 2, pk, app_id FROM events LIMIT 1"},
    {"text where a number belongs", "UPDATE attempts SET next_ask_us = 'soon'"},
    {"a blank key secret", "UPDATE keys SET sealed_secret = x''"},
    {"an unknown algorithm", "UPDATE keys SET algorithm = 'none'"},
    {"an app in no mode", "UPDATE apps SET mode = 2"},
};

static void the_database_refuses_what_must_not_be(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.evidence = TILL_STR("raw");
    paid.evidence_kind = TILL_STR("notify");
    fixture_apply(f, &paid);
    struct refund_open in = fixture_refund(f, opened.payment.id, "R1", 60);
    assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        struct till_str sql = text(f, "%s", REFUSALS[i].sql);
        int code = fixture_sql(f, sql.ptr);
        if (code != SQLITE_CONSTRAINT)
            fail_msg("%s was not refused (%d)", REFUSALS[i].why, code);
    }
}

/* posting.def and the database's table are one. */
static void the_database_knows_the_postings_of_the_program(void **state) {
    static const struct {
        const char *what, *debit, *credit;
    } postings[] = {
#define POSTING(id, what, debit, credit) {what, debit, credit},
#include <gateway/store/posting.def>
#undef POSTING
    };
    struct fixture *f = *state;
    size_t count = sizeof postings / sizeof *postings;
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM postings"), 2 * count);
    for (size_t i = 0; i < count; i++) {
        struct till_str sql =
            text(f,
                 "SELECT COUNT(*) FROM postings WHERE what = '%s' AND ((account = '%s' AND"
                 " is_debit = 1) OR (account = '%s' AND is_debit = 0))",
                 postings[i].what, postings[i].debit, postings[i].credit);
        assert_int_equal(fixture_number(f, sql.ptr), 2);
    }
}

static void lawful_changes_of_the_same_rows_pass(void **state) {
    struct fixture *f = *state;
    fixture_paid(f, "A1", 990);
    static const char *const LAWFUL[] = {
        "UPDATE payments SET updated_us = updated_us + 1",
        "UPDATE attempts SET refund_held = 10, refunded = 5",
        "UPDATE attempts SET refund_held = received, refunded = received",
        "UPDATE store_facts SET nonce_horizon_s = 5",
        "INSERT INTO nonces VALUES ('k', 'n', 1), ('k2', 'n', 1)",
        "INSERT INTO discrepancies(id, type, cause, account_id, payment_id, attempt_id, detail, "
        "open,"
        " created_us) VALUES ('1', 't', 'c', '', '', '', '{}', 0, 1), ('2', 't', 'c', '', '', '',"
        " '{}', 1, 1)",
    };
    for (size_t i = 0; i < sizeof LAWFUL / sizeof *LAWFUL; i++)
        assert_int_equal(fixture_sql(f, LAWFUL[i]), SQLITE_OK);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(fixture_number(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
                     1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_database_refuses_what_must_not_be),
        T(the_database_knows_the_postings_of_the_program),
        T(lawful_changes_of_the_same_rows_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
