/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/master_key.h>

#include <rt/file.h>
#include <till/encode.h>

enum { FILE_MAX = 4096, DISTINCT_MIN = 12 };

bool master_key_parse(struct till_arena *arena, struct till_str text, const char *field,
                      uint8_t ret_key[TILL_SEAL_KEY_SIZE], struct till_error *err) {
    struct till_str bytes;
    struct till_error ignored;
    bool seen[256] = {false};
    int distinct = 0;
    if (!till_hex_decode(arena, till_str_trim(text), &bytes, &ignored) ||
        bytes.len != TILL_SEAL_KEY_SIZE)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, field,
                               "The master key must be 64 hex digits; till init makes one.");
    for (size_t i = 0; i < bytes.len; i++) {
        distinct += !seen[(unsigned char)bytes.ptr[i]];
        seen[(unsigned char)bytes.ptr[i]] = true;
    }
    if (distinct < DISTINCT_MIN)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, field,
                               "The master key is weak; till init makes a random one.");
    memcpy(ret_key, bytes.ptr, TILL_SEAL_KEY_SIZE);
    return true;
}

bool master_key_read(struct till_arena *arena, struct till_str path, const char *field,
                     uint8_t ret_key[TILL_SEAL_KEY_SIZE], struct till_error *err) {
    struct till_str text;
    return file_read_secret(arena, path, FILE_MAX, field, &text, err) &&
           master_key_parse(arena, text, field, ret_key, err);
}

bool master_key_find(struct till_arena *arena, const char *environment, struct till_str path,
                     const char *field, uint8_t ret_key[TILL_SEAL_KEY_SIZE],
                     struct till_error *err) {
    if (environment)
        return master_key_parse(arena, till_str_of(environment), field, ret_key, err);
    if (path.len == 0)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, field,
                               "The master key is missing: name its file in "
                               "secrets.master_key_file or set TILL_MASTER_KEY.");
    return master_key_read(arena, path, field, ret_key, err);
}
