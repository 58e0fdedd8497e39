/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appointments on the platform's clock: a heap, earliest first. An appointment that lost its sense
 * (acknowledged meanwhile, paid meanwhile) is not searched for; who takes it notices.
 */
#include <sandbox/platform.h>

#include <stdlib.h>

static void swap(struct appointment *a, struct appointment *b) {
    struct appointment kept = *a;
    *a = *b;
    *b = kept;
}

void platform_due(struct sandbox *sandbox, int64_t at_us, enum due_kind kind, void *object) {
    if (sandbox->due_count == sandbox->due_room) {
        size_t room = sandbox->due_room ? sandbox->due_room * 2 : 64;
        struct appointment *grown = realloc(sandbox->dues, room * sizeof *grown);
        if (!grown) {
            log_event(sandbox->log, LOG_ERROR, "sandbox_out_of_memory",
                      LOG_C("what", "appointment"));
            return;
        }
        sandbox->dues = grown;
        sandbox->due_room = room;
    }
    size_t at = sandbox->due_count++;
    sandbox->dues[at] = (struct appointment){at_us, kind, object};
    while (at > 0 && sandbox->dues[(at - 1) / 2].at_us > sandbox->dues[at].at_us) {
        swap(&sandbox->dues[at], &sandbox->dues[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sink(struct appointment *dues, size_t count) {
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < count && dues[left].at_us < dues[least].at_us)
            least = left;
        if (right < count && dues[right].at_us < dues[least].at_us)
            least = right;
        if (least == at)
            return;
        swap(&dues[at], &dues[least]);
        at = least;
    }
}

bool platform_due_take(struct sandbox *sandbox, int64_t now_us, struct appointment *ret_due) {
    if (sandbox->due_count == 0 || sandbox->dues[0].at_us > now_us)
        return false;
    *ret_due = sandbox->dues[0];
    sandbox->dues[0] = sandbox->dues[--sandbox->due_count];
    sink(sandbox->dues, sandbox->due_count);
    return true;
}

int64_t platform_due_next(const struct sandbox *sandbox) {
    return sandbox->due_count ? sandbox->dues[0].at_us : INT64_MAX;
}
