/* SPDX-License-Identifier: Apache-2.0 */
/* The signer of Stripe's deliveries makes what the world has signed, and each lie that it can be
 * told is that one lie; what faults are decided by. */
#include "play.h"

#include <stdlib.h>

#include <sandbox/stripe/operation.h>
#include <sandbox/stripe/signature.h>

#define SECRET TILL_STR("whsec_0123456789abcdef0123456789abcdef")
#define BODY TILL_STR("{\"id\":\"evt_1\"}")

enum { FILE_BYTES = 64 * 1024, NOW_S = 1700000000 };

static struct till_arena arena;

static int open_arena(void **state) {
    (void)state;
    till_arena_init(&arena, 4 << 20);
    return 0;
}

static int close_arena(void **state) {
    (void)state;
    till_arena_clean_up(&arena);
    return 0;
}

static struct till_str read_vector(struct till_str name) {
    char path[512];
    const char *root = getenv("TILL_SOURCE_ROOT");
    assert_non_null(root);
    (void)snprintf(path, sizeof path, "%s/tests/vectors/data/stripe/%.*s", root,
                   TILL_STR_ARG(name));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = till_arena_alloc(&arena, FILE_BYTES);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, FILE_BYTES, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < FILE_BYTES);
    return (struct till_str){bytes, len};
}

static void the_signer_reproduces_what_the_world_signed(void **state) {
    struct till_error err;
    struct till_json *list;
    char hex[STRIPE_V1_TEXT];
    (void)state;
    /* a list is no document of till_json_parse's callers: wrap it */
    struct till_str text = read_vector(TILL_STR("webhook-signatures.json")), whole;
    assert_true(till_arena_format(&arena, &whole, &err, "{\"rows\":%.*s}", TILL_STR_ARG(text)));
    assert_true(till_json_parse(whole, &list, &err));
    const struct till_json *rows = till_json_member(list, "rows");
    assert_int_equal(till_json_size(rows), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct till_json *row = till_json_element(rows, i);
        struct till_str body = read_vector(till_json_get_str(row, "payload_file"));
        struct till_str secret = till_json_get_str(row, "secret");
        int64_t t_s;
        assert_true(till_json_get_int(row, "timestamp", &t_s));
        assert_true(stripe_v1(&arena, secret, t_s, body, hex, &err));
        assert_true(till_str_is(till_json_get_str(row, "v1"), hex));
        assert_true(stripe_v1(&arena, secret, t_s + 1, body, hex, &err));
        assert_false(till_str_is(till_json_get_str(row, "v1"), hex));
        body.len--;
        assert_true(stripe_v1(&arena, secret, t_s, body, hex, &err));
        assert_false(till_str_is(till_json_get_str(row, "v1"), hex));
    }
    till_json_release(list);
}

static struct till_str header_of(enum fault variant, struct till_str former) {
    const struct stripe_signing signing = {
        .secrets = {SECRET, former}, .now_s = NOW_S, .variant = variant, .shift_s = 600};
    struct till_str value;
    struct till_error err;
    assert_true(stripe_signature(&arena, &signing, BODY, &value, &err));
    return value;
}

/* How often "v1=<hex of secret at t>" stands in the header. */
static bool has(struct till_str header, const char *name, struct till_str secret, int64_t t_s) {
    char hex[STRIPE_V1_TEXT], part[80];
    struct till_error err;
    assert_true(stripe_v1(&arena, secret, t_s, BODY, hex, &err));
    snprintf(part, sizeof part, ",%s=%s", name, hex);
    return play_contains(header, part);
}

static size_t count(struct till_str header, const char *part) {
    size_t found = 0, len = strlen(part);
    for (size_t i = 0; i + len <= header.len; i++)
        found += memcmp(header.ptr + i, part, len) == 0;
    return found;
}

static void every_living_secret_signs(void **state) {
    struct till_str former = TILL_STR("whsec_former"), header = header_of(FAULT_NONE, former);
    (void)state;
    assert_true(till_str_starts_with(header, TILL_STR("t=1700000000,v1=")));
    assert_true(has(header, "v1", SECRET, NOW_S));
    assert_true(has(header, "v1", former, NOW_S));
    assert_int_equal(count(header, "v1="), 2);
    assert_int_equal(count(header, "v0="), 1);
    assert_false(has(header, "v0", SECRET, NOW_S));
    header = header_of(FAULT_NONE, TILL_STR_NONE);
    assert_int_equal(count(header, "v1="), 1);
}

