/* SPDX-License-Identifier: Apache-2.0 */
/* Law: a time that is read is written as the same moment, here and in Beijing. */
#include <till/time.h>

#include "tests/fuzz/fuzz.h"

static void check_beijing(int64_t us) {
    struct till_error err;
    char text[TILL_TIME_TEXT];
    int64_t back;
    if (!till_time_format_beijing(us, text, &err))
        return;
    bool good = till_time_parse_beijing(till_str_of(text), &back, &err);
    assert(good && back == us - us % TILL_US_PER_SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_error err;
    char text[TILL_TIME_TEXT];
    int64_t us, back;
    if (!till_time_parse(fuzz_input(bytes, size), &us, &err) &&
        !till_time_parse_beijing(fuzz_input(bytes, size), &us, &err))
        return 0;
    bool good = till_time_format(us, text, &err) && till_time_parse(till_str_of(text), &back, &err);
    assert(good && back == us);
    check_beijing(us);
    return 0;
}
