/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot for each hash of a key's text. A slot's key is borrowed while a signature is checked; one
 * that is replaced meanwhile is freed by its last borrower. Parsing (some milliseconds) happens
 * outside of the lock: of two threads that parse the same text, one throws its key away.
 */
#include <gateway/guard/signers.h>

#include <stdlib.h>

enum { SIGNERS_CACHED = 256 };

struct signer {
    char text[KEY_PUBLIC_SIZE];
    struct till_key *key;
    enum till_signing_algorithm algorithm;
    size_t borrowers; /* under the lock, as is_kept */
    bool is_kept;     /* a slot has it */
};

struct signer_cache {
    struct world *world;
    struct world_lock lock;
    struct signer *slots[SIGNERS_CACHED];
    struct signer *decoys[TILL_SIGNING_ALGORITHMS];
};

/* What a request under an unknown key is checked with. Their private halves were thrown away. */
static const char *const DECOYS[TILL_SIGNING_ALGORITHMS] = {
    [TILL_SIGNING_RSA_SHA256] =
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzEQcs6Ru1QsLSduD6+jWzQ6+WpbIq90FQmzUb+wKsFy+"
        "UZWMWqyVugh3vVVh+l3IRgmZQLLGjFdMnLUb3gUn6wTVMUQ4tgXQvRottvK0c9g/LPvuWeGsiXwnccDpf2y0rTr2"
        "AjdKJm+DWUimcuEvvzSKaGfrZ347BEF4bi/W/UmgG8jOxYp1GjjkALoLlrwEmpuDkOsbM11aVoPjC+CNDGrpK62N"
        "t1Hl13cR5w9ETpuocE7Ed91x8qK5hfc00sc14zfiyuEBMPHWKgkq3OdK96C2NWMM/jR7XxY9g+AkRWYHPbAhA9to"
        "t/NU3Py/HVFfrCYCYlJsXrXEtWtn2TSkywIDAQAB",
    [TILL_SIGNING_ED25519] = "MCowBQYDK2VwAyEAhtuf8Qp8mhQdBxz0iI9vbNLH2k+n6QfPVuDocaWuPko=",
};

/* Signatures of the right length and in range, so that the whole of the work is done: bytes of 1.
 */
#define ONES_15 "AQEBAQEBAQEBAQEBAQEB"
#define ONES_60 ONES_15 ONES_15 ONES_15 ONES_15
static const char *const WRONG[TILL_SIGNING_ALGORITHMS] = {
    [TILL_SIGNING_RSA_SHA256] = ONES_60 ONES_60 ONES_60 ONES_60 ONES_15 "AQ==",
    [TILL_SIGNING_ED25519] = ONES_60 "AQEBAQ==",
};

static void free_signer(struct signer *signer) {
    if (signer)
        till_key_free(signer->key);
    free(signer);
}

static struct signer *load(const char *text, struct till_error *err) {
    struct signer *signer = calloc(1, sizeof *signer);
    if (!signer) {
        (void)TILL_FAIL(err, OUT_OF_MEMORY, NULL);
        return NULL;
    }
    memcpy(signer->text, text, strnlen(text, sizeof signer->text - 1));
    if (till_key_parse_public(till_str_of(signer->text), &signer->key, err) &&
        till_signing_key_check(signer->key, &signer->algorithm, err))
        return signer;
    free_signer(signer);
    return NULL;
}

bool signer_cache_open(struct world *world, struct signer_cache **ret, struct till_error *err) {
    struct signer_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    cache->world = world;
    for (int i = 0; i < TILL_SIGNING_ALGORITHMS; i++) {
        if (DECOYS[i] && !(cache->decoys[i] = load(DECOYS[i], err))) {
            signer_cache_close(cache);
            return false;
        }
    }
    *ret = cache;
    return true;
}

void signer_cache_close(struct signer_cache *cache) {
    if (!cache)
        return;
    for (size_t i = 0; i < SIGNERS_CACHED; i++)
        free_signer(cache->slots[i]);
    for (size_t i = 0; i < TILL_SIGNING_ALGORITHMS; i++)
        free_signer(cache->decoys[i]);
    free(cache);
}

static struct signer **slot_of(struct signer_cache *cache, const char *text) {
    uint32_t hash = 2166136261u;
    for (const char *at = text; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return &cache->slots[hash % SIGNERS_CACHED];
}

static struct signer *find(struct signer_cache *cache, const char *text) {
    struct signer *signer = *slot_of(cache, text);
    if (!signer || strcmp(signer->text, text) != 0)
        return NULL;
    signer->borrowers++;
    return signer;
}

/* Puts a loaded one into its slot. *ret_spare: what nobody needs now. */
static struct signer *adopt(struct signer_cache *cache, struct signer *loaded,
                            struct signer **ret_spare) {
    struct signer *known = find(cache, loaded->text);
    if (known) {
        *ret_spare = loaded;
        return known;
    }
    struct signer **slot = slot_of(cache, loaded->text);
    if (*slot) {
        (*slot)->is_kept = false;
        *ret_spare = (*slot)->borrowers == 0 ? *slot : NULL;
    }
    *slot = loaded;
    loaded->is_kept = true;
    loaded->borrowers = 1;
    return loaded;
}

static struct signer *borrow(struct signer_cache *cache, const char *text, struct till_error *err) {
    world_acquire(cache->world, &cache->lock);
    struct signer *signer = find(cache, text);
    world_release(cache->world, &cache->lock);
    if (signer)
        return signer;
    struct signer *spare = NULL, *loaded = load(text, err);
    if (!loaded)
        return NULL;
    world_acquire(cache->world, &cache->lock);
    signer = adopt(cache, loaded, &spare);
    world_release(cache->world, &cache->lock);
    free_signer(spare);
    return signer;
}

static void give_back(struct signer_cache *cache, struct signer *signer) {
    world_acquire(cache->world, &cache->lock);
    bool is_last = --signer->borrowers == 0 && !signer->is_kept;
    world_release(cache->world, &cache->lock);
    if (is_last)
        free_signer(signer);
}

bool signer_verify(struct signer_cache *cache, const struct key_row *row,
                   const struct till_signed_request *request, struct till_str signature,
                   struct till_arena *arena, struct till_error *err) {
    struct signer *signer = borrow(cache, row->public_key, err);
    if (!signer)
        return false;
    bool good =
        till_signing_verify_by_key(arena, request, signature, row->algorithm, signer->key, err);
    give_back(cache, signer);
    return good;
}

void signer_spend(struct signer_cache *cache, enum till_signing_algorithm claimed,
                  const struct till_signed_request *request, struct till_arena *arena) {
    struct till_error ignored;
    if (till_signing_verify_by_key(arena, request, till_str_of(WRONG[claimed]), claimed,
                                   cache->decoys[claimed]->key, &ignored))
        return;
}
