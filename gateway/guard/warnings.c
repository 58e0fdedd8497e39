/* SPDX-License-Identifier: Apache-2.0 */
/* What is weak or about to end in an account is said at every start, until somebody mends it. */
#include <gateway/guard/guard.h>

enum { DESCRIBE_MEMORY = 1 << 20 };

void account_warn(struct gateway *gw, const struct account_row *row,
                  const struct till_account *account) {
    TILL_JSON_SCOPED struct till_json *told = till_json_object();
    struct till_arena arena;
    struct till_error err;
    if (!account->channel->describe)
        return;
    till_arena_init(&arena, DESCRIBE_MEMORY);
    if (!account->channel->describe(account, world_now_us(gw->world), &arena, told, &err))
        log_failure(gw->log, LOG_WARN, "account_not_described", &err);
    const struct till_json *warnings = till_json_member(told, "warnings");
    for (size_t i = 0; i < till_json_size(warnings); i++)
        log_event(gw->log, LOG_WARN, "account_warning", LOG_C("account", row->id),
                  LOG_S("text", till_json_str(till_json_element(warnings, i))));
    till_arena_clean_up(&arena);
}
