/* SPDX-License-Identifier: Apache-2.0 */
/* An app's own rate limits, as gateway/guard/limits.h writes them; empty: the settings' hold. */
#include "gateway/store/migrations.h"

const char *const MIGRATION_LIMITS[] = {
    "ALTER TABLE apps ADD COLUMN limits TEXT NOT NULL DEFAULT '' CHECK (length(limits) <= 1024)",
    NULL,
};
