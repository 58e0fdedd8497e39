/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/guard/redact.h>

#include <till/channel.h>
#include <till/encode.h>

enum { NESTING_MAX = 4, BASE64_RUN_MIN = 100, HEX_RUN_MIN = 64, NAME_MAX_SHOWN = 32 };

static const struct till_str HIDDEN = TILL_STR_INIT("[redacted]");

/* Lower-case parts of names; a name that contains one is private. */
static const char *const PRIVATE_PARTS[] = {
    "secret", "password",  "passwd",  "private", "token",     "authorization",
    "cookie", "auth_code", "buyer",   "phone",   "mobile",    "email",
    "openid", "id_card",   "cert_no", "card_no", "public_key"};
/* Whole names. */
static const char *const PRIVATE_NAMES[] = {"sign", "signature", "key",     "nonce", "pan",
                                            "cvv",  "receiver",  "address", "payer"};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool contains_folded(struct till_str s, const char *part) {
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= s.len; i++) {
        size_t k = 0;
        while (k < len && lower(s.ptr[i + k]) == part[k])
            k++;
        if (k == len)
            return true;
    }
    return false;
}

/* What a channel calls a secret among its accounts' settings. */
static bool is_secret_setting(struct till_str name) {
    const struct till_channel *channel;
    for (size_t i = 0; (channel = till_channel_at(i)); i++)
        for (const struct till_channel_setting *row = channel->settings; row->name; row++)
            if (row->secret && till_str_equal_ignoring_case(name, till_str_of(row->name)))
                return true;
    return false;
}

bool redact_is_private_name(struct till_str name) {
    for (size_t i = 0; i < sizeof PRIVATE_PARTS / sizeof PRIVATE_PARTS[0]; i++)
        if (contains_folded(name, PRIVATE_PARTS[i]))
            return true;
    for (size_t i = 0; i < sizeof PRIVATE_NAMES / sizeof PRIVATE_NAMES[0]; i++)
        if (till_str_equal_ignoring_case(name, till_str_of(PRIVATE_NAMES[i])))
            return true;
    return is_secret_setting(name);
}

/* ---- by the look of the value ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_word(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '-';
}
static bool is_base64(char c) {
    return is_word(c) || c == '+' || c == '/' || c == '=';
}

/* Each of these answers how many bytes at `at` belong to something private; 0: none. */

static size_t match_pem(struct till_str s, size_t at) {
    struct till_str rest = till_str_sub(s, at, s.len);
    if (!till_str_starts_with(rest, TILL_STR("-----BEGIN")))
        return 0;
    for (size_t i = 10; i + 8 < rest.len; i++)
        if (memcmp(rest.ptr + i, "-----END", 8) == 0) {
            struct till_str tail = till_str_sub(rest, i + 8, rest.len);
            size_t dashes = 0;
            while (dashes + 5 <= tail.len && memcmp(tail.ptr + dashes, "-----", 5) != 0)
                dashes++;
            return dashes + 5 <= tail.len ? i + 8 + dashes + 5 : rest.len;
        }
    return rest.len;
}

static size_t match_prefixed(struct till_str s, size_t at) {
    static const char *const PREFIXES[] = {
        "whsec_",           "whsk_",         "sk_test_",     "sk_live_",
        "rk_test_",         "rk_live_",      "Bearer ",      "TILL-HMAC-SHA256 ",
        "TILL-RSA-SHA256 ", "TILL-ED25519 ", "till_secret_", "till_token_"};
    struct till_str rest = till_str_sub(s, at, s.len);
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++) {
        struct till_str prefix = till_str_of(PREFIXES[i]);
        if (!till_str_starts_with(rest, prefix))
            continue;
        size_t len = prefix.len;
        while (len < rest.len &&
               (is_base64(rest.ptr[len]) || rest.ptr[len] == ',' || rest.ptr[len] == '.'))
            len++;
        return len;
    }
    return 0;
}

/* 11 digits from 13x to 19x, or 15 to 19 digits that pass the card check; standing alone. */
static size_t match_number(struct till_str s, size_t at) {
    size_t len = 0;
    unsigned sum = 0;
    if (!is_digit(s.ptr[at]) || (at > 0 && is_word(s.ptr[at - 1])))
        return 0;
    while (at + len < s.len && is_digit(s.ptr[at + len]))
        len++;
    if (at + len < s.len && is_word(s.ptr[at + len]))
        return 0;
    if (len == 11)
        return s.ptr[at] == '1' && s.ptr[at + 1] >= '3' ? len : 0;
    if (len < 15 || len > 19)
        return 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(s.ptr[at + len - 1 - i] - '0');
        unsigned doubled = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += i % 2 ? doubled : digit;
    }
    return sum % 10 == 0 ? len : 0;
}

