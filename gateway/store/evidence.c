/* SPDX-License-Identifier: Apache-2.0 */
/* The raw verified bytes a fact was learned from; kept once per digest, never changed. */
#include "gateway/store/operations.h"

bool evidence_write(struct db *db, struct till_str subject_id, struct till_str kind,
                    struct till_str bytes, int64_t now_us, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO evidence(subject_id, kind, digest, bytes, created_us) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (subject_id, kind, digest) DO NOTHING";
    uint8_t digest[TILL_SHA256_SIZE];
    if (bytes.len == 0)
        return true;
    till_sha256(bytes, digest);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, subject_id);
    bind(&query, kind.len ? kind : TILL_STR("other"));
    bind_blob(&query, digest, sizeof digest);
    bind_blob(&query, bytes.ptr, bytes.len);
    bind(&query, now_us);
    return query_run(&query, NULL);
}
