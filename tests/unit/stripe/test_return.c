/* SPDX-License-Identifier: Apache-2.0 */
/* The browser's return: an address that was made here, for this order. */
#include "fixture.h"

#include <string.h>

static bool returned(struct fixture *f, const struct till_account *account, struct till_str query,
                     struct till_str *ret_no) {
    struct till_notification notification = {.method = TILL_STR("GET"), .query = query};
    return account->channel->returned(account, &notification, &f->arena, ret_no, &f->err);
}

/* The query of the address that a creation gave to the platform. */
static struct till_str query_of(struct fixture *f, const struct till_account *account) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing out;
    struct till_form form;
    assert_true(till_request(account, &ask, &f->arena, &out, &f->err));
    assert_true(till_form_parse(&f->arena, out.body, &form, &f->err));
    struct till_str url = till_form_get(&form, "success_url");
    return till_str_sub(url, till_str_find(url, '?') + 1, url.len);
}

static void the_address_that_was_given_names_its_order(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str no, query = query_of(f, f->account);
    assert_true(returned(f, f->account, query, &no));
    assert_true(till_str_is(no, NO));
    struct till_str more;
    assert_true(till_arena_format(&f->arena, &more, &f->err, "a=1&%.*s&b=", TILL_STR_ARG(query)));
    assert_true(returned(f, f->account, more, &no));
}

static void it_holds_while_the_secret_is_being_rolled(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(TILL_TEST);
    struct till_account *before;
    struct till_str no;
    till_json_set_text(settings, "webhook_secret", OLD_SECRET);
    till_json_set_text(settings, "webhook_secret_previous", "");
    assert_true(till_account_load(TILL_STR("stripe"), TILL_TEST, settings, &before, &f->err));
    struct till_str query = query_of(f, before);
    assert_true(returned(f, f->account, query, &no));
    assert_false(returned(f, f->live, query, &no));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
    till_account_free(before);
}

static void any_other_address_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str query = query_of(f, f->account), no = TILL_STR("untouched");
    const struct {
        struct till_str query;
        enum till_code code;
    } rows[] = {
        {TILL_STR_NONE, TILL_E_FIELD_MISSING},
        {TILL_STR("check=1"), TILL_E_FIELD_MISSING},
        {TILL_STR("no=" NO), TILL_E_NOTIFY_FORGED},
        {TILL_STR("no=" NO "&check="), TILL_E_NOTIFY_FORGED},
        {TILL_STR("no=" NO "&check=00000000000000000000000000000000"), TILL_E_NOTIFY_FORGED},
        {fixture_with(f, query, "no=01", "no=02"), TILL_E_NOTIFY_FORGED},
        {fixture_with(f, query, "no=", "no=1&no="), TILL_E_BODY_MALFORMED},
        {fixture_with(f, query, "check=", "check=0"), TILL_E_NOTIFY_FORGED},
        {TILL_STR("no=%zz"), TILL_E_BODY_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(returned(f, f->account, rows[i].query, &no));
        assert_int_equal(f->err.code, rows[i].code);
        assert_true(till_str_is(no, "untouched"));
    }
}

static void an_event_s_signature_opens_no_return_page(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str no, query, header = fixture_sign(f, TILL_STR(NO));
    struct till_str hex = till_str_sub(header, header.len - 64, 32);
    assert_true(
        till_arena_format(&f->arena, &query, &f->err, "no=" NO "&check=%.*s", TILL_STR_ARG(hex)));
    assert_false(returned(f, f->account, query, &no));
    assert_int_equal(f->err.code, TILL_E_NOTIFY_FORGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_address_that_was_given_names_its_order),
        SENTENCE(it_holds_while_the_secret_is_being_rolled),
        SENTENCE(any_other_address_is_refused),
        SENTENCE(an_event_s_signature_opens_no_return_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
