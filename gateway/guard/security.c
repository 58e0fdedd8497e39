/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security events: every one is counted, few are logged. An attacker must not fill the disk with
 * our own lines, so a second has room for SECURITY_LINES of them; the next line says how many were
 * left out.
 */
#include <gateway/guard/guard.h>

#include <till/time.h>

enum { SECURITY_LINES = 10 };

/* True when this second still has room for a line. */
static bool may_log(struct gateway *gw, int64_t *ret_muted) {
    int64_t second = world_monotonic_us(gw->world) / TILL_US_PER_SECOND;
    int64_t seen = atomic_load(&gw->security_second);
    if (seen != second && atomic_compare_exchange_strong(&gw->security_second, &seen, second))
        atomic_store(&gw->security_lines, 0);
    if (atomic_fetch_add(&gw->security_lines, 1) >= SECURITY_LINES) {
        atomic_fetch_add(&gw->security_muted, 1);
        return false;
    }
    *ret_muted = atomic_exchange(&gw->security_muted, 0);
    return true;
}

void security_event(struct gateway *gw, const char *kind, const char *trace_id,
                    struct till_str detail) {
    int64_t muted = 0;
    metrics_add(gw->metrics, METRIC_SECURITY, kind, NULL, 1);
    if (!gw->log || !may_log(gw, &muted))
        return;
    log_event(gw->log, LOG_WARN, "security", LOG_C("kind", kind),
              LOG_C("trace_id", trace_id ? trace_id : ""), LOG_S("detail", detail),
              LOG_N("left_out", muted));
}
