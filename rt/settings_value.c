/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/settings_file.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit DURATIONS[] = {{"ms", 1000},      {"s", 1000000},     {"m", 60000000},
                                        {"h", 3600000000}, {"d", 86400000000}, {NULL, 0}};
static const struct unit SIZES[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};

static bool read_int(struct till_str text, int64_t *ret_number) {
    bool negative = text.len > 1 && text.ptr[0] == '-';
    unsigned long long number = 0;
    if (!till_str_to_u64(till_str_sub(text, negative, text.len), INT64_MAX, &number))
        return false;
    *ret_number = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool read_measure(struct till_str text, const struct unit *units, int64_t *ret_number) {
    size_t digits = 0;
    unsigned long long number = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!till_str_to_u64(till_str_sub(text, 0, digits), INT64_MAX, &number))
        return false;
    struct till_str name = till_str_sub(text, digits, text.len);
    if (name.len == 0 && number == 0) {
        *ret_number = 0;
        return true;
    }
    for (; units->name; units++) {
        if (!till_str_is(name, units->name))
            continue;
        return !__builtin_mul_overflow((int64_t)number, units->factor, ret_number);
    }
    return false;
}

static bool fail(const struct setting *row, struct till_error *err, const char *rule) {
    return TILL_FAIL_FIELD(err, SETTING_INVALID, row->name, "%s %s", row->name, rule);
}

/* Bounds 0..0 mean: none given. */
static bool within(const struct setting *row, int64_t number) {
    return (row->min == 0 && row->max == 0) || (number >= row->min && number <= row->max);
}

/* The largest unit that divides, so that "64KiB" is not told as 65536. */
static void tell(char out[32], int64_t number, const struct unit *units) {
    const struct unit *best = NULL;
    for (; units && units->name; units++)
        if (number != 0 && number % units->factor == 0)
            best = units;
    struct till_arena arena;
    struct till_error err;
    struct till_str text = TILL_STR_NONE;
    till_arena_init(&arena, 256);
    if (till_arena_format(&arena, &text, &err, "%lld%s",
                          (long long)(best ? number / best->factor : number),
                          best ? best->name : "") &&
        text.len < 32)
        memcpy(out, text.ptr, text.len + 1);
    else
        out[0] = 0;
    till_arena_clean_up(&arena);
}

static bool fail_bounds(const struct setting *row, struct till_error *err,
                        const struct unit *units) {
    char low[32], high[32];
    tell(low, row->min, units);
    tell(high, row->max, units);
    return TILL_FAIL_FIELD(err, SETTING_INVALID, row->name, "%s must be from %s to %s.", row->name,
                           low, high);
}

static bool read_number(const struct setting *row, struct till_str text,
                        struct settings_value *value, struct till_error *err) {
    const struct unit *units = NULL;
    bool ok = false;
    switch (row->kind) {
    case SETTING_INT:
        ok = read_int(text, &value->number);
        break;
    case SETTING_DURATION:
        units = DURATIONS;
        ok = read_measure(text, units, &value->number);
        break;
    default:
        units = SIZES;
        ok = read_measure(text, units, &value->number);
        break;
    }
    if (!ok)
        return fail(row, err,
                    row->kind == SETTING_INT ? "must be a whole number without leading zeros."
                    : row->kind == SETTING_DURATION
                        ? "must be a duration such as 500ms, 10s, 5m, 2h or 3d."
                        : "must be a size such as 512B, 64KiB, 1MiB or 1GiB.");
    return within(row, value->number) || fail_bounds(row, err, units);
}

static bool read_text(const struct setting *row, struct till_str text, struct settings_value *value,
                      struct till_error *err) {
    if (!till_str_is_utf8(text))
        return fail(row, err, "must be UTF-8 without NUL.");
    /* Empty where the default is empty means "not set": bounds are for what people give. */
    bool unset = text.len == 0 && (!row->fallback || row->fallback[0] == 0);
    bool bounded = !unset && (row->min != 0 || row->max != 0);
    if (bounded && ((int64_t)text.len < row->min || (int64_t)text.len > row->max))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, row->name, "%s must have %lld to %lld bytes.",
                               row->name, (long long)row->min, (long long)row->max);
    value->text = text;
    return true;
}

bool settings_value_read(const struct setting *row, struct till_str text,
                         struct settings_value *ret_value, struct till_error *err) {
    struct settings_value value = {.number = 0};
    bool ok = true;
    switch (row->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
    case SETTING_PATH:
        ok = read_text(row, text, &value, err);
        break;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_SIZE:
        ok = read_number(row, text, &value, err);
        break;
    case SETTING_BOOL:
        value.truth = till_str_is(text, "true");
        if (!value.truth && !till_str_is(text, "false"))
            ok = fail(row, err, "must be exactly true or false.");
        break;
    case SETTING_RATE:
        ok = rate_parse(text, &value.rate) ||
             fail(row, err, "must be a rate such as 500/s, 30/m, 5/s burst 20, or off.");
        break;
    }
    if (ok)
        *ret_value = value;
    return ok;
}

bool settings_number_show(enum setting_kind kind, int64_t number, struct till_arena *arena,
                          struct till_str *ret_text, struct till_error *err) {
    char text[32];
    tell(text, number, kind == SETTING_DURATION ? DURATIONS : kind == SETTING_SIZE ? SIZES : NULL);
    return till_arena_copy(arena, till_str_of(text), ret_text, err);
}
