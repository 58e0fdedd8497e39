/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform that replaces its certificate. An answer under an unknown one is UNKNOWN; here the
 * certificate is fetched, judged by the channel, stored with the account's settings in one commit,
 * and the very same answer is read again. Whoever stored it first is followed: the others find the
 * newer settings and fetch nothing.
 *
 * A name in an answer is not signed, so it costs at most one download a minute and account, forged
 * or not. A notification names no certificate: one that does not verify is refused at once, and at
 * most once a minute the account is asked something harmless, whose answer tells the present name.
 * Nothing in a notification waits for that; the platform sends it again.
 */
#include <gateway/flow/parts.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

#define APART_US (60 * INT64_C(1000000))
enum { ANSWER_MAX = 256 * 1024, PROBES_A_ROUND = 4 };

static size_t slot_of(const char *account_id) {
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(till_str_of(account_id), digest);
    return digest[0] % GATEWAY_ASKED_SLOTS;
}

/* Accounts that share a slot share its turn. */
static bool may(struct gateway *gw, _Atomic int64_t *slot) {
    int64_t now_us = world_monotonic_us(gw->world), last_us = atomic_load(slot);
    return (last_us == 0 || now_us - last_us >= APART_US) &&
           atomic_compare_exchange_strong(slot, &last_us, now_us);
}

static void count(struct gateway *gw, const char *outcome) {
    metrics_add(gw->metrics, METRIC_CERTIFICATES, outcome, NULL, 1);
}

/* ---- an answer that names another certificate ---- */

struct renewal {
    const char *trace_id;
    const struct account_row *row;
    struct till_str wanted;
    struct till_arena *arena;
};

static bool fetch(struct gateway *gw, const struct renewal *r, const struct till_account *account,
                  struct till_incoming *ret, struct till_error *err) {
    struct till_outgoing outgoing;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    if (!account->channel->certificate_ask(account, r->wanted, world_now_us(gw->world), r->arena,
                                           &outgoing, err))
        return false;
    struct till_pair content_type = {TILL_STR("Content-Type"), outgoing.content_type};
    struct world_request request = {.errand = WORLD_PLATFORM,
                                    .method = outgoing.method,
                                    .url = outgoing.url,
                                    .headers = &content_type,
                                    .header_count = 1,
                                    .body = outgoing.body,
                                    .timeout_us = gw->settings->upstream_timeout,
                                    .answer_max = ANSWER_MAX};
    world_exchange(gw->world, &request, r->arena, &answer);
    capture_write(gw->capture, &(struct capture_exchange){.direction = "upstream",
                                                          .trace_id = r->trace_id,
                                                          .method = outgoing.method,
                                                          .url = outgoing.url,
                                                          .request_body = outgoing.body,
                                                          .answer_body = answer.body,
                                                          .status = answer.status,
                                                          .duration_us = answer.duration_us});
    *ret = (struct till_incoming){answer.fate, answer.status, answer.body};
    return true;
}

/* What is stored must load, or the next start is refused; and the certificate is then the account's
 * present one. */
static bool check_loads(const struct renewal *r, struct till_str settings, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_account *account = NULL;
    if (!till_json_parse(settings, &json, err) ||
        !till_account_load(r->row->channel, r->row->mode, json, &account, err))
        return false;
    bool is_wanted = till_str_equal(account->channel->certificate_name(account), r->wanted);
    till_account_free(account);
    return is_wanted || TILL_FAIL(err, CERTIFICATE_INVALID,
                                  "The new settings do not lead to the certificate wanted.");
}

/* The settings with the new certificate; not yet stored. */
static bool take(struct gateway *gw, const struct renewal *r, struct till_str *ret_settings,
                 struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *settings = NULL;
    const struct till_account *account;
    struct till_incoming incoming;
    if (!till_json_parse(r->row->settings, &settings, err) ||
        !account_borrow(gw->accounts, r->row, &account, err))
        return false;
    bool good =
        fetch(gw, r, account, &incoming, err) &&
        account->channel->certificate_take(account, r->wanted, &incoming, settings,
                                           world_now_us(gw->world), r->arena, ret_settings, err) &&
        check_loads(r, *ret_settings, err);
    account_return(gw->accounts, account);
    return good;
}

/* Silence and refusals are the platform's business; content that cannot be trusted is an event. */
static void refuse(struct gateway *gw, const struct renewal *r, const struct till_error *err) {
    bool is_forged = err->code == TILL_E_CERTIFICATE_INVALID || err->code == TILL_E_KEY_INVALID ||
                     err->code == TILL_E_KEY_WEAK || err->code == TILL_E_SIGNATURE_WRONG ||
                     err->code == TILL_E_SIGNATURE_MISSING;
    count(gw, is_forged ? "refused" : "failed");
    log_failure(gw->log, LOG_WARN, "certificate_not_renewed", err);
    if (is_forged)
        security_event(gw, "certificate_refused", r->trace_id, till_str_of(err->text));
}

