/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published vectors: the webhook signatures of the official test suites and of one genuine
 * delivery, the form encoding of the official client. What they say is reproduced, and each with
 * one thing changed is refused (dossier 18).
 */
#include "tests/unit/stripe/fixture.h"

#include <stdio.h>
#include <string.h>

struct vector {
    struct till_secret secret;
    int64_t timestamp;
    struct till_str header, v1, body;
};

static void read_secret(struct till_str text, struct till_secret *ret) {
    assert_true(text.len > 0 && text.len <= sizeof ret->bytes);
    *ret = (struct till_secret){.len = text.len};
    memcpy(ret->bytes, text.ptr, text.len);
}

/* The vector at this index; false past the end. Its texts belong to `list`. */
static bool vector_at(struct fixture *f, const struct till_json *list, size_t index,
                      struct vector *ret) {
    const struct till_json *json = till_json_element(list, index);
    char path[64];
    int64_t bytes;
    if (!json)
        return false;
    (void)snprintf(path, sizeof path, "%.*s",
                   TILL_STR_ARG(till_json_get_str(json, "payload_file")));
    *ret = (struct vector){.header = till_json_get_str(json, "header"),
                           .v1 = till_json_get_str(json, "v1"),
                           .body = fixture_read(f, path)};
    read_secret(till_json_get_str(json, "secret"), &ret->secret);
    assert_true(till_json_get_int(json, "timestamp", &ret->timestamp));
    assert_true(till_json_get_int(json, "payload_bytes", &bytes));
    assert_true((size_t)bytes == ret->body.len);
    return true;
}

typedef void judge(struct fixture *f, const struct vector *v);

static void each_vector(struct fixture *f, judge *look) {
    TILL_JSON_SCOPED struct till_json *list = NULL;
    struct vector v;
    size_t count = 0;
    assert_true(till_json_parse(fixture_read(f, "webhook-signatures.json"), &list, &f->err));
    while (vector_at(f, list, count, &v)) {
        look(f, &v);
        count++;
    }
    assert_int_equal(count, 4);
}

/* `off_s` after the signature's own time. */
static bool verifies(struct fixture *f, const struct vector *v, struct till_str header,
                     struct till_str body, int64_t off_s) {
    return till_stripe_verify(&v->secret, header, body, (v->timestamp + off_s) * TILL_US_PER_SECOND,
                              &f->err);
}

static void refused(struct fixture *f, const struct vector *v, struct till_str header,
                    struct till_str body, int64_t off_s, enum till_code code) {
    assert_false(verifies(f, v, header, body, off_s));
    assert_int_equal(f->err.code, code);
}

static void reproduce(struct fixture *f, const struct vector *v) {
    struct till_str header;
    assert_true(verifies(f, v, v->header, v->body, 0));
    assert_true(
        till_stripe_sign(&f->arena, &v->secret, 1, v->timestamp, v->body, &header, &f->err));
    assert_true(till_str_equal(header, v->header));
}

static void each_signature_is_reproduced(void **state) {
    each_vector(fixture_of(state), reproduce);
}

static void change_bytes(struct fixture *f, const struct vector *v) {
    char *bytes = till_arena_alloc(&f->arena, v->body.len + 1);
    assert_non_null(bytes);
    struct till_str changed = {bytes, v->body.len};
    for (size_t at = 0; at < v->body.len; at++) {
        memcpy(bytes, v->body.ptr, v->body.len);
        bytes[at] = (char)(bytes[at] ^ 1);
        refused(f, v, v->header, changed, 0, TILL_E_SIGNATURE_WRONG);
    }
    changed = till_str_sub(v->body, 0, v->body.len - 1);
    refused(f, v, v->header, changed, 0, TILL_E_SIGNATURE_WRONG);
    memcpy(bytes, v->body.ptr, v->body.len);
    bytes[v->body.len] = '\n';
    refused(f, v, v->header, (struct till_str){bytes, v->body.len + 1}, 0, TILL_E_SIGNATURE_WRONG);
    refused(f, v, v->header, TILL_STR_NONE, 0, TILL_E_SIGNATURE_WRONG);
}