static size_t match_mail(struct till_str s, size_t at) {
    size_t len = 0, dots = 0;
    if (at > 0 && (is_word(s.ptr[at - 1]) || s.ptr[at - 1] == '.'))
        return 0;
    while (at + len < s.len && (is_word(s.ptr[at + len]) || s.ptr[at + len] == '.'))
        len++;
    if (len == 0 || at + len >= s.len || s.ptr[at + len] != '@')
        return 0;
    size_t domain = ++len;
    while (at + len < s.len && (is_word(s.ptr[at + len]) || s.ptr[at + len] == '.'))
        dots += s.ptr[at + len++] == '.';
    return dots > 0 && len > domain + 2 ? len : 0;
}

static size_t match_long_base64(struct till_str s, size_t at) {
    size_t len = 0;
    if (at > 0 && is_base64(s.ptr[at - 1]))
        return 0;
    while (at + len < s.len && is_base64(s.ptr[at + len]))
        len++;
    return len >= BASE64_RUN_MIN ? len : 0;
}

/* Keys and signatures in hex; our ids are shorter. */
static size_t match_long_hex(struct till_str s, size_t at) {
    size_t len = 0;
    if (at > 0 && is_word(s.ptr[at - 1]))
        return 0;
    while (at + len < s.len && (is_digit(s.ptr[at + len]) ||
                                (lower(s.ptr[at + len]) >= 'a' && lower(s.ptr[at + len]) <= 'f')))
        len++;
    return len >= HEX_RUN_MIN ? len : 0;
}

static size_t match_any(struct till_str s, size_t at) {
    static size_t (*const MATCHERS[])(struct till_str, size_t) = {
        match_pem, match_prefixed, match_number, match_mail, match_long_base64, match_long_hex};
    for (size_t i = 0; i < sizeof MATCHERS / sizeof MATCHERS[0]; i++) {
        size_t len = MATCHERS[i](s, at);
        if (len > 0)
            return len;
    }
    return 0;
}

static void add_by_look(struct till_buf *buf, struct till_str s) {
    size_t from = 0;
    for (size_t at = 0; at < s.len;) {
        size_t len = match_any(s, at);
        if (len == 0) {
            at++;
            continue;
        }
        till_buf_add(buf, till_str_sub(s, from, at - from));
        till_buf_add(buf, HIDDEN);
        at += len;
        from = at;
    }
    till_buf_add(buf, till_str_sub(s, from, s.len));
}

/* ---- by the name of the field ---- */

static void add_text(struct till_buf *buf, struct till_str text, int depth);

/* The end of a JSON string that begins at `at` (its opening quote): just past the closing quote. */
static size_t skip_string(struct till_str s, size_t at) {
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return s.len;
}

static size_t skip_blanks(struct till_str s, size_t at) {
    while (at < s.len && strchr(" \t\r\n", s.ptr[at]) && s.ptr[at] != 0)
        at++;
    return at;
}

/* The end of a JSON value of any kind. Lenient: the text need not be JSON. */
static size_t skip_value(struct till_str s, size_t at) {
    size_t depth = 0;
    while (at < s.len) {
        char c = s.ptr[at];
        if (c == '"') {
            at = skip_string(s, at);
            if (depth == 0)
                return at;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']' || c == ',') && depth == 0)
            return at;
        at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return at;
}

/* A document inside of a string: \" and \\ are taken off before looking and put on again. */
static void add_string(struct till_buf *buf, struct till_str inner, int depth) {
    struct till_buf plain, redacted;
    struct till_str decoded, clean;
    struct till_error ignored;
    till_buf_init(&plain, buf->arena);
    for (size_t i = 0; i < inner.len; i++) {
        bool escaped = inner.ptr[i] == '\\' && i + 1 < inner.len;
        bool quote = escaped && strchr("\"\\/", inner.ptr[i + 1]) && inner.ptr[i + 1] != 0;
        till_buf_char(&plain, inner.ptr[quote ? ++i : i]);
    }
    till_buf_init(&redacted, buf->arena);
    if (till_buf_finish(&plain, &decoded, &ignored))
        add_text(&redacted, decoded, depth + 1);
    if (plain.failed || !till_buf_finish(&redacted, &clean, &ignored)) {
        buf->failed = true;
        return;
    }
    if (till_str_equal(clean, decoded)) {
        till_buf_add(buf, inner);
        return;
    }
    for (size_t i = 0; i < clean.len; i++) {
        if (clean.ptr[i] == '"' || clean.ptr[i] == '\\')
            till_buf_char(buf, '\\');
        till_buf_char(buf, clean.ptr[i]);
    }
}