static void each_lie_is_one_lie(void **state) {
    static const struct {
        enum fault variant;
        int64_t t_s;
        size_t v1;
        bool right; /* one of them */
    } rows[] = {
        {FAULT_EVENT_WRONG_SECRET, NOW_S, 1, false}, {FAULT_EVENT_OLD, NOW_S - 600, 1, true},
        {FAULT_EVENT_FUTURE, NOW_S + 600, 1, true},  {FAULT_EVENT_SECOND_V1, NOW_S, 2, true},
        {FAULT_EVENT_ONLY_V0, NOW_S, 0, false},      {FAULT_EVENT_UPPER_CASE, NOW_S, 1, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct till_str header = header_of(rows[i].variant, TILL_STR_NONE);
        assert_int_equal(count(header, "v1="), rows[i].v1);
        assert_int_equal(has(header, "v1", SECRET, rows[i].t_s), rows[i].right);
    }
    assert_true(has(header_of(FAULT_EVENT_ONLY_V0, TILL_STR_NONE), "v0", SECRET, NOW_S));
    assert_int_equal(header_of(FAULT_EVENT_UNSIGNED, TILL_STR_NONE).len, 0);
    /* the right one stands second */
    struct till_str header = header_of(FAULT_EVENT_SECOND_V1, TILL_STR_NONE);
    char hex[STRIPE_V1_TEXT];
    struct till_error err;
    assert_true(stripe_v1(&arena, SECRET, NOW_S, BODY, hex, &err));
    assert_true(till_str_ends_with(header, till_str_of(hex)));
}

static void upper_case_is_the_right_signature_raised(void **state) {
    struct till_str header = header_of(FAULT_EVENT_UPPER_CASE, TILL_STR_NONE);
    char hex[STRIPE_V1_TEXT];
    struct till_error err;
    (void)state;
    assert_true(stripe_v1(&arena, SECRET, NOW_S, BODY, hex, &err));
    struct till_str raised = till_str_sub(header, header.len - 64, header.len);
    assert_true(till_str_equal_ignoring_case(raised, till_str_of(hex)));
    assert_false(till_str_is(raised, hex));
}

static void nothing_is_signed_without_a_secret(void **state) {
    struct stripe_signing signing = {.now_s = NOW_S};
    struct till_str value;
    struct till_error err;
    (void)state;
    assert_false(stripe_signature(&arena, &signing, BODY, &value, &err));
    assert_int_equal(err.code, TILL_E_KEY_WEAK);
}

static void calls_have_the_names_that_faults_use(void **state) {
    static const char *const rows[][3] = {
        {"POST", "/v1/checkout/sessions", "session.create"},
        {"GET", "/v1/checkout/sessions/cs_test_a1", "session.read"},
        {"POST", "/v1/checkout/sessions/cs_test_a1/expire", "session.expire"},
        {"POST", "/v1/refunds", "refund.create"},
        {"GET", "/v1/refunds", "refund.list"},
        {"DELETE", "/v1/refunds", STRIPE_OTHER_CALL},
        {"GET", "/v1/refunds/", STRIPE_OTHER_CALL},
        {"GET", "/v1/checkout/sessions/a/b", STRIPE_OTHER_CALL},
        {"GET", "/v1/balance", STRIPE_OTHER_CALL},
        {"", "", STRIPE_OTHER_CALL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *name = stripe_operation(till_str_of(rows[i][0]), till_str_of(rows[i][1]));
        assert_string_equal(name, rows[i][2]);
        assert_true(stripe_is_operation(name));
    }
    assert_false(stripe_is_operation("session.eat"));
    for (size_t i = 0; stripe_operation_at(i); i++)
        assert_true(stripe_is_operation(stripe_operation_at(i)) &&
                    strlen(stripe_operation_at(i)) < sizeof((struct fault_rule *)0)->operation);
}

static int refused(struct play *play, const char *operation, const char *fault) {
    char body[128];
    snprintf(body, sizeof body, "{\"operation\":\"%s\",\"fault\":\"%s\"}", operation, fault);
    return play_http(play, "POST", "/control/faults", "application/json", body, NULL).status;
}

/* What a rule may be for: the platform whose word it is. */
static void a_fault_is_for_the_platform_whose_word_it_is(void **state) {
    static const struct {
        const char *operation, *fault;
        int status;
    } rows[] = {{"session.create", "drop_after", 201},
                {"stripe", "half", 201},
                {"*", "stripe_rate_limit", 201},
                {"session.read", "stripe_stale", 201},
                {"session.pay", "stripe_pay_later", 201},
                {"event", "event_old", 201},
                {"refund.create", "refund_fails_later", 201},
                {"query", "stripe_stale", 400},
                {"session.create", "rate_limit", 400},
                {"event", "notify_amount", 400},
                {"notify", "event_amount", 400},
                {"event", "drop_after", 400},
                {"session.eat", "drop_after", 400}};
    struct play play;
    (void)state;
    play_open(&play, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (refused(&play, rows[i].operation, rows[i].fault) != rows[i].status)
            fail_msg("%s of %s", rows[i].fault, rows[i].operation);
    play_close(&play);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_signer_reproduces_what_the_world_signed, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(every_living_secret_signs, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(each_lie_is_one_lie, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(upper_case_is_the_right_signature_raised, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(nothing_is_signed_without_a_secret, open_arena,
                                        close_arena),
        cmocka_unit_test(calls_have_the_names_that_faults_use),
        cmocka_unit_test(a_fault_is_for_the_platform_whose_word_it_is),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
