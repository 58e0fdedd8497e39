/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in the platform's shapes (dossier 7.2), texts of times and amounts. */
#include <sandbox/platform.h>

#include <assert.h>
#include <stdio.h>

uint64_t platform_random(struct sandbox *sandbox) {
    uint64_t z = sandbox->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void platform_digits(struct sandbox *sandbox, char *out, size_t count) {
    for (size_t i = 0; i < count; i++)
        out[i] = (char)('0' + platform_random(sandbox) % 10);
}

/* The tail of a number: random digits, then the counter, so that no two are equal. */
static void tail(struct sandbox *sandbox, char *out, size_t random_digits, int counter_digits,
                 size_t room) {
    platform_digits(sandbox, out, random_digits);
    uint64_t limit = 1;
    for (int i = 0; i < counter_digits; i++)
        limit *= 10;
    int written = snprintf(out + random_digits, room - random_digits, "%0*llu", counter_digits,
                           (unsigned long long)(++sandbox->counter % limit));
    assert(written == counter_digits);
}

/* yyyyMMdd and HHmmss of Beijing, without separators. */
static void stamp(int64_t now_us, char ret_day[9], char ret_time[7]) {
    char text[TILL_TIME_TEXT] = "1970-01-01 00:00:00";
    struct till_error err;
    if (!till_time_format_beijing(now_us, text, &err))
        memcpy(text, "1970-01-01 00:00:00", 20);
    size_t day = 0, time = 0;
    for (size_t i = 0; i < 19; i++) {
        if (text[i] < '0' || text[i] > '9')
            continue;
        if (day < 8)
            ret_day[day++] = text[i];
        else if (time < 6)
            ret_time[time++] = text[i];
    }
    ret_day[8] = '\0';
    ret_time[6] = '\0';
}

void platform_make_app_id(struct sandbox *sandbox, char out[PLATFORM_ID]) {
    memcpy(out, "9021", 4);
    tail(sandbox, out + 4, 6, 6, PLATFORM_ID - 4);
}

void platform_make_seller_id(struct sandbox *sandbox, char out[PLATFORM_ID]) {
    memcpy(out, "2088", 4);
    tail(sandbox, out + 4, 6, 6, PLATFORM_ID - 4);
}

/* 28 digits: day + 22001 + 15. */
void platform_make_trade_no(struct sandbox *sandbox, int64_t now_us, char out[PLATFORM_ID]) {
    char day[9], time[7];
    stamp(now_us, day, time);
    memcpy(out, day, 8);
    memcpy(out + 8, "22001", 5);
    tail(sandbox, out + 13, 6, 9, PLATFORM_ID - 13);
}

/* 34 digits: day + 00222 + time + 15. */
void platform_make_notify_id(struct sandbox *sandbox, int64_t now_us, char out[PLATFORM_ID]) {
    char day[9], time[7];
    stamp(now_us, day, time);
    memcpy(out, day, 8);
    memcpy(out + 8, "00222", 5);
    memcpy(out + 13, time, 6);
    tail(sandbox, out + 19, 6, 9, PLATFORM_ID - 19);
}

/* bax + 5 digits + 16 of 0-9a-z. */
void platform_make_code(struct sandbox *sandbox, char out[32]) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    memcpy(out, "bax", 3);
    tail(sandbox, out + 3, 0, 5, 29);
    for (size_t i = 8; i < 24; i++)
        out[i] = letters[platform_random(sandbox) % 36];
    out[24] = '\0';
}

/* 36 bytes of digests make 48 characters, of which the alphabet of URLs is used. */
void platform_open_id(const struct platform_app *app, const struct platform_buyer *buyer,
                      char out[PLATFORM_OPEN_ID]) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t digest[TILL_SHA256_SIZE];
    char text[2 * PLATFORM_ID];
    snprintf(text, sizeof text, "%s/%s", app->id, buyer->user_id);
    till_sha256(till_str_of(text), digest);
    for (size_t i = 0; i < PLATFORM_OPEN_ID - 1; i++) {
        if (i == TILL_SHA256_SIZE)
            till_sha256((struct till_str){(const char *)digest, sizeof digest}, digest);
        out[i] = alphabet[digest[i % TILL_SHA256_SIZE] & 63];
    }
    out[PLATFORM_OPEN_ID - 1] = 0;
}

size_t platform_bucket(struct till_str a, struct till_str b) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < a.len; i++)
        hash = (hash ^ (unsigned char)a.ptr[i]) * UINT64_C(1099511628211);
    hash = (hash ^ 0xff) * UINT64_C(1099511628211);
    for (size_t i = 0; i < b.len; i++)
        hash = (hash ^ (unsigned char)b.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(hash % PLATFORM_BUCKETS);
}

struct till_str platform_keep(struct till_arena *arena, struct till_str text) {
    struct till_str copy = TILL_STR_NONE;
    struct till_error err;
    if (text.len == 0 || !till_arena_copy(arena, text, &copy, &err))
        return TILL_STR_NONE;
    return copy;
}

struct till_str platform_time_text(struct till_arena *arena, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error err;
    if (us <= 0 || !till_time_format_beijing(us, text, &err))
        return TILL_STR_NONE;
    return platform_keep(arena, till_str_of(text));
}

struct till_str platform_money_text(struct till_arena *arena, int64_t minor) {
    char text[TILL_MONEY_TEXT];
    struct till_error err;
    if (!till_money_format((struct till_money){.minor = minor, .currency = "CNY"}, text, &err))
        return TILL_STR_NONE;
    return platform_keep(arena, till_str_of(text));
}
