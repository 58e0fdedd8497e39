/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/config.h>
#include <gateway/gateway.h>

static struct till_str names(const struct config_report *report, bool took_effect,
                             struct till_arena *arena) {
    struct till_buf buf;
    struct till_str text;
    struct till_error ignored;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < report->count; i++) {
        const struct config_change *change = &report->changes[i];
        if (change->took_effect != took_effect)
            continue;
        till_buf_text(&buf, buf.len ? ", " : "");
        till_buf_text(&buf, change->row->name);
    }
    return till_buf_finish(&buf, &text, &ignored) ? text : TILL_STR("(too many to name)");
}

bool gateway_reload(struct gateway *gateway, struct till_arena *arena,
                    struct config_report *ret_report, struct till_error *err) {
    if (!gateway->config)
        return TILL_FAIL(err, NOT_FOUND, "This gateway's settings do not come from a file.");
    if (!config_reload(gateway->config, gateway->world, arena, ret_report, err)) {
        log_failure(gateway->log, LOG_ERROR, "settings_refused", err);
        return false;
    }
    log_event(gateway->log, LOG_INFO, "settings_reloaded",
              LOG_S("changed", names(ret_report, true, arena)),
              LOG_S("needs_restart", names(ret_report, false, arena)));
    return true;
}
