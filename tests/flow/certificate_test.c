/* SPDX-License-Identifier: Apache-2.0 */
/* A platform that replaces its certificate while orders run: nothing is lost, nothing forged is
 * taken, and no more is asked than one download a minute. */
#include "money_world.h"

#include <stdlib.h>

#include <gateway/flow/parts.h>

#include "alipay_ca.h"
#include "tests/unit/base/key_samples.h"

#define RENEWED "till_certificate_renewals_total{outcome=\"renewed\"}"
#define REFUSED "till_certificate_renewals_total{outcome=\"refused\"}"
#define FAILED "till_certificate_renewals_total{outcome=\"failed\"}"
#define DOWNLOAD "alipay.open.app.alipaycert.download"
#define EVENTS "till_security_events_total{kind=\"certificate_refused\"}"
#define QUERY "alipay.trade.query"
#define MINUTE (60 * SECOND)

struct scene {
    struct money m;
    struct alipay_ca ca;
};

static int begin(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    struct till_error err;
    assert_non_null(s);
    money_open(&s->m, 7);
    int64_t now_us = world_now_us(s->m.world);
    alipay_ca_open(&s->ca, now_us - 24 * HOUR, now_us + 9000 * HOUR);
    platform_alipay_certify(&s->m.platform, &s->ca);
    if (!store_account_update(s->m.store, till_str_of(s->m.account.id),
                              platform_alipay_settings(&s->m.platform, &s->m.arena), &err))
        fail_msg("%s", err.text);
    *state = s;
    return 0;
}

static int end(void **state) {
    struct scene *s = *state;
    money_check_books(&s->m);
    money_close(&s->m);
    alipay_ca_close(&s->ca);
    free(s);
    return 0;
}

static struct account_row row_of(struct scene *s) {
    struct account_row row;
    struct till_error err;
    if (!store_account_get(s->m.store, &s->m.arena, till_str_of(s->m.account.id), &row, &err))
        fail_msg("%s", err.text);
    return row;
}

/* The platform's present certificate is the account's. */
static bool is_stored(struct scene *s) {
    TILL_JSON_SCOPED struct till_json *settings = NULL;
    struct till_error err;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    assert_true(till_json_parse(row_of(s).settings, &settings, &err));
    alipay_ca_sn(till_json_get_str(settings, "platform_cert"), sn);
    return strcmp(sn, s->m.platform.cert_sn) == 0;
}

static void rotate(struct scene *s, const char *serial) {
    platform_alipay_rotate(&s->m.platform, &s->ca, s->m.platform.foreign_key, serial);
    assert_false(is_stored(s));
}

/* Asks about the payment; what comes of it is looked at elsewhere. */
static void ask(struct scene *s, const struct payment_row *payment) {
    struct payment_row now;
    struct till_error err;
    if (!query_payment_now(&s->m.gw, NULL, payment, &s->m.arena, &now, &err))
        print_message("# %s\n", err.text);
}

static size_t downloads(struct scene *s) {
    return platform_alipay_calls(&s->m.platform, DOWNLOAD);
}

static void orders_are_paid_in_certificate_mode(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create_paid(&s->m, 10000);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(downloads(s), 0);
}

static void the_first_answer_under_a_new_certificate_is_read_in_the_same_call(void **state) {
    struct scene *s = *state;
    rotate(s, "\x21");
    struct payment_row payment = money_create(&s->m, 10000); /* pending with a code, at once */
    assert_true(is_stored(s));
    assert_int_equal(downloads(s), 1);
    assert_int_equal(platform_alipay_calls(&s->m.platform, "alipay.trade.precreate"), 1);
    assert_int_equal(money_metric(&s->m, RENEWED), 1);
    (void)money_create(&s->m, 200);
    assert_int_equal(downloads(s), 1);
    assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
}

static void what_was_on_its_way_under_the_old_certificate_still_counts(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    struct platform_trade *trade = money_trade(&s->m, &payment);
    assert_true(platform_alipay_pay(&s->m.platform, trade));
    struct till_str old = platform_alipay_notify(&s->m.platform, &s->m.arena, trade, NULL);
    rotate(s, "\x21");
    (void)money_create(&s->m, 200);
    assert_true(is_stored(s));
    assert_true(till_str_is(money_notify(&s->m, old), "success"));
    assert_int_equal(money_payment(&s->m, payment.id).state, TILL_PAYMENT_PAID);
    payment = money_create_paid(&s->m, 300); /* and the new one too */
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
}

