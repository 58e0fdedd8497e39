/* SPDX-License-Identifier: Apache-2.0 */
/* Law: both readings of a settings file agree on which settings it holds. */
#include <rt/settings_file.h>

#include "tests/fuzz/fuzz.h"

static const struct setting TABLE[] = {
    {"url", SETTING_TEXT, "", 0, 0, false, 0, "A text."},
    {"http.port", SETTING_INT, "1", 1, 65535, false, 0, "A number."},
    {"http.limits.body", SETTING_SIZE, "1B", 0, 0, false, 0, "A size."},
    {"http.limits.time", SETTING_DURATION, "1s", 0, 0, false, 0, "A duration."},
    {"admin.secret", SETTING_SECRET, "", 8, 64, false, 0, "A secret."},
    {"admin.rate", SETTING_RATE, "500/s", 0, 0, false, 0, "A rate."},
    {"admin.on", SETTING_BOOL, "true", 0, 0, false, 0, "A switch."},
};
enum { ROWS = sizeof TABLE / sizeof TABLE[0] };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct settings_place places[ROWS];
    struct till_str texts[ROWS];
    struct settings_value value;
    struct settings_source source = {TABLE, ROWS, TILL_STR_INIT("till.yaml"),
                                     fuzz_input(bytes, size)};
    if (!settings_places(&source, places, &err))
        return 0;
    bool any = false, agree = true;
    for (size_t i = 0; i < ROWS; i++)
        any = any || places[i].line != 0;
    if (!any || !settings_texts(&source, &arena, texts, &err))
        return 0;
    for (size_t i = 0; i < ROWS; i++) {
        agree = agree && (places[i].line != 0) == (texts[i].ptr != NULL);
        if (texts[i].ptr && settings_value_read(&TABLE[i], texts[i], &value, &err))
            assert(TABLE[i].kind != SETTING_INT || (value.number >= 1 && value.number <= 65535));
    }
    assert(agree);
    return 0;
}