/* Settings that a person changed meanwhile are not overwritten: the next answer asks again. */
static bool renew(struct gateway *gw, const struct renewal *r, struct till_error *err) {
    struct till_str settings;
    if (!take(gw, r, &settings, err))
        return false;
    TILL_FP("K3");
    return store_account_rotate(gw->store, till_str_of(r->row->id), r->row->config_epoch, settings,
                                err);
}

bool certificate_renew(struct gateway *gw, const char *trace_id, const struct account_row *row,
                       struct till_str wanted, struct till_arena *arena,
                       struct account_row *ret_row) {
    struct account_row now;
    struct till_error err;
    struct till_str id = till_str_of(row->id);
    if (!store_account_get(gw->store, arena, id, &now, &err))
        return false;
    if (now.config_epoch == row->config_epoch) {
        const struct renewal renewal = {trace_id, &now, wanted, arena};
        if (!may(gw, &gw->certificate_us[slot_of(row->id)]))
            return false;
        if (!renew(gw, &renewal, &err)) {
            refuse(gw, &renewal, &err);
            return false;
        }
        count(gw, "renewed");
        log_event(gw->log, LOG_WARN, "certificate_renewed", LOG_C("account", row->id),
                  LOG_S("certificate", wanted));
        if (!store_account_get(gw->store, arena, id, &now, &err))
            return false;
    }
    *ret_row = now;
    return true;
}

/* ---- a notification that does not verify ---- */

void certificate_suspect(struct gateway *gw, const struct account_row *row) {
    size_t slot = slot_of(row->id);
    const struct till_channel *channel = till_channel_find(row->channel);
    if (!channel || !channel->certificate_name || !may(gw, &gw->suspected_us[slot]))
        return;
    world_acquire(gw->world, &gw->suspects_lock);
    memcpy(gw->suspects[slot], row->id, sizeof gw->suspects[slot]);
    world_release(gw->world, &gw->suspects_lock);
    atomic_store(&gw->any_suspected, true);
    world_wake(gw->world, &gw->sweep_spot);
}

static bool has_certificate(struct gateway *gw, const struct account_row *row) {
    const struct till_account *account;
    struct till_error ignored;
    if (!account_borrow(gw->accounts, row, &account, &ignored))
        return false;
    bool has = account->channel->certificate_name(account).len > 0;
    account_return(gw->accounts, account);
    return has;
}

/* The answer of the probe is read like any other: an unknown name in it leads to the renewal. */
static void probe(struct gateway *gw, const char *id) {
    struct till_arena arena;
    struct account_row row;
    struct till_verdict verdict;
    struct till_error err;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    if (!store_account_get(gw->store, &arena, till_str_of(id), &row, &err))
        log_failure(gw->log, LOG_WARN, "certificate_look", &err);
    else if (has_certificate(gw, &row))
        probe_ask(gw, NULL, &row, &arena, &verdict);
    till_arena_clean_up(&arena);
}

/* Takes some suspects out, going round: what is raised from now on is a suspicion of its own. */
static size_t take_suspects(struct gateway *gw, char ret_ids[PROBES_A_ROUND][TILL_ID_SIZE],
                            bool *ret_more) {
    size_t count = 0, from = 0;
    *ret_more = false;
    world_acquire(gw->world, &gw->suspects_lock);
    from = gw->suspects_from;
    for (size_t i = 0; i < GATEWAY_ASKED_SLOTS && !*ret_more; i++) {
        size_t slot = (from + i) % GATEWAY_ASKED_SLOTS;
        if (!gw->suspects[slot][0])
            continue;
        *ret_more = count == PROBES_A_ROUND;
        if (!*ret_more) {
            memcpy(ret_ids[count++], gw->suspects[slot], TILL_ID_SIZE);
            gw->suspects[slot][0] = '\0';
        }
        gw->suspects_from = slot;
    }
    world_release(gw->world, &gw->suspects_lock);
    return count;
}

/* One sweeper at a time, so that the others go on with the rows; what is more than a round's
 * waits for the next one. */
void certificate_look(struct gateway *gw) {
    char ids[PROBES_A_ROUND][TILL_ID_SIZE];
    bool more = false;
    if (!atomic_load(&gw->any_suspected) || atomic_exchange(&gw->looking, true))
        return;
    atomic_store(&gw->any_suspected, false);
    size_t count = take_suspects(gw, ids, &more);
    for (size_t i = 0; i < count; i++)
        probe(gw, ids[i]);
    if (more)
        atomic_store(&gw->any_suspected, true);
    atomic_store(&gw->looking, false);
    if (atomic_load(&gw->any_suspected))
        world_wake(gw->world, &gw->sweep_spot);
}