static void a_forged_name_costs_one_download_a_minute(void **state) {
    struct scene *s = *state;
    int64_t epoch = row_of(s).config_epoch;
    struct payment_row payment = money_create(&s->m, 10000);
    char good[TILL_CERTIFICATE_SN_SIZE];
    memcpy(good, s->m.platform.cert_sn, sizeof good);
    memset(s->m.platform.cert_sn, 'a', sizeof good - 1);
    for (int i = 0; i < 20; i++) {
        world_inline_advance(s->m.world, SECOND);
        ask(s, &payment);
    }
    assert_int_equal(downloads(s), 1);
    world_inline_advance(s->m.world, MINUTE);
    money_sweep(&s->m);
    assert_in_range(downloads(s), 1, 2);
    assert_int_equal(money_metric(&s->m, REFUSED), (int64_t)downloads(s));
    assert_int_equal(row_of(s).config_epoch, epoch);
    memcpy(s->m.platform.cert_sn, good, sizeof good);
    assert_int_equal(money_payment(&s->m, payment.id).state, TILL_PAYMENT_PENDING);
}

static void another_merchants_certificate_is_not_taken_for_the_platforms(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    struct platform_trade *trade = money_trade(&s->m, &payment);
    /* its chain is good, and the attacker has its key */
    s->m.platform.platform_key = s->m.platform.foreign_key;
    s->m.platform.handed_out =
        alipay_ca_leaf(&s->ca, s->m.platform.foreign_key, "2088-another", "\x31", true);
    alipay_ca_sn(s->m.platform.handed_out, s->m.platform.cert_sn);
    assert_true(platform_alipay_pay(&s->m.platform, trade));
    world_inline_advance(s->m.world, MINUTE);
    money_sweep(&s->m);
    assert_int_equal(money_metric(&s->m, REFUSED), 1);
    assert_int_equal(money_payment(&s->m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_true(money_metric(&s->m, "till_security_events_total{kind=\"certificate_refused\"}") ==
                1);
    /* the platform itself again */
    s->m.platform.handed_out = TILL_STR_NONE;
    rotate(s, "\x22");
    world_inline_advance(s->m.world, 5 * MINUTE);
    money_sweep(&s->m);
    assert_int_equal(money_payment(&s->m, payment.id).state, TILL_PAYMENT_PAID);
}

static void a_weak_leaf_of_the_same_subject_is_not_stored(void **state) {
    struct scene *s = *state;
    struct till_error err;
    TILL_KEY_SCOPED struct till_key *weak = NULL;
    struct account_row before = row_of(s);
    struct payment_row payment = money_create(&s->m, 10000);
    assert_true(till_key_parse_private(TILL_STR(sample_private), &weak, &err));
    s->m.platform.platform_key = weak; /* it has the key, and the authority's word for it */
    s->m.platform.handed_out = alipay_ca_leaf(&s->ca, weak, ALIPAY_CA_PLATFORM, "\x32", true);
    alipay_ca_sn(s->m.platform.handed_out, s->m.platform.cert_sn);
    ask(s, &payment);
    s->m.platform.platform_key = NULL;
    assert_int_equal(downloads(s), 1);
    assert_int_equal(money_metric(&s->m, REFUSED), 1);
    assert_int_equal(money_metric(&s->m, EVENTS), 1);
    assert_int_equal(row_of(s).config_epoch, before.config_epoch);
    assert_true(till_str_equal(row_of(s).settings, before.settings));
    money_restart(&s->m); /* starts: every enabled account loads */
}

static void a_platform_that_does_not_hand_out_raises_no_event(void **state) {
    static const char *const codes[] = {"20000", "SYSTEM_ERROR", "isv.call-limited"};
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    rotate(s, "\x21");
    for (int i = 0; i < 3; i++) {
        platform_alipay_whim(&s->m.platform, DOWNLOAD, PLATFORM_ERROR_BEFORE, codes[i], 1);
        ask(s, &payment);
        assert_int_equal(downloads(s), (size_t)i + 1);
        assert_int_equal(money_metric(&s->m, FAILED), i + 1);
        world_inline_advance(s->m.world, MINUTE);
    }
    assert_int_equal(money_metric(&s->m, EVENTS), 0);
    ask(s, &payment);
    assert_true(is_stored(s));
}

static void suspicions_wait_for_their_turn_and_none_is_lost(void **state) {
    enum { ACCOUNTS = 6, A_ROUND = 4 };
    struct scene *s = *state;
    struct account_row rows[ACCOUNTS];
    for (int i = 0; i < ACCOUNTS; i++) {
        rows[i] = money_add_account(&s->m, &s->m.platform);
        certificate_suspect(&s->m.gw, &rows[i]);
    }
    size_t before = platform_alipay_calls(&s->m.platform, QUERY);
    certificate_look(&s->m.gw);
    assert_int_equal(platform_alipay_calls(&s->m.platform, QUERY), before + A_ROUND);
    certificate_look(&s->m.gw);
    assert_int_equal(platform_alipay_calls(&s->m.platform, QUERY), before + ACCOUNTS);
    certificate_look(&s->m.gw);
    assert_int_equal(platform_alipay_calls(&s->m.platform, QUERY), before + ACCOUNTS);
}

static struct scene *hooked;

static void suspect_meanwhile(void *self, struct platform_alipay *platform, struct till_str method,
                              struct platform_trade *trade) {
    (void)method;
    (void)trade;
    platform->before = NULL;
    certificate_suspect(&hooked->m.gw, self);
}

static void a_suspicion_raised_during_the_probes_is_looked_at_afterwards(void **state) {
    struct scene *s = *state;
    struct account_row first = row_of(s), second = money_add_account(&s->m, &s->m.platform);
    size_t before = platform_alipay_calls(&s->m.platform, QUERY);
    hooked = s;
    s->m.platform.before = suspect_meanwhile;
    s->m.platform.self = &second;
    certificate_suspect(&s->m.gw, &first);
    certificate_look(&s->m.gw);
    assert_int_equal(platform_alipay_calls(&s->m.platform, QUERY), before + 1);
    certificate_look(&s->m.gw);
    assert_int_equal(platform_alipay_calls(&s->m.platform, QUERY), before + 2);
}

static void a_notification_under_a_new_certificate_leads_to_it(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    struct platform_trade *trade = money_trade(&s->m, &payment);
    assert_true(platform_alipay_pay(&s->m.platform, trade));
    rotate(s, "\x21");
    struct till_str body = platform_alipay_notify(&s->m.platform, &s->m.arena, trade, NULL);
    assert_false(till_str_is(money_notify(&s->m, body), "success"));
    assert_int_equal(downloads(s), 0); /* nothing in a notification waits for the platform */
    money_sweep(&s->m);
    assert_true(is_stored(s));
    assert_int_equal(downloads(s), 1);
    assert_true(till_str_is(money_notify(&s->m, body), "success"));
    assert_int_equal(money_payment(&s->m, payment.id).state, TILL_PAYMENT_PAID);
}

static void forged_notifications_cost_one_question_a_minute(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    struct platform_trade *trade = money_trade(&s->m, &payment);
    struct platform_notice notice;
    assert_true(platform_alipay_scan(&s->m.platform, trade));
    platform_notice_begin(&s->m.platform, &s->m.arena, trade, "TRADE_SUCCESS", &notice);
    struct till_str forged =
        platform_notice_sign(&notice, s->m.platform.foreign_key, TILL_RSA_SHA256);
    size_t before = platform_alipay_calls(&s->m.platform, "alipay.trade.query");
    for (int i = 0; i < 20; i++) {
        assert_false(till_str_is(money_notify(&s->m, forged), "success"));
        certificate_look(&s->m.gw);
    }
    assert_int_equal(platform_alipay_calls(&s->m.platform, "alipay.trade.query"), before + 1);
    assert_int_equal(downloads(s), 0);
}

static void settings_that_a_person_changed_meanwhile_are_kept(void **state) {
    struct scene *s = *state;
    struct till_error err;
    struct account_row old = row_of(s);
    assert_true(store_account_update(s->m.store, till_str_of(old.id), old.settings, &err));
    assert_false(store_account_rotate(s->m.store, till_str_of(old.id), old.config_epoch,
                                      TILL_STR("{}"), &err));
    assert_int_equal(err.code, TILL_E_STORE_STALE);
    assert_false(store_account_rotate(s->m.store, TILL_STR("acc_none"), old.config_epoch,
                                      TILL_STR("{}"), &err));
    assert_int_equal(err.code, TILL_E_NOT_FOUND);
    assert_true(till_str_equal(row_of(s).settings, old.settings));
}

static void a_store_that_refuses_leaves_the_old_settings(void **state) {
    struct scene *s = *state;
    struct payment_row payment = money_create(&s->m, 10000);
    rotate(s, "\x21");
    money_break_store(&s->m, true);
    ask(s, &payment);
    money_break_store(&s->m, false);
    assert_int_equal(money_metric(&s->m, FAILED), 1);
    assert_false(is_stored(s));
    money_restart(&s->m);
    ask(s, &payment);
    assert_true(is_stored(s));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(orders_are_paid_in_certificate_mode),
        SENTENCE(the_first_answer_under_a_new_certificate_is_read_in_the_same_call),
        SENTENCE(what_was_on_its_way_under_the_old_certificate_still_counts),
        SENTENCE(a_forged_name_costs_one_download_a_minute),
        SENTENCE(another_merchants_certificate_is_not_taken_for_the_platforms),
        SENTENCE(a_weak_leaf_of_the_same_subject_is_not_stored),
        SENTENCE(a_platform_that_does_not_hand_out_raises_no_event),
        SENTENCE(suspicions_wait_for_their_turn_and_none_is_lost),
        SENTENCE(a_suspicion_raised_during_the_probes_is_looked_at_afterwards),
        SENTENCE(a_notification_under_a_new_certificate_leads_to_it),
        SENTENCE(forged_notifications_cost_one_question_a_minute),
        SENTENCE(settings_that_a_person_changed_meanwhile_are_kept),
        SENTENCE(a_store_that_refuses_leaves_the_old_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
