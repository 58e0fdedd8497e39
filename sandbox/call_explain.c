/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the signature of a gateway.do call does not verify: first what certificate mode and
 * encryption get wrong (parameters added after signing, the plain text signed), which only this
 * side can try; then the hypotheses of till_explain_alipay over the parameters as understood.
 */
#include <sandbox/mode.h>

static bool drop(struct till_form *form, const char *name) {
    for (size_t i = 0; i < form->count; i++) {
        if (!till_str_is(form->pairs[i].name, name))
            continue;
        form->pairs[i] = form->pairs[--form->count];
        return true;
    }
    return false;
}

static bool without_certificates(struct call *call, struct till_form *form) {
    (void)call;
    bool app = drop(form, "app_cert_sn"), roots = drop(form, "alipay_root_cert_sn");
    return app || roots;
}

static bool without_encrypt_type(struct call *call, struct till_form *form) {
    (void)call;
    return drop(form, "encrypt_type");
}

static bool with_plain_fields(struct call *call, struct till_form *form) {
    struct till_error err;
    for (size_t i = 0; i < form->count; i++)
        if (till_str_is(form->pairs[i].name, "biz_content"))
            return call->has_aes_key &&
                   till_aes_decrypt(call->arena, &call->aes_key, form->pairs[i].value,
                                    &form->pairs[i].value, &err);
    return false;
}

static const struct hypothesis {
    /* False: there is nothing of the kind. */
    bool (*change)(struct call *call, struct till_form *form);
    const char *verdict, *cause, *advice;
} hypotheses[] = {
    {without_certificates, "It verifies without the numbers of the certificates.",
     "app_cert_sn and alipay_root_cert_sn were added after the signature was made.",
     "Put them among the parameters first; everything that is sent is signed."},
    {without_encrypt_type, "It verifies without encrypt_type.",
     "encrypt_type was added after the signature was made.",
     "Put it among the parameters first; everything that is sent is signed."},
    {with_plain_fields, "It verifies over the plain text of biz_content.",
     "The request was signed before it was encrypted.",
     "Encrypt biz_content first, then sign the base64 text."},
};

static bool holds(struct call *call, const struct hypothesis *h, struct till_str *ret_text) {
    static const char *const without[] = {"sign", NULL};
    struct till_form form;
    struct till_error err;
    if (!till_form_init(call->arena, &form, &err))
        return false;
    for (size_t i = 0; i < call->form.count; i++)
        if (!till_form_add(&form, call->form.pairs[i].name, call->form.pairs[i].value, &err))
            return false;
    return h->change(call, &form) &&
           till_form_canonical(call->arena, &form, without, true, ret_text, &err) &&
           till_key_verify(call->key->key, call->algorithm, *ret_text,
                           till_form_get(&call->form, "sign"), &err);
}

size_t call_first_difference(struct till_str a, struct till_str b) {
    size_t at = 0;
    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

static bool explain_mode(struct call *call, struct till_explanation *ret) {
    for (size_t i = 0; i < sizeof hypotheses / sizeof *hypotheses; i++) {
        const struct hypothesis *h = &hypotheses[i];
        struct till_str text;
        if (!holds(call, h, &text))
            continue;
        *ret = (struct till_explanation){
            .kind = TILL_EXPLAIN_REQUEST,
            .canonical = call->canonical,
            .compared = text,
            .first_difference = call_first_difference(call->canonical, text),
            .verdict = till_str_of(h->verdict),
            .cause = till_str_of(h->cause),
            .advice = till_str_of(h->advice),
        };
        return true;
    }
    return false;
}

bool call_explain_form(struct call *call, struct till_explanation *ret) {
    struct till_str pasted;
    struct till_error err;
    return explain_mode(call, ret) || (till_form_encode(call->arena, &call->form, &pasted, &err) &&
                                       till_explain_alipay(call->arena, pasted, TILL_STR_NONE,
                                                           call->key->key, NULL, ret, &err));
}
