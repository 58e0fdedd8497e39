/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: a header that is read says the same when it is written from its parts; under a public key
 * whose private half nobody has, nothing verifies. */
#include <stdlib.h>

#include <till/signing.h>

#include "tests/fuzz/fuzz.h"

static const struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};

static const struct till_key *nobodys_key(void) {
    static struct till_key *key;
    struct till_error err;
    if (!key &&
        !till_key_parse_public(
            TILL_STR("MCowBQYDK2VwAyEAhtuf8Qp8mhQdBxz0iI9vbNLH2k+n6QfPVuDocaWuPko="), &key, &err))
        abort();
    return key;
}

/* In the order in which libtill writes them, whichever it was read in. */
static void check_keyed(struct till_arena *arena, const struct till_signed_request *request,
                        const struct till_authorization *read) {
    static const char *const words[] = {[TILL_SIGNING_RSA_SHA256] = TILL_SIGNING_SCHEME_RSA,
                                        [TILL_SIGNING_ED25519] = TILL_SIGNING_SCHEME_ED25519};
    struct till_error err;
    struct till_str header;
    struct till_authorization back;
    bool good = till_arena_format(
                    arena, &header, &err, "%s signature=%.*s,nonce=%.*s,timestamp=%lld,key=%.*s",
                    words[read->claimed], TILL_STR_ARG(read->signature), TILL_STR_ARG(read->nonce),
                    (long long)read->timestamp_s, TILL_STR_ARG(read->key_id)) &&
                till_signing_parse(header, &back, &err);
    assert(good && back.claimed == read->claimed && back.timestamp_s == read->timestamp_s);
    assert(till_str_equal(back.signature, read->signature));
    good = till_signing_verify_by_key(arena, request, read->signature, TILL_SIGNING_ED25519,
                                      nobodys_key(), &err);
    assert(!good && err.code == TILL_E_SIGNATURE_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_authorization read, back;
    struct till_str header;
    if (!till_signing_parse(fuzz_input(bytes, size), &read, &err))
        return assert(err.code == TILL_E_SIGNATURE_MISSING), 0;
    struct till_signed_request request = {.method = TILL_STR("POST"),
                                          .host = TILL_STR("till.test"),
                                          .target = TILL_STR("/v1/payments"),
                                          .timestamp_s = read.timestamp_s,
                                          .nonce = read.nonce,
                                          .body = fuzz_input(bytes, size)};
    if (read.claimed != TILL_SIGNING_HMAC_SHA256)
        return check_keyed(&arena, &request, &read), 0;
    bool good = till_signing_authorize(&arena, &request, read.key_id, &secret, &header, &err) &&
                till_signing_parse(header, &back, &err);
    assert(good && till_str_equal(back.key_id, read.key_id) && header.len == size);
    assert(till_str_equal(back.nonce, read.nonce) && back.timestamp_s == read.timestamp_s);
    good = till_signing_verify(&arena, &request, back.signature, &secret, &err);
    assert(good);
    good = till_signing_verify(&arena, &request, read.signature, &secret, &err);
    assert(good == till_str_equal(read.signature, back.signature));
    return 0;
}
