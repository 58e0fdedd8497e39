/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between microseconds and text. The calendar is arithmetic (days since 1970 in the proleptic
 * Gregorian calendar, years starting in March so that the leap day comes last): no time zone
 * database, no locale, no clock.
 */
#include <assert.h>
#include <stdio.h>

#include <till/time.h>

#define BEIJING_S INT64_C(28800)
#define DAY_S INT64_C(86400)
#define YEAR_9999_END_S INT64_C(253402300800)

struct civil {
    int year, month, day, hour, minute, second, micros;
};

/* Days from 1970-01-01 to the date; year >= 1970. */
static int64_t days_of(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t march_month = (month + 9) % 12;
    int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static void set_date(struct civil *civil, int64_t days) {
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    civil->day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    civil->month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    civil->year = (int)(year_of_era + era * 400 + (civil->month <= 2));
}

/* False when the time, moved by the offset, is outside of the years 1970 to 9999. */
static bool to_civil(int64_t us, int64_t offset_s, struct civil *civil) {
    if (us < 0 || us / TILL_US_PER_SECOND >= YEAR_9999_END_S - offset_s)
        return false;
    int64_t s = us / TILL_US_PER_SECOND + offset_s;
    set_date(civil, s / DAY_S);
    civil->hour = (int)(s % DAY_S / 3600);
    civil->minute = (int)(s % 3600 / 60);
    civil->second = (int)(s % 60);
    civil->micros = (int)(us % TILL_US_PER_SECOND);
    return true;
}

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* The numbers are in range; seconds of leap are not. */
static bool is_real(const struct civil *c) {
    return c->year >= 1970 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 59;
}

static bool from_civil(const struct civil *c, int64_t offset_s, int64_t *ret_us) {
    if (!is_real(c))
        return false;
    int64_t s = days_of(c->year, c->month, c->day) * DAY_S + c->hour * INT64_C(3600) +
                c->minute * INT64_C(60) + c->second - offset_s;
    if (s < 0 || s >= YEAR_9999_END_S)
        return false;
    *ret_us = s * TILL_US_PER_SECOND + c->micros;
    return true;
}

/* Exactly `count` digits from the front. */
static bool take_number(struct till_str *text, size_t count, int *ret_number) {
    int number = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text->ptr[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    *text = till_str_sub(*text, count, text->len);
    *ret_number = number;
    return true;
}

static bool take_char(struct till_str *text, const char *any_of) {
    if (text->len == 0 || text->ptr[0] == '\0' || !strchr(any_of, text->ptr[0]))
        return false;
    *text = till_str_sub(*text, 1, text->len);
    return true;
}

/* "2026-11-22T10:00:00", the letter in between from `separators`. */
static bool take_date_time(struct till_str *text, const char *separators, struct civil *c) {
    return take_number(text, 4, &c->year) && take_char(text, "-") &&
           take_number(text, 2, &c->month) && take_char(text, "-") &&
           take_number(text, 2, &c->day) && take_char(text, separators) &&
           take_number(text, 2, &c->hour) && take_char(text, ":") &&
           take_number(text, 2, &c->minute) && take_char(text, ":") &&
           take_number(text, 2, &c->second);
}

/* Nothing, or a point and 1 to 6 digits. */
static bool take_fraction(struct till_str *text, int *ret_micros) {
    int digit, micros = 0, unit = 100000;
    if (!take_char(text, ".")) {
        *ret_micros = 0;
        return true;
    }
    if (!take_number(text, 1, &digit))
        return false;
    do {
        micros += digit * unit;
        unit /= 10;
    } while (unit && take_number(text, 1, &digit));
    *ret_micros = micros;
    return true;
}

/* "Z" or "+08:00". */
static bool take_offset(struct till_str *text, int64_t *ret_offset_s) {
    int hours, minutes;
    if (take_char(text, "Zz")) {
        *ret_offset_s = 0;
        return true;
    }
    int sign = till_str_starts_with(*text, TILL_STR("-")) ? -1 : 1;
    if (!take_char(text, "+-") || !take_number(text, 2, &hours) || !take_char(text, ":") ||
        !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = sign * (hours * INT64_C(3600) + minutes * INT64_C(60));
    return true;
}

bool till_time_format(int64_t us, char ret_text[TILL_TIME_TEXT], struct till_error *err) {
    struct civil c;
    if (!to_civil(us, 0, &c))
        return TILL_FAIL(err, TIME_INVALID, "Only the years 1970 to 9999 have a text.");
    assert(c.year >= 1970 && c.year <= 9999); /* so the text fits */
    snprintf(ret_text, TILL_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", c.year, c.month,
             c.day, c.hour, c.minute, c.second, c.micros);
    return true;
}

bool till_time_parse(struct till_str text, int64_t *ret_us, struct till_error *err) {
    struct civil c;
    int64_t offset_s;
    if (!take_date_time(&text, "Tt", &c) || !take_fraction(&text, &c.micros) ||
        !take_offset(&text, &offset_s) || text.len != 0 || !from_civil(&c, offset_s, ret_us))
        return TILL_FAIL(err, TIME_INVALID,
                         "Write the time as 2026-11-22T10:00:00Z, with Z or an offset.");
    return true;
}

bool till_time_format_beijing(int64_t us, char ret_text[TILL_TIME_TEXT], struct till_error *err) {
    struct civil c;
    if (!to_civil(us, BEIJING_S, &c))
        return TILL_FAIL(err, TIME_INVALID, "Only the years 1970 to 9999 have a text.");
    snprintf(ret_text, TILL_TIME_TEXT, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day,
             c.hour, c.minute, c.second);
    return true;
}

bool till_time_parse_beijing(struct till_str text, int64_t *ret_us, struct till_error *err) {
    struct civil c;
    if (!take_date_time(&text, " ", &c) || !take_fraction(&text, &c.micros) || text.len != 0 ||
        !from_civil(&c, BEIJING_S, ret_us))
        return TILL_FAIL(err, TIME_INVALID, "Write the time as 2026-11-22 18:00:00.");
    return true;
}
