/* SPDX-License-Identifier: Apache-2.0 */
/* From what a merchant pasted to the row's public key; what may not sign stops here. */
#include <string.h>

#include <gateway/store/keys.h>

enum { EXPORT_MEMORY = 16384 };

static bool take_line(const struct till_key *key, struct till_arena *arena, struct key_row *row,
                      struct till_error *err) {
    struct till_str line;
    if (!till_key_export(arena, key, TILL_KEY_SPKI_BASE64, &line, err))
        return false;
    if (line.len >= sizeof row->public_key)
        return TILL_FAIL(err, KEY_INVALID, "The key is longer than any that may sign.");
    memcpy(row->public_key, line.ptr, line.len);
    row->public_key[line.len] = '\0';
    till_key_fingerprint(key, row->fingerprint);
    return true;
}

bool key_row_set_public(struct key_row *row, struct till_str pasted, struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    enum till_signing_algorithm algorithm;
    struct till_arena arena;
    if (!till_key_parse_public(pasted, &key, err) || !till_signing_key_check(key, &algorithm, err))
        return false;
    till_arena_init(&arena, EXPORT_MEMORY);
    bool done = take_line(key, &arena, row, err);
    till_arena_clean_up(&arena);
    if (done)
        row->algorithm = algorithm;
    return done;
}
