/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, against the trail of who gave it: rights that nobody gave, a key that became
 * another's, a client whose revocation the trail does not know, a secret that nobody made, a token
 * that may more than its client. What the trail does not say, because it is older than the member,
 * excuses.
 */
#include "gateway/audit/scan.h"

#include <stdio.h>
#include <string.h>

#include <till/encode.h>

/* The newest row of the trail of each subject that says one of these. */
#define NEWEST(whats)                                                                              \
    "(SELECT subject, MAX(pk) AS pk FROM audit WHERE what IN (" whats ") GROUP BY subject)"
#define ADDED(noun) NEWEST("'" noun ".added'")

static const struct audit_rule RIGHTS[] = {
    {"right.key",
     "SELECT 'key ' || k.id, 'its rights are those that the trail gave it last, \"' ||"
     " COALESCE(" AUDIT_MEMBER(
         "a.body",
         "scopes") ", '') || '\"; they are \"' || k.scopes || '\"'"
                   " FROM keys AS k JOIN " NEWEST(
                       "'key.added', 'key.rights'") " AS n ON n.subject = k.id"
                                                    " JOIN audit AS a ON a.pk = n.pk"
                                                    " WHERE k.scopes <> COALESCE(" AUDIT_MEMBER(
                                                        "a.body", "scopes") ", '')"},
    {"right.owner",
     "SELECT 'key ' || k.id, 'app, algorithm and fingerprint are those that it was added with;'"
     " || ' they are ' || k.app_id || ', ' || k.algorithm || ', ' || k.fingerprint FROM keys AS k"
     " JOIN " ADDED(
         "key") " AS n ON n.subject = k.id JOIN audit AS a ON a.pk = n.pk"
                " WHERE k.app_id <> COALESCE(" AUDIT_MEMBER(
                    "a.body", "app") ", k.app_id)"
                                     " OR k.algorithm <> COALESCE(" AUDIT_MEMBER(
                                         "a.body",
                                         "algorithm") ", k.algorithm)"
                                                      " OR k.fingerprint <> COALESCE(" AUDIT_MEMBER(
                                                          "a.body", "fingerprint") ", '')"},
    {"right.client",
     "SELECT 'client ' || c.id, 'app and scopes are those that it was added with, ' || "
     "COALESCE(" AUDIT_MEMBER("a.body", "app") ", 'none') || ' and \"' || COALESCE(" AUDIT_MEMBER(
         "a.body",
         "scopes") ", '') || '\"; they are ' || c.app_id || ' and \"' ||"
                   " c.scopes || '\"' FROM oauth_clients AS c JOIN " ADDED(
                       "client") " AS n ON n.subject = c.id"
                                 " JOIN audit AS a ON a.pk = n.pk WHERE c.app_id IS "
                                 "NOT " AUDIT_MEMBER(
                                     "a.body",
                                     "app") " OR c.scopes IS NOT " AUDIT_MEMBER("a.body",
                                                                                "scopes")},
    {"right.revoked",
     "SELECT 'client ' || c.id, 'it is revoked when the trail says so, and has no token then; it "
     "is'"
     " || iif(c.revoked, ' revoked', ' not revoked') || ' and has ' || (SELECT COUNT(*) FROM"
     " oauth_tokens AS t WHERE t.client_id = c.id) || ' tokens' FROM oauth_clients AS c"
     " WHERE c.revoked <> (c.id IN (SELECT subject FROM audit WHERE what = 'client.revoked')) OR "
     "(c.revoked = 1 AND EXISTS (SELECT 1 FROM oauth_tokens AS t"
     " WHERE t.client_id = c.id))"},
    {"right.token",
     "WITH RECURSIVE words(digest, client_id, word, rest) AS (SELECT digest, client_id, '',"
     " scopes || ' ' FROM oauth_tokens UNION ALL SELECT digest, client_id,"
     " substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM words"
     " WHERE rest <> '') SELECT 'token ' || substr(hex(w.digest), 1, 16) || ' of ' || c.id,"
     " 'its scopes are among its client''s, \"' || c.scopes || '\"; \"' || w.word || '\" is not'"
     " FROM words AS w JOIN oauth_clients AS c ON c.id = w.client_id WHERE w.word <> '' AND"
     " instr(' ' || c.scopes || ' ', ' ' || w.word || ' ') = 0"},
    {"right.limits",
     "SELECT 'app ' || p.id, 'its limits are those that the trail gave it last, \"' || "
     "COALESCE(" AUDIT_MEMBER(
         "a.body",
         "limits") ", '') || '\"; they are \"' || p.limits || '\"' FROM apps AS"
                   " p LEFT JOIN " NEWEST(
                       "'app.limited'") " AS n ON n.subject = p.id LEFT JOIN audit AS a"
                                        " ON a.pk = n.pk WHERE p.limits <> COALESCE(" AUDIT_MEMBER(
                                            "a.body", "limits") ", '')"},
};

/* Whoever knows a secret that nobody made has a door of his own. The trail knows digests of what
 * the table keeps: "sha256:" and 64 hex digits. */
static void look_at_secrets(struct audit *audit) {
    static const char SQL[] =
        "SELECT c.id, c.secret, group_concat(a.digest) FROM (SELECT id, secret FROM oauth_clients"
        " WHERE secret IS NOT NULL UNION ALL SELECT id, older FROM oauth_clients WHERE older IS NOT"
        " NULL) AS c LEFT JOIN (SELECT subject, " AUDIT_MEMBER(
            "body", "secret") " AS digest FROM"
                              " audit WHERE what IN ('client.added', 'client.secret_added')) AS a "
                              "ON a.subject = c.id"
                              " GROUP BY c.id, c.secret";
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    uint8_t digest[TILL_SHA256_SIZE];
    char hex[2 * TILL_SHA256_SIZE + 1], wanted[8 + 2 * TILL_SHA256_SIZE], row[128];
    audit->report->rules++;
    while (audit_goes_on(audit) && audit_step(audit, stmt)) {
        const void *secret = sqlite3_column_blob(stmt, 1);
        till_sha256((struct till_str){secret, (size_t)sqlite3_column_bytes(stmt, 1)}, digest);
        till_hex_encode(digest, sizeof digest, hex);
        snprintf(wanted, sizeof wanted, "sha256:%s", hex);
        snprintf(row, sizeof row, "client %s", audit_text(stmt, 0));
        if (!strstr(audit_text(stmt, 2), wanted))
            audit_name(audit, "right.secret", row,
                       "each of its secrets is in the trail since it was made; one is %s", "not");
    }
}

void audit_rights(struct audit *audit) {
    audit_look(audit, RIGHTS, sizeof RIGHTS / sizeof *RIGHTS);
    if (audit_goes_on(audit))
        look_at_secrets(audit);
}