/* Copies a document string by string: a string before a colon is a name, any other is a value. */
static void add_json(struct till_buf *buf, struct till_str s, int depth) {
    size_t at = 0;
    while (at < s.len) {
        if (s.ptr[at] != '"') {
            size_t from = at;
            while (at < s.len && s.ptr[at] != '"')
                at++;
            add_by_look(buf, till_str_sub(s, from, at - from));
            continue;
        }
        size_t end = skip_string(s, at), colon = skip_blanks(s, end);
        if (end == s.len && (end - at < 2 || s.ptr[end - 1] != '"')) { /* cut in the middle */
            add_by_look(buf, till_str_sub(s, at, s.len));
            return;
        }
        struct till_str inner = till_str_sub(s, at + 1, end - at > 1 ? end - at - 2 : 0);
        if (colon >= s.len || s.ptr[colon] != ':') {
            till_buf_char(buf, '"');
            add_string(buf, inner, depth);
            till_buf_char(buf, '"');
            at = end;
            continue;
        }
        till_buf_char(buf, '"'); /* a name may be a secret that stands in the wrong place */
        add_by_look(buf, inner);
        till_buf_add(buf, till_str_sub(s, end - 1, colon + 2 - end));
        at = colon + 1;
        if (redact_is_private_name(inner)) {
            till_buf_text(buf, "\"[redacted]\"");
            at = skip_value(s, skip_blanks(s, at));
        }
    }
}

static bool looks_like_form(struct till_str s) {
    size_t equals = till_str_find(s, '=');
    if (equals == 0 || equals == s.len)
        return false;
    for (size_t i = 0; i < equals; i++)
        if (!is_word(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '%')
            return false;
    return true;
}

static void add_form_value(struct till_buf *buf, struct till_str value, int depth) {
    struct till_str decoded, clean;
    struct till_error ignored;
    struct till_buf inner;
    if (!till_percent_decode(buf->arena, value, true, &decoded, &ignored)) {
        till_buf_add(buf, HIDDEN);
        return;
    }
    till_buf_init(&inner, buf->arena);
    add_text(&inner, decoded, depth + 1);
    if (!till_buf_finish(&inner, &clean, &ignored)) {
        buf->failed = true;
        return;
    }
    if (till_str_equal(clean, decoded))
        till_buf_add(buf, value);
    else
        till_percent_encode(buf, clean, TILL_PERCENT_FORM);
}

static void add_form(struct till_buf *buf, struct till_str s, int depth) {
    while (s.len > 0) {
        struct till_str pair = till_str_sub(s, 0, till_str_find(s, '&'));
        size_t equals = till_str_find(pair, '=');
        struct till_str name = till_str_sub(pair, 0, equals);
        add_by_look(buf, name);
        till_buf_add(buf, till_str_sub(pair, equals, 1));
        if (equals < pair.len && redact_is_private_name(name))
            till_buf_add(buf, HIDDEN);
        else if (equals < pair.len)
            add_form_value(buf, till_str_sub(pair, equals + 1, pair.len), depth);
        s = till_str_sub(s, pair.len, s.len);
        if (s.len > 0) {
            till_buf_char(buf, '&');
            s = till_str_sub(s, 1, s.len);
        }
    }
}

/* A JSON pointer, part by part; "#" of a fragment stands before the first slash. */
static void add_pointer(struct till_buf *buf, struct till_str pointer) {
    while (pointer.len > 0) {
        bool slash = pointer.ptr[0] == '/';
        struct till_str rest = till_str_sub(pointer, slash, pointer.len);
        struct till_str name = till_str_sub(rest, 0, till_str_find(rest, '/'));
        till_buf_text(buf, slash ? "/" : "");
        if (name.len > NAME_MAX_SHOWN)
            till_buf_add(buf, HIDDEN);
        else
            add_by_look(buf, name);
        pointer = till_str_sub(rest, name.len, rest.len);
    }
}

static void add_text(struct till_buf *buf, struct till_str text, int depth) {
    size_t first = skip_blanks(text, 0), query = till_str_find(text, '?');
    bool is_url = till_str_starts_with(text, TILL_STR("http://")) ||
                  till_str_starts_with(text, TILL_STR("https://")) ||
                  till_str_starts_with(text, TILL_STR("/"));
    if (depth > NESTING_MAX)
        till_buf_add(buf, HIDDEN);
    else if (first < text.len && (text.ptr[first] == '{' || text.ptr[first] == '['))
        add_json(buf, text, depth);
    else if (is_url && query < text.len) {
        add_by_look(buf, till_str_sub(text, 0, query));
        till_buf_char(buf, '?');
        add_form(buf, till_str_sub(text, query + 1, text.len), depth);
    } else if (till_str_starts_with(text, TILL_STR("#/")))
        add_pointer(buf, text);
    else if (looks_like_form(text))
        add_form(buf, text, depth);
    else
        add_by_look(buf, text);
}

bool redact_pointer(struct till_arena *arena, struct till_str pointer, struct till_str *ret_text,
                    struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    add_pointer(&buf, pointer);
    return till_buf_finish(&buf, ret_text, err);
}

bool redact_text(struct till_arena *arena, struct till_str text, struct till_str *ret_text,
                 struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    add_text(&buf, text, 0);
    return till_buf_finish(&buf, ret_text, err);
}
