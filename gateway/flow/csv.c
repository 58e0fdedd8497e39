/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/csv.h>

#include <till/time.h>

void csv_begin(struct csv *csv, struct till_arena *arena) {
    *csv = (struct csv){.is_started = false};
    till_buf_init(&csv->buf, arena);
}

static void separate(struct csv *csv) {
    if (csv->is_started)
        till_buf_char(&csv->buf, ',');
    csv->is_started = true;
}

/* Signs that begin a formula, also in their full-width forms, and what a spreadsheet drops before
 * it looks for one. */
static bool is_formula(struct till_str text) {
    static const char *const starts[] = {"=", "+", "-",  "@",  "\t", "\r", "\n",
                                         "|", "%", "＝", "＋", "－", "＠"};
    while (text.len && text.ptr[0] == ' ')
        text = till_str_sub(text, 1, text.len);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (till_str_starts_with(text, till_str_of(starts[i])))
            return true;
    return false;
}

static bool needs_quotes(struct till_str text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ',' || text.ptr[i] == '"' || (unsigned char)text.ptr[i] < 0x20)
            return true;
    return text.len > 0 && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

/* A file may be shown by a terminal, too: controls that are no line or tab become U+FFFD. */
static void add_char(struct till_buf *buf, char c) {
    unsigned char byte = (unsigned char)c;
    if (c == '"')
        till_buf_char(buf, '"');
    if (byte == 0x7f || (byte < 0x20 && c != '\t' && c != '\n' && c != '\r'))
        till_buf_text(buf, "\xef\xbf\xbd");
    else
        till_buf_char(buf, c);
}

void csv_text(struct csv *csv, struct till_str text) {
    bool is_disarmed = is_formula(text), is_quoted = is_disarmed || needs_quotes(text);
    separate(csv);
    if (is_quoted)
        till_buf_char(&csv->buf, '"');
    if (is_disarmed)
        till_buf_char(&csv->buf, '\'');
    for (size_t i = 0; i < text.len; i++)
        add_char(&csv->buf, text.ptr[i]);
    if (is_quoted)
        till_buf_char(&csv->buf, '"');
}

void csv_number(struct csv *csv, int64_t number) {
    separate(csv);
    till_buf_format(&csv->buf, "%lld", (long long)number);
}

void csv_time(struct csv *csv, int64_t us) {
    char text[TILL_TIME_TEXT] = "";
    struct till_error ignored;
    if (us == 0 || !till_time_format(us, text, &ignored))
        text[0] = '\0';
    csv_text(csv, till_str_of(text));
}

void csv_row_end(struct csv *csv) {
    till_buf_text(&csv->buf, "\r\n");
    csv->is_started = false;
}

bool csv_finish(struct csv *csv, struct till_str *ret_text, struct till_error *err) {
    return till_buf_finish(&csv->buf, ret_text, err);
}