static void a_byte_changed_dropped_or_added_is_refused(void **state) {
    each_vector(fixture_of(state), change_bytes);
}

static void write_anew(struct fixture *f, const struct vector *v) {
    TILL_JSON_SCOPED struct till_json *event = NULL;
    const unsigned styles[] = {TILL_JSON_COMPACT, TILL_JSON_INDENT,
                               TILL_JSON_INDENT | TILL_JSON_SORTED};
    assert_true(till_json_parse(v->body, &event, &f->err));
    for (size_t i = 0; i < 3; i++) {
        struct till_str text;
        assert_true(till_json_write(&f->arena, event, styles[i], &text, &f->err));
        if (!till_str_equal(text, v->body))
            refused(f, v, v->header, text, 0, TILL_E_SIGNATURE_WRONG);
    }
}

static void a_body_that_was_written_anew_is_refused(void **state) {
    each_vector(fixture_of(state), write_anew);
}

static struct till_str header_of(struct fixture *f, const char *format, const struct vector *v) {
    struct till_buf buf;
    struct till_str header;
    till_buf_init(&buf, &f->arena);
    for (const char *c = format; *c; c++) {
        if (*c == 'T')
            till_buf_format(&buf, "%lld", (long long)v->timestamp);
        else if (*c == 'N')
            till_buf_format(&buf, "%lld", (long long)v->timestamp + 1);
        else if (*c == 'H')
            till_buf_add(&buf, v->v1);
        else if (*c == 'Z')
            till_buf_text(&buf, "0000000000000000000000000000000000000000000000000000000000000000");
        else
            till_buf_char(&buf, *c);
    }
    assert_true(till_buf_finish(&buf, &header, &f->err));
    return header;
}

