/* SPDX-License-Identifier: Apache-2.0 */
/* The strings that are signed (dossier 2.1 and 7.3). */
#include <till/alipay.h>

bool till_alipay_request_text(struct till_arena *arena, const struct till_form *form,
                              bool keep_empty, struct till_str *ret_text, struct till_error *err) {
    static const char *const without[] = {"sign", NULL};
    return till_form_canonical(arena, form, without, !keep_empty, ret_text, err);
}

bool till_alipay_notify_text(struct till_arena *arena, const struct till_form *form,
                             enum till_alipay_rule rule, struct till_str *ret_text,
                             struct till_error *err) {
    static const char *const v1[] = {"sign", "sign_type", NULL};
    static const char *const v2[] = {"sign", NULL};
    /* Empty values are dropped as the platform's own checker does: nobody is told of
     * an empty one. */
    return till_form_canonical(arena, form, rule == TILL_ALIPAY_V1 ? v1 : v2, true, ret_text, err);
}
