/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laws: a file that is read in chunks of any size is read the same; totals count what was handed
 * out; the first byte chooses the kind of file, the rest is the file.
 */
#include "tests/fuzz/fuzz_alipay.h"

struct run {
    struct till_str rest;
    size_t chunk;
    int64_t lines, sum;
};

static bool pull(void *self, struct till_str *ret_bytes, struct till_error *err) {
    struct run *run = self;
    (void)err;
    *ret_bytes = till_str_sub(run->rest, 0, run->chunk);
    run->rest = till_str_sub(run->rest, ret_bytes->len, run->rest.len);
    return true;
}

static bool take(void *self, const struct till_bill_line *line, struct till_error *err) {
    struct run *run = self;
    (void)err;
    assert(line->number == ++run->lines && (unsigned)line->kind < TILL_BILL_KINDS);
    assert(till_str_is_utf8(line->subject) && till_str_is_utf8(line->upstream_no));
    if (line->kind != TILL_BILL_OTHER)
        run->sum += line->received;
    return true;
}

static bool read_file(struct till_str file, unsigned kind, size_t chunk, struct run *run,
                      struct till_bill_totals *totals) {
    const struct till_account *account = fuzz_alipay_account();
    struct till_bill_wish wish = {.type = (enum till_bill_type)(kind & 1), .date = "2026-11-22"};
    struct till_bill_source source = {pull, run};
    struct till_bill_sink sink = {take, run};
    struct till_error err;
    *run = (struct run){.rest = file, .chunk = chunk};
    return account->channel->bills->read(account, &wish, (enum till_bill_part)(kind >> 1 & 1),
                                         &source, &sink, totals, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct run whole, parts;
    struct till_bill_totals one = {0}, two = {0};
    if (size == 0)
        return 0;
    struct till_str file = fuzz_input(bytes + 1, size - 1);
    bool good = read_file(file, bytes[0], size, &whole, &one);
    bool again = read_file(file, bytes[0], 7, &parts, &two);
    assert(good == again && whole.lines == parts.lines);
    if (!good)
        return 0;
    assert(one.lines == whole.lines && memcmp(&one, &two, sizeof one) == 0);
    assert((bytes[0] & 2) || one.in.amount + one.out.amount == whole.sum);
    return 0;
}