/* T the time, N another one, H the signature, Z another one. */
static void try_headers(struct fixture *f, const struct vector *v) {
    static const struct {
        const char *format;
        enum till_code code;
    } rows[] = {
        {"t=T,v1=H", TILL_OK},
        {"v1=H,t=T", TILL_OK},
        {"t=T,v1=Z,v1=H", TILL_OK},
        {"t=T,v1=H,v1=Z", TILL_OK},
        {"t=T,v0=Z,v1=H", TILL_OK},
        {"t=T,v2=x,v1=H,a=b=c", TILL_OK},
        {"t=N,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=T,v1=Z", TILL_E_SIGNATURE_WRONG},
        {"t=T,v1=", TILL_E_SIGNATURE_WRONG},
        {"t=T,v1=H0", TILL_E_SIGNATURE_WRONG},
        {"t=T,v1= H", TILL_E_SIGNATURE_WRONG},
        {"t=T, v1=H", TILL_E_SIGNATURE_MISSING},
        {"t=T,V1=H", TILL_E_SIGNATURE_MISSING},
        {"t=T,v0=H", TILL_E_SIGNATURE_MISSING},
        {"t=T", TILL_E_SIGNATURE_MISSING},
        {"v1=H", TILL_E_SIGNATURE_MISSING},
        {"t=,v1=H", TILL_E_SIGNATURE_MISSING},
        {"", TILL_E_SIGNATURE_MISSING},
        {"t=T,t=T,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=0T,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=+T,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=T.0,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=TT,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=T,v1", TILL_E_SIGNATURE_WRONG},
        {"t=T,=x,v1=H", TILL_E_SIGNATURE_WRONG},
        {"t=T,,v1=H", TILL_E_SIGNATURE_WRONG},
        {"H", TILL_E_SIGNATURE_WRONG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str header = header_of(f, rows[i].format, v);
        bool good = verifies(f, v, header, v->body, 0);
        if (good != (rows[i].code == TILL_OK) || (!good && f->err.code != rows[i].code))
            fail_msg("%s: %s", rows[i].format, good ? "good" : f->err.text);
    }
}

static void a_header_is_a_time_and_a_v1_that_matches(void **state) {
    each_vector(fixture_of(state), try_headers);
}

static void shout(struct fixture *f, const struct vector *v) {
    char upper[65];
    struct till_str header;
    for (size_t i = 0; i < 64; i++)
        upper[i] = v->v1.ptr[i] >= 'a' ? (char)(v->v1.ptr[i] - 'a' + 'A') : v->v1.ptr[i];
    upper[64] = '\0';
    assert_true(till_arena_format(&f->arena, &header, &f->err, "t=%lld,v1=%s",
                                  (long long)v->timestamp, upper));
    refused(f, v, header, v->body, 0, TILL_E_SIGNATURE_WRONG);
}

static void upper_case_hex_is_refused(void **state) {
    each_vector(fixture_of(state), shout);
}

static void wait(struct fixture *f, const struct vector *v) {
    assert_true(verifies(f, v, v->header, v->body, 300));
    assert_true(verifies(f, v, v->header, v->body, -300));
    refused(f, v, v->header, v->body, 301, TILL_E_TIMESTAMP_OUTSIDE);
    refused(f, v, v->header, v->body, -301, TILL_E_TIMESTAMP_OUTSIDE);
    refused(f, v, v->header, v->body, -3600, TILL_E_TIMESTAMP_OUTSIDE);
    assert_false(till_stripe_verify(&v->secret, v->header, v->body, INT64_MIN, &f->err));
    assert_int_equal(f->err.code, TILL_E_TIMESTAMP_OUTSIDE);
}

static void s_075_the_clock_may_be_300_seconds_away_and_not_301(void **state) {
    each_vector(fixture_of(state), wait);
}

static void use_other_secrets(struct fixture *f, const struct vector *v) {
    struct vector other = *v;
    other.secret.bytes[0] = (uint8_t)(other.secret.bytes[0] ^ 1);
    refused(f, &other, v->header, v->body, 0, TILL_E_SIGNATURE_WRONG);
    other = *v;
    other.secret.len--;
    refused(f, &other, v->header, v->body, 0, TILL_E_SIGNATURE_WRONG);
    other.secret.len = 0;
    refused(f, &other, v->header, v->body, 0, TILL_E_KEY_WEAK);
}

static void s_072_another_secret_is_refused_and_an_empty_one_first_of_all(void **state) {
    each_vector(fixture_of(state), use_other_secrets);
}

static void a_header_has_an_end(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_secret secret;
    struct till_str body = TILL_STR("{}"), good;
    char header[2200];
    assert_true(till_stripe_secret_parse(TILL_STR(SECRET), &secret, &f->err));
    assert_true(till_stripe_sign(&f->arena, &secret, 1, NOW_S, body, &good, &f->err));
    memcpy(header, good.ptr, good.len);
    memcpy(header + good.len, ",v9=", 4);
    memset(header + good.len + 4, 'x', sizeof header - good.len - 4);
    assert_true(
        till_stripe_verify(&secret, (struct till_str){header, 2048}, body, NOW_US, &f->err));
    assert_false(
        till_stripe_verify(&secret, (struct till_str){header, 2049}, body, NOW_US, &f->err));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
}

static void nobody_signs_without_a_secret_or_before_1970(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_secret secrets[2] = {{.len = 0}};
    struct till_str header = TILL_STR("untouched"), body = TILL_STR("{}");
    assert_false(till_stripe_sign(&f->arena, secrets, 0, NOW_S, body, &header, &f->err));
    assert_int_equal(f->err.code, TILL_E_KEY_WEAK);
    assert_false(till_stripe_sign(&f->arena, secrets, 1, NOW_S, body, &header, &f->err));
    assert_int_equal(f->err.code, TILL_E_KEY_WEAK);
    assert_false(till_stripe_sign(&f->arena, secrets, 1, -1, body, &header, &f->err));
    assert_int_equal(f->err.code, TILL_E_FIELD_INVALID);
    assert_true(till_str_is(header, "untouched"));
}

/* ---- the form ---- */

static void the_form_is_the_official_client_s(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *file = NULL;
    assert_true(till_json_parse(fixture_read(f, "form-encoding.json"), &file, &f->err));
    const struct till_json *cases = till_json_member(file, "cases");
    assert_int_equal(till_json_size(cases), 3);
    for (size_t i = 0; i < till_json_size(cases); i++) {
        const struct till_json *json = till_json_element(cases, i);
        struct till_str text, path = till_json_get_str(json, "path");
        struct till_str wanted = till_json_get_str(json, "body");
        if (wanted.len == 0)
            wanted = till_str_sub(path, till_str_find(path, '?') + 1, path.len);
        assert_true(
            till_stripe_form_encode(&f->arena, till_json_member(json, "params"), &text, &f->err));
        if (!till_str_equal(text, wanted))
            fail_msg("%.*s", TILL_STR_ARG(text));
    }
}

static void a_form_nests_and_escapes_and_leaves_nothing_out(void **state) {
    static const struct {
        const char *json, *form; /* NULL: refused */
    } rows[] = {
        {"{}", ""},
        {"{\"a\":null}", "a="},
        {"{\"a\":\"\"}", "a="},
        {"{\"a\":[],\"b\":{},\"c\":1}", "c=1"},
        {"{\"a\":[{\"b\":true},{\"b\":false}]}", "a[0][b]=true&a[1][b]=false"},
        {"{\"a\":{\"b\":{\"c\":[1,[2]]}}}", "a[b][c][0]=1&a[b][c][1][0]=2"},
        {"{\"a b\":{\"c&d[]\":\"!'()*~-._\"}}", "a%20b[c%26d%5B%5D]=%21%27%28%29%2A~-._"},
        {"{\"a\":-9223372036854775808}", "a=-9223372036854775808"},
        {"{\"a\":1.5}", NULL},
        {"{\"a\":[1e2]}", NULL},
        {"{\"a\":{\"b\":1.0}}", NULL},
        {"[1]", NULL},
        {"7", NULL},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_json *json = NULL;
        struct till_str text;
        bool is_read = till_json_parse(till_str_of(rows[i].json), &json, &f->err);
        bool good = is_read && till_stripe_form_encode(&f->arena, json, &text, &f->err);
        till_json_release(json);
        assert_int_equal(good, rows[i].form != NULL);
        if (good && !till_str_is(text, rows[i].form))
            fail_msg("%s: %.*s", rows[i].json, TILL_STR_ARG(text));
    }
}

#define TEN "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void an_arena_that_is_full_writes_no_half_of_anything(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_secret secret;
    TILL_JSON_SCOPED struct till_json *json = NULL;
    size_t written = 0;
    assert_true(till_stripe_secret_parse(TILL_STR(SECRET), &secret, &f->err));
    assert_true(till_json_parse(TILL_STR("{\"a\":{\"b\":[1,true,[7]]},\"c\":\"" LONG "\"}"), &json,
                                &f->err));
    for (size_t cap = 1; written < 2; cap += 4) {
        struct till_arena arena;
        struct till_str text;
        written = 0;
        till_arena_init(&arena, cap);
        if (till_stripe_form_encode(&arena, json, &text, &f->err)) {
            assert_true(till_str_is(text, "a[b][0]=1&a[b][1]=true&a[b][2][0]=7&c=" LONG));
            written++;
        } else {
            assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
        }
        till_arena_clean_up(&arena);
        till_arena_init(&arena, cap);
        if (till_stripe_sign(&arena, &secret, 1, NOW_S, TILL_STR("{}"), &text, &f->err)) {
            assert_int_equal(text.len, 2 + 10 + 4 + 64);
            written++;
        } else {
            assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
        }
        till_arena_clean_up(&arena);
        assert_true(cap < 8192);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(each_signature_is_reproduced),
        SENTENCE(a_byte_changed_dropped_or_added_is_refused),
        SENTENCE(a_body_that_was_written_anew_is_refused),
        SENTENCE(a_header_is_a_time_and_a_v1_that_matches),
        SENTENCE(upper_case_hex_is_refused),
        SENTENCE(s_075_the_clock_may_be_300_seconds_away_and_not_301),
        SENTENCE(s_072_another_secret_is_refused_and_an_empty_one_first_of_all),
        SENTENCE(a_header_has_an_end),
        SENTENCE(nobody_signs_without_a_secret_or_before_1970),
        SENTENCE(the_form_is_the_official_client_s),
        SENTENCE(an_arena_that_is_full_writes_no_half_of_anything),
        SENTENCE(a_form_nests_and_escapes_and_leaves_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
