/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of states are those of enum till_*_state; times are microseconds since 1970; 0 means
 * "not". What must hold is a CHECK, a unique index or a trigger, so that no code path can break it.
 * Keys that we choose start with time and are cheap; a merchant's own number and the cashier's
 * token are not.
 */
#include "gateway/store/migrations.h"

#include <assert.h>

#include <till/state.h>

/* Numbers that stand in CHECKs, indexes and statements. */
static_assert(TILL_PAYMENT_PAID == 1 && TILL_PAYMENT_CLOSED == 3 && TILL_PAYMENT_STATES == 5, "");
static_assert(TILL_ATTEMPT_PAID == 4 && TILL_ATTEMPT_CLOSED == 6 && TILL_ATTEMPT_DECLINED == 7 &&
                  TILL_ATTEMPT_STATES == 8,
              "");
static_assert(TILL_REFUND_STATES == 7, "");

static const char *const FIRST[] = {
    "CREATE TABLE schema_versions("
    " version INTEGER PRIMARY KEY,"
    " applied_us INTEGER NOT NULL) STRICT",

    /* One row: what there is once. */
    "CREATE TABLE store_facts("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " config_epoch INTEGER NOT NULL CHECK (config_epoch > 0),"
    " nonce_horizon_s INTEGER NOT NULL CHECK (nonce_horizon_s >= 0),"
    " sequenced_pk INTEGER NOT NULL DEFAULT 0 CHECK (sequenced_pk >= 0),"
    " last_number INTEGER NOT NULL DEFAULT 0 CHECK (last_number >= 0),"
    " checked_us INTEGER NOT NULL DEFAULT 0,"
    " seal_check BLOB NOT NULL) STRICT",
    "CREATE TRIGGER nonce_horizon_forward BEFORE UPDATE OF nonce_horizon_s ON store_facts"
    " WHEN NEW.nonce_horizon_s < OLD.nonce_horizon_s"
    " BEGIN SELECT RAISE(ABORT, 'the nonce horizon only moves forward'); END",

    "CREATE TABLE apps("
    " id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " name TEXT NOT NULL,"
    " mode INTEGER NOT NULL CHECK (mode IN (0, 1)),"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " hosts TEXT NOT NULL,"
    " late_policy TEXT NOT NULL CHECK (late_policy IN ('keep', 'refund')),"
    " sealed_webhook_secret BLOB NOT NULL,"
    " created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID",

    /* A sealed secret is its bytes and 29 more: one below 32 bytes cannot be stored
     * at all (S-001). */
    "CREATE TABLE keys("
    " id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " algorithm TEXT NOT NULL CHECK (algorithm IN ('hmac-sha256')),"
    " sealed_secret BLOB NOT NULL CHECK (length(sealed_secret) >= 32 + 29),"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX keys_of_app ON keys(app_id)",

    "CREATE TABLE accounts("
    " id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " public_id TEXT NOT NULL UNIQUE CHECK (length(public_id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " channel TEXT NOT NULL CHECK (length(channel) > 0),"
    " name TEXT NOT NULL,"
    " mode INTEGER NOT NULL CHECK (mode IN (0, 1)),"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " sealed_settings BLOB NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " config_epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX accounts_of_app ON accounts(app_id, channel)",

    "CREATE TABLE endpoints("
    " id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " url TEXT NOT NULL CHECK (length(url) > 0),"
    " sealed_secrets BLOB NOT NULL,"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " disabled_reason TEXT NOT NULL,"
    " created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX endpoints_of_app ON endpoints(app_id)",

    "CREATE TABLE routes("
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " position INTEGER NOT NULL,"
    " channel TEXT NOT NULL,"
    " product TEXT NOT NULL,"
    " currency TEXT NOT NULL CHECK (length(currency) IN (0, 3)),"
    " amount_min INTEGER NOT NULL CHECK (amount_min >= 0),"
    " amount_max INTEGER NOT NULL CHECK (amount_max >= amount_min),"
    " account_id TEXT NOT NULL REFERENCES accounts(id),"
    " PRIMARY KEY (app_id, position)) STRICT, WITHOUT ROWID",

    "CREATE TABLE nonces("
    " key_id TEXT NOT NULL CHECK (length(key_id) > 0),"
    " nonce TEXT NOT NULL CHECK (length(nonce) > 0),"
    " timestamp_s INTEGER NOT NULL,"
    " PRIMARY KEY (key_id, nonce)) STRICT, WITHOUT ROWID",
    "CREATE INDEX nonces_by_time ON nonces(timestamp_s)",

    "CREATE TABLE idempotency_keys("
    " app_id TEXT NOT NULL,"
    " key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),"
    " fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),"
    " payment_id TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " PRIMARY KEY (app_id, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX idempotency_keys_by_time ON idempotency_keys(created_us)",

    "CREATE TABLE payments("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " account_id TEXT NOT NULL REFERENCES accounts(id),"
    " attempt_id TEXT NOT NULL CHECK (length(attempt_id) > 0),"
    " token TEXT NOT NULL UNIQUE CHECK (length(token) > 0),"
    " mode INTEGER NOT NULL CHECK (mode IN (0, 1)),"
    " out_trade_no TEXT NOT NULL CHECK (length(out_trade_no) > 0),"
    " fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),"
    " channel TEXT NOT NULL CHECK (length(channel) > 0),"
    " product TEXT NOT NULL CHECK (length(product) > 0),"
    " subject TEXT NOT NULL,"
    " notify_url TEXT NOT NULL,"
    " return_url TEXT NOT NULL,"
    " metadata TEXT NOT NULL,"
    " extra TEXT NOT NULL,"
    " amount INTEGER NOT NULL CHECK (amount > 0),"
    " currency TEXT NOT NULL CHECK (length(currency) = 3),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),"
    " version INTEGER NOT NULL CHECK (version > 0),"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " paid_us INTEGER NOT NULL DEFAULT 0,"
    " closed_us INTEGER NOT NULL DEFAULT 0,"
    " late INTEGER NOT NULL DEFAULT 0 CHECK (late IN (0, 1)),"
    " action_kind TEXT NOT NULL DEFAULT '',"
    " action_value TEXT NOT NULL DEFAULT '',"
    " action_expires_us INTEGER NOT NULL DEFAULT 0,"
    " peer_code TEXT NOT NULL DEFAULT '',"
    " peer_text TEXT NOT NULL DEFAULT '',"
    " event_sequence INTEGER NOT NULL DEFAULT 0 CHECK (event_sequence >= 0),"
    " CHECK ((state = 1) = (paid_us > 0)),"
    " CHECK (state <> 3 OR closed_us > 0),"
    " UNIQUE (app_id, out_trade_no)) STRICT",
    /* pk comes along: newest first of one app. */
    "CREATE INDEX payments_of_app ON payments(app_id)",
    "CREATE TRIGGER payments_stay BEFORE DELETE ON payments"
    " BEGIN SELECT RAISE(ABORT, 'payments are never deleted'); END",
    "CREATE TRIGGER payments_order_frozen"
    " BEFORE UPDATE OF id, app_id, out_trade_no, fingerprint, amount, currency, created_us ON "
    "payments"
    " BEGIN SELECT RAISE(ABORT, 'an order never changes'); END",

    "CREATE TABLE attempts("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " payment_id TEXT NOT NULL REFERENCES payments(id),"
    " account_id TEXT NOT NULL REFERENCES accounts(id),"
    " upstream_no TEXT NOT NULL UNIQUE CHECK (length(upstream_no) > 0),"
    " business TEXT NOT NULL,"
    " amount INTEGER NOT NULL CHECK (amount > 0),"
    " currency TEXT NOT NULL CHECK (length(currency) = 3),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),"
    " version INTEGER NOT NULL CHECK (version > 0),"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL,"
    " lease_until_us INTEGER NOT NULL DEFAULT 0,"
    " next_ask_us INTEGER NOT NULL DEFAULT 0,"
    " first_unknown_us INTEGER NOT NULL DEFAULT 0,"
    " asks INTEGER NOT NULL DEFAULT 0 CHECK (asks >= 0),"
    " crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),"
    " trade_no TEXT NOT NULL DEFAULT '',"
    " buyer TEXT NOT NULL DEFAULT '',"
    " received INTEGER NOT NULL DEFAULT 0,"
    " refund_held INTEGER NOT NULL DEFAULT 0,"
    " refunded INTEGER NOT NULL DEFAULT 0,"
    " finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)),"
    " CHECK (0 <= refunded AND refunded <= refund_held AND refund_held <= received),"
    " CHECK (received IN (0, amount)),"
    " CHECK (state <> 4 OR received > 0)) STRICT",
    "CREATE INDEX attempts_of_payment ON attempts(payment_id)",
    "CREATE INDEX attempts_due ON attempts(next_ask_us) WHERE next_ask_us > 0 AND crashes < 3",
    "CREATE INDEX attempts_unknown ON attempts(first_unknown_us) WHERE first_unknown_us > 0",
    "CREATE INDEX attempts_parked ON attempts(next_ask_us) WHERE next_ask_us > 0 AND crashes >= 3",
    "CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts"
    " BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END",
    "CREATE TRIGGER attempts_identity_frozen"
    " BEFORE UPDATE OF id, payment_id, account_id, upstream_no, business, amount, currency,"
    " created_us ON attempts"
    " BEGIN SELECT RAISE(ABORT, 'what was sent upstream never changes'); END",

    "CREATE TABLE refunds("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " payment_id TEXT NOT NULL REFERENCES payments(id),"
    " attempt_id TEXT NOT NULL REFERENCES attempts(id),"
    " app_id TEXT NOT NULL,"
    " account_id TEXT NOT NULL,"
    " out_refund_no TEXT NOT NULL CHECK (length(out_refund_no) > 0),"
    " refund_no TEXT NOT NULL UNIQUE CHECK (length(refund_no) > 0),"
    " reason TEXT NOT NULL,"
    " business TEXT NOT NULL,"
    " amount INTEGER NOT NULL CHECK (amount > 0),"
    " currency TEXT NOT NULL CHECK (length(currency) = 3),"
    " paid_amount INTEGER NOT NULL CHECK (paid_amount >= amount),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),"
    " version INTEGER NOT NULL CHECK (version > 0),"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " lease_until_us INTEGER NOT NULL DEFAULT 0,"
    " next_ask_us INTEGER NOT NULL DEFAULT 0,"
    " first_unknown_us INTEGER NOT NULL DEFAULT 0,"
    " asks INTEGER NOT NULL DEFAULT 0 CHECK (asks >= 0),"
    " crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),"
    " peer_code TEXT NOT NULL DEFAULT '',"
    " peer_text TEXT NOT NULL DEFAULT '',"
    " UNIQUE (app_id, out_refund_no)) STRICT",
    "CREATE INDEX refunds_of_payment ON refunds(payment_id)",
    "CREATE INDEX refunds_due ON refunds(next_ask_us) WHERE next_ask_us > 0 AND crashes < 3",
    "CREATE INDEX refunds_unknown ON refunds(first_unknown_us) WHERE first_unknown_us > 0",
    "CREATE INDEX refunds_parked ON refunds(next_ask_us) WHERE next_ask_us > 0 AND crashes >= 3",
    "CREATE TRIGGER refunds_stay BEFORE DELETE ON refunds"
    " BEGIN SELECT RAISE(ABORT, 'refunds are never deleted'); END",
    "CREATE TRIGGER refunds_identity_frozen"
    " BEFORE UPDATE OF id, payment_id, attempt_id, app_id, out_refund_no, refund_no, business,"
    " amount, currency ON refunds"
    " BEGIN SELECT RAISE(ABORT, 'what was sent upstream never changes'); END",

    /* subject_id: an attempt, a refund, or an account where nothing else is known. */
    "CREATE TABLE evidence("
    " pk INTEGER PRIMARY KEY,"
    " subject_id TEXT NOT NULL,"
    " kind TEXT NOT NULL CHECK (length(kind) > 0),"
    " digest BLOB NOT NULL CHECK (length(digest) = 32),"
    " bytes BLOB NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " UNIQUE (subject_id, kind, digest)) STRICT",
    "CREATE TRIGGER evidence_frozen BEFORE UPDATE ON evidence"
    " BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END",
    "CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence"
    " BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END",

    "CREATE TABLE ledger("
    " pk INTEGER PRIMARY KEY,"
    " transaction_id TEXT NOT NULL CHECK (length(transaction_id) > 0),"
    " payment_id TEXT NOT NULL REFERENCES payments(id),"
    " account TEXT NOT NULL CHECK (account IN ('channel_receivable', 'app_payable', 'refunds',"
    " 'fees', 'suspense')),"
    " app_id TEXT NOT NULL,"
    " currency TEXT NOT NULL CHECK (length(currency) = 3),"
    " debit INTEGER NOT NULL CHECK (debit >= 0),"
    " credit INTEGER NOT NULL CHECK (credit >= 0),"
    " what TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " CHECK ((debit = 0) <> (credit = 0))) STRICT",
    "CREATE INDEX ledger_of_payment ON ledger(payment_id)",
    "CREATE TRIGGER ledger_frozen BEFORE UPDATE ON ledger"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",

    /* pk grows in commit order, because one connection writes; AUTOINCREMENT never gives one out
       twice. */
    "CREATE TABLE events("
    " pk INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL,"
    " payment_id TEXT NOT NULL REFERENCES payments(id),"
    " sequence INTEGER NOT NULL CHECK (sequence > 0),"
    " type TEXT NOT NULL CHECK (length(type) > 0),"
    " body TEXT NOT NULL CHECK (length(body) <= 20000),"
    " created_us INTEGER NOT NULL,"
    " UNIQUE (payment_id, sequence)) STRICT",
    "CREATE TRIGGER events_frozen BEFORE UPDATE ON events"
    " BEGIN SELECT RAISE(ABORT, 'events never change'); END",
    "CREATE TRIGGER events_stay BEFORE DELETE ON events"
    " BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END",
    "CREATE TABLE event_numbers("
    " number INTEGER PRIMARY KEY CHECK (number > 0),"
    " event_pk INTEGER NOT NULL UNIQUE REFERENCES events(pk),"
    " app_id TEXT NOT NULL) STRICT",
    "CREATE INDEX event_numbers_of_app ON event_numbers(app_id)",

    /* state: 0 pending, 1 delivered, 2 dead, 3 disabled. lane: what shares a limit (S-108). */
    "CREATE TABLE deliveries("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " event_pk INTEGER NOT NULL REFERENCES events(pk),"
    " endpoint_id TEXT NOT NULL,"
    " app_id TEXT NOT NULL,"
    " lane TEXT NOT NULL,"
    " url TEXT NOT NULL,"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
    " attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),"
    " next_us INTEGER NOT NULL,"
    " leased INTEGER NOT NULL DEFAULT 0 CHECK (leased IN (0, 1)),"
    " lease_epoch INTEGER NOT NULL DEFAULT 0,"
    " last_status INTEGER NOT NULL DEFAULT 0,"
    " last_reason TEXT NOT NULL DEFAULT '',"
    " created_us INTEGER NOT NULL,"
    " UNIQUE (event_pk, endpoint_id)) STRICT",
    "CREATE INDEX deliveries_due ON deliveries(lane, leased, next_us) WHERE state = 0",
    "CREATE INDEX deliveries_parked ON deliveries(endpoint_id) WHERE state IN (2, 3)",
    "CREATE TABLE delivery_log("
    " pk INTEGER PRIMARY KEY,"
    " delivery_id TEXT NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " status INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " answer BLOB NOT NULL CHECK (length(answer) <= 1024),"
    " duration_us INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL) STRICT",
    "CREATE INDEX delivery_log_of_delivery ON delivery_log(delivery_id)",

    "CREATE TABLE discrepancies("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " type TEXT NOT NULL CHECK (length(type) > 0),"
    " cause TEXT NOT NULL CHECK (length(cause) > 0),"
    " account_id TEXT NOT NULL,"
    " payment_id TEXT NOT NULL,"
    " attempt_id TEXT NOT NULL,"
    " detail TEXT NOT NULL,"
    " open INTEGER NOT NULL CHECK (open IN (0, 1)),"
    " created_us INTEGER NOT NULL) STRICT",
    "CREATE UNIQUE INDEX discrepancies_open ON discrepancies(cause) WHERE open = 1",

    "INSERT INTO store_facts(one, config_epoch, nonce_horizon_s, seal_check) VALUES (1, 1, 0, x'')",
    NULL,
};

const struct migration MIGRATIONS[] = {{1, FIRST},
                                       {2, MIGRATION_BILLS},
                                       {MIGRATION_TRAIL_VERSION, MIGRATION_TRAIL},
                                       {4, MIGRATION_KEYS},
                                       {5, MIGRATION_ATTEMPTS},
                                       {6, MIGRATION_RECONCILE},
                                       {7, MIGRATION_MONEY},
                                       {8, MIGRATION_SIGNERS},
                                       {9, MIGRATION_LIMITS},
                                       {10, MIGRATION_LISTS},
                                       {11, MIGRATION_CLIENTS},
                                       {12, MIGRATION_REFERENCE}};
const int MIGRATION_COUNT = sizeof MIGRATIONS / sizeof *MIGRATIONS;
